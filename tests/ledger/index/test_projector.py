"""One event at a time, without chain or store."""

from __future__ import annotations

from typing import Any

import pytest
from index_world import GTIN, event, lines, member, origin, uscc

from ledger.chain.reader import Event
from ledger.crypto.digest import keccak256_text, sm3_text
from ledger.documents.statement import Record, commit
from ledger.domain.ids import lot_id, member_id
from ledger.domain.members import Role
from ledger.errors import BadCiphertext, NotFound
from ledger.index.changes import Add, Change, Remove, Set, position
from ledger.index.payloads import line_totals, lot_names, member_names, public_record
from ledger.index.projector import Happening, group, project, submission_of
from ledger.merkle.tree import merkle_root
from ledger.vault.values import Erasure, StoredRecord, UnreadableRecord

AUTHOR = member(7, "合作社", "Cooperative", Role.PRODUCER)
SUBMISSION = b"\x51" * 32
LOT = lot_id(GTIN, "L1")
OTHER = lot_id(GTIN, "L2")
TIME = 1_764_000_000
KEY, TRADE, MEMBER = b"\x4b" * 32, b"\x7e" * 32, b"\x6d" * 32


def happened(name: str, log_index: int = 1, *, transaction: bytes = b"\x01" * 32, **args: Any) -> Event:
    return Event("Any", name, args, 9, b"\x09" * 32, transaction, 0, log_index)


def accepted(records: list[Record], **changed: Any) -> Event:
    args = {
        "submissionId": SUBMISSION, "memberId": AUTHOR.id, "keyId": KEY, "nonce": 2**64 - 1,
        "root": merkle_root([record.digest for record in records]) if records else b"\x52" * 32,
        "count": max(len(records), 1), "actionDigest": b"\xad" * 32,
    }  # fmt: skip
    return happened("Accepted", 0, **(args | changed))


def stored(records: list[Record]) -> tuple[StoredRecord, ...]:
    return tuple(
        StoredRecord(SUBMISSION, i, r.kind, r.author, r.lots, r.digest, r.payload, r.seed)
        for i, r in enumerate(records)
    )


def changes(records: list[Record], *events: Event, rows: Any = "stored", first: Event | None = None) -> list[Change]:
    found = stored(records) if rows == "stored" else rows
    return project(Happening((first or accepted(records), *events), TIME, found))


def rows_of(found: list[Change], table: str) -> list[dict[str, Any]]:
    return [change.row for change in found if isinstance(change, Add) and change.table == table]


