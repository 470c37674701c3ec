"""GS1 keys: GTIN, GLN, SSCC with check digits, lot and serial grammar, Digital Link and EPC URIs.

Job: parse what people and machines write into one form (GTIN always 14 digits) and build the links that QR codes
carry. It does not know whether a company prefix is licensed.
Clauses: GS1 General Specifications 7.9.1 (mod-10 check digit), figure 7.11-1 (character set 82), AI (10) and (21);
GS1 Digital Link URI Syntax (primary key 01, qualifiers 22, 10, 21 in this order); EPC Tag Data Standard 6.3 (URNs).
Every parser raises Malformed with `field`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes, urlsplit

from ledger.errors import Malformed

CANONICAL_BASE = "https://id.gs1.org"
MAX_CODE = 20  # AI (10) and (21): up to 20 characters
MAX_URI = 2048  # longer links are never GS1 links; the bound keeps parsing of hostile text cheap

_DIGITS = re.compile(r"[0-9]+\Z")
# GS1 AI encodable character set 82 (no space, no #, $, @, [, \, ], ^, `, {, |, }, ~).
_CSET82 = re.compile(r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]+\Z")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def check_digit(digits: str) -> str:
    """The mod-10 check digit that follows `digits` (any GS1 key length)."""
    codes = digits.encode("ascii")
    near, far = codes[-1::-2], codes[-2::-2]  # the digit next to the check digit weighs 3, the one before it 1, …
    total = 3 * (sum(near) - 48 * len(near)) + sum(far) - 48 * len(far)
    return str(-total % 10)


def with_check_digit(digits: str) -> str:
    """`digits` followed by their check digit."""
    return digits + check_digit(digits)


def _checked(text: object, lengths: tuple[int, ...], what: str, field: str | None) -> str:
    if not isinstance(text, str) or len(text) not in lengths or not _DIGITS.match(text):
        raise Malformed(f"a {what} has {' or '.join(map(str, lengths))} digits", field=field)
    if check_digit(text[:-1]) != text[-1]:
        raise Malformed(
            f"the {what}'s check digit is {text[-1]}, should be {check_digit(text[:-1])}", field=field, value=text
        )
    return text


class Gtin(str):
    """A GTIN as 14 digits; GTIN-8, -12 and -13 are padded with zeros."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object, field: str | None = None) -> Gtin:
        """Raises Malformed for another length or a wrong check digit."""
        return cls(_checked(text, (8, 12, 13, 14), "GTIN", field).zfill(14))


class Gln(str):
    """A GLN: 13 digits naming a place or a party."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object, field: str | None = None) -> Gln:
        """Raises Malformed for another length or a wrong check digit."""
        return cls(_checked(text, (13,), "GLN", field))


class Sscc(str):
    """An SSCC: 18 digits naming one logistic unit."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object, field: str | None = None) -> Sscc:
        """Raises Malformed for another length or a wrong check digit."""
        return cls(_checked(text, (18,), "SSCC", field))


def parse_code(text: object, what: str = "lot code", field: str | None = None) -> str:
    """A lot code or serial: 1 to 20 characters of set 82. Raises Malformed otherwise.

    "." and ".." are within the set but refused: as a path segment of a link every browser would remove them.
    """
    if not isinstance(text, str) or not 1 <= len(text) <= MAX_CODE or not _CSET82.match(text):
        raise Malformed(f"a {what} has 1 to {MAX_CODE} characters of GS1 character set 82", field=field)
    if text in (".", ".."):
        raise Malformed(f"a {what} cannot be a dot segment", field=field)
    return text


def parse_gtin(text: object, field: str | None = "/gtin") -> Gtin:
    """Gtin.parse for a payload's `gtin`. Raises Malformed."""
    return Gtin.parse(text, field)


def parse_lot_number(text: object, field: str | None = "/lot") -> str:
    """parse_code for a payload's `lot`. Raises Malformed."""
    return parse_code(text, "lot code", field)


@dataclass(frozen=True, slots=True)
class DigitalLink:
    """What a GS1 Digital Link with primary key 01 names."""

    gtin: Gtin
    lot: str | None = None
    serial: str | None = None
    variant: str | None = None

    @property
    def path(self) -> str:
        """The canonical path, percent-encoded: /01/{gtin}[/22/…][/10/{lot}][/21/{serial}]."""
        parts = [f"/01/{self.gtin}"]
        for ai, value in (("22", self.variant), ("10", self.lot), ("21", self.serial)):
            if value is not None:
                parts.append(f"/{ai}/{quote(value, safe='')}")
        return "".join(parts)


