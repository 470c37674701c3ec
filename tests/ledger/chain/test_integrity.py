"""Every stored byte is accounted for: any change to a chain file is found, and a change that is not changes nothing."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from chain_world import Ledger, open_embedded, submission

from ledger.chain.contracts import Deployment
from ledger.chain.embedded import EmbeddedEngine, integrity
from ledger.chain.outbox import writing
from ledger.errors import OriginSealError


@pytest.fixture(scope="session")
def sealed_file(deployed_file: tuple[Path, Deployment], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed chain with six submissions, more than the last blocks that start-up checks."""
    folder = tmp_path_factory.mktemp("sealed")
    shutil.copy(deployed_file[0], folder / "chain.sqlite")
    with open_embedded(folder) as engine:
        ledger = Ledger(engine, deployed_file[1], folder)
        gateway = ledger.gateway(batch=1)
        with writing(gateway._database) as connection:
            for nonce in range(6):
                item = submission(ledger.deployment, nonce)
                gateway.enqueue(connection, item.id, item.calldata)
        assert len(gateway.seal_pending()) == 6
    return folder / "chain.sqlite"


@pytest.fixture
def folder(sealed_file: Path, tmp_path: Path) -> Path:
    """A copy of that chain."""
    shutil.copy(sealed_file, tmp_path / "chain.sqlite")
    return tmp_path


def findings(folder: Path, **options: Any) -> list[str]:
    try:
        with open_embedded(folder) as engine:
            return [str(damage) for damage in integrity.check(engine.node, **options)]
    except OriginSealError as error:
        return [error.message]


def edit(folder: Path, *statements: str) -> None:
    db = sqlite3.connect(folder / "chain.sqlite")
    with db:
        assert [db.execute(statement).rowcount for statement in statements] == [1] * len(statements)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def test_good_chain_has_no_findings_even_when_executed_again(folder: Path) -> None:
    assert findings(folder) == []
    assert findings(folder, execute=True) == []


EDITS = [
    "UPDATE block SET header=x'00' WHERE number=1",
    "UPDATE block SET hash=zeroblob(32) WHERE number=1",
    "UPDATE block SET body=x'c0' WHERE number=1",
    "UPDATE block SET receipts=x'c0' WHERE number=2",
    "UPDATE block SET body=x'f8' WHERE number=2",
    "DELETE FROM block WHERE number=2",
    "DELETE FROM tx WHERE block=2",
    "UPDATE tx SET block=3 WHERE block=2",
    "UPDATE tx SET hash=zeroblob(32) WHERE block=2",
    "INSERT INTO tx VALUES (zeroblob(32), 99, 0)",
    "DELETE FROM log WHERE block=2",
    "UPDATE log SET t1=zeroblob(32) WHERE block=2",
    "UPDATE log SET data=x'00' WHERE block=2",
    "UPDATE log SET position=1 WHERE block=2",
    "INSERT INTO log VALUES (2, 7, 0, zeroblob(20), NULL, NULL, NULL, NULL, x'')",
    "UPDATE node SET value=x'00' WHERE hash=(SELECT max(hash) FROM node)",
    "INSERT INTO node VALUES (zeroblob(32), x'01')",
    "UPDATE meta SET value='{}' WHERE name='genesis'",
]


@pytest.mark.parametrize("statement", EDITS)
def test_edited_row_is_found(folder: Path, statement: str) -> None:
    edit(folder, statement)
    assert findings(folder)


def test_block_rewritten_with_valid_hashes_is_found_by_executing_it(folder: Path) -> None:
    """The last block is replaced by one that is right in every form but claims another state."""
    import rlp
    from eth_utils import keccak

    with open_embedded(folder) as engine:
        head = int(engine.request("eth_blockNumber"), 16)
        header = rlp.decode(bytes.fromhex(engine.request("debug_getRawHeader", ["latest"])[2:]))
        header[3] = rlp.decode(bytes.fromhex(engine.request("debug_getRawHeader", [hex(head - 1)])[2:]))[3]
    raw = rlp.encode(header)
    edit(folder, f"UPDATE block SET header=x'{raw.hex()}', hash=x'{keccak(raw).hex()}' WHERE number={head}")
    assert findings(folder) == []  # no form is broken
    assert findings(folder, execute=True) == [f"block {head}: executing it again gives another block"]


def everything(engine: EmbeddedEngine) -> list[Any]:
    """What the chain answers about all of its history."""
    ask = engine.request
    answers: list[Any] = [ask("eth_getLogs", [{"fromBlock": "0x0", "toBlock": "latest"}])]
    for number in range(int(ask("eth_blockNumber"), 16) + 1):
        block = ask("eth_getBlockByNumber", [hex(number), True])
        answers += [block, ask("eth_getBlockReceipts", [hex(number)])]
        answers += [ask("eth_getTransactionReceipt", [tx["hash"]]) for tx in block["transactions"]]
    for log in answers[0]:
        answers.append(ask("eth_getLogs", [{"fromBlock": "0x0", "topics": [None, log["topics"][1]]}]))
    return answers


@pytest.mark.slow
def test_flipped_byte_is_found_or_changes_no_answer(folder: Path, tmp_path: Path) -> None:
    original = folder / "chain.sqlite"
    with open_embedded(folder) as engine:
        truth = everything(engine)
    size, dice = original.stat().st_size, random.Random(7)
    work = tmp_path / "flipped"
    work.mkdir()
    found = 0
    for _ in range(60):
        data = bytearray(original.read_bytes())
        data[dice.randrange(size)] ^= 1 << dice.randrange(8)
        for old in work.iterdir():
            old.unlink()
        (work / "chain.sqlite").write_bytes(data)
        if findings(work):
            found += 1
            continue
        with open_embedded(work) as engine:
            assert everything(engine) == truth
    assert found > 20
    shutil.rmtree(work)
