"""What lies beside chain and records: outbox, trade register, checkpoints, read model, and tables nobody made.

Each derived row is derived again and compared. The payload store's own look at every row is ledger.vault.examine.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from sqlalchemy import MetaData, Table, inspect, select, text

from ledger import correlation
from ledger.chain import outbox as outboxes
from ledger.chain.embedded.machine import decode_stored_transaction
from ledger.chain.reader import ChainReader
from ledger.crypto.keccak import keccak256
from ledger.domain import action as act
from ledger.errors import NotFound, OriginSealError, VerificationFailed
from ledger.index.compare import audit_index
from ledger.index.model import ReadModel
from ledger.proof import checkpoint as checkpoints
from ledger.proof.anchors import Anchors
from ledger.services import trade_register
from ledger.services.audit.cosigned import check_cosignatures
from ledger.services.audit.findings import Findings
from ledger.services.audit.history import Accepted
from ledger.vault import reading
from ledger.vault import tables as vault_tables
from ledger.vault.examine import examine
from ledger.vault.reader import VaultReader

Headers = Mapping[int, tuple[bytes, bytes, int]]


def check_vault(vault: VaultReader, decoded: Container[bytes], findings: Findings) -> None:
    """Every row of the payload store against its own seals, and no table that the program did not make.

    `decoded`: submissions whose records the walk has decrypted already.
    """
    for damage in examine(vault, decoded):
        kind = "file.damaged" if damage.table == "database" else "payload.row"
        findings.add(kind, f"ledger store {damage.table} {damage.key}", damage.reason)
    made: list[MetaData] = [vault_tables.metadata, outboxes.metadata, trade_register.metadata]
    known = {name for metadata in made for name in metadata.tables}
    with reading(vault.engine) as connection:
        for name in set(inspect(connection).get_table_names()) - known:
            if not name.startswith("sqlite_"):
                findings.add("file.schema", f"ledger store table {name}", "a table that this program did not make")


def check_submissions(vault: VaultReader, sealed: Mapping[bytes, Accepted], findings: Findings) -> None:
    """Stored submissions that the chain does not have must be on their way, or refused."""
    states = _outbox_states(vault)
    submissions = vault_tables.submissions
    with reading(vault.engine) as connection:
        for (identity,) in connection.execute(select(submissions.c.submission_id)):
            name = identity.hex() if isinstance(identity, bytes) else repr(identity)
            if identity not in sealed and states.get(identity) not in ("queued", "signed", "refused"):
                findings.add("payload.not-anchored", f"submission keccak256:{name}")


def _outbox_states(vault: VaultReader) -> dict[Any, Any]:
    table = outboxes.outbox
    with reading(vault.engine) as connection:
        if not inspect(connection).has_table(table.name):
            return {}
        rows = connection.execute(text("SELECT submission_id, state FROM chain_outbox"))
        return {bytes(row[0]) if isinstance(row[0], (bytes, memoryview)) else row[0]: row[1] for row in rows}


def check_outbox(
    vault: VaultReader, sealed: Mapping[bytes, Accepted], head: int, chain: ChainReader | None, findings: Findings
) -> None:
    """Each outbox row repeats the submission and, once sealed, where it is on chain.

    A server may go on while it is audited: what it seals in blocks beyond `head` was not walked, and is
    asked of `chain` after the rows were read (None: there is no engine to ask, and no such row can be right).
    """
    for row in _rows(vault, outboxes.outbox):
        where = f"outbox {_name(row['submission_id'])}"
        try:
            call = act.decode_submit_calldata(row["calldata"])
            nonce = act.Meta.decode(call.meta).nonce
            right = act.submission_id(call.key_id, nonce, call.action.digest) == row["submission_id"]
            right = right and (row["error"] is None) == (row["state"] != "refused")
            right = right and (row.get("correlation") is None or correlation.valid(row["correlation"]))
            if row["raw"] is not None:
                right = right and keccak256(row["raw"]) == row["tx_hash"] and _sent(row) == row["calldata"]
            else:
                right = right and row["state"] in ("queued", "refused")
        except Exception as error:  # py-evm's decoder raises errors of many families on planted bytes
            findings.add("outbox.row", where, f"{type(error).__name__}: {error}"[:300])
            continue
        found = sealed.get(row["submission_id"])
        if row["state"] == "sealed" and found is not None:
            right = right and _place(row) == _place_of(found)
        elif row["state"] == "sealed":
            later = type(row["block"]) is int and row["block"] > head
            right = right and later and _place(row) == _place_now(chain, row)
        elif row["state"] == "refused":
            right = right and found is None
        elif row["state"] not in ("queued", "signed", "sealed"):
            right = False
        if not right:
            findings.add("outbox.row", where)
        findings.count("outbox rows")


def _sent(row: Mapping[str, Any]) -> bytes | None:
    """The calldata of the signed transaction, if relayer and nonce are the row's."""
    transaction = decode_stored_transaction(row["raw"])
    own = (bytes(transaction.sender), int(transaction.nonce)) == (row["relayer"], row["nonce"])
    return bytes(transaction.data) if own else None


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["block"], row["block_hash"], row["block_time"], row["tx_index"], row["tx_hash"]


