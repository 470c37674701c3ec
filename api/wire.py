"""The read model's values as JSON: one function per view, exactly what `api.schemas` promises. No HTTP, no rules."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ledger.index import views


def lot_path(gtin: str, lot: str) -> str:
    """The GS1 Digital Link path of a lot; the lot is percent-encoded as the standard asks."""
    return f"/01/{gtin}/10/{quote(lot, safe='')}"


def member(view: views.MemberView) -> dict[str, Any]:
    return {
        "id": view.id,
        "name": {"zh": view.name_zh, "en": view.name_en},
        "uscc": view.uscc,
        "zone": view.zone,
        "roles": list(view.roles),
        "standing": view.standing,
        "custodial": view.custodial,
        "since": view.since,
        "keyId": view.key_id,
    }


def anchored(view: views.Anchored) -> dict[str, Any]:
    return {
        "record": view.record,
        "submissionId": view.submission_id,
        "keyId": view.key_id,
        "transaction": view.transaction,
        "block": view.block,
        "sealedAt": view.sealed_at,
    }


def event(view: views.EventView) -> dict[str, Any]:
    return {
        "sequence": view.sequence,
        "kind": view.kind,
        "author": member(view.author),
        "eventTime": view.event_time,
        "bizStep": view.biz_step,
        "disposition": view.disposition,
        "place": view.place,
        "anchored": anchored(view.anchored),
        "payload": view.payload,
        "withheld": view.withheld,
    }


def link(view: views.LotLink) -> dict[str, Any]:
    return {"gtin": view.gtin, "lot": view.lot, "id": view.id, "quantity": view.quantity, "unit": view.unit}


def trade(view: views.TradeView) -> dict[str, Any]:
    return {
        "id": view.id,
        "verdict": view.verdict,
        "independence": view.independence,
        "policyVersion": view.policy_version,
        "matchedAt": view.matched_at,
        "matcher": member(view.matcher),
        "documents": [
            {
                "kind": document.kind,
                "record": document.record,
                "signer": member(document.signer),
                "anchored": anchored(document.anchored),
            }
            for document in view.documents
        ],
        "rules": [
            {
                "id": rule.id,
                "title": {"zh": rule.title_zh, "en": rule.title_en},
                "severity": rule.severity,
                "outcome": rule.outcome,
                "basis": rule.basis,
                "fields": list(rule.fields),
                "reason": {"zh": rule.reason_zh, "en": rule.reason_en},
            }
            for rule in view.rules
        ],
        "lots": [link(item) for item in view.lots],
        "anchored": anchored(view.anchored),
    }


def lot_summary(view: views.LotSummary, base_url: str) -> dict[str, Any]:
    return {
        "gtin": view.gtin,
        "lot": view.lot,
        "id": view.id,
        "product": {"zh": view.product_zh, "en": view.product_en},
        "variety": {"zh": view.variety_zh, "en": view.variety_en},
        "zone": view.zone,
        "producerName": {"zh": view.producer_zh, "en": view.producer_en},
        "quantity": view.quantity,
        "unit": view.unit,
        "state": view.state,
        "registeredAt": view.registered_at,
        "events": view.events,
        "digitalLink": base_url + lot_path(view.gtin, view.lot),
    }


def history_complete(view: views.LotView) -> bool:
    """Whether every record that the contract counted for this lot is in the view (P3)."""
    return len(view.events) == view.accumulator_total


def lot(view: views.LotView, base_url: str) -> dict[str, Any]:
    gtin, number = view.summary.gtin, quote(view.summary.lot, safe="")
    return {
        **lot_summary(view.summary, base_url),
        "origin": view.origin,
        "producer": member(view.producer),
        "custodian": member(view.custodian),
        "remaining": view.remaining,
        "registered": anchored(view.registered),
        "accumulator": {
            "head": view.accumulator_head,
            "total": view.accumulator_total,
            "entries": view.accumulator_entries,
        },
        "historyComplete": history_complete(view),
        "parents": [link(item) for item in view.parents],
        "children": [link(item) for item in view.children],
        "history": [event(item) for item in view.events],
        "trades": [trade(item) for item in view.trades],
        "links": {
            "page": base_url + lot_path(gtin, view.summary.lot),
            "bundle": f"{base_url}/api/v1/lots/{gtin}/{number}/bundle",
            "label": f"{base_url}/labels/{gtin}/{number}.svg",
        },
    }


def status(view: views.LedgerStatus, audit: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "chainId": view.chain_id,
        "genesis": view.genesis,
        "height": view.height,
        "headTime": view.head_time,
        "indexed": view.indexed,
        "records": view.records,
        "submissions": view.submissions,
        "lots": view.lots,
        "trades": view.trades,
        "members": view.members,
        "outboxDepth": view.outbox_depth,
        "audit": audit,
    }


def ceb_result(report: Any, receipt: Any | None) -> dict[str, Any]:
    """A customs message's report; the receipt is there only when the message was sealed."""
    return {
        "messageType": report.message_type,
        "sealed": receipt is not None,
        "defects": [
            {
                "code": defect["code"],
                "path": defect["path"],
                "severity": defect["severity"],
                "message": {"zh": defect["message_zh"], "en": defect["message_en"]},
            }
            for defect in report.defects
        ],
        "nodes": [
            {
                "kind": node["kind"],
                "key": node["key"],
                "digest": node["digest"],
                "status": str(node["status"]),
                "code": node["code"],
                "reasons": [{"zh": reason["zh"], "en": reason["en"]} for reason in node["reasons"]],
            }
            for node in report.nodes
        ],
        "receipt": None if receipt is None else receipt.to_json(),
    }
