"""What the page tests share: where pages are, and a parser of what they load."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from fake_ledger import FakeLedger
from fastapi.testclient import TestClient

GTIN, NUMBER = "09521003000183", "P-FZX-240A"
LINK = f"/01/{GTIN}/10/{NUMBER}"
RECALLED = f"/01/{GTIN}/10/P-FZX-241B"
HTML = {"accept": "text/html"}
TRADE = "/trades/{trade}"
PAGES = ["/", "/lots", "/lots?zone=6", "/trades", TRADE, "/members", "/audit", "/problems", "/docs", LINK, RECALLED,
         f"{LINK}/21/A1"]  # fmt: skip


def page(client: TestClient, ledger: FakeLedger, path: str, language: str = "en") -> Any:
    if "{trade}" in path:
        path = path.replace("{trade}", list(ledger.trades_)[1])
    return client.get(path, headers={**HTML, "accept-language": language})


class Links(HTMLParser):
    """Collects what a page would load or link to, and anything that a strict CSP would block."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.loaded: list[str] = []
        self.blocked: list[str] = []
        self.ids: list[str] = []
        self.inputs: list[dict[str, str | None]] = []
        self.labels: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        for name, value in attrs:
            if name in ("href", "src", "action"):
                self.urls.append(value or "")
            if name == "style" or name.startswith("on") or (value or "").lower().startswith("javascript:"):
                self.blocked.append(f"{tag} {name}")
        if tag in ("script", "img", "iframe") or (tag == "link" and values.get("rel") in ("stylesheet", "icon")):
            self.loaded.append(str(values.get("src") or values.get("href")))
        if tag == "style" or (tag == "script" and "src" not in values):
            self.blocked.append(tag)
        if "id" in values:
            self.ids.append(str(values["id"]))
        if tag == "input" and values.get("type") != "hidden":
            self.inputs.append(values)
        if tag == "label":
            self.labels.append(values.get("for"))


def parsed(text: str) -> Links:
    links = Links()
    links.feed(text)
    return links
