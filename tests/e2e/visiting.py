"""A visitor in Debian's Chromium: what it meets, asks for and stumbles over. Used by every test of pages."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

CHROMIUM = "/usr/bin/chromium"
PHONE, DESKTOP = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
LOT = "/01/09521003000183/10/P-FZX-240A"
LATER = ("/static/verify/", "/bundle", "/anchors.json")  # what the check in the browser loads after the page


class Visit:
    """One visitor: collects console errors, failed requests and every address that was asked for."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        self._context = browser.new_context(**{"viewport": PHONE, "locale": "en-GB", **options})
        self.page: Page = self._context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.bytes = self.later_bytes = 0
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("requestfailed", lambda request: self.errors.append(f"failed {request.url}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("response", lambda answer: self._count(answer))

    def _count(self, answer: Any) -> None:
        length = int(answer.headers.get("content-length", 0))
        if any(part in answer.url for part in LATER):
            self.later_bytes += length if "/static/" in answer.url else 0
        else:
            self.bytes += length

    def open(self, path: str, status: int = 200) -> Page:
        answer = self.page.goto(self.url + path, wait_until="networkidle")
        assert answer is not None
        assert answer.status == status
        return self.page

    def overflow(self) -> int:
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def close(self) -> None:
        self._context.close()


def barriers(page: Page) -> list[Any]:
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    found = Axe().run(page, options=options).response["violations"]
    return [(rule["id"], rule["nodes"][0]["target"], rule["nodes"][0]["failureSummary"]) for rule in found]
