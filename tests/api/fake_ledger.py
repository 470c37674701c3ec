"""An in-memory ledger that answers with `ledger.index.views` values: for tests of the HTTP face alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fake_feed import fake_feed
from fake_values import (
    CHECKPOINT,
    DAY,
    NOW,
    OPERATIONS,
    SUBMISSIONS,
    FakeReceipt,
    FakeReport,
    anchored,
    digest,
    member,
    origin_payload,
)

from ledger.crypto.keccak import keccak256
from ledger.errors import Malformed, NotFound, RecordsRefused
from ledger.index.views import (
    DocumentView,
    EventView,
    LedgerStatus,
    LotLink,
    LotSummary,
    LotView,
    MemberView,
    Page,
    RuleView,
    TradeView,
)
from ledger.services.demo.actors import AUTHORITIES, BY_SLUG, MEMBERS
from ledger.services.demo.lots import LOTS, DemoLot
from ledger.services.operations import OperationFacts
from ledger.services.vouched import Voice, Vouching


class FakeLedger:
    """Seventeen demonstration lots with a history each; two of them have trades, one of which failed."""

    def __init__(self) -> None:
        self.members_ = {slug: member(actor) for slug, actor in BY_SLUG.items()}
        self.lots_: dict[tuple[str, str], LotView] = {}
        self.trades_: dict[str, TradeView] = {}
        self.submissions: dict[str, FakeReceipt] = {}
        self.stored: list[Any] = []
        self.version_ = 1
        self.feed = fake_feed()
        voice = Voice("customs", "茂名海关（演示）", "Maoming Customs (demo)", "headers", NOW - 60)
        self.vouching_ = Vouching(1234, NOW - 120, 2, 0, (voice,))
        self.failure: Exception | None = None
        self.calls = 0
        for index, lot in enumerate(LOTS):
            view = self._lot(lot, index)
            self.lots_[view.summary.gtin, view.summary.lot] = view
        self._link_families()
        self._trade()

    # ---------------------------------------------------------------------------------------------- building

    def _event(self, lot: DemoLot, sequence: int, kind: str, slug: str, at: int | None, **more: Any) -> EventView:
        who = self.members_[slug]
        payload = more.pop("payload", {})
        sealed = more.pop("sealed", (at or NOW - DAY) + 5400)
        return EventView(
            kind=kind,
            author=who,
            event_time=at,
            anchored=anchored(f"{lot.lot}/{sequence}", sealed, who),
            payload=payload,
            sequence=sequence,
            **more,
        )

    def _lot(self, lot: DemoLot, index: int) -> LotView:
        owner = self.members_[lot.owner]
        start = NOW - int(lot.days * DAY)
        events = [self._event(lot, 0, "lot.origin", lot.owner, start, payload=origin_payload(lot))]
        events.append(
            self._event(
                lot, 1, "epcis.event", "maoming-lab", start + DAY // 2,
                biz_step="inspecting", disposition="conformant", sealed=start + 4 * DAY,
                payload={
                    "type": "ObjectEvent",
                    "action": "OBSERVE",
                    "bizStep": "inspecting",
                    "bizTransactionList": [{"type": "cert", "bizTransaction": f"urn:cert:PC-4409-{lot.lot}"}],
                    "originseal:tests": [
                        {"analyte": name, "result": result, "limit": limit} for name, result, limit in lot.tests
                    ],
                },
            )
        )  # fmt: skip
        if lot.temperature is not None:
            reports = [
                {
                    "type": "gs1:Temperature",
                    "time": f"2025-11-{16 + i // 8:02d}T{i % 8 * 3:02d}:00:00Z",
                    "minValue": lot.temperature + (i * 7 % 5) / 5 - 0.6,
                    "maxValue": lot.temperature + (i * 7 % 5) / 5 + 0.8,
                    "value": lot.temperature + (i * 7 % 5) / 5,
                    "uom": "CEL",
                }
                for i in range(24)
            ]
            events.append(
                self._event(
                    lot, 2, "epcis.event", "nanling-logistics", start + 2 * DAY, biz_step="storing",
                    disposition="in_progress", place="https://id.gs1.org/414/9521000001058",
                    payload={"type": "ObjectEvent", "sensorElementList": [{"sensorReport": reports}]},
                )
            )  # fmt: skip
            events.append(
                self._event(
                    lot, 3, "epcis.event", "nanling-logistics", start + 3 * DAY, biz_step="shipping",
                    disposition="in_transit",
                    payload={
                        "type": "ObjectEvent",
                        "quantityList": [{"epcClass": "x", "quantity": 1200, "uom": "KGM"}],
                        "bizTransactionList": [{"type": "bol", "bizTransaction": "urn:bol:NL20251118007"}],
                        "originseal:vehicle": "粤K 冷链 0731",
                    },
                )
            )  # fmt: skip
        if lot.state != "ACTIVE":
            reason = {"reason_zh": "抽检复核中,原因待查", "reason_en": "Under re-inspection, cause being examined"}
            events.append(
                self._event(lot, len(events), "lot.notice", "maoming-customs", None, sealed=NOW - 3600,
                            payload={"change": lot.state, "gtin": lot.gtin, "lot": lot.lot, **reason})
            )  # fmt: skip
        summary = LotSummary(
            gtin=lot.gtin, lot=lot.lot, id=digest(lot.gtin + lot.lot), product_zh=lot.product[0],
            product_en=lot.product[1], variety_zh=lot.variety[0], variety_en=lot.variety[1], zone=owner.zone,
            producer_zh=owner.name_zh, producer_en=owner.name_en, quantity=lot.quantity, unit=lot.unit, state=lot.state,
            registered_at=start + 5400 + index, events=len(events),
        )  # fmt: skip
        return LotView(
            summary=summary, origin=events[0].payload, producer=owner,
            custodian=self.members_[lot.handover or lot.owner], remaining="1250.5", registered=events[0].anchored,
            accumulator_head="0x" + "7e" * 32, accumulator_total=len(events), accumulator_entries=len(events),
            events=tuple(events),
        )  # fmt: skip

    def _link_families(self) -> None:
        by_lot = {view.summary.lot: key for key, view in self.lots_.items()}
        for lot in LOTS:
            child = self.lots_[lot.gtin, lot.lot]
            for parent_lot, quantity in lot.parents:
                parent = self.lots_[by_lot[parent_lot]]
                child = replace(child, parents=(*child.parents, self._link(parent.summary, quantity)))
                parent = replace(parent, children=(*parent.children, self._link(child.summary, quantity)))
                self.lots_[by_lot[parent_lot]] = parent
            self.lots_[lot.gtin, lot.lot] = child

    def _link(self, summary: LotSummary, quantity: str) -> LotLink:
        return LotLink(summary.gtin, summary.lot, summary.id, quantity, summary.unit)

    def _trade(self) -> None:
        lot = next(lot for lot in LOTS if lot.lot == "P-FZX-240A")
        view = self.lots_[lot.gtin, lot.lot]
        trades = []
        for number, verdict in enumerate(("MATCHED", "MISMATCHED", "INCOMPLETE")):
            signers = ["yuepin", "haifu-pay", "nanling-logistics", "yuepin"]
            kinds = ("order", "receipt", "waybill", "list")[: 4 if number < 2 else 2]
            documents = tuple(
                DocumentView(kind, digest(f"doc{number}{kind}"), self.members_[slug],
                             anchored(f"doc{number}{kind}", NOW - DAY + number, self.members_[slug]))
                for kind, slug in zip(kinds, signers, strict=False)
            )  # fmt: skip
            rules = (
                RuleView("R01", "订单号一致", "Order numbers agree", "hard", "passed", "CEB603 orderNo", ("orderNo",)),
                RuleView(
                    "R07", "收款金额等于订单金额", "Amount received equals the order's", "hard",
                    "failed" if verdict == "MISMATCHED" else "passed", "CEB403 charge", ("charge", "goodsValue"),
                    "收款金额与订单金额不相等" if verdict == "MISMATCHED" else "",
                    "The amount received differs from the order's amount" if verdict == "MISMATCHED" else "",
                ),
                RuleView("R12", "毛重不小于净重", "Gross weight is not below net weight", "warn",
                         "skipped" if verdict == "INCOMPLETE" else "passed", "CEB505 weight", ("weight",)),
            )  # fmt: skip
            trade = TradeView(
                id=digest(f"trade{number}"), verdict=verdict, independence=3 - number, policy_version=1,
                matched_at=NOW - DAY + number * 60, matcher=self.members_["maoming-customs"], documents=documents,
                rules=rules, lots=(self._link(view.summary, "12.5"),),
                anchored=anchored(f"trade{number}", NOW - DAY + number, self.members_["maoming-customs"]),
            )  # fmt: skip
            self.trades_[trade.id] = trade
            trades.append(trade)
        match = self._event(lot, len(view.events), "trade.match", "maoming-customs", None, sealed=NOW - DAY, withheld=4)
        self.lots_[lot.gtin, lot.lot] = replace(
            view,
            trades=tuple(trades),
            events=(*view.events, match),
            accumulator_total=view.accumulator_total + 1,
        )

    # --------------------------------------------------------------------------------------------- answering

    def _answer(self) -> None:
        self.calls += 1
        if self.failure is not None:
            raise self.failure

    @property
    def anchors(self) -> dict[str, Any]:
        return {
            "format": "originseal-anchors/v1",
            "chainId": 20250,
            "genesis": "0x" + "ab" * 32,
            "contracts": {"Submissions": {"address": SUBMISSIONS, "codeHash": "keccak256:" + "00" * 32}},
            "checkpointKeys": [],
            "authorities": [{"zone": a.zone, "memberId": digest(a.uscc)} for a in AUTHORITIES],
        }

    def version(self) -> int:
        return self.version_

    def status(self) -> LedgerStatus:
        self._answer()
        return LedgerStatus(
            chain_id=20250, genesis="0x" + "ab" * 32, height=123, head_time=NOW, indexed=123, records=321,
            submissions=99, lots=len(self.lots_), trades=len(self.trades_), members=len(MEMBERS), outbox_depth=0,
        )  # fmt: skip

    def submit(self, wire: dict[str, Any]) -> FakeReceipt:
        self._answer()
        if wire.get("format") != "originseal-submission/v1":
            raise Malformed("unknown format", field="/format")
        if not wire.get("records"):
            raise RecordsRefused("1 problem(s)", [{"record": 0, "code": "malformed", "field": "/x", "reason": "bad"}])
        name = digest(repr(sorted(wire)), "keccak256")
        if name in self.submissions:
            return replace(self.submissions[name], duplicate=True)
        self.stored.append(wire)
        self.submissions[name] = FakeReceipt(name)
        return self.submissions[name]

    def receipt(self, submission_id: str) -> FakeReceipt:
        self._answer()
        if submission_id not in self.submissions:
            raise NotFound("no such submission", field="submissionId")
        return self.submissions[submission_id]

    def check_ceb(self, xml: bytes) -> FakeReport:
        from ledger.documents.xml import parse_xml

        self._answer()
        root = parse_xml(xml)
        return FakeReport(
            "CEB303", False,
            ({"code": "D1", "path": "/x", "severity": "error", "message_zh": "缺项", "message_en": "gone"},),
            ({"kind": "ceb.303", "key": "O1", "digest": digest("o1"), "status": 1, "code": "-301001", "reasons": []},),
            b"<CEB304Message/>" if root is not None else None,
        )  # fmt: skip

    def submit_ceb(self, xml: bytes, envelope: dict[str, Any]) -> tuple[FakeReport, FakeReceipt]:
        report = self.check_ceb(xml)
        return replace(report, sealed=True), self.submit(
            {"format": "originseal-submission/v1", "records": [xml], **envelope}
        )

    def submit_epcis(self, document: bytes, envelope: dict[str, Any]) -> FakeReceipt:
        return self.submit({"format": "originseal-submission/v1", "records": [document], "epcis": True, **envelope})

    def lot(self, gtin: str, lot: str) -> LotView:
        self._answer()
        try:
            return self.lots_[gtin, lot]
        except KeyError:
            raise NotFound("no such lot", field="lot") from None

    def lots(self, cursor: str | None = None, limit: int = 50, zone: int | None = None) -> Page[LotSummary]:
        self._answer()
        items = [v.summary for v in self.lots_.values() if zone is None or v.summary.zone == zone]
        items.sort(key=lambda item: -item.registered_at)
        return self._page(items, cursor, limit)

    def _page(self, items: list[Any], cursor: str | None, limit: int) -> Page[Any]:
        if cursor is not None and not cursor.isdigit():
            raise Malformed("not a cursor of ours", field="cursor")
        start = int(cursor or 0)
        end = start + limit
        return Page(tuple(items[start:end]), str(end) if end < len(items) else None)

    def trade(self, trade_id: str) -> TradeView:
        self._answer()
        if trade_id not in self.trades_:
            raise NotFound("no such trade", field="id")
        return self.trades_[trade_id]

    def trades(self, cursor: str | None = None, limit: int = 50) -> Page[TradeView]:
        self._answer()
        return self._page(list(self.trades_.values()), cursor, limit)

    def member(self, member_id: str) -> MemberView:
        self._answer()
        for view in self.members_.values():
            if view.id == member_id:
                return view
        raise NotFound("no such member", field="id")

    def members(self, cursor: str | None = None, limit: int = 50) -> Page[MemberView]:
        self._answer()
        return self._page(list(self.members_.values()), cursor, limit)

    def bundle(self, gtin: str, lot: str) -> dict[str, Any]:
        return {"format": "originseal-bundle/v1", "lot": {"gtin": gtin, "lot": self.lot(gtin, lot).summary.lot}}

    def vouching(self, lot: LotView) -> Vouching:
        return self.vouching_

    def checkpoint(self) -> dict[str, Any]:
        self._answer()
        return CHECKPOINT

    def operations(self) -> OperationFacts:
        self._answer()
        return OPERATIONS

    def audit_status(self) -> dict[str, Any] | None:
        self._answer()
        return {"format": "originseal-audit/v1", "records": 321, "findings": [], "head": 123, "startedAt": NOW}

    def rpc(self, body: Any) -> Any:
        self._answer()
        if isinstance(body, list):
            return [self.rpc(item) for item in body]
        if body.get("method") == "eth_call":
            selector = body["params"][0]["data"][2:10]
            window = keccak256(b"MAX_WINDOW()")[:4].hex()
            result = "0x" + (f"{31 * DAY:064x}" if selector == window else "d0" * 32)
        else:
            result = hex(20250)
        return {"jsonrpc": "2.0", "id": body.get("id"), "result": result}

    def close(self) -> None:
        self.failure = NotFound("closed")
