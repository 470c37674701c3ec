"""Partial disclosure: any chosen fields lead to the digest, and nothing else does; public fields by kind."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.crypto.sm3 import sm3
from ledger.documents.disclosure import (
    Disclosure,
    Shown,
    Withheld,
    disclose,
    public_leaves,
    public_part,
    unflatten,
)
from ledger.documents.statement import commit
from ledger.errors import Malformed, Untrusted, VerificationFailed

AUTHOR = sm3(b"author")
LOTS = sorted(sm3(bytes([i])) for i in range(2))
PAYLOAD = {
    "a": {"x": "1", "y": None},
    "b": [{"k": 1}, {"k": 2, "m": []}, "s"],
    "Ａ": "fullwidth",
    "😀": "astral sorts before fullwidth",
    "e": {},
}
RECORD = commit("x.1", AUTHOR, LOTS, PAYLOAD)
ALL = range(RECORD.leaf_count)


@given(st.sets(st.sampled_from(ALL)))
def test_any_choice_of_fields_leads_to_the_digest(indices: set[int]) -> None:
    disclosure = disclose(RECORD, indices)
    again = Disclosure.from_json(json.loads(json.dumps(disclosure.to_json())))
    assert again == disclosure
    evidence = again.verify()
    assert evidence.digest == RECORD.digest and evidence.withheld == RECORD.leaf_count - len(indices)
    shown = {leaf.path: leaf.value for leaf in RECORD.leaves if leaf.index in indices}
    assert dict(evidence.fields) == shown
    assert (evidence.kind, evidence.author, evidence.lots) == ("x.1", AUTHOR, tuple(LOTS))


def test_whole_payload_comes_back_when_everything_is_shown() -> None:
    assert disclose(RECORD, ALL).verify().payload() == PAYLOAD


def test_nothing_of_a_withheld_field_is_shown() -> None:
    text = json.dumps(disclose(RECORD, [0]).to_json(), ensure_ascii=False)
    assert "fullwidth" not in text and "Ａ" not in text
    assert RECORD.seed.hex() not in text
    assert not any(RECORD.leaf(index).salt.hex() in text for index in ALL if index != 0)


def test_disclosing_is_misuse_when_the_leaf_does_not_exist() -> None:
    for index in (-1, RECORD.leaf_count):
        with pytest.raises(IndexError):
            disclose(RECORD, [index])


FULL = disclose(RECORD, ALL).to_json()
HALF = disclose(RECORD, ALL[::2]).to_json()


def _tampered() -> dict[str, Any]:
    out: dict[str, Any] = {}

    def case(name: str, **changes: Any) -> None:
        out[name] = {**copy.deepcopy(FULL), **changes}

    fields = FULL["fields"]
    for at, field in enumerate(fields):
        for key, value in (("value", "tampered"), ("salt", "00" * 16), ("path", ["tampered"]), ("value", [])):
            if field[key] == value:
                continue
            case(f"field {at} {key} {value}", fields=[*fields[:at], {**field, key: value}, *fields[at + 1 :]])
        case(f"field {at} left out", fields=fields[:at] + fields[at + 1 :], leafCount=len(fields) - 1)
        case(f"field {at} twice", fields=[*fields[: at + 1], *fields[at:]], leafCount=len(fields) + 1)
        withheld = {"commitment": "sm3:" + "00" * 32}
        case(f"field {at} replaced", fields=[*fields[:at], withheld, *fields[at + 1 :]])
    for at in range(len(fields) - 1):
        swapped = [*fields[:at], fields[at + 1], fields[at], *fields[at + 2 :]]
        case(f"fields {at} and {at + 1} exchanged", fields=swapped)
    case("kind", kind="x.2")
    case("author", author="sm3:" + "00" * 32)
    case("a lot less", lots=FULL["lots"][:1])
    case("no lots", lots=[])
    case("digest", digest="sm3:" + "00" * 32)
    return out


TAMPERED = _tampered()


@pytest.mark.parametrize("name", TAMPERED)
def test_verification_fails_when_the_disclosure_was_tampered_with(name: str) -> None:
    with pytest.raises(Untrusted):
        Disclosure.from_json(TAMPERED[name]).verify()


def test_two_withheld_fields_cannot_be_exchanged() -> None:
    fields = disclose(RECORD, []).to_json()["fields"]
    swapped = {**disclose(RECORD, []).to_json(), "fields": [fields[1], fields[0], *fields[2:]]}
    with pytest.raises(VerificationFailed):
        Disclosure.from_json(swapped).verify()


def _forged(*fields: tuple[tuple[str | int, ...], Any]) -> Disclosure:
    """A disclosure whose digest is right for its fields, as a dishonest author could make it."""
    from ledger.documents import canonical
    from ledger.documents.statement import field_commitment, record_digest
    from ledger.merkle.tree import merkle_root

    shown = tuple(Shown(path, value, bytes(16)) for path, value in fields)
    parts = [field_commitment(canonical.jcs(list(f.path)), f.salt, canonical.jcs(f.value)) for f in shown]
    return Disclosure(record_digest("x.1", AUTHOR, (), len(parts), merkle_root(parts)), "x.1", AUTHOR, (), shown)


@pytest.mark.parametrize(
    "fields",
    [
        [(("a",), 1), (("a",), 2)],
        [(("b",), 1), (("a",), 1)],
        [(("a",), 1), (("a", "b"), 1)],
        [(("a", "b"), 1), (("a",), 1)],
        [(("a", 0), 1), (("a", "0"), 1)],
        [(("a", "0"), 1), (("a", 0), 1)],
        [(("a", 10), 1), (("a", 9), 1)],
        [(("Ａ",), 1), (("😀",), 1)],
        [((), 1)],
        [((0,), 1)],
        [(("a", -1), 1)],
        [(("a",) * 33, 1)],
        [(("a",), {"b": 1})],
        [(("a",), [1])],
        [(("e\u0301",), 1)],
        [(("a",), "e\u0301")],
    ],
)
def test_verification_fails_when_the_fields_fit_no_one_document(fields: Any) -> None:
    with pytest.raises(Untrusted):
        _forged(*fields).verify()


def test_verification_holds_when_a_forged_order_is_right() -> None:
    assert _forged((("a", 9), 1), (("a", 10), 1), (("😀",), {}), (("Ａ",), [])).verify().withheld == 0


@pytest.mark.parametrize(
    "change",
    [
        {"x": 1},
        {"digest": None},
        {"kind": 3},
        {"kind": "A"},
        {"author": "sm3:00"},
        {"lots": {}},
        {"lots": list(reversed(FULL["lots"]))},
        {"lots": FULL["lots"] + FULL["lots"][-1:]},
        {"leafCount": 1},
        {"leafCount": float(len(FULL["fields"]))},
        {"fields": []},
        {"fields": [None]},
        {"fields": [{}], "leafCount": 1},
        {"fields": [{"commitment": "x"}], "leafCount": 1},
        {"fields": [{"path": "a", "salt": "00" * 16, "value": 1}], "leafCount": 1},
        {"fields": [{"path": [True], "salt": "00" * 16, "value": 1}], "leafCount": 1},
        {"fields": [{"path": ["a"], "salt": "00" * 15, "value": 1}], "leafCount": 1},
        {"fields": [{"path": ["a"], "salt": "zz" * 16, "value": 1}], "leafCount": 1},
        {"fields": [{"path": ["a"], "salt": "00" * 16, "value": 1, "commitment": "x"}], "leafCount": 1},
        {"fields": HALF["fields"] * 1000},
    ],
)
def test_disclosure_is_malformed_when_its_json_is_not_exact(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        Disclosure.from_json({**FULL, **change})


def test_empty_disclosure_proves_nothing() -> None:
    with pytest.raises(VerificationFailed):
        Disclosure(RECORD.digest, "x.1", AUTHOR, (), ()).verify()
    with pytest.raises(Malformed):
        Disclosure.from_json([])


# -------------------------------------------------------------------------------------------------------- unflatten


def test_unflatten_leaves_none_where_array_items_were_withheld() -> None:
    assert unflatten([(("l", 2, "k"), 1), (("l", 4), "x")]) == {"l": [None, None, {"k": 1}, None, "x"]}


@pytest.mark.parametrize(
    "fields",
    [
        [((), 1)],
        [((0,), 1)],
        [(("a",), 1), (("a",), 1)],
        [(("a",), 1), (("a", "b"), 1)],
        [(("a", 0), 1), (("a", "b"), 1)],
        [(("a", "b"), 1), (("a", 0), 1)],
        [(("a", 0), 1), (("a", 0), 1)],
        [(("a", -1), 1)],
        [(("a", 10**9), 1)],
        [(("a", 10**5, 10**5), 1)],
    ],
)
def test_unflatten_is_malformed_when_the_leaves_fit_no_document(fields: Any) -> None:
    with pytest.raises(Malformed):
        unflatten(fields)


# ------------------------------------------------------------------------------------------------------ what is public


def public(kind: str, payload: dict[str, Any]) -> Any:
    record = commit(kind, AUTHOR, [], payload)
    return public_part(record).verify().payload()


def test_origin_event_and_profile_are_public_entirely() -> None:
    for kind in ("lot.origin", "epcis.event", "member.profile"):
        assert public(kind, PAYLOAD) == PAYLOAD


@pytest.mark.parametrize("kind", ["ceb.303", "ceb.403", "ceb.505", "ceb.603", "x.1", "lot.origin2"])
def test_nothing_is_public_when_the_kind_is_not_listed(kind: str) -> None:
    record = commit(kind, AUTHOR, [], PAYLOAD)
    assert public_leaves(kind, record.leaves) == set()
    assert all(isinstance(field, Withheld) for field in public_part(record).fields)


def test_trade_link_shows_lots_and_quantities_only() -> None:
    line = {"gtin": "06901234567892", "lot": "A", "quantity": {"value": "3", "unit": "KGM"}}
    payload = {"ebcCode": "4409960ABC", "orderNo": "O-1", "lines": [{**line, "gnum": 1, "price": "9"}]}
    assert public("trade.link", payload) == {"lines": [line]}


def test_trade_match_shows_outcomes_but_no_compared_value() -> None:
    rule = {"id": "R1", "severity": "hard", "outcome": "failed", "fields": "303.goodsValue", "reason_en": "differs"}
    secret = {"left": "100.00", "right": "99.00"}
    payload = {"verdict": "MISMATCHED", "policyVersion": 1, "rules": [{**rule, **secret}], "note": "secret"}
    shown = public("trade.match", payload)
    assert shown == {"verdict": "MISMATCHED", "policyVersion": 1, "rules": [rule]}
