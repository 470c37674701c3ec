"""Certificate revocation lists (RFC 5280, 5; version 2): reading, signing, and what a list says of a serial number.

A list is complete and direct: it names every certificate that its issuer revoked, and its issuer signed it. Lists with
a scope (issuingDistributionPoint), deltas and indirect lists are refused, whether they mark themselves critical or not.
An entry may say from when the key was doubtful (invalidityDate), earlier than the day of revoking: see `revoked_from`.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.asn1 import TLV, GeneralizedTime

from ledger.crypto.certificates import armour
from ledger.crypto.certificates import structures as asn1
from ledger.crypto.certificates.certificate import (
    Certificate,
    assemble,
    check_algorithm,
    check_serial,
    check_signature,
    read_signed,
)
from ledger.crypto.certificates.extensions import CRL_SIGN, Authority, authority, unique, write
from ledger.crypto.certificates.names import Name
from ledger.crypto.certificates.refusals import (
    CertificateMalformed,
    CertificateTooLarge,
    CrlSignatureRejected,
    CrlWrongIssuer,
    KeyIdentifierMismatch,
    OutsideProfile,
    UnknownCriticalExtension,
    WrongKeyUsage,
)
from ledger.crypto.digest import sm3_text
from ledger.crypto.ports import Signer
from ledger.crypto.sm2 import VerifiedSignature, raw_to_der
from ledger.crypto.sm3 import sm3

LABEL = "X509 CRL"
MAX_CRL_BYTES = 1024 * 1024  # about 13,000 revoked certificates; a hostile one costs a second
MAX_ENTRIES = 20_000
_VERSION_2 = 1
_NO_CRL_NUMBER = "a revocation list of version 2 carries its number and its issuer's key identifier (RFC 5280, 5.2)"

REASONS = {
    0: "unspecified",
    1: "keyCompromise",
    2: "cACompromise",
    3: "affiliationChanged",
    4: "superseded",
    5: "cessationOfOperation",
    6: "certificateHold",
    9: "privilegeWithdrawn",
    10: "aACompromise",
}  # 8, removeFromCRL, stands only in deltas
PARTIAL = ("2.5.29.28", "2.5.29.27")  # issuingDistributionPoint, deltaCRLIndicator
REASON_CODES = {name: code for code, name in REASONS.items()}


@dataclass(frozen=True, slots=True)
class Revocation:
    """That a certificate was revoked: on which day, why, and (where it was said) from when the key was doubtful."""

    serial: int
    revoked_at: int
    reason: str
    invalid_from: int | None = None

    @property
    def revoked_from(self) -> int:
        """From when the certificate counts for nothing: the earlier of the two times."""
        return self.revoked_at if self.invalid_from is None else min(self.revoked_at, self.invalid_from)


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A well-formed list; times are Unix seconds."""

    der: bytes
    tbs: bytes
    signature: bytes
    issuer: Name
    authority: Authority
    number: int
    this_update: int
    next_update: int
    entries: dict[int, Revocation]

    @classmethod
    def from_der(cls, der: bytes) -> RevocationList:
        """From DER, all of it; raises a leaf of CertificateRejected."""
        if len(der) > MAX_CRL_BYTES:
            raise CertificateTooLarge(f"a revocation list has at most {MAX_CRL_BYTES} bytes", field="crl")
        outer = read_signed(der, "crl")
        tbs = asn1.decode(asn1.TbsCertList, outer.tbs, "tbsCertList")
        check_algorithm(asn1.encoded(tbs.signature), "tbsCertList.signature", outside=outer.algorithm)
        if tbs.version != _VERSION_2:
            raise OutsideProfile("a revocation list has version 2", field="version")
        this_update = asn1.seconds(tbs.this_update, "thisUpdate")
        next_update = asn1.seconds(tbs.next_update, "nextUpdate")
        if next_update < this_update:
            raise CertificateMalformed("the next list is due before this one", field="nextUpdate")
        signed_by, number = _extensions(tbs.extensions)
        return cls(
            der,
            outer.tbs,
            outer.signature,
            Name.read(tbs.issuer, "issuer"),
            signed_by,
            number,
            this_update,
            next_update,
            _entries(tbs.revoked),
        )

    @classmethod
    def from_pem(cls, pem: bytes | str) -> RevocationList:
        """From exactly one PEM block; raises a leaf of CertificateRejected."""
        return cls.from_der(armour.read_one(pem, LABEL, MAX_CRL_BYTES))

    @property
    def pem(self) -> str:
        """The list as PEM."""
        return armour.write(LABEL, self.der)

    @property
    def fingerprint(self) -> str:
        """`sm3:` and the digest of the whole list."""
        return sm3_text(sm3(self.der))

    def check_issuer(self, issuer: Certificate) -> VerifiedSignature:
        """That `issuer` signed this list and may sign lists; raises CrlWrongIssuer, KeyIdentifierMismatch,
        WrongKeyUsage or CrlSignatureRejected."""
        if self.issuer != issuer.subject:
            raise CrlWrongIssuer(f"the list is that of {self.issuer}, not of {issuer.subject}", field="crl.issuer")
        if self.authority.key_id is not None and self.authority.key_id != issuer.key_id:
            raise KeyIdentifierMismatch("the list was signed with another key of its issuer", field="crl.authority")
        if CRL_SIGN not in (issuer.extensions.usages or ()):
            raise WrongKeyUsage("the issuer's key may not sign revocation lists", field="keyUsage")
        return check_signature(self.tbs, self.signature, issuer.key, CrlSignatureRejected)


