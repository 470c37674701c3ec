"""Merkle-Patricia proofs against the `trie` library: inclusion, exclusion, and everything that must not hold."""

from __future__ import annotations

import contextlib
import random

import pytest
import rlp as rlp_library
from hypothesis import given
from hypothesis import strategies as st
from trie import HexaryTrie

from ledger.crypto.keccak import keccak256
from ledger.errors import Malformed, Untrusted, VerificationFailed
from ledger.proof.rlp import encode
from ledger.proof.trie import (
    EMPTY_CODE,
    EMPTY_ROOT,
    MAX_NODES,
    Account,
    parse_account,
    prove,
    prove_account,
    prove_indexed,
    prove_storage,
)
from ledger.proof.trie_build import OrderedTrie, ordered_root

ADDRESS = bytes.fromhex("00000000000000000000000000000000000000aa")


def build(entries):
    tree = HexaryTrie({})
    for key, value in entries.items():
        tree[key] = value
    return tree


def nodes(tree, key):
    """The proof as the engines give it: nodes that are not written inside their parent."""
    raws = [rlp_library.encode(node) for node in tree.get_proof(key)]
    return [raw for position, raw in enumerate(raws) if position == 0 or len(raw) >= 32]


# Keys with shared prefixes, keys that are prefixes of others, short values (inline nodes) and long ones.
entries = st.dictionaries(
    st.lists(st.sampled_from([0x00, 0x01, 0x10, 0x11, 0xFF]), min_size=1, max_size=5).map(bytes),
    st.binary(min_size=1, max_size=40),
    min_size=1,
    max_size=30,
)


@given(entries)
def test_prove_returns_the_value_when_the_key_is_there(stored):
    tree = build(stored)
    for key, value in stored.items():
        assert prove(tree.root_hash, key, nodes(tree, key)) == value


@given(entries, st.lists(st.sampled_from([0x00, 0x01, 0x10, 0x11, 0xFF]), min_size=1, max_size=5).map(bytes))
def test_prove_returns_none_when_the_key_is_absent(stored, key):
    stored.pop(key, None)
    tree = build(stored)
    if stored:
        assert prove(tree.root_hash, key, nodes(tree, key)) is None
    else:
        assert prove(EMPTY_ROOT, key, []) is None


@given(entries, st.randoms(use_true_random=False))
def test_prove_refuses_when_any_byte_of_the_proof_changes(stored, rng):
    tree = build(stored)
    key = rng.choice(sorted(stored))
    proof = nodes(tree, key)
    which = rng.randrange(len(proof))
    raw = bytearray(proof[which])
    raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    with pytest.raises(Untrusted):
        prove(tree.root_hash, key, [*proof[:which], bytes(raw), *proof[which + 1 :]])


@pytest.fixture
def large():
    rng = random.Random(7)
    stored = {keccak256(rng.randbytes(20)): rng.randbytes(rng.randrange(33, 90)) for _ in range(500)}
    return stored, build(stored)


def test_prove_refuses_when_nodes_are_missing_added_or_out_of_order(large):
    stored, tree = large
    key = next(iter(stored))
    proof = nodes(tree, key)
    assert len(proof) >= 3
    for bad in (proof[:-1], proof[1:], [], [*proof, proof[-1]], [proof[0], *proof], proof[::-1], [*proof, b"\xc0"]):
        with pytest.raises(VerificationFailed):
            prove(tree.root_hash, key, bad)


def test_prove_refuses_when_the_root_is_another(large):
    stored, tree = large
    key = next(iter(stored))
    with pytest.raises(VerificationFailed):
        prove(keccak256(b"another"), key, nodes(tree, key))


def test_prove_refuses_when_the_proof_belongs_to_another_key(large):
    stored, tree = large
    first, second = list(stored)[:2]
    with pytest.raises(VerificationFailed):
        prove(tree.root_hash, first, nodes(tree, second))


def test_prove_refuses_when_the_proof_is_too_long():
    with pytest.raises(Malformed, match="limit"):
        prove(EMPTY_ROOT, b"\x00", [b"\x80"] * (MAX_NODES + 1))


def test_prove_refuses_when_an_empty_trie_comes_with_nodes():
    with pytest.raises(Untrusted):
        prove(EMPTY_ROOT, b"\x00", [b"\x80"])


LONG = bytes(range(40))
BAD_NODES = {
    "three items": [b"\x20", b"v", b"w"],
    "eighteen items": [b""] * 18,
    "no items": [],
    "path with flag 4": [b"\x40", LONG],
    "even path with low nibble": [b"\x21", LONG],
    "empty path": [b"", LONG],
    "extension of nothing": [b"\x00", bytes(32)],
    "leaf without value": [b"\x20", b""],
    "path is a list": [[b"\x20"], LONG],
    "value is a list": [b"\x20", [LONG]],
    "short reference": [b"\x10", bytes(31)],
    "long reference": [b"\x10", bytes(33)],
    "branch with short reference": [b"abc"] * 16 + [b""],
    "branch with a list as value": [b""] * 16 + [[b"x"]],
    "extension with a large child inside": [b"\x10", [b"\x20", LONG]],
}


