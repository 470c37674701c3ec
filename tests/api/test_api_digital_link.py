"""The Digital Link, the search and the caches behind the pages; security headers on every answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fake_ledger import FakeLedger
from fastapi.testclient import TestClient
from page_reading import GTIN, HTML, LINK, NUMBER, page, parsed


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/ld+json", "application/ld+json"),
        ("application/json", "application/ld+json"),
        ("text/html", "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
    ],
)
def test_digital_link_negotiates(client: TestClient, accept: str, expected: str) -> None:
    answer = client.get(LINK, headers={"accept": accept})
    assert answer.headers["content-type"] == expected
    assert "Accept" in answer.headers["vary"]


def test_digital_link_refuses_what_it_cannot_give(client: TestClient) -> None:
    answer = client.get(LINK, headers={"accept": "image/png"})
    assert (answer.status_code, answer.json()["code"]) == (406, "not-acceptable")


def test_json_ld_is_honest_and_complete(client: TestClient) -> None:
    data = client.get(LINK, headers={"accept": "application/ld+json"}).json()
    assert data["id"] == f"https://trace.example{LINK}"
    assert data["gs1:gtin"] == GTIN
    assert data["os:history"]["os:complete"] is True
    assert len(data["os:events"]) == 5
    assert [trade["os:failedRules"] for trade in data["os:trades"]] == [[], ["R07"], []]
    assert data["gs1:productionLocation"]["gs1:gln"]
    assert "does not show" in data["os:disclaimer"]
    prefixes = {key.split(":")[0] for key in keys(data) if ":" in key and not key.startswith("@")}
    assert prefixes <= set(data["@context"])


def keys(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from keys(value)
    elif isinstance(node, list):
        for item in node:
            yield from keys(item)


def test_gtin_13_finds_the_same_lot(client: TestClient) -> None:
    assert client.get(f"/01/{GTIN[1:]}/10/{NUMBER}", headers={"accept": "application/json"}).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        {"q": f"https://id.gs1.org{LINK}"},
        {"q": f"  https://trace.example/stem{LINK}/21/77?17=261231  "},
        {"q": LINK},
        {"gtin": GTIN, "lot": NUMBER},
        {"gtin": f"(01) {GTIN}", "lot": f"(10) {NUMBER}"},
        {"gtin": "9521003000183", "lot": NUMBER},
    ],
)
def test_search_finds_the_lot(client: TestClient, query: dict[str, str]) -> None:
    answer = client.get("/find", params=query, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, LINK)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"q": "hello"}, 400),
        ({"q": f"https://id.gs1.org/01/{GTIN}"}, 400),
        ({"q": "https://evil.example//evil.example/x"}, 400),
        ({"gtin": GTIN}, 400),
        ({"gtin": "1", "lot": "x"}, 400),
        ({"gtin": GTIN, "lot": "NOPE"}, 404),
        ({"q": "x" * 3000}, 400),
    ],
)
def test_search_explains_what_it_cannot_find(client: TestClient, query: dict[str, str], status: int) -> None:
    answer = client.get("/find", params=query, headers=HTML, follow_redirects=False)
    assert answer.status_code == status
    assert "<h1>" in answer.text


def test_search_keeps_the_chosen_language(client: TestClient) -> None:
    answer = client.get("/find", params={"gtin": GTIN, "lot": NUMBER, "lang": "en"}, follow_redirects=False)
    assert answer.headers["location"] == f"{LINK}?lang=en"


def test_page_is_rendered_once_per_language_and_version(client: TestClient, ledger: FakeLedger) -> None:
    first = page(client, ledger, LINK)
    calls = ledger.calls
    assert page(client, ledger, LINK).content == first.content
    assert ledger.calls == calls
    page(client, ledger, LINK, "zh")
    assert ledger.calls == calls + 1
    ledger.version_ += 1
    page(client, ledger, LINK)
    assert ledger.calls == calls + 2


def test_query_junk_makes_no_new_cache_entries(client: TestClient, ledger: FakeLedger) -> None:
    page(client, ledger, LINK)
    calls = ledger.calls
    for i in range(20):
        client.get(f"{LINK}?utm={i}", headers={**HTML, "accept-language": "en"})
    assert ledger.calls == calls


def test_host_header_cannot_steer_links(client: TestClient) -> None:
    text = client.get(LINK, headers={**HTML, "host": "evil.example"}).text
    assert "evil.example" not in text


def test_anchors_are_served_as_they_are(client: TestClient, ledger: FakeLedger) -> None:
    assert client.get("/anchors.json").json() == ledger.anchors


def test_static_files_may_be_kept_for_ever_and_change_url_with_content(client: TestClient) -> None:
    text = client.get("/", headers=HTML).text
    sheet = next(url for url in parsed(text).loaded if "site.css" in url)
    answer = client.get(sheet)
    assert "immutable" in answer.headers["cache-control"]
    assert re.fullmatch(r"/static/site\.css\?v=[0-9a-f]{12}", sheet)


def test_audit_page_shows_checkpoint_and_findings(client: TestClient, ledger: FakeLedger) -> None:
    assert "originseal-checkpoint/v1" in page(client, ledger, "/audit").text
    assert "no findings" in page(client, ledger, "/audit").text
    ledger.audit_status = lambda: {"records": 3, "findings": [{}, {}], "head": 9}  # type: ignore[method-assign]
    assert "2 findings" in page(client, ledger, "/audit").text
    ledger.audit_status = lambda: None  # type: ignore[method-assign]
    assert "No audit report yet." in page(client, ledger, "/audit").text


def test_pages_work_on_an_empty_ledger(client: TestClient, ledger: FakeLedger) -> None:
    ledger.lots_.clear()
    ledger.trades_.clear()
    ledger.members_.clear()
    for path in ("/", "/lots", "/trades", "/members"):
        assert page(client, ledger, path).status_code == 200


SECURITY = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
}


@pytest.mark.parametrize("path", ["/", LINK, "/nothing", "/api/v1/lots", "/static/site.css", "/healthz", "/01/1/10/x"])
def test_security_headers_are_on_every_answer(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    for name, value in SECURITY.items():
        assert headers[name] == value
    policy = {part.split()[0]: part.split()[1:] for part in headers["content-security-policy"].split(";")}
    assert policy["default-src"] == ["'none'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == ["'self'"]
    assert "unsafe" not in headers["content-security-policy"]
