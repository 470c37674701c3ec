"""/customs/messages: checked without an envelope, sealed with one; hostile XML costs nothing."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from fake_ledger import FakeLedger
from fastapi.testclient import TestClient

URL = "/customs/messages"
XML = {"content-type": "application/xml"}
ENVELOPE: dict[str, Any] = {"keyId": "sm3:00", "meta": "00", "signature": "00", "operations": [], "seeds": []}


def packed(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def test_message_without_envelope_is_checked_and_not_stored(client: TestClient, ledger: FakeLedger) -> None:
    answer = client.post(URL, content=b"<CEB303Message/>", headers=XML)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["sealed"], body["messageType"], body["receipt"]) == (False, "CEB303", None)
    assert body["defects"][0]["message"] == {"zh": "缺项", "en": "gone"}
    assert ledger.stored == []


def test_receipt_xml_is_given_when_asked_for(client: TestClient) -> None:
    answer = client.post(URL, content=b"<CEB303Message/>", headers={**XML, "accept": "application/xml"})
    assert answer.headers["content-type"].startswith("application/xml")
    assert answer.content == b"<CEB304Message/>"


def test_signed_message_is_sealed_once(client: TestClient, ledger: FakeLedger) -> None:
    headers = {**XML, "OriginSeal-Envelope": packed(ENVELOPE)}
    first = client.post(URL, content=b"<CEB303Message/>", headers=headers)
    second = client.post(URL, content=b"<CEB303Message/>", headers=headers)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["sealed"] is True
    assert first.json()["receipt"]["submissionId"] == second.json()["receipt"]["submissionId"]
    assert first.headers["location"].startswith("/api/v1/submissions/keccak256:")
    assert len(ledger.stored) == 1


def bomb(levels: int = 9) -> bytes:
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "lol"}">' for i in range(levels))
    return f"<!DOCTYPE x [{entities}]><x>&e{levels - 1};</x>".encode()


HOSTILE = {
    "empty": b"",
    "not xml": b"{}",
    "unclosed": b"<a><b></a>",
    "entity bomb": bomb(),
    "external entity": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "parameter entity": b'<!DOCTYPE x [<!ENTITY % e SYSTEM "http://127.0.0.1/"> %e;]><x/>',
    "bare doctype": b"<!DOCTYPE x><x/>",
    "utf-16": "<?xml version='1.0' encoding='UTF-16'?><x/>".encode("utf-16"),
    "gbk": "<?xml version='1.0' encoding='GBK'?><x>中</x>".encode("gbk"),
    "broken utf-8": b"<x>\xff\xfe</x>",
    "nul": b"<x>\x00</x>",
    "deep": b"<a>" * 100_000 + b"</a>" * 100_000,
    "wide": b"<a>" + b"<b/>" * 1_000_000 + b"</a>",
    "attributes": b"<a " + b" ".join(b"a%d=''" % i for i in range(200_000)) + b"/>",
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_xml_is_refused_with_a_reason(client: TestClient, ledger: FakeLedger, name: str) -> None:
    answer = client.post(URL, content=HOSTILE[name], headers=XML)
    assert answer.status_code == 400, answer.text[:300]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] in ("malformed", "hostile-xml")
    assert answer.json()["detail"]
    assert "root:" not in answer.text
    assert ledger.stored == []


@pytest.mark.parametrize(
    ("envelope", "field"),
    [
        ("%%%", "OriginSeal-Envelope"),
        (packed(b"not json"), None),
        (packed([]), "OriginSeal-Envelope"),
        (packed({**ENVELOPE, "keyId": 7}), "OriginSeal-Envelope#/keyId"),
        (packed({**ENVELOPE, "seeds": "x"}), "OriginSeal-Envelope#/seeds"),
        (packed({**ENVELOPE, "extra": 1}), "OriginSeal-Envelope#/extra"),
        (packed({k: v for k, v in ENVELOPE.items() if k != "meta"}), "OriginSeal-Envelope#/meta"),
        (packed(b'{"keyId":1,"keyId":2}'), None),
        ("", None),
        ("AAAAA", None),
    ],
)
def test_bad_envelope_is_refused_and_nothing_is_stored(
    client: TestClient, ledger: FakeLedger, envelope: str, field: str | None
) -> None:
    answer = client.post(URL, content=b"<x/>", headers={**XML, "OriginSeal-Envelope": envelope})
    assert answer.status_code == 400
    if field is not None:
        assert answer.json()["field"] == field
    assert ledger.stored == []


def test_oversized_envelope_is_refused(client: TestClient) -> None:
    answer = client.post(URL, content=b"<x/>", headers={**XML, "OriginSeal-Envelope": "A" * 50_000})
    assert (answer.status_code, answer.json()["field"]) == (413, "OriginSeal-Envelope")


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "text/xml; charset=gb18030", "multipart/form-data", "application/xml;charset=UTF-16"],
)
def test_wrong_content_type_or_charset_gets_415(client: TestClient, content_type: str) -> None:
    answer = client.post(URL, content=b"<x/>", headers={"content-type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")


def test_unacceptable_representation_gets_406(client: TestClient) -> None:
    answer = client.post(URL, content=b"<x/>", headers={**XML, "accept": "image/png"})
    assert (answer.status_code, answer.json()["code"]) == (406, "not-acceptable")
