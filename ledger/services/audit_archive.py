"""Reports of past audits in DATA/audits, for anybody who asks: filed, kept to the last N, listed and handed out.

A report is filed as three public files named by time and mode, without any path of this machine and without what a
finding says about stored content; a report with findings is also kept whole, for the operator's eyes (0600). Names are
made and matched by one pattern, and a file is only ever looked for under a name that matches it.
"""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.crypto.ports import Signer
from ledger.errors import StorageUnavailable
from ledger.services.config import DataFolder, write_json

MODES = ("full", "incremental", "sample")
NAME = re.compile(r"(?P<time>[0-9]{8}T[0-9]{6}Z)-(?P<mode>full|incremental|sample)")
FORMS = {"json": "application/json", "html": "text/html; charset=utf-8", "pdf": "application/pdf"}
WHOLE = ".whole.json"  # what the operator keeps: matches no public name
MAX_READ = 64 * 1024 * 1024
MAX_KEPT = 10_000  # reports of all modes that are looked at
MAX_REMEMBERED = 512  # summaries kept in memory

_summaries: dict[tuple[Path, int, int], Filed] = {}


@dataclass(frozen=True, slots=True)
class Filed:
    """One filed report in short."""

    id: str
    mode: str
    started: int
    head: int
    records: int
    findings: int
    signed: bool

    @property
    def sound(self) -> bool:
        return not self.findings


def folder(data: Path) -> Path:
    """Where a data folder's reports are."""
    return data / "audits"


def file(data: Path, facts: dict[str, Any], keep: int, signer: Signer | None = None) -> str:
    """File a report (its full JSON value) and forget all but the last `keep` of its mode; the name it has now.

    Raises StorageUnavailable when the disk refuses.
    """
    from ledger.services.audit.report_file import public_copy
    from ledger.services.audit.report_html import render_html
    from ledger.services.audit.report_pdf import render_pdf
    from ledger.services.audit.report_signing import sign_json, sign_pdf

    public = public_copy(facts, data)
    pdf = render_pdf(public, "" if signer is None else f"sm3:{signer.public.key_id.hex()}")
    if signer is not None:
        pdf = sign_pdf(pdf, public, signer, int(time.time()))
        public = sign_json(public, signer)
    mode = facts.get("mode", "full")
    name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(facts['startedAt']))}-{mode if mode in MODES else 'full'}"
    where = folder(data)
    try:
        where.mkdir(mode=0o755, exist_ok=True)
        if facts.get("findings"):
            _write(where / f"{name}{WHOLE}", _json(facts), 0o600)
        _write(where / f"{name}.pdf", pdf, 0o644)
        _write(where / f"{name}.html", render_html(public).encode(), 0o644)
        _write(where / f"{name}.json", _json(public), 0o644)  # last: a report is listed when its JSON is there
        _forget(where, NAME.fullmatch(name), keep)
    except OSError as error:
        raise StorageUnavailable(f"the report could not be filed: {error.strerror}") from error
    return name


def leave(data: Path, facts: dict[str, Any]) -> bool:
    """Make this the folder's last audit (DATA/audit.json), which the page and the metrics show; False if it is not.

    A sample without findings does not take the place of a whole audit: it would hide what that one found. For the same
    reason no audit can be built any more on what came before findings that an incremental one does not look for again.
    Raises OSError.
    """
    path = DataFolder(data).audit_report
    if facts.get("mode") == "sample" and not facts.get("findingsByKind"):
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(before, dict) and before.get("mode", "full") != "sample":
                return False
        except (OSError, ValueError):
            pass
    write_json(path, facts)
    found = facts.get("findingsByKind") or {}
    if facts.get("mode") != "incremental" and any(not kind.startswith("audit.") for kind in found):
        (DataFolder(data).audit_work / "base.json").unlink(missing_ok=True)
    return True


def history(data: Path, limit: int) -> list[Filed]:
    """The newest reports, newest first. What cannot be read is left out: the audit's own page must always open."""
    try:
        names = sorted((path.name for path in folder(data).iterdir() if path.suffix == ".json"), reverse=True)
    except OSError:
        return []
    found: list[Filed] = []
    for name in names:
        if NAME.fullmatch(name.removesuffix(".json")) is not None:
            filed = _summary(folder(data) / name)
            if filed is not None:
                found.append(filed)
        if len(found) == limit:
            break
    return found


def read(data: Path, name: str, form: str) -> bytes | None:
    """The bytes of a filed report, or None when there is none of that name and form."""
    if NAME.fullmatch(name) is None or form not in FORMS:
        return None
    try:
        descriptor = os.open(folder(data) / f"{name}.{form}", os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, "rb") as handle:
            return handle.read(MAX_READ)
    except OSError:
        return None


def last_started(data: Path, *modes: str) -> int | None:
    """When the newest filed audit of any of these modes began."""
    return next((filed.started for filed in history(data, MAX_KEPT) if filed.mode in modes), None)


def _summary(path: Path) -> Filed | None:
    try:
        facts = path.stat()
        key = (path, facts.st_mtime_ns, facts.st_size)
        if key not in _summaries:
            with path.open("rb") as handle:
                report = json.loads(handle.read(MAX_READ))
            name = path.name.removesuffix(".json")
            matched = NAME.fullmatch(name)
            if len(_summaries) >= MAX_REMEMBERED:
                _summaries.clear()
            _summaries[key] = Filed(
                id=name,
                mode="" if matched is None else matched["mode"],
                started=int(report["startedAt"]),
                head=int(report["head"]),
                records=int(report["records"]),
                findings=sum(int(count) for count in report["findingsByKind"].values()),
                signed="signature" in report,
            )
        return _summaries[key]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _forget(where: Path, kept: re.Match[str] | None, keep: int) -> None:
    """Remove all files of the oldest reports of this mode."""
    assert kept is not None, "a name that was just made"
    names = {path.name.split(".", 1)[0] for path in where.iterdir()}
    mine = sorted(name for name in names if (found := NAME.fullmatch(name)) and found["mode"] == kept["mode"])
    for name in mine[: max(0, len(mine) - max(1, keep))]:
        for ending in (".json", ".html", ".pdf", WHOLE):
            (where / f"{name}{ending}").unlink(missing_ok=True)


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def _write(path: Path, data: bytes, mode: int) -> None:
    """All or nothing, with these permissions from the first byte on."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)
