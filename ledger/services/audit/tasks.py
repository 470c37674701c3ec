"""The pieces of an audit that anybody may do in any order, in this process or in another.

A `Bench` opens what it needs for reading only and does one task after the other; every answer is a plain value. It
believes no other bench: what it learns of the walk comes from the work file, which only the coordinator writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Engine as Database

from ledger.chain.contracts import Deployment
from ledger.chain.engine import Engine
from ledger.chain.reader import ChainReader
from ledger.chain.sending import Receipt
from ledger.errors import BadCiphertext, Malformed, OriginSealError
from ledger.index.projector import Happening, group, project, submission_of
from ledger.index.rows import RowCheck
from ledger.proof.anchors import Anchors, parse_anchors
from ledger.proof.header import parse_header
from ledger.services.audit import execution, stores
from ledger.services.audit.blocks import Blocks, Transaction
from ledger.services.audit.chainfile import ChainFile
from ledger.services.audit.cosigned import check_cosignatures
from ledger.services.audit.events import EventDecoder
from ledger.services.audit.findings import Findings
from ledger.services.audit.payloads import Payloads
from ledger.services.audit.scratch import KNOWN, SEALED, SOUND, Judged, Reached, Sealed
from ledger.services.audit.sources import EngineSource, Source
from ledger.services.audit.spans import Part, Seen, Span
from ledger.services.audit.statelookup import StateLookup
from ledger.services.config import Config, DataFolder
from ledger.services.consortium import open_engine
from ledger.services.trade_register import TradeRegister
from ledger.vault import open_engine as open_database
from ledger.vault.batches import Stored
from ledger.vault.engine import lenient_text, reading, structural_defects
from ledger.vault.examine import examine_structure
from ledger.vault.reader import VaultReader

RECORDS_AT_ONCE = 1000  # decrypted records of one batch of submissions


@dataclass(frozen=True, slots=True)
class Setup:
    """What a bench is told. The keys are None on a replica's folder; they show in no repr."""

    data: Path
    config: Config
    head: int
    work: Path
    index_height: int  # how far the read model is compared where it stands; -1: not at all
    master: bytes | None = field(default=None, repr=False)
    tag: bytes | None = field(default=None, repr=False)
    first: int = 0  # the first block that this audit walks; what an earlier one saw before is not taken for granted


@dataclass(frozen=True, slots=True)
class Task:
    """A method of Bench and its arguments. `what` names it in findings."""

    name: str
    arguments: tuple[Any, ...] = ()
    what: str = ""


