"""Content and language negotiation (RFC 9110 sections 12.4 and 12.5), without cookies.

Decides, never renders. Header text is hostile input: only its first bytes and members are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LANGUAGES = ("zh", "en")
MAX_HEADER = 1024
MAX_MEMBERS = 32


def _members(header: str) -> list[tuple[str, float]]:
    """Split an Accept-like header into (lower-case value, quality), best first; broken qualities count as 0."""
    found: list[tuple[str, float]] = []
    for part in header[:MAX_HEADER].split(",")[:MAX_MEMBERS]:
        value, *parameters = (piece.strip() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, text = parameter.partition("=")
            if name.strip().lower() == "q":
                try:
                    quality = min(max(float(text), 0.0), 1.0)
                except ValueError:
                    quality = 0.0
        if value:
            found.append((value.lower(), quality))
    return found


def language(query: Mapping[str, str], accept_language: str | None, default: str) -> tuple[str, bool]:
    """Choose zh or en; the second value says whether the visitor chose it with `?lang=`.

    A visitor whose languages we lack gets English, one who names none gets the default.
    """
    wished = query.get("lang", "").lower().split("-")[0]
    if wished in LANGUAGES:
        return wished, True
    if not accept_language:
        return default, False
    best, best_quality = None, 0.0
    for value, quality in _members(accept_language):
        primary = value.split("-")[0]
        if primary == "*" and quality > best_quality and best is None:
            best, best_quality = default, quality
        elif primary in LANGUAGES and quality > best_quality:
            best, best_quality = primary, quality
    return best or "en", False


def media_type(accept: str | None, offered: Sequence[str]) -> str | None:
    """Choose one of the offered media types (best first on ties), or None if the client accepts none of them."""
    if not accept:
        return offered[0]
    members = _members(accept)
    best, best_quality = None, 0.0
    for offer in offered:
        kind = offer.split("/", maxsplit=1)[0]
        quality = 0.0
        precision = -1
        for value, weight in members:
            fits = 2 if value == offer else 1 if value == f"{kind}/*" else 0 if value == "*/*" else -1
            if fits > precision:
                precision, quality = fits, weight
        if quality > best_quality:
            best, best_quality = offer, quality
    return best
