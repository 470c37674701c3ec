"""/api/v1: reads are cached honestly, writes are strict and idempotent."""

from __future__ import annotations

import gzip
import json

import pytest
from fake_ledger import FakeLedger
from fake_values import NOW
from fastapi.testclient import TestClient

GTIN, NUMBER = "09521003000183", "P-FZX-240A"
LOT = f"/api/v1/lots/{GTIN}/{NUMBER}"
GOOD = {"format": "originseal-submission/v1", "records": [1]}


def test_lot_tells_origin_history_and_trades(client: TestClient) -> None:
    body = client.get(LOT).json()
    assert (body["gtin"], body["lot"], body["quantity"], body["unit"]) == (GTIN, NUMBER, "9000", "KGM")
    assert body["origin"]["site"]["gaccNumber"] == "4409BZ0105"
    assert body["historyComplete"] is True
    assert len(body["history"]) == body["accumulator"]["total"] == 5
    assert [trade["verdict"] for trade in body["trades"]] == ["MATCHED", "MISMATCHED", "INCOMPLETE"]
    assert body["digitalLink"] == f"https://trace.example/01/{GTIN}/10/{NUMBER}"
    assert body["links"]["bundle"] == f"https://trace.example{LOT}/bundle"


def test_lot_says_so_when_its_history_is_not_complete(client: TestClient, ledger: FakeLedger) -> None:
    from dataclasses import replace

    view = ledger.lots_[GTIN, NUMBER]
    ledger.lots_[GTIN, NUMBER] = replace(view, events=view.events[:-1])
    assert client.get(LOT).json()["historyComplete"] is False


def test_bundle_is_a_download_with_a_safe_name(client: TestClient) -> None:
    answer = client.get(f"{LOT}/bundle")
    assert answer.json()["format"] == "originseal-bundle/v1"
    assert answer.headers["content-disposition"] == f'attachment; filename="originseal-{GTIN}-{NUMBER}.json"'


