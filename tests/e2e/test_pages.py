"""The pages in Debian's Chromium over the demonstration: phone and desktop, zh and en, with and without script."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.visiting import DESKTOP, LATER, LOT, PHONE, barriers

pytestmark = pytest.mark.browser

RECALLED = "/01/09521003000183/10/P-FZX-241B"
PAGES = ("/", "/lots", "/trades", "/members", "/audit", "/problems", "/docs", LOT, RECALLED)


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
@pytest.mark.parametrize("path", PAGES)
def test_page_opens_without_errors_overflow_or_third_parties(
    visit: Any, path: str, locale: str, viewport: dict[str, int]
) -> None:
    visitor = visit(viewport=viewport, locale=locale)
    page = visitor.open(path)
    assert page.evaluate("document.documentElement.lang") == ("zh-Hans" if locale == "zh-CN" else "en")
    assert page.locator("h1").count() == 1
    assert visitor.errors == []
    assert visitor.overflow() <= 0
    assert all(address.startswith((visitor.url, "data:")) for address in visitor.requests)


@pytest.mark.parametrize(
    ("path", "viewport", "scheme"),
    [
        *((path, PHONE, "light") for path in (*PAGES, "/trades/first")),
        *((path, DESKTOP, "dark") for path in ("/", LOT, RECALLED, "/trades/first", "/members")),
    ],
)
def test_axe_finds_no_barrier(visit: Any, path: str, viewport: dict[str, int], scheme: str) -> None:
    visitor = visit(viewport=viewport, color_scheme=scheme)
    if path == "/trades/first":
        visitor.open("/trades")
        path = visitor.page.locator('a[href^="/trades/sm3:"]').first.get_attribute("href")
    page = visitor.open(path)
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    assert barriers(page) == []


def test_axe_finds_a_barrier_when_there_is_one(visit: Any) -> None:
    page = visit().open(LOT)
    page.evaluate("document.querySelector('.lead').style.color = '#ddd'")
    page.evaluate("document.querySelector('.label img').removeAttribute('alt')")
    assert {rule for rule, *_ in barriers(page)} == {"color-contrast", "image-alt"}


def test_phone_sees_the_answer_without_scrolling(visit: Any) -> None:
    page = visit().open(LOT)
    for text in ("Feizixiao lychee, 2.5 kg box", "history complete"):
        box = page.get_by_text(text).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < PHONE["height"]


def test_language_switch_changes_the_page_and_stays(visit: Any) -> None:
    visitor = visit(locale="zh-CN")
    page = visitor.open(LOT)
    page.get_by_role("link", name="English").click()
    page.wait_for_url("**?lang=en")
    assert page.get_by_role("heading", name="What this page does not prove").is_visible()
    page.get_by_role("link", name="Members").click()
    page.wait_for_url("**/members?lang=en")
    page.get_by_role("link", name="中文").click()
    page.wait_for_url("**/members?lang=zh")
    assert page.get_by_role("heading", name="成员").is_visible()


def test_page_says_everything_without_javascript(visit: Any) -> None:
    scripted = visit().open(LOT)
    scripted.evaluate("for (const button of document.querySelectorAll('.copy')) button.remove()")
    scripted.evaluate("document.getElementById('browser-check').remove()")
    with_script = scripted.locator("main").inner_text()
    visitor = visit(java_script_enabled=False)
    answer = visitor.page.goto(visitor.url + LOT)
    assert answer is not None
    without = visitor.page.locator("main").inner_text()
    assert "history complete" in without
    assert "What this page does not prove" in without
    assert visitor.page.locator("svg.map, svg.chart").count() == 2
    check = visitor.page.locator("#browser-check").inner_text()
    assert "did not run: it needs JavaScript" in check
    assert without.replace(check, "").split() == with_script.split()
    visitor.page.locator(".timeline summary").first.click()
    assert visitor.page.locator("details[open] code").first.is_visible()


def test_search_finds_a_pasted_link_and_explains_a_typing_error(visit: Any) -> None:
    visitor = visit()
    page = visitor.open("/")
    page.get_by_label("Paste the link from the QR code").fill("https://id.gs1.org" + LOT)
    page.get_by_role("button", name="Look up").click()
    page.wait_for_url("**" + LOT)
    page = visitor.open("/")
    page.get_by_label("GTIN (01)").fill("09521003000184")
    page.get_by_label("Lot number (10)").fill("P-FZX-240A")
    page.get_by_role("button", name="Look up").click()
    assert "check digit" in page.locator("main").inner_text()


def test_recall_is_the_first_thing_on_the_page(visit: Any) -> None:
    page = visit().open(RECALLED)
    banner, heading = page.get_by_role("alert"), page.locator("h1")
    assert "recalled" in banner.inner_text()
    assert banner.bounding_box()["y"] < heading.bounding_box()["y"]


def test_copy_button_copies_the_command(visit: Any) -> None:
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    page = visitor.open(LOT)
    page.locator("pre[data-copyable] + .copy").first.click()
    assert page.evaluate("navigator.clipboard.readText()").startswith("originseal verify originseal-0952100")


def test_bundle_and_anchors_download_from_the_page(visit: Any) -> None:
    page = visit(accept_downloads=True).open(LOT)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the proof (JSON)").click()
    assert download.value.suggested_filename == "originseal-09521003000183-P-FZX-240A.json"
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the trust anchors").click()
    assert download.value.suggested_filename == "anchors.json"


def test_keyboard_reaches_the_content_first(visit: Any) -> None:
    page = visit(viewport=DESKTOP).open(LOT)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"


def test_first_load_is_light(visit: Any) -> None:
    visitor = visit()
    visitor.open(LOT)
    assert visitor.bytes <= 100_000
    assert len([r for r in visitor.requests if not any(part in r for part in LATER)]) <= 6
    visitor.page.wait_for_selector("#browser-check[data-done]")
    assert 0 < visitor.later_bytes <= 2 * 40_000, "the verifier's modules, compressed; the worker may load its own copy"


def test_print_shows_the_facts_and_hides_the_controls(visit: Any) -> None:
    page = visit(viewport=DESKTOP).open(LOT)
    page.emulate_media(media="print")
    assert page.get_by_text("history complete").first.is_visible()
    assert not page.get_by_role("link", name="Download the proof (JSON)").is_visible()
    assert not page.locator("header nav").first.is_visible()


def test_missing_lot_gets_a_page_that_helps(visit: Any) -> None:
    page = visit().open("/01/09521003000183/10/NOPE", status=404)
    assert "The ledger holds no such lot" in page.locator("main").inner_text()
    assert page.get_by_role("link", name="Look something up on the front page").is_visible()
