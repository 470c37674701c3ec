"""The code tables: versioned, sourced, looked up both ways; a code that is not there is an error naming both."""

from __future__ import annotations

import re

import pytest
from ceb_world import INVENTORY, ORDER, changed, message_xml

from ledger.documents.ceb import customs_currency, iso_currency, parse_message
from ledger.documents.ceb.codetables import FILES, NAMES, code_table, load, table
from ledger.domain.quantity import UNITS, customs_units
from ledger.errors import Malformed

INTERNATIONAL = {"currencies": r"[A-Z]{3}", "countries": r"[A-Z]{2}", "units": r"[A-Z0-9]{2,3}"}


@pytest.mark.parametrize("name", NAMES)
def test_table_states_its_version_and_its_source(name):
    found = table(name)
    assert re.fullmatch(r"[0-9]{4}-[0-9]{2}", found.version) and found.source and found.name == name
    assert found.rows and all(row["zh"] for row in found.rows.values())
    if name in FILES:
        assert load(f"codes/{name}.json")["name"] == name


@pytest.mark.parametrize("name", ["countries", "currencies", "customs-districts", "units", "trade-modes"])
def test_table_says_what_it_does_not_hold(name):
    assert table(name).missing


@pytest.mark.parametrize(("name", "form"), INTERNATIONAL.items())
def test_codes_are_found_both_ways(name, form):
    found = table(name)
    there = {code: found.to_international(code) for code in found.rows}
    assert all(re.fullmatch(form, foreign) for foreign in there.values() if foreign is not None)
    for foreign in {f for c, f in there.items() if f is not None and "factor" not in found.rows[c]}:
        assert found.to_international(found.from_international(foreign)) == foreign


@pytest.mark.parametrize("name", ["countries", "currencies"])
def test_no_two_customs_codes_are_one_country_or_currency(name):
    found = [row["iso"] for row in code_table(name).values() if "iso" in row]
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("name", "code", "foreign"),
    [
        ("currencies", "142", "CNY"),
        ("currencies", "110", "HKD"),
        ("currencies", "300", "EUR"),
        ("currencies", "303", "GBP"),
        ("currencies", "502", "USD"),
        ("countries", "142", "CN"),
        ("countries", "110", "HK"),
        ("countries", "116", "JP"),
        ("countries", "132", "SG"),
        ("countries", "303", "GB"),
        ("countries", "304", "DE"),
        ("countries", "344", "RU"),
        ("countries", "502", "US"),
        ("countries", "601", "AU"),
        ("units", "035", "KGM"),
        ("units", "036", "GRM"),
        ("units", "070", "TNE"),
        ("units", "011", "H87"),
        ("units", "095", "LTR"),
        ("units", "120", "XBX"),
        ("units", "136", "XBG"),
    ],
)
def test_reference_codes_map_as_the_reference_says(name, code, foreign):
    assert table(name).to_international(code) == foreign
    assert table(name).from_international(foreign) == code


def test_unit_that_counts_several_is_not_written_for_the_single_one():
    assert table("units").to_international("075") == "KGM"  # 斤, half a kilogram
    assert table("units").from_international("KGM") == "035"


def test_units_agree_with_the_quantities_that_lots_are_counted_in():
    units = customs_units()
    assert set(units) == set(code_table("units"))
    assert all(unit.base is None or unit.rec20 in UNITS for unit in units.values())


def test_place_without_an_international_code_has_none():
    assert table("countries").to_international("999") is None
    assert table("customs-districts").to_international("67") is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("code", ["", "zzz", "x" * 5000, "１４２"])
def test_unknown_code_is_refused_naming_field_and_code(name, code):
    with pytest.raises(Malformed) as caught:
        table(name).require(code, "/OrderHead/currency")
    assert caught.value.field == "/OrderHead/currency"
    assert repr(code[:20]) in caught.value.message and name in caught.value.message
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("name", "code"), [("currencies", "XXX"), ("countries", "ZZ"), ("units", "X"), ("statuses", "A")]
)
def test_foreign_code_is_refused_when_customs_has_none(name, code):
    with pytest.raises(Malformed) as caught:
        table(name).from_international(code, "currency")
    assert caught.value.field == "currency" and repr(code) in caught.value.message


@pytest.mark.parametrize("name", ["", "checks", "../tables/CEB303", "x" * 100])
def test_table_is_refused_when_there_is_none_of_that_name(name):
    with pytest.raises(Malformed):
        table(name)


def test_currencies_of_the_first_version_map_both_ways():
    assert (iso_currency("142"), iso_currency("502"), iso_currency("300")) == ("CNY", "USD", "EUR")
    assert (customs_currency("GBP"), customs_currency("XXX"), iso_currency("000")) == ("303", None, None)


def test_seven_zones_are_named_by_their_districts():
    zones = {code: row["zones"] for code, row in code_table("customs-districts").items() if "zones" in row}
    assert set(zones) == {"51", "53", "57", "60", "67", "68"}
    assert all(place in " ".join(zones.values()) for place in ["梅州", "惠州", "中山", "江门", "湛江", "茂名", "肇庆"])


@pytest.mark.parametrize(
    ("document", "path", "value"),
    [
        (changed(ORDER, currency="840"), "OrderHead/currency", "840"),
        (changed(ORDER, line=1, unit="KGM"), "OrderList[1]/unit", "KGM"),
        (changed(INVENTORY, country="CHN"), "InventoryHead/country", "CHN"),
        (changed(INVENTORY, line=1, country="000"), "InventoryList[1]/country", "000"),
        (changed(INVENTORY, customsCode="9999"), "InventoryHead/customsCode", "9999"),
        (changed(INVENTORY, portCode="0001"), "InventoryHead/portCode", "0001"),
        (changed(INVENTORY, tradeMode="0110"), "InventoryHead/tradeMode", "0110"),
        (changed(INVENTORY, trafMode="Q"), "InventoryHead/trafMode", "Q"),
        (changed(INVENTORY, wrapType="8"), "InventoryHead/wrapType", "8"),
    ],
)
def test_unknown_code_in_a_message_is_named_with_its_element(document, path, value):
    message_type = "CEB303" if document["head"].get("goodsValue") else "CEB603"
    (error,) = parse_message(message_xml(message_type, document), "lenient").errors
    assert (error.code, error.level, error.path.endswith(path)) == ("unknown-code", "specification", True)
    assert value in error.message_en and value in error.message_zh and path.rpartition("/")[2] in error.message_en
