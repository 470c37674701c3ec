"""What one node must say as a whole, beyond its single elements.

Job: optional elements that a mode makes mandatory, the part number of a split message, and what a summary application
covers. Each rule is an annotation of the official schema; deviations are named like all others.
"""

from __future__ import annotations

from ledger.documents.ceb.defects import defect, short
from ledger.documents.ceb.model import Defect, Fields
from ledger.documents.ceb.schema import Condition, MessageSchema


def check_node(
    message: MessageSchema, head: Fields, lines: tuple[Fields, ...], path: str, defects: list[Defect]
) -> None:
    """Append the deviations of one node from the rules of its message type."""
    where = path if message.head is None else f"{path}/{message.head}"
    for condition in message.conditions:
        if head.get(condition.when) in condition.values:
            _require(message, condition, head, lines, path, where, defects)
    if "msgSeqNo" in message.distinct:
        _check_part(head, where, defects)
    if message.type == "CEB701":
        _check_summary(head, lines, where, defects)


def _require(
    message: MessageSchema,
    condition: Condition,
    head: Fields,
    lines: tuple[Fields, ...],
    path: str,
    where: str,
    defects: list[Defect],
) -> None:
    words = {spec.name: short(spec.zh) for spec in (*message.head_fields, *message.list_fields)}
    value = head[condition.when]
    missing = [f"{where}/{name}" for name in condition.head if not head.get(name, "").strip()]
    for i, line in enumerate(lines, 1):
        missing += [f"{path}/{message.list}[{i}]/{name}" for name in condition.lines if not line.get(name, "").strip()]
    for place in missing:
        name = place.rpartition("/")[2]
        defects.append(
            defect("conditional-missing", place, name=name, zh=words[name], when=condition.when, value=value)
        )


def _check_part(head: Fields, where: str, defects: list[Defect]) -> None:
    """Part msgSeqNo of msgCount."""
    value, count = head.get("msgSeqNo", ""), head.get("msgCount", "")
    if len(value) > 9 or len(count) > 9 or not (value + count).isascii() or not value.isdigit() or not count.isdigit():
        return  # already named as missing or not a number
    if int(value) > int(count):
        defects.append(defect("sequence-number", f"{where}/msgSeqNo", value=value, count=count))


def _check_summary(head: Fields, lines: tuple[Fields, ...], where: str, defects: list[Defect]) -> None:
    """A summary covers a time range, given in full, or the lists that it names."""
    start, end = head.get("startTime", ""), head.get("endTime", "")
    if bool(start) is not bool(end) or start > end:
        defects.append(defect("time-range", f"{where}/endTime"))
    if not start and not end and not lines:
        defects.append(defect("empty-summary", where))
