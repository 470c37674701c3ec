"""The HTTP face over a real ledger: real signatures, real contracts, real proofs."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from ledger.documents.ceb import compose_message
from ledger.documents.statement import commit
from ledger.documents.submission import build
from ledger.domain.action import domain
from ledger.services.audit import audit
from ledger.services.config import write_json
from ledger.services.demo import payloads, trades
from ledger.services.demo.actors import BY_SLUG
from tests.small_ledger import LOT, PASSPHRASE, PRODUCER, SmallLedger

SAMPLES = Path(__file__).parents[2].parent / "shared" / "data" / "ceb202205" / "samples" / "export"
LINK = f"/01/{LOT.gtin}/10/{LOT.lot}"
XML = {"content-type": "application/xml"}


@pytest.fixture
def client(small: SmallLedger) -> Iterator[TestClient]:
    settings = Settings(read_rate=0, write_rate=0, log_level="CRITICAL")
    with TestClient(create_app(settings, small.ledger), raise_server_exceptions=False) as client:
        yield client


def envelope(wire: dict[str, Any]) -> dict[str, str]:
    value = {name: wire[name] for name in ("keyId", "meta", "signature", "operations")}
    value["seeds"] = [record["seed"] for record in wire["records"]]
    return {"OriginSeal-Envelope": base64.urlsafe_b64encode(json.dumps(value).encode()).decode()}


def test_lot_goes_from_submission_to_page_to_bundle(client: TestClient, small: SmallLedger) -> None:
    part = small.producer.part("lot.origin", payloads.origin(LOT, time.time()))
    wire = small.producer.compose([part]).to_wire()
    first = client.post("/api/v1/submissions", json=wire)
    assert first.status_code == 201, first.text
    receipt = first.json()
    assert receipt["state"] == "sealed"
    assert receipt["checkpoint"]["text"].startswith("originseal-checkpoint/v1\n")
    again = client.post("/api/v1/submissions", json=wire)
    assert (again.status_code, again.json()["duplicate"]) == (200, True)
    assert {**again.json(), "duplicate": False} == receipt
    assert client.get(first.headers["location"]).json() == receipt

    page = client.get(LINK, headers={"accept": "text/html", "accept-language": "en"})
    assert page.status_code == 200
    assert "1 record, history complete" in page.text
    assert "Gaozhou Lingtou Lychee Cooperative" in page.text
    lot = client.get(f"/api/v1/lots/{LOT.gtin}/{LOT.lot}").json()
    assert lot["history"][0]["anchored"]["submissionId"] == receipt["submissionId"]
    bundle = client.get(f"/api/v1/lots/{LOT.gtin}/{LOT.lot}/bundle").json()
    assert bundle["format"] == "originseal-bundle/v1"
    assert len(bundle["submissions"]) == 1


def test_page_changes_at_once_when_an_event_is_sealed(client: TestClient, small: SmallLedger) -> None:
    small.register_lot()
    before = client.get(LINK, headers={"accept": "text/html", "accept-language": "en"})
    assert client.post("/api/v1/submissions", json=small.event_wire()).status_code == 201
    after = client.get(
        LINK, headers={"accept": "text/html", "accept-language": "en", "if-none-match": before.headers["etag"]}
    )
    assert after.status_code == 200
    assert "2 records, history complete" in after.text


def test_altered_submission_is_refused_and_stores_nothing(client: TestClient, small: SmallLedger) -> None:
    small.register_lot()
    before = small.ledger.status()
    wire = small.event_wire()
    altered = json.loads(json.dumps(wire))
    altered["records"][0]["payload"]["disposition"] = "recalled"
    assert client.post("/api/v1/submissions", json=altered).json()["code"] == "signature-rejected"
    flipped = {**wire, "signature": f"{int(wire['signature'][:2], 16) ^ 1:02x}{wire['signature'][2:]}"}
    answer = client.post("/api/v1/submissions", json=flipped)
    assert (answer.status_code, answer.json()["code"]) == (401, "signature-rejected")
    after = small.ledger.status()
    assert (after.height, after.records, after.outbox_depth) == (before.height, before.records, 0)


def test_stranger_and_wrong_role_are_refused(client: TestClient, small: SmallLedger) -> None:
    from ledger.crypto.keyfile import FileSigner
    from ledger.crypto.sm2 import PrivateKey
    from ledger.services.compose import Composer

    stranger = Composer(small.ledger.network, small.producer.member, FileSigner(PrivateKey.generate()))
    part = stranger.part("lot.origin", payloads.origin(LOT, time.time()))
    answer = client.post("/api/v1/submissions", json=stranger.compose([part]).to_wire())
    assert (answer.status_code, answer.json()["code"]) == (403, "unknown-member")

    part = small.authority.part("lot.origin", payloads.origin(LOT, time.time()))
    answer = client.post("/api/v1/submissions", json=small.authority.compose([part]).to_wire())
    assert answer.status_code == 409
    assert answer.json()["code"] == "reverted-on-chain"
    assert answer.json()["error"] == "MembersMissingRole"


def test_every_bad_record_is_named(client: TestClient, small: SmallLedger) -> None:
    small.register_lot()
    good = small.producer.part("epcis.event", payloads.harvested(LOT, time.time())).record
    late = {**good.payload, "eventTime": "yesterday"}
    odd = {**good.payload, "bizStep": "harvesting"}
    bad = [commit(good.kind, good.author, good.lots, payload, bytes([i]) * 32) for i, payload in enumerate((late, odd))]
    signed = build(
        [bad[0], good, bad[1]],
        [],
        small.producer.signer,
        small.ledger.network.domain,
        nonce=5,
        expiry=int(time.time()) + 600,
    )
    before = small.ledger.status()
    answer = client.post("/api/v1/submissions", json=signed.to_wire())
    assert (answer.status_code, answer.json()["code"]) == (422, "records-refused")
    problems = {problem["record"]: problem for problem in answer.json()["problems"]}
    assert set(problems) == {0, 2}
    assert (problems[0]["field"], problems[2]["field"]) == ("/eventTime", "/bizStep")
    assert (small.ledger.status().records, small.ledger.status().outbox_depth) == (before.records, 0)


def test_ledger_info_lets_a_client_sign(client: TestClient, small: SmallLedger) -> None:
    info = client.get("/api/v1/ledger").json()
    assert bytes.fromhex(info["domain"]) == domain(info["chainId"], info["submissions"])
    assert info["maxWindow"] == 31 * 86400


def test_capture_seals_signed_events(client: TestClient, small: SmallLedger) -> None:
    small.register_lot()
    wire = small.event_wire()
    document = {
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-01T00:00:00Z",
        "epcisBody": {"eventList": [record["payload"] for record in wire["records"]]},
    }
    unsigned = client.post("/epcis/capture", json=document)
    assert (unsigned.status_code, unsigned.json()["code"]) == (401, "signature-required")
    answer = client.post("/epcis/capture", json=document, headers=envelope(wire))
    assert answer.status_code == 202, answer.text
    job = client.get(answer.headers["location"]).json()
    assert job["success"] is True
    assert client.get(LINK, headers={"accept": "application/ld+json"}).json()["os:history"]["os:records"] == 2
    wrong = {**wire, "signature": "00" * 64}
    assert client.post("/epcis/capture", json=document, headers=envelope(wrong)).status_code in (400, 401)


def order_message(company: str) -> bytes:
    trade = next(t for t in trades.TRADES if t.company == company)
    sender = BY_SLUG[company]
    transfer = {"copCode": sender.uscc, "copName": sender.zh, "dxpMode": "DXP", "dxpId": f"DXPDEMO{sender.uscc}"}
    return compose_message("CEB303", [trades.order(trade, time.time())], transfer)


def test_customs_message_is_checked_then_sealed(client: TestClient, small: SmallLedger) -> None:
    company = small.admit(BY_SLUG["yuepin"])
    message = order_message("yuepin")
    checked = client.post("/customs/messages", content=message, headers=XML)
    assert checked.status_code == 200, checked.text
    assert checked.json()["sealed"] is False
    assert [node["status"] for node in checked.json()["nodes"]] == ["120"]
    records = small.ledger.status().records
    wire = company.compose(company.documents(message)).to_wire()
    sealed = client.post("/customs/messages", content=message, headers={**XML, **envelope(wire)})
    assert sealed.status_code == 201, sealed.text
    assert sealed.json()["sealed"] is True
    assert small.ledger.status().records == records + 1
    altered = message.replace(b"<ceb:orderNo>YP", b"<ceb:orderNo>YQ")
    assert altered != message
    refused = client.post("/customs/messages", content=altered, headers={**XML, **envelope(wire)})
    assert refused.status_code in (400, 401)
    assert small.ledger.status().records == records + 1


@pytest.mark.parametrize("number", ["303", "403", "505", "603"])
def test_official_sample_is_answered_with_its_defects_named(client: TestClient, number: str) -> None:
    sample = SAMPLES / f"CEB{number}Message.xml"
    if not sample.exists():
        pytest.skip("the official samples are not beside this checkout (../shared/data)")
    answer = client.post("/customs/messages", content=sample.read_bytes(), headers=XML)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["messageType"] == f"CEB{number}"
    assert body["defects"], "each of these samples has a published defect"
    assert all(defect["path"] and defect["message"]["zh"] and defect["message"]["en"] for defect in body["defects"])
    receipt = client.post(
        "/customs/messages", content=sample.read_bytes(), headers={**XML, "accept": "application/xml"}
    )
    assert f"CEB{int(number) + 1}Message".encode() in receipt.content


def test_rpc_reads_the_real_chain(client: TestClient, small: SmallLedger) -> None:
    answer = client.post("/rpc", json={"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []})
    assert int(answer.json()["result"], 16) == small.ledger.status().height
    denied = client.post("/rpc", json={"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": ["0x"]})
    assert "error" in denied.json()


def test_operators_see_the_real_ledger(client: TestClient, small: SmallLedger) -> None:
    assert client.get("/readyz").json()["ready"] is True
    assert f"originseal_height {float(small.ledger.status().height)}" in client.get("/metrics").text
    assert PRODUCER.en in client.get("/members", headers={"accept": "text/html", "accept-language": "en"}).text


def test_capture_takes_a_document_larger_than_one_record_may_be(client: TestClient, small: SmallLedger) -> None:
    small.register_lot()
    parts = [
        small.producer.part("epcis.event", {**payloads.harvested(LOT, time.time()), "originseal:note": "n" * 9000})
        for _ in range(120)
    ]
    wire = small.producer.compose(parts).to_wire()
    document = {
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-01T00:00:00Z",
        "epcisBody": {"eventList": [record["payload"] for record in wire["records"]]},
    }
    assert len(json.dumps(document)) > 1 << 20
    answer = client.post("/epcis/capture", json=document, headers=envelope(wire))
    assert answer.status_code == 202, answer.text
    lot = client.get(f"/api/v1/lots/{LOT.gtin}/{LOT.lot}").json()
    assert lot["accumulator"]["total"] == 121
    assert lot["historyComplete"] is True


def test_audit_page_words_the_report_that_an_audit_writes(client: TestClient, small: SmallLedger) -> None:
    small.register_lot()
    report = audit(small.data, passphrase=PASSPHRASE)
    assert report.sound, report.by_kind
    write_json(small.ledger.folder.audit_report, report.to_json())
    text = client.get("/audit", headers={"accept": "text/html", "accept-language": "en"}).text
    assert f"genesis to height {report.head}: " in text
    assert "Audited " in text