class Bench:
    """One worker's open files. Use `do`; close it at the end."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._folder = DataFolder(setup.data)
        self._deployment = Deployment.from_json(setup.config.deployment)
        self._opened: list[Any] = []

    def do(self, task: Task) -> Span | Part:
        """Carry out a task. Whatever stops it is a finding of its answer."""
        if task.name == "blocks":
            span = Span(*task.arguments[:2])
            findings = Findings("")
            with noted(findings, task.what):
                self.blocks(span, findings, *task.arguments[2:])
            span.findings, span.unlisted, span.coverage = findings.facts()
            return span
        part, findings = Part(), Findings("")
        with noted(findings, task.what):
            part.value = getattr(self, task.name)(findings, *task.arguments)
        part.findings, part.unlisted, part.coverage = findings.facts()
        return part

    def close(self) -> None:
        """Close everything."""
        for each in self._opened:
            with noted(Findings(""), ""):
                each.dispose() if isinstance(each, Database) else each.close()

    # ------------------------------------------------------------------------------------------------ what is open

    @cached_property
    def file(self) -> ChainFile | None:
        if self.setup.config.engine.get("type") != "embedded":
            return None
        file: ChainFile = self._keep(ChainFile(self._folder.chain, self.setup.head))
        return file

    @cached_property
    def source(self) -> Source:
        return self.file or EngineSource(self.chain, self.setup.head)

    @cached_property
    def chain(self) -> ChainReader:
        engine: Engine = self._keep(open_engine(self._folder, self.setup.config, read_only=True))
        return ChainReader(engine, self._deployment)

    @cached_property
    def vault(self) -> VaultReader:
        if self.setup.master is None:
            raise Malformed("there is no key to read the payload store with", field="keys")
        url = self.setup.config.database_url or self._folder.ledger
        # The plain reader: an altered key check is one of the findings, not a reason to stop.
        return VaultReader(self._keep(open_database(url, read_only=True)), self.setup.master)

    @cached_property
    def walked(self) -> Reached:
        walked: Reached = self._keep(Reached(self.setup.work))
        return walked

    @cached_property
    def anchors(self) -> Anchors:
        return parse_anchors(self._folder.anchors.read_bytes())

    @cached_property
    def _rows(self) -> RowCheck:
        db = sqlite3.connect(f"{self._folder.index.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
        db.execute("PRAGMA busy_timeout=10000")
        db.execute("PRAGMA trusted_schema=OFF")
        db.text_factory = lambda raw: raw.decode("utf-8", "replace")
        return RowCheck(self._keep(db))

    def _keep(self, opened: Any) -> Any:
        self._opened.append(opened)
        return opened

    # ------------------------------------------------------------------------------------------------ the walk

    @cached_property
    def _blocks(self) -> Blocks:
        return Blocks(self.source, self._deployment, self.file)

    @cached_property
    def _payloads(self) -> Payloads:
        return Payloads(self.vault)

    @cached_property
    def _decoder(self) -> EventDecoder:
        return EventDecoder(self._deployment)

    def blocks(self, span: Span, findings: Findings, again: bool = False) -> None:
        """A range of blocks with the payloads of its submissions and their rows in the read model.

        `again`: signatures, payloads and state nodes were audited before; only the rows are compared.
        """
        batch: list[Transaction] = []
        records = 0
        for transaction in self._blocks.read(span, findings, again=again):
            batch.append(transaction)
            records += 1 if transaction.seen is None else transaction.seen.accepted.call.action.count
            if records >= RECORDS_AT_ONCE:
                self._batch(batch, span, findings, again)
                batch, records = [], 0
        self._batch(batch, span, findings, again)
        if again:
            findings.coverage.clear()

    def _batch(self, batch: list[Transaction], span: Span, findings: Findings, again: bool) -> None:
        if self.setup.master is None:
            return
        seen: list[Seen] = [transaction.seen for transaction in batch if transaction.seen is not None]
        stored = self._payloads.read(seen, findings) if seen else {}
        if seen and not again:
            self._payloads.check(seen, stored, findings)
        if span.rows.equal and self.setup.index_height >= 0:
            self._compare_rows(batch, stored, span, again)

    def _compare_rows(self, batch: list[Transaction], stored: dict[bytes, Stored], span: Span, again: bool) -> None:
        """The rows that these transactions explain. A mismatch is not named here: the whole read model is projected."""
        changes = []
        for transaction in batch:
            if not self._deployment.block <= transaction.block <= self.setup.index_height or not transaction.logs:
                continue
            try:
                events = self._decoder.decode(
                    transaction.logs, transaction.block, transaction.block_hash, transaction.hash, transaction.index,
                    transaction.first_log,
                )  # fmt: skip
            except Malformed:
                span.rows.equal = False
                return
            for some in group(events):
                name = submission_of(some)
                found = None if name is None else stored.get(name)
                rows = None if found is None else found[1]
                changes += project(Happening(some, transaction.time, rows, self._sound(transaction, name, again)))
        span.rows.equal, others = self._rows.take(changes, span.rows.counts)
        span.rows.changes += others

    def _sound(self, transaction: Transaction, name: bytes | None, again: bool) -> bool:
        """Whether this submission's records are known to lead to their digests."""
        if name is None:
            return False
        if again:
            return name in Judged(self.walked.db, SOUND)
        seen = transaction.seen
        return seen is not None and seen.accepted.submission_id == name and bool(seen.checked.verdict & SOUND)

    def sampled(self, findings: Findings, number: int, indexes: tuple[int, ...]) -> int:
        """Some submissions of one block, each completely but without the ones before; the number of their records."""
        span = Span(number, number)
        wanted = [each for each in self._blocks.read(span, findings) if each.index in indexes and each.seen is not None]
        proof = StateLookup(self.source, self._deployment, self.setup.head, findings)
        for each in wanted:
            assert each.seen is not None
            proof.check(each.seen)
        if self.setup.master is not None:
            self._batch(wanted, span, findings, again=False)
            if not span.rows.equal:
                findings.add("index.row", f"index rows of block {number}", "not what chain and payloads say")
        findings.count("submissions", len(wanted))
        return sum(each.seen.checked.records for each in wanted if each.seen is not None)

    # ------------------------------------------------------------------------------------------------ after the walk

    def nodes(self, findings: Findings, low: int, high: int) -> None:
        """Stored state nodes whose hash begins with a byte from `low` up to, not including, `high`."""
        assert self.file is not None
        later = self.file.later_nodes() if self.file.newest > self.file.head else set()
        if low == 0:
            self.file.check_odd_nodes(findings)
        for prefix in range(low, high):
            self.file.check_nodes(findings, prefix, self.walked.nodes(prefix) | later)

    def structure(self, findings: Findings, store: str) -> None:
        """What SQLite says of one file."""
        if store == "chain" and self.file is not None:
            self.file.check_structure(findings)
        elif store == "ledger":
            for damage in examine_structure(self.vault):
                findings.add("file.damaged", f"ledger store {damage.table} {damage.key}", damage.reason)

    def settings(self, findings: Findings) -> None:
        """Schema and settings of the chain file."""
        if self.file is not None:
            self.file.check_settings(findings, self.setup.config.chain_id)

    def submissions(self, findings: Findings, first: int | None, last: int | None) -> None:
        """Stored submissions by their sequence numbers."""
        db, head = self.walked.db, self.setup.head
        known, intact = Judged(db, KNOWN), Judged(db, SEALED, self.setup.first)
        stores.check_submissions(self.vault, Sealed(db), known, intact, head, findings, (first, last))

    def outbox(self, findings: Findings, first: int | None, last: int | None) -> None:
        """Outbox rows by their ids."""
        later = _Later(self)
        stores.check_outbox(self.vault, Sealed(self.walked.db), self.setup.head, later, findings, (first, last))

    def checkpoints(self, findings: Findings, first: int | None, last: int | None) -> None:
        """Checkpoints by their heights."""
        headers, head = _Headers(self), self._newest
        stores.check_checkpoints(self.vault, self.anchors, headers, head, findings, (first, last))

    def cosignatures(self, findings: Findings) -> None:
        """Every co-signature."""
        check_cosignatures(self.vault, self.anchors, _Headers(self), self._newest, findings)

    @property
    def _newest(self) -> int:
        """The newest block that there is, which a server may have added since the audit began."""
        return max(self.setup.head, self.file.newest if self.file is not None else self.chain.final_height())

    def rest(self, findings: Findings) -> None:
        """Everything else in the payload store."""
        stores.check_vault(self.vault, findings)

    def register(self, findings: Findings) -> None:
        """The trade register."""
        assert self.setup.tag is not None
        stores.check_register(self.vault, TradeRegister(self.setup.tag), Sealed(self.walked.db), findings)

    def index_structure(self, findings: Findings) -> list[str]:
        """What the database finds wrong with the read model's file."""
        engine = open_database(self.setup.config.index_url or self._folder.index, read_only=True, durable=False)
        try:
            with reading(engine) as connection, lenient_text(connection):
                return structural_defects(connection)
        finally:
            engine.dispose()

    def execute(self, findings: Findings, first: int, last: int) -> None:
        """Blocks `first` … `last` once more on py-evm's own loop."""
        execution.execute(self.chain.engine, first, last, findings)


