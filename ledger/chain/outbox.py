"""The durable outbox: which submissions are on their way to the chain, and how far.

A row is put in with the payloads, in the SAME database transaction, so that either both exist or neither. Then

    queued ──sign, store bytes, hash and nonce──▶ signed ──receipt──▶ sealed
                                                    └────revert or refusal────▶ refused

The signed bytes are on disk before they are sent, so whatever is lost afterwards (answer, process, power) the same
bytes are asked about and sent again, and the chain takes them once. Only rows here; sending is the gateway's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    Table,
    Text,
    UniqueConstraint,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, TimeoutError

from ledger import correlation
from ledger.chain.relayer import SignedTransaction
from ledger.chain.sending import Receipt
from ledger.errors import RevertedOnChain, StorageUnavailable

QUEUED, SIGNED, SEALED, REFUSED = "queued", "signed", "sealed", "refused"

metadata = MetaData()
outbox = Table(
    "chain_outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("submission_id", LargeBinary(32), nullable=False, unique=True),
    Column("calldata", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("relayer", LargeBinary(20)),
    Column("nonce", Integer),
    Column("raw", LargeBinary),
    Column("tx_hash", LargeBinary(32)),
    Column("block", Integer),
    Column("block_hash", LargeBinary(32)),
    Column("block_time", Integer),
    Column("tx_index", Integer),
    Column("error", Text),
    Column("correlation", Text),  # which request queued it (ledger.correlation): for the log, nothing depends on it
    CheckConstraint("state IN ('queued','signed','sealed','refused')", name="chain_outbox_state"),
    CheckConstraint("state <> 'signed' OR (raw IS NOT NULL AND nonce IS NOT NULL)", name="chain_outbox_signed"),
    CheckConstraint("state <> 'sealed' OR block IS NOT NULL", name="chain_outbox_sealed"),
    UniqueConstraint("relayer", "nonce", name="chain_outbox_nonce"),
    Index("chain_outbox_open", "state", "id"),
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A submission that is on the chain, finally. `block_time` is in Unix seconds."""

    submission_id: bytes
    transaction_hash: bytes
    block: int
    block_hash: bytes
    block_time: int
    transaction_index: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: `sealed` when it is on the chain, `error` when the chain refused it, neither while it is under way."""

    submission_id: bytes
    state: str
    calldata: bytes
    nonce: int | None
    raw: bytes | None
    transaction_hash: bytes | None
    sealed: Sealed | None
    error: RevertedOnChain | None
    correlation: str | None = None


def create_tables(engine: Engine) -> None:
    """Make the table where it is missing, and the column that tables from before version 0.2 do not have."""
    with writing(engine) as connection:
        metadata.create_all(connection)
        if outbox.c.correlation.name not in {column["name"] for column in inspect(connection).get_columns(outbox.name)}:
            connection.execute(text("ALTER TABLE chain_outbox ADD COLUMN correlation TEXT"))


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One durable transaction; driver errors become StorageUnavailable."""
    with _translated(), engine.execution_options(originseal_writer=True).begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One read; driver errors become StorageUnavailable."""
    with _translated(), engine.connect() as connection:
        yield connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, TimeoutError) as error:
        cause = getattr(error, "orig", None) or error
        raise StorageUnavailable(f"the outbox cannot be used: {cause}", hint="check free disk space") from error


def enqueue(connection: Connection, submission_id: bytes, calldata: bytes) -> bool:
    """Queue a submission inside the caller's transaction; False when it is there already (then nothing changes)."""
    if len(submission_id) != 32:
        raise RuntimeError("a submission id has 32 bytes")
    known = connection.execute(select(outbox.c.id).where(outbox.c.submission_id == submission_id)).first()
    if known is not None:
        return False
    connection.execute(
        insert(outbox).values(
            submission_id=submission_id, calldata=calldata, state=QUEUED, correlation=correlation.current()
        )
    )
    return True


def entry(connection: Connection, submission_id: bytes) -> Entry | None:
    """One submission's row."""
    row = connection.execute(select(outbox).where(outbox.c.submission_id == submission_id)).first()
    return None if row is None else _entry(row)


