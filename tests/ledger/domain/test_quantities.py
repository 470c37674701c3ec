"""Quantities: exact conversion to whole base units, or a refusal."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.domain.codes import BaseUnit
from ledger.domain.quantity import (
    MAX_BASE,
    UNITS,
    Quantity,
    customs_base,
    customs_units,
    from_base,
    parse_decimal,
    plain,
)
from ledger.errors import Malformed

DECIMAL = st.decimals(min_value=0, max_value=10**12, allow_nan=False, allow_infinity=False, places=6)


@pytest.mark.parametrize(
    ("value", "unit", "base", "kind"),
    [
        ("12500", "KGM", 12_500_000, BaseUnit.GRAM),
        ("0.001", "KGM", 1, BaseUnit.GRAM),
        ("1.234567", "TNE", 1_234_567, BaseUnit.GRAM),
        ("1000", "MGM", 1, BaseUnit.GRAM),
        ("100000", "LBR", 45_359_237, BaseUnit.GRAM),
        ("7", "H87", 7, BaseUnit.PIECE),
        ("2.5", "PR", 5, BaseUnit.PIECE),
        ("1.5", "DZN", 18, BaseUnit.PIECE),
        ("0.75", "LTR", 750, BaseUnit.MILLILITRE),
        (12.5, "KGM", 12_500, BaseUnit.GRAM),
        (1e21, "GRM", 10**21, BaseUnit.GRAM),
        (3, "H87", 3, BaseUnit.PIECE),
        (str(MAX_BASE), "GRM", MAX_BASE, BaseUnit.GRAM),
    ],
)
def test_quantity_becomes_whole_base_units_when_it_is_exact(value, unit, base, kind):
    assert Quantity.parse(value, unit).to_base() == (base, kind)


@pytest.mark.parametrize(
    ("value", "unit"),
    [("0.0001", "KGM"), ("0.5", "GRM"), ("1.5", "H87"), ("1", "LBR"), ("0.0005", "LTR"), ("1", "MGM"), (0.1, "GRM")],
)
def test_quantity_is_refused_when_it_has_a_fraction_of_a_base_unit(value, unit):
    with pytest.raises(Malformed, match="whole number"):
        Quantity.parse(value, unit).to_base("/quantity")


@pytest.mark.parametrize(("value", "unit"), [(str(MAX_BASE + 1), "GRM"), (str(MAX_BASE), "KGM"), ("9" * 40, "TNE")])
def test_quantity_is_refused_when_it_overflows_a_uint128(value, unit):
    with pytest.raises(Malformed, match="too large"):
        Quantity.parse(value, unit).to_base()


@pytest.mark.parametrize(
    "value",
    ["", "-1", "+1", "1e3", "01", "1.", ".5", "1,5", " 1", "1 ", "NaN", "Infinity", "１２", "1_000", "1" * 41, "0x10",
     None, True, [], {}, float("nan"), float("inf"), -1, -0.5, 10**41, b"1"],
)  # fmt: skip
def test_decimal_is_refused_when_it_is_not_plain_and_non_negative(value):
    with pytest.raises(Malformed) as caught:
        parse_decimal(value, "/x")
    assert caught.value.field == "/x"


@pytest.mark.parametrize("unit", ["kg", "KG", "", "XBX", "035", None, 1, "KGMS"])
def test_quantity_is_refused_when_the_unit_has_no_base_unit(unit):
    with pytest.raises(Malformed):
        Quantity.parse({"value": "1", "unit": unit}, field="/quantity")


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"value": "1"}, "/q/unit"),
        ({"unit": "KGM"}, "/q/value"),
        ({"value": "1", "unit": "KGM", "x": 1}, "/q/x"),
        ({"value": "0", "unit": "KGM"}, "/q/value"),
        ({"value": 0.0, "unit": "KGM"}, "/q/value"),
        ("1 KGM", "/q"),
        (None, "/q"),
    ],
)
def test_quantity_refusal_names_the_field_when_the_object_is_wrong(payload, field):
    with pytest.raises(Malformed) as caught:
        Quantity.parse(payload, field="/q")
    assert caught.value.field == field


@given(DECIMAL, st.sampled_from(sorted(UNITS)))
def test_conversion_equals_exact_fractions_or_is_refused(value, unit):
    assume(value > 0)
    expected = Fraction(plain(value)) * Fraction(str(UNITS[unit][1]))
    quantity = Quantity.parse(plain(value), unit)
    if expected.denominator == 1 and expected <= MAX_BASE:
        assert quantity.to_base() == (expected.numerator, UNITS[unit][0])
    else:
        with pytest.raises(Malformed):
            quantity.to_base()


@given(st.integers(1, MAX_BASE), st.sampled_from(list(BaseUnit)))
def test_base_units_round_trip_through_what_people_read(value, base):
    shown = from_base(value, base)
    assert Quantity.parse(shown.text, shown.unit).to_base() == (value, base)


@pytest.mark.parametrize(
    ("value", "base", "unit"), [(1, 1, "H87"), (1, 2, "KGM"), (1, 9, None), (1, 1, "LBR"), (1, 1, "X")]
)
def test_from_base_is_refused_when_the_unit_does_not_fit(value, base, unit):
    with pytest.raises(Malformed):
        from_base(value, base, unit)


def test_customs_units_bridge_to_rec_20_as_the_reference_lists_them():
    units = customs_units()
    expected = {
        "035": "KGM",
        "036": "GRM",
        "070": "TNE",
        "007": "H87",
        "011": "H87",
        "095": "LTR",
        "120": "XBX",
        "136": "XBG",
    }
    assert {code: units[code].rec20 for code in expected} == expected
    assert (units["035"].zh, units["120"].zh, units["001"].zh) == ("千克", "箱", "台")
    assert all(len(code) == 3 and code.isdigit() for code in units)


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        ("2.5", "035", (Decimal(2500), BaseUnit.GRAM)),
        ("3", "075", (Decimal(1500), BaseUnit.GRAM)),  # 斤
        ("2", "127", (Decimal(24), BaseUnit.PIECE)),  # 打
        ("1.5", "063", (Decimal(1_500_000), BaseUnit.MILLILITRE)),  # 千升
        ("1", "120", None),
        ("1", "030", None),
        ("1", "999", None),
    ],
)
def test_customs_quantity_converts_when_its_unit_measures_mass_count_or_volume(value, code, expected):
    assert customs_base(Decimal(value), code) == expected