@pytest.mark.parametrize("name", BAD_NODES)
@pytest.mark.parametrize("key", [b"", b"\x00", b"\x11"])
def test_prove_refuses_when_a_node_has_a_bad_shape(name, key):
    raw = encode(BAD_NODES[name])
    try:
        value = prove(keccak256(raw), key, [raw])
    except Untrusted:
        return
    # Only where the way to the key does not touch the bad part may the answer be "not there".
    assert value is None and name in {"branch with short reference", "branch with a list as value"} | _AWAY.get(
        key, set()
    )


_AWAY = {
    b"": {"short reference", "long reference", "extension with a large child inside"},
    b"\x11": {"short reference", "long reference", "extension with a large child inside"},
    b"\x00": {"short reference", "long reference"},
}


def test_prove_refuses_when_a_small_child_is_given_by_hash():
    child = encode([b"\x20", b"v"])
    parent = encode([b"\x00\x01", keccak256(child)])
    with pytest.raises(Malformed, match="below 32 bytes"):
        prove(keccak256(parent), b"\x01", [parent, child])


@given(st.binary(max_size=120), st.binary(max_size=4))
def test_prove_raises_only_untrusted_when_given_garbage(raw, key):
    with contextlib.suppress(Untrusted):
        prove(keccak256(raw), key, [raw])


# ------------------------------------------------------------------------------------ accounts and storage


@pytest.fixture
def state():
    storage = build({keccak256(i.to_bytes(32, "big")): encode(i * 1000 + 1) for i in range(20)})
    account = rlp_library.encode([b"\x01", b"", storage.root_hash, EMPTY_CODE])
    tree = build({keccak256(ADDRESS): account, keccak256(b"other"): b"x" * 40})
    return tree, storage


def test_account_and_storage_are_read_when_the_proofs_hold(state):
    tree, storage = state
    account = prove_account(tree.root_hash, ADDRESS, nodes(tree, keccak256(ADDRESS)))
    assert account == Account(1, 0, storage.root_hash, EMPTY_CODE)
    for slot in range(20):
        proof = nodes(storage, keccak256(slot.to_bytes(32, "big")))
        assert prove_storage(account.storage_root, slot, proof) == slot * 1000 + 1


def test_storage_is_zero_when_the_proof_shows_absence(state):
    _, storage = state
    assert prove_storage(storage.root_hash, 99, nodes(storage, keccak256((99).to_bytes(32, "big")))) == 0


def test_account_is_refused_when_it_is_absent(state):
    tree, _ = state
    absent = bytes(20)
    with pytest.raises(VerificationFailed, match="no account"):
        prove_account(tree.root_hash, absent, nodes(tree, keccak256(absent)))


@pytest.mark.parametrize(
    "value",
    [
        rlp_library.encode([b"\x01", b"", bytes(32)]),
        rlp_library.encode([b"\x00", b"", bytes(32), bytes(32)]),
        rlp_library.encode([b"", b"", bytes(31), bytes(32)]),
        rlp_library.encode([b"", b"", bytes(32), bytes(33)]),
        rlp_library.encode([b"", b"\x01" * 33, bytes(32), bytes(32)]),
        b"\x80",
        b"",
    ],
)
def test_account_is_refused_when_its_encoding_is_wrong(value):
    with pytest.raises(Malformed):
        parse_account(value)


@pytest.mark.parametrize("value", [b"\x80", b"\x00", rlp_library.encode(b"\x01" * 33), rlp_library.encode([b"\x01"])])
def test_storage_is_refused_when_its_encoding_is_wrong(value):
    tree = build({keccak256(bytes(32)): value})
    with pytest.raises(Malformed):
        prove_storage(tree.root_hash, 0, nodes(tree, keccak256(bytes(32))))


# ------------------------------------------------------------------------------------ ordered tries


@pytest.mark.parametrize("size", [0, 1, 2, 3, 16, 17, 127, 128, 129, 300])
@pytest.mark.parametrize("width", [3, 200])
def test_ordered_root_agrees_with_the_library(size, width):
    rng = random.Random(size)
    values = [rng.randbytes(width) for _ in range(size)]
    tree = build({rlp_library.encode(index): value for index, value in enumerate(values)})
    assert ordered_root(values) == tree.root_hash
    ordered = OrderedTrie(values)
    for index, value in enumerate(values):
        proof = ordered.proof(index)
        assert proof == nodes(tree, rlp_library.encode(index))
        assert prove_indexed(ordered.root, index, proof, "tx") == value
    if size:
        with pytest.raises(VerificationFailed):
            prove_indexed(ordered.root, size, nodes(tree, rlp_library.encode(size)), "tx")
    with pytest.raises(IndexError):
        ordered.proof(size)
