"""/epcis/capture: valid and signed → 202; valid and unsigned → 401; anything else says what is wrong, and where."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from fake_ledger import FakeLedger
from fastapi.testclient import TestClient

URL = "/epcis/capture"
EVENT: dict[str, Any] = {
    "type": "ObjectEvent",
    "action": "OBSERVE",
    "eventTime": "2025-11-20T08:00:00+08:00",
    "eventTimeZoneOffset": "+08:00",
    "bizStep": "shipping",
    "disposition": "in_transit",
    "quantityList": [{"epcClass": "https://id.gs1.org/01/09521003000183/10/P-FZX-240A", "quantity": 5, "uom": "KGM"}],
}
DOCUMENT: dict[str, Any] = {
    "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
    "type": "EPCISDocument",
    "schemaVersion": "2.0",
    "creationDate": "2025-11-20T08:00:00Z",
    "epcisBody": {"eventList": [EVENT, EVENT]},
}
ENVELOPE = base64.urlsafe_b64encode(
    json.dumps({"keyId": "a", "meta": "b", "signature": "c", "operations": [], "seeds": []}).encode()
).decode()


def test_valid_but_unsigned_document_gets_401(client: TestClient, ledger: FakeLedger) -> None:
    answer = client.post(URL, json=DOCUMENT)
    assert (answer.status_code, answer.json()["code"]) == (401, "signature-required")
    assert answer.json()["hint"]
    assert ledger.stored == []


def test_signed_document_gets_202_and_a_job_that_can_be_followed(client: TestClient) -> None:
    answer = client.post(URL, json=DOCUMENT, headers={"OriginSeal-Envelope": ENVELOPE})
    assert (answer.status_code, answer.content) == (202, b"")
    assert answer.headers["gs1-epcis-version"] == "2.0.0"
    job = client.get(answer.headers["location"]).json()
    assert job["captureID"] == answer.headers["location"].rsplit("/", 1)[1]
    assert (job["running"], job["success"], job["captureErrorBehaviour"]) == (False, True, "rollback")
    assert job["finishedAt"].endswith("Z") or job["finishedAt"].endswith("+00:00")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "SomethingElse"}, "/type"),
        ({"schemaVersion": "1.2"}, "/schemaVersion"),
        ({"epcisBody": {}}, "/epcisBody/eventList"),
        ({"epcisBody": {"eventList": []}}, "/epcisBody/eventList"),
        (
            {"epcisBody": {"eventList": [EVENT, {**EVENT, "eventTime": "yesterday"}]}},
            "/epcisBody/eventList/1/eventTime",
        ),
        ({"epcisBody": {"eventList": [{**EVENT, "bizStep": "harvesting"}]}}, "/epcisBody/eventList/0/bizStep"),
        ({"epcisBody": {"eventList": [{**EVENT, "type": "NoEvent"}]}}, "/epcisBody/eventList/0/type"),
    ],
)
def test_bad_document_is_refused_with_a_pointer(client: TestClient, change: dict[str, Any], field: str) -> None:
    answer = client.post(URL, json={**DOCUMENT, **change})
    assert answer.status_code == 400
    assert answer.json()["field"] == field


def test_other_error_behaviour_is_refused(client: TestClient) -> None:
    answer = client.post(URL, json=DOCUMENT, headers={"GS1-Capture-Error-Behaviour": "proceed"})
    assert answer.status_code == 400


def test_xml_document_gets_415(client: TestClient) -> None:
    answer = client.post(URL, content=b"<x/>", headers={"content-type": "application/xml"})
    assert answer.status_code == 415


def test_options_announce_the_limits(client: TestClient) -> None:
    answer = client.options(URL)
    assert answer.status_code == 204
    assert int(answer.headers["gs1-epcis-capture-file-size-limit"]) > 0


def test_unknown_job_gets_404(client: TestClient) -> None:
    assert client.get(URL + "/keccak256:00").status_code == 404
