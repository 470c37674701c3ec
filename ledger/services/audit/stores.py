"""What lies beside chain and records: outbox, trade register, checkpoints, read model, and tables nobody made.

Each derived row is derived again and compared. The payload store's own look at every row is ledger.vault.examine.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, MetaData, Table, inspect, select, text

from ledger import correlation
from ledger.chain import outbox as outboxes
from ledger.chain.reader import ChainReader
from ledger.chain.sending import Receipt
from ledger.crypto.keccak import keccak256
from ledger.domain import action as act
from ledger.errors import NotFound, OriginSealError, VerificationFailed
from ledger.index.compare import Difference, audit_index
from ledger.index.model import ReadModel
from ledger.proof import checkpoint as checkpoints
from ledger.proof.anchors import Anchors
from ledger.services import trade_register
from ledger.services.audit.findings import Findings
from ledger.services.audit.postage import sent
from ledger.services.audit.scratch import Place
from ledger.vault import codec, reading
from ledger.vault import tables as vault_tables
from ledger.vault.examine import examine_rest, examine_submissions
from ledger.vault.reader import VaultReader

ROWS_AT_ONCE = 200
REGISTERED = ("trade.link", "ceb.303", "ceb.403", "ceb.505", "ceb.603")  # kinds that the trade register enters


class Sealed(Protocol):
    """Where accepted submissions are, by id."""

    def get(self, identity: Any, /) -> Place | None: ...


class HeaderLookup(Protocol):
    """(hash, state root, time) of blocks that were walked, by height."""

    def get(self, height: int, /) -> tuple[bytes, bytes, int] | None: ...


class Receipts(Protocol):
    """What is asked of an engine about blocks beyond the walk."""

    def receipt(self, tx_hash: bytes) -> Receipt | None: ...


def check_vault(vault: VaultReader, findings: Findings) -> None:
    """Every row of the payload store that is no submission's, and no table that the program did not make."""
    for damage in examine_rest(vault):
        kind = "file.damaged" if damage.table == "database" else "payload.row"
        findings.add(kind, f"ledger store {damage.table} {damage.key}", damage.reason)
    made: list[MetaData] = [vault_tables.metadata, outboxes.metadata, trade_register.metadata]
    known = {name for metadata in made for name in metadata.tables}
    with reading(vault.engine) as connection:
        for name in set(inspect(connection).get_table_names()) - known:
            if not name.startswith("sqlite_"):
                findings.add("file.schema", f"ledger store table {name}", "a table that this program did not make")


def check_submissions(
    vault: VaultReader,
    sealed: Sealed,
    decoded: Container[bytes],
    intact: Container[bytes],
    head: int,
    findings: Findings,
    span: tuple[int | None, int | None] = (None, None),
) -> None:
    """Submissions with sequence numbers in (first, last] against their seals.

    Those that the chain does not have must be on their way, or refused.

    `decoded`: submissions whose records the walk has decrypted already; `intact`: whose rows it has checked. What a
    server sealed beyond `head` meanwhile is the outbox check's question.
    """
    for damage in examine_submissions(vault, decoded, *span, intact=intact):
        findings.add("payload.row", f"ledger store {damage.table} {damage.key}", damage.reason)
    table = vault_tables.submissions
    query = select(table.c.submission_id).where(*_between(table.c.seq, span))
    with reading(vault.engine) as connection:
        outbox = inspect(connection).has_table(outboxes.outbox.name)
        for (identity,) in connection.execute(query):
            if sealed.get(identity) is not None:
                continue
            state, block = _on_its_way(connection, identity) if outbox else (None, None)
            if state in ("queued", "signed", "refused") or (state == "sealed" and type(block) is int and block > head):
                continue
            name = identity.hex() if isinstance(identity, bytes) else repr(identity)
            findings.add("payload.not-anchored", f"submission keccak256:{name}")


def _between(column: ColumnElement[Any], span: tuple[int | None, int | None]) -> list[ColumnElement[bool]]:
    first, last = span
    return ([] if first is None else [column > first]) + ([] if last is None else [column <= last])


