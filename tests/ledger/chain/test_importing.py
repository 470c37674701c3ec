"""Blocks from elsewhere are kept only when executing them gives their own header; refusals name what differs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rlp
from chain_world import GENESIS, RELAYER, open_embedded, submission
from eth_utils import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.chain.contracts import Deployment
from ledger.chain.embedded import EmbeddedEngine, GenesisParams, integrity
from ledger.chain.embedded.importing import MAX_BLOCK, MAX_HEADER, RawBlock, genesis_of, split_block
from ledger.chain.embedded.machine import genesis_header
from ledger.chain.embedded.store import Store
from ledger.errors import BlockRefused, StorageUnavailable

# Positions in a header (yellow paper, section 4.4; EIP-1559; EIP-4895)
PARENT, OMMERS, COINBASE, STATE, TXS, RECEIPTS, BLOOM, DIFFICULTY, NUMBER, LIMIT, USED, TIME, EXTRA, MIX = range(14)
NONCE, BASE_FEE, WITHDRAWALS = 14, 15, 16


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, deployed_file: tuple[Path, Deployment]) -> list[RawBlock]:
    """The blocks of a chain: deployment, a block of three submissions, a block of one that reverts, one more."""
    source, deployment = deployed_file
    folder = tmp_path_factory.mktemp("made")
    (folder / "chain.sqlite").write_bytes(source.read_bytes())
    door = deployment.address("Submissions")
    with open_embedded(folder) as engine:
        nonce = int(engine.request("eth_getTransactionCount", ["0x" + RELAYER.address.hex()]), 16)

        def signed(data: bytes) -> bytes:
            nonlocal nonce
            nonce += 1
            return RELAYER.sign(
                nonce=nonce - 1, to=door, data=data, gas=2_000_000, gas_price=0, chain_id=engine.chain_id
            ).raw

        batches = [[submission(deployment, n).calldata for n in (1, 2, 3)], [b"\1\2\3\4"]]
        batches.append([submission(deployment, 4).calldata])
        for batch in batches:
            outcomes = engine.seal([signed(data) for data in batch])
            assert all(outcome.error is None for outcome in outcomes)
        head = engine.node.head().block_number
        raws = [engine.request("debug_getRawBlock", [hex(n)]) for n in range(head + 1)]
    return [split_block(n, bytes.fromhex(raw[2:])) for n, raw in enumerate(raws)]


@pytest.fixture
def copy(tmp_path: Path) -> Any:
    with EmbeddedEngine.open(tmp_path / "copy.sqlite", GENESIS) as engine:
        yield engine


def changed(block: RawBlock, **fields: Any) -> RawBlock:
    """`block` with header fields replaced, given as f<position>."""
    header = rlp.decode(block.header)
    for name, value in fields.items():
        header[int(name[1:])] = value
    return RawBlock(rlp.encode(header), block.transactions)


def refused(engine: EmbeddedEngine, blocks: list[RawBlock]) -> BlockRefused:
    before = engine.node.head()
    with pytest.raises(BlockRefused) as caught:
        engine.node.import_blocks(blocks)
    assert engine.node.head() == before
    return caught.value


def raw_block(*parts: Any) -> bytes:
    """RLP of a list whose parts are encoded already."""
    body = b"".join(parts)
    return rlp.codec.length_prefix(len(body), 0xC0) + body


# ------------------------------------------------------------------------------------------------ what is taken


@pytest.mark.parametrize("plain", [False, True])
def test_import_gives_the_same_file_when_blocks_are_genuine(
    made: list[RawBlock], copy: EmbeddedEngine, plain: bool
) -> None:
    assert copy.node.import_blocks(made[1:3], plain=plain) == 2
    assert copy.node.import_blocks(made[3:], plain=plain) == len(made) - 3
    assert keccak(made[-1].header) == copy.node.head().hash
    assert list(integrity.check(copy.node, execute=True)) == []


def test_import_survives_reopening_and_goes_on(made: list[RawBlock], tmp_path: Path) -> None:
    for n in range(1, len(made)):
        with EmbeddedEngine.open(tmp_path / "copy.sqlite", GENESIS) as engine:
            assert engine.node.import_blocks([made[n]]) == 1
    with EmbeddedEngine.open(tmp_path / "copy.sqlite", read_only=True) as engine:
        assert engine.node.head().hash == keccak(made[-1].header)


def test_blockhash_is_right_when_the_ancestor_is_in_the_same_batch(tmp_path: Path) -> None:
    # PUSH1 1 NUMBER SUB BLOCKHASH PUSH1 0 SSTORE: a constructor that stores its parent's hash
    code = bytes.fromhex("600143034060005500")
    with EmbeddedEngine.open(tmp_path / "a.sqlite", GENESIS) as source:
        for nonce in range(3):
            tx = RELAYER.sign(nonce=nonce, to=b"", data=code, gas=200_000, gas_price=0, chain_id=source.chain_id)
            assert source.seal([tx.raw])[0].success
        raws = [bytes.fromhex(source.request("debug_getRawBlock", [hex(n)])[2:]) for n in (1, 2, 3)]
    with EmbeddedEngine.open(tmp_path / "b.sqlite", GENESIS) as copy:
        assert copy.node.import_blocks([split_block(n, raw) for n, raw in enumerate(raws, 1)]) == 3
        assert list(integrity.check(copy.node, execute=True)) == []


# ------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("position", "value", "step"),
    [
        (PARENT, b"\7" * 32, "parent-hash"),
        (OMMERS, b"\7" * 32, "ommers-hash"),
        (COINBASE, b"\7" * 20, "coinbase"),
        (STATE, b"\7" * 32, "state-root"),
        (TXS, b"\7" * 32, "transactions-root"),
        (RECEIPTS, b"\7" * 32, "receipts-root"),
        (BLOOM, b"\7" * 256, "logs-bloom"),
        (DIFFICULTY, b"\1", "difficulty"),
        (NUMBER, b"\7", "number"),
        (LIMIT, (1 << 27).to_bytes(4, "big"), "gas-limit"),
        (USED, (99_999_999).to_bytes(4, "big"), "gas-used"),
        (USED, (1 << 30).to_bytes(4, "big"), "gas-used"),
        (USED, b"", "gas-used"),
        (TIME, (GENESIS.timestamp - 1).to_bytes(4, "big"), "time"),
        (EXTRA, b"hello", "extra-data"),
        (MIX, b"\7" * 32, "mix-hash"),
        (NONCE, b"\0" * 7 + b"\1", "nonce"),
        (BASE_FEE, b"\1", "base-fee"),
        (WITHDRAWALS, b"\7" * 32, "withdrawals-root"),
    ],
)
def test_block_is_refused_by_name_when_one_header_field_is_another(
    made: list[RawBlock], copy: EmbeddedEngine, position: int, value: bytes, step: str
) -> None:
    copy.node.import_blocks(made[1:2])
    error = refused(copy, [changed(made[2], **{f"f{position}": value})])
    assert (error.step, error.detail["number"]) == (step, 2)
    if step not in ("time", "gas-used"):
        assert error.detail["expected"] != error.detail["found"]


def test_block_is_refused_when_its_time_is_moved_and_a_contract_keeps_it(
    made: list[RawBlock], copy: EmbeddedEngine
) -> None:
    later = int.from_bytes(rlp.decode(made[1].header)[TIME], "big") + 1  # block 1 founds members: it says since when
    error = refused(copy, [changed(made[1], f11=later.to_bytes(4, "big"))])
    assert error.step == "state-root"


def test_block_with_a_moved_time_is_another_block_that_its_successor_does_not_follow(
    made: list[RawBlock], copy: EmbeddedEngine
) -> None:
    # No contract kept this block's time, so execution cannot tell; hashes (and checkpoints) do.
    copy.node.import_blocks(made[1:2])
    later = int.from_bytes(rlp.decode(made[2].header)[TIME], "big") + 1
    assert copy.node.import_blocks([changed(made[2], f11=later.to_bytes(4, "big"))]) == 1
    assert refused(copy, [made[3]]).step == "parent-hash"


@pytest.mark.parametrize("time", [1 << 63, 1 << 64, 1 << 600])
def test_block_is_refused_when_its_time_is_beyond_what_readers_of_headers_take(
    made: list[RawBlock], copy: EmbeddedEngine, time: int
) -> None:
    # Its one transaction reverts whatever the time is: execution cannot tell. Kept, it would stop a replica for good.
    copy.node.import_blocks(made[1:3])
    encoded = time.to_bytes((time.bit_length() + 7) // 8, "big")
    assert refused(copy, [changed(made[3], f11=encoded)]).step == "time"


def roots_repaired(block: RawBlock, transactions: tuple[bytes, ...]) -> RawBlock:
    """`block` with other transactions and the transactions root that belongs to them."""
    from ledger.proof.trie_build import ordered_root

    return changed(RawBlock(block.header, transactions), f4=ordered_root(transactions))


@pytest.mark.parametrize(
    ("alter", "step"),
    [
        (lambda txs: txs[::-1], "transaction"),  # nonces out of order
        (lambda txs: (txs[1], txs[0], txs[2]), "transaction"),
        (lambda txs: (*txs, txs[0]), "transaction"),  # sealed twice
        (lambda txs: txs[:-1], "receipts-root"),
        (lambda txs: (), "receipts-root"),
        (lambda txs: (txs[0], b"", txs[2]), "transaction"),
        (lambda txs: (txs[0], b"\x02\xc0", txs[2]), "transaction"),
        (lambda txs: (txs[0], b"\x7f" + txs[1], txs[2]), "transaction"),
        (lambda txs: (txs[0], txs[1][:-1] + bytes([txs[1][-1] ^ 1]), txs[2]), "transaction"),  # another sender: nonce
    ],
)
def test_block_is_refused_when_its_transactions_are_not_those_executed(
    made: list[RawBlock], copy: EmbeddedEngine, alter: Callable[[Any], Any], step: str
) -> None:
    copy.node.import_blocks(made[1:2])
    transactions = tuple(alter(made[2].transactions))
    assert refused(copy, [RawBlock(made[2].header, transactions)]).step in (step, "transactions-root", "transaction")
    error = refused(copy, [roots_repaired(made[2], transactions)])
    assert error.step in (step, "state-root")


def test_transaction_is_refused_when_signed_for_another_chain(made: list[RawBlock], copy: EmbeddedEngine) -> None:
    copy.node.import_blocks(made[1:2])
    foreign = RELAYER.sign(nonce=6, to=b"\1" * 20, data=b"", gas=21_000, gas_price=0, chain_id=1)
    error = refused(copy, [RawBlock(made[2].header, (foreign.raw,))])
    assert (error.step, error.detail["index"]) == ("transaction", 0)
    assert "chain 1" in error.message


def test_good_blocks_before_a_refused_one_are_kept(made: list[RawBlock], copy: EmbeddedEngine) -> None:
    bad = changed(made[3], f3=b"\7" * 32)
    with pytest.raises(BlockRefused):
        copy.node.import_blocks([made[1], made[2], bad])
    assert copy.node.head().hash == keccak(made[2].header)
    assert list(integrity.check(copy.node)) == []
    assert copy.node.import_blocks(made[3:]) == len(made) - 3


@pytest.mark.parametrize(
    "skipped",
    [lambda made: made[2:], lambda made: made[:1], lambda made: [made[1], made[1]]],
    ids=["one left out", "genesis", "one twice"],
)
def test_block_is_refused_when_it_does_not_follow_the_head(
    made: list[RawBlock], copy: EmbeddedEngine, skipped: Callable[[list[RawBlock]], list[RawBlock]]
) -> None:
    with pytest.raises(BlockRefused) as caught:
        copy.node.import_blocks(skipped(made))
    assert caught.value.step == "parent-hash"


@pytest.mark.parametrize(
    "header",
    [b"", b"\xc0", b"\x80", b"\xf8\x00", b"\xc1" * 200, b"\xff" * 9, bytes(range(256)) * 2, b"\0" * (MAX_HEADER + 1)],
    ids=lambda raw: f"{len(raw)}-bytes",
)
def test_header_is_refused_when_it_is_no_header(made: list[RawBlock], copy: EmbeddedEngine, header: bytes) -> None:
    assert refused(copy, [RawBlock(header, ())]).step == "header"


def test_header_is_refused_when_it_has_another_encoding(made: list[RawBlock], copy: EmbeddedEngine) -> None:
    fields = rlp.decode(made[1].header)
    padded = [*fields[:NUMBER], b"\0" + fields[NUMBER], *fields[NUMBER + 1 :]]
    assert refused(copy, [RawBlock(rlp.encode(padded), made[1].transactions)]).step == "header"
    assert refused(copy, [RawBlock(rlp.encode([*fields, b""]), made[1].transactions)]).step == "header"


def test_nothing_is_kept_when_the_disk_fails(
    made: list[RawBlock], copy: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageUnavailable("disk full", full=True)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "write_blocks", full)
        with pytest.raises(StorageUnavailable):
            copy.node.import_blocks(made[1:])
    assert copy.node.head().block_number == 0
    assert copy.node.import_blocks(made[1:]) == len(made) - 1


# ------------------------------------------------------------------------------------------------ raw blocks


def test_raw_block_is_split_into_its_parts(made: list[RawBlock]) -> None:
    typed = b"\x02" + rlp.encode([b"\1"] * 12)
    legacy = rlp.encode([b"\1"] * 9)
    items = raw_block(rlp.encode(typed), legacy)
    found = split_block(2, raw_block(made[2].header, items, b"\xc0", b"\xc0"))
    assert found == RawBlock(made[2].header, (typed, legacy))


@pytest.mark.parametrize(
    "build",
    [
        lambda h, t: b"",
        lambda h, t: h,
        lambda h, t: raw_block(h, t, b"\xc0"),
        lambda h, t: raw_block(h, t, b"\xc0", b"\xc0", b"\xc0"),
        lambda h, t: raw_block(h, t, b"\xc1\x01", b"\xc0"),
        lambda h, t: raw_block(h, t, b"\xc0", b"\xc1\x01"),
        lambda h, t: raw_block(h, b"\x80", b"\xc0", b"\xc0"),
        lambda h, t: raw_block(h, t, b"\xc0", b"\xc0") + b"\0",
        lambda h, t: raw_block(h, t, b"\xc0", b"\xc0")[:-1],
        lambda h, t: b"\xf9\x00\x38" + b"\xc0" * 56,
        lambda h, t: b"\xf8\x05" + b"\xc0" * 5,
        lambda h, t: raw_block(h, raw_block(b"\x81\x01"), b"\xc0", b"\xc0"),
        lambda h, t: raw_block(h, b"\xc2\x83\x01", b"\xc0", b"\xc0"),
        lambda h, t: b"\xff" + b"\xff" * 8,
        lambda h, t: bytes(MAX_BLOCK + 1),
    ],
)
def test_raw_block_is_refused_when_it_is_not_one_canonical_list(
    made: list[RawBlock], build: Callable[[bytes, bytes], bytes]
) -> None:
    transactions = raw_block(*made[2].transactions)
    with pytest.raises(BlockRefused) as caught:
        split_block(2, build(made[2].header, transactions))
    assert caught.value.step == "encoding"


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_changed_raw_block_is_refused_or_still_says_exactly_what_was_given(made: list[RawBlock], data: Any) -> None:
    raw = bytearray(raw_block(made[3].header, raw_block(*made[3].transactions), b"\xc0", b"\xc0"))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    del raw[data.draw(st.integers(len(raw) - 8, len(raw))) :]
    try:
        found = split_block(3, bytes(raw))
    except BlockRefused:
        return
    encoded = [tx if tx[0] >= 0xC0 else rlp.encode(tx) for tx in found.transactions if tx]
    if len(encoded) == len(found.transactions):
        assert raw_block(found.header, raw_block(*encoded), b"\xc0", b"\xc0") == bytes(raw)


# ------------------------------------------------------------------------------------------------ genesis


def test_genesis_parameters_follow_from_block_0(made: list[RawBlock]) -> None:
    assert genesis_of(made[0].header, GENESIS.chain_id) == GENESIS


@pytest.mark.parametrize("position", [PARENT, STATE, TXS, RECEIPTS, DIFFICULTY, NUMBER, USED, MIX, NONCE, BASE_FEE])
def test_genesis_is_refused_when_it_does_not_follow_from_its_parameters(made: list[RawBlock], position: int) -> None:
    value = {DIFFICULTY: b"\1", NUMBER: b"\1", USED: b"\1", BASE_FEE: b"\1", NONCE: b"\1" * 8}.get(position, b"\7" * 32)
    with pytest.raises(BlockRefused) as caught:
        genesis_of(changed(made[0], **{f"f{position}": value}).header, GENESIS.chain_id)
    assert caught.value.step == "genesis"


@pytest.mark.parametrize("change", [{"f12": b"x" * 33}, {"f9": b"\1"}])
def test_genesis_is_refused_when_its_parameters_are_out_of_range(
    made: list[RawBlock], change: dict[str, bytes]
) -> None:
    with pytest.raises(BlockRefused):
        genesis_of(changed(made[0], **change).header, GENESIS.chain_id)


def test_genesis_with_balances_is_refused_because_its_header_does_not_tell_them(tmp_path: Path) -> None:
    rich = GenesisParams(timestamp=1, alloc=((b"\1" * 20, 5),))
    with EmbeddedEngine.open(tmp_path / "chain.sqlite", rich) as engine:
        raw = bytes.fromhex(engine.request("debug_getRawHeader", ["0x0"])[2:])
    assert raw != rlp.encode(genesis_header(1, b"", rich.gas_limit, b"\7" * 32))
    with pytest.raises(BlockRefused) as caught:
        genesis_of(raw, rich.chain_id)
    assert "balances" in caught.value.message
