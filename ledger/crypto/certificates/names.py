"""Names in certificates: the one form accepted, the text shown, and the two facts read from a subject: the unified
social credit code (统一社会信用代码) and the zone.

    organizationIdentifier (2.5.4.97)   NTRCN-<18 characters>   (ETSI EN 319 412-1, 5.1.4: national trade register, CN)
                                        or the 18 characters alone
    organizationalUnit (2.5.4.11)       zone-<number>           the cross-border e-commerce zone; once, optional

Two names are equal when their encodings are: stricter than RFC 5280, 7.1 (which may ignore case and spaces), never
laxer. Text is UTF8String or PrintableString (IA5String for addresses), normalised (NFC), without control or invisible
characters, so that what a person reads is what was signed. The code's check character is not this layer's to check.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from cryptography.hazmat.asn1 import TLV, IA5String, PrintableString, SetOf
from cryptography.x509 import ObjectIdentifier

from ledger.crypto.certificates import structures as asn1
from ledger.crypto.certificates.refusals import CertificateMalformed, CertificateTooLarge, SubjectRejected

COUNTRY, STATE, LOCALITY, ORGANIZATION, UNIT, COMMON_NAME = "C", "ST", "L", "O", "OU", "CN"
ORGANIZATION_IDENTIFIER = "organizationIdentifier"
_EMAIL, _DOMAIN = "emailAddress", "DC"
SHORT_NAMES = {
    "2.5.4.3": COMMON_NAME,
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": COUNTRY,
    "2.5.4.7": LOCALITY,
    "2.5.4.8": STATE,
    "2.5.4.9": "street",
    "2.5.4.10": ORGANIZATION,
    "2.5.4.11": UNIT,
    "2.5.4.12": "title",
    "2.5.4.42": "GN",
    "2.5.4.97": ORGANIZATION_IDENTIFIER,
    "0.9.2342.19200300.100.1.25": _DOMAIN,
    "1.2.840.113549.1.9.1": _EMAIL,
}
_IDENTIFIERS = {short: oid for oid, short in SHORT_NAMES.items()}
_ONCE = frozenset((COUNTRY, ORGANIZATION, COMMON_NAME, ORGANIZATION_IDENTIFIER, "serialNumber"))

MAX_ATTRIBUTES = 16
MAX_TEXT = 128
_BOUNDS = {COUNTRY: 2, COMMON_NAME: 64, ORGANIZATION: 64, UNIT: 64, "serialNumber": 64}  # RFC 5280, A.1: ub-…
_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))

UTF8, PRINTABLE, IA5 = b"\x0c", b"\x13", b"\x16"
_OLD_STRINGS = {b"\x12": "NumericString", b"\x14": "TeletexString", b"\x1c": "UniversalString", b"\x1e": "BMPString"}

_USCC = re.compile(r"(?:NTRCN-)?([0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10})\Z")
_ZONE = re.compile(r"zone-([1-9][0-9]?)\Z")
_Relative = list[SetOf[asn1.AttributeTypeAndValue]]


@dataclass(frozen=True, slots=True)
class Part:
    """One attribute of a name: its short name (or dotted identifier), its text, and how it was encoded."""

    kind: str
    text: str
    string: bytes


@dataclass(frozen=True, slots=True)
class Name:
    """A distinguished name: one attribute in each relative name, in the order of the encoding."""

    parts: tuple[Part, ...]

    @classmethod
    def make(
        cls,
        common_name: str,
        *,
        organization: str = "",
        uscc: str = "",
        zone: int | None = None,
        units: tuple[str, ...] = (),
        locality: str = "",
        state: str = "",
        country: str = "CN",
    ) -> Name:
        """A name of our own; raises CertificateMalformed or CertificateTooLarge for text that we would not accept."""
        given = [
            (COUNTRY, country),
            (STATE, state),
            (LOCALITY, locality),
            (ORGANIZATION, organization),
            (ORGANIZATION_IDENTIFIER, f"NTRCN-{uscc}" if uscc else ""),
            *((UNIT, unit) for unit in units),
            (UNIT, f"zone-{zone}" if zone else ""),
            (COMMON_NAME, common_name),
        ]
        parts = tuple(Part(kind, text, PRINTABLE if kind == COUNTRY else UTF8) for kind, text in given if text)
        return cls.read(_encode(parts), "subject")

    @classmethod
    def read(cls, relative_names: _Relative, field: str) -> Name:
        """From a decoded structure; raises CertificateMalformed or CertificateTooLarge."""
        if not relative_names:
            raise CertificateMalformed("the name is empty", field=field)
        if len(relative_names) > MAX_ATTRIBUTES:
            raise CertificateTooLarge(f"a name has at most {MAX_ATTRIBUTES} parts", field=field)
        parts = []
        for relative in relative_names:
            attributes = relative.as_list()
            if len(attributes) != 1:
                raise CertificateMalformed("a relative name has exactly one attribute here", field=field)
            parts.append(_part(attributes[0].type.dotted_string, attributes[0].value, field))
        kinds = [part.kind for part in parts]
        for kind in _ONCE:
            if kinds.count(kind) > 1:
                raise CertificateMalformed(f"{kind} stands more than once", field=field)
        return cls(tuple(parts))

    @property
    def relative_names(self) -> _Relative:
        """The structure that encodes this name."""
        return _encode(self.parts)

    @property
    def der(self) -> bytes:
        """DER of the name alone."""
        boxed = asn1.encoded(asn1.NameBox(name=self.relative_names))
        return asn1.encoded(asn1.decode(asn1.AnyBox, boxed, "name").value)

    def texts(self, kind: str) -> tuple[str, ...]:
        """Every value of an attribute."""
        return tuple(part.text for part in self.parts if part.kind == kind)

    def first(self, kind: str) -> str:
        """The first value of an attribute, or nothing."""
        return next(iter(self.texts(kind)), "")

    def __str__(self) -> str:
        """For people (RFC 4514 style, most general part first, as the `openssl` command shows it)."""
        return ", ".join(f"{part.kind}={_escaped(part.text)}" for part in self.parts)

    @property
    def zone(self) -> int | None:
        """The zone's number; raises SubjectRejected when two are named."""
        found = {int(match[1]) for text in self.texts(UNIT) if (match := _ZONE.match(text))}
        if len(found) > 1:
            raise SubjectRejected("the name puts its holder in two zones", field="subject.organizationalUnit")
        return next(iter(found), None)


