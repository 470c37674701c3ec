"""What the people who run a ledger need to know of it now: numbers for /metrics and for `originseal doctor`.

Every part is asked on its own, so that a dead engine does not hide a full disk; what cannot be known is None. All
questions are bounded (an index, one row, one file's size): asking every few seconds costs nothing that grows.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import func, select

from ledger.chain import jsontext, outbox
from ledger.chain.gateway import Gateway
from ledger.chain.sending import transaction_count
from ledger.errors import OriginSealError
from ledger.index.model import ReadModel
from ledger.proof.anchors import Anchors
from ledger.services.audit.findings import KINDS
from ledger.services.backup.marks import last_backup, sealing_suspended
from ledger.services.config import DataFolder
from ledger.services.measures import LagFacts, Measures
from ledger.vault import Vault, reading
from ledger.vault.tables import cosignatures

MAX_AUDIT_REPORT = 64 << 20  # bytes of audit.json that are read at all
MAX_DEPTH = 64  # of its nested JSON
WITNESS_WINDOW = 10_000  # newest blocks in which a witness's last co-signature is looked for
SEVERITIES = ("critical", "error", "warning")
MODES = ("full", "incremental", "sample")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """The last audit whose report is in the folder. `started` is in Unix seconds, `findings` by severity."""

    started: int
    sound: bool
    mode: str
    head: int
    findings: dict[str, int]


@dataclass(frozen=True, slots=True)
class WitnessFacts:
    """One anchored witness and its newest co-signature (None: none in the newest WITNESS_WINDOW blocks)."""

    key_id: bytes
    agency: str
    name: str
    height: int | None
    time: int | None  # by the witness's own clock, Unix seconds


@dataclass(frozen=True, slots=True)
class OperationFacts:
    """One look at a ledger. Times are Unix seconds, sizes bytes."""

    engine_reachable: bool
    height: int | None
    head_time: int | None
    indexed: int | None
    waiting: dict[str, int] | None  # outbox rows by state
    oldest_waiting: float | None  # seconds; 0 when nothing waits
    nonce_gap: int | None  # signed by us and not on the chain (negative: the chain has transactions that we lack)
    checkpoint: tuple[int, int] | None  # (height, block time) of the newest signed one
    witnesses: tuple[WitnessFacts, ...]
    cosigned: tuple[int, int] | None  # (height, co-signatures) of the newest co-signed checkpoint
    quorum: int
    audit: AuditFacts | None
    backup: int | None
    sealing_suspended: bool
    disk: tuple[int, int] | None  # (free, whole)
    stores: dict[str, int]
    lag: LagFacts
    refusals: dict[tuple[str, str], int]


class Operations:
    """Asks the parts of one opened ledger."""

    def __init__(
        self,
        folder: DataFolder,
        anchors: Anchors,
        gateway: Gateway,
        vault: Vault,
        model: ReadModel,
        measures: Measures,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder, self._anchors, self._gateway = folder, anchors, gateway
        self._vault, self._model, self._measures, self._clock = vault, model, measures, clock
        self._audit = AuditReader(folder.audit_report)

    def facts(self) -> OperationFacts:
        """Everything, now. Never raises for a part that is out of order."""
        height = _known(self._gateway.height)
        head = None if height is None else _known(lambda: self._gateway.block(height).time)
        return OperationFacts(
            engine_reachable=height is not None,
            height=height,
            head_time=head,
            indexed=_known(self._model.height),
            waiting=_known(self._waiting),
            oldest_waiting=_known(self._oldest),
            nonce_gap=_known(self._nonce_gap),
            checkpoint=_known(self._checkpoint),
            witnesses=_known(lambda: self._witnesses(height)) or (),
            cosigned=_known(self._cosigned),
            quorum=self._anchors.witness_quorum,
            audit=self._audit.facts(),
            backup=last_backup(self._folder.root),
            sealing_suspended=sealing_suspended(self._folder.root),
            disk=disk_space(self._folder.root),
            stores=store_sizes(self._folder),
            lag=self._measures.lag(),
            refusals=self._measures.refusals(),
        )

    def _waiting(self) -> dict[str, int]:
        with outbox.reading(self._vault.engine) as connection:
            return {state: outbox.count(connection, state) for state in (outbox.QUEUED, outbox.SIGNED, outbox.REFUSED)}

    def _oldest(self) -> float:
        with outbox.reading(self._vault.engine) as connection:
            oldest = outbox.oldest_open(connection)
        if oldest is None:
            return 0.0
        return max(0.0, self._clock() - self._vault.submission(oldest).received_at)

    def _nonce_gap(self) -> int:
        with outbox.reading(self._vault.engine) as connection:
            highest = outbox.highest_nonce(connection, self._gateway.relayer)
        mined = transaction_count(self._gateway.engine, self._gateway.relayer)
        # A relayer that has signed nothing yet has still deployed the contracts: there is nothing to compare.
        return 0 if highest is None else highest + 1 - mined

    def _checkpoint(self) -> tuple[int, int] | None:
        signed = self._vault.latest_checkpoint()
        return None if signed is None else (signed.checkpoint.height, signed.checkpoint.time)

    def _witnesses(self, height: int | None) -> tuple[WitnessFacts, ...]:
        newest: dict[bytes, tuple[int, int]] = {}
        if self._anchors.witnesses:
            first = max(0, (height or 0) - WITNESS_WINDOW)
            query = (
                select(cosignatures.c.key_id, func.max(cosignatures.c.height), func.max(cosignatures.c.time))
                .where(cosignatures.c.height >= first)
                .group_by(cosignatures.c.key_id)
            )
            with reading(self._vault.engine) as connection:
                newest = {bytes(row[0]): (int(row[1]), int(row[2])) for row in connection.execute(query)}
        return tuple(
            WitnessFacts(each.key_id, each.agency, each.name_en, *newest.get(each.key_id, (None, None)))
            for each in self._anchors.witnesses.values()
        )

    def _cosigned(self) -> tuple[int, int] | None:
        newest = select(func.max(cosignatures.c.height)).scalar_subquery()
        query = select(cosignatures.c.height, cosignatures.c.key_id).where(cosignatures.c.height == newest)
        with reading(self._vault.engine) as connection:
            rows = connection.execute(query).all()
        known = [row for row in rows if bytes(row[1]) in self._anchors.witnesses]
        return (int(rows[0][0]), len(known)) if known else None


class AuditReader:
    """Reads audit.json again only when the file has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[tuple[int, int], AuditFacts | None] | None = None

    def facts(self) -> AuditFacts | None:
        """The last audit; None when none was kept or the file makes no sense."""
        try:
            status = self._path.stat()
            state = (status.st_mtime_ns, status.st_size)
            if self._seen is None or self._seen[0] != state:
                value = (
                    jsontext.loads(self._path.read_bytes(), MAX_DEPTH) if status.st_size <= MAX_AUDIT_REPORT else None
                )
                self._seen = (state, parse_audit(value))
            return self._seen[1]
        except (OSError, ValueError):
            return None


