"""The customs code tables: versioned data files, looked up by customs code and by international code.

Job: currencies ↔ ISO 4217, units ↔ UN/ECE Rec 20, countries ↔ ISO 3166-1, customs districts, supervision modes,
transport modes, packagings and receipt statuses. A code that a table does not hold is an error that names the element
and the code, never a guess. Each file states its version, its source and what it does not hold.
Clauses: JGS-20 海关业务代码集; JGS/T 18 海关关区代码; ISO 4217; ISO 3166-1; UN/ECE Recommendation 20.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from ledger.domain.quantity import customs_units
from ledger.errors import Malformed

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CodeTable:
    """One table with what its file says of itself; `international` names the member that holds the foreign code."""

    name: str
    version: str
    source: str
    missing: str
    international: str | None
    rows: dict[str, Row]

    def require(self, code: str, field: str) -> Row:
        """The row of a customs code. Raises Malformed naming the field and the code."""
        row = self.rows.get(code)
        if row is None:
            raise Malformed(
                f"{field} holds {code[:20]!r}, which table {self.name} ({self.version}) does not have"
                f" （{field} 的代码 {code[:20]!r} 不在代码表中）",
                field=field,
            )
        return row

    def to_international(self, code: str, field: str = "code") -> str | None:
        """The international code of a customs code; None when there is none (a package, 中性包装). Raises Malformed."""
        row = self.require(code, field)
        return None if self.international is None else row.get(self.international)

    def from_international(self, code: str, field: str = "code") -> str:
        """The customs code that is written for an international code. Raises Malformed for one without."""
        found = _reverse(self.name).get(code)
        if found is None:
            raise Malformed(
                f"{field}: table {self.name} ({self.version}) has no customs code for {code[:20]!r}", field=field
            )
        return found


FILES = (
    "countries",
    "currencies",
    "customs-districts",
    "defects",
    "packagings",
    "statuses",
    "trade-modes",
    "transport-modes",
)
NAMES = (*FILES, "units")


@cache
def table(name: str) -> CodeTable:
    """A code table by name. Raises Malformed for another name."""
    if name == "units":
        return _units()
    if name not in FILES:
        raise Malformed(f"no code table {name[:40]!r}", field="/", hint="tables: " + ", ".join(NAMES))
    file = load(f"codes/{name}.json")
    rows: dict[str, Row] = next(value for value in file.values() if isinstance(value, dict))
    source = str(file.get("source", file.get("about", "")))
    return CodeTable(name, file["version"], source, file.get("missing", ""), file.get("international"), rows)


def code_table(name: str) -> dict[str, Row]:
    """The rows of a table by customs code."""
    return table(name).rows


def iso_currency(code: str) -> str | None:
    """ISO 4217 code of a customs currency code; None for an unknown one."""
    row = code_table("currencies").get(code)
    return None if row is None else str(row["iso"])


def customs_currency(iso: str) -> str | None:
    """Customs code of an ISO 4217 currency; None for one without a customs code here."""
    return _reverse("currencies").get(iso)


def load(path: str) -> dict[str, Any]:
    """A data file of this package."""
    text = resources.files("ledger.documents.ceb").joinpath(path).read_text(encoding="utf-8")
    value: dict[str, Any] = json.loads(text)
    return value


@cache
def _reverse(name: str) -> dict[str, str]:
    """International code → customs code. Several units are one Rec 20 unit: the one marked preferred is written."""
    found = table(name)
    codes: dict[str, str] = {}
    for code, row in found.rows.items():
        foreign = row.get(found.international) if found.international is not None else None
        # A unit that counts several of the foreign unit (百个) is not that unit.
        if foreign is not None and row.get("factor") is None and (foreign not in codes or row.get("preferred")):
            codes[foreign] = code
    return codes


def _units() -> CodeTable:
    text = resources.files("ledger.domain").joinpath("data/units.json").read_text(encoding="utf-8")
    file: dict[str, Any] = json.loads(text)
    rows = {
        code: {"rec20": unit.rec20, **file["units"][code]} | {"zh": unit.zh} for code, unit in customs_units().items()
    }
    return CodeTable("units", file["version"], file["source"], file.get("missing", ""), "rec20", rows)
