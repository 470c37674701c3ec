"""An audit report as an HTML file in Debian's Chromium: fits a phone, asks nobody for anything, passes axe."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from ledger.services.audit.report_html import render_html
from tests.e2e.visiting import DESKTOP, PHONE
from tests.report_facts import many_facts, sound_facts

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("facts", [sound_facts(), many_facts()], ids=["sound", "findings"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_report_fits_and_is_quiet(browser: Browser, tmp_path: Path, facts: dict, viewport: dict) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_html(facts), encoding="utf-8")
    context = browser.new_context(viewport=viewport)
    page = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    dialogs: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(path.as_uri(), wait_until="load")
    assert asked == [path.as_uri()] and errors == [] and dialogs == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    ground = page.evaluate("getComputedStyle(document.querySelector('.answer')).backgroundColor")
    assert ground != "rgba(0, 0, 0, 0)", "its own policy lets its own style through"
    context.close()


@pytest.mark.parametrize("facts", [sound_facts(), many_facts()], ids=["sound", "findings"])
def test_report_is_accessible(browser: Browser, tmp_path: Path, facts: dict) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_html(facts), encoding="utf-8")
    context = browser.new_context(viewport=PHONE, bypass_csp=True)  # axe is a script, which the report does not allow
    page = context.new_page()
    page.goto(path.as_uri())
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    context.close()
