"""Canonical JSON: one form or a refusal that names the place, against vectors, an oracle and the rfc8785 package."""

from __future__ import annotations

import json
import math
import struct
import sys
import unicodedata
from typing import Any

import plain_oracle as oracle
import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from ledger import errors
from ledger.documents import canonical
from ledger.documents.canonical import jcs, loads_strict, number
from ledger.errors import Malformed, NotCanonical, TooLarge, Untrusted


def is_nfc(text: str) -> bool:
    return unicodedata.is_normalized("NFC", text)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
nfc_texts = texts.map(lambda text: unicodedata.normalize("NFC", text))
safe_integers = st.integers(-canonical.MAX_SAFE_INTEGER, canonical.MAX_SAFE_INTEGER)
reals = st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda x: not canonical.MAX_SAFE_INTEGER < abs(x) < 1e21
)
scalars = st.none() | st.booleans() | safe_integers | reals | nfc_texts
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(nfc_texts, inner, max_size=4), max_leaves=12
)


def test_texts_have_the_canonical_form_or_the_refusal_of_the_vectors(vectors: Any) -> None:
    cases = vectors("canonical/json.json")["vectors"]
    assert sum(case["wantErr"] is None for case in cases) >= 25
    for case in cases:
        for data in (case["text"], case["text"].encode("utf-8")):
            if case["wantErr"] is None:
                value = loads_strict(data)
                assert jcs(value).decode() == case["canonical"], case["desc"]
                assert oracle.jcs(value) == case["canonical"], case["desc"]
                assert jcs(loads_strict(jcs(value))) == jcs(value), case["desc"]
            else:
                with pytest.raises(Malformed) as caught:
                    loads_strict(data)
                assert type(caught.value) is getattr(errors, case["wantErr"]), (case["desc"], caught.value)
                if case["field"] is not None:
                    assert caught.value.field == case["field"], (case["desc"], caught.value)


def test_numbers_have_the_text_of_rfc_8785_appendix_b_or_are_refused(vectors: Any) -> None:
    for case in vectors("canonical/numbers.json")["vectors"]:
        (value,) = struct.unpack(">d", bytes.fromhex(case["bits"]))
        if case["text"] is None:
            with pytest.raises(NotCanonical):
                number(value)
        else:
            assert number(value) == oracle.es_number(value) == case["text"], case["desc"]
            assert loads_strict(case["text"]) == value


@given(st.floats(allow_nan=False, allow_infinity=False, width=64))
@example(5e-324)
@example(-0.0)
@example(1e21)
@example(1e-7)
def test_number_equals_rfc8785_and_the_oracle_and_reads_back(value: float) -> None:
    if canonical.MAX_SAFE_INTEGER < abs(value) < 1e21:
        with pytest.raises(NotCanonical):
            number(value)
        return
    text = number(value)
    assert text.encode() == rfc8785.dumps(value) and text == oracle.es_number(value)
    assert loads_strict(text) == value
    assert number(loads_strict(text)) == text


@given(documents)
def test_canonical_form_equals_rfc8785_and_reads_back_with_the_same_types(value: Any) -> None:
    data = jcs(value)
    assert data == rfc8785.dumps(value) and data.decode() == oracle.jcs(value)
    again = loads_strict(data)
    assert again == value and jcs(again) == data
    assert loads_strict(json.dumps(value, indent=1)) == again  # white space, order and escapes do not matter
    assert repr(loads_strict(jcs(again))) == repr(again)  # equal types too


@given(st.text(st.characters(), max_size=12), st.sampled_from(["value", "key"]))
def test_text_is_kept_exactly_or_refused_when_it_may_be_denormalised_or_broken(text: str, place: str) -> None:
    document = json.dumps([text] if place == "value" else {text: 1}, ensure_ascii=True)
    surrogate = any("\ud800" <= character <= "\udfff" for character in text)
    # In JSON text two escaped surrogates side by side are one character: read as JSON does.
    meant = json.loads(document)
    inside = meant[0] if place == "value" else next(iter(meant))
    broken = any("\ud800" <= character <= "\udfff" for character in inside)
    if broken or not is_nfc(inside):
        with pytest.raises(NotCanonical):
            loads_strict(document)
    else:
        assert loads_strict(document) == meant
        assert surrogate or inside == text


tricky = st.text(
    st.sampled_from("ae<=>\u0300\u0301\u0338\u0327\u212b\u1112\u1161\u11ab\uac00\u0f71\u0f72\u09c7\u09be品\uf900"),
    max_size=8,
)


@given(st.lists(tricky, min_size=1, max_size=3), st.booleans())
def test_text_without_escapes_is_judged_string_by_string(strings: list[str], as_keys: bool) -> None:
    """The whole-text shortcut must accept and refuse exactly what the walk does."""
    if as_keys:
        strings = list(dict.fromkeys(strings))
    value: Any = dict.fromkeys(strings, 1) if as_keys else strings
    document = json.dumps(value, ensure_ascii=False)
    if all(map(is_nfc, strings)):
        assert loads_strict(document) == loads_strict(document.encode()) == value
    else:
        with pytest.raises(NotCanonical):
            loads_strict(document)


