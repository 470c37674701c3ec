"""Issuing: a zone's self-signed root, authorities below it, and members' signing certificates.

Every certificate is read back with the strict reader and its signature checked before it is handed out. Serial numbers
are random (127 bits); that none comes twice is the business of `registry`, which remembers them.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from ledger.crypto.certificates import extensions as ext
from ledger.crypto.certificates import structures as asn1
from ledger.crypto.certificates.certificate import Certificate, assemble, key_identifier, key_info
from ledger.crypto.certificates.names import Name, uscc_of
from ledger.crypto.certificates.refusals import (
    BrokenChain,
    KeyIdentifierMismatch,
    NotAnAuthority,
    OutsideProfile,
    PathTooLong,
    SubjectRejected,
    WrongKeyUsage,
)
from ledger.crypto.ports import Signer
from ledger.crypto.sm2 import PublicKey, raw_to_der

AUTHORITY_USAGES = frozenset((ext.CERTIFICATE_SIGN, ext.CRL_SIGN))
MEMBER_USAGES = frozenset((ext.DIGITAL_SIGNATURE, ext.NON_REPUDIATION))  # GM/T 0015: a signing certificate
_SERIAL_BITS = 127


@dataclass(frozen=True, slots=True)
class Period:
    """First and last second of a certificate, Unix time."""

    not_before: int
    not_after: int


def random_serial() -> int:
    """A positive serial number of 16 bytes from the system's random source."""
    return secrets.randbits(_SERIAL_BITS - 1) | 1 << (_SERIAL_BITS - 1)


def self_sign(
    subject: Name, signer: Signer, period: Period, *, path_len: int | None = None, serial: int | None = None
) -> Certificate:
    """A zone authority's root certificate. `path_len`: how many authorities may stand below it (None: any)."""
    own = key_identifier(signer.public)
    return _sign(subject, subject, signer.public, signer, own, period, serial, True, path_len)


def issue_member(
    issuer: Certificate, signer: Signer, subject: Name, key: PublicKey, period: Period, *, serial: int | None = None
) -> Certificate:
    """A member's signing certificate. Raises SubjectRejected without one social credit code in `subject`, or for
    another zone than the issuer's; what `issue_authority` raises for an issuer that may not."""
    _check_issuer(issuer, signer, subject, key, period)
    uscc_of(subject)
    return _sign(subject, issuer.subject, key, signer, issuer.key_id, period, serial, False, None)


def issue_authority(
    issuer: Certificate,
    signer: Signer,
    subject: Name,
    key: PublicKey,
    period: Period,
    *,
    path_len: int = 0,
    serial: int | None = None,
) -> Certificate:
    """A certificate for an authority below `issuer`. Raises PathTooLong where the issuer allows none, or a leaf of
    CertificateRejected when the issuer may not issue, its key is another, or it ends earlier."""
    _check_issuer(issuer, signer, subject, key, period)
    allowed = issuer.extensions.path_len
    if allowed is not None and path_len >= allowed:
        raise PathTooLong(f"the issuer allows {allowed} authorities below it", field="pathLenConstraint")
    return _sign(subject, issuer.subject, key, signer, issuer.key_id, period, serial, True, path_len)


def _check_issuer(issuer: Certificate, signer: Signer, subject: Name, key: PublicKey, period: Period) -> None:
    if not issuer.extensions.ca:
        raise NotAnAuthority("the issuer's certificate is not an authority's", field="basicConstraints")
    if ext.CERTIFICATE_SIGN not in (issuer.extensions.usages or ()):
        raise WrongKeyUsage("the issuer's key may not sign certificates", field="keyUsage")
    if signer.public != issuer.key:
        raise KeyIdentifierMismatch("this key is not the one in the issuer's certificate", field="key")
    if key == issuer.key or subject == issuer.subject:
        raise BrokenChain("an authority does not certify itself under itself", field="subject")
    if not issuer.not_before <= period.not_before <= period.not_after <= issuer.not_after:
        raise OutsideProfile("a certificate lies within its issuer's validity", field="validity")
    check_zone(issuer.subject, subject)


def check_zone(issuer: Name, subject: Name) -> None:
    """A zone's authority certifies within its zone; raises SubjectRejected otherwise."""
    zone = issuer.zone
    if zone is not None and subject.zone != zone:
        where = "no zone" if subject.zone is None else f"zone {subject.zone}"
        raise SubjectRejected(f"the authority of zone {zone} cannot certify {where}", field="subject.OU")


def _sign(
    subject: Name,
    issuer: Name,
    key: PublicKey,
    signer: Signer,
    authority_key_id: bytes,
    period: Period,
    serial: int | None,
    ca: bool,
    path_len: int | None,
) -> Certificate:
    listed = [
        ext.write(asn1.BASIC_CONSTRAINTS, asn1.BasicConstraints(ca=ca, path_len=path_len), critical=True),
        ext.write_usages(AUTHORITY_USAGES if ca else MEMBER_USAGES),
        ext.write(asn1.SUBJECT_KEY_IDENTIFIER, key_identifier(key)),
        ext.write(asn1.AUTHORITY_KEY_IDENTIFIER, asn1.AuthorityKeyIdentifier(key_id=authority_key_id)),
    ]
    if not ca:
        listed.append(ext.write_code(asn1.ORGANIZATION_CODE, uscc_of(subject)))
    body = asn1.TbsCertificate(
        version=2,
        serial=random_serial() if serial is None else serial,
        signature=asn1.tlv(asn1.SM2_WITH_SM3),
        issuer=issuer.relative_names,
        validity=asn1.Validity(not_before=asn1.time_of(period.not_before), not_after=asn1.time_of(period.not_after)),
        subject=subject.relative_names,
        key=key_info(key),
        extensions=listed,
    )
    made = Certificate.from_der(assemble(body, raw_to_der(signer.sign(asn1.encoded(body)))))
    made.check_signature(signer.public)
    return made
