"""What an audit report says, in the order in which a reader needs it, apart from how it looks.

Both renderers (HTML, PDF) walk the same `Content`, so that the two never say different things. Takes a `Report`, which
may come from a file years later; reads no ledger.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

from ledger.services.audit import report_reading as reading
from ledger.services.audit import report_words as words
from ledger.services.audit.findings import KINDS
from ledger.services.audit.report_file import Report, ReportFinding
from ledger.services.audit.report_words import LABELS, Text

MAX_SHOWN = 200  # findings written out one by one; the rest are counted and in the JSON report
LAST_SECOND = 253_402_300_800  # the first second of the year 10000
MAX_TEXT = 1200  # characters of any one value that came from the ledger's files

# Which group of meanings a kind of finding belongs to: by its whole id, else by what stands before the dot.
_GROUPS = {
    "chain.index": "store",
    "chain.meta": "store",
    "chain.node-unknown": "store",
    "chain.execution": "rules",
    "chain.code": "rules",
    "submission": "signature",
    "submission.rule": "rules",
    "submission.events": "rules",
    "state": "rules",
    "payload.not-anchored": "store",
    "payload.rules": "store",
    "payload.evidence": "store",
    "payload.erasure": "payload",
    "payload.row": "store",
    "match.documents": "store",
    "file.schema": "store",
    "register": "store",
    "outbox": "store",
    "index": "store",
    "config": "store",
    "audit": "incomplete",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled fact; `codes` are set in a fixed-width font and may break anywhere."""

    label: Text
    value: Text | None = None
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Broken:
    """One group of findings in plain words."""

    promise: Text
    meaning: Text
    count: int


@dataclass(frozen=True, slots=True)
class Item:
    """One finding, ready to print."""

    number: int
    severity: str
    severity_text: Text
    id: str
    what: Text
    where: str
    detail: str
    evidence: tuple[tuple[str, str], ...]
    reproduce: str


@dataclass(frozen=True, slots=True)
class Content:
    """A report from its first line to its last."""

    report_id: str
    tone: str  # sound | partial | stores | broken
    title: Text
    facts: tuple[Row, ...]
    answer: tuple[Text, ...]  # the first is the sentence to remember
    broken: tuple[Broken, ...]
    covered: tuple[Text, ...]  # what was covered, in the audit's own words
    checked: tuple[Text, ...]
    findings: tuple[Item, ...]
    omitted: Text | None
    limits: tuple[Text, ...]
    method: tuple[Text, ...]
    anchors: tuple[Row, ...]
    coverage: tuple[tuple[Text, int], ...]
    glossary: tuple[tuple[Text, Text], ...]


def content(report: Report, signer: str = "") -> Content:
    """The content of a report; `signer` is the id of the key under which the file itself will be signed."""
    tone = _tone(report)
    order = list(words.SEVERITIES)  # the worst first, otherwise as found
    ranked = sorted(report.findings, key=lambda finding: order.index(_known(finding.severity)))
    shown = ranked[:MAX_SHOWN]
    omitted = report.total - len(shown)
    return Content(
        report_id=report.report_id,
        tone=tone,
        title=words.TITLE,
        facts=_facts(report, signer),
        answer=_answer(report, tone),
        broken=_broken(report),
        covered=_covered_words(report),
        checked=_checked(report),
        findings=tuple(_item(number, finding) for number, finding in enumerate(shown, 1)),
        omitted=_filled(words.OMITTED, n=f"{omitted:,}") if omitted else None,
        limits=_limits(report),
        method=_method(report),
        anchors=_anchors(report),
        coverage=tuple((_covered(name), count) for name, count in _counts(report)),
        glossary=reading.GLOSSARY,
    )


def utc(seconds: int) -> str:
    """A time as ISO 8601 in UTC; a number beyond the year 9999 is shown as a number."""
    if not 0 <= seconds < LAST_SECOND:
        return str(seconds)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _group(kind: str) -> str:
    found = _GROUPS.get(kind) or _GROUPS.get(kind.partition(".")[0]) or kind.partition(".")[0]
    return found if found in words.MEANINGS else "incomplete"


def _severity(report: Report, kind: str) -> str:
    """As the report lists it; a kind that is only counted there is looked up, an unknown one is taken as the worst."""
    listed = next((finding.severity for finding in report.findings if finding.id == kind), None)
    return listed or (KINDS[kind][0] if kind in KINDS else "critical")


def _critical(report: Report) -> int:
    return sum(count for kind, count in report.by_kind.items() if _severity(report, kind) == "critical")


def _tone(report: Report) -> str:
    if not report.total:
        return "sound"
    if _critical(report):
        return "broken"
    return "partial" if all(_group(kind) == "incomplete" for kind in report.by_kind) else "stores"


def _scope(report: Report) -> Text:
    """How far an answer without findings reaches; of a mode that this program does not know, it claims the least."""
    if report.mode == "incremental" and report.first > report.head:
        return words.SOUND_SCOPE["nothing new"]
    if report.role == "replica" and report.mode != "sample":
        return words.SOUND_REPLICA
    return words.SOUND_SCOPE.get(report.mode, words.SOUND_SCOPE["sample"])


def _method(report: Report) -> tuple[Text, ...]:
    if report.role == "replica" and report.mode != "sample":
        return reading.METHOD_REPLICA
    return {"full": reading.METHOD, "incremental": reading.METHOD_INCREMENTAL}.get(report.mode, reading.METHOD_SAMPLE)


