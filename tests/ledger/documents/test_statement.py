"""Commitments: golden vectors, and that any change of content, order or path changes the digest."""

from __future__ import annotations

import copy
import json
from typing import Any

import plain_oracle as oracle
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.crypto.sm3 import sm3
from ledger.documents import canonical, statement
from ledger.documents.statement import Record, commit, flatten
from ledger.errors import Malformed, NotCanonical

SEED, AUTHOR = bytes(range(32)), sm3(b"author")
LOTS = sorted(sm3(bytes([i])) for i in range(3))
PAYLOAD = {
    "eventTime": "2026-06-10T05:30:00+08:00",
    "readPoint": {"id": "https://id.gs1.org/414/6901234500016"},
    "quantities": [{"value": "1200", "unit": "KGM"}, {"value": "3", "unit": "H87"}],
    "品种": "妃子笑",
    "tags": [],
}

keys = st.text("ab0/é品\U0001f600", max_size=3)
scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "0", "é", "1", 0.5, 1e-7])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)
payloads = st.dictionaries(keys, values, min_size=1, max_size=3)


def digest(
    payload: Any, *, kind: str = "epcis.event", author: bytes = AUTHOR, lots: Any = (), seed: bytes = SEED
) -> bytes:
    return commit(kind, author, lots, payload, seed).digest


def test_records_equal_the_golden_vectors_and_the_oracle(vectors: Any) -> None:
    for case in vectors("statement/records.json")["vectors"]:
        author, seed = bytes.fromhex(case["author"]), bytes.fromhex(case["seed"])
        lots, payload = [bytes.fromhex(lot) for lot in case["lots"]], case["payload"]
        record = commit(case["kind"], author, reversed(lots), payload, seed)
        assert canonical.jcs(payload).decode() == case["canonical"], case["desc"]
        assert [
            {"path": list(leaf.path), "value": leaf.value, "salt": leaf.salt.hex(), "commitment": leaf.commitment.hex()}
            for leaf in record.leaves
        ] == case["fields"], case["desc"]
        assert record.field_root.hex() == case["fieldRoot"], case["desc"]
        assert record.digest.hex() == case["digest"], case["desc"]
        assert oracle.record_digest(case["kind"], author, lots, payload, seed).hex() == case["digest"], case["desc"]
        assert record.lots == tuple(lots) and record.leaf_count == len(case["fields"])


@given(payloads)
def test_digest_equals_the_oracle(payload: dict[str, Any]) -> None:
    record = commit("x.1", AUTHOR, LOTS, payload, SEED)
    assert record.digest == oracle.record_digest("x.1", AUTHOR, LOTS, payload, SEED)
    assert [(leaf.path, leaf.value) for leaf in record.leaves] == oracle.leaves(payload)


@given(payloads, payloads)
def test_digests_differ_when_contents_differ(one: dict[str, Any], two: dict[str, Any]) -> None:
    same = oracle.jcs(one) == oracle.jcs(two)
    assert (digest(one) == digest(two)) is same


@given(payloads)
def test_digest_is_the_same_when_the_text_is_written_in_another_order(payload: dict[str, Any]) -> None:
    def reverse(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: reverse(value[key]) for key in reversed(value)}
        return [reverse(item) for item in value] if isinstance(value, list) else value

    assert digest(reverse(payload)) == digest(payload)
    assert digest(json.loads(json.dumps(payload))) == digest(payload)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"a": {"0": 1}}, {"a": [1]}),
        ({"a": [[1]]}, {"a": [1]}),
        ({"a": {}}, {"a": []}),
        ({"a": None}, {"a": "null"}),
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": True}),
        ({"a": {"b": 1}}, {"a/b": 1}),
        ({"a": {"b": 1}}, {"a,b": 1}),
        ({'a","b': 1}, {"a": {"b": 1}}),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
        ({"a": ""}, {"a": {}}),
        ({"a": ["x", "y"]}, {"a": ["x,y"]}),
        ({"": 1}, {"": {"": 1}}),
    ],
)
def test_digests_differ_when_paths_or_types_look_alike(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert digest(one) != digest(two)


def _mutations() -> list[tuple[str, Any]]:
    out: list[tuple[str, Any]] = []

    def walk(value: Any, path: tuple[Any, ...]) -> None:
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, child in items:
            for name, new in (("changed", "tampered"), ("wrapped", [child]), ("nulled", None)):
                changed = copy.deepcopy(PAYLOAD)
                target: Any = changed
                for step in path:
                    target = target[step]
                target[key] = new
                out.append((f"{'.'.join(map(str, (*path, key)))} {name}", changed))
            walk(child, (*path, key))

    walk(PAYLOAD, ())
    return out


@pytest.mark.parametrize(("name", "changed"), _mutations())
def test_digest_changes_when_any_field_is_tampered_with(name: str, changed: dict[str, Any]) -> None:
    assert digest(changed) != digest(PAYLOAD), name


def test_digest_changes_when_kind_author_lots_or_seed_change() -> None:
    plain = digest(PAYLOAD)
    others = [
        digest(PAYLOAD, kind="epcis.even"),
        digest(PAYLOAD, author=sm3(b"another")),
        digest(PAYLOAD, lots=LOTS[:1]),
        digest(PAYLOAD, lots=LOTS[:2]),
        digest(PAYLOAD, lots=LOTS[1:2]),
        digest(PAYLOAD, seed=SEED[::-1]),
    ]
    assert len({plain, *others}) == 7


def test_commitments_of_equal_values_differ_because_of_their_salts() -> None:
    record = commit("x.1", AUTHOR, (), {"l": ["same"] * 50, "m": ["same"] * 50})
    assert len(set(record.commitments)) == 100
    again = commit("x.1", AUTHOR, (), {"l": ["same"] * 50, "m": ["same"] * 50})
    assert not set(record.commitments) & set(again.commitments)  # a fresh seed each time


def test_seed_and_payload_do_not_show_in_repr() -> None:
    record = commit("x.1", AUTHOR, (), {"price": "88.50"}, SEED)
    assert SEED.hex() not in repr(record) and "88.50" not in repr(record)


def test_lots_are_sorted_and_evidence_is_not_committed_to() -> None:
    record = commit("x.1", AUTHOR, reversed(LOTS), PAYLOAD, SEED, evidence=b"<xml/>")
    assert record.lots == tuple(LOTS) and record.evidence == b"<xml/>"
    assert record.digest == commit("x.1", AUTHOR, LOTS, PAYLOAD, SEED).digest


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": ""}, "kind"),
        ({"kind": "x" * 65}, "kind"),
        ({"kind": "Lot.origin"}, "kind"),
        ({"kind": "lot_origin"}, "kind"),
        ({"kind": "荔枝"}, "kind"),
        ({"author": AUTHOR[:31]}, "author"),
        ({"seed": SEED[:16]}, "seed"),
        ({"seed": b""}, "seed"),
        ({"lots": [LOTS[0], LOTS[0]]}, "lots"),
        ({"lots": [LOTS[0][:31]]}, "lots"),
        ({"lots": [i.to_bytes(32, "big") for i in range(statement.MAX_LOTS + 1)]}, "lots"),
    ],
)
def test_record_is_malformed_when_its_frame_is(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Malformed) as caught:
        digest(PAYLOAD, **changes)
    assert caught.value.field == field


