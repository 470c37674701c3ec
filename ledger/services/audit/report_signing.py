"""SM2 signatures of audit reports: inside a PDF (ISO 32000-1, 12.8) or as a member of the JSON report.

A signed PDF is the rendered file and exactly one incremental update, written by `_update` and by nothing else:

    report.json (the report's canonical bytes, deflated) · its file specification · the catalogue with both · the
    signature field · the signature dictionary · cross-reference table and trailer

/ByteRange covers every byte of the file but the hole, the `<…>` of /Contents; the hole holds the DER signature
and zeros, in 144 lower-case hexadecimal digits. Reading takes the parts out, writes the update again from them and
compares, so that no second way to read a signed file exists. Format: docs/audit.md, "Reports and signatures".
Does not know whose key it is: see `report_trust`.
"""

from __future__ import annotations

import calendar
import re
import time
import zlib
from dataclasses import dataclass
from typing import Any

from ledger.crypto import sm2
from ledger.crypto.ports import Signer
from ledger.crypto.sm2 import PublicKey
from ledger.crypto.sm3 import sm3
from ledger.errors import BadKey, Malformed, SignatureRejected, TooLarge, VerificationFailed
from ledger.proof.anchors import parse_public_key
from ledger.proof.text import hexadecimal, members
from ledger.services.audit.report_file import MAX_REPORT_BYTES, load_report, report_bytes

FILTER = "XXOriginSeal"  # ISO 32000-1 Annex E: names that begin with XX are private to their users
SUBFILTER = "XXOriginSeal.SM2.v1"
MAX_PDF_BYTES = 64 * 1024 * 1024
DER_BYTES = 72  # the longest DER form of r and s
HOLE = 2 * DER_BYTES + 2  # with < and >
SIGNATURE_MEMBERS = ("keyId", "publicKey", "value")

_END = re.compile(rb"startxref\n(\d{1,10})\n%%EOF\n\Z")
_TRAILER = re.compile(rb"trailer\n<<(.{1,4096}?)>>\nstartxref\n", re.DOTALL)
_SECTION = re.compile(rb"xref\n((?:\d{1,8} \d{1,8}\n(?:\d{10} \d{5} [nf] \n)+)+)trailer\n")
_NAME = re.compile(rb"\[<[0-9a-f]{32}><[0-9a-f]{32}>\]")
_CATALOGUE = re.compile(rb"(\d{1,9}) 0 obj\n<<\n(.{1,4096}?)\n>>\nendobj\n", re.DOTALL)
_FILE = re.compile(
    rb"\d+ 0 obj\n<< /Type /EmbeddedFile [^>]* /Length (\d{1,8}) /Params << /Size (\d{1,8}) >> >>\nstream\n"
)
_SIGNATURE = re.compile(
    rb"(\d+) 0 obj\n<< /Type /Sig /Filter /(?P<filter>[^ ]{1,64}) /SubFilter /(?P<sub>[^ ]{1,64})"
    rb" /M \(D:(?P<time>\d{14})Z\) /XXPublicKey <(?P<key>[0-9a-f]{182})> /XXReport <(?P<report>[0-9a-f]{64})>"
    rb" /ByteRange \[(?P<range>[ \d]{1,64})\] /Contents (?P<hole><[^>]*>) >>\nendobj\n"
)


@dataclass(frozen=True, slots=True)
class SignedReport:
    """Evidence that `public` signed this report. `pages` are the PDF's bytes below the signature (None for JSON)."""

    form: str  # pdf | json
    public: PublicKey
    digest: bytes  # e = SM3(Z ‖ everything signed)
    signature: bytes
    signed_at: int | None
    report: dict[str, Any]
    pages: bytes | None

    @property
    def key_id(self) -> str:
        """sm3:… of the signing key."""
        return f"sm3:{self.public.key_id.hex()}"


# ------------------------------------------------------------------------------------------------------------ JSON


def sign_json(facts: dict[str, Any], signer: Signer) -> dict[str, Any]:
    """The report with its signature: SM2-with-SM3 over the canonical bytes of the report without this member."""
    public = signer.public
    signature = {
        "keyId": f"sm3:{public.key_id.hex()}",
        "publicKey": public.point.hex(),
        "value": signer.sign(report_bytes(facts)).hex(),
    }
    return {**facts, "signature": signature}