def test_limits_are_the_same_when_the_shortcut_applies_or_not() -> None:
    for padding in ("", "\\u0061"):  # an escape forces the walk
        deep = '{"a":' * 31 + f'["{padding}"]' + "}" * 31
        assert loads_strict(deep)
        with pytest.raises(Malformed):
            loads_strict('{"a":' + deep + "}")
        wide = "[" + ",".join([f'"{padding}"'] * 100) + "]"
        assert len(loads_strict(wide, max_leaves=100)) == 100
        with pytest.raises(Malformed):
            loads_strict(wide, max_leaves=99)


@given(texts)
def test_nfc_and_nfd_twins_never_both_pass(text: str) -> None:
    accepted = set()
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        twin = unicodedata.normalize(form, text)
        try:
            accepted.add(loads_strict(json.dumps(twin)))
        except NotCanonical:
            assert not is_nfc(twin)
    assert all(is_nfc(each) for each in accepted)
    assert sum(unicodedata.normalize("NFC", text) == each for each in accepted) == 1


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True))
def test_number_text_is_exact_or_refused(text: str) -> None:
    from fractions import Fraction

    exact = Fraction(text)
    try:
        value = loads_strict(text)
    except NotCanonical:
        as_float = float(text)
        rounded = not math.isfinite(as_float) or Fraction(repr(as_float)) != exact
        assert rounded or abs(exact) > canonical.MAX_SAFE_INTEGER
        return
    assert Fraction(repr(value)) == exact
    assert abs(exact) <= canonical.MAX_SAFE_INTEGER or exact >= 10**21 or exact <= -(10**21)
    assert loads_strict(jcs(value)) == value


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_garbage_raises_nothing_but_untrusted(data: bytes) -> None:
    try:
        value = loads_strict(data)
    except Untrusted:
        return
    assert jcs(loads_strict(jcs(value))) == jcs(value)


@pytest.mark.parametrize(
    "data", [b"\xff", b"\xc3", b"\xc0\xaf", b'"\xed\xa0\x80"', b"\xef\xbb\xbf{}", b"\xff\xfe{\0}\0"]
)
def test_bytes_are_not_canonical_when_they_are_not_plain_utf8(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        loads_strict(data)


def test_text_is_too_large_when_it_passes_the_limit_in_bytes() -> None:
    assert loads_strict('"' + "x" * 10 + '"', max_bytes=12) == "x" * 10
    for data in ('"' + "x" * 11 + '"', ('"' + "x" * 11 + '"').encode(), '"荔枝荔枝"'):
        with pytest.raises(TooLarge):
            loads_strict(data, max_bytes=12)
    with pytest.raises(TooLarge):
        loads_strict(b" " * (canonical.MAX_BYTES + 1))


def test_deep_text_is_malformed_when_the_recursion_limit_is_high() -> None:
    old = sys.getrecursionlimit()
    sys.setrecursionlimit(200_000)  # as importing py-evm does
    try:
        for text in ("[" * 100_000, '{"a":' * 100_000, "[" * 499 + "]" * 499):
            with pytest.raises(Malformed):
                loads_strict(text)
    finally:
        sys.setrecursionlimit(old)


def test_values_are_counted_as_leaves_when_they_are_scalars_or_empty() -> None:
    assert len(loads_strict("[" + ",".join(["{}"] * 4096) + "]")) == 4096
    assert loads_strict("[[[1]],{}]", max_leaves=2) == [[[1]], {}]
    with pytest.raises(Malformed):
        loads_strict("[[[1]],{}]", max_leaves=1)


class Text(str):
    pass


@pytest.mark.parametrize(
    "value", [{1: 2}, (1,), {1}, b"x", object(), Text("x"), [1j], float("nan"), float("inf"), 2**53, -(2**53), 1e20]
)
def test_python_values_are_refused_when_json_has_no_such_thing(value: object) -> None:
    with pytest.raises(Malformed):
        jcs(value)
    with pytest.raises(Malformed):
        canonical.check(value)


def test_jcs_is_refused_when_the_text_has_no_utf8() -> None:
    with pytest.raises(NotCanonical):
        jcs(["\ud800"])


@pytest.mark.parametrize(
    ("path", "text"), [((), ""), (("a", 0), "/a/0"), (("a/b", "~"), "/a~1b/~0"), (("",), "/"), ((0, "品种"), "/0/品种")]
)
def test_pointer_follows_rfc_6901(path: tuple[str | int, ...], text: str) -> None:
    assert canonical.pointer(path) == text


def test_keys_sort_by_utf16_and_not_by_code_point() -> None:
    keys = ["\U0001f600", "\uff21", "a\U0001f600", "a\uff21", "b", ""]
    assert canonical.sorted_keys(dict.fromkeys(keys)) == sorted(keys, key=oracle.utf16)
    assert canonical.sorted_keys(dict.fromkeys(keys)) != sorted(keys)
