"""The embedded engine by itself: identity, durability rules, locks, limits, damage, clock, sealing."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chain_world import CHAIN_ID, GENESIS, RELAYER, open_embedded

from ledger.chain.embedded import EmbeddedEngine, GenesisParams
from ledger.chain.engine import BatchSealing, Engine
from ledger.chain.relayer import Relayer
from ledger.errors import EngineUnavailable, RpcError, StorageUnavailable


def transfer(nonce: int, *, signer: Relayer = RELAYER, gas: int = 21_000, chain_id: int = CHAIN_ID) -> bytes:
    """A transaction that does nothing."""
    return signer.sign(nonce=nonce, to=b"\x01" * 20, data=b"", gas=gas, gas_price=0, chain_id=chain_id).raw


def send(engine: EmbeddedEngine, raw: bytes) -> str:
    return str(engine.request("eth_sendRawTransaction", ["0x" + raw.hex()]))


def rows(path: Path) -> Path:
    """A chain of four blocks in `path`, closed."""
    with open_embedded(path) as engine:
        for nonce in range(4):
            send(engine, transfer(nonce))
    return path / "chain.sqlite"


def edit(path: Path, sql: str, *values: Any) -> None:
    with sqlite3.connect(path) as db:
        assert db.execute(sql, values).rowcount == 1
    db.close()


# ------------------------------------------------------------------------------------------- identity


def test_engine_fits_the_port(tmp_path: Path) -> None:
    with open_embedded(tmp_path) as engine:
        assert isinstance(engine, Engine) and isinstance(engine, BatchSealing)


def test_reopening_gives_the_same_head(tmp_path: Path) -> None:
    path = rows(tmp_path)
    with open_embedded(tmp_path) as engine:
        before = engine.request("eth_getBlockByNumber", ["latest", True])
        assert before["number"] == "0x4"
    with EmbeddedEngine.open(path) as engine:
        assert engine.request("eth_getBlockByNumber", ["latest", True]) == before
        assert engine.genesis == GENESIS


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"chain_id": 1}, "chainId"),
        ({"timestamp": 1}, "timestamp"),
        ({"extra_data": b"other"}, "extraData"),
        ({"gas_limit": 30_000_000}, "gasLimit"),
        ({"alloc": ((b"\x05" * 20, 1),)}, "alloc"),
    ],
)
def test_open_refuses_another_genesis_by_name(tmp_path: Path, change: dict[str, Any], name: str) -> None:
    path = rows(tmp_path)
    with pytest.raises(EngineUnavailable, match=name):
        EmbeddedEngine.open(path, replace(GENESIS, **change))
    EmbeddedEngine.open(path, GENESIS).close()


@pytest.mark.parametrize(
    "change", [{"fork": "cancun"}, {"rules": "mainnet"}, {"extra_data": b"x" * 33}, {"chain_id": 0}]
)
def test_genesis_refuses_what_this_release_cannot_run(change: dict[str, Any]) -> None:
    with pytest.raises(EngineUnavailable):
        replace(GENESIS, **change)


def test_open_refuses_when_the_stored_genesis_was_edited(tmp_path: Path) -> None:
    path = rows(tmp_path)
    edit(path, "UPDATE meta SET value=replace(value, '1700000000', '1700000001') WHERE name='genesis'")
    with pytest.raises(StorageUnavailable, match="block 0"):
        EmbeddedEngine.open(path)


def test_genesis_hash_differs_between_consortia(tmp_path: Path) -> None:
    hashes = set()
    for i, params in enumerate([GENESIS, replace(GENESIS, extra_data=b"b"), replace(GENESIS, timestamp=5)]):
        with EmbeddedEngine.open(tmp_path / f"{i}.sqlite", params) as engine:
            hashes.add(engine.genesis_hash)
    assert len(hashes) == 3


def test_genesis_allocation_is_spendable(tmp_path: Path) -> None:
    params = replace(GENESIS, alloc=((RELAYER.address, 5),))
    with EmbeddedEngine.open(tmp_path / "c.sqlite", params) as engine:
        tx = RELAYER.sign(nonce=0, to=b"\x09" * 20, data=b"", gas=21_000, gas_price=0, chain_id=CHAIN_ID, value=3)
        send(engine, tx.raw)
        assert engine.request("eth_getBalance", ["0x" + "09" * 20]) == "0x3"
        assert engine.request("eth_getBalance", ["0x" + RELAYER.address.hex()]) == "0x2"
        assert engine.request("eth_getBalance", ["0x" + RELAYER.address.hex(), "0x0"]) == "0x5"


def test_open_refuses_when_there_is_no_chain(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="no chain"):
        EmbeddedEngine.open(tmp_path / "nothing.sqlite")
    with pytest.raises(EngineUnavailable, match="no chain"):
        EmbeddedEngine.open(tmp_path / "nothing.sqlite", GENESIS, read_only=True)
    assert not (tmp_path / "nothing.sqlite").exists()


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\0" + bytes(4080)])
def test_open_refuses_a_file_that_is_no_chain(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "chain.sqlite").write_bytes(content)
    with pytest.raises(StorageUnavailable):
        open_embedded(tmp_path)


def test_open_refuses_another_format(tmp_path: Path) -> None:
    path = rows(tmp_path)
    edit(path, "UPDATE meta SET value='originseal-chain/2' WHERE name='format'")
    with pytest.raises(StorageUnavailable, match="format"):
        EmbeddedEngine.open(path)


# ------------------------------------------------------------------------------------------- who may open


def test_second_writer_is_refused_and_a_reader_is_not(tmp_path: Path) -> None:
    with open_embedded(tmp_path) as engine:
        with pytest.raises(StorageUnavailable, match="open for writing"):
            open_embedded(tmp_path)
        with EmbeddedEngine.open(tmp_path / "chain.sqlite", read_only=True) as reader:
            assert reader.request("eth_blockNumber") == "0x0"
            send(engine, transfer(0))
            assert reader.request("eth_blockNumber") == "0x1"
            assert reader.request("eth_getTransactionCount", ["0x" + RELAYER.address.hex()]) == "0x1"
    open_embedded(tmp_path).close()


def test_reader_cannot_write(tmp_path: Path) -> None:
    rows(tmp_path)
    with EmbeddedEngine.open(tmp_path / "chain.sqlite", read_only=True) as reader:
        with pytest.raises(RpcError) as caught:
            send(reader, transfer(4))
        assert caught.value.rpc_code == -32601
        with pytest.raises(RpcError):
            reader.seal([transfer(4)])
        assert reader.request("eth_blockNumber") == "0x4"


def test_closed_engine_says_so(tmp_path: Path) -> None:
    engine = open_embedded(tmp_path)
    engine.close()
    engine.close()
    with pytest.raises(EngineUnavailable):
        engine.request("eth_getBlockByNumber", ["0x0", False])
    with pytest.raises(EngineUnavailable):
        send(engine, transfer(0))


# ------------------------------------------------------------------------------------------- sealing


def test_batch_is_one_block_with_an_outcome_each(tmp_path: Path) -> None:
    other = Relayer.from_secret(b"\x22" * 32)
    with open_embedded(tmp_path) as engine:
        batch = [
            transfer(0),
            transfer(2),  # a nonce too high
            b"\x00\x01",  # not a transaction
            transfer(1),
            transfer(0, signer=other),
            transfer(1, signer=other, chain_id=1),
            transfer(1, signer=other, gas=20_000),
        ]
        outcomes = engine.seal(batch)
        assert [o.error is None for o in outcomes] == [True, False, False, True, True, False, False]
        block = engine.request("eth_getBlockByNumber", ["latest", False])
        assert block["number"] == "0x1"
        assert block["transactions"] == ["0x" + o.transaction_hash.hex() for o in outcomes if o.error is None]
        assert outcomes[1].error is not None and "nonce too high" in outcomes[1].error.message


def test_no_block_is_made_when_nothing_can_be_included(tmp_path: Path) -> None:
    with open_embedded(tmp_path) as engine:
        assert engine.seal([]) == []
        assert [o.error is None for o in engine.seal([transfer(5)])] == [False]
        assert engine.request("eth_blockNumber") == "0x0"


def test_same_bytes_are_taken_once(tmp_path: Path) -> None:
    with open_embedded(tmp_path) as engine:
        send(engine, transfer(0))
        with pytest.raises(RpcError, match="already known"):
            send(engine, transfer(0))
        outcomes = engine.seal([transfer(0), transfer(1)])
        assert [o.error is None for o in outcomes] == [False, True]
        with pytest.raises(RpcError, match="nonce too low"):
            send(engine, transfer(0, gas=30_000))


def test_full_block_leaves_the_rest_for_the_next(tmp_path: Path) -> None:
    with EmbeddedEngine.open(tmp_path / "c.sqlite", replace(GENESIS, gas_limit=50_000)) as engine:
        first = engine.seal([transfer(0), transfer(1), transfer(2)])
        assert [o.error is None for o in first] == [True, True, False]
        assert first[2].error is not None and first[2].error.rpc_code == -32011
        assert engine.seal([transfer(2)])[0].error is None
        refusal = engine.seal([transfer(3, gas=60_000)])[0].error
        assert refusal is not None and refusal.rpc_code == -32000


def test_base_fee_stays_zero_after_a_full_block(tmp_path: Path) -> None:
    with EmbeddedEngine.open(tmp_path / "c.sqlite", replace(GENESIS, gas_limit=42_000)) as engine:
        for nonce in range(0, 8, 2):
            assert all(o.error is None for o in engine.seal([transfer(nonce), transfer(nonce + 1)]))
        block = engine.request("eth_getBlockByNumber", ["latest", False])
        assert (block["gasUsed"], block["gasLimit"], block["baseFeePerGas"]) == (hex(42_000), hex(42_000), "0x0")


def test_chain_time_follows_the_clock_and_never_runs_ahead(tmp_path: Path) -> None:
    now = [1_800_000_000.9]
    with open_embedded(tmp_path, clock=lambda: now[0]) as engine:
        times = []
        for nonce, clock in enumerate([1_800_000_000.9, 1_800_000_000.9, 1_799_999_000.0, 1_800_000_005.0]):
            now[0] = clock
            send(engine, transfer(nonce))
            times.append(int(engine.request("eth_getBlockByNumber", ["latest", False])["timestamp"], 16))
        assert times == [1_800_000_000, 1_800_000_000, 1_800_000_000, 1_800_000_005]


def test_concurrent_senders_and_readers_agree(tmp_path: Path) -> None:
    senders = [Relayer.from_secret(bytes([i]) * 32) for i in range(1, 5)]
    errors: list[BaseException] = []
    with open_embedded(tmp_path) as engine:

        def write(who: Relayer) -> None:
            try:
                for nonce in range(5):
                    send(engine, transfer(nonce, signer=who))
            except BaseException as error:
                errors.append(error)

        def read() -> None:
            try:
                for _ in range(40):
                    head = int(engine.request("eth_blockNumber"), 16)
                    block = engine.request("eth_getBlockByNumber", [hex(head), True])
                    assert int(block["number"], 16) == head
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=write, args=(s,)) for s in senders] + [
            threading.Thread(target=read) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert engine.request("eth_blockNumber") == hex(20)
        assert engine.node.verify_tail(20) == 20


# ------------------------------------------------------------------------------------------- damage


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE block SET header=substr(header,1,100)||x'00'||substr(header,102) WHERE number=4",
        "UPDATE block SET hash=zeroblob(32) WHERE number=3",
        "UPDATE block SET body=x'c0' WHERE number=4",
        "UPDATE block SET receipts=x'c0' WHERE number=3",
        "DELETE FROM block WHERE number=3",
    ],
)
def test_damage_in_the_last_blocks_is_found_at_start(tmp_path: Path, sql: str) -> None:
    path = rows(tmp_path)
    edit(path, sql)
    with pytest.raises(StorageUnavailable):
        EmbeddedEngine.open(path)


def test_missing_or_altered_state_root_is_found_at_start(tmp_path: Path) -> None:
    path = rows(tmp_path)
    with open_embedded(tmp_path) as engine:
        root = bytes.fromhex(engine.request("eth_getBlockByNumber", ["latest", False])["stateRoot"][2:])
    altered = tmp_path / "altered.sqlite"
    shutil.copy(path, altered)
    edit(path, "DELETE FROM node WHERE hash=?", root)
    edit(altered, "UPDATE node SET value=x'00' WHERE hash=?", root)
    for file in (path, altered):
        with pytest.raises(StorageUnavailable, match="state"):
            EmbeddedEngine.open(file)


def test_failed_write_leaves_no_block_and_the_engine_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_embedded(tmp_path) as engine:
        send(engine, transfer(0))

        def full(*_: Any) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        store = engine.node.store
        insert = store._insert
        monkeypatch.setattr(store, "_insert", lambda *args: (insert(*args), full()))
        with pytest.raises(StorageUnavailable):
            send(engine, transfer(1))
        assert engine.request("eth_blockNumber") == "0x1"
        monkeypatch.undo()
        # The cause was not "disk full" by SQLite's own code, so the writer trusts its file no more until reopened.
        with pytest.raises(StorageUnavailable, match="failed before"):
            send(engine, transfer(1))
    with open_embedded(tmp_path) as engine:
        send(engine, transfer(1))
        assert engine.request("eth_blockNumber") == "0x2"


# ------------------------------------------------------------------------------------------- start-up


def test_start_reads_the_same_number_of_rows_when_the_chain_is_longer(tmp_path: Path) -> None:
    counts = []
    for length in (10, 60):
        folder = tmp_path / str(length)
        folder.mkdir()
        with open_embedded(folder) as engine:
            for nonce in range(length):
                send(engine, transfer(nonce))
        with open_embedded(folder) as engine:
            counts.append(engine.node.store.rows_read)
    assert counts[0] == counts[1] < 40


def test_genesis_parameters_refuse_garbage() -> None:
    for text in ("", "{}", "[]", "null", '{"timestamp":"x"}', GENESIS.to_json().replace("shanghai", "london")):
        with pytest.raises(EngineUnavailable):
            GenesisParams.from_json(text)
    assert GenesisParams.from_json(GENESIS.to_json()) == GENESIS


def test_engine_without_sync_says_that_it_is_unsafe(tmp_path: Path) -> None:
    with open_embedded(tmp_path) as engine:
        with pytest.warns(UserWarning, match="not durable"):
            engine.node.store.unsafe_without_sync()
        send(engine, transfer(0))
    with open_embedded(tmp_path) as engine:
        assert engine.request("eth_blockNumber") == "0x1"
