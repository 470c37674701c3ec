"""Quantities: an exact decimal with a UN/ECE Recommendation 20 unit, and whole base units for the chain.

Job: parse, convert exactly (Decimal, never float arithmetic) and refuse what the chain cannot hold: fractions of a
gram, piece or millilitre, and more than a uint128. Also the bridge from the customs unit codes (3 digits) to Rec 20.
It does not guess what a box weighs: packaging units have no base unit.
Clauses: UN/ECE Rec 20 common codes; JGS-20 customs code set, unit table (data/units.json).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from functools import cache
from importlib import resources
from typing import Any

from ledger.domain.codes import BaseUnit
from ledger.domain.jsonshape import Node
from ledger.errors import Malformed

MAX_BASE = (1 << 128) - 1
MAX_DIGITS = 40  # uint128 has 39 digits; longer text is refused before any arithmetic
# Plain decimal text: no sign, no exponent, no leading zeros, a digit on both sides of the point.
_PLAIN = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?\Z")

# Products of a 40-digit value and a factor stay exact within this precision; Inexact is trapped to prove it.
_EXACT = Context(prec=100, traps=[Inexact, InvalidOperation])

# Rec 20 code → base unit and how many of it one unit is. Package codes (XBX, XBG …) are absent on purpose.
UNITS: dict[str, tuple[BaseUnit, Decimal]] = {
    "GRM": (BaseUnit.GRAM, Decimal(1)),
    "KGM": (BaseUnit.GRAM, Decimal(1000)),
    "DTN": (BaseUnit.GRAM, Decimal(100_000)),  # decitonne, 公担
    "TNE": (BaseUnit.GRAM, Decimal(1_000_000)),
    "MGM": (BaseUnit.GRAM, Decimal("0.001")),
    "LBR": (BaseUnit.GRAM, Decimal("453.59237")),
    "ONZ": (BaseUnit.GRAM, Decimal("28.349523125")),
    "LTN": (BaseUnit.GRAM, Decimal("1016046.9088")),
    "STN": (BaseUnit.GRAM, Decimal("907184.74")),
    "H87": (BaseUnit.PIECE, Decimal(1)),
    "EA": (BaseUnit.PIECE, Decimal(1)),
    "PR": (BaseUnit.PIECE, Decimal(2)),
    "DZN": (BaseUnit.PIECE, Decimal(12)),
    "CEN": (BaseUnit.PIECE, Decimal(100)),
    "MIL": (BaseUnit.PIECE, Decimal(1000)),
    "MLT": (BaseUnit.MILLILITRE, Decimal(1)),
    "CMQ": (BaseUnit.MILLILITRE, Decimal(1)),
    "CLT": (BaseUnit.MILLILITRE, Decimal(10)),
    "LTR": (BaseUnit.MILLILITRE, Decimal(1000)),
    "DMQ": (BaseUnit.MILLILITRE, Decimal(1000)),
    "HLT": (BaseUnit.MILLILITRE, Decimal(100_000)),
    "MTQ": (BaseUnit.MILLILITRE, Decimal(1_000_000)),
}
DISPLAY_UNIT = {BaseUnit.GRAM: "KGM", BaseUnit.PIECE: "H87", BaseUnit.MILLILITRE: "LTR"}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A non-negative exact amount of a Rec 20 unit that has a base unit."""

    value: Decimal
    unit: str

    @classmethod
    def parse(cls, value: object, unit: object = None, field: str = "", *, zero: bool = False) -> Quantity:
        """From a payload's {"value", "unit"} object, or from decimal text or a JSON number and a unit code.

        Raises Malformed with `field` (also for zero unless `zero`).
        """
        if unit is None:
            parts = Node(value, field).object(("value", "unit"))
            value, unit = parts["value"].value, parts["unit"].value
        number = parse_decimal(value, f"{field}/value")
        if not isinstance(unit, str) or unit not in UNITS:
            raise Malformed(
                f"{unit!r:.20} is not a supported UN/ECE Rec 20 unit",
                field=f"{field}/unit",
                hint="use one of " + ", ".join(UNITS),
            )
        if not number and not zero:
            raise Malformed("must be more than zero", field=f"{field}/value")
        return cls(number, unit)

    @classmethod
    def read(cls, node: Node) -> Quantity:
        """From a payload's {"value", "unit"} object. Raises Malformed."""
        return cls.parse(node.value, field=node.pointer)

    @property
    def base_unit(self) -> BaseUnit:
        return UNITS[self.unit][0]

    @property
    def text(self) -> str:
        """The value as plain decimal text, without trailing zeros."""
        return plain(self.value)

    def to_base(self, field: str = "") -> tuple[int, BaseUnit]:
        """Whole base units. Raises Malformed for a fraction of a base unit or more than a uint128."""
        base, factor = UNITS[self.unit]
        exact = multiply(self.value, factor)
        whole = int(exact)
        if whole != exact:
            raise Malformed(f"{self.text} {self.unit} is not a whole number of {base.name.lower()}s", field=field)
        if whole > MAX_BASE:
            raise Malformed("the quantity is too large", field=field)
        return whole, base


