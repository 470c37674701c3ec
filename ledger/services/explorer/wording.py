"""Words for what the chain holds as numbers and digests: sentences in Chinese and English whose nouns are links.

A `Sentence` is made with `say(zh, en, **things)`: the templates hold {named} places, each filled by a `Thing` (which
knows its two names and what it leads to), several of them, or plain text. Names come from look-ups that may know
nothing; then a short form of the id stands for it. Nothing here escapes HTML: templates do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from functools import cache
from string import Formatter
from typing import Any

from ledger.domain.codes import BaseUnit, DocumentKind, LotState, Standing, Verdict
from ledger.domain.members import ROLE_NAMES, ZONES, Role

NOBODY = bytes(32)  # `by` and `submissionId` of what the constructor did
SHORT = 10  # hex digits of an id that has no name
_FORMATTER = Formatter()


@dataclass(frozen=True, slots=True)
class Name:
    """One text in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class LotName:
    """What a lot is called outside the chain."""

    gtin: str
    lot: str


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a sentence; with `kind` and `id` it names a thing of the chain."""

    text: str
    kind: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """The same statement in both languages."""

    zh: tuple[Part, ...]
    en: tuple[Part, ...]

    def text(self, language: str) -> str:
        """As plain text."""
        return "".join(part.text for part in (self.zh if language == "zh" else self.en))


@dataclass(frozen=True, slots=True)
class Thing:
    """A noun: what it is called, and what it leads to."""

    zh: str
    en: str
    kind: str = ""
    id: str = ""

    def part(self, language: str) -> Part:
        return Part(self.zh if language == "zh" else self.en, self.kind, self.id)


Filling = Thing | str | int | Iterable[Thing]
MemberNames = Callable[[bytes], Name | None]
LotNames = Callable[[bytes], LotName | None]


def say(zh: str, en: str, **things: Filling) -> Sentence:
    """The sentence with its places filled."""
    return Sentence(_fill(zh, "zh", things), _fill(en, "en", things))


def _fill(template: str, language: str, things: dict[str, Filling]) -> tuple[Part, ...]:
    parts: list[Part] = []
    for literal, place, _, _ in _FORMATTER.parse(template):
        if literal:
            parts.append(Part(literal))
        if place:
            parts += _parts(things[place], language)
    return tuple(parts)


def _parts(thing: Filling, language: str) -> list[Part]:
    if isinstance(thing, Thing):
        return [thing.part(language)]
    if isinstance(thing, (str, int)):
        return [Part(str(thing))]
    parts: list[Part] = []
    for item in thing:
        if parts:
            parts.append(Part("、" if language == "zh" else ", "))
        parts.append(item.part(language))
    return parts


class Words:
    """Nouns for one answer, named by the look-ups, each asked once."""

    def __init__(self, names: MemberNames | None = None, lots: LotNames | None = None) -> None:
        self._names = cache(names) if names else lambda _: None
        self._lots = cache(lots) if lots else lambda _: None

    def name(self, member_id: bytes) -> Name | None:
        return self._names(member_id)

    def lot_name(self, lot_id: bytes) -> LotName | None:
        return self._lots(lot_id)

    def member(self, member_id: bytes) -> Thing:
        if member_id == NOBODY:
            return Thing("账本创始", "the founding")
        name = self._names(member_id)
        short = _short("sm3:", member_id)
        zh, en = (name.zh or name.en or short, name.en or name.zh or short) if name else (short, short)
        return Thing(zh, en, "member", _sm3(member_id))

    def lot(self, lot_id: bytes) -> Thing:
        name = self._lots(lot_id)
        text = name.lot if name else _short("sm3:", lot_id)
        return Thing(text, text, "lot", _sm3(lot_id))

    def key(self, key_id: bytes) -> Thing:
        text = _short("sm3:", key_id)
        return Thing(text, text, "key", _sm3(key_id))

    def digest(self, value: bytes) -> Thing:
        """A record, document or trade: nothing of the chain to go to, but the whole digest is kept."""
        text = _short("sm3:", value)
        return Thing(text, text, "digest", _sm3(value))

    def proposal(self, value: bytes) -> Thing:
        """A proposal, by the id under which Members collects approvals."""
        text = _short("keccak256:", value)
        return Thing(text, text, "digest", f"keccak256:{value.hex()}")

    def lot_quantities(self, items: Iterable[tuple[bytes, int]], unit: int | None) -> Sentence:
        """How much of which lots; `unit` None where the bytes do not say it."""
        zh: list[Part] = []
        en: list[Part] = []
        for lot_id, value in items:
            amount = f"{value:,}" if unit is None else None
            thing = self.lot(lot_id)
            for parts, language, comma in ((zh, "zh", "、"), (en, "en", ", ")):
                if parts:
                    parts.append(Part(comma))
                parts += [thing.part(language), Part(" "), Part(amount or quantity(value, unit).part(language).text)]
        return Sentence(tuple(zh), tuple(en))


def quantity(value: int, unit: int | None) -> Thing:
    """Base units as people read them: 5000000 grams are 5,000 kg."""
    if unit == BaseUnit.GRAM:
        return _amount(Decimal(value) / 1000, "千克", "kg")
    if unit == BaseUnit.MILLILITRE:
        return _amount(Decimal(value) / 1000, "升", "L")
    if unit == BaseUnit.PIECE:
        return _amount(Decimal(value), "件", "piece" if value == 1 else "pieces")
    return Thing(f"{value:,}（未知单位 {unit}）", f"{value:,} (unknown unit {unit})")


def _amount(value: Decimal, zh: str, en: str) -> Thing:
    text = f"{value:,f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return Thing(f"{text} {zh}", f"{text} {en}")


def roles(bits: int) -> tuple[Thing, ...]:
    """The roles in `bits`; unknown bits are said, not dropped."""
    known = [role for role in Role if bits & role]
    things = [Thing(ROLE_NAMES[role]["zh"], ROLE_NAMES[role]["en"]) for role in known]
    rest = bits & ~sum(int(role) for role in Role)
    if rest or not bits:
        things.append(Thing(f"未知角色 {rest:#x}", f"unknown roles {rest:#x}") if rest else Thing("无", "none"))
    return tuple(things)


def records(count: int) -> Thing:
    """So many records."""
    return Thing(f"{count:,} 条记录", f"{count:,} {'record' if count == 1 else 'records'}")


def custody(custodial: bool) -> Thing:
    """Who keeps a key."""
    return Thing("由平台代管", "kept by the operator") if custodial else Thing("由成员自持", "kept by the member")


def zone(code: int) -> Thing:
    found = ZONES.get(code)
    return Thing(found.zh, found.en) if found else Thing(f"未知综试区 {code}", f"unknown zone {code}")


_STANDINGS = {
    Standing.ACTIVE: ("正常", "active"),
    Standing.SUSPENDED: ("暂停", "suspended"),
    Standing.RETIRED: ("注销", "retired"),
}
_STATES = {
    LotState.ACTIVE: ("正常", "active"),
    LotState.HELD: ("扣留", "on hold"),
    LotState.RECALLED: ("召回", "recalled"),
}
_DOCUMENTS = {
    DocumentKind.ORDER: ("订单", "an order"),
    DocumentKind.RECEIPT: ("收款单", "a receipt"),
    DocumentKind.WAYBILL: ("运单", "a waybill"),
    DocumentKind.LIST: ("申报清单", "a declaration list"),
}
_VERDICTS = {
    Verdict.MATCHED: ("一致", "matched"),
    Verdict.MISMATCHED: ("不一致", "mismatched"),
    Verdict.INCOMPLETE: ("单证不齐", "incomplete"),
}


def standing(code: int) -> Thing:
    return _coded(_STANDINGS, code)


def state(code: int) -> Thing:
    return _coded(_STATES, code)


def document(code: int) -> Thing:
    return _coded(_DOCUMENTS, code)


def verdict(code: int) -> Thing:
    return _coded(_VERDICTS, code)


def _coded(table: dict[Any, tuple[str, str]], code: int) -> Thing:
    zh, en = table.get(code, (f"未知代码 {code}", f"unknown code {code}"))
    return Thing(zh, en)


def code_name(enum: type[IntEnum], value: int) -> str:
    """The stable name of a code, e.g. ACTIVE; the number as text when it has none."""
    return enum(value).name if value in set(enum) else str(value)


def _sm3(value: bytes) -> str:
    return f"sm3:{value.hex()}"


def _short(prefix: str, value: bytes) -> str:
    return f"{prefix}{value.hex()[:SHORT]}…"
