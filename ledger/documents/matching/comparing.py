"""The ways in which two fields are compared: exactly, as names, as decimals within a tolerance, as times, by unit.

All arithmetic is exact. Values that are not plain numbers or times never compare equal,
they are named as what they are.
"""

from __future__ import annotations

import unicodedata
from decimal import Context, Decimal, Inexact

from ledger.documents.ceb.schema import code_table, is_time, number
from ledger.documents.matching.model import Comparison
from ledger.domain.codes import BaseUnit
from ledger.domain.quantity import customs_base, plain

# Half of the last of the five decimals that the messages allow: what writing a number down may cost.
HALF_ULP = Decimal("0.000005")
# 200 digits hold every product and sum of 20-digit numbers; Inexact is trapped so that nothing rounds unseen.
_EXACT = Context(prec=200, traps=[Inexact])


class Comparisons:
    """Collects the comparisons of one rule."""

    __slots__ = ("items",)

    def __init__(self) -> None:
        self.items: list[Comparison] = []

    def add(
        self,
        left: str,
        left_value: str | None,
        right: str,
        right_value: str | None,
        holds: bool,
        *,
        hard: bool = True,
        line: int | None = None,
        problem: str = "differs",
    ) -> None:
        self.items.append(Comparison(left, left_value, right, right_value, holds, hard, line, problem))

    def same(
        self,
        left: str,
        left_value: str | None,
        right: str,
        right_value: str | None,
        *,
        hard: bool = True,
        line: int | None = None,
    ) -> None:
        """Equal text and not blank."""
        holds = left_value is not None and left_value == right_value and bool(left_value.strip())
        self.add(left, left_value, right, right_value, holds, hard=hard, line=line)

    def same_name(
        self, left: str, left_value: str | None, right: str, right_value: str | None, *, line: int | None = None
    ) -> None:
        """Equal after NFKC, with runs of space as one; differing names only warn."""
        holds = left_value == right_value or name_form(left_value) == name_form(right_value)
        self.add(left, left_value, right, right_value, holds, hard=False, line=line)

    def same_currency(
        self, left: str, left_value: str | None, right: str, right_value: str | None, *, line: int | None = None
    ) -> None:
        """The same currency, whether written as customs code (502) or ISO 4217 (USD)."""
        holds = left_value is not None and right_value is not None
        holds = holds and (left_value == right_value or currency(left_value or "") == currency(right_value or ""))
        self.add(left, left_value, right, right_value, holds, line=line)

    def close(
        self,
        left: str,
        left_value: str | Decimal | None,
        right: str,
        right_value: str | Decimal | None,
        tolerance: Decimal,
        *,
        line: int | None = None,
    ) -> None:
        """Numbers at most `tolerance` apart."""
        a, b = _number(left_value), _number(right_value)
        shown = (_shown(left_value), _shown(right_value))
        if a is None or b is None:
            self.add(left, shown[0], right, shown[1], False, line=line, problem="not-a-number")
            return
        holds = a == b or _EXACT.subtract(a, b).copy_abs() <= tolerance
        self.add(left, shown[0], right, shown[1], holds, line=line, problem="beyond" if tolerance else "differs")

    def at_most(
        self,
        left: str,
        left_value: str | Decimal | None,
        right: str,
        right_value: str | Decimal | None,
        tolerance: Decimal = Decimal(0),
    ) -> None:
        """left ≤ right + tolerance."""
        a, b = _number(left_value), _number(right_value)
        if a is None or b is None:
            self.add(left, _shown(left_value), right, _shown(right_value), False, problem="not-a-number")
            return
        holds = a <= _EXACT.add(b, tolerance)
        self.add(left, _shown(left_value), right, _shown(right_value), holds, problem="beyond")

    def not_after(self, left: str, left_value: str | None, right: str, right_value: str | None) -> None:
        """A 14-digit time not later than another."""
        if not (left_value and right_value and is_time(left_value, _TIME) and is_time(right_value, _TIME)):
            self.add(left, left_value, right, right_value, False, problem="not-a-time")
            return
        self.add(left, left_value, right, right_value, left_value <= right_value, problem="later")


_TIME = "%Y%m%d%H%M%S"


def name_form(text: str | None) -> str:
    """A name as it is compared: NFKC, trimmed, runs of space as one."""
    return " ".join(unicodedata.normalize("NFKC", text or "").split())


def currency(code: str) -> str:
    """ISO 4217 of a customs code; an unknown code stays what it is."""
    row = code_table("currencies").get(code)
    return code if row is None else str(row["iso"])


def percent(value: Decimal, share: Decimal) -> Decimal:
    """`share` percent of `value`, exactly."""
    return _EXACT.divide(_EXACT.multiply(value.copy_abs(), share), Decimal(100))


def product(a: Decimal, b: Decimal) -> Decimal:
    """a × b, exactly."""
    return _EXACT.multiply(a, b)


def total(values: list[Decimal]) -> Decimal:
    """The exact sum."""
    result = Decimal(0)
    for value in values:
        result = _EXACT.add(result, value)
    return result


def writing_error(value: Decimal, other: Decimal) -> Decimal:
    """How far value × other may be off because `value` was rounded to five decimals; 0 when it has fewer."""
    exponent = value.as_tuple().exponent
    return product(HALF_ULP, other) if isinstance(exponent, int) and exponent <= -5 else Decimal(0)


def base_amount(quantity: Decimal, unit: str) -> tuple[Decimal, BaseUnit] | None:
    """A customs quantity in base units; None when its unit measures neither mass, count nor volume."""
    return customs_base(quantity, unit)


def _number(value: str | Decimal | None) -> Decimal | None:
    if isinstance(value, Decimal):
        return value
    return None if value is None else number(value)


def _shown(value: str | Decimal | None) -> str | None:
    return plain(value) if isinstance(value, Decimal) else value