def sign_list(
    issuer: Certificate, signer: Signer, revoked: list[Revocation], *, number: int, this_update: int, next_update: int
) -> RevocationList:
    """A new list, signed; read back and checked before it is returned. Raises a leaf of CertificateRejected."""
    if signer.public != issuer.key:
        raise KeyIdentifierMismatch("this key is not the one in the issuer's certificate", field="key")
    body = asn1.TbsCertList(
        version=_VERSION_2,
        signature=asn1.tlv(asn1.SM2_WITH_SM3),
        issuer=issuer.subject.relative_names,
        this_update=asn1.time_of(this_update),
        next_update=asn1.time_of(next_update),
        revoked=[_entry(entry) for entry in sorted(revoked, key=lambda entry: entry.serial)] or None,
        extensions=[
            write(asn1.AUTHORITY_KEY_IDENTIFIER, asn1.AuthorityKeyIdentifier(key_id=issuer.key_id)),
            write(asn1.CRL_NUMBER, number),
        ],
    )
    made = RevocationList.from_der(assemble(body, raw_to_der(signer.sign(asn1.encoded(body)))))
    made.check_issuer(issuer)
    return made


def _entry(entry: Revocation) -> asn1.RevokedEntry:
    listed = []
    if entry.reason != REASONS[0]:  # RFC 5280, 5.3.1: unspecified is said by saying nothing
        enumerated = b"\x0a\x01" + bytes((REASON_CODES[entry.reason],))
        listed.append(write(asn1.CRL_REASON, asn1.tlv(enumerated)))
    if entry.invalid_from is not None:
        moment = asn1.time_of(entry.invalid_from).as_datetime()
        listed.append(write(asn1.INVALIDITY_DATE, GeneralizedTime(moment)))
    return asn1.RevokedEntry(serial=entry.serial, revoked_at=asn1.time_of(entry.revoked_at), extensions=listed or None)


def _extensions(listed: list[asn1.Extension] | None) -> tuple[Authority, int]:
    signed_by = number = None
    for oid, critical, value in unique(listed, "crlExtensions"):
        where = f"crlExtensions.{oid}"
        if oid == asn1.AUTHORITY_KEY_IDENTIFIER:
            signed_by = authority(value, where)
        elif oid == asn1.CRL_NUMBER:
            number = asn1.decode(int, value, where)
            if number < 0 or number.bit_length() >= 8 * 20:
                raise CertificateMalformed("a list's number is not negative and has at most 20 bytes", field=where)
        elif critical or oid in PARTIAL:
            raise UnknownCriticalExtension(
                f" extension {oid} is not understood here: the list is partial, a delta or indirect",
                field=where,
            )
    if signed_by is None or number is None:
        raise OutsideProfile(_NO_CRL_NUMBER, field="crlExtensions")
    return signed_by, number


def _entries(listed: list[asn1.RevokedEntry] | None) -> dict[int, Revocation]:
    if listed is None:
        return {}
    if not listed:
        raise CertificateMalformed("the list of revoked certificates is there but empty", field="revokedCertificates")
    if len(listed) > MAX_ENTRIES:
        raise CertificateTooLarge(f"at most {MAX_ENTRIES} revoked certificates", field="revokedCertificates")
    found: dict[int, Revocation] = {}
    for at, entry in enumerate(listed):
        where = f"revokedCertificates.{at}"
        serial = check_serial(entry.serial, f"{where}.serial")
        if serial in found:
            raise CertificateMalformed("a serial number stands twice", field=f"{where}.serial")
        reason, invalid_from = _entry_extensions(entry.extensions, where)
        found[serial] = Revocation(serial, asn1.seconds(entry.revoked_at, where), reason, invalid_from)
    return found


def _entry_extensions(listed: list[asn1.Extension] | None, where: str) -> tuple[str, int | None]:
    reason, invalid_from = REASONS[0], None
    for oid, critical, value in unique(listed, where):
        field = f"{where}.{oid}"
        if oid == asn1.CRL_REASON:
            code = asn1.decode(TLV, value, field)
            number = code.data[0] if code.tag_bytes == b"\x0a" and len(code.data) == 1 else None
            if number not in REASONS:
                raise CertificateMalformed("no reason of a complete list (RFC 5280, 5.3.1)", field=field)
            reason = REASONS[number]
        elif oid == asn1.INVALIDITY_DATE:
            moment = asn1.decode(GeneralizedTime, value, field).as_datetime()
            if moment.microsecond:
                raise CertificateMalformed("a time has no fraction of a second", field=field)
            invalid_from = int(moment.timestamp())
        elif critical:
            raise UnknownCriticalExtension(f"critical extension {oid} is not understood here", field=field)
    return reason, invalid_from
