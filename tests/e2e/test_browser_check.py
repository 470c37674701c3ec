"""The shopper's own browser checks the lot: all green; with one byte changed, the right line is red."""

from __future__ import annotations

import json
import urllib.request
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from playwright.sync_api import Page

from ledger.proof.report import STEPS
from tests.e2e.visiting import DESKTOP, LOT, PHONE, barriers

pytestmark = pytest.mark.browser
IDS = [name for name, _, _ in STEPS]


@pytest.fixture(scope="module")
def files(url: str) -> dict[str, Any]:
    def get(path: str) -> Any:
        with urllib.request.urlopen(url + path) as answer:
            return json.load(answer)

    return {"bundle": get("/api/v1/lots/09521003000183/P-FZX-240A/bundle"), "anchors": get("/anchors.json")}


def finished(page: Page) -> list[str]:
    """The classes of the fifteen lines once the check has ended."""
    page.wait_for_selector("#browser-check[data-done]")
    classes: list[str] = page.eval_on_selector_all("[data-step]", "lines => lines.map(line => line.className)")
    return classes


def give(page: Page, kind: str, value: Any) -> list[str]:
    page.evaluate("delete document.getElementById('browser-check').dataset.done")
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    page.set_input_files(
        f'[data-part="choose-{kind}"]', {"name": f"{kind}.json", "mimeType": "application/json", "buffer": content}
    )
    return finished(page)


def result(page: Page) -> str:
    return page.locator('[data-part="result"]').inner_text()


@pytest.mark.parametrize(("viewport", "locale"), [(PHONE, "en-GB"), (DESKTOP, "zh-CN")], ids=["phone", "desktop"])
def test_browser_check_is_green_when_the_page_opens(visit: Any, viewport: Any, locale: str) -> None:
    visitor = visit(viewport=viewport, locale=locale)
    page = visitor.open(LOT)
    assert finished(page) == ["ok"] * 15
    assert ("Holds: your browser has checked" if locale == "en-GB" else "成立：您的浏览器已核验") in result(page)
    assert ("came from this same server" if locale == "en-GB" else "来自本站服务器") in page.locator(
        '[data-part="source"]'
    ).inner_text()
    page.evaluate("for (const details of document.querySelectorAll('#browser-check details')) details.open = true")
    assert "0x" in page.locator('[data-part="anchors"]').inner_text()
    assert visitor.errors == []
    assert visitor.overflow() <= 0
    assert barriers(page) == []
    assert any(address.endswith("/worker.mjs") for address in visitor.requests)


def test_browser_check_tells_the_time_that_the_page_tells_when_the_visitor_is_elsewhere(
    visit: Any, files: dict[str, Any]
) -> None:
    lines = files["bundle"]["state"]["checkpoint"]["text"].splitlines()
    sealed = int(next(line for line in lines if line.startswith("time: ")).removeprefix("time: "))
    shanghai = datetime.fromtimestamp(sealed, timezone(timedelta(hours=8)))
    page = visit(locale="en-GB", timezone_id="America/New_York").open(LOT)
    finished(page)
    assert f"{shanghai:%H:%M}" in result(page)