def _covered_words(report: Report) -> tuple[Text, ...]:
    said = [Text(*(clip(text) for text in report.statement))] if any(report.statement) else []
    return (*said, *(Text(clip(note), "") for note in report.notes))


def _facts(report: Report, signer: str) -> tuple[Row, ...]:
    mode = words.MODES.get(report.mode, Text(clip(report.mode), clip(report.mode)))
    rows = (
        Row(LABELS["operator"], _named(*report.operator)),
        Row(LABELS["chain"], Text(str(report.chain_id), "")),
        Row(LABELS["genesis"], codes=(clip(report.genesis),)),
        Row(LABELS["head"], Text(f"{report.head:,}", "")),
        Row(LABELS["records"], Text(f"{report.records:,}", "")),
        Row(LABELS["basis"], _filled(mode, first=f"{report.first:,}")),
        Row(LABELS["role"], words.ROLES.get(report.role, Text(clip(report.role), clip(report.role)))),
        Row(LABELS["started"], Text(utc(report.started), "")),
        Row(LABELS["seconds"], Text(f"{report.seconds:,.1f}", "")),
        Row(LABELS["program"], Text(f"OriginSeal {clip(report.program)}", "") if report.program else LABELS["unknown"]),
        Row(LABELS["report"], codes=(report.report_id,)),
    )
    return (*rows, Row(LABELS["signed"], words.SIGNED, (signer,))) if signer else rows


def _answer(report: Report, tone: str) -> tuple[Text, ...]:
    lines: list[Text] = []
    if tone == "sound":
        whole = report.mode == "full" and report.role == "operator"
        lines.append(words.ANSWER_SOUND if whole else words.ANSWER_SOUND_PART)
        lines.append(_filled(_scope(report), head=f"{report.head:,}", first=f"{report.first:,}"))
    else:
        first = {
            "broken": words.ANSWER_BROKEN,
            "stores": words.ANSWER_STORES,
            "partial": words.ANSWER_INCOMPLETE,
        }[tone]
        lines.append(_filled(first, total=f"{report.total:,}", critical=f"{_critical(report):,}"))
    if any(_group(kind) == "incomplete" for kind in report.by_kind):
        lines.append(words.ANSWER_PARTIAL)
    if tone != "sound":
        lines.append(words.WHAT_NEXT)
    if report.public:
        lines.append(words.PUBLIC_COPY)
    return tuple(lines)


def _broken(report: Report) -> tuple[Broken, ...]:
    groups: Counter[str] = Counter()
    for kind, count in report.by_kind.items():
        groups[_group(kind)] += count
    return tuple(
        Broken(meaning.promise, meaning.meaning, groups[name])
        for name, meaning in words.MEANINGS.items()
        if groups[name]
    )


def _checked(report: Report) -> tuple[Text, ...]:
    lines = []
    for name, count in _counts(report):
        unit = words.COVERAGE.get(name)
        zh = "" if unit is None else f"{count:,} {unit.measure}{unit.zh}"
        lines.append(Text(zh or f"{count:,} {clip(name)}", f"{count:,} {clip(name) if unit is None else unit.en}"))
    return tuple(lines) or (words.NO_FINDINGS,)


def _counts(report: Report) -> list[tuple[str, int]]:
    """What was counted, what matters most first; counters that this program does not know come last."""
    order = list(words.COVERAGE)
    place = {name: at for at, name in enumerate(order)}
    return sorted(report.coverage.items(), key=lambda entry: (place.get(entry[0], len(order)), entry[0]))


def _known(severity: str) -> str:
    return severity if severity in words.SEVERITIES else "critical"


def _covered(name: str) -> Text:
    unit = words.COVERAGE.get(name)
    return Text(clip(name), clip(name)) if unit is None else Text(unit.zh, unit.en)


def _item(number: int, finding: ReportFinding) -> Item:
    severity = _known(finding.severity)
    return Item(
        number=number,
        severity=severity,
        severity_text=words.SEVERITIES[severity],
        id=clip(finding.id),
        what=Text(clip(finding.zh), clip(finding.en)),
        where=clip(finding.where),
        detail=clip(finding.detail),
        evidence=tuple((clip(name), clip(value)) for name, value in finding.evidence),
        reproduce=clip(finding.reproduce),
    )


def _limits(report: Report) -> tuple[Text, ...]:
    chosen = list(reading.LIMITS)
    if report.engine == "jsonrpc":
        chosen.append(words.LIMIT_JSONRPC)
    return tuple(chosen)


def _anchors(report: Report) -> tuple[Row, ...]:
    rows = [Row(LABELS["chain"], Text(str(report.chain_id), "")), Row(LABELS["genesis"], codes=(clip(report.genesis),))]
    rows += [
        Row(Text(f"合约 {clip(name)}", f"Contract {clip(name)}"), codes=(clip(where),))
        for name, where in report.contracts
    ]
    rows += [Row(LABELS["signing"], Text(clip(name), ""), codes=(clip(key),)) for key, name in report.keys]
    rows += [Row(LABELS["witness"], Text(clip(name), ""), codes=(clip(key),)) for key, name in report.witnesses]
    return tuple(rows)


def _named(zh: str, en: str) -> Text:
    return Text(clip(zh), clip(en) if en != zh else "") if zh or en else LABELS["unknown"]


def _filled(text: Text, **values: str) -> Text:
    return Text(text.zh.format(**values), text.en.format(**values))


def clip(text: str) -> str:
    """A value of bounded length, so that one hostile string cannot make a report of a thousand pages."""
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… (+{len(text) - MAX_TEXT:,})"
