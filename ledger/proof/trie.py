"""Merkle-Patricia proofs: what a 32-byte root says about one key.

`prove` follows a proof from the root to the key and returns the value stored there, or None when the proof shows that
there is none. The proof must consist of exactly the nodes on the way, in order: a node that is missing, altered, out
of order or not needed is an error, so that there is one proof per statement. Node shapes are checked as strictly as
their hashes.

Does not build proofs or tries (ledger.proof.trie_build does). Standard: Ethereum Yellow Paper, appendices C and D.
"""

from __future__ import annotations

from ledger.crypto.keccak import keccak256
from ledger.errors import Malformed, VerificationFailed
from ledger.proof.rlp import as_bytes, as_int, decode, decode_list, encode
from ledger.values import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.proof.rlp import Item

    Seen = dict[bytes, tuple[bytes, list[Item]]]  # node: its hash and its items

EMPTY_ROOT = bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")  # keccak(rlp(""))
EMPTY_CODE = bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")  # keccak("")

MAX_NODES = 65  # 64 nibbles of a hashed key, one node each at most, and the root
MAX_NODE_BYTES = 4 * 1024 * 1024  # a leaf of the transaction or receipt trie holds a whole transaction or receipt


@dataclass(frozen=True, slots=True)
class Account:
    """What the state trie holds for one address."""

    nonce: int
    balance: int
    storage_root: bytes
    code_hash: bytes


def prove(
    root: bytes, key: bytes, proof: Sequence[bytes], field: str = "proof", seen: Seen | None = None
) -> bytes | None:
    """The value at `key` (unhashed: the trie's own key bytes), or None where `proof` shows there is none.

    `seen` keeps hashed and parsed nodes between proofs under one root, which share most of them. Raises Malformed on
    a node that is no trie node, VerificationFailed when the proof does not hold for `root`.
    """
    if len(proof) > MAX_NODES:
        raise Malformed(f"a proof of {len(proof)} nodes is over the limit of {MAX_NODES}", field=field)
    if root == EMPTY_ROOT and not proof:
        return None
    nibbles = to_nibbles(key)
    used = 0
    reference: Item = root
    while True:
        if isinstance(reference, list):
            node = reference
        else:
            if used == len(proof):
                raise VerificationFailed("the proof ends before the key", field=field)
            raw = proof[used]
            if len(raw) > MAX_NODE_BYTES:
                raise Malformed(f"a trie node of {len(raw)} bytes", field=f"{field}/{used}")
            known = None if seen is None else seen.get(raw)
            digest = keccak256(raw) if known is None else known[0]
            if digest != reference:
                raise VerificationFailed("a trie node does not have the hash that leads to it", field=f"{field}/{used}")
            node = decode_list(raw, f"{field}/{used}") if known is None else known[1]
            if seen is not None:
                seen[raw] = digest, node
            if used and len(raw) < 32:
                raise Malformed("a node below 32 bytes is referred to by hash", field=f"{field}/{used}")
            used += 1
        step, nibbles = descend(node, nibbles, f"{field}/{max(used - 1, 0)}")
        if isinstance(step, Value):
            if used != len(proof):
                raise VerificationFailed(f"{len(proof) - used} nodes of the proof are not needed", field=field)
            return step.data
        reference = step


@dataclass(frozen=True, slots=True)
class Value:
    """The end of a descent: the value, or None where the trie has no such key."""

    data: bytes | None


def descend(node: list[Item], nibbles: bytes, field: str) -> tuple[Item | Value, bytes]:
    """One step from `node` along `nibbles`: the child and what is left of the way, or the Value at its end."""
    if len(node) == 17:
        if not nibbles:
            value = as_bytes(node[16], field)
            return Value(value or None), b""
        child = node[nibbles[0]]
        if child == b"":
            return Value(None), b""
        return check_reference(child, field), nibbles[1:]
    is_leaf, path = leaf_or_extension(node, field)
    if is_leaf:
        value = as_bytes(node[1], field)
        if not value:
            raise Malformed("a leaf without a value", field=field)
        return Value(value if path == nibbles else None), b""
    if nibbles[: len(path)] != path:
        return Value(None), b""
    return check_reference(node[1], field), nibbles[len(path) :]


def leaf_or_extension(node: list[Item], field: str) -> tuple[bool, bytes]:
    """Whether a two-item node is a leaf, and its path in nibbles. Raises Malformed on a bad node."""
    if len(node) != 2:
        raise Malformed(f"a trie node has 2 or 17 items, not {len(node)}", field=field)
    packed = as_bytes(node[0], field)
    if not packed:
        raise Malformed("a trie path is empty", field=field)
    flags, low = packed[0] >> 4, packed[0] & 15
    if flags > 3 or (not flags & 1 and low):
        raise Malformed("a trie path has a bad prefix", field=field)
    path = (bytes((low,)) if flags & 1 else b"") + to_nibbles(packed[1:])
    is_leaf = flags >= 2
    if not is_leaf and not path:
        raise Malformed("an extension node extends nothing", field=field)
    return is_leaf, path


def check_reference(item: Item, field: str) -> Item:
    """A child reference: 32 bytes of hash, or the child itself when its encoding is below 32 bytes."""
    if isinstance(item, bytes):
        if len(item) != 32:
            raise Malformed(f"a trie reference of {len(item)} bytes", field=field)
        return item
    if len(encode(item)) >= 32:
        raise Malformed("a node of 32 bytes or more is written inside its parent", field=field)
    return item


def to_nibbles(key: bytes) -> bytes:
    """The half-bytes of `key`, high first, one per byte."""
    return bytes.fromhex("0" + "0".join(key.hex())) if key else b""


def prove_account(state_root: bytes, address: bytes, proof: Sequence[bytes], field: str = "accountProof") -> Account:
    """The account at `address` under `state_root`. Raises VerificationFailed when the proof shows there is none."""
    value = prove(state_root, keccak256(address), proof, field)
    if value is None:
        raise VerificationFailed(f"there is no account 0x{address.hex()} in this state", field=field)
    return parse_account(value, field)


def parse_account(value: bytes, field: str = "account") -> Account:
    """The account that a leaf of the state trie encodes. Raises Malformed."""
    nonce, balance, storage_root, code_hash = decode_list(value, field, 4)
    return Account(
        as_int(nonce, field, 64),
        as_int(balance, field),
        as_bytes(storage_root, field, 32),
        as_bytes(code_hash, field, 32),
    )


def prove_storage(
    storage_root: bytes, slot: int, proof: Sequence[bytes], field: str = "storageProof", seen: Seen | None = None
) -> int:
    """The 256-bit value of `slot` under `storage_root`; 0 where the proof shows that nothing is stored there."""
    value = prove(storage_root, keccak256(slot.to_bytes(32, "big")), proof, field, seen)
    if value is None:
        return 0
    number = as_int(decode(value, field), field)
    if number == 0:
        raise Malformed("a zero is never stored in a trie", field=field)
    return number


def check_indexed(root: bytes, index: int, raw: bytes, proof: Sequence[bytes], field: str) -> None:
    """Raises VerificationFailed unless `raw` is number `index` under a block's transaction or receipt root."""
    if prove_indexed(root, index, proof, f"{field}/proof") != raw:
        raise VerificationFailed("the block holds something else at this place", field=f"{field}/raw")


def prove_indexed(root: bytes, index: int, proof: Sequence[bytes], field: str) -> bytes:
    """The transaction or receipt number `index` of the block whose transaction or receipt root is `root`."""
    value = prove(root, encode(index), proof, field)
    if value is None:
        raise VerificationFailed(f"the block has no number {index} under this root", field=field)
    return value