def from_base(value: int, base: int, unit: str | None = None) -> Quantity:
    """The quantity of `value` base units, in `unit` or what people read (kg, pieces, litres). Exact or Malformed."""
    try:
        base_unit = BaseUnit(base)
    except ValueError as error:
        raise Malformed(f"unknown base unit {base}", field="/unit") from error
    name = unit or DISPLAY_UNIT[base_unit]
    if name not in UNITS or UNITS[name][0] is not base_unit:
        raise Malformed(f"{name!r} does not measure {base_unit.name.lower()}s", field="/unit")
    with localcontext(_EXACT):
        try:
            return Quantity(Decimal(value) / UNITS[name][1], name)
        except Inexact as error:
            raise Malformed(f"{value} {base_unit.name.lower()}s is no exact amount of {name}", field="/unit") from error


def multiply(a: Decimal, b: Decimal) -> Decimal:
    """Exact product; Malformed when it needs more than 100 digits."""
    with localcontext(_EXACT):
        try:
            return a * b
        except (Inexact, InvalidOperation) as error:
            raise Malformed("a number has too many digits") from error


def parse_decimal(value: object, field: str = "") -> Decimal:
    """A non-negative exact decimal from plain text or a JSON number; no sign, exponent, NaN or infinity in text."""
    if isinstance(value, float):
        value = plain(Decimal(repr(value)))  # the shortest text that the double stands for, as JCS writes it
    elif isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**MAX_DIGITS else "too long"
    elif isinstance(value, Decimal):
        value = plain(value)
    if not isinstance(value, str) or len(value) > MAX_DIGITS or not _PLAIN.match(value):
        raise Malformed("must be a plain non-negative decimal, such as 12.5", field=field)
    return Decimal(value)


def plain(value: Decimal) -> str:
    """Plain decimal text without exponent and trailing zeros; "NaN" and "Infinity" stay as they are."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True, slots=True)
class CustomsUnit:
    """A unit of the customs code set: its name, and what one of it is in Rec 20 (None for packages and the like)."""

    code: str
    zh: str
    rec20: str | None
    base: BaseUnit | None
    factor: Decimal | None


@cache
def customs_units() -> dict[str, CustomsUnit]:
    """The customs unit table by 3-digit code."""
    text = resources.files("ledger.domain").joinpath("data/units.json").read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    units = {}
    for code, row in table["units"].items():
        rec20 = row.get("rec20")
        count = row.get("factor")  # how many of the rec20 unit one customs unit is; absent = 1
        base, factor = UNITS.get(rec20, (None, None))
        if factor is not None and count is not None:
            factor = multiply(factor, Decimal(count))
        units[code] = CustomsUnit(code, row["zh"], rec20, base, factor)
    return units


def customs_base(value: Decimal, code: str, field: str = "") -> tuple[Decimal, BaseUnit] | None:
    """An exact amount of base units from a customs quantity; None when the unit cannot be converted."""
    unit = customs_units().get(code)
    if unit is None or unit.base is None or unit.factor is None:
        return None
    return multiply(value, unit.factor), unit.base