def _on_its_way(connection: Connection, identity: Any) -> tuple[Any, Any]:
    """(state, block) of a submission's outbox row."""
    query = text("SELECT state, block FROM chain_outbox WHERE submission_id = :id")
    row = connection.execute(query, {"id": identity}).first()
    return (None, None) if row is None else (row[0], row[1])


def check_outbox(
    vault: VaultReader,
    sealed: Sealed,
    head: int,
    chain: Receipts | None,
    findings: Findings,
    span: tuple[int | None, int | None] = (None, None),
) -> None:
    """Each outbox row with an id in (first, last] repeats the submission and, once sealed, where it is on chain.

    A server may go on while it is audited: what it seals in blocks beyond `head` was not walked, and is
    asked of `chain` after the rows were read (None: there is no engine to ask, and no such row can be right).
    """
    for row in _rows(vault, outboxes.outbox, "id", span):
        where = f"outbox {_name(row['submission_id'])}"
        found = sealed.get(row["submission_id"])
        try:
            right = _consistent(row, found)
            if row["state"] == "sealed" and found is not None:
                right = right and _place(row) == _place_of(found)
            elif row["state"] == "sealed":
                later = type(row["block"]) is int and row["block"] > head
                right = right and later and _place(row) == _place_now(chain, row)
            elif row["state"] == "refused":
                right = right and found is None
            elif row["state"] not in ("queued", "signed"):
                right = False
        except Exception as error:  # py-evm's decoder raises errors of many families on planted bytes
            findings.add("outbox.row", where, f"{type(error).__name__}: {error}"[:300])
            continue
        if not right:
            findings.add("outbox.row", where)
        findings.count("outbox rows")


def _consistent(row: Mapping[str, Any], found: Place | None) -> bool:
    """Whether the row's values agree with one another."""
    right = (row["error"] is None) == (row["state"] != "refused")
    right = right and (row.get("correlation") is None or correlation.valid(row["correlation"]))
    if row["raw"] is None:
        right = right and row["state"] in ("queued", "refused")
    else:
        right = right and keccak256(row["raw"]) == row["tx_hash"] and _sent(row) == row["calldata"]
        if found is not None and row["tx_hash"] == found.transaction_hash:
            return right  # these very bytes carried this submission into its block
    call = act.decode_submit_calldata(row["calldata"])
    nonce = act.Meta.decode(call.meta).nonce
    return bool(right and act.submission_id(call.key_id, nonce, call.action.digest) == row["submission_id"])


def _sent(row: Mapping[str, Any]) -> bytes | None:
    """The calldata of the signed transaction, if relayer and nonce are the row's."""
    transaction = sent(row["raw"])
    return transaction.data if (transaction.sender, transaction.nonce) == (row["relayer"], row["nonce"]) else None


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["block"], row["block_hash"], row["block_time"], row["tx_index"], row["tx_hash"]


def _place_of(found: Place) -> tuple[Any, ...]:
    return found.block, found.block_hash, found.time, found.index, found.transaction_hash