def digital_link(gtin: str, lot: str, base: str = CANONICAL_BASE, serial: str | None = None) -> str:
    """The link that a lot's QR code carries. Raises Malformed for a bad GTIN, lot or serial."""
    link = DigitalLink(
        Gtin.parse(gtin, "/gtin"),
        parse_code(lot, "lot code", "/lot"),
        None if serial is None else parse_code(serial, "serial", "/serial"),
    )
    return base.rstrip("/") + link.path


def parse_digital_link(uri: str, field: str | None = None) -> DigitalLink:
    """A Digital Link URI or its path, with any domain and stem; the query and fragment are ignored.

    Raises Malformed when it names no GTIN, its keys are out of order or a value breaks its grammar.
    """
    return _with_field(_read_link, uri, field)


def _with_field(read: Callable[[str], DigitalLink], text: str, field: str | None) -> DigitalLink:
    """Apply a cached reader, which knows no field, and name the field in its refusal."""
    if len(text) > MAX_URI:
        raise Malformed("the link is too long", field=field)
    try:
        return read(text)
    except Malformed as error:
        raise Malformed(error.message, field=field, **error.detail) from error


@lru_cache(maxsize=2048)  # events name the same few lots again and again; at most 2048 texts of 2 kB are kept
def _read_link(uri: str) -> DigitalLink:
    try:
        split = urlsplit(uri)
    except ValueError as error:
        raise Malformed(f"not a URI: {error}") from error
    if split.scheme not in ("", "http", "https"):
        raise Malformed("a GS1 Digital Link is an http or https URI")
    segments = split.path.split("/")
    for i, segment in enumerate(segments[:-1]):
        if segment == "01" and _DIGITS.match(segments[i + 1]):
            return _read_pairs(segments[i + 1 :])
    raise Malformed("the link has no /01/{gtin}")


def _read_pairs(values: list[str], field: str | None = None) -> DigitalLink:
    gtin, rest = Gtin.parse(values[0], field), values[1:]
    if rest and rest[-1] == "" and len(rest) % 2 == 1:
        rest = rest[:-1]  # a trailing slash
    if len(rest) % 2:
        raise Malformed("a key in the link has no value", field=field)
    found: dict[str, str] = {}
    order = ["22", "10", "21"]
    for ai, raw in zip(rest[::2], rest[1::2], strict=True):
        if ai not in order:
            raise Malformed(f"unexpected or repeated key {ai[:8]!r} in the link (order is 22, 10, 21)", field=field)
        order = order[order.index(ai) + 1 :]
        found[ai] = parse_code(percent_decoded(raw, field), f"value of key {ai}", field)
    return DigitalLink(gtin, found.get("10"), found.get("21"), found.get("22"))


def percent_decoded(text: str, field: str | None = None) -> str:
    """`text` without percent-encoding. Raises Malformed for a stray % or bytes outside ASCII."""
    if _BAD_PERCENT.search(text):
        raise Malformed("a % that begins no percent-encoding", field=field)
    try:
        return unquote_to_bytes(text).decode("ascii")
    except UnicodeDecodeError as error:
        raise Malformed("percent-encoded bytes outside ASCII", field=field) from error


# cp = company prefix, 6 to 12 digits; ref = indicator digit and item reference; together 13 digits.
_EPC = re.compile(
    r"urn:epc:(?:class:(?P<lgtin>lgtin)|id(?P<pat>pat)?:sgtin):(?P<cp>[0-9]{6,12})\.(?P<ref>[0-9]{1,7})\.(?P<tail>.+)\Z"
)


def parse_epc(urn: str, field: str | None = None) -> DigitalLink:
    """The GTIN and lot or serial that an LGTIN or SGTIN URN names. Raises Malformed for any other URN."""
    return _with_field(_read_epc, urn, field)


@lru_cache(maxsize=2048)
def _read_epc(urn: str, field: str | None = None) -> DigitalLink:
    match = _EPC.match(urn)
    if match is None or len(match["cp"]) + len(match["ref"]) != 13:
        raise Malformed("not an LGTIN or SGTIN URN", field=field)
    body = match["ref"][0] + match["cp"] + match["ref"][1:]
    gtin = Gtin(body + check_digit(body))
    if match["pat"]:
        if match["tail"] != "*":
            raise Malformed("an SGTIN pattern ends with *", field=field)
        return DigitalLink(gtin)
    value = parse_code(percent_decoded(match["tail"], field), "lot code or serial", field)
    return DigitalLink(gtin, lot=value) if match["lgtin"] else DigitalLink(gtin, serial=value)