def test_listing_pages_through_everything_once(client: TestClient, ledger: FakeLedger) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        page = client.get(f"/api/v1/lots?limit=5{cursor}").json()
        seen += [item["id"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert len(seen) == len(set(seen)) == len(ledger.lots_)


def test_zone_filters_the_listing(client: TestClient) -> None:
    zones = {item["zone"] for item in client.get("/api/v1/lots?zone=5").json()["items"]}
    assert zones == {5}


def test_unchanged_answer_gets_304_and_is_not_computed_again(client: TestClient, ledger: FakeLedger) -> None:
    first = client.get(LOT)
    calls = ledger.calls
    again = client.get(LOT, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert ledger.calls == calls


def test_new_ledger_version_is_seen_at_once(client: TestClient, ledger: FakeLedger) -> None:
    from dataclasses import replace

    first = client.get(LOT)
    view = ledger.lots_[GTIN, NUMBER]
    ledger.lots_[GTIN, NUMBER] = replace(view, remaining="7")
    ledger.version_ += 1
    second = client.get(LOT, headers={"if-none-match": first.headers["etag"]})
    assert second.status_code == 200
    assert second.json()["remaining"] == "7"


def test_error_is_not_cached(client: TestClient, ledger: FakeLedger) -> None:
    from ledger.errors import EngineUnavailable

    ledger.failure = EngineUnavailable("down")
    assert client.get(LOT).status_code == 503
    ledger.failure = None
    assert client.get(LOT).status_code == 200


def test_gzip_is_used_only_when_accepted(client: TestClient) -> None:
    plain = client.get(LOT, headers={"accept-encoding": "identity"})
    refused = client.get(LOT, headers={"accept-encoding": "gzip;q=0"})
    with client.stream("GET", LOT, headers={"accept-encoding": "br, gzip"}) as zipped:
        raw = b"".join(zipped.iter_raw())
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in refused.headers
    assert gzip.decompress(raw) == plain.content
    assert zipped.headers["etag"] != plain.headers["etag"]
    assert "Accept-Encoding" in plain.headers["vary"]


@pytest.mark.parametrize(
    "path", [LOT, f"/01/{GTIN}/10/{NUMBER}", "/", "/static/site.css", f"{LOT}/nope", "/labels/x/y.svg"]
)
def test_head_answers_like_get_without_the_body(client: TestClient, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert head.status_code == got.status_code
    assert head.content == b""
    for name in ("content-type", "content-length", "etag", "vary", "content-security-policy"):
        assert head.headers.get(name) == got.headers.get(name)


def test_post_to_a_readable_address_gets_405(client: TestClient) -> None:
    assert client.post(LOT).status_code == 405


def test_submission_gets_201_then_200_with_the_first_receipt(client: TestClient, ledger: FakeLedger) -> None:
    first = client.post("/api/v1/submissions", json=GOOD)
    second = client.post("/api/v1/submissions", json=GOOD)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["submissionId"] == second.json()["submissionId"]
    assert second.json()["duplicate"] is True
    assert len(ledger.stored) == 1
    found = client.get(first.headers["location"])
    assert found.json() == first.json()


def test_submission_of_many_records_is_read_whole(client: TestClient, ledger: FakeLedger) -> None:
    records = [{"kind": "epcis.event", "payload": {f"k{i}": "v" * 60 for i in range(30)}} for _ in range(800)]
    body = {"format": "originseal-submission/v1", "records": records}
    assert len(json.dumps(body)) > 1_500_000
    assert client.post("/api/v1/submissions", json=body).status_code == 201
    assert len(ledger.stored[0]["records"]) == 800


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b"[]", "malformed"),
        (b"null", "malformed"),
        (b'{"a":NaN}', "not-canonical"),
        (b'{"a":Infinity}', "not-canonical"),
        (b'{"a":1,"a":2}', "not-canonical"),
        (b'{"a":"\\ud800"}', "not-canonical"),
        ('{"a":"e\u0301"}'.encode(), "not-canonical"),
        ('{"a":"中"}'.encode("gbk"), "not-canonical"),
        ('{"a":"中"}'.encode("utf-16"), "not-canonical"),
        (b"\xef\xbb\xbf{}", "not-canonical"),
        (b"[" * 100_000 + b"]" * 100_000, "malformed"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "malformed"),
        (b"[" + b"1," * 400_000 + b"1]", "malformed"),
        (b'{"a":1' + b"0" * 5000 + b"}", None),
        (b'{"a":0.10000000000000000000001}', None),
    ],
)
def test_hostile_json_is_refused_and_nothing_is_stored(
    client: TestClient, ledger: FakeLedger, body: bytes, code: str | None
) -> None:
    answer = client.post("/api/v1/submissions", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] in ({code} if code else {"malformed", "not-canonical"})
    assert answer.json()["detail"]
    assert ledger.stored == []


def test_trade_and_member_are_found_by_id(client: TestClient, ledger: FakeLedger) -> None:
    trade = next(iter(ledger.trades_))
    member = ledger.members_["fenjie-longan"]
    assert client.get(f"/api/v1/trades/{trade}").json()["id"] == trade
    assert client.get(f"/api/v1/members/{member.id}").json()["custodial"] is True


def test_ledger_info_comes_from_the_contract_itself(client: TestClient) -> None:
    body = client.get("/api/v1/ledger").json()
    assert body["domain"] == "d0" * 32
    assert body["maxWindow"] == 31 * 86400
    assert body["submissions"] == body["contracts"]["Submissions"]


def test_ledger_info_is_unavailable_when_the_contract_does_not_answer(client: TestClient, ledger: FakeLedger) -> None:
    ledger.rpc = lambda body: {"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "x"}}  # type: ignore[method-assign]
    assert client.get("/api/v1/ledger").status_code == 503


def test_status_carries_the_audit_summary(client: TestClient) -> None:
    body = client.get("/api/v1/status").json()
    assert body["height"] == 123
    assert body["audit"]["startedAt"] == NOW
    assert client.get("/api/v1/audit").json()["records"] == 321


@pytest.mark.parametrize("lot", ["A/B", "50%", "A%2FB", 'x"y', "a&b=c", "(1)", "A+B"])
def test_lot_numbers_with_reserved_characters_are_data(client: TestClient, ledger: FakeLedger, lot: str) -> None:
    from dataclasses import replace
    from urllib.parse import quote

    view = ledger.lots_[GTIN, NUMBER]
    ledger.lots_[GTIN, lot] = replace(view, summary=replace(view.summary, lot=lot))
    name = quote(lot, safe="")
    answer = client.get(f"/api/v1/lots/{GTIN}/{name}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["lot"] == lot
    assert (
        client.get(answer.json()["links"]["bundle"].removeprefix("https://trace.example")).json()["lot"]["lot"] == lot
    )
    page = client.get(f"/01/{GTIN}/10/{name}", headers={"accept": "application/ld+json"})
    assert page.json()["gs1:hasBatchLotNumber"] == lot
    assert json.loads(page.text)["id"] == f"https://trace.example/01/{GTIN}/10/{name}"
    assert client.get(f"/labels/{GTIN}/{name}.svg").status_code == 200
    html = client.get(f"/01/{GTIN}/10/{name}?lang=en", headers={"accept": "text/html"}).text
    assert f"/01/{GTIN}/10/{name}?lang=zh" in html
