"""A small public-key infrastructure with fixed keys and a fixed clock, and a forge for certificates nobody should make.

The forge writes whatever it is told, well-signed unless told otherwise, so that each refusal has exactly one cause.
"""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.asn1 import BitString, SetOf
from cryptography.x509 import ObjectIdentifier

from ledger.crypto.certificates import extensions as ext
from ledger.crypto.certificates import structures as asn1
from ledger.crypto.certificates.certificate import Certificate, key_identifier, key_info
from ledger.crypto.certificates.issuing import Period, issue_authority, issue_member, self_sign
from ledger.crypto.certificates.names import Name
from ledger.crypto.certificates.path import VerifiedCertificate, verify
from ledger.crypto.certificates.revocation import Revocation, RevocationList, sign_list
from ledger.crypto.keyfile import FileSigner
from ledger.crypto.sm2 import PrivateKey, raw_to_der

NOW = 1_795_500_000  # 2026-11-24
DAY = 86_400
USCC, OTHER_USCC = "91441400MA4UXY123U", "91440300MA5DA1234H"


def key(number: int) -> FileSigner:
    """A key that is the same in every run."""
    return FileSigner(
        PrivateKey.from_scalar(0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8 + number)
    )


ROOT_KEY, SUB_KEY, MEMBER_KEY, STRANGER_KEY = key(1), key(2), key(3), key(4)
ROOT_NAME = Name.make("广东综试区根证书", organization="广东省商务厅")
SUB_NAME = Name.make("梅州综试区证书机构", organization="梅州市商务局", zone=1)
MEMBER_NAME = Name.make("梅州柚子合作社", organization="梅州柚子合作社", uscc=USCC, zone=1)

YEARS = Period(NOW - 100 * DAY, NOW + 3650 * DAY)
YEAR = Period(NOW - 30 * DAY, NOW + 335 * DAY)

ROOT = self_sign(ROOT_NAME, ROOT_KEY, YEARS, path_len=1, serial=1001)
SUB = issue_authority(ROOT, ROOT_KEY, SUB_NAME, SUB_KEY.public, YEARS, path_len=0, serial=2001)
MEMBER = issue_member(SUB, SUB_KEY, MEMBER_NAME, MEMBER_KEY.public, YEAR, serial=3001)


def crl_of(
    issuer: Certificate,
    signer: FileSigner,
    revoked: list[Revocation] | None = None,
    *,
    number: int = 1,
    this_update: int = NOW - DAY,
    next_update: int = NOW + DAY,
) -> RevocationList:
    """A list that is current at NOW."""
    return sign_list(issuer, signer, revoked or [], number=number, this_update=this_update, next_update=next_update)


ROOT_CRL = crl_of(ROOT, ROOT_KEY)
SUB_CRL = crl_of(SUB, SUB_KEY)

