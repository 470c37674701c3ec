"""What the provenance page says about witnesses: how many of which agencies co-signed, what they checked, until when.

The page is the operator's own word; what is said here can be checked with the bundle and `originseal verify`.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.catalogue import Speaker
from ledger.services.vouched import Vouching


@dataclass(frozen=True, slots=True)
class Line:
    """One agency's co-signature in words."""

    name: str
    duty: str
    did: str
    when: str


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The answer (`state` is ok, warn or info), and the agencies one by one."""

    state: str
    title: str
    text: str
    lines: tuple[Line, ...]
    until: str
    count: int = 0


def witnessed(s: Speaker, view: Vouching) -> Witnessed:
    """Put who stands behind a lot's state into the speaker's language."""
    block = {"height": s.number(view.height), "time": s.time(view.time)}
    lines = tuple(
        Line(
            s.pair(voice.name_zh, voice.name_en),
            s.term("agency", voice.agency),
            s.term("witness.method", voice.method),
            s.time(voice.time),
        )
        for voice in view.voices
    )
    if not view.agencies:
        return Witnessed("info", s("witness.unknown"), s("witness.unknown_text"), (), s("witness.until", **block))
    if not lines:
        text = s("witness.none_text") + (s("witness.wanted", wanted=view.needed) if view.needed else "")
        state = "warn" if view.needed else "info"
        return Witnessed(state, s("witness.none", of=view.agencies), text, (), s("witness.until", **block))
    names = s("site.comma").join(dict.fromkeys(line.name for line in lines))
    enough = view.offices >= view.needed
    text = s("witness.some_text", names=names, **block)
    if not enough:
        text += s("witness.wanted", wanted=view.needed)
    title = s("witness.some", count=view.offices, of=view.agencies)
    return Witnessed("ok" if enough else "warn", title, text, lines, s("witness.until", **block), view.offices)