def flip(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def change(part: Any, key: Any) -> None:
    part[key] = flip(part[key])


CHANGES = {
    "anchors": lambda b: change(b["contracts"], "Lots"),
    "checkpoint": lambda b: change(b["state"]["checkpoint"], "signature"),
    "header": lambda b: change(b["state"], "header"),
    "contracts": lambda b: change(b["state"]["accounts"]["Lots"]["proof"], -1),
    "state": lambda b: change(b["state"]["accounts"]["Lots"]["storage"][0], "value"),
    "blocks": lambda b: change(b["submissions"][1], "header"),
    "transactions": lambda b: change(b["submissions"][0]["transaction"], "raw"),
    "receipts": lambda b: change(b["submissions"][0]["receipt"], "raw"),
    "members": lambda b: b["submissions"][0]["key"].update(custodial=not b["submissions"][0]["key"]["custodial"]),
    "records": lambda b: b["submissions"][0]["records"][0]["fields"][0].update(value="other"),
    "inclusion": lambda b: b["submissions"][0]["records"][0]["inclusion"].update(index=2),
    "origin": lambda b: b["lot"].update(lot="P-FZX-240B"),
}


def test_right_line_is_red_when_one_byte_of_the_bundle_is_changed(visit: Any, files: dict[str, Any]) -> None:
    page = visit().open(LOT)
    finished(page)
    for step, spoil in CHANGES.items():
        value = json.loads(json.dumps(files["bundle"]))
        spoil(value)
        at = IDS.index(step)
        assert give(page, "bundle", value) == ["ok"] * at + ["bad"] + ["info"] * (14 - at), step
        assert "Does not hold: step" in result(page)
        why = page.locator(f'[data-step="{step}"] .why')
        assert why.is_visible() and "/" in why.locator("code").inner_text()
    assert give(page, "bundle", files["bundle"]) == ["ok"] * 15


def test_file_that_is_no_bundle_is_refused_in_words(visit: Any, files: dict[str, Any]) -> None:
    page = visit().open(LOT)
    finished(page)
    twice = json.dumps(files["bundle"]).replace('"chainId":', '"chainId": 1, "chainId":', 1).encode()
    for content in (b"", b"not a bundle", twice, {**files["bundle"], "note": ""}):
        assert give(page, "bundle", content) == ["info"] * 15
        assert "not well-formed" in result(page)
    assert "a member that this format does not have" in page.locator('[data-part="refused"]').inner_text()


def test_anchors_from_elsewhere_are_compared_and_used(visit: Any, files: dict[str, Any]) -> None:
    page = visit().open(LOT)
    finished(page)
    source = page.locator('[data-part="source"]')
    assert give(page, "anchors", files["anchors"]) == ["ok"] * 15
    assert "says the same" in source.inner_text()
    other = json.loads(json.dumps(files["anchors"]))
    other["genesis"] = flip(other["genesis"])
    assert give(page, "anchors", other) == ["ok", "bad"] + ["info"] * 13
    assert "differ in: Genesis block" in source.inner_text()
    page.evaluate("for (const details of document.querySelectorAll('#browser-check details')) details.open = true")
    page.evaluate("delete document.getElementById('browser-check').dataset.done")
    page.locator('[data-part="reset"]').click()
    assert finished(page) == ["ok"] * 15
    assert "came from this same server" in source.inner_text()


def test_proof_of_another_lot_does_not_pass_for_this_one(visit: Any, url: str) -> None:
    visitor = visit()
    other = urllib.request.urlopen(f"{url}/api/v1/lots/09521003000183/P-FZX-241B/bundle").read()
    visitor.page.route("**/bundle", lambda route: route.fulfill(body=other, content_type="application/json"))
    page = visitor.open(LOT)
    finished(page)
    assert "the server sent the proof of another lot: 09521003000183 / P-FZX-241B" in result(page)
    assert "bad" in (page.locator('[data-part="result"]').get_attribute("class") or "")


def test_check_runs_in_the_page_itself_when_there_are_no_workers(visit: Any) -> None:
    visitor = visit()
    visitor.page.add_init_script("delete globalThis.Worker")
    page = visitor.open(LOT)
    assert finished(page) == ["ok"] * 15
    assert visitor.errors == []


def test_page_says_that_the_check_did_not_run_without_javascript(visit: Any) -> None:
    visitor = visit(java_script_enabled=False)
    visitor.page.goto(visitor.url + LOT)
    assert "did not run: it needs JavaScript" in result(visitor.page)
    assert not visitor.page.locator('[data-part="live"]').is_visible()


def test_page_says_so_when_the_bundle_cannot_be_fetched(visit: Any) -> None:
    visitor = visit()
    visitor.page.route("**/bundle", lambda route: route.fulfill(status=503, body="{}"))
    visitor.page.goto(visitor.url + LOT)
    page = visitor.page
    page.wait_for_selector("#browser-check[data-done]")
    assert "could not be fetched" in result(page)
