"""A small ledger on the embedded chain, with members, lots, events and trades that real keys signed."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.chain.contracts import Deployment, GenesisAuthority, deploy
from ledger.chain.embedded import EmbeddedEngine, GenesisParams
from ledger.chain.gateway import Gateway
from ledger.chain.relayer import Relayer
from ledger.crypto.digest import sm3_text
from ledger.crypto.sm2 import PrivateKey
from ledger.documents.statement import Record, commit
from ledger.documents.submission import CheckedSubmission, build, check
from ledger.domain.action import (
    Operation,
    admit_member,
    domain,
    encode_submit_calldata,
    record_match,
    register_lot,
    seal_document,
    set_lot_state,
    set_roles,
    set_standing,
    transfer_lot,
)
from ledger.domain.gs1 import with_check_digit
from ledger.domain.ids import lot_id, member_id
from ledger.domain.members import Role, uscc_check_character
from ledger.index import Follower, Queries, ReadModel
from ledger.vault import Vault, open_engine

CHAIN_ID = 20250
MASTER = bytes(range(16))
RELAYER = Relayer.from_secret(b"\x11" * 32)
GTIN = "0" + with_check_digit("952123456789")

# Values that only the parties may know: none of them may ever reach the read model (P7).
PRIVATE = {
    "ebcCode": "4409PRIVATE01",
    "orderNo": "ORDER-SECRET-4711",
    "price": "1234.5678",
    "phone": "13800138999",
    "buyer": "李四密",
}


def uscc(number: int) -> str:
    """A well-formed social credit code."""
    first = f"91440900{number:09d}"
    return first + uscc_check_character(first)


class Signer:
    """A key in memory, in the shape of the signing port."""

    custodial = False

    def __init__(self, seed: str) -> None:
        scalar = int.from_bytes(hashlib.sha256(seed.encode()).digest(), "big") >> 1
        self._key = PrivateKey.from_scalar(scalar)
        self.public = self._key.public

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


@dataclass
class Member:
    """Somebody who can sign."""

    uscc: str
    zh: str
    en: str
    roles: Role
    signer: Signer

    @property
    def id(self) -> bytes:
        return member_id(self.uscc)


def member(number: int, zh: str, en: str, roles: Role) -> Member:
    return Member(uscc(number), zh, en, roles, Signer(en))


@dataclass
class World:
    """One ledger with its stores; `sealed` are the submissions in order."""

    folder: Path
    engine: Any
    deployment: Deployment
    gateway: Gateway
    vault: Vault
    authority: Member
    sealed: list[CheckedSubmission] = field(default_factory=list)
    tick: int = 0

    def say(self, who: Member, records: Sequence[Record], operations: Sequence[Operation] = ()) -> CheckedSubmission:
        """Sign, keep, queue; `seal` brings it to the chain."""
        place = domain(CHAIN_ID, self.deployment.address("Submissions"))
        expiry = int(time.time()) + 7 * 86_400
        signed = build(records, operations, who.signer, place, nonce=secrets.randbits(64), expiry=expiry)
        checked = check(signed, place, who.signer.public, who.id)
        signature = checked.signature
        calldata = encode_submit_calldata(checked.key_id, checked.action, checked.meta, signature[:32], signature[32:])
        with self.vault.transaction() as connection:
            self.vault.store(connection, checked, expiry)
            assert self.gateway.enqueue(connection, checked.submission_id, calldata)
        self.sealed.append(checked)
        return checked

    def seal(self) -> None:
        """Bring everything queued to the chain; every submission must be accepted."""
        self.gateway.seal_pending()
        for checked in self.sealed:
            entry = self.gateway.entry(checked.submission_id)
            assert entry is not None and entry.state == "sealed", entry and entry.error

    def admit(self, *people: Member) -> None:
        records = []
        operations = []
        for each in people:
            profile = {"uscc": each.uscc, "name": {"zh": each.zh, "en": each.en}, "zone": 6}
            records.append(commit("member.profile", self.authority.id, (), profile))
            x, y = each.signer.public.x, each.signer.public.y
            operations.append(admit_member(each.id, int(each.roles), 6, x, y, False))
        self.say(self.authority, records, operations)
        self.seal()

    def register(self, who: Member, lot: str, kilograms: int, parents: Sequence[tuple[str, int]] = ()) -> Record:
        own = lot_id(GTIN, lot)
        drawn = [(lot_id(GTIN, parent), amount * 1000) for parent, amount in parents]
        record = commit("lot.origin", who.id, sorted([own, *(each for each, _ in drawn)]), origin(who, lot, kilograms))
        self.say(who, [record], [register_lot(own, record.digest, kilograms * 1000, 1, drawn)])
        return record

    def model(self, name: str = "index.sqlite") -> ReadModel:
        return ReadModel.open(self.folder / name)

    def follower(self, model: ReadModel, **options: Any) -> Follower:
        return Follower(model, self.gateway, self.vault, **options)


def origin(who: Member, lot: str, kilograms: int) -> dict[str, Any]:
    return {
        "gtin": GTIN,
        "lot": lot,
        "product": {"name": {"zh": "荔枝", "en": "Lychee"}, "variety": {"zh": "妃子笑", "en": "Feizixiao"}},
        "producer": {"uscc": who.uscc, "name": {"zh": who.zh, "en": who.en}},
        "site": {
            "kind": "orchard",
            "name": {"zh": "根子镇柏桥", "en": "Baiqiao"},
            "gln": with_check_digit("952100000101"),
            "gaccNumber": "4409GY0101",
            "zone": 6,
            "location": {"type": "Point", "coordinates": [110.9412, 21.8235]},
        },
        "quantity": {"value": str(kilograms), "unit": "KGM"},
        "harvestedAt": "2026-06-01T06:00:00+08:00",
    }


def event(lot: str, step: str = "shipping") -> dict[str, Any]:
    return {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventTime": "2026-06-02T08:00:00+08:00",
        "eventTimeZoneOffset": "+08:00",
        "bizStep": step,
        "disposition": "in_transit",
        "readPoint": {"id": f"https://id.gs1.org/414/{with_check_digit('952100000101')}"},
        "quantityList": [{"epcClass": f"https://id.gs1.org/01/{GTIN}/10/{lot}", "quantity": 10, "uom": "KGM"}],
    }


def lines(lot: str, kilograms: int) -> list[dict[str, Any]]:
    return [{"gtin": GTIN, "lot": lot, "quantity": {"value": str(kilograms), "unit": "KGM"}}]


def open_world(folder: Path) -> World:
    """An empty ledger: one authority of zone 6, nothing said yet."""
    authority = member(1, "茂名综试区", "Maoming zone", Role.AUTHORITY)
    params = GenesisParams(timestamp=int(time.time()) - 1000, extra_data=secrets.token_bytes(8), chain_id=CHAIN_ID)
    engine = EmbeddedEngine.open(folder / "chain.sqlite", params)
    public = authority.signer.public
    deployment = deploy(engine, RELAYER, [GenesisAuthority(authority.id, 6, public.x, public.y)])
    database = open_engine(folder / "ledger.sqlite")
    vault = Vault(database, MASTER)
    return World(folder, engine, deployment, Gateway(engine, deployment, RELAYER, database), vault, authority)


def fill(world: World) -> World:
    """The whole story that most tests look at: every event of the contracts happens at least once."""
    grower = member(2, "高州荔枝合作社", "Gaozhou lychee cooperative", Role.PRODUCER | Role.PACKHOUSE)
    seller = member(3, "粤西电商", "Yuexi e-commerce", Role.ECOMMERCE | Role.PAYMENT | Role.DECLARANT)
    carrier = member(4, "顺达物流", "Shunda logistics", Role.LOGISTICS)
    matcher = member(5, "比对中心", "Matching centre", Role.MATCHER)
    leaver = member(6, "离任者", "Leaver", Role.LABORATORY)
    world.admit(grower, seller, carrier, matcher, leaver)
    profile = {"uscc": world.authority.uscc, "name": {"zh": world.authority.zh, "en": world.authority.en}}
    world.say(world.authority, [commit("member.profile", world.authority.id, (), profile)])
    world.register(grower, "L1", 1000)
    world.register(grower, "L2", 500)
    world.seal()
    world.register(grower, "L3", 300, [("L1", 200), ("L2", 100)])
    world.seal()
    one, two, three = (lot_id(GTIN, name) for name in ("L1", "L2", "L3"))
    world.say(
        grower,
        [
            commit("epcis.event", grower.id, [one], event("L1", "packing")),
            commit("epcis.event", grower.id, [one], event("L1")),
            commit("epcis.event", grower.id, [three], event("L3")),
        ],
    )
    world.say(grower, [notice(grower, two, "HELD")], [set_lot_state(two, 2)])
    world.seal()
    world.say(grower, [notice(grower, one, "transfer")], [transfer_lot(one, seller.id)])
    world.say(
        world.authority,
        [notice(world.authority, two, "ACTIVE")],
        [set_lot_state(two, 1), set_standing(leaver.id, 2), set_roles(carrier.id, int(Role.LOGISTICS | Role.POSTAL))],
    )
    world.seal()
    trade(world, seller, carrier, matcher, "L3", 50, matched=True)
    trade(world, seller, carrier, matcher, "L3", 5, matched=False)
    return world


def notice(who: Member, lot: bytes, change: str) -> Record:
    return commit("lot.notice", who.id, [lot], {"change": change, "reason_zh": "演示", "reason_en": "demonstration"})


def trade(
    world: World, seller: Member, carrier: Member, matcher: Member, lot: str, kilograms: int, *, matched: bool
) -> bytes:
    """Four sealed documents and a verdict; the private values are in the documents and in the link."""
    trade_id = secrets.token_bytes(32)
    marks = {**PRIVATE, "serial": secrets.token_hex(4)}
    documents = {
        kind: commit(f"ceb.{kind}", who.id, (), {"xml": {"c14n": sm3_text(secrets.token_bytes(32))}, "head": marks},
                     evidence=f"<ceb><orderNo>{PRIVATE['orderNo']}</orderNo></ceb>".encode())
        for kind, who in (("303", seller), ("403", seller), ("505", carrier), ("603", seller))
    }  # fmt: skip
    mine = [documents[kind] for kind in ("303", "403", "603")]
    world.say(seller, mine, [seal_document(n, d.digest) for n, d in zip((1, 2, 4), mine, strict=True)])
    world.say(carrier, [documents["505"]], [seal_document(3, documents["505"].digest)])
    named = lot_id(GTIN, lot)
    link = {"ebcCode": PRIVATE["ebcCode"], "orderNo": PRIVATE["orderNo"], "lines": lines(lot, kilograms)}
    world.say(seller, [commit("trade.link", seller.id, [named], link)])
    world.seal()
    rule = {
        "id": "AMOUNT", "title_zh": "金额一致", "title_en": "Amounts agree", "basis": "公告2018年第194号",
        "severity": "hard", "outcome": "passed" if matched else "failed", "fields": ["goodsValue", "charge"],
        "left": PRIVATE["price"], "right": PRIVATE["price"], "reason_zh": "", "reason_en": "",
    }  # fmt: skip
    result = {
        "verdict": "MATCHED" if matched else "MISMATCHED",
        "policyVersion": 1,
        "trade": sm3_text(trade_id),
        "rules": [rule],
        "lines": lines(lot, kilograms),
    }
    record = commit("trade.match", matcher.id, [named], result)
    digests = [documents[kind].digest for kind in ("303", "403", "505", "603")]
    exported = [(named, kilograms * 1000)] if matched else []
    operation = record_match(trade_id, digests, 1 if matched else 2, 1, record.digest, exported)
    world.say(matcher, [record], [operation])
    world.seal()
    return trade_id


def answers(model: ReadModel) -> str:
    """Every answer of the read model as one JSON text."""
    import dataclasses
    import json

    queries = Queries(model)
    found: list[Any] = [queries.counts(), model.height()]
    for listing in (queries.lots, queries.trades, queries.members):
        cursor = None
        while True:
            page = listing(cursor, 2)
            found.append(dataclasses.asdict(page))
            cursor = page.next_cursor
            if cursor is None:
                break
    for summary in queries.lots(limit=200).items:
        found.append(dataclasses.asdict(queries.lot(summary.gtin, summary.lot)))
    for each in queries.trades(limit=200).items:
        found.append(dataclasses.asdict(queries.trade(each.id)))
    for who in queries.members(limit=200).items:
        found.append(dataclasses.asdict(queries.member(who.id)))
    return json.dumps(found, ensure_ascii=False, sort_keys=True)