def parse_audit(report: Any) -> AuditFacts | None:
    """The facts of a kept audit report, None when it is not one. Labels come from closed sets whatever it says."""
    if not isinstance(report, Mapping):
        return None
    started, head, by_kind = report.get("startedAt"), report.get("head"), report.get("findingsByKind")
    if type(started) is not int or type(head) is not int or not isinstance(by_kind, Mapping):
        return None
    findings = dict.fromkeys(SEVERITIES, 0)
    for kind, count in by_kind.items():
        if type(count) is int and count > 0:
            findings[KINDS[kind][0] if kind in KINDS else "error"] += count
    mode = report.get("mode", "full")
    sound = report.get("result") == "sound" and not any(findings.values())
    return AuditFacts(started, sound, mode if mode in MODES else "full", head, findings)


def disk_space(folder: Path) -> tuple[int, int] | None:
    """(free, whole) bytes of the file system that the folder is on."""
    with suppress(OSError):
        usage = shutil.disk_usage(folder)
        return usage.free, usage.total
    return None


def store_sizes(folder: DataFolder) -> dict[str, int]:
    """Bytes of each store's files, write-ahead logs included; stores that are not files here are left out."""
    names = {"chain": folder.chain, "ledger": folder.ledger, "index": folder.index}
    names["replica"] = folder.root / "replica.sqlite"
    found = {}
    for name, path in names.items():
        sizes = [_size(path.with_name(path.name + suffix)) for suffix in ("", "-wal")]
        if sizes[0] is not None:
            found[name] = sum(size or 0 for size in sizes)
    return found


def _size(path: Path) -> int | None:
    with suppress(OSError):
        return os.stat(path).st_size
    return None


def _known(question: Callable[[], T]) -> T | None:
    try:
        return question()
    except OriginSealError:
        return None
