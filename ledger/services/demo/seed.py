"""Seeding the demonstration through the same doors as real data: every actor signs with a key of its own.

Seeds once: a folder that holds a finished demonstration is left alone; one that was interrupted is refused with what
to do. Nothing here writes to a store or to the chain except through `Ledger.submit`.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ledger.crypto.keyfile import FileSigner, write_key
from ledger.crypto.sm2 import PrivateKey
from ledger.documents.ceb import compose_message
from ledger.domain.codes import LotState
from ledger.domain.gs1 import digital_link
from ledger.domain.members import member_id
from ledger.errors import Conflict
from ledger.services.compose import Composer, Part
from ledger.services.config import Config, DataFolder, load_config, save_config
from ledger.services.consortium import Founder, found
from ledger.services.demo import payloads, trades
from ledger.services.demo.actors import AUTHORITIES, BY_SLUG, MEMBERS, Actor
from ledger.services.demo.lots import LOTS, DemoLot
from ledger.services.demo.witnesses import look_once, make_keys
from ledger.services.ledger import Ledger
from ledger.services.operator_keys import write_demo_passphrase

Progress = Callable[[int, int, str], None]
MATCHER = "maoming-customs"
TRADES_AT_ONCE = 6  # documents of so many trades share one submission and signature
REASONS = {
    "RECALLED": ("市场抽检农残超标，整批召回", "Residue above the limit in a market sample: recalled"),
    "HELD": ("等待复检结果，暂停流通", "On hold until the re-test result arrives"),
}
COMPANIES = ("yuepin", "lingnan")
OPERATOR = {"zh": "源印演示运营方", "en": "OriginSeal demonstration operator"}


def seed(data: Path, progress: Progress = lambda done, total, what: None) -> None:
    """Make the demonstration in `data` unless it is there. Raises Conflict for an interrupted or foreign folder."""
    folder = DataFolder(data)
    if folder.exists():
        config = load_config(folder)
        if not config.demo:
            raise Conflict(f"{data} holds a ledger that is not a demonstration", hint="choose another folder")
        if (folder.keys / "seeded").exists():
            return
        raise Conflict(f"seeding {data} was interrupted", hint="delete the folder and start again")
    _Seeder(folder, progress).run()


def summary(data: Path, url: str) -> dict[str, Any]:
    """What was seeded, with the addresses to open."""
    with Ledger.open(data) as ledger:
        lots, seeded_trades, members = [], [], 0
        for lot in LOTS:
            view = ledger.lot(lot.gtin, lot.lot).summary
            page = digital_link(lot.gtin, lot.lot, url)
            path = f"{lot.gtin}/{lot.lot}"
            lots.append(
                {
                    "gtin": lot.gtin,
                    "lot": lot.lot,
                    "state": view.state,
                    "zone": view.zone,
                    "product": view.product_en,
                    "page": page,
                    "bundle": f"{url}/api/v1/lots/{path}/bundle",
                    "label": f"{url}/labels/{path}.png",
                }
            )
        cursor = None
        while True:
            trade_page = ledger.trades(cursor, 100)
            seeded_trades += [
                {
                    "id": trade.id,
                    "verdict": trade.verdict,
                    "independence": trade.independence,
                    "page": f"{url}/trades/{trade.id}",
                    "failed": [rule.id for rule in trade.rules if rule.outcome == "failed"],
                }
                for trade in trade_page.items
            ]
            cursor = trade_page.next_cursor
            if cursor is None:
                break
        members = ledger.status().members
    # What a shopper holds comes first: packed lots before the bulk that went into them.
    lots.sort(key=lambda entry: entry["lot"] in {parent for lot in LOTS for parent, _ in lot.parents})
    return {
        "url": url,
        "data": str(data),
        "anchors": str(DataFolder(data).anchors),
        "members": members,
        "lots": lots,
        "trades": seeded_trades,
    }


class _Seeder:
    def __init__(self, folder: DataFolder, progress: Progress) -> None:
        self.folder = folder
        self._progress = progress
        self._done = 0
        self._now = time.time()
        packed = [lot for lot in LOTS if lot.handover is None]
        documents = len(COMPANIES) + 2  # two companies, the payment institution, the carrier
        batches = -(-len(trades.TRADES) // TRADES_AT_ONCE)
        self._total = 1 + len(AUTHORITIES) * 2 + len(LOTS) * 2 + len(packed) * 2 + documents * batches + 2
        self._signers: dict[str, FileSigner] = {}

    def run(self) -> None:
        self.folder.root.mkdir(parents=True, exist_ok=True)
        passphrase = write_demo_passphrase(self.folder.keys)
        for actor in (*AUTHORITIES, *MEMBERS):
            self._signers[actor.slug] = self._key(actor, passphrase)
        config = self._found(passphrase)
        # The matcher's key is one of the operator's files: this server judges trades in the customs office's name.
        shutil.copyfile(self._key_file(BY_SLUG[MATCHER]), self.folder.keys / "matcher.pem")
        (self.folder.keys / "matcher.pem").chmod(0o600)
        with Ledger.open(self.folder.root, passphrase=passphrase) as ledger:
            self.ledger = ledger
            self._admit_members()
            for lot in LOTS:
                self._lot(lot)
            self._trades()
        matcher = {"uscc": BY_SLUG[MATCHER].uscc, "key": "matcher.pem"}
        save_config(self.folder, replace(config, matcher=matcher))
        with Ledger.open(self.folder.root, passphrase=passphrase) as ledger:
            self._step("matching 三单比对")
            assert ledger.matcher is not None
            ledger.matcher.match_all()
            self._step("witnesses 见证机构会签")
            look_once(ledger)
        (self.folder.keys / "seeded").touch(mode=0o600)

    # ------------------------------------------------------------------------------------------------------ steps

    def _found(self, passphrase: str) -> Config:
        self._step("founding 创世")
        founders = [Founder(a.uscc, a.zone, a.zh, a.en, self._signers[a.slug].public) for a in AUTHORITIES]
        agencies = make_keys(self.folder, passphrase)
        settings = Config(operator=OPERATOR, demo=True)
        config, _ = found(self.folder.root, founders, settings, passphrase, OPERATOR["en"], agencies)
        return config

    def _admit_members(self) -> None:
        for authority in AUTHORITIES:
            composer = self._composer(authority)
            self._submit(composer, [composer.part("member.profile", payloads.profile(authority))], authority.en)
            parts = [
                composer.part("member.profile", payloads.profile(m, self._signers[m.slug].public.point))
                for m in MEMBERS
                if m.zone == authority.zone
            ]
            if parts:
                self._submit(composer, parts, authority.en)

    def _lot(self, lot: DemoLot) -> None:
        owner = self._composer(BY_SLUG[lot.owner])
        happened = payloads.packed(lot, self._now) if lot.parents else payloads.harvested(lot, self._now)
        parts = [
            owner.part("lot.origin", payloads.origin(lot, self._now)),
            owner.part("epcis.event", happened),
        ]
        self._submit(owner, parts, lot.lot)
        if lot.handover is not None:
            receiver = BY_SLUG[lot.handover]
            notice = self._notice(lot, "transfer", "交付包装厂", f"Handed over to {receiver.en}")
            self._submit(owner, [owner.part("lot.notice", notice | {"to": receiver.uscc})], lot.lot)
            return
        self._checked_and_shipped(lot)

    def _checked_and_shipped(self, lot: DemoLot) -> None:
        laboratory = self._composer(BY_SLUG["maoming-lab"])
        self._submit(laboratory, [laboratory.part("epcis.event", payloads.inspected(lot, self._now))], lot.lot)
        carrier = BY_SLUG[trades.LOGISTICS]
        logistics = self._composer(carrier)
        parts = [logistics.part("epcis.event", payloads.shipped(lot, self._now, carrier))]
        if lot.temperature is not None:
            parts.insert(0, logistics.part("epcis.event", payloads.stored(lot, self._now)))
        self._submit(logistics, parts, lot.lot)
        if lot.state != "ACTIVE":
            customs = self._composer(BY_SLUG[MATCHER])
            reason = REASONS[lot.state]
            notice = self._notice(lot, LotState[lot.state].name, *reason)
            self._submit(customs, [customs.part("lot.notice", notice)], lot.lot)

    def _trades(self) -> None:
        for company in COMPANIES:
            mine = [t for t in trades.TRADES if t.company == company]
            actor = BY_SLUG[company]
            composer = self._composer(actor)
            for batch in _batches(mine):
                parts = self._documents(actor, "CEB303", [trades.order(t, self._now) for t in batch])
                parts += [composer.part("trade.link", trades.link(t)) for t in batch]
                own = [r for t in batch if t.payer == company and (r := trades.receipt(t, self._now))]
                parts += self._documents(actor, "CEB403", own)
                parts += self._documents(actor, "CEB603", [trades.inventory(t, self._now) for t in batch])
                self._submit(composer, parts, "orders and lists 订单与清单")
        payer, carrier = BY_SLUG["haifu-pay"], BY_SLUG[trades.LOGISTICS]
        for batch in _batches(trades.TRADES):
            receipts = [r for t in batch if t.payer == "haifu-pay" and (r := trades.receipt(t, self._now))]
            if receipts:
                documents = self._documents(payer, "CEB403", receipts)
                self._submit(self._composer(payer), documents, "receipts 收款单")
            waybills = [w for t in batch if (w := trades.waybill(t, self._now))]
            self._submit(self._composer(carrier), self._documents(carrier, "CEB505", waybills), "waybills 运单")

    # ------------------------------------------------------------------------------------------------------ pieces

    def _documents(self, sender: Actor, message_type: str, nodes: Sequence[trades.Node]) -> list[Part]:
        if not nodes:
            return []
        transfer = {"copCode": sender.uscc, "copName": sender.zh, "dxpMode": "DXP", "dxpId": f"DXPDEMO{sender.uscc}"}
        return self._composer(sender).documents(compose_message(message_type, nodes, transfer))

    def _notice(self, lot: DemoLot, change: str, zh: str, en: str) -> dict[str, Any]:
        return {"gtin": lot.gtin, "lot": lot.lot, "change": change, "reason_zh": zh, "reason_en": en}

    def _composer(self, actor: Actor) -> Composer:
        return Composer(self.ledger.network, member_id(actor.uscc), self._signers[actor.slug])

    def _submit(self, composer: Composer, parts: Sequence[Part], what: str) -> None:
        self._step(what)
        self.ledger.submit(composer.compose(parts).to_wire())

    def _step(self, what: str) -> None:
        self._done += 1
        self._progress(self._done, max(self._total, self._done), what)

    def _key_file(self, actor: Actor) -> Path:
        return self.folder.keys / "members" / f"{actor.slug}.pem"

    def _key(self, actor: Actor, passphrase: str) -> FileSigner:
        path = self._key_file(actor)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        key = PrivateKey.generate()
        write_key(path, key, passphrase)
        return FileSigner(key, custodial=actor.custodial)


def _batches(items: Sequence[trades.DemoTrade]) -> list[Sequence[trades.DemoTrade]]:
    return [items[i : i + TRADES_AT_ONCE] for i in range(0, len(items), TRADES_AT_ONCE)]
