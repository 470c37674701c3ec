"""What a record calls for: whatever stands in a payload, the answer is a demand or a refusal, never another error."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ledger.documents.statement import commit
from ledger.errors import OriginSealError
from ledger.services.demo import payloads, trades
from ledger.services.demo.actors import BY_SLUG
from ledger.services.demo.lots import BY_LOT
from ledger.services.kinds import demand

COMPANY, LOT, DIGEST = BY_SLUG["lingnan"], BY_LOT["GZ-FZX-0901"], "sm3:" + "1" * 64
REASON = {"reason_zh": "原因", "reason_en": "reason"}
OF_LOT = {"gtin": LOT.gtin, "lot": LOT.lot, **REASON}
OF_MEMBER = {"uscc": COMPANY.uscc, **REASON}
POINT = b"\x04" + b"\x11" * 64
GOOD: dict[str, tuple[str, dict[str, Any]]] = {
    "an origin": ("lot.origin", payloads.origin(LOT, time.time())),
    "an event": ("epcis.event", payloads.harvested(LOT, time.time())),
    "a profile": ("member.profile", payloads.profile(COMPANY, POINT)),
    "a hold": ("lot.notice", {**OF_LOT, "change": "HELD"}),
    "a transfer": ("lot.notice", {**OF_LOT, "change": "transfer", "to": COMPANY.uscc}),
    "new roles": ("member.notice", {**OF_MEMBER, "change": "roles", "roles": ["PRODUCER"]}),
    "a revoked key": ("member.notice", {**OF_MEMBER, "change": "revoke-key", "keyId": DIGEST}),
    "a new key": (
        "member.notice",
        {**OF_MEMBER, "change": "add-key", "key": {"publicKey": POINT.hex(), "custodial": False}},
    ),
    "a link": ("trade.link", trades.link(trades.TRADES[0])),
    "a match": (
        "trade.match",
        {
            "verdict": "MATCHED",
            "policyVersion": 1,
            "trade": DIGEST,
            "documents": dict.fromkeys(("order", "receipt", "waybill", "list"), DIGEST),
            "lines": trades.link(trades.TRADES[0])["lines"],
        },
    ),
    "an order": ("ceb.303", {"xml": {"c14n": DIGEST}, "head": {"ebcCode": COMPANY.uscc}, "list": []}),
}
JUNK = [[], {}, None, True, 0, -1, 2**53 - 1, 1.5, "", [[]], {"a": []}, "sm3:" + "z" * 64, "٣" * 14, "1e999999"]


def places(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if at:
        yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield from places(child, (*at, key))


def ask(kind: str, payload: dict[str, Any]) -> None:
    record = commit(kind, bytes(32), (), payload, bytes(32))
    demand(record, record.payload)


@pytest.mark.parametrize("name", GOOD)
def test_demand_is_made_when_the_payload_is_good(name: str) -> None:
    ask(*GOOD[name])


@pytest.mark.parametrize("name", GOOD)
def test_payload_is_refused_or_read_when_any_value_in_it_is_junk(name: str) -> None:
    kind, payload = GOOD[name]
    refused = 0
    for *way, last in places(payload):
        for junk in JUNK:
            spoiled = copy.deepcopy(payload)
            holder: Any = spoiled
            for step in way:
                holder = holder[step]
            holder[last] = junk
            try:
                ask(kind, spoiled)
            except OriginSealError:
                refused += 1
    assert refused
