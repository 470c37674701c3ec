"""Submissions: building, the wire form, and that `check` refuses everything that was not signed."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import plain_oracle as oracle
import pytest

from ledger.crypto.keyfile import FileSigner
from ledger.crypto.sm2 import DEFAULT_ID, PrivateKey
from ledger.crypto.sm3 import sm3
from ledger.documents.canonical import loads_strict
from ledger.documents.statement import Record, commit
from ledger.documents.submission import FORMAT, MAX_EVIDENCE_BYTES, MAX_PROBLEMS, SignedSubmission, build, check
from ledger.domain import action as act
from ledger.errors import Malformed, OriginSealError, RecordsRefused, SignatureRejected
from ledger.merkle.proof import verify_inclusion

KEY = PrivateKey.generate()
SIGNER = FileSigner(KEY)
MEMBER = sm3(b"member")
DOMAIN = act.domain(20250, b"\x11" * 20)
LOT_A, LOT_B, LOT_C = sorted(sm3(bytes([i])) for i in range(3))
OPERATION = act.set_lot_state(LOT_A, 2)


def records() -> list[Record]:
    return [
        commit("lot.origin", MEMBER, [LOT_B], {"gtin": "06901234567892", "品种": "妃子笑"}),
        commit("epcis.event", MEMBER, [LOT_B, LOT_A], {"eventTime": "2026-06-10T05:30:00+08:00", "n": [1, {}]}),
        commit("ceb.303", MEMBER, [], {"head": {"orderNo": "O-1"}}, evidence=b"<CEB303Message/>"),
        commit("epcis.event", MEMBER, [LOT_B], {"x": 1}),
    ]


RECORDS = records()
SIGNED = build(RECORDS, [OPERATION], SIGNER, DOMAIN, nonce=7, expiry=1_800_000_000)
WIRE = SIGNED.to_wire()


def run(wire: Any) -> Any:
    return check(wire, DOMAIN, KEY.public, MEMBER)


def test_signed_submission_checks_when_it_comes_back_over_the_wire() -> None:
    wire = loads_strict(json.dumps(WIRE), max_depth=40)
    for form in (wire, WIRE, SIGNED):
        checked = run(form)
        assert [record.digest for record in checked.records] == [record.digest for record in RECORDS]
        assert checked.submission_id == SIGNED.submission_id and checked.action == SIGNED.action
        assert checked.meta == act.Meta(7, 1_800_000_000, 4) == SIGNED.meta
        assert (checked.key_id, checked.member_id, checked.signature) == (KEY.public.key_id, MEMBER, SIGNED.signature)
        assert checked.records[2].evidence == b"<CEB303Message/>" and checked.records[0].evidence is None


def test_message_is_87_bytes_signed_as_the_standard_says() -> None:
    checked = run(WIRE)
    assert len(checked.message) == 87
    assert checked.message == DOMAIN + checked.action.digest + checked.meta.encode()
    q = KEY.public.x, KEY.public.y
    e = int.from_bytes(oracle.sm3(oracle.z_value(q, DEFAULT_ID) + checked.message), "big")
    r, s = int.from_bytes(checked.signature[:32], "big"), int.from_bytes(checked.signature[32:], "big")
    assert oracle.verify_digest(q, e, r, s)
    assert checked.evidence.e == e.to_bytes(32, "big")


def test_action_names_every_lot_with_the_root_over_its_own_records() -> None:
    digests = [record.digest for record in RECORDS]
    assert SIGNED.action.root == oracle.merkle_root(digests) and SIGNED.action.count == 4
    assert SIGNED.action.lots == (
        act.LotEntry(LOT_A, oracle.merkle_root(digests[1:2]), 1),
        act.LotEntry(LOT_B, oracle.merkle_root([digests[0], digests[1], digests[3]]), 3),
    )
    SIGNED.action.check_shape()


def test_tree_proves_every_record() -> None:
    checked = run(WIRE)
    tree = checked.tree()
    for index, record in enumerate(checked.records):
        verify_inclusion(record.digest, tree.inclusion_proof(index), checked.action.root)


def test_keys_and_digests_agree_with_other_orders_of_the_same_json() -> None:
    def reverse(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: reverse(value[key]) for key in reversed(value)}
        return [reverse(item) for item in value] if isinstance(value, list) else value

    assert run(reverse(WIRE)).submission_id == SIGNED.submission_id


# ----------------------------------------------------------------------------------------------------- not signed


def _set(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    wire = copy.deepcopy(WIRE)
    target: Any = wire
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return wire


def _flipped(text: str, at: int) -> str:
    return text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]


TAMPERED = {
    "a payload value": _set(("records", 0, "payload", "品种"), "桂味"),
    "an added payload field": _set(("records", 3, "payload", "y"), 2),
    "a payload array": _set(("records", 1, "payload", "n"), [1, {}, 1]),
    "a seed": _set(("records", 0, "seed"), "00" * 32),
    "a kind": _set(("records", 1, "kind"), "epcis.events"),
    "a lot taken away": _set(("records", 1, "lots"), ["sm3:" + LOT_A.hex()]),
    "a lot added": _set(("records", 2, "lots"), ["sm3:" + LOT_C.hex()]),
    "records exchanged": _set(("records",), [WIRE["records"][1], WIRE["records"][0], *WIRE["records"][2:]]),
    "operation data": _set(("operations", 0, "data"), WIRE["operations"][0]["data"][:-1] + "3"),
    "operation kind": _set(("operations", 0, "kind"), 2),
    "no operation": _set(("operations",), []),
    "an operation twice": _set(("operations",), WIRE["operations"] * 2),
    "nonce": _set(("meta",), _flipped(WIRE["meta"], 17)),
    "expiry": _set(("meta",), _flipped(WIRE["meta"], 33)),
    "signature r": _set(("signature",), _flipped(WIRE["signature"], 5)),
    "signature s": _set(("signature",), _flipped(WIRE["signature"], 70)),
    "signature of zeros": _set(("signature",), "0" * 128),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_signature_is_rejected_when_anything_that_was_signed_is_changed(name: str) -> None:
    with pytest.raises(SignatureRejected):
        run(TAMPERED[name])


def test_signature_is_rejected_when_domain_key_or_author_is_another() -> None:
    other = PrivateKey.generate().public
    for domain in (act.domain(20251, b"\x11" * 20), act.domain(20250, b"\x12" * 20)):
        with pytest.raises(SignatureRejected):
            check(WIRE, domain, KEY.public, MEMBER)
    with pytest.raises(SignatureRejected):
        check(WIRE, DOMAIN, KEY.public, sm3(b"another member"))
    with pytest.raises(SignatureRejected):
        check(_set(("keyId",), "sm3:" + other.key_id.hex()), DOMAIN, other, MEMBER)
    with pytest.raises(Malformed) as caught:
        check(WIRE, DOMAIN, other, MEMBER)
    assert caught.value.field == "/keyId"


class WrongIdSigner(FileSigner):
    def sign(self, message: bytes) -> bytes:
        return KEY.sign(message, b"Alice@corp")


def test_building_is_refused_when_the_device_signs_with_another_user_id() -> None:
    with pytest.raises(SignatureRejected):
        build(RECORDS, [], WrongIdSigner(KEY), DOMAIN, nonce=1, expiry=1)


def test_building_is_refused_when_there_are_no_records_or_two_authors() -> None:
    with pytest.raises(Malformed):
        build([], [OPERATION], SIGNER, DOMAIN, nonce=1, expiry=1)
    foreign = commit("x.1", sm3(b"another"), [], {"a": 1})
    with pytest.raises(Malformed):
        build([RECORDS[0], foreign], [], SIGNER, DOMAIN, nonce=1, expiry=1)


@pytest.mark.parametrize(("nonce", "expiry"), [(-1, 1), (2**64, 1), (1, -1), (1, 2**64)])
def test_building_is_refused_when_nonce_or_expiry_does_not_fit(nonce: int, expiry: int) -> None:
    with pytest.raises(Malformed):
        build(RECORDS, [], SIGNER, DOMAIN, nonce=nonce, expiry=expiry)


# ------------------------------------------------------------------------------------------------------ malformed

ENVELOPE = {
    "not an object": [],
    "null": None,
    "a member missing": {key: value for key, value in WIRE.items() if key != "meta"},
    "an unknown member": {**WIRE, "root": "sm3:" + "0" * 64},
    "another format": {**WIRE, "format": "originseal-submission/v2"},
    "key id without algorithm": {**WIRE, "keyId": KEY.public.key_id.hex()},
    "key id of another algorithm": {**WIRE, "keyId": "keccak256:" + KEY.public.key_id.hex()},
    "meta too short": {**WIRE, "meta": WIRE["meta"][:-2]},
    "meta in upper case": {**WIRE, "meta": WIRE["meta"].upper().replace("0", "A", 1)},
    "meta of another type": {**WIRE, "meta": "02" + WIRE["meta"][2:]},
    "meta with reserved bytes": {**WIRE, "meta": WIRE["meta"][:-1] + "1"},
    "meta that counts another number": {**WIRE, "meta": WIRE["meta"][:-5] + "5" + WIRE["meta"][-4:]},
    "signature too short": {**WIRE, "signature": WIRE["signature"][2:]},
    "signature not text": {**WIRE, "signature": 5},
    "operations not a list": {**WIRE, "operations": {}},
    "operation without data": {**WIRE, "operations": [{"kind": 1}]},
    "operation kind 0": {**WIRE, "operations": [{"kind": 0, "data": "0x"}]},
    "operation kind 256": {**WIRE, "operations": [{"kind": 256, "data": "0x"}]},
    "operation kind true": {**WIRE, "operations": [{"kind": True, "data": "0x"}]},
    "operation data without 0x": {**WIRE, "operations": [{"kind": 1, "data": "00"}]},
    "operation data odd": {**WIRE, "operations": [{"kind": 1, "data": "0x0"}]},
    "operation data huge": {**WIRE, "operations": [{"kind": 1, "data": "0x" + "00" * 70_000}]},
    "too many operations": {**WIRE, "operations": WIRE["operations"] * 1001},
    "no records": {**WIRE, "records": []},
    "records not a list": {**WIRE, "records": WIRE["records"][0]},
    "too many records": {**WIRE, "records": WIRE["records"][:1] * 10_001},
}


@pytest.mark.parametrize("name", ENVELOPE)
def test_submission_is_malformed_when_its_envelope_is(name: str) -> None:
    with pytest.raises(Malformed):
        run(ENVELOPE[name])


BAD_RECORDS = {
    "not an object": (None, ""),
    "payload missing": ({"kind": "x.1", "lots": [], "seed": "00" * 32}, ""),
    "unknown member": ({**WIRE["records"][0], "digest": "x"}, ""),
    "kind not text": ({**WIRE["records"][0], "kind": 5}, "/kind"),
    "kind outside the grammar": ({**WIRE["records"][0], "kind": "A"}, "/kind"),
    "lots not a list": ({**WIRE["records"][0], "lots": "sm3:"}, "/lots"),
    "lot not a digest": ({**WIRE["records"][0], "lots": ["x"]}, "/lots/0"),
    "lot twice": ({**WIRE["records"][0], "lots": WIRE["records"][0]["lots"] * 2}, "/lots"),
    "seed short": ({**WIRE["records"][0], "seed": "00"}, "/seed"),
    "seed not text": ({**WIRE["records"][0], "seed": 7}, "/seed"),
    "payload a list": ({**WIRE["records"][0], "payload": [1]}, "/payload"),
    "payload empty": ({**WIRE["records"][0], "payload": {}}, "/payload"),
    "payload not NFC": ({**WIRE["records"][0], "payload": {"a": ["e\u0301"]}}, "/payload/a/0"),
    "payload with NaN": ({**WIRE["records"][0], "payload": {"a": float("nan")}}, "/payload/a"),
    "evidence not base64": ({**WIRE["records"][0], "evidence": "*"}, "/evidence"),
    "evidence not ASCII": ({**WIRE["records"][0], "evidence": "荔枝"}, "/evidence"),
    "evidence not text": ({**WIRE["records"][0], "evidence": 1}, "/evidence"),
    "evidence huge": ({**WIRE["records"][0], "evidence": "A" * (MAX_EVIDENCE_BYTES * 2)}, "/evidence"),
    "the same record again": (copy.deepcopy(WIRE["records"][0]), None),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_bad_record_is_named_with_its_field(name: str) -> None:
    item, field = BAD_RECORDS[name]
    with pytest.raises(RecordsRefused) as caught:
        run({**WIRE, "records": [*WIRE["records"], item]})
    (problem,) = caught.value.problems
    assert problem["record"] == 4 and problem["field"] == field and problem["reason"] and problem["code"]


def test_every_bad_record_is_named_and_no_secret_is_shown() -> None:
    good = WIRE["records"]
    secret = "deadbeef" * 7
    bad = [item for name, (item, _) in BAD_RECORDS.items() if "again" not in name]
    mixed = [good[0], *bad, {**good[1], "seed": secret}, good[2]]
    with pytest.raises(RecordsRefused) as caught:
        run({**WIRE, "records": mixed})
    assert [problem["record"] for problem in caught.value.problems] == list(range(1, len(bad) + 2))
    assert secret not in json.dumps(caught.value.problems) + str(caught.value)
    assert caught.value.detail["refused"] == len(bad) + 1


def test_problems_are_bounded_when_thousands_of_records_are_bad() -> None:
    with pytest.raises(RecordsRefused) as caught:
        run({**WIRE, "records": [{}] * 5000})
    assert len(caught.value.problems) == MAX_PROBLEMS and caught.value.detail["refused"] == 5000


def test_evidence_is_shared_when_many_records_came_in_one_message() -> None:
    text = base64.b64encode(b"<m/>").decode()
    items = [{**WIRE["records"][0], "seed": f"{i:064x}", "evidence": text} for i in range(2)]
    made = [
        commit("lot.origin", MEMBER, [LOT_B], items[i]["payload"], bytes.fromhex(items[i]["seed"])) for i in range(2)
    ]
    signed = build(made, [], SIGNER, DOMAIN, nonce=1, expiry=1)
    checked = run({**signed.to_wire(), "records": items})
    assert checked.records[0].evidence is checked.records[1].evidence


@pytest.mark.parametrize("junk", [0, True, "", "x", [], {}, {"format": FORMAT}, [[]], {"records": []}, 1.5, None])
def test_garbage_raises_nothing_but_project_errors(junk: Any) -> None:
    for wire in (junk, *({**WIRE, name: junk} for name in WIRE)):
        try:
            run(wire)
        except OriginSealError:
            continue
        assert wire == WIRE


def test_submission_repr_shows_no_payload_or_seed() -> None:
    assert isinstance(SIGNED, SignedSubmission)
    for shown in (repr(SIGNED), repr(run(WIRE))):
        assert "妃子笑" not in shown and RECORDS[0].seed.hex() not in shown
