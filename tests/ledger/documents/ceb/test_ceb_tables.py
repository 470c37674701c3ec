"""Our message tables say what the official schemas say, element by element."""

from __future__ import annotations

from pathlib import Path

import pytest
from ceb_world import OFFICIAL
from lxml import etree

from ledger.documents.ceb import schema as tables
from ledger.documents.ceb.schema import (
    ANSWERS,
    DECLARATIONS,
    code_table,
    common,
    customs_currency,
    iso_currency,
    schema,
)
from ledger.errors import Malformed

XS = "{http://www.w3.org/2001/XMLSchema}"
XSD = OFFICIAL / "xsd" / "export.xsd"
needs_official = pytest.mark.skipif(
    not XSD.is_file(), reason="the official schemas (../shared/data/ceb202205) are not here"
)


def official(path: Path = XSD) -> dict[str, etree._Element]:
    return {str(e.get("name")): e for e in etree.parse(path).getroot() if e.tag == XS + "element"}


def children(element: etree._Element) -> list[etree._Element]:
    return list(element.iterfind(f"{XS}complexType/{XS}sequence/{XS}element"))


def rules(element: etree._Element) -> dict[str, object]:
    """The official rules of one leaf element, in the words of our tables."""
    restriction = element.find(f"{XS}simpleType/{XS}restriction")
    assert restriction is not None
    facets = {str(f.tag).removeprefix(XS): str(f.get("value")) for f in restriction}
    kind = str(restriction.get("base")).removeprefix("xs:")
    length = facets.get("length")
    text = element.find(f"{XS}annotation/{XS}documentation")
    return {
        "name": element.get("name"),
        "zh": " ".join((text.text or "").split()) if text is not None else "",
        "type": kind,
        "minimum": int(length or facets.get("minLength", 0)) if kind == "string" else 0,
        "maximum": int(length or facets.get("maxLength") or facets["totalDigits"]),
        "fraction": int(facets.get("fractionDigits", 0)),
        "optional": element.get("minOccurs") == "0",
        "default": element.get("default"),
        "collapse": facets.get("whiteSpace") == "collapse",
        "fixed": element.get("fixed"),
    }


def ours(specs: tuple[tables.FieldSpec, ...]) -> list[dict[str, object]]:
    names = ("name", "zh", "type", "minimum", "maximum", "fraction", "optional", "default", "collapse", "fixed")
    return [{name: getattr(spec, name) for name in names} for spec in specs]


@needs_official
@pytest.mark.parametrize("message_type", [*DECLARATIONS, *ANSWERS])
def test_table_equals_the_official_schema(message_type):
    elements = official()
    table = schema(message_type)
    parts = children(elements[f"{message_type}Message"])
    assert str(parts[0].get("ref")) == f"ceb:{table.node}"
    assert int(str(parts[0].get("maxOccurs"))) == table.max_nodes
    assert [str(p.get("ref")).split(":")[1] for p in parts[1:]] == list(table.envelope)
    node = children(elements[table.node])
    if table.head is None:
        assert ours(table.head_fields) == [rules(e) for e in node]
    else:
        assert [str(e.get("ref")) for e in node] == [f"ceb:{table.head}", f"ceb:{table.list}"]
        assert int(str(node[1].get("maxOccurs"))) == table.max_lines
        assert ours(table.head_fields) == [rules(e) for e in children(elements[table.head])]
        assert ours(table.list_fields) == [rules(e) for e in children(elements[str(table.list)])]


@needs_official
@pytest.mark.parametrize("name", ["BaseTransfer", "BaseSubscribe"])
def test_envelope_table_equals_the_official_schema(name):
    assert ours(common(name)) == [rules(e) for e in children(official()[name])]


@pytest.mark.parametrize("message_type", ["CEB311", "CEB999", "", "../CEB303", "CEB303Message", "x" * 5000])
def test_table_is_refused_when_the_message_type_is_not_supported(message_type):
    with pytest.raises(Malformed):
        schema(message_type)


def test_every_check_names_an_element_of_some_table():
    known = {spec.name for t in (*DECLARATIONS, *ANSWERS) for spec in (*schema(t).head_fields, *schema(t).list_fields)}
    known |= {spec.name for part in ("BaseTransfer", "BaseSubscribe") for spec in common(part)}
    checks = tables._load_checks()
    assert set(checks) <= known
    assert all(check["zh"] and check["en"] and check["basis"] for check in checks.values())


def test_currencies_map_both_ways_when_known():
    assert (iso_currency("142"), iso_currency("502"), iso_currency("300")) == ("CNY", "USD", "EUR")
    assert (customs_currency("GBP"), customs_currency("XXX"), iso_currency("000")) == ("303", None, None)
    codes = [row["iso"] for row in code_table("currencies").values()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("text", "form", "valid"),
    [
        ("20260613080000", "%Y%m%d%H%M%S", True),
        ("20260230080000", "%Y%m%d%H%M%S", False),
        ("20260613240000", "%Y%m%d%H%M%S", False),
        ("2026061308000", "%Y%m%d%H%M%S", False),
        ("202606130800000", "%Y%m%d%H%M%S", False),
        ("2026061308000a", "%Y%m%d%H%M%S", False),
        ("２0260613080000", "%Y%m%d%H%M%S", False),
        ("20260613", "%Y%m%d", True),
        ("20261301", "%Y%m%d", False),
        ("2026061", "%Y%m%d", False),
        ("20260613080000123", "%Y%m%d%H%M%S%f", True),
        ("20260613080000", "%Y%m%d%H%M%S%f", False),
        ("", "%Y%m%d", False),
    ],
)
def test_time_is_recognised_when_it_is_a_calendar_time_of_its_form(text, form, valid):
    assert tables.is_time(text, form) is valid