def uscc_of(subject: Name, codes: tuple[tuple[str, str], ...] = ()) -> str:
    """The unified social credit code that a subject and the identity codes of GM/T 0015 agree on.

    Raises SubjectRejected when none is there, or two differ.
    """
    found: dict[str, str] = {}
    for text in subject.texts(ORGANIZATION_IDENTIFIER):
        match = _USCC.match(text)
        if not match:
            raise SubjectRejected(
                "organizationIdentifier holds no unified social credit code",
                field="subject.organizationIdentifier",
                hint="write NTRCN- and the 18 characters of the code",
            )
        found["subject.organizationIdentifier"] = match[1]
    for oid, text in codes:
        if (match := _USCC.match(text)) and len(text) == 18:
            found[f"extensions.{oid}"] = text
    if not found:
        raise SubjectRejected(
            "the subject carries no unified social credit code (统一社会信用代码)",
            field="subject.organizationIdentifier",
        )
    if len(set(found.values())) > 1:
        raise SubjectRejected(f"the subject carries several codes: {', '.join(sorted(found))}", field="subject")
    code = next(iter(found.values()))
    old = dict(codes).get(asn1.ORGANIZATION_CODE, "").replace("-", "")
    if len(old) == 9 and old != code[8:17]:  # GB 11714: the code of before 2015 lives on inside the new one
        raise SubjectRejected(
            "the organization code is another company's", field=f"extensions.{asn1.ORGANIZATION_CODE}"
        )
    return code


def check_text(text: str, bound: int, field: str) -> str:
    """`text` itself when a person can read all of it; raises CertificateMalformed or CertificateTooLarge."""
    if not text:
        raise CertificateMalformed("the text is empty", field=field)
    if len(text) > bound:
        raise CertificateTooLarge(f"at most {bound} characters", field=field)
    if any(unicodedata.category(character) in _INVISIBLE for character in text):
        raise CertificateMalformed("the text holds a control or invisible character", field=field)
    if text != text.strip() or unicodedata.normalize("NFC", text) != text:
        raise CertificateMalformed("the text is not normalised (NFC, no spaces around it)", field=field)
    return text


def read_string(value: TLV, field: str, *, addresses: bool = False) -> tuple[str, bytes]:
    """(text, tag) of a string; raises CertificateMalformed for every kind of string that X.509 has left behind."""
    tag, der = value.tag_bytes, asn1.encoded(value)
    if tag == UTF8:
        return asn1.decode(str, der, field), tag
    if tag == PRINTABLE:
        return asn1.decode(PrintableString, der, field).as_str(), tag
    if tag == IA5 and addresses:
        return asn1.decode(IA5String, der, field).as_str(), tag
    kind = _OLD_STRINGS.get(tag, f"tag {tag.hex()}")
    raise CertificateMalformed(f"text is UTF8String or PrintableString, not {kind}", field=field)


def _part(oid: str, value: TLV, field: str) -> Part:
    kind = SHORT_NAMES.get(oid, oid)
    where = f"{field}.{kind}"
    text, tag = read_string(value, where, addresses=kind in (_EMAIL, _DOMAIN))
    check_text(text, _BOUNDS.get(kind, MAX_TEXT), where)
    if kind == COUNTRY and not (len(text) == 2 and text.isascii() and text.isalpha()):
        raise CertificateMalformed("a country is two letters", field=where)
    return Part(kind, text, tag)


def _encode(parts: tuple[Part, ...]) -> _Relative:
    relative_names = []
    for part in parts:
        try:
            value = {UTF8: str, PRINTABLE: PrintableString, IA5: IA5String}[part.string](part.text)
            der = asn1.encoded(value)
        except ValueError as error:
            raise CertificateMalformed("the text cannot be encoded", field=part.kind) from error
        kind = ObjectIdentifier(_IDENTIFIERS.get(part.kind, part.kind))
        relative_names.append(SetOf([asn1.AttributeTypeAndValue(type=kind, value=asn1.tlv(der))]))
    return relative_names


def _escaped(text: str) -> str:
    return re.sub(r'([,+"\\<>;=])', r"\\\1", text)