class _Later:
    """The engine's receipts, opened when one is asked for: only a server at work beside the audit makes that happen."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        return self._bench.chain.receipt(tx_hash)


class _Headers:
    """The headers that the walk has seen; those of later blocks as the chain has them now."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def get(self, height: int) -> tuple[bytes, bytes, int] | None:
        found = self._bench.walked.header(height)
        if found is not None or height <= self._bench.setup.head:
            return found
        raw = self._bench.source.block(height, Findings(""))
        try:
            header = None if raw is None else parse_header(raw.header, f"block {height}")
        except Malformed:
            return None
        return None if header is None else (header.hash, header.state_root, header.time)


@contextmanager
def noted(findings: Findings, what: str) -> Iterator[None]:
    """Whatever stops one part of the audit is a finding, and the rest goes on."""
    try:
        yield
    except OriginSealError as error:
        kind = "payload.row" if isinstance(error, BadCiphertext) else "audit.incomplete"
        findings.add(kind, what, error.message)
    except sqlite3.Error as error:
        findings.add("file.unreadable", what, str(error))
    except Exception as error:
        # A planted value may break code that trusts its own files (the engine, the read model's projector). That
        # is a finding about the data, never a reason to hide the others.
        findings.add("audit.incomplete", what, f"{type(error).__name__}: {error}"[:500])
