"""The lot.origin payload: what is accepted, and which field is named when it is not."""

from __future__ import annotations

import contextlib
import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.codes import BaseUnit
from ledger.domain.lots import CERTIFICATE_TYPES, lot_id, parse_origin
from ledger.domain.members import uscc_check_character
from ledger.errors import Malformed

USCC = "91440900MA4X1A2B3" + uscc_check_character("91440900MA4X1A2B3")
RING = [[110.1, 21.1], [110.2, 21.1], [110.2, 21.2], [110.1, 21.1]]
ORIGIN: dict[str, Any] = {
    "gtin": "09506000134352",
    "lot": "FZX-260612-01",
    "product": {
        "name": {"zh": "荔枝", "en": "Lychee"},
        "variety": {"zh": "妃子笑", "en": "Feizixiao"},
        "hsCode": "0810901000",
        "species": "Litchi chinensis",
    },
    "producer": {"name": {"zh": "茂名果业", "en": "Maoming Fruit"}, "uscc": USCC},
    "site": {
        "kind": "orchard",
        "name": {"zh": "一号园", "en": "Orchard 1"},
        "gln": "9506000134307",
        "gaccNumber": "4409GY001",
        "location": {"type": "Polygon", "coordinates": [RING]},
        "area": {"value": "120.5", "unit": "MU"},
        "zone": 6,
    },
    "harvestedAt": "2026-06-12T06:30:00+08:00",
    "quantity": {"value": "12500", "unit": "KGM"},
    "certificates": [
        {
            "type": "commitment",
            "number": "CN-1",
            "issuer": {"zh": "茂名果业", "en": "Maoming Fruit"},
            "issuedAt": "2026-06-12",
            "validUntil": "2026-07-12",
            "assurance": "self",
            "digest": "sm3:" + "0" * 64,
        }
    ],
    "parents": [],
    "note": {"zh": "早熟", "en": "early"},
}
HARVEST = 1781217000  # 2026-06-11T22:30:00Z


def changed(pointer: str, value: Any) -> dict[str, Any]:
    """ORIGIN with the field at a JSON Pointer replaced, or removed when value is ... ."""
    payload = copy.deepcopy(ORIGIN)
    *parents, last = pointer.strip("/").split("/")
    at: Any = payload
    for key in parents:
        at = at[int(key)] if isinstance(at, list) else at[key]
    if value is ...:
        del at[last]
    elif isinstance(at, list):
        at[int(last)] = value
    else:
        at[last] = value
    return payload


def test_origin_is_read_when_it_is_complete():
    origin = parse_origin(ORIGIN)
    assert origin.lot_id == lot_id("09506000134352", "FZX-260612-01")
    assert (origin.base_quantity, origin.base_unit, origin.event_time) == (12_500_000, BaseUnit.GRAM, HARVEST)
    assert (origin.site_kind, origin.zone, origin.producer_uscc) == ("orchard", 6, USCC)
    assert origin.certificates[0].assurance == "self"


def test_origin_documented_in_the_manual_is_read():
    text = (Path(__file__).parents[3] / "docs" / "payloads.md").read_text(encoding="utf-8")
    example = json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL).group(1))
    assert parse_origin(example).base_quantity == 12_500_000


@pytest.mark.parametrize(
    "pointer", ["/certificates", "/parents", "/note", "/site/gln", "/site/area", "/product/hsCode"]
)
def test_origin_is_read_when_an_optional_field_is_absent(pointer):
    assert parse_origin(changed(pointer, ...)).base_quantity == 12_500_000


@pytest.mark.parametrize(
    "pointer",
    ["/gtin", "/lot", "/product", "/product/name", "/product/name/en", "/producer", "/producer/uscc", "/site",
     "/site/kind", "/site/location", "/site/location/coordinates", "/harvestedAt", "/quantity", "/quantity/unit",
     "/certificates/0/type", "/certificates/0/number", "/certificates/0/issuer", "/certificates/0/assurance"],
)  # fmt: skip
def test_origin_refusal_names_the_field_when_it_is_missing(pointer):
    with pytest.raises(Malformed) as caught:
        parse_origin(changed(pointer, ...))
    assert caught.value.field == pointer