def sets_of(found: list[Change], table: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {change.key: change.values for change in found if isinstance(change, Set) and change.table == table}


def origin_record(**options: Any) -> Record:
    return commit("lot.origin", AUTHOR.id, [LOT], origin(AUTHOR, "L1", 1000) | options)


def extended(lot: bytes, digests: list[bytes], total: int, **changed: Any) -> Event:
    args = {"lotId": lot, "submissionId": SUBMISSION, "root": merkle_root(digests), "count": len(digests),
            "head": b"\x4e" * 32, "total": total}  # fmt: skip
    return happened("LotExtended", 5, **(args | changed))


# ------------------------------------------------------------------------------------------------------ submissions


def test_accepted_gives_the_submission_and_its_records() -> None:
    record = commit("epcis.event", AUTHOR.id, [LOT], event("L1"))
    found = changes([record])
    (row,) = rows_of(found, "submissions")
    assert (row["id"], row["nonce"], row["block"]) == (keccak256_text(SUBMISSION), str(2**64 - 1), 9)
    assert (row["sealed_at"], row["position"], row["payloads"]) == (TIME, position(9, 0), "ok")
    (made,) = rows_of(found, "records")
    assert (made["digest"], made["status"], made["biz_step"]) == (sm3_text(record.digest), "ok", "shipping")
    assert (made["event_time"], made["disposition"]) == (1_780_358_400, "in_transit")
    assert made["place"].startswith("https://id.gs1.org/414/")


@pytest.mark.parametrize("kind", ["ceb.303", "ceb.403", "ceb.505", "ceb.603", "unheard.of"])
def test_nothing_of_a_payload_is_taken_when_its_kind_is_not_public(kind: str) -> None:
    record = commit(kind, AUTHOR.id, (), {"orderNo": "secret", "lines": [{"price": "9.99"}]})
    (row,) = rows_of(changes([record]), "records")
    assert (row["payload"], row["withheld"]) == ("{}", 2)
    assert "secret" not in repr(changes([record]))


def test_only_goods_of_a_link_and_no_compared_values_are_taken() -> None:
    link = commit("trade.link", AUTHOR.id, [LOT], {"ebcCode": "E-1", "orderNo": "O-1", "lines": lines("L1", 5)})
    rule = {"id": "R", "outcome": "failed", "left": "77.10", "right": "77.20"}
    match = commit("trade.match", AUTHOR.id, [LOT], {"verdict": "MISMATCHED", "rules": [rule]})
    text = repr(changes([link, match]))
    assert "KGM" in text and "MISMATCHED" in text
    for secret in ("E-1", "O-1", "77.10", "77.20"):
        assert secret not in text


def test_records_are_unproven_when_they_do_not_lead_to_the_accepted_root() -> None:
    record = commit("epcis.event", AUTHOR.id, [LOT], event("L1"))
    for wrong in ({"root": bytes(32)}, {"count": 2}):
        found = changes([record], extended(LOT, [record.digest], 1), first=accepted([record], **wrong))
        assert rows_of(found, "submissions")[0]["payloads"] == "mismatch"
        assert rows_of(found, "records")[0]["status"] == "unproven"
        assert rows_of(found, "records")[0]["payload"] == "{}"
        assert rows_of(found, "lot_records") == []
        assert rows_of(found, "lot_entries")[0]["status"] == "mismatch"


def test_record_is_damaged_when_its_payload_is_not_what_was_committed_to() -> None:
    record = commit("epcis.event", AUTHOR.id, [LOT], event("L1"))
    (row,) = stored([record])
    from dataclasses import replace

    for change in ({"payload": event("L1", "storing")}, {"seed": bytes(32)}, {"kind": "lot.origin"}, {"payload": {}}):
        found = changes([record], rows=(replace(row, **change),))
        assert [(r["status"], r["payload"]) for r in rows_of(found, "records")] == [("damaged", "{}")]


def test_words_are_nobodys_when_a_record_names_another_author_than_its_signer() -> None:
    record = commit("epcis.event", MEMBER, [LOT], event("L1"))
    (row,) = rows_of(changes([record]), "records")
    assert (row["status"], row["payload"], row["author"]) == ("unproven", "{}", sm3_text(MEMBER))


def test_unreadable_rows_say_why_when_the_store_lost_them() -> None:
    records = [commit("epcis.event", AUTHOR.id, [LOT], event("L1")) for _ in range(4)]
    good, erased, damaged, missing = stored(records)

    def unreadable(row: StoredRecord, error: Any, digest: bytes, erasure: Erasure | None = None) -> UnreadableRecord:
        known = (row.kind, row.author, row.lots) if digest else ("", b"", ())
        return UnreadableRecord(SUBMISSION, row.index, *known, digest, error, erasure)

    rows = (
        good,
        unreadable(erased, NotFound("erased"), erased.digest, Erasure(5, None)),
        unreadable(damaged, BadCiphertext("damaged"), damaged.digest),
        unreadable(missing, BadCiphertext("missing"), b""),
    )
    digests = [record.digest for record in records]
    found = changes(records, extended(LOT, digests, 4), rows=rows)
    # With a digest lost nothing can be proven any more; with all digests there, the readable ones can.
    assert [r["status"] for r in rows_of(found, "records")] == ["unproven", "erased", "damaged", "missing"]
    assert rows_of(found, "lot_entries")[0]["status"] == "missing"
    found = changes(records[:3], extended(LOT, digests[:3], 3), rows=rows[:3])
    assert [r["status"] for r in rows_of(found, "records")] == ["ok", "erased", "damaged"]
    assert [r["sequence"] for r in rows_of(found, "lot_records")] == [0, 1, 2]


def test_submission_is_missing_when_the_store_does_not_hold_it() -> None:
    found = changes([], rows=None)
    assert rows_of(found, "submissions")[0]["payloads"] == "missing"
    assert rows_of(found, "records") == []


# ----------------------------------------------------------------------------------------------------------- members


def admitted(who: bytes, **changed: Any) -> Event:
    args = {"memberId": who, "by": AUTHOR.id, "submissionId": SUBMISSION, "roles": 3, "zone": 6, "custodial": True}
    return happened("MemberAdmitted", 2, **(args | changed))


def test_member_is_named_by_its_admission_and_by_itself_only() -> None:
    newcomer = member_id(uscc(8))
    profile = commit("member.profile", AUTHOR.id, (), {"uscc": uscc(8), "name": {"zh": "新", "en": "New"}})
    (row,) = rows_of(changes([profile], admitted(newcomer)), "members")
    assert (row["name_zh"], row["name_en"], row["uscc"], row["zone"], row["standing"]) == ("新", "New", uscc(8), 6, 1)
    own = commit("member.profile", AUTHOR.id, (), {"uscc": AUTHOR.uscc, "name": {"zh": "己", "en": "Self"}})
    assert sets_of(changes([own]), "members")[(sm3_text(AUTHOR.id),)]["name_zh"] == "己"
    assert sets_of(changes([profile]), "members") == {}  # about somebody else, who is not admitted here


def test_genesis_authority_has_no_admitter_when_no_submission_explains_it() -> None:
    events = (
        admitted(MEMBER, by=bytes(32), submissionId=bytes(32)),
        happened("KeyAdded", 3, keyId=KEY, memberId=MEMBER, submissionId=bytes(32), x=1, y=2, custodial=False),
    )
    found = project(Happening(events, TIME, None))
    (row,) = rows_of(found, "members")
    assert (row["admitted_by"], row["since"], row["name_zh"]) == ("", TIME, "")
    (key,) = rows_of(found, "keys")
    assert key["public_key"] == "04" + "00" * 31 + "01" + "00" * 31 + "02"
    assert sets_of(found, "members")[(sm3_text(MEMBER),)] == {"key_id": sm3_text(KEY), "custodial": False}
    assert submission_of(events) is None


def test_emergency_is_kept_until_authorities_decide() -> None:
    about = {"memberId": MEMBER, "by": AUTHOR.id, "submissionId": SUBMISSION}
    begins = (
        happened("EmergencySuspension", 2, **about, until=TIME + 5),
        happened("StandingChanged", 3, **about, standing=2),
    )
    confirmed = happened("StandingChanged", 4, **about, standing=2)
    for events, until in ((begins, TIME + 5), ((*begins, confirmed), 0)):
        row: dict[str, Any] = {}
        for change in changes([], *events, rows=None):
            if isinstance(change, Set) and change.table == "members":
                row |= change.values
        assert row == {"standing": 2, "suspended_until": until}


def test_member_events_set_what_they_say() -> None:
    found = changes(
        [],
        happened("KeyRevoked", 2, keyId=KEY, memberId=MEMBER, submissionId=SUBMISSION),
        happened("StandingChanged", 3, memberId=MEMBER, by=AUTHOR.id, submissionId=SUBMISSION, standing=2),
        rows=None,
    )
    assert sets_of(found, "keys") == {(sm3_text(KEY),): {"revoked_at": TIME}}
    assert sets_of(found, "members") == {(sm3_text(MEMBER),): {"standing": 2, "suspended_until": 0}}
    found = changes(
        [], happened("RolesChanged", 2, memberId=MEMBER, by=AUTHOR.id, submissionId=SUBMISSION, roles=9), rows=None
    )
    assert sets_of(found, "members") == {(sm3_text(MEMBER),): {"roles": 9}}


# -------------------------------------------------------------------------------------------------------------- lots


def registered(record: Record, lot: bytes = LOT, **changed: Any) -> Event:
    args = {"lotId": lot, "memberId": AUTHOR.id, "submissionId": SUBMISSION, "originDigest": record.digest,
            "quantity": 1_000_000, "unit": 1}  # fmt: skip
    return happened("LotRegistered", 2, **(args | changed))


def test_lot_takes_its_names_from_its_origin_and_its_numbers_from_the_chain() -> None:
    record = origin_record()
    (row,) = rows_of(changes([record], registered(record, quantity=2**128 - 1)), "lots")
    assert (row["gtin"], row["lot"], row["product_zh"], row["variety_en"]) == (GTIN, "L1", "荔枝", "Feizixiao")
    assert (row["quantity"], row["remaining"], row["display_unit"]) == (str(2**128 - 1), str(2**128 - 1), "KGM")
    assert (row["producer"], row["custodian"], row["state"], row["total"]) == (sm3_text(AUTHOR.id),) * 2 + (1, 0)


def test_lot_has_no_names_when_its_origin_speaks_of_another_lot() -> None:
    record = commit("lot.origin", AUTHOR.id, [OTHER], origin(AUTHOR, "L1", 1000))
    (row,) = rows_of(changes([record], registered(record, OTHER)), "lots")
    assert (row["gtin"], row["lot"], row["product_zh"]) == ("", "", "")


def test_lot_is_shown_in_its_base_unit_when_the_origins_unit_measures_something_else() -> None:
    record = origin_record()
    assert rows_of(changes([record], registered(record, unit=2)), "lots")[0]["display_unit"] == "H87"
    assert rows_of(changes([record], registered(record, unit=9)), "lots")[0]["display_unit"] == ""


def test_record_is_in_a_lots_history_only_when_it_stands_under_that_lots_entry() -> None:
    both = commit("epcis.event", AUTHOR.id, [LOT, OTHER], event("L1"))
    one = commit("epcis.event", AUTHOR.id, [LOT], event("L1", "packing"))
    found = changes([both, one], extended(LOT, [both.digest, one.digest], 12))
    assert [(r["lot"], r["sequence"], r["idx"]) for r in rows_of(found, "lot_records")] == [
        (sm3_text(LOT), 10, 0),
        (sm3_text(LOT), 11, 1),
    ]
    assert sets_of(found, "lots") == {(sm3_text(LOT),): {"head": "0x" + "4e" * 32, "total": 12}}
    # `both` names OTHER too, but no entry of OTHER was sealed: void (P3).
    for wrong in ({"count": 1}, {"root": bytes(32)}):
        found = changes([both, one], extended(LOT, [both.digest, one.digest], 2, **wrong))
        assert rows_of(found, "lot_records") == []
        assert rows_of(found, "lot_entries")[0]["status"] == "mismatch"


def test_lot_events_set_what_they_say() -> None:
    found = changes(
        [],
        happened("LotDrawn", 2, lotId=LOT, childId=OTHER, quantity=5, remaining=95),
        happened("LotTransferred", 3, lotId=OTHER, fromMemberId=AUTHOR.id, toMemberId=MEMBER, submissionId=SUBMISSION),
        rows=None,
    )
    assert rows_of(found, "lot_links") == [
        {"parent": sm3_text(LOT), "child": sm3_text(OTHER), "quantity": "5", "position": position(9, 2)}
    ]
    assert sets_of(found, "lots") == {
        (sm3_text(LOT),): {"remaining": "95"},
        (sm3_text(OTHER),): {"custodian": sm3_text(MEMBER)},
    }
    found = changes(
        [], happened("LotStateChanged", 2, lotId=LOT, memberId=MEMBER, submissionId=SUBMISSION, state=3), rows=None
    )
    assert sets_of(found, "lots") == {(sm3_text(LOT),): {"state": 3}}


# ------------------------------------------------------------------------------------------------------------ trades


def matched(record: Record, **changed: Any) -> Event:
    documents = [bytes([n]) * 32 for n in (1, 2, 3)] + [bytes(32)]
    args = {"tradeId": TRADE, "memberId": AUTHOR.id, "submissionId": SUBMISSION, "documents": documents, "verdict": 1,
            "policyVersion": 4, "independence": 2, "resultDigest": record.digest}  # fmt: skip
    return happened("MatchRecorded", 6, **(args | changed))


def result(lot: str = "L1", lots: tuple[bytes, ...] = (LOT,)) -> Record:
    return commit("trade.match", AUTHOR.id, lots, {"verdict": "MATCHED", "lines": lines(lot, 5) * 2})


def test_document_is_listed_without_content_when_sealed() -> None:
    sealed = happened(
        "DocumentSealed", 3, recordDigest=b"\x01" * 32, memberId=MEMBER, submissionId=SUBMISSION, kind=2, keyId=KEY
    )
    (row,) = rows_of(changes([], sealed, rows=None), "documents")
    assert (row["record"], row["kind"], row["member"]) == (sm3_text(b"\x01" * 32), 2, sm3_text(MEMBER))


def test_trade_replaces_its_earlier_result_when_matched_again() -> None:
    record = result()
    found = changes([record], extended(LOT, [record.digest], 1), matched(record))
    assert [change for change in found if isinstance(change, Remove)] == [
        Remove("trades", sm3_text(TRADE)),
        Remove("trade_lots", sm3_text(TRADE)),
    ]
    (row,) = rows_of(found, "trades")
    assert (row["verdict"], row["policy_version"], row["independence"], row["matched_at"]) == (1, 4, 2, TIME)
    assert (row["order_record"], row["list_record"]) == (sm3_text(b"\x01" * 32), "")


def test_trade_lots_take_stated_lines_from_the_result_and_exports_from_the_chain() -> None:
    record = result()
    exported = happened("LotExported", 7, lotId=LOT, tradeId=TRADE, quantity=9000, remaining=1)
    found = changes([record], extended(LOT, [record.digest], 1), matched(record), exported)
    assert rows_of(found, "trade_lots") == [
        {"trade": sm3_text(TRADE), "lot": sm3_text(LOT), "quantity": "10000", "exported": "9000"}
    ]
    assert sets_of(found, "lots")[(sm3_text(LOT),)]["remaining"] == "1"
    assert rows_of(changes([record], matched(record), exported, rows=None), "trade_lots")[0]["quantity"] == "9000"


def test_trade_is_not_linked_to_a_lot_when_the_result_does_not_stand_under_that_lots_entry() -> None:
    for record, entries in (
        (result(), ()),  # no entry of the lot
        (result("L2"), (LOT,)),  # its lines speak of another lot than it names
    ):
        events = [extended(lot, [record.digest], 1) for lot in entries]
        assert rows_of(changes([record], *events, matched(record, verdict=2)), "trade_lots") == []


# ---------------------------------------------------------------------------------------------- grouping and payloads


def test_events_are_grouped_by_submission_when_one_transaction_carries_two() -> None:
    names = ["Accepted", "LotExtended", "Accepted", "DocumentSealed"]
    events = [happened(name, i, submissionId=bytes([i]) * 32) for i, name in enumerate(names)]
    other = happened("MemberAdmitted", 4, transaction=b"\x02" * 32)
    assert [[e.name for e in each] for each in group([*events, other])] == [names[:2], names[2:], ["MemberAdmitted"]]
    assert group([]) == []


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"gtin": 5},
        {"gtin": GTIN},
        {"gtin": GTIN, "lot": []},
        {"gtin": GTIN, "lot": "L9"},
        {"gtin": None, "lot": "L1"},
    ],
)
def test_lot_has_no_names_when_the_payload_is_odd(payload: dict[str, Any]) -> None:
    assert lot_names(payload, LOT).gtin == ""


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"lines": {}},
        {"lines": [None, 7, {}, {"gtin": GTIN}]},
        {"lines": [{"gtin": GTIN, "lot": "L1", "quantity": {"value": "-1", "unit": "KGM"}}]},
        {"lines": [{"gtin": GTIN, "lot": "L1", "quantity": {"value": "1", "unit": "XXX"}}]},
        {"lines": [{"gtin": GTIN, "lot": "L1", "quantity": 5}]},
    ],
)
def test_lines_are_left_out_when_they_cannot_be_read(payload: dict[str, Any]) -> None:
    assert line_totals(payload) == {}


