"""Typed records of every message: what a business node says, as text, exact decimals, whole numbers and times.

Job: a business node ↔ frozen dataclasses, one for its head and one for its lines. Times are Beijing times without a
zone, as the specification writes them. Values that do not convert are refused by path; the text forms stay with the
node.
Clauses: CEB specification 202205, export.xsd and import.xsd; the modules beside this one, by family.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ledger.documents.ceb.checks import FieldSpec, is_time, number
from ledger.documents.ceb.model import BusinessNode, Fields
from ledger.documents.ceb.records import imports, lists, orders, returns, summaries, transport
from ledger.documents.ceb.schema import schema_of_kind
from ledger.errors import Malformed

# Record kind → the classes of its head and of its lines.
RECORDS: dict[str, tuple[type[Any], type[Any] | None]] = {
    "ceb.213": (returns.InvtRefundHead, returns.InvtRefundList),
    "ceb.214": (returns.RefundReturn, None),
    "ceb.215": (returns.InvtRefundDetail, None),
    "ceb.216": (returns.InvtRefundDetailReturn, None),
    "ceb.303": (orders.OrderHead, orders.OrderList),
    "ceb.304": (orders.OrderReturn, None),
    "ceb.311": (imports.ImportOrderHead, imports.ImportOrderList),
    "ceb.312": (imports.ImportOrderReturn, None),
    "ceb.403": (orders.Receipts, None),
    "ceb.404": (orders.ReceiptsReturn, None),
    "ceb.411": (imports.ImportPaymentHead, None),
    "ceb.412": (imports.ImportPaymentReturn, None),
    "ceb.505": (transport.Logistics, None),
    "ceb.506": (transport.LogisticsReturn, None),
    "ceb.507": (transport.ArrivalHead, transport.ArrivalList),
    "ceb.508": (transport.ArrivalReturn, None),
    "ceb.509": (transport.DepartureHead, transport.DepartureList),
    "ceb.510": (transport.DepartureReturn, None),
    "ceb.511": (imports.ImportLogisticsHead, None),
    "ceb.512": (imports.ImportLogisticsReturn, None),
    "ceb.603": (lists.InventoryHead, lists.InventoryList),
    "ceb.604": (lists.InventoryReturn, None),
    "ceb.605": (lists.InvtCancel, None),
    "ceb.606": (lists.InvtCancelReturn, None),
    "ceb.607": (transport.WayBillHead, transport.WayBillList),
    "ceb.608": (transport.WayBillReturn, None),
    "ceb.621": (imports.ImportInventoryHead, imports.ImportInventoryList),
    "ceb.622": (imports.ImportInventoryReturn, None),
    "ceb.701": (summaries.SummaryApplyHead, summaries.SummaryApplyList),
    "ceb.702": (summaries.SummaryReturn, None),
    "ceb.792": (summaries.SummaryResultHead, summaries.SummaryResultList),
    "ceb.900": (summaries.MessageReturn, None),
}


@dataclass(frozen=True, slots=True)
class TypedNode:
    """One business node: its kind, its head and its lines as the record classes of that kind."""

    kind: str
    head: Any
    lines: tuple[Any, ...]


def typed(node: BusinessNode) -> TypedNode:
    """The typed form of a node. Raises Malformed naming the element that does not convert or is not defined."""
    table = schema_of_kind(node.kind)
    head, line = RECORDS[node.kind]
    lines: tuple[Any, ...] = ()
    if line is not None:
        lines = tuple(
            _record(line, table.list_fields, values, f"/{table.list}[{i}]") for i, values in enumerate(node.lines, 1)
        )
    return TypedNode(node.kind, _record(head, table.head_fields, node.head, f"/{table.head or table.node}"), lines)


def texts(record: Any) -> Fields:
    """The element texts of a typed head or line, in the schema's order; absent elements are left out."""
    values = ((field.name, getattr(record, field.name)) for field in fields(record))
    return {name: _text(record, name, value) for name, value in values if value is not None}


def _record(made: type[Any], specs: tuple[FieldSpec, ...], values: Mapping[str, str], path: str) -> Any:
    known = {spec.name: spec for spec in specs}
    for name in values:
        if name not in known:
            raise Malformed(f"{name[:60]} is not defined （未定义的元素）", field=f"{path}/{name[:60]}")
    missing = [spec.name for spec in specs if not spec.optional and spec.name not in values]
    if missing:
        raise Malformed(f"{missing[0]} is missing （缺少必填元素）", field=f"{path}/{missing[0]}")
    return made(**{name: _value(known[name], text, f"{path}/{name}") for name, text in values.items()})


def _value(spec: FieldSpec, text: str, path: str) -> str | int | Decimal | datetime | date | None:
    form = (spec.check or {}).get("time")
    if form is not None:
        if text == "" and spec.optional:
            return None
        if not is_time(text, form):
            raise Malformed(f"{spec.name} is not a time （不是有效的时间）", field=path)
        if form == "%Y%m%d":
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
        return datetime.strptime(text.ljust(20, "0"), "%Y%m%d%H%M%S%f")
    if spec.type == "string":
        return text
    value = number(text)
    if value is None or not spec.schema_accepts(text):
        raise Malformed(f"{spec.name} is not a plain number （不是数字）", field=path)
    return int(value) if spec.type == "int" else value


def _text(record: Any, name: str, value: str | int | Decimal | datetime | date) -> str:
    if isinstance(value, datetime):
        text = value.strftime("%Y%m%d%H%M%S")
        return text + f"{value.microsecond // 1000:03d}" if name in _MILLISECONDS else text
    if isinstance(value, date):
        return value.strftime("%Y%m%d")
    return format(value, "f") if isinstance(value, Decimal) else str(value)


_MILLISECONDS = frozenset(("returnTime", "opDate"))  # 17 digits, yyyyMMddHHmmssfff