def verify_json(facts: dict[str, Any]) -> SignedReport:
    """Check a report's own signature. Raises Malformed (also when there is none) or VerificationFailed."""
    if "signature" not in facts:
        raise Malformed("the report is not signed", field="/signature")
    entry = members(facts["signature"], "/signature", SIGNATURE_MEMBERS)
    public = parse_public_key(entry["publicKey"], entry["keyId"], "/signature").public
    value = hexadecimal(entry["value"], "/signature/value", sm2.SIGNATURE_BYTES)
    evidence = _checked(public, report_bytes(facts), value)
    return SignedReport("json", public, evidence.e, value, None, facts, None)


# ------------------------------------------------------------------------------------------------------------- PDF


def sign_pdf(pdf: bytes, facts: dict[str, Any], signer: Signer, when: int) -> bytes:
    """`pdf` with the report's JSON attached and signed. Raises Malformed unless it is an unsigned file of ours."""
    base = _Base(pdf)
    public, content = signer.public, report_bytes(facts)
    parts = _Parts(zlib.compress(content, 9), len(content), when, public.spki_der, sm3(content))
    whole, hole = _update(base, parts, b"")
    der = sm2.raw_to_der(signer.sign(whole[:hole] + whole[hole + HOLE :]))
    return _update(base, parts, der)[0]


def verify_pdf(pdf: bytes) -> SignedReport:
    """Check a signed report. Raises Malformed, TooLarge or VerificationFailed (`step` says what fails)."""
    base, parts, found = _read(pdf)
    again, hole = _update(base, parts, found.der)
    if found.ranges != f"0 {hole:010d} {hole + HOLE:010d} {len(pdf) - hole - HOLE:010d}".encode():
        raise VerificationFailed("the byte range does not cover the whole file", step="byte-range", field="/ByteRange")
    if again != pdf:
        raise VerificationFailed("the signed section is not as this format writes it", step="structure")
    try:
        public = PublicKey.from_spki_der(parts.key)
    except BadKey as error:
        raise VerificationFailed(error.message, step="key", field="/XXPublicKey") from error
    evidence = _checked(public, pdf[:hole] + pdf[hole + HOLE :], found.raw)
    return SignedReport("pdf", public, evidence.e, found.raw, parts.when, _attached(parts), base.data)


def verify(data: bytes) -> SignedReport:
    """Check a signed report in either form."""
    if len(data) > MAX_PDF_BYTES:
        raise TooLarge(f"a report has at most {MAX_PDF_BYTES} bytes")
    return verify_pdf(data) if data.startswith(b"%PDF-") else verify_json(load_report(data))


def _checked(public: PublicKey, message: bytes, raw: bytes) -> sm2.VerifiedSignature:
    try:
        return public.verify(message, raw)
    except SignatureRejected as error:
        raise VerificationFailed(
            "the signature does not hold: the file is not what this key signed", step="signature"
        ) from error


@dataclass(frozen=True, slots=True)
class _Parts:
    """What differs from one signed section to another, but the signature."""

    deflated: bytes
    size: int
    when: int
    key: bytes  # SubjectPublicKeyInfo
    digest: bytes


@dataclass(frozen=True, slots=True)
class _Found:
    """What the signature dictionary says of itself."""

    ranges: bytes
    der: bytes
    raw: bytes


class _Base:
    """A rendered PDF of one revision, unsigned: what a new section needs to know of it."""

    def __init__(self, data: bytes) -> None:
        if not data.startswith(b"%PDF-1."):
            raise Malformed("not a PDF file", field="pdf")
        self.data = data
        self.xref = _start_of_xref(data)
        trailer = _trailer(data, self.xref)
        if b"/Prev" in trailer:
            raise VerificationFailed("there is another revision below the signed one", step="revisions", field="/Prev")
        self.size, self.root = _number(trailer, b"Size"), _reference(trailer, b"Root")
        self.info = _reference(trailer, b"Info")
        name = _NAME.search(trailer)
        self.name = b"" if name is None else name[0]
        offsets = _offsets(data, self.xref)
        catalogue = _CATALOGUE.match(data, offsets.get(self.root, len(data)))
        if catalogue is None or int(catalogue[1]) != self.root or self.size < 2:
            raise Malformed("no catalogue that this format knows", field="catalogue")
        self.catalogue = catalogue[2]
        if b"/AcroForm" in self.catalogue or b"/Names" in self.catalogue:
            raise VerificationFailed("another signature or attachment lies below this one", step="revisions")