@pytest.mark.parametrize("payload", [None, [], [1], "x", 1, {}, ()])
def test_payload_is_malformed_when_it_is_not_an_object_with_members(payload: Any) -> None:
    with pytest.raises(Malformed):
        flatten(payload)


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"a": {"b": ["e\u0301"]}}, "/a/b/0"),
        ({"a": "e\u0301"}, "/a"),
        ({"a": {"e\u0301": 1}}, "/a"),
        ({"a": ["\ud800"]}, "/a/0"),
        ({"a": {"x": "\udfff"}}, "/a/x"),
        ({"a": [float("nan")]}, "/a/0"),
        ({"a": {"b": float("inf")}}, "/a/b"),
        ({"a": 2**53}, "/a"),
        ({"a": [1e17]}, "/a/0"),
        ({"a": (1,)}, "/a"),
        ({"a": {"b": b"x"}}, "/a/b"),
        ({"a": {1: 2}}, "/a"),
        ({1: 2}, ""),
    ],
)
def test_payload_is_refused_by_path_when_it_has_no_canonical_form(payload: Any, field: str) -> None:
    with pytest.raises(Malformed) as caught:
        commit("x.1", AUTHOR, (), payload, SEED)
    assert caught.value.field == field


def nested(depth: int, inside: Any) -> Any:
    for _ in range(depth):
        inside = {"a": inside}
    return inside


@pytest.mark.parametrize("inside", [1, "x", {}, []])
def test_depth_is_bounded_the_same_way_in_every_module(inside: Any) -> None:
    container = isinstance(inside, dict | list)
    fits = nested(32 - container, inside)
    assert commit("x.1", AUTHOR, (), fits, SEED).leaf_count == 1
    canonical.check(fits)
    for check in (canonical.check, flatten):
        with pytest.raises(Malformed):
            check(nested(33 - container, inside))


def test_leaves_are_bounded() -> None:
    assert commit("x.1", AUTHOR, (), {"l": [0] * 4096}, SEED).leaf_count == 4096
    for payload in ({"l": [0] * 4097}, {str(i): i for i in range(4097)}, {"l": [[]] * 4097}):
        with pytest.raises(Malformed):
            commit("x.1", AUTHOR, (), payload, SEED)


def test_same_digest_when_the_key_order_is_remembered_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered = [digest(PAYLOAD) for _ in range(2)]
    monkeypatch.setattr(statement, "_MAX_PLAN_KEYS", 0)
    assert {digest(PAYLOAD), *remembered} == {oracle.record_digest("epcis.event", AUTHOR, [], PAYLOAD, SEED)}
    statement._remembered_plan.cache_clear()  # type: ignore[attr-defined]
    wide = {f"key {i} " + "x" * 40: i for i in range(200)}
    assert digest(wide) == oracle.record_digest("epcis.event", AUTHOR, [], wide, SEED)
    assert statement._remembered_plan.cache_info().currsize == 0  # type: ignore[attr-defined]


@given(payloads)
def test_the_fast_path_and_the_checks_agree_on_what_is_acceptable(payload: dict[str, Any]) -> None:
    assume(payload)
    canonical.check(payload)
    assert isinstance(commit("x.1", AUTHOR, (), payload, SEED), Record)


def test_denormalised_key_is_refused_every_time() -> None:
    for _ in range(3):  # a refusal must not be remembered as an acceptance
        with pytest.raises(NotCanonical):
            flatten({"e\u0301": 1})