def _place_of(found: Accepted) -> tuple[Any, ...]:
    return found.block, found.block_hash, found.time, found.index, found.transaction_hash


def _place_now(chain: ChainReader | None, row: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Where the engine says that the row's transaction was sealed with success; its calldata was compared before."""
    receipt = None if chain is None or row["raw"] is None else chain.receipt(row["tx_hash"])
    if receipt is None or not receipt.success:
        return None
    return receipt.block, receipt.block_hash, receipt.time, receipt.index, receipt.transaction_hash


def check_register(
    vault: VaultReader,
    register: trade_register.TradeRegister,
    sealed: Mapping[bytes, Accepted],
    findings: Findings,
) -> None:
    """Each row of the trade register is what the record's payload gives; each trade document has its row.

    The rows' order is the chain's: it decides which link is the latest and which receipt the first.
    """
    table = trade_register.metadata.tables["trade_documents"]
    seen = set()
    last = (-1, -1, -1)
    for row in sorted(_rows(vault, table), key=_sequence):
        where = f"trade register {_name(row['record'])}"
        seen.add(row["record"])
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
    kinds = ("trade.link", "ceb.303", "ceb.403", "ceb.505", "ceb.603")
    records = vault_tables.records
    with reading(vault.engine) as connection:
        for (digest,) in connection.execute(select(records.c.digest).where(records.c.kind.in_(kinds))):
            if digest not in seen:
                findings.add("register.row", f"trade register {_name(digest)}", "the row is missing")


def _sequence(row: Mapping[str, Any]) -> tuple[bool, Any]:
    number = row["sequence"]
    return type(number) is not int, number if type(number) is int else repr(number)


def check_checkpoints(vault: VaultReader, anchors: Anchors, headers: Headers, head: int, findings: Findings) -> None:
    """Every stored checkpoint is signed by an anchored key and says what the chain says."""
    table = vault_tables.checkpoints
    for row in _rows(vault, table):
        where = f"checkpoint {row['height']}"
        try:
            signed = vault.checkpoint(row["height"])
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
    check_cosignatures(vault, anchors, headers, head, findings)


def check_index(
    model: ReadModel, chain: ChainReader, vault: VaultReader, checked: Container[bytes], findings: Findings
) -> None:
    """The read model, row by row, against one projected afresh."""
    for difference in audit_index(model, chain, vault, checked=checked):
        kind = "file.damaged" if difference.table == "database" else "index.row"
        findings.add(kind, f"index {difference.table} {difference.key} {difference.column}".rstrip(), str(difference))
    findings.count("read model tables", len(_table_names(model)))


def _table_names(model: ReadModel) -> list[str]:
    with reading(model.engine) as connection:
        return list(inspect(connection).get_table_names())


def _rows(vault: VaultReader, table: Table) -> Iterable[Mapping[str, Any]]:
    """The rows as the file holds them: no column type of ours may smooth over what is there."""
    with reading(vault.engine) as connection:
        if not inspect(connection).has_table(table.name):
            return []
        have = {column["name"] for column in inspect(connection).get_columns(table.name)}
        # A table from before there were correlation ids has none until a server opens it for writing.
        columns = [column.name for column in table.columns if column.name in have or column.name != "correlation"]
        quoted = ", ".join(f'"{name}"' for name in columns)
        rows = connection.execute(text(f"SELECT {quoted} FROM {table.name}")).fetchall()  # noqa: S608 - our own names
        return [dict(zip(columns, map(_plain, row), strict=True)) for row in rows]


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def _name(value: Any) -> str:
    return f"sm3:{value.hex()}" if isinstance(value, bytes) else repr(value)