def _update(base: _Base, parts: _Parts, der: bytes) -> tuple[bytes, int]:
    """The whole signed file, and where its hole starts. The one place that writes a signed section."""
    first = base.size
    objects: list[tuple[int, bytes]] = [
        (
            first,
            b"<< /Type /EmbeddedFile /Subtype /application#2Fjson /Filter /FlateDecode /Length %d"
            b" /Params << /Size %d >> >>\nstream\n%b\nendstream" % (len(parts.deflated), parts.size, parts.deflated),
        ),
        (
            first + 1,
            b"<< /Type /Filespec /F (report.json) /UF (report.json) /AFRelationship /Data /EF << /F %d 0 R >> >>"
            % first,
        ),
        (
            base.root,
            b"<<\n%b /AcroForm << /Fields [%d 0 R] /SigFlags 3 >> /AF [%d 0 R]"
            b" /Names << /EmbeddedFiles << /Names [(report.json) %d 0 R] >> >>\n>>"
            % (base.catalogue, first + 2, first + 1, first + 1),
        ),
        (first + 2, b"<< /FT /Sig /T (OriginSeal) /V %d 0 R >>" % (first + 3)),
    ]
    whole = bytearray(base.data)
    offsets: dict[int, int] = {}
    for number, body in objects:
        offsets[number] = len(whole)
        whole += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    offsets[first + 3] = len(whole)
    moment = time.strftime("%Y%m%d%H%M%S", time.gmtime(parts.when))
    whole += (
        f"{first + 3} 0 obj\n<< /Type /Sig /Filter /{FILTER} /SubFilter /{SUBFILTER} /M (D:{moment}Z)"
        f" /XXPublicKey <{parts.key.hex()}> /XXReport <{parts.digest.hex()}> /ByteRange ["
    ).encode()
    ranges, hole = len(whole), len(whole) + len("0 ") + 3 * 10 + 2 + len("] /Contents ")
    whole += b" " * (hole - ranges - len("] /Contents ")) + b"] /Contents "
    whole += b"<%b> >>\nendobj\n" % der.ljust(DER_BYTES, b"\0").hex().encode()
    xref = len(whole)
    whole += b"xref\n"
    for start, group in ((base.root, [base.root]), (first, range(first, first + 4))):
        whole += b"%d %d\n" % (start, len(group))
        for number in group:
            whole += b"%010d 00000 n \n" % offsets[number]
    whole += b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R /Prev %d" % (first + 4, base.root, base.info, base.xref)
    whole += b" /ID %b >>\n" % base.name if base.name else b" >>\n"
    whole += b"startxref\n%d\n%%%%EOF\n" % xref
    covered = b"0 %010d %010d %010d" % (hole, hole + HOLE, len(whole) - hole - HOLE)
    whole[ranges : ranges + len(covered)] = covered
    return bytes(whole), hole


# --------------------------------------------------------------------------------------------------------- reading


def _read(pdf: bytes) -> tuple[_Base, _Parts, _Found]:
    """Take a signed file apart. Nothing here is believed: verify_pdf writes it again and compares."""
    if len(pdf) > MAX_PDF_BYTES:
        raise TooLarge(f"a report has at most {MAX_PDF_BYTES} bytes")
    if not pdf.startswith(b"%PDF-1."):
        raise Malformed("not a PDF file", field="pdf")
    xref = _start_of_xref(pdf)
    trailer = _trailer(pdf, xref)
    if b"/Prev" not in trailer:
        raise Malformed("the report is not signed", field="/Prev")
    first = _number(trailer, b"Size") - 4
    offsets = _offsets(pdf, xref)
    at, signature_at = offsets.get(first, -1), offsets.get(first + 3, -1)
    file = _FILE.match(pdf, at) if 0 < at < len(pdf) else None
    signature = _SIGNATURE.match(pdf, signature_at) if 0 < signature_at < len(pdf) else None
    if file is None or signature is None:
        raise Malformed("the last section holds no signature of this format", field="signature")
    if (signature["filter"], signature["sub"]) != (FILTER.encode(), SUBFILTER.encode()):
        raise Malformed("a signature of another kind", field="/SubFilter")
    deflated = pdf[file.end() : file.end() + int(file[1])]
    parts = _Parts(
        deflated,
        int(file[2]),
        _moment(signature["time"]),
        bytes.fromhex(signature["key"].decode()),
        bytes.fromhex(signature["report"].decode()),
    )
    der, raw = _der(signature["hole"])
    return _Base(pdf[:at]), parts, _Found(signature["range"], der, raw)


