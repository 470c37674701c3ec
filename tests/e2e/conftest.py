"""One browser and one served demonstration for each file of page tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.serving import serving
from tests.e2e.visiting import CHROMIUM, Visit


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("Debian's Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def url(browser: Browser, demo_master: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a demonstration of this file's own."""
    data = Path(shutil.copytree(demo_master, tmp_path_factory.mktemp("served") / "demo"))
    with serving(data) as address:
        yield address


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Any]:
    """Start visitors; they leave when the test ends."""
    opened: list[Visit] = []

    def start(**options: Any) -> Visit:
        opened.append(Visit(browser, url, **options))
        return opened[-1]

    yield start
    for each in opened:
        each.close()
