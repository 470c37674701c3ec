"""Chain and stores: do they open, do they hold at their ends, do they agree, how far is each behind?

The newest blocks and single rows only: minutes of work are the audit's.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from sqlalchemy import func, select

from ledger.chain import outbox as outboxes
from ledger.chain.contracts import check
from ledger.chain.embedded import EmbeddedEngine
from ledger.chain.reader import ChainReader
from ledger.index.model import ReadModel
from ledger.services.consortium import open_engine
from ledger.services.doctor.case import Case, Found, failed, ok, skipped, warning
from ledger.services.doctor.files import MAX_FUTURE
from ledger.vault import open_engine as open_database
from ledger.vault import reading
from ledger.vault.engine import structural_defects
from ledger.vault.reader import VaultReader
from ledger.vault.store import KEY_CHECK
from ledger.vault.tables import checkpoints, cosignatures

STUCK = 600  # seconds after which a waiting submission is somebody's business
INDEX_LAG = 2  # blocks
WITNESS_LAG = 100  # blocks
CHECKED = 64  # blocks at the chain's end


def chain(case: Case) -> Found:
    """The file opens, and its newest blocks have their hashes, links, roots and states."""
    if case.config is None:
        return skipped("needs the configuration")
    if not case.embedded:
        return skipped("the chain is not a file here: see the engine")
    if not case.folder.chain.exists():
        return failed("chain.sqlite is missing")
    engine = EmbeddedEngine.open(case.folder.chain, read_only=True)
    case.to_close.append(engine.close)
    engine.node.verify_tail(CHECKED)
    head = engine.node.head()
    case.engine, case.head = engine, (int(head.block_number), int(head.timestamp))
    with closing(sqlite3.connect(f"{case.folder.chain.absolute().as_uri()}?mode=ro", uri=True)) as db:
        first = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    if first != "ok":
        return failed(f"the file's structure is damaged: {first}")
    return ok(f"block {head.block_number}, 0x{head.hash.hex()[:16]}…")


def engine(case: Case) -> Found:
    if case.config is None or case.deployment is None:
        return skipped("needs the configuration")
    if not case.embedded:
        remote = open_engine(case.folder, case.config, read_only=True)
        case.to_close.append(remote.close)
        reader = ChainReader(remote, case.deployment)
        block = reader.block(reader.height())
        case.engine, case.head = remote, (block.number, block.time)
    if case.engine is None:
        return failed("the chain file does not open")
    if case.engine.chain_id != case.config.chain_id:
        return failed(f"chain {case.engine.chain_id}, not {case.config.chain_id}")
    return ok(f"chain {case.engine.chain_id}, head {case.head[0] if case.head else '?'}")


def contracts(case: Case) -> Found:
    if case.engine is None or case.deployment is None:
        return skipped("needs the engine")
    return ok(f"{len(check(case.deployment, case.engine).code_hashes)} contracts")


def clock(case: Case) -> Found:
    if case.head is None:
        return skipped("needs the chain")
    ahead = case.head[1] - case.clock()
    if ahead > MAX_FUTURE:
        return failed(f"the head's time is {ahead:.0f} s after this machine's: one of two clocks is or was wrong")
    return ok(f"the head is {-ahead:.0f} s old")


def store(case: Case) -> Found:
    if case.config is None:
        return skipped("needs the configuration")
    if case.replica:
        return skipped("a replica has no payload store")
    if case.config.database_url is None and not case.folder.ledger.exists():
        return failed("ledger.sqlite is missing")
    database = open_database(case.config.database_url or case.folder.ledger, read_only=True)
    case.to_close.append(database.dispose)
    with reading(database) as connection:
        if defects := structural_defects(connection):
            return failed(f"the database is damaged: {defects[0]}")
    vault = VaultReader(database, bytes(16) if case.keys is None else case.keys.master)
    case.vault = vault
    if case.keys is None:
        return warning("opens; without the keys its contents cannot be checked")
    if vault.setting(KEY_CHECK) is None:
        return failed("no payload was ever stored with these keys")
    counts = vault.counts()
    return ok(f"{counts.submissions} submissions, {counts.records} records")


def outbox(case: Case) -> Found:
    if case.vault is None:
        return skipped("needs the payload store")
    with outboxes.reading(case.vault.engine) as connection:
        waiting = outboxes.count(connection, outboxes.QUEUED, outboxes.SIGNED)
        refused = outboxes.count(connection, outboxes.REFUSED)
        oldest = outboxes.oldest_open(connection)
    text = f"{waiting} waiting" + (f", {refused} refused by the chain" if refused else "")
    if oldest is not None and case.keys is not None:
        age = case.clock() - case.vault.submission(oldest).received_at
        return (failed if age > STUCK else warning)(f"{text}, the oldest for {age:.0f} s")
    return warning(text) if waiting else ok(text)


def outbox_chain(case: Case) -> Found:
    """A store that knows more than its chain: the chain file was exchanged for an older one."""
    if case.vault is None or case.head is None:
        return skipped("needs the payload store and the chain")
    table = outboxes.outbox
    with reading(case.vault.engine) as connection:
        sealed = connection.execute(select(func.max(table.c.block)).where(table.c.state == outboxes.SEALED)).scalar()
        promised = connection.execute(select(func.max(checkpoints.c.height))).scalar()
    height = case.head[0]
    for what, number in (("calls submissions sealed up to", sealed), ("has promised", promised)):
        if number is not None and (type(number) is not int or number > height):
            return failed(f"the store {what} block {number!r:.40}; the chain ends at {height}")
    return ok(f"nothing beyond block {height}")


def index(case: Case) -> Found:
    if case.config is None or case.replica:
        return skipped("needs an operator's configuration")
    if case.config.index_url is None and not case.folder.index.exists():
        return warning("there is none yet; the server makes it when it starts")
    model = ReadModel.inspect(case.config.index_url or case.folder.index)
    case.to_close.append(model.engine.dispose)
    with reading(model.engine) as connection:
        if defects := structural_defects(connection):
            return failed(f"the database is damaged: {defects[0]}")
    height = model.height()
    if case.head is None:
        return warning(f"up to block {height}; there is no chain to compare it with")
    lag = case.head[0] - height
    if lag < 0:
        return failed(f"it knows block {height}, the chain ends at {case.head[0]}")
    return ok(f"up to block {height}") if lag <= INDEX_LAG else warning(f"{lag} blocks behind")


def checkpoint(case: Case) -> Found:
    if case.vault is None or case.keys is None or case.head is None:
        return skipped("needs the payload store, the keys and the chain")
    newest = case.vault.latest_checkpoint()
    if newest is None:
        return warning("none was signed yet")
    lag = case.head[0] - newest.checkpoint.height
    return ok(f"height {newest.checkpoint.height}") if lag <= INDEX_LAG else warning(f"{lag} blocks behind")


def witnesses(case: Case) -> Found:
    if case.anchors is None or not case.anchors.witnesses:
        return skipped("the anchors name no witness")
    if case.vault is None or case.head is None:
        return skipped("needs the payload store and the chain")
    query = select(cosignatures.c.key_id, func.max(cosignatures.c.height)).group_by(cosignatures.c.key_id)
    with reading(case.vault.engine) as connection:
        newest = {bytes(row[0]): int(row[1]) for row in connection.execute(query)}
    late, current = [], 0
    for witness in case.anchors.witnesses.values():
        lag = case.head[0] - newest.get(witness.key_id, -1)
        if witness.key_id not in newest or lag > WITNESS_LAG:
            late.append(f"{witness.name_en} {'never' if witness.key_id not in newest else f'{lag} blocks behind'}")
        else:
            current += 1
    text = f"{current} of {len(case.anchors.witnesses)} current, {case.anchors.witness_quorum} wanted"
    if current < case.anchors.witness_quorum:
        return failed(f"{text}: {'; '.join(late)}")
    return warning(f"{text}: {'; '.join(late)}") if late else ok(text)