@pytest.mark.parametrize("payload", [{}, {"uscc": 5}, {"uscc": "short"}, {"uscc": "91440900000000001X"}])
def test_profile_names_nobody_when_its_code_is_wrong(payload: dict[str, Any]) -> None:
    assert member_names(payload) is None


def test_facts_are_empty_when_an_event_breaks_its_rules() -> None:
    found = public_record("epcis.event", {"type": "ObjectEvent", "eventTime": "yesterday"})
    assert (found.event_time, found.biz_step, found.withheld) == (None, None, 0)
    odd = {"bizStep": ["x"], "disposition": "no such word", "bizLocation": [], "readPoint": {"id": 4}, "eventTime": {}}
    found_odd = public_record("epcis.event", odd)
    assert (found_odd.biz_step, found_odd.disposition, found_odd.place, found_odd.event_time) == (None,) * 4
    assert found.payload == {"type": "ObjectEvent", "eventTime": "yesterday"}


def test_facts_are_those_of_the_strict_parsers_when_the_payload_is_valid() -> None:
    from ledger.domain.events import parse_event
    from ledger.domain.origin import parse_origin

    strict, found = parse_event(event("L1")), public_record("epcis.event", event("L1"))
    assert (found.event_time, found.biz_step) == (strict.event_time, strict.biz_step)
    assert (found.disposition, found.place) == (strict.disposition, strict.place)
    packed = {"packedAt": "2026-06-01T09:00:00+08:00"}
    for payload in (
        origin(AUTHOR, "L1", 5),
        origin(AUTHOR, "L1", 5) | packed,
        origin(AUTHOR, "L1", 5) | packed | {"site": origin(AUTHOR, "L1", 5)["site"] | {"kind": "packhouse"}},
    ):
        assert public_record("lot.origin", payload).event_time == parse_origin(payload).event_time


@pytest.mark.parametrize("kind", ["trade.match", "trade.link", "ceb.303", "epcis.event"])
def test_public_payload_is_what_a_disclosure_shows(kind: str) -> None:
    from ledger.documents.disclosure import public_part, public_payload

    payload = {
        "verdict": "MATCHED", "orderNo": "x", "documents": {"order": "sm3:00"}, "lines": lines("L1", 5),
        "rules": [{"id": "A", "left": 1, "fields": []}, {"id": "B", "fields": ["x"], "deep": [[], {}]}], "empty": {},
    }  # fmt: skip
    disclosed = public_part(commit(kind, AUTHOR.id, (), payload)).verify()
    assert public_payload(kind, payload) == (disclosed.payload(), disclosed.withheld)
