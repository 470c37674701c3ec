"""The pages: the right words in both languages, nothing from third parties, small and complete."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from fake_ledger import FakeLedger
from fastapi.testclient import TestClient
from page_reading import GTIN, HTML, LINK, NUMBER, PAGES, RECALLED, TRADE, page, parsed

from api.app import create_app
from api.provenance import MAX_STEPS, MAX_TRADES
from api.settings import Settings


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_page_answers_in_the_visitor_s_language(
    client: TestClient, ledger: FakeLedger, path: str, language: str
) -> None:
    answer = page(client, ledger, path, language)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-language"] == language
    assert {"Accept", "Accept-Language"} <= {part.strip() for part in answer.headers["vary"].split(",")}
    assert f'<html lang="{"zh-Hans" if language == "zh" else "en"}">' in answer.text
    assert answer.headers["etag"]


@pytest.mark.parametrize("path", PAGES)
def test_page_loads_nothing_inline_and_nothing_from_third_parties(
    client: TestClient, ledger: FakeLedger, path: str
) -> None:
    links = parsed(page(client, ledger, path).text)
    assert links.blocked == []
    for url in links.loaded:
        assert re.match(r"/(static|labels)/", url), url
    for url in links.urls:
        assert url.startswith(("/", "#", "https://trace.example/")) and not url.startswith("//"), url
    assert len(links.ids) == len(set(links.ids))
    assert {item["id"] for item in links.inputs} <= set(links.labels)


@pytest.mark.parametrize("path", PAGES)
def test_page_never_says_genuine(client: TestClient, ledger: FakeLedger, path: str) -> None:
    for language in ("zh", "en"):
        text = page(client, ledger, path, language).text.lower()
        assert not re.search(r"genuine|\bauthentic\b|正品|真品|保真|假一赔", text)


def test_every_link_of_every_page_leads_somewhere(client: TestClient, ledger: FakeLedger) -> None:
    seen: set[str] = set()
    queue = ["/?lang=en", TRADE.replace("{trade}", next(iter(ledger.trades_))), f"{LINK}?lang=zh"]
    while queue:
        url = queue.pop()
        path = url.partition("#")[0].removeprefix("https://trace.example")
        if not path or path in seen:
            continue
        seen.add(path)
        answer = client.get(path, headers=HTML)
        assert answer.status_code == 200, (path, answer.text[:200])
        if answer.headers["content-type"].startswith("text/html"):
            queue += [target for target in parsed(answer.text).urls if not target.startswith(("/find", "/chain"))]
    assert len(seen) > 60


def test_first_load_is_under_100_kb(client: TestClient, ledger: FakeLedger) -> None:
    for path in PAGES:
        body = page(client, ledger, path)
        total = len(body.content)
        for url in set(parsed(body.text).loaded):
            total += len(client.get(url).content)
        assert total <= 100_000, (path, total)


def test_page_stays_small_when_the_lot_has_a_long_history(client: TestClient, ledger: FakeLedger) -> None:
    view = ledger.lots_[GTIN, NUMBER]
    template, trade = view.events[1], view.trades[0]
    events = tuple(replace(template, sequence=i) for i in range(3000))
    ledger.lots_[GTIN, NUMBER] = replace(view, events=events, accumulator_total=3000, trades=(trade,) * 500)
    text = page(client, ledger, LINK).text
    assert "3000 records, history complete" in text
    assert f"{3000 - MAX_STEPS} records in between are not shown here" in text
    assert f"{500 - MAX_TRADES} more trades" in text
    with client.stream("GET", LINK, headers={**HTML, "accept-encoding": "gzip"}) as zipped:
        assert len(b"".join(zipped.iter_raw())) < 60_000


def test_answer_comes_first_and_in_plain_words(client: TestClient, ledger: FakeLedger) -> None:
    text = page(client, ledger, LINK).text
    body = text[text.index("<main") :]
    order = [
        body.index(part)
        for part in (
            "Sealed by Maoming Xianxiang Fruit Packhouse Co., Maoming, on",
            "5 records, history complete",
            "Documents matched: 1 of 3 trades",
            "The contract verified 4 SM2 signatures",
            "9,000 kg registered, 1,250.5 kg left",
            "1 inspection, conformant",
            "Product and origin",
            "From origin to port",
            "What this page does not prove",
        )
    ]
    assert order == sorted(order)
    assert "1 not in agreement, 1 with documents missing" in text
    assert "4409BZ0105" in text


def test_chinese_answer(client: TestClient, ledger: FakeLedger) -> None:
    text = page(client, ledger, LINK, "zh").text
    for part in (
        "5 条记录，历史完整",
        "三单比对：3 笔交易中 1 笔一致",
        "本页不能证明什么",
        "海关注册登记号",
        "收款金额与订单金额不相等",
    ):
        assert part in text


def test_failed_rule_is_shown_in_plain_words_before_what_matched(client: TestClient, ledger: FakeLedger) -> None:
    text = page(client, ledger, LINK).text
    assert "The amount received differs from the order&#39;s amount" in text
    assert text.index("Documents do not agree") < text.index("Documents agree")


def test_incomplete_history_is_said_first_and_red(client: TestClient, ledger: FakeLedger) -> None:
    view = ledger.lots_[GTIN, NUMBER]
    ledger.lots_[GTIN, NUMBER] = replace(view, events=view.events[:3])
    text = page(client, ledger, LINK).text
    assert "History incomplete: the contract counted 5 records, only 3 are here" in text
    assert "history complete<" not in text


def test_recall_is_a_banner_with_its_reason_and_author(client: TestClient, ledger: FakeLedger) -> None:
    text = page(client, ledger, RECALLED).text
    assert 'class="banner bad" role="alert"' in text
    assert "This lot has been recalled" in text
    assert "Under re-inspection, cause being examined" in text
    assert text.index('role="alert"') < text.index("<h1>")
    assert 'role="alert"' not in page(client, ledger, LINK).text


def test_custodial_keys_are_flagged(client: TestClient, ledger: FakeLedger) -> None:
    key = next(key for key, view in ledger.lots_.items() if view.producer.custodial)
    text = page(client, ledger, f"/01/{key[0]}/10/{key[1]}").text
    assert "custodial key" in text
    assert re.search(r"1 of \d+ records were signed with a custodial key", text)
    assert "signed with a custodial key" not in page(client, ledger, LINK).text


def test_late_sealing_is_pointed_out(client: TestClient, ledger: FakeLedger) -> None:
    assert "3 days after the event" in page(client, ledger, LINK).text


def test_serial_is_answered_with_a_plain_note(client: TestClient, ledger: FakeLedger) -> None:
    text = page(client, ledger, f"{LINK}/21/A1").text
    assert "serial A1" in text
    assert "was not checked" in text
    data = client.get(f"{LINK}/21/A1", headers={"accept": "application/ld+json"}).json()
    assert data["os:requestedSerial"] == {"os:value": "A1", "os:registered": False}
    assert client.get(f"{LINK}/21/{'x' * 21}", headers=HTML).status_code == 400


def test_temperature_chart_has_a_text_alternative(client: TestClient, ledger: FakeLedger) -> None:
    text = page(client, ledger, LINK).text
    assert "24 readings between 2.4 °C and 4.6 °C." in text
    assert '<svg class="chart"' in text
    assert text.count(" °C</td><td>") == 24


def test_certificate_shows_assurance_and_who_confirmed_it(client: TestClient, ledger: FakeLedger) -> None:
    text = page(client, ledger, LINK).text
    assert "third party" in text
    assert "self-declared" in text
    assert "Maoming Nanyue Agri-food Testing Co. has itself sealed a record of it" in text
    assert "its issuer has not confirmed it here" in text


def test_language_switch_keeps_path_and_query_and_choice_sticks(client: TestClient, ledger: FakeLedger) -> None:
    text = client.get("/lots?zone=6&lang=en", headers={**HTML, "accept-language": "zh"}).text
    assert 'href="/lots?zone=6&amp;lang=zh"' in text
    assert 'href="/members?lang=en"' in text
    assert re.search(r'href="/01/\d{14}/10/[^"]+\?lang=en"', text)
    unchosen = client.get("/lots?zone=6", headers={**HTML, "accept-language": "en"}).text
    assert 'href="/members"' in unchosen


def test_pages_set_no_cookies(client: TestClient, ledger: FakeLedger) -> None:
    for path in PAGES:
        assert "set-cookie" not in page(client, ledger, path).headers


def test_sealed_text_is_escaped(client: TestClient, ledger: FakeLedger) -> None:
    evil = "<script>alert(1)</script>\"'&{{7*7}}"
    view = ledger.lots_[GTIN, NUMBER]
    origin = json.loads(json.dumps(view.origin))
    origin["site"]["name"] = {"zh": evil, "en": evil}
    origin["certificates"][0]["number"] = evil
    events = tuple(replace(e, payload={**e.payload, "originseal:x": evil, "reason_en": evil}) for e in view.events)
    producer = replace(view.producer, name_en=evil, name_zh=evil)
    summary = replace(view.summary, product_en=evil, product_zh=evil)
    ledger.lots_[GTIN, NUMBER] = replace(
        view, origin=origin, events=events, producer=producer, custodian=producer, summary=summary
    )
    for language in ("zh", "en"):
        text = page(client, ledger, LINK, language).text
        assert "<script>alert" not in text
        assert "49" not in re.findall(r"&amp;(\S+)", text)
        assert parsed(text).blocked == []


@pytest.mark.parametrize(
    "origin",
    [
        {},
        {"site": "x", "product": 3, "certificates": "no"},
        {"site": {"location": {"type": "Polygon", "coordinates": []}, "area": {"value": "x"}}, "certificates": [1, {}]},
        {"site": {"location": {"type": "Point", "coordinates": ["a", None]}, "name": {"zh": 5}}},
        {"site": {"location": {"type": "Point", "coordinates": [4.9, 52.4]}}},
    ],
)
def test_page_survives_an_origin_that_was_erased_or_is_strange(
    client: TestClient, ledger: FakeLedger, origin: dict[str, Any]
) -> None:
    view = ledger.lots_[GTIN, NUMBER]
    nobody = replace(view.producer, name_zh="", name_en="", roles=(), zone=0)
    summary = replace(view.summary, product_zh="", product_en="", zone=0)
    ledger.lots_[GTIN, NUMBER] = replace(view, origin=origin, producer=nobody, summary=summary)
    answer = page(client, ledger, LINK)
    assert answer.status_code == 200
    assert f"Lot {NUMBER}" in answer.text
    assert client.get(LINK, headers={"accept": "application/ld+json"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/lots", "/trades", "/members", "/audit", "/problems", "/no-such-page"])
@pytest.mark.parametrize("demo", [True, False])
def test_every_page_says_that_goods_are_invented_when_it_is_a_demonstration(
    settings: Settings, ledger: FakeLedger, path: str, demo: bool
) -> None:
    with TestClient(create_app(replace(settings, demo=demo), ledger)) as client:
        page = client.get(path, headers={"accept": "text/html", "accept-language": "en"}).text
    assert "<html" in page
    assert ("goods, companies and numbers are invented" in page) is demo
