"""The rules of one element: what its official schema allows, and what the specification asks beyond that.

Job: compile a row of tables/*.json and its entry in codes/checks.json into a FieldSpec with two predicates: `accepts`,
fast, true for values without any deviation; `schema_accepts`, exact, true for what the official XSD would let through.
Clauses: CEB specification 202205 and its XSD (XML Schema 1.0 Part 2: length, totalDigits, fractionDigits, whiteSpace).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from ledger.documents.ceb.codetables import code_table, load

# A text element without a bound of its own (CEB900 oriBizMessage); libxml2 takes no text above ten million bytes.
MAX_ORIGINAL = 8 * 1024 * 1024
MAX_INT = 2_147_483_647  # xs:int

# Plain decimals: what xs:decimal allows, without sign, exponent or a bare point. Digits are bounded separately.
_DECIMAL = re.compile(r"[0-9]{1,19}(\.[0-9]{1,5})?\Z")
_INTEGER = re.compile(r"[0-9]{1,10}\Z")
_LEXICAL = {
    "int": re.compile(r"[+-]?0*([0-9]{1,40})\Z"),
    "decimal": re.compile(r"[+-]?0*([0-9]*)(?:\.([0-9]*?)0*)?\Z"),
}
_SPACES = re.compile(r"[ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One element: its Chinese meaning, its rules, and what is accepted."""

    name: str
    zh: str
    type: str  # string | decimal | int
    minimum: int
    maximum: int
    fraction: int
    optional: bool
    default: str | None
    collapse: bool
    fixed: str | None
    check: dict[str, Any] | None = field(compare=False)
    accepts: Callable[[str], bool] = field(compare=False)

    def normalised(self, text: str) -> str:
        """The value that the schema sees: with whiteSpace=collapse runs of space become one."""
        return _SPACES.sub(" ", text).strip(" ") if self.collapse else text

    def schema_accepts(self, text: str) -> bool:
        """Whether the official schema lets `text` through; an empty element takes its default or fixed value."""
        if text == "" and (self.default is not None or self.fixed is not None):
            return True
        if self.type == "string":
            value = self.normalised(text)
            return self.minimum <= len(value) <= self.maximum and self.fixed in (None, value)
        return self._is_number(_SPACES.sub(" ", text).strip(" "))

    def _is_number(self, value: str) -> bool:
        """Leading and trailing zeros do not count as digits (XML Schema 1.0 Part 2, 4.3.11)."""
        found = _LEXICAL[self.type].match(value)
        if found is None or not any(c.isdigit() for c in value) or not value.isascii():
            return False
        whole, decimals = found.group(1), (found.group(2) or "") if self.type == "decimal" else ""
        if self.type == "int" and not -MAX_INT - 1 <= int(value) <= MAX_INT:
            return False
        return len(whole.lstrip("0") + decimals) <= self.maximum and len(decimals) <= self.fraction


def field_spec(row: Mapping[str, Any], message_type: str = "") -> FieldSpec:
    """The compiled rules of a table's row."""
    kind = row["type"]
    optional = row.get("optional", False)
    fixed = row.get("fixed")
    check = checks(message_type).get(row["name"])
    if fixed is not None:
        check = {"values": [fixed], "zh": f"固定值 {fixed}", "en": f"the fixed value {fixed}", "basis": "schema"}
    if kind == "string":
        length = row.get("length")
        minimum = length if length is not None else row.get("minLength", 0)
        maximum = length if length is not None else row.get("maxLength", MAX_ORIGINAL)
        accepts = _text_check(minimum, maximum, optional, check)
    else:
        minimum, maximum = 0, row.get("totalDigits", 10)
        accepts = _number_check(kind, maximum, check)
    return FieldSpec(
        name=row["name"],
        zh=row["zh"],
        type=kind,
        minimum=minimum,
        maximum=maximum,
        fraction=row.get("fractionDigits", 0),
        optional=optional,
        default=row.get("default"),
        collapse=row.get("whiteSpace") == "collapse",
        fixed=fixed,
        check=check,
        accepts=accepts,
    )


@cache
def checks(message_type: str) -> dict[str, dict[str, Any]]:
    """The checks beyond the schema by element name, as they hold in one message type."""
    file = load("codes/checks.json")
    return {**file["fields"], **file["messages"].get(message_type, {})}


def _text_check(minimum: int, maximum: int, optional: bool, check: dict[str, Any] | None) -> Callable[[str], bool]:
    inner = value_check(check)
    if inner is None:
        if optional:
            return lambda text: minimum <= len(text) <= maximum
        return lambda text: minimum <= len(text) <= maximum and bool(text) and not text.isspace()
    if optional and minimum == 0:
        return lambda text: text == "" or (len(text) <= maximum and inner(text))
    return lambda text: minimum <= len(text) <= maximum and inner(text)


def value_check(check: dict[str, Any] | None) -> Callable[[str], bool] | None:
    """The check beyond the schema as a function of the text; None when there is none for text."""
    if check is None:
        return None
    if "values" in check:
        return frozenset(check["values"]).__contains__
    if "table" in check:
        return (frozenset(code_table(check["table"])) - frozenset(check.get("except", ()))).__contains__
    if "district" in check:
        known = frozenset(code_table(check["district"]))
        office = re.compile(check["pattern"]).fullmatch
        return lambda text: office(text) is not None and text[:2] in known
    if "time" in check:
        form: str = check["time"]
        return lambda text: is_time(text, form)
    if "pattern" in check:
        match = re.compile(check["pattern"], re.DOTALL).fullmatch
        return lambda text: match(text) is not None
    return None


def _number_check(kind: str, digits: int, check: dict[str, Any] | None) -> Callable[[str], bool]:
    match = (_INTEGER if kind == "int" else _DECIMAL).match
    longest = digits + 1 if kind == "decimal" else digits
    if kind == "int" and digits > 9:
        return lambda text: match(text) is not None and 0 < int(text) <= MAX_INT
    if check is not None and "equals" in check:
        wanted: str = check["equals"]
        return lambda text: match(text) is not None and len(text) <= longest and text.lstrip("0") == wanted
    bound = None if check is None else (check.get("above") or check.get("minimum"))
    if bound is None:
        return lambda text: match(text) is not None and len(text) <= longest
    # Every bound in the table is "above 0" or "at least 1" of a whole number: any non-zero digit will do.
    assert check is not None and (check.get("above") == "0" or check.get("minimum") == "1")
    return lambda text: match(text) is not None and len(text) <= longest and text.strip("0.") != ""


def is_time(text: str, form: str) -> bool:
    """Whether text is a calendar time of the form %Y%m%d[%H%M%S[%f]] in digits; %f is milliseconds."""
    if not text.isascii() or not text.isdigit():
        return False
    try:
        if form == "%Y%m%d":
            datetime(int(text[:4]), int(text[4:6]), int(text[6:8]))
            return len(text) == 8
        year, month, day = int(text[:4]), int(text[4:6]), int(text[6:8])
        datetime(year, month, day, int(text[8:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    return len(text) == (17 if form.endswith("%f") else 14)


def number(text: str) -> Decimal | None:
    """The value of a plain decimal as the standard writes amounts; None for anything else."""
    return Decimal(text) if _DECIMAL.match(text) else None