@pytest.mark.parametrize(
    ("pointer", "value", "field"),
    [
        ("/gtin", "9506000134352", None),
        ("/gtin", "09506000134353", None),
        ("/lot", "批次一", None),
        ("/product/name/zh", "  ", None),
        ("/product/name/zh", "a\u0000b", None),
        ("/product/name/zh", "长" * 101, None),
        ("/product/hsCode", "081090100", None),
        ("/product/colour", "red", None),
        ("/producer/uscc", USCC[:-1] + "0", None),
        ("/site/kind", "ship", None),
        ("/site/gln", "9506000134308", None),
        ("/site/gaccNumber", "44 09", None),
        ("/site/zone", 0, None),
        ("/site/area", {"value": "0", "unit": "MU"}, "/site/area/value"),
        ("/site/area", {"value": "1", "unit": "acre"}, "/site/area/unit"),
        ("/site/location", {"type": "MultiPoint", "coordinates": []}, "/site/location/type"),
        ("/site/location", {"type": "Point", "coordinates": [21.6, 110.9]}, "/site/location/coordinates/1"),
        ("/site/location", {"type": "Point", "coordinates": [181, 0]}, "/site/location/coordinates/0"),
        ("/site/location", {"type": "Point", "coordinates": [110.9]}, "/site/location/coordinates"),
        ("/site/location", {"type": "Point", "coordinates": ["110.9", "21.6"]}, "/site/location/coordinates/0"),
        ("/site/location", {"type": "Point", "coordinates": [True, 1]}, "/site/location/coordinates/0"),
        ("/site/location/coordinates/0", RING[:3], None),
        ("/site/location/coordinates/0", [*RING[:3], [110.1, 21.3]], None),
        ("/site/location/coordinates/0", [[110, 21], [111, 21], [112, 21], [110, 21]], None),
        ("/site/location/coordinates/0", [[110, 21]] * 4, None),
        ("/site/location/coordinates", [], None),
        ("/site/location/coordinates/0", [[110 + i / 1e4, 21] for i in range(1001)], None),
        ("/harvestedAt", "2026-06-12T06:30:00", None),
        ("/harvestedAt", "2026-06-12", None),
        ("/harvestedAt", "2026-02-30T06:30:00+08:00", None),
        ("/harvestedAt", "2026-06-12T25:30:00+08:00", None),
        ("/harvestedAt", 1781217000, None),
        ("/quantity/value", "0", None),
        ("/quantity/value", "-1", None),
        ("/quantity/value", "1e3", None),
        ("/quantity", {"value": "0.0001", "unit": "KGM"}, None),
        ("/quantity", {"value": "9" * 39, "unit": "KGM"}, None),
        ("/quantity/unit", "box", None),
        ("/certificates", {}, None),
        ("/certificates/0/assurance", "fourth", None),
        ("/certificates/0/validUntil", "2026-06-11", None),
        ("/certificates/0/issuedAt", "12/06/2026", None),
        ("/certificates/0/uri", "javascript:alert(1)", None),
        ("/certificates/0/digest", "0" * 64, None),
        ("/parents", [{"gtin": "09506000134352", "lot": "P"}], "/parents/0/quantity"),
        ("/note", "text", None),
        ("/price", "1", None),
    ],
)  # fmt: skip
def test_origin_refusal_names_the_field_when_it_is_wrong(pointer, value, field):
    with pytest.raises(Malformed) as caught:
        parse_origin(changed(pointer, value))
    assert caught.value.field == (field or pointer)


def parent(lot: str, value: str, unit: str = "KGM") -> dict[str, Any]:
    return {"gtin": "09506000134352", "lot": lot, "quantity": {"value": value, "unit": unit}}


def test_parents_are_read_when_they_cover_the_lot():
    origin = parse_origin(changed("/parents", [parent("A", "8000"), parent("B", "4600")]))
    assert [(p.lot, p.base_quantity) for p in origin.parents] == [("A", 8_000_000), ("B", 4_600_000)]


@pytest.mark.parametrize(
    ("parents", "field"),
    [
        ([parent("A", "12499.999")], "/quantity"),
        ([parent("A", "13000"), parent("A", "1")], "/parents/1"),
        ([parent("FZX-260612-01", "13000")], "/parents/0"),
        ([parent("A", "13000", "H87")], "/parents/0/quantity"),
        ([parent(f"L{i}", "13000") for i in range(33)], "/parents"),
    ],
)
def test_parents_are_refused_when_they_are_too_little_repeated_or_of_another_kind(parents, field):
    with pytest.raises(Malformed) as caught:
        parse_origin(changed("/parents", parents))
    assert caught.value.field == field


def test_packhouse_lot_needs_a_packing_or_harvest_time():
    payload = changed("/site/kind", "packhouse")
    assert parse_origin(payload).event_time == HARVEST
    payload["packedAt"] = "2026-06-12T18:30:00+08:00"
    assert parse_origin(payload).event_time == HARVEST + 12 * 3600
    payload["packedAt"] = "2026-06-12T05:30:00+08:00"
    with pytest.raises(Malformed, match="before the harvest"):
        parse_origin(payload)
    del payload["packedAt"], payload["harvestedAt"]
    with pytest.raises(Malformed) as caught:
        parse_origin(payload)
    assert caught.value.field == "/packedAt"


def test_harvest_in_the_future_is_refused_when_the_time_is_given():
    assert parse_origin(ORIGIN, now=HARVEST).event_time == HARVEST
    with pytest.raises(Malformed, match="future"):
        parse_origin(ORIGIN, now=HARVEST - 16 * 60)


def test_certificate_types_have_both_languages():
    assert all(names["zh"] and names["en"] for names in CERTIFICATE_TYPES.values())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda c: st.lists(c, max_size=4) | st.dictionaries(st.text(), c, max_size=4),
    max_leaves=8,
)
POINTERS = ["/gtin", "/lot", "/product", "/producer", "/site", "/site/location", "/site/location/coordinates",
            "/site/location/coordinates/0/0", "/harvestedAt", "/quantity", "/quantity/value", "/certificates",
            "/certificates/0", "/parents", "/note"]  # fmt: skip


@given(JSON, st.sampled_from(POINTERS))
def test_origin_parser_raises_only_malformed_when_a_field_is_garbage(value, pointer):
    for payload in (value, changed(pointer, value)):
        with contextlib.suppress(Malformed):
            parse_origin(payload)
