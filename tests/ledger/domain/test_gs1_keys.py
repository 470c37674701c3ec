"""GS1 keys, lot grammar, Digital Links and EPC URNs."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain import gs1
from ledger.domain.gs1 import DigitalLink, Gln, Gtin, Sscc, digital_link, parse_code, parse_digital_link, parse_epc
from ledger.errors import Malformed

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "gs1-keys.json").read_text(encoding="utf-8"))
CSET82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
CODE = st.text(alphabet=CSET82, min_size=1, max_size=20).filter(lambda t: t not in (".", ".."))
GTIN = st.text(alphabet="0123456789", min_size=13, max_size=13).map(gs1.with_check_digit)


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda v: v["text"])
def test_gtin_becomes_14_digits_when_its_check_digit_holds(vector):
    assert Gtin.parse(vector["text"]) == vector["gtin14"]


@pytest.mark.parametrize("text", VECTORS["wrongCheckDigit"] + VECTORS["wrongForm"])
def test_gtin_is_refused_when_form_or_check_digit_is_wrong(text):
    with pytest.raises(Malformed) as caught:
        Gtin.parse(text, "/gtin")
    assert caught.value.field == "/gtin"


@pytest.mark.parametrize("value", [None, 4006381333931, b"4006381333931", ["4006381333931"]])
def test_gtin_is_refused_when_it_is_not_text(value):
    with pytest.raises(Malformed):
        Gtin.parse(value)


@pytest.mark.parametrize("cls", [Gln, Sscc])
def test_gln_and_sscc_are_checked(cls):
    table = VECTORS[cls.__name__.lower()]
    assert [cls.parse(text) for text in table["valid"]] == table["valid"]
    for text in table["invalid"]:
        with pytest.raises(Malformed):
            cls.parse(text)


@given(st.text(alphabet="0123456789", min_size=13, max_size=13), st.integers(0, 13), st.integers(1, 9))
def test_check_digit_catches_every_single_digit_error(body, position, shift):
    good = gs1.with_check_digit(body)
    digits = list(good)
    digits[position] = str((int(digits[position]) + shift) % 10)
    with pytest.raises(Malformed):
        Gtin.parse("".join(digits))


@given(CODE)
def test_lot_code_is_accepted_when_within_set_82(text):
    assert parse_code(text) == text


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "批次1", "A#1", "a" * 21, ".", "..", "x\n", "x\x00", "é", "[1]", "~", None, 5]
)
def test_lot_code_is_refused_when_outside_the_grammar(text):
    with pytest.raises(Malformed):
        parse_code(text)


@given(GTIN, CODE, st.none() | CODE)
def test_digital_link_round_trips_when_reserved_characters_are_percent_encoded(gtin, lot, serial):
    uri = digital_link(gtin, lot, base="https://example.org/stem/", serial=serial)
    assert parse_digital_link(uri) == DigitalLink(Gtin(gtin), lot, serial)
    assert uri == "https://example.org/stem" + parse_digital_link(uri).path
    assert uri.isascii() and " " not in uri and uri.count("/") <= 11


@pytest.mark.parametrize(
    ("uri", "lot", "serial"),
    [
        ("https://id.gs1.org/01/09506000134352/10/ABC123", "ABC123", None),
        ("/01/9506000134352/10/ABC123", "ABC123", None),
        ("https://example.com/a/b/01/09506000134352/10/L%2F1/21/S-1?17=261231&linkType=all#x", "L/1", "S-1"),
        ("https://example.com/01/09506000134352/22/2A/10/L1/", "L1", None),
        ("http://127.0.0.1:8000/01/09506000134352", None, None),
        ("https://example.com/01/x/01/09506000134352/21/%31", None, "1"),
    ],
)
def test_digital_link_is_read_when_it_follows_the_syntax(uri, lot, serial):
    link = parse_digital_link(uri)
    assert (link.gtin, link.lot, link.serial) == ("09506000134352", lot, serial)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/",
        "/10/ABC",
        "/01/09506000134353/10/ABC",
        "/01/09506000134352/10",
        "/01/09506000134352/10//",
        "/01/09506000134352/21/1/10/A",
        "/01/09506000134352/10/A/10/B",
        "/01/09506000134352/11/260101",
        "/01/09506000134352/10/%ZZ",
        "/01/09506000134352/10/%E8%8D%94",
        "/01/09506000134352/10/a%20b",
        "/01/09506000134352/10/%2E%2E",
        "/01/09506000134352/10/" + "A" * 21,
        "javascript:/01/09506000134352/10/A",
        "ftp://x/01/09506000134352/10/A",
        "http://[::1/01/09506000134352/10/A",
        "/01/09506000134352/10/A" + "?" + "x" * 3000,
    ],
)
def test_digital_link_is_refused_when_keys_order_or_values_are_wrong(uri):
    with pytest.raises(Malformed):
        parse_digital_link(uri, "/epc")


@pytest.mark.parametrize("vector", VECTORS["epc"], ids=lambda v: v["urn"])
def test_epc_urn_names_the_same_thing_as_its_digital_link(vector):
    assert parse_epc(vector["urn"]) == parse_digital_link(vector["link"])


@pytest.mark.parametrize("urn", VECTORS["epcInvalid"])
def test_epc_urn_is_refused_when_it_is_not_an_lgtin_or_sgtin(urn):
    with pytest.raises(Malformed):
        parse_epc(urn)


@given(st.text(max_size=60))
def test_gs1_parsers_raise_only_malformed_when_fed_garbage(text):
    for parse in (Gtin.parse, Gln.parse, Sscc.parse, parse_code, parse_digital_link, parse_epc):
        for candidate in (text, "/01/" + text, "urn:epc:id:sgtin:" + text, "/01/09506000134352/10/" + quote(text)):
            with contextlib.suppress(Malformed):
                parse(candidate)