def _place_now(chain: Receipts | None, row: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Where the engine says that the row's transaction was sealed with success; its calldata was compared before."""
    receipt = None if chain is None or row["raw"] is None else chain.receipt(row["tx_hash"])
    if receipt is None or not receipt.success:
        return None
    return receipt.block, receipt.block_hash, receipt.time, receipt.index, receipt.transaction_hash


def check_register(
    vault: VaultReader,
    register: trade_register.TradeRegister,
    sealed: Sealed,
    findings: Findings,
) -> None:
    """Each row of the trade register is what the record's payload gives; each trade document has its row.

    The rows' order is the chain's: it decides which link is the latest and which receipt the first.
    """
    table = trade_register.metadata.tables["trade_documents"]
    last = (-1, -1, -1)
    for row in _rows(vault, table, "sequence"):
        where = f"trade register {_name(row['record'])}"
        try:
            record = vault.record(row["record"], with_evidence=False)
        except (OriginSealError, TypeError) as error:
            if not (isinstance(error, NotFound) and "erased" in str(error)):
                findings.add("register.row", where, str(error))
            continue
        if record.kind != row["kind"] or register.tags(record.kind, record.payload) != (
            row["order_tag"], row["waybill_tag"],
        ):  # fmt: skip
            findings.add("register.row", where)
        found = sealed.get(record.submission_id)
        if found is not None:
            place = (found.block, found.index, record.index)
            if place < last:
                findings.add("register.row", where, "the row is out of the chain's order")
            last = max(last, place)
        findings.count("trade register rows")
    records = vault_tables.records
    entered = select(table.c.record).where(table.c.record == records.c.digest)
    missing = select(records.c.digest).where(records.c.kind.in_(REGISTERED), ~entered.exists())
    with reading(vault.engine) as connection:
        if not inspect(connection).has_table(table.name):
            missing = select(records.c.digest).where(records.c.kind.in_(REGISTERED))
        for (digest,) in connection.execute(missing):
            findings.add("register.row", f"trade register {_name(digest)}", "the row is missing")


def check_checkpoints(
    vault: VaultReader,
    anchors: Anchors,
    headers: HeaderLookup,
    head: int,
    findings: Findings,
    span: tuple[int | None, int | None] = (None, None),
) -> None:
    """Every stored checkpoint with a height in (first, last]: signed by an anchored key, and as the chain has it."""
    for row in _rows(vault, vault_tables.checkpoints, "height", span):
        where = f"checkpoint {row['height']}"
        try:
            signed = codec.decode_checkpoint(row, vault.sealer)
            point = checkpoints.verify(signed, anchors.checkpoint_keys).checkpoint
        except VerificationFailed as error:
            findings.add("checkpoint.signature", where, error.message)
            continue
        except (OriginSealError, TypeError) as error:
            findings.add("payload.row", f"ledger store checkpoints {row['height']}", str(error))
            continue
        said = (point.block, point.state_root, point.time)
        if point.height > head:
            findings.add("checkpoint.chain", where, f"the chain ends at {head}")
        elif (
            headers.get(point.height) != said
            or (point.chain_id, point.genesis) != (anchors.chain_id, anchors.genesis)
            or point.height != row["height"]
        ):
            findings.add("checkpoint.chain", where)
        findings.count("checkpoints")


def check_index(
    model: ReadModel, chain: ChainReader, vault: VaultReader, checked: Container[bytes], findings: Findings
) -> None:
    """The read model, row by row, against one projected afresh."""
    for difference in audit_index(model, chain, vault, checked=checked):
        note_difference(difference, findings)


def note_difference(difference: Difference, findings: Findings) -> None:
    """A difference between the stored read model and what it should be, as a finding."""
    kind = "file.damaged" if difference.table == "database" else "index.row"
    findings.add(kind, f"index {difference.table} {difference.key} {difference.column}".rstrip(), str(difference))


def _rows(
    vault: VaultReader, table: Table, key: str, span: tuple[int | None, int | None] = (None, None)
) -> Iterator[Mapping[str, Any]]:
    """The rows by `key`, in (first, last], as the file holds them: no column type of ours may smooth over anything.

    A moment's rows at a time: nothing stays open while the caller works.
    """
    with reading(vault.engine) as connection:
        if not inspect(connection).has_table(table.name):
            return
        have = {column["name"] for column in inspect(connection).get_columns(table.name)}
    # A table from before there were correlation ids has none until a server opens it for writing.
    columns = [column.name for column in table.columns if column.name in have or column.name != "correlation"]
    quoted = ", ".join(f'"{name}"' for name in columns)
    after, last = span
    while True:
        bounds = [f"{key} > :after"] * (after is not None) + [f"{key} <= :last"] * (last is not None)
        where = f"WHERE {' AND '.join(bounds)} " if bounds else ""
        query = f"SELECT {quoted} FROM {table.name} {where}ORDER BY {key} LIMIT {ROWS_AT_ONCE}"  # noqa: S608 - our own
        parameters = {name: value for name, value in (("after", after), ("last", last)) if value is not None}
        with reading(vault.engine) as connection:
            rows = connection.execute(text(query), parameters).fetchall()
        for row in rows:
            yield dict(zip(columns, map(_plain, row), strict=True))
        if len(rows) < ROWS_AT_ONCE:
            return
        after = rows[-1][columns.index(key)]


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def _name(value: Any) -> str:
    return f"sm3:{value.hex()}" if isinstance(value, bytes) else repr(value)
