"""A record's fields: only in the order of one document do they lead to its digest."""

from __future__ import annotations

import pytest

from ledger.errors import Malformed, VerificationFailed
from ledger.merkle.proof import InclusionProof
from ledger.proof.bundle import BundledRecord, Field
from ledger.proof.records import _commitment, check_record, record_digest

AUTHOR, LOTS = b"\x0a" * 32, (b"\x01" * 32, b"\x02" * 32)


def record(*fields, lots=LOTS, digest=None):
    made = tuple(Field(path, b"s" * 16, value, None) for path, value in fields)
    if digest is None:
        digest = record_digest("lot.origin", AUTHOR, lots, [_commitment(field, "") for field in made])
    return BundledRecord(digest, "lot.origin", AUTHOR, lots, made, InclusionProof(0, 1, ()))


@pytest.mark.parametrize(
    "paths",
    [
        [("a",), ("b",)],
        [("a", 0), ("a", 1)],
        [("a", 9), ("a", 10)],
        [("a", "x"), ("b", 0)],
        [("\U0001f600",), ("\uff5e",)],  # RFC 8785 3.2.3: by UTF-16 units, not by code points
        [("z",), ("é",)],
    ],
)
def test_record_holds_when_its_fields_are_in_the_order_of_a_document(paths):
    check_record(record(*((path, 1) for path in paths)), "/r")


@pytest.mark.parametrize(
    "paths",
    [
        [("b",), ("a",)],
        [("a",), ("a",)],
        [("a",), ("a", "b")],
        [("a", "b"), ("a",)],
        [("a", 1), ("a", 0)],
        [("a", 10), ("a", 9)],
        [("a", 0), ("a", "b")],
        [("a", "0"), ("a", 1)],
        [("\uff5e",), ("\U0001f600",)],
        [("é",), ("z",)],
        [("a",), ("c",), ("b",)],
    ],
)
def test_record_is_refused_when_its_fields_are_not_in_the_order_of_a_document(paths):
    with pytest.raises(Malformed, match="in a document") as caught:
        check_record(record(*((path, 1) for path in paths)), "/r")
    assert caught.value.field == f"/r/fields/{len(paths) - 1}/path"


@pytest.mark.parametrize("lots", [LOTS[::-1], LOTS[:1] * 2, (b"\x01" * 32, b"\x03" * 32, b"\x02" * 32)])
def test_record_is_refused_when_its_lots_do_not_ascend(lots):
    with pytest.raises(Malformed, match="ascending"):
        check_record(record((("a",), 1), lots=lots), "/r")


def test_record_is_refused_when_its_digest_is_another():
    with pytest.raises(VerificationFailed, match="digest") as caught:
        check_record(record((("a",), 1), digest=bytes(32)), "/r")
    assert caught.value.field == "/r/digest"


@pytest.mark.parametrize(("path", "value"), [(("a",), "\ud800"), (("\ud800",), 1), (("a", "\udfff"), 1)])
def test_record_is_refused_when_a_text_is_not_unicode(path, value):
    with pytest.raises(Malformed):
        check_record(record((path, value), digest=bytes(32)), "/r")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**60])
def test_record_is_refused_naming_the_field_when_a_value_has_no_canonical_form(value):
    with pytest.raises(Malformed) as caught:
        check_record(record((("a",), value), digest=bytes(32)), "/r")
    assert caught.value.field == "/r/fields/0"


@pytest.mark.parametrize(("path", "value"), [(("a",), "e\u0301"), (("e\u0301",), 1)])
def test_record_is_refused_when_a_text_is_not_normalised(path, value):
    with pytest.raises(Malformed, match="normalisation"):
        check_record(record((path, value), digest=bytes(32)), "/r")
