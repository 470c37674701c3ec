"""The manual's message table and code table list are what the tables of the code say."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.documents.ceb.codetables import NAMES, table
from ledger.documents.ceb.schema import DECLARATIONS, MESSAGE_TYPES, schema
from ledger.documents.xml import MAX_TAGS

MANUAL = Path(__file__).parents[4] / "docs" / "customs.md"
STANDARDS = {"currencies": "ISO 4217", "countries": "ISO 3166-1 alpha-2", "units": "UN/ECE Rec 20"}
HOLDS = {
    "countries": "国别（地区）",
    "currencies": "货币",
    "customs-districts": "直属海关（关区代码前两位）",
    "packagings": "包装种类",
    "statuses": "回执状态",
    "trade-modes": "监管方式",
    "transport-modes": "运输方式",
    "units": "计量单位",
}


def message_row(message_type: str) -> str:
    """The manual's row of one message type."""
    m = schema(message_type)
    node = f"`{m.node}`"
    if m.list is not None:
        most = "∞" if m.max_lines == MAX_TAGS else str(m.max_lines)
        node += f" ({m.min_lines}–{most} lines)"
    row = [f"{m.type} {m.name_zh}", m.name_en, node]
    if message_type in DECLARATIONS:
        row += [f"{m.sender_zh} {m.sender_en}", ", ".join(m.key), str(m.answer), m.signature]
    else:
        row += [", ".join(m.key)]
    return "| " + " | ".join(row) + " |"


def table_row(name: str) -> str:
    """The manual's row of one code table."""
    found = table(name)
    return f"| {name} | {HOLDS[name]}, {len(found.rows)} codes | {STANDARDS.get(name, '—')} | {found.version} |"


@pytest.mark.parametrize("message_type", MESSAGE_TYPES)
def test_manual_lists_every_message_as_its_table_says(message_type):
    assert message_row(message_type) in MANUAL.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", [n for n in NAMES if n != "defects"])
def test_manual_lists_every_code_table_as_its_file_says(name):
    assert table_row(name) in MANUAL.read_text(encoding="utf-8").splitlines()
    assert (table(name).international is not None) is (name in STANDARDS)