def _start_of_xref(data: bytes) -> int:
    end = _END.search(data, max(0, len(data) - 64))
    if end is None:
        raise VerificationFailed("the file does not end where a signed report ends", step="end", field="%%EOF")
    return min(int(end[1]), len(data))


def _section(data: bytes, xref: int) -> re.Match[bytes]:
    section = _SECTION.match(data, xref)
    if section is None:
        raise Malformed("no cross-reference table that this format knows", field="xref")
    return section


def _trailer(data: bytes, xref: int) -> bytes:
    """The trailer right behind the cross-reference table at `xref`: nothing is searched for, however long the file."""
    trailer = _TRAILER.match(data, _section(data, xref).end() - len(b"trailer\n"))
    if trailer is None:
        raise Malformed("no trailer that this format knows", field="trailer")
    return trailer[1]


def _offsets(data: bytes, xref: int) -> dict[int, int]:
    """Object number → offset, from one cross-reference section."""
    section = _section(data, xref)
    found: dict[int, int] = {}
    number = 0
    for line in section[1].splitlines():
        words = line.split()
        if len(words) == 2:
            number = int(words[0])
        else:
            found[number] = int(words[0])
            number += 1
    return found


def _number(dictionary: bytes, name: bytes) -> int:
    found = re.findall(rb"/%b (\d{1,9})\b" % name, dictionary)
    if len(found) != 1:
        raise Malformed("the trailer has not exactly one", field=f"/{name.decode()}")
    return int(found[0])


def _reference(dictionary: bytes, name: bytes) -> int:
    if re.search(rb"/%b \d{1,9} 0 R" % name, dictionary) is None:
        raise Malformed("the trailer has no reference", field=f"/{name.decode()}")
    return _number(dictionary, name)


def _moment(text: bytes) -> int:
    try:
        moment = calendar.timegm(time.strptime(text.decode(), "%Y%m%d%H%M%S"))
    except ValueError as error:
        raise Malformed("not a time", field="/M") from error
    return moment


def _der(hole: bytes) -> tuple[bytes, bytes]:
    """The DER signature in the hole, and r‖s. One way only to write it: every digit of the hole is accounted for."""
    if re.fullmatch(rb"<[0-9a-f]{%d}>" % (2 * DER_BYTES), hole) is None:
        raise VerificationFailed("the hole is not 144 hexadecimal digits", step="contents", field="/Contents")
    padded = bytes.fromhex(hole[1:-1].decode())
    der, rest = padded[: 2 + padded[1]], padded[2 + padded[1] :]
    if rest.strip(b"\0"):
        raise VerificationFailed("the hole holds more than a signature", step="contents", field="/Contents")
    try:
        return der, sm2.der_to_raw(der)
    except (Malformed, SignatureRejected) as error:
        raise VerificationFailed(error.message, step="contents", field="/Contents") from error


def _attached(parts: _Parts) -> dict[str, Any]:
    """The attached report, whose canonical bytes are what was attached and what the signature names."""
    inflate = zlib.decompressobj()
    try:
        content = inflate.decompress(parts.deflated, MAX_REPORT_BYTES + 1)
    except zlib.error as error:
        raise Malformed("the attached report cannot be unpacked", field="report.json") from error
    if not inflate.eof or inflate.unused_data or len(content) != parts.size or sm3(content) != parts.digest:
        raise VerificationFailed("the attached report is not the one that the signature names", step="report")
    facts = load_report(content)
    if report_bytes(facts) != content:
        raise VerificationFailed("the attached report is not in canonical form", step="report")
    return facts