def in_state(connection: Connection, state: str, limit: int) -> list[Entry]:
    """Rows in `state`: queued ones in order of arrival, signed ones in order of nonce."""
    order = outbox.c.nonce if state == SIGNED else outbox.c.id
    rows = connection.execute(select(outbox).where(outbox.c.state == state).order_by(order).limit(limit))
    return [_entry(row) for row in rows]


def count(connection: Connection, *states: str) -> int:
    """How many rows are in any of `states`."""
    return int(connection.execute(select(func.count()).where(outbox.c.state.in_(states))).scalar_one())


def oldest_open(connection: Connection) -> bytes | None:
    """The submission that has waited longest of those that are not finished."""
    query = select(outbox.c.submission_id, outbox.c.id).order_by(outbox.c.id).limit(1)
    found = [connection.execute(query.where(outbox.c.state == state)).first() for state in (QUEUED, SIGNED)]
    waiting = [row for row in found if row is not None]
    return min(waiting, key=lambda row: int(row.id)).submission_id if waiting else None


def highest_nonce(connection: Connection, relayer: bytes) -> int | None:
    """The highest nonce that `relayer` has ever signed for."""
    query = select(func.max(outbox.c.nonce)).where(outbox.c.relayer == relayer)
    found = connection.execute(query).scalar_one()
    return None if found is None else int(found)


def mark_signed(connection: Connection, relayer: bytes, signed: Sequence[tuple[bytes, SignedTransaction]]) -> None:
    """Store the bytes of several (submission id, transaction) before any is sent."""
    for submission_id, tx in signed:
        connection.execute(
            update(outbox)
            .where(outbox.c.submission_id == submission_id, outbox.c.state == QUEUED)
            .values(state=SIGNED, relayer=relayer, nonce=tx.nonce, raw=tx.raw, tx_hash=tx.hash)
        )


def mark_queued(connection: Connection, submission_id: bytes) -> None:
    """Take back bytes that can never be sealed any more, because another transaction used up their nonce."""
    connection.execute(
        update(outbox)
        .where(outbox.c.submission_id == submission_id, outbox.c.state == SIGNED)
        .values(state=QUEUED, relayer=None, nonce=None, raw=None, tx_hash=None)
    )


def mark_sealed(connection: Connection, submission_id: bytes, receipt: Receipt) -> Sealed:
    """Final: the submission is in `receipt`'s block. (The nonce stays used by this row's own transaction.)"""
    connection.execute(
        update(outbox)
        .where(outbox.c.submission_id == submission_id)
        .values(
            state=SEALED,
            tx_hash=receipt.transaction_hash,
            block=receipt.block,
            block_hash=receipt.block_hash,
            block_time=receipt.time,
            tx_index=receipt.index,
        )
    )
    return Sealed(
        submission_id,
        receipt.transaction_hash,
        receipt.block,
        receipt.block_hash,
        receipt.time,
        receipt.index,
    )


def mark_refused(connection: Connection, submission_id: bytes, error: RevertedOnChain, *, nonce_used: bool) -> None:
    """Final: the chain refused. `nonce_used` false (it was never mined) gives the nonce back."""
    values: dict[str, Any] = {
        "state": REFUSED,
        "error": json.dumps({"error": error.error, "arguments": error.args_, "message": error.message}),
    }
    if not nonce_used:
        values["nonce"] = None
    connection.execute(update(outbox).where(outbox.c.submission_id == submission_id).values(**values))


def _entry(row: Row[Any]) -> Entry:
    error = None
    if row.error is not None:
        raw = json.loads(row.error)
        error = RevertedOnChain(raw["error"], raw["arguments"], message=raw["message"])
    sealed = None
    if row.state == SEALED:
        sealed = Sealed(row.submission_id, row.tx_hash, row.block, row.block_hash, row.block_time, row.tx_index)
    return Entry(
        row.submission_id, row.state, row.calldata, row.nonce, row.raw, row.tx_hash, sealed, error, row.correlation
    )
