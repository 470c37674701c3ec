"""The trade.link payload: which lots an order's lines were filled from.

Job: read and check it (docs/payloads.md). Export messages have no lot field, so the exporter states the link itself;
rule L1 holds it against the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger.domain.gs1 import Gtin, parse_code
from ledger.domain.ids import lot_id
from ledger.domain.jsonshape import Node
from ledger.domain.quantity import Quantity

MAX_LINKS = 1000  # 100 order lines, each filled from ten lots
MAX_LOTS = 64  # different lots of one trade: what the contract accepts (Trades.MAX_LINES)
MAX_GNUM = 99_999


@dataclass(frozen=True, slots=True)
class LinkLine:
    """`quantity` of a lot went into order line `gnum`; `per_unit`: what one declared unit (a box) holds."""

    gnum: int
    gtin: str
    lot: str
    lot_id: bytes
    quantity: Quantity
    base_quantity: int
    per_unit: Quantity | None


@dataclass(frozen=True, slots=True)
class Link:
    """A checked trade.link payload."""

    ebc_code: str
    order_no: str
    lines: tuple[LinkLine, ...]

    def lots(self) -> dict[bytes, int]:
        """Base units per lot, lot ids ascending: what the trade exports."""
        return lots_of(self.lines)


def parse_link(payload: Any) -> Link:
    """Read a trade.link payload. Raises Malformed with the JSON Pointer of the first bad field."""
    fields = Node(payload).object(("ebcCode", "orderNo", "lines"), ("note",))
    ebc_code, order_no = fields["ebcCode"].text(18), fields["orderNo"].text(60)
    if "note" in fields:
        fields["note"].bilingual()
    return Link(ebc_code, order_no, parse_lines(fields["lines"]))


def parse_lines(node: Node) -> tuple[LinkLine, ...]:
    """Read the `lines` of a link or of a match that repeats them. Raises Malformed."""
    lines = tuple(_line(entry) for entry in node.list(1, MAX_LINKS))
    if len({line.lot_id for line in lines}) > MAX_LOTS:
        node.refuse(f"names more than {MAX_LOTS} different lots")
    return lines


def lots_of(lines: tuple[LinkLine, ...]) -> dict[bytes, int]:
    """Base units per lot, lot ids ascending."""
    totals: dict[bytes, int] = {}
    for line in lines:
        totals[line.lot_id] = totals.get(line.lot_id, 0) + line.base_quantity
    return dict(sorted(totals.items()))


def _line(node: Node) -> LinkLine:
    fields = node.object(("gnum", "gtin", "lot", "quantity"), ("perUnit",))
    gtin = Gtin.parse(fields["gtin"].value, fields["gtin"].pointer)
    lot = parse_code(fields["lot"].value, "lot code", fields["lot"].pointer)
    quantity = Quantity.read(fields["quantity"])
    base, unit = quantity.to_base(fields["quantity"].pointer)
    per_unit = Quantity.read(fields["perUnit"]) if "perUnit" in fields else None
    if per_unit is not None and per_unit.base_unit is not unit:
        fields["perUnit"].refuse("measures something else than the linked quantity")
    return LinkLine(fields["gnum"].whole(1, MAX_GNUM), gtin, lot, lot_id(gtin, lot), quantity, base, per_unit)
