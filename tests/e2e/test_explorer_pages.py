"""The explorer in Debian's Chromium over the demonstration: phone and desktop, zh and en, without script, on paper."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from tests.e2e.visiting import DESKTOP, PHONE, barriers

pytestmark = pytest.mark.browser
PAGES = (
    "overview",
    "blocks",
    "block",
    "transaction",
    "members",
    "member",
    "governance",
    "contracts",
    "contract",
    "source",
    "lot",
)


def read(address: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(address, headers={"accept": "application/json"})) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def paths(url: str) -> dict[str, str]:
    """One address of each page, found as a visitor would."""
    head = read(f"{url}/chain")["head"]["number"]
    transaction = read(f"{url}/chain/blocks/{head}")["transactions"][0]["hash"]
    member = read(f"{url}/chain/governance")["items"][0]["member"]["id"]
    lot = read(f"{url}/api/v1/lots")["items"][0]["id"]
    return {
        "overview": "/chain",
        "blocks": "/chain/blocks",
        "block": f"/chain/blocks/{head}",
        "transaction": f"/chain/transactions/{transaction}",
        "members": "/chain/members",
        "member": f"/chain/members/{member}",
        "governance": "/chain/governance",
        "contracts": "/chain/contracts",
        "contract": "/chain/contracts/Submissions",
        "source": "/chain/contracts/Lots/source/contracts/src/Lots.sol",
        "lot": f"/chain/lots/{lot}",
    }


@pytest.mark.parametrize(
    ("name", "viewport", "scheme", "locale"),
    [
        *((name, PHONE, "light", "en-GB") for name in PAGES),
        *((name, DESKTOP, "dark", "zh-CN") for name in ("block", "transaction", "governance", "contract")),
    ],
)
def test_page_is_sound_and_axe_finds_no_barrier(
    visit: Any, paths: dict[str, str], name: str, viewport: dict[str, int], scheme: str, locale: str
) -> None:
    visitor = visit(viewport=viewport, color_scheme=scheme, locale=locale)
    page = visitor.open(paths[name])
    assert page.locator("h1").count() == 1
    assert visitor.overflow() <= 0
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    assert visitor.overflow() <= 0
    assert barriers(page) == []
    assert visitor.errors == []
    assert all(address.startswith((visitor.url, "data:")) for address in visitor.requests)
    assert visitor.bytes <= 100_000


def test_walk_from_the_newest_block_to_the_member_works_without_javascript(visit: Any, paths: dict[str, str]) -> None:
    visitor = visit(java_script_enabled=False)
    page = visitor.page
    page.goto(visitor.url + "/")
    page.get_by_role("link", name="Chain", exact=True).click()
    page.get_by_role("link", name="Blocks", exact=True).click()
    page.locator(".blocks a").first.click()
    assert page.url.endswith(paths["block"])
    page.locator('main a[href^="/chain/transactions/"]').first.click()
    assert "Signature holds" in page.locator("main").inner_text()
    page.locator('main a[href^="/chain/members/"]').first.click()
    assert "The contract counts" in page.locator("main").inner_text()


def test_search_goes_to_the_page_or_says_what_can_be_searched(visit: Any, paths: dict[str, str]) -> None:
    visitor = visit()
    page = visitor.open("/chain?lang=en")
    box = page.get_by_role("searchbox", name="Search the chain")
    box.fill(paths["transaction"].rpartition("/")[2])
    box.press("Enter")
    page.wait_for_url("**" + paths["transaction"] + "?lang=en")
    page.get_by_role("searchbox", name="Search the chain").fill("lychee")
    page.get_by_role("button", name="Search").click()
    assert "a unified social credit code" in page.locator("main").inner_text()


def test_figure_leads_to_its_evidence(visit: Any, paths: dict[str, str]) -> None:
    page = visit(viewport=DESKTOP, locale="en-GB").open(paths["block"])
    mark = page.get_by_role("link", name="Evidence").first
    target = page.locator(str(mark.get_attribute("href")))
    mark.click()
    assert "curl -s " in target.inner_text()
    box = target.bounding_box()
    assert box is not None and 0 <= box["y"] < DESKTOP["height"]


def test_paper_shows_everything_but_the_controls(visit: Any, paths: dict[str, str]) -> None:
    page = visit(viewport=DESKTOP, locale="en-GB").open(paths["transaction"])
    page.emulate_media(media="print")
    assert page.get_by_role("heading", name="SM2 signature").is_visible()
    assert not page.locator(".tabs").is_visible()
    assert not page.locator(".find").is_visible()
