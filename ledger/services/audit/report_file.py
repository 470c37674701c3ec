"""An audit report as a file of its own: what is added to it, how it is read back, and what a public copy leaves out.

A report may come from anywhere, so reading it is strict about what the renderers use and silent about what they do not
(a newer program may say more). The report's id is made from its canonical bytes: two reports differ if their ids do.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger import __version__
from ledger.crypto.sm3 import sm3
from ledger.documents.canonical import MAX_SAFE_INTEGER, jcs, parse
from ledger.errors import Malformed, OriginSealError
from ledger.proof.anchors import parse_anchors
from ledger.services.audit.findings import FORMAT
from ledger.services.config import DataFolder, load_config

MAX_REPORT_BYTES = 16 * 1024 * 1024  # 2,000 findings have about 1.5 MB
MAX_REPORT_DEPTH = 16
MAX_LISTED = 20_000  # findings of a report from elsewhere
MAX_ENTRIES = 1024  # of every other list
MAX_EVIDENCE = 32  # values of one finding
PLACEHOLDER = "DATA"  # stands for the data folder in public copies
PUBLIC_FINDING = ("id", "severity", "where", "what", "reproduce")


@dataclass(frozen=True, slots=True)
class ReportFinding:
    """One finding as a report lists it."""

    id: str
    severity: str
    where: str
    zh: str
    en: str
    detail: str
    evidence: tuple[tuple[str, str], ...]
    reproduce: str


@dataclass(frozen=True, slots=True)
class Report:
    """What the renderers need of a report's JSON."""

    report_id: str
    chain_id: int
    genesis: str
    head: int
    first: int
    started: int
    seconds: float
    records: int
    mode: str
    role: str
    program: str
    public: bool
    operator: tuple[str, str]
    contracts: tuple[tuple[str, str], ...]
    keys: tuple[tuple[str, str], ...]
    witnesses: tuple[tuple[str, str], ...]
    engine: str
    findings: tuple[ReportFinding, ...]
    by_kind: dict[str, int]
    coverage: dict[str, int]
    statement: tuple[str, str]
    notes: tuple[str, ...]

    @property
    def total(self) -> int:
        """All findings, listed or only counted."""
        return sum(self.by_kind.values())


def describe(folder: DataFolder, facts: dict[str, Any]) -> dict[str, Any]:
    """The report with what a reader must know of its ledger: operator, contracts, keys and this program's version.

    A configuration or anchors file that cannot be read is the audit's finding; here the part stays empty.
    """
    ledger: dict[str, Any] = {"operator": {"zh": "", "en": ""}, "engine": "", "contracts": {}}
    ledger |= {"checkpointKeys": [], "witnesses": []}
    try:
        config = load_config(folder)
        ledger["operator"] = {language: str(config.operator.get(language, "")) for language in ("zh", "en")}
        ledger["engine"] = str(config.engine.get("type", ""))
        anchors = parse_anchors(folder.anchors.read_bytes())
        ledger["contracts"] = {name: f"0x{anchor.address.hex()}" for name, anchor in anchors.contracts.items()}
        ledger["checkpointKeys"] = [
            {"keyId": f"sm3:{key.key_id.hex()}", "name": key.name} for key in anchors.checkpoint_keys.values()
        ]
        ledger["witnesses"] = [
            {"keyId": f"sm3:{key_id.hex()}", "name": f"{witness.name_zh} {witness.name_en}"}
            for key_id, witness in anchors.witnesses.items()
        ]
    except (OSError, OriginSealError):
        pass
    described: dict[str, Any] = plain({**facts, "program": __version__, "ledger": ledger})
    return described


def public_copy(facts: dict[str, Any], data: Path) -> dict[str, Any]:
    """The report for anybody: no path of this machine, and of each finding only its kind, place and command."""
    hidden = _paths_of(data)

    def without_paths(value: Any) -> Any:
        if isinstance(value, str):
            return hidden.sub(PLACEHOLDER, value)
        if isinstance(value, dict):
            return {key: without_paths(item) for key, item in value.items()}
        return [without_paths(item) for item in value] if isinstance(value, list) else value

    findings = [{name: finding.get(name) for name in PUBLIC_FINDING} for finding in facts.get("findings", ())]
    kept = {name: value for name, value in facts.items() if name not in ("signature", "findings")}
    copy: dict[str, Any] = without_paths({**kept, "findings": findings, "public": True})
    return copy


def _paths_of(data: Path) -> re.Pattern[str]:
    """The data folder as a report may name it. A relative name may be a word of any text (“data”), so that it counts
    only as what `--data` is given or as the beginning of a path."""
    absolute = str(data.resolve())
    names = [re.escape(shlex.quote(absolute)), re.escape(absolute)]
    for name in {str(data), shlex.quote(str(data))} - {absolute, shlex.quote(absolute)}:
        names += [rf"(?<=--data ){re.escape(name)}(?=\s|$)", rf"(?<![\w./-]){re.escape(name)}(?=/)"]
    return re.compile("|".join(names))


