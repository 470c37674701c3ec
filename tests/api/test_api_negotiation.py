"""Which language and which representation a visitor gets."""

from __future__ import annotations

import pytest

from api.negotiation import language, media_type

OFFERED = ("text/html", "application/ld+json", "application/json")


@pytest.mark.parametrize(
    ("query", "header", "expected"),
    [
        ({}, None, ("zh", False)),
        ({}, "", ("zh", False)),
        ({}, "en-GB,en;q=0.9", ("en", False)),
        ({}, "zh-CN,zh;q=0.9,en;q=0.8", ("zh", False)),
        ({}, "nl,fr;q=0.5", ("en", False)),
        ({}, "nl, zh;q=0.1", ("zh", False)),
        ({}, "zh;q=0, en;q=0.1", ("en", False)),
        ({}, "*", ("zh", False)),
        ({}, "en;q=x, zh;q=0.2", ("zh", False)),
        ({}, "," * 5000, ("en", False)),
        ({"lang": "en"}, "zh", ("en", True)),
        ({"lang": "zh-Hans"}, "en", ("zh", True)),
        ({"lang": "xx"}, "en", ("en", False)),
        ({"lang": "en'><script>"}, "zh", ("zh", False)),
    ],
)
def test_language_is_negotiated(query: dict[str, str], header: str | None, expected: tuple[str, bool]) -> None:
    assert language(query, header, "zh") == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "text/html"),
        ("*/*", "text/html"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("application/ld+json", "application/ld+json"),
        ("application/json", "application/json"),
        ("application/*", "application/ld+json"),
        ("application/ld+json, text/html;q=0.9", "application/ld+json"),
        ("text/html;q=0, */*", "application/ld+json"),
        ("image/png", None),
        ("text/html;q=0", None),
        ("text/html;q=oops", None),
        (";;;,,,", None),
    ],
)
def test_media_type_is_negotiated(accept: str | None, expected: str | None) -> None:
    assert media_type(accept, OFFERED) == expected