SM2_SHA256 = bytes.fromhex("300a06082a811ccf55018377")
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
P256_SPKI = bytes.fromhex(  # the base point of P-256
    "3059301306072a8648ce3d020106082a8648ce3d030107034200046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d8"
    "98c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)


def member_extensions(**replaced: asn1.Extension | None) -> list[asn1.Extension]:
    """A member's extensions by name; None leaves one out, a new name adds one."""
    given: dict[str, asn1.Extension | None] = {
        "constraints": ext.write(asn1.BASIC_CONSTRAINTS, asn1.BasicConstraints(ca=False), critical=True),
        "usage": ext.write_usages(frozenset((ext.DIGITAL_SIGNATURE, ext.NON_REPUDIATION))),
        "subject": ext.write(asn1.SUBJECT_KEY_IDENTIFIER, key_identifier(MEMBER_KEY.public)),
        "authority": ext.write(asn1.AUTHORITY_KEY_IDENTIFIER, asn1.AuthorityKeyIdentifier(key_id=SUB.key_id)),
    }
    return [extension for extension in (given | replaced).values() if extension is not None]


def authority_extensions(public: Any, issuer_id: bytes, path_len: int | None = None, **replaced: Any) -> list[Any]:
    """An authority's extensions, the same way."""
    given: dict[str, Any] = {
        "constraints": ext.write(
            asn1.BASIC_CONSTRAINTS, asn1.BasicConstraints(ca=True, path_len=path_len), critical=True
        ),
        "usage": ext.write_usages(frozenset((ext.CERTIFICATE_SIGN, ext.CRL_SIGN))),
        "subject": ext.write(asn1.SUBJECT_KEY_IDENTIFIER, key_identifier(public)),
        "authority": ext.write(asn1.AUTHORITY_KEY_IDENTIFIER, asn1.AuthorityKeyIdentifier(key_id=issuer_id)),
    }
    return [extension for extension in (given | replaced).values() if extension is not None]


def raw(oid: str, value: bytes, *, critical: bool = False) -> asn1.Extension:
    """An extension with any bytes in it."""
    return asn1.Extension(oid=ObjectIdentifier(oid), critical=critical, value=value)


def forge(
    *,
    signer: FileSigner = SUB_KEY,
    algorithm: bytes = asn1.SM2_WITH_SM3,
    outside: bytes | None = None,
    spki: bytes | None = None,
    period: tuple[int, int] = (YEAR.not_before, YEAR.not_after),
    issuer: Any = None,
    subject: Any = None,
    extensions: Any = ...,
    signature: bytes | None = None,
    **fields: Any,
) -> bytes:
    """DER of a certificate like MEMBER, except for what is given. `fields` go into TbsCertificate as they are."""
    body = asn1.TbsCertificate(
        **{
            "version": 2,
            "serial": 3002,
            "signature": asn1.tlv(algorithm),
            "issuer": SUB_NAME.relative_names if issuer is None else issuer,
            "validity": asn1.Validity(not_before=asn1.time_of(period[0]), not_after=asn1.time_of(period[1])),
            "subject": MEMBER_NAME.relative_names if subject is None else subject,
            "key": key_info(MEMBER_KEY.public)
            if spki is None
            else asn1.decode(asn1.SubjectPublicKeyInfo, spki, "forged"),
            "extensions": member_extensions() if extensions is ... else extensions,
            **fields,
        }
    )
    return signed(body, signer, algorithm=algorithm if outside is None else outside, signature=signature)


def signed(
    body: object, signer: FileSigner, *, algorithm: bytes = asn1.SM2_WITH_SM3, signature: bytes | None = None
) -> bytes:
    """DER of any signed structure."""
    signature = raw_to_der(signer.sign(asn1.encoded(body))) if signature is None else signature
    return asn1.encoded(
        asn1.Signed(body=asn1.tlv(asn1.encoded(body)), algorithm=asn1.tlv(algorithm), signature=BitString(signature, 0))
    )


def name_of(*parts: tuple[str, bytes]) -> Any:
    """A name's structure from (identifier, DER of the value) pairs, whatever they are."""
    return [SetOf([asn1.AttributeTypeAndValue(type=ObjectIdentifier(oid), value=asn1.tlv(der))]) for oid, der in parts]


def check(certificate: Certificate = MEMBER, **given: Any) -> VerifiedCertificate:
    """`verify` as it holds for MEMBER, except for what is given."""
    return verify(
        certificate, **{"roots": [ROOT], "intermediates": [SUB], "lists": [ROOT_CRL, SUB_CRL], "at": NOW, **given}
    )


def forged(**given: Any) -> Certificate:
    """A forged certificate, read."""
    return Certificate.from_der(forge(**given))


def authority(
    name: Name,
    signer: Any,
    issuer: Certificate,
    issuer_signer: Any,
    *,
    serial: int = 5001,
    path_len: int | None = None,
    **replaced: Any,
) -> Certificate:
    """An authority's certificate as its issuer should perhaps not have made it."""
    return forged(
        signer=issuer_signer,
        issuer=issuer.subject.relative_names,
        subject=name.relative_names,
        spki=signer.public.spki_der,
        serial=serial,
        period=(YEARS.not_before, YEARS.not_after),
        extensions=authority_extensions(signer.public, issuer.key_id, path_len, **replaced),
    )


def under(issuer: Certificate, signer: Any, **given: Any) -> Certificate:
    """A member's certificate under any issuer."""
    pointed = ext.write(asn1.AUTHORITY_KEY_IDENTIFIER, asn1.AuthorityKeyIdentifier(key_id=issuer.key_id))
    return forged(
        **{
            "signer": signer,
            "issuer": issuer.subject.relative_names,
            "extensions": member_extensions(authority=pointed),
            **given,
        }
    )