def plain(value: Any) -> Any:
    """`value` in a form that has canonical bytes: whole numbers beyond 2^53-1 as text, no lone surrogates."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= MAX_SAFE_INTEGER else str(value)
    if isinstance(value, dict):
        return {plain(str(name)): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def report_bytes(facts: dict[str, Any]) -> bytes:
    """The canonical bytes of a report (RFC 8785) without its signature: what is signed and what its id is made from."""
    return jcs({name: value for name, value in facts.items() if name != "signature"})


def report_id(facts: dict[str, Any]) -> str:
    """sm3:… of the canonical bytes."""
    return f"sm3:{sm3(report_bytes(facts)).hex()}"


def load_report(data: bytes) -> dict[str, Any]:
    """The JSON value of a report file; raises Malformed or TooLarge. `read_report` looks at what is in it."""
    value = parse(data, max_bytes=MAX_REPORT_BYTES, max_depth=MAX_REPORT_DEPTH)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise Malformed(f"not a report in the format {FORMAT}", field="/format")
    return value


def read_report(facts: dict[str, Any]) -> Report:
    """What the renderers need of a report's JSON value; raises Malformed naming the member that is wrong."""
    top = _Members(facts, "")
    if top.text("format") != FORMAT:
        raise Malformed(f"not a report in the format {FORMAT}", field="/format")
    ledger = top.members("ledger")
    operator, statement = ledger.members("operator"), top.members("statement")
    listed = top.items("findings", MAX_LISTED)
    findings = tuple(_finding(item, f"/findings/{at}") for at, item in enumerate(listed))
    by_kind = top.counts("findingsByKind")
    if sum(by_kind.values()) < len(findings) or (top.text("result") == "sound") != (not by_kind and not findings):
        raise Malformed("result, findings and their counts contradict each other", field="/findingsByKind")
    return Report(
        report_id=report_id(facts),
        chain_id=top.whole("chainId"),
        genesis=top.text("genesis"),
        head=top.whole("head", least=-1),
        first=top.whole("from", 0),
        started=top.whole("startedAt"),
        seconds=top.number("seconds"),
        records=top.whole("records"),
        mode=top.text("mode", "full"),
        role=top.text("role", "operator"),
        program=top.text("program", ""),
        public=top.get("public", False) is True,
        operator=(operator.text("zh", ""), operator.text("en", "")),
        contracts=tuple(ledger.texts("contracts")),
        keys=tuple(
            _key(item, f"/ledger/checkpointKeys/{at}") for at, item in enumerate(ledger.items("checkpointKeys"))
        ),
        witnesses=tuple(_key(item, f"/ledger/witnesses/{at}") for at, item in enumerate(ledger.items("witnesses"))),
        engine=ledger.text("engine", ""),
        findings=findings,
        by_kind=by_kind,
        coverage=top.counts("coverage"),
        statement=(statement.text("zh", ""), statement.text("en", "")),
        notes=tuple(_string(note, f"/notes/{at}") for at, note in enumerate(top.items("notes"))),
    )


def _finding(value: Any, field: str) -> ReportFinding:
    entry = _Members(value, field)
    what = entry.members("what")
    evidence = entry.members("evidence")
    return ReportFinding(
        id=entry.text("id"),
        severity=entry.text("severity"),
        where=entry.text("where"),
        zh=what.text("zh"),
        en=what.text("en"),
        detail=entry.text("detail", ""),
        evidence=tuple((name, _shown(evidence.get(name))) for name in evidence.names(MAX_EVIDENCE)),
        reproduce=entry.text("reproduce", ""),
    )


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else jcs(value).decode()


def _key(value: Any, field: str) -> tuple[str, str]:
    entry = _Members(value, field)
    return entry.text("keyId"), entry.text("name", "")


def _string(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise Malformed("a string is needed", field=field)
    return value


class _Members:
    """The members of one JSON object, read by type; every refusal is Malformed with its JSON Pointer."""

    def __init__(self, value: Any, field: str) -> None:
        if not isinstance(value, dict):
            raise Malformed("an object is needed", field=field)
        self._value: dict[str, Any] = value
        self._field = field

    def get(self, name: str, default: Any = None) -> Any:
        return self._value.get(name, default)

    def text(self, name: str, default: str | None = None) -> str:
        return _string(self._value.get(name, default), f"{self._field}/{name}")

    def whole(self, name: str, default: int | None = None, *, least: int = 0) -> int:
        value = self._value.get(name, default)
        if type(value) is not int or not least <= value <= MAX_SAFE_INTEGER:
            raise Malformed("a whole number is needed", field=f"{self._field}/{name}")
        return value

    def number(self, name: str) -> float:
        value = self._value.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= MAX_SAFE_INTEGER:
            raise Malformed("a number is needed", field=f"{self._field}/{name}")
        return float(value)

    def items(self, name: str, limit: int = MAX_ENTRIES) -> list[Any]:
        value = self._value.get(name, [])
        if not isinstance(value, list) or len(value) > limit:
            raise Malformed(f"a list of at most {limit} is needed", field=f"{self._field}/{name}")
        return value

    def members(self, name: str) -> _Members:
        return _Members(self._value.get(name, {}), f"{self._field}/{name}")

    def names(self, limit: int = MAX_ENTRIES) -> list[str]:
        """The members' names in order."""
        if len(self._value) > limit:
            raise Malformed(f"more than {limit} members", field=self._field)
        return sorted(self._value)

    def texts(self, name: str) -> list[tuple[str, str]]:
        entry = self.members(name)
        return [(key, entry.text(key)) for key in entry.names()]

    def counts(self, name: str) -> dict[str, int]:
        entry = self.members(name)
        return {key: entry.whole(key) for key in entry.names()}
