"""The message tables: which elements each CEB message has, in which order, and what their values may be.

Job: load tables/*.json (names, order, types, lengths, occurrence and Chinese meaning of the official schema of
2022-05) and codes/*.json (code tables and the checks beyond the schema) once, and compile one fast check per element.
A new message type is a new table, not new code. The wording of deviations is in defects.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from ledger.domain.quantity import customs_units
from ledger.errors import Malformed

NAMESPACE = "http://www.chinaport.gov.cn/ceb"
SIGNATURE_TAG = "{http://www.w3.org/2000/09/xmldsig#}Signature"
DECLARATIONS = ("CEB303", "CEB403", "CEB505", "CEB603")
ANSWERS = ("CEB304", "CEB404", "CEB506", "CEB604")
MAX_SUBSCRIPTIONS = 5

# Plain decimals: what xs:decimal allows, without sign, exponent or a bare point. Digits are bounded separately.
_DECIMAL = re.compile(r"[0-9]{1,19}(\.[0-9]{1,5})?\Z")
_INTEGER = re.compile(r"[0-9]{1,9}\Z")


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One element: its rules, and `accepts`, true for values without any deviation."""

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
        return " ".join(text.split()) if self.collapse else text


@dataclass(frozen=True, slots=True)
class MessageSchema:
    """One message type. `head_tag` and `list_tag` are None when the node itself holds the fields."""

    type: str
    kind: str
    name_zh: str
    name_en: str
    node: str
    head: str | None
    list: str | None
    max_nodes: int
    max_lines: int
    key: tuple[str, ...]
    answer: str | None
    envelope: tuple[str, ...]
    signature_required: bool
    head_fields: tuple[FieldSpec, ...]
    list_fields: tuple[FieldSpec, ...]


def tag(name: str) -> str:
    """The element name in the CEB namespace."""
    return f"{{{NAMESPACE}}}{name}"


@cache
def schema(message_type: str) -> MessageSchema:
    """The table of a message type such as CEB303. Raises Malformed for a type without a table."""
    if message_type not in (*DECLARATIONS, *ANSWERS):
        raise Malformed(
            f"message type {message_type[:40]!r} is not supported",
            field="/",
            hint="supported: " + ", ".join((*DECLARATIONS, *ANSWERS)),
        )
    table = _load(f"tables/{message_type}.json")
    return MessageSchema(
        type=message_type,
        kind=table["kind"],
        name_zh=table["name"]["zh"],
        name_en=table["name"]["en"],
        node=table["node"],
        head=table.get("head"),
        list=table.get("list"),
        max_nodes=table["maxNodes"],
        max_lines=table.get("maxLines", 0),
        key=tuple(table["key"]),
        answer=table.get("answer"),
        envelope=tuple(table["envelope"]),
        signature_required=table.get("signatureRequired", False),
        head_fields=tuple(_field(row) for row in table["headFields"]),
        list_fields=tuple(_field(row) for row in table.get("listFields", ())),
    )


@cache
def schema_of_kind(kind: str) -> MessageSchema:
    """The table of a record kind such as ceb.303. Raises Malformed for another kind."""
    return schema(f"CEB{kind.removeprefix('ceb.')}" if kind.startswith("ceb.") else kind)


@cache
def common(name: str) -> tuple[FieldSpec, ...]:
    """The fields of BaseTransfer or BaseSubscribe."""
    return tuple(_field(row) for row in _load("tables/common.json")[name])


@cache
def code_table(name: str) -> dict[str, dict[str, Any]]:
    """A code table by code: currencies, units, trade-modes, transport-modes, packagings or statuses."""
    if name == "units":
        return {code: {"zh": u.zh, "rec20": u.rec20} for code, u in customs_units().items()}
    table = _load(f"codes/{name}.json")
    rows: dict[str, dict[str, Any]] = next(value for value in table.values() if isinstance(value, dict))
    return rows


def iso_currency(code: str) -> str | None:
    """ISO 4217 code of a customs currency code; None for an unknown one."""
    row = code_table("currencies").get(code)
    return None if row is None else str(row["iso"])


@cache
def customs_currency(iso: str) -> str | None:
    """Customs code of an ISO 4217 currency; None for one without a customs code here."""
    return next((code for code, row in code_table("currencies").items() if row["iso"] == iso), None)


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


def _load(path: str) -> dict[str, Any]:
    text = resources.files("ledger.documents.ceb").joinpath(path).read_text(encoding="utf-8")
    value: dict[str, Any] = json.loads(text)
    return value


def _field(row: dict[str, Any]) -> FieldSpec:
    check = _load_checks().get(row["name"])
    kind = row["type"]
    optional = row.get("optional", False)
    if kind == "string":
        length = row.get("length")
        minimum = length if length is not None else row.get("minLength", 0)
        maximum = length if length is not None else row["maxLength"]
        fixed = row.get("fixed")
        if fixed is not None:
            check = {"values": [fixed], "zh": f"固定值 {fixed}", "en": f"the fixed value {fixed}", "basis": "schema"}
        accepts = _text_check(minimum, maximum, optional, check)
    else:
        minimum, maximum = 0, row["totalDigits"]
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
        fixed=row.get("fixed"),
        check=check,
        accepts=accepts,
    )


@cache
def _load_checks() -> dict[str, dict[str, Any]]:
    fields: dict[str, dict[str, Any]] = _load("codes/checks.json")["fields"]
    return fields


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
        return frozenset(code_table(check["table"])).__contains__
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
    bound = None if check is None else (check.get("above") or check.get("minimum"))
    if bound is None:
        return lambda text: match(text) is not None and len(text) <= longest
    # Every bound in the table is "above 0" or "at least 1" of a whole number: any non-zero digit will do.
    assert check is not None and (check.get("above") == "0" or check.get("minimum") == "1")
    return lambda text: match(text) is not None and len(text) <= longest and text.strip("0.") != ""


def number(text: str) -> Decimal | None:
    """The value of a plain decimal as the standard writes amounts; None for anything else."""
    return Decimal(text) if _DECIMAL.match(text) else None
