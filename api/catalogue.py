"""Texts of the pages in every language: one JSON file per language under api/i18n, same keys in each (tested).

Adding a language = adding a file and its code to `api.negotiation.LANGUAGES`. Values are plain text with {named}
places; HTML escaping happens in the templates. Also numbers, units, dates and durations as each language has it.
"""

from __future__ import annotations

import datetime
import json
import re
from decimal import Decimal, InvalidOperation
from importlib import resources
from typing import Any

from api.negotiation import LANGUAGES
from ledger.index.views import MemberView

CEB_FIELD = re.compile(
    r"\b(?P<document>303|403|505|603|link)\.(?P<sum>Σ)?(?:list\.)?(?P<field>[A-Za-z]+)"
    r"(?:(?P<sign>[×+])(?P<second>[A-Za-z]+))?(?:\(kg\))?"
)
BETWEEN_HAN = re.compile(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])")
CHINA = datetime.timezone(datetime.timedelta(hours=8), "UTC+8")


def _flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            flat.update(_flatten(value, path + "."))
        else:
            flat[path] = value
    return flat


def load(language: str) -> dict[str, str]:
    """The flat catalogue of one language: {"lot.title": "…"}."""
    text = resources.files("api").joinpath("i18n", f"{language}.json").read_text(encoding="utf-8")
    return _flatten(json.loads(text))


CATALOGUES: dict[str, dict[str, str]] = {language: load(language) for language in LANGUAGES}


class Speaker:
    """Says things in one language; what the templates call as `s`."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = CATALOGUES[language]

    def __call__(self, key: str, **values: Any) -> str:
        """The text under `key`; with `n=1` its `.one` form where there is one. Raises KeyError for an unknown key."""
        if values.get("n") == 1 and f"{key}.one" in self._texts:
            key = f"{key}.one"
        elif "n" in values and f"{key}.other" in self._texts:
            key = f"{key}.other"
        text = self._texts[key]
        return text.format_map(values) if values else text

    def term(self, group: str, value: str | None) -> str:
        """The name of a code (a role, a business step …), or the code itself when we have no name for it."""
        if not value:
            return ""
        return self._texts.get(f"{group}.{value}") or value.replace("_", " ")

    def pair(self, zh: str, en: str) -> str:
        """The one of two texts that fits the language, or the other when it is empty."""
        return (zh or en) if self.language == "zh" else (en or zh)

    def both(self, value: Any) -> str:
        """The text of a sealed {"zh", "en"} object; plain text stays as it is."""
        if isinstance(value, dict):
            return self.pair(str(value.get("zh") or ""), str(value.get("en") or ""))
        return "" if value is None else str(value)

    def member(self, member: MemberView) -> str:
        """A member's name, or the head of its id when no profile of it can be read."""
        return self.pair(member.name_zh, member.name_en) or f"{member.id[:16]}…"

    def plain(self, text: str) -> str:
        """A rule's reason with customs field names (`303.list.qty×price`) put into words; other text stays."""
        worded = CEB_FIELD.sub(self._worded, text)
        return BETWEEN_HAN.sub("", worded) if self.language == "zh" else worded

    def _worded(self, match: re.Match[str]) -> str:
        names = [self.term("ceb_field", name) for name in (match["field"], match["second"]) if name]
        joined = f" {match['sign']} ".join(names) if match["sign"] else names[0]
        field = self("plain.sum", field=joined) if match["sum"] else joined
        return self("plain.field", document=self(f"plain.{match['document']}"), field=field)

    def number(self, text: Any) -> str:
        """Decimal text with thousands separators; what is no number is returned as it is."""
        try:
            plain = f"{Decimal(str(text)):,f}"
        except InvalidOperation:
            return str(text)
        return plain.rstrip("0").rstrip(".") if "." in plain else plain

    def quantity(self, value: Any, unit: str) -> str:
        return f"{self.number(value)} {self.term('unit', unit)}".strip()

    def date(self, moment: int | None) -> str:
        return self._format(moment, "{d.year}年{d.month}月{d.day}日", "{d:%d} {month} {d.year}")

    def time(self, moment: int | None) -> str:
        """Date and minute in China Standard Time, which is where the goods come from."""
        return self._format(moment, "{d.year}年{d.month}月{d.day}日 {d:%H:%M}", "{d:%d} {month} {d.year}, {d:%H:%M}")

    def _format(self, moment: int | None, zh: str, en: str) -> str:
        if moment is None:
            return self("time.unknown")
        when = datetime.datetime.fromtimestamp(moment, CHINA)
        months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
        return (zh if self.language == "zh" else en).format(d=when, month=months[when.month - 1]).lstrip("0")

    def span(self, seconds: int) -> str:
        """A duration in its largest sensible unit."""
        seconds = abs(seconds)
        for name, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
            if seconds >= size:
                return self(f"span.{name}", n=seconds // size)
        return self("span.moment")


def iso(moment: int) -> str:
    """RFC 3339 in UTC, for machines."""
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


SPEAKERS: dict[str, Speaker] = {language: Speaker(language) for language in LANGUAGES}
