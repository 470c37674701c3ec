"""Invented values for the fake ledger: members, anchors, receipts, an origin payload."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from ledger.domain.members import Role, check_uscc
from ledger.index.views import Anchored, MemberView
from ledger.services.demo.actors import BY_SLUG, Actor
from ledger.services.demo.lots import DemoLot
from ledger.services.demo.sites import SITES
from ledger.services.measures import LagFacts
from ledger.services.operations import AuditFacts, OperationFacts, WitnessFacts

NOW = 1_764_000_000
DAY = 86_400
SUBMISSIONS = "0x" + "5b" * 20


def digest(text: str, algorithm: str = "sm3") -> str:
    return f"{algorithm}:{hashlib.sha256(text.encode()).hexdigest()}"


def member(actor: Actor) -> MemberView:
    check_uscc(actor.uscc)
    return MemberView(
        id=digest(actor.uscc),
        name_zh=actor.zh,
        name_en=actor.en,
        uscc=actor.uscc,
        zone=actor.zone,
        roles=Role.names(int(actor.roles)),
        standing="ACTIVE",
        custodial=actor.custodial,
        since=NOW - 60 * DAY,
        key_id=digest("key" + actor.uscc),
    )


def anchored(name: str, at: int, who: MemberView) -> Anchored:
    transaction = "0x" + hashlib.sha256(name.encode()).hexdigest()
    return Anchored(digest(name), digest("s" + name, "keccak256"), who.key_id, transaction, 100 + at % 97, at)


@dataclass(frozen=True, slots=True)
class FakeReceipt:
    submission_id: str
    state: str = "sealed"
    duplicate: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "format": "originseal-receipt/v1",
            "submissionId": self.submission_id,
            "state": self.state,
            "keyId": digest("key"),
            "memberId": digest("member"),
            "root": digest("root"),
            "count": 1,
            "records": [
                {
                    "index": 0,
                    "kind": "epcis.event",
                    "digest": digest("record"),
                    "inclusion": {"index": 0, "size": 1, "path": []},
                }
            ],
            "transaction": "0x" + "11" * 32,
            "block": 7,
            "blockHash": "0x" + "22" * 32,
            "sealedAt": NOW,
            "checkpoint": CHECKPOINT,
            "duplicate": self.duplicate,
        }


@dataclass(frozen=True, slots=True)
class FakeReport:
    message_type: str
    sealed: bool
    defects: tuple[dict[str, str], ...]
    nodes: tuple[dict[str, Any], ...]
    receipt_xml: bytes | None


CHECKPOINT = {
    "text": (
        "originseal-checkpoint/v1\nchain-id: 20250\ngenesis: 0x" + "ab" * 32 + "\nheight: 123\nblock: 0x" + "cd" * 32
        + "\nstate-root: 0x" + "ef" * 32 + f"\ntime: {NOW}\n"
    ),
    "keyId": digest("operator"),
    "signature": "3a" * 64,
}  # fmt: skip


def origin_payload(lot: DemoLot) -> dict[str, Any]:
    actor, site = BY_SLUG[lot.owner], SITES[lot.owner]
    return {
        "gtin": lot.gtin,
        "lot": lot.lot,
        "product": {
            "name": {"zh": lot.product[0], "en": lot.product[1]},
            "variety": {"zh": lot.variety[0], "en": lot.variety[1]},
            "hsCode": lot.hs,
            "species": lot.species,
        },
        "producer": {"name": {"zh": actor.zh, "en": actor.en}, "uscc": actor.uscc},
        "site": {
            "kind": site.kind,
            "name": {"zh": site.zh, "en": site.en},
            "gln": site.gln,
            "gaccNumber": site.registration,
            "area": {"value": site.hectares, "unit": "HAR"},
            "location": site.geometry(),
            "zone": actor.zone,
        },
        "harvestedAt": "2025-11-15T05:40:00+08:00",
        "quantity": {"value": lot.quantity, "unit": lot.unit},
        "certificates": [
            {
                "type": "phytosanitary",
                "number": f"PC-4409-{lot.lot}",
                "issuer": {"zh": "茂名海关（演示）", "en": "Maoming Customs (demo)"},
                "issuedAt": "2025-11-18",
                "validUntil": "2025-12-18",
                "assurance": "third",
            },
            {
                "type": "commitment",
                "number": f"GD-CN-{lot.lot}",
                "issuer": {"zh": actor.zh, "en": actor.en},
                "issuedAt": "2025-11-15",
                "assurance": "self",
            },
        ],
    }


OPERATIONS = OperationFacts(
    engine_reachable=True,
    height=123,
    head_time=NOW,
    indexed=123,
    waiting={"queued": 0, "signed": 0, "refused": 1},
    oldest_waiting=0.0,
    nonce_gap=0,
    checkpoint=(123, NOW),
    witnesses=(
        WitnessFacts(bytes(32), "customs", "Customs", 120, NOW),
        WitnessFacts(b"\1" * 32, "bank", "B", None, None),
    ),
    cosigned=(120, 1),
    quorum=1,
    audit=AuditFacts(NOW - DAY, False, "full", 100, {"critical": 0, "error": 2, "warning": 0}),
    backup=NOW - DAY,
    sealing_suspended=False,
    disk=(10 << 30, 100 << 30),
    stores={"chain": 1000, "ledger": 2000},
    lag=LagFacts((0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4), 5, 7.5),
    refusals={("signature-rejected", ""): 2, ("reverted-on-chain", "LotsInsufficient"): 1},
)
