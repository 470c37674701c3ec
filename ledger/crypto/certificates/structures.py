"""The ASN.1 of RFC 5280 and PKCS#10 as far as the profile uses it, for `cryptography`'s strict DER codec.

Structures and object identifiers only: what a value must be is decided by the modules that read them. `TLV` stands
where the encoded bytes matter (what is signed, what is compared) or where any type may stand.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, TypeVar

from cryptography.hazmat.asn1 import (
    TLV,
    BitString,
    Default,
    Explicit,
    GeneralizedTime,
    Implicit,
    SetOf,
    UTCTime,
    decode_der,
    encode_der,
    sequence,
)
from cryptography.x509 import ObjectIdentifier

from ledger.crypto.certificates.refusals import CertificateMalformed

# Signature algorithm SM2 with SM3 (GM/T 0006): parameters absent as RFC 8998 says, or NULL as many authorities write.
SM2_WITH_SM3 = bytes.fromhex("300a06082a811ccf55018375")
SM2_WITH_SM3_NULL = bytes.fromhex("300c06082a811ccf550183750500")

# Key algorithm: id-ecPublicKey with the named curve 1.2.156.10197.1.301.
EC_PUBLIC_KEY = "1.2.840.10045.2.1"
SM2_KEY = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")

ALGORITHM_NAMES = {
    "1.2.156.10197.1.501": "SM2 with SM3",
    "1.2.156.10197.1.502": "SM2 with SHA-1",
    "1.2.156.10197.1.503": "SM2 with SHA-256",
    "1.2.840.10045.4.1": "ECDSA with SHA-1",
    "1.2.840.10045.4.3.2": "ECDSA with SHA-256",
    "1.2.840.10045.4.3.3": "ECDSA with SHA-384",
    "1.2.840.10045.4.3.4": "ECDSA with SHA-512",
    "1.2.840.113549.1.1.5": "RSA with SHA-1",
    "1.2.840.113549.1.1.10": "RSA-PSS",
    "1.2.840.113549.1.1.11": "RSA with SHA-256",
    "1.3.101.112": "Ed25519",
}
CURVE_NAMES = {
    "1.2.840.10045.3.1.7": "P-256",
    "1.3.132.0.34": "P-384",
    "1.3.132.0.35": "P-521",
    "1.3.132.0.10": "secp256k1",
}

BASIC_CONSTRAINTS = "2.5.29.19"
KEY_USAGE = "2.5.29.15"
EXTENDED_KEY_USAGE = "2.5.29.37"
SUBJECT_KEY_IDENTIFIER = "2.5.29.14"
AUTHORITY_KEY_IDENTIFIER = "2.5.29.35"
NAME_CONSTRAINTS = "2.5.29.30"
CRL_NUMBER = "2.5.29.20"
CRL_REASON = "2.5.29.21"
INVALIDITY_DATE = "2.5.29.24"
EXTENSION_REQUEST = "1.2.840.113549.1.9.14"

# Identity codes of GM/T 0015-2012 (GB/T 20518), 5.2.4.2: 1.2.156.10260.4.1.n, each a PrintableString.
IC_REGISTRATION_NUMBER = "1.2.156.10260.4.1.3"  # 企业工商注册号
ORGANIZATION_CODE = "1.2.156.10260.4.1.4"  # 企业组织机构代码; authorities write the unified social credit code here
TAXATION_NUMBER = "1.2.156.10260.4.1.5"  # 企业税号
IDENTITY_CODES = (IC_REGISTRATION_NUMBER, ORGANIZATION_CODE, TAXATION_NUMBER)

_FIRST_GENERALIZED_YEAR = 2050  # RFC 5280, 4.1.2.5: UTCTime through 2049

T = TypeVar("T")


@sequence
class Extension:
    """One extension of a certificate, a list or an entry."""

    oid: ObjectIdentifier
    critical: Annotated[bool, Default(False)]
    value: bytes


@sequence
class AttributeTypeAndValue:
    """One part of a name."""

    type: ObjectIdentifier
    value: TLV


@sequence
class NameBox:
    """A name inside something: how to encode one alone."""

    name: list[SetOf[AttributeTypeAndValue]]


@sequence
class AnyBox:
    """Anything inside something."""

    value: TLV


@sequence
class PurposesBox:
    """extendedKeyUsage inside something."""

    purposes: list[ObjectIdentifier]


@sequence
class ExtensionsBox:
    """A list of extensions inside something."""

    extensions: list[Extension]


@sequence
class SubjectPublicKeyInfo:
    """A public key with its algorithm."""

    algorithm: TLV
    key: BitString


@sequence
class Validity:
    """First and last second."""

    not_before: UTCTime | GeneralizedTime
    not_after: UTCTime | GeneralizedTime


@sequence
class TbsCertificate:
    """What an authority signs."""

    version: Annotated[int, Explicit(0), Default(0)]
    serial: int
    signature: TLV
    issuer: list[SetOf[AttributeTypeAndValue]]
    validity: Validity
    subject: list[SetOf[AttributeTypeAndValue]]
    key: SubjectPublicKeyInfo
    issuer_unique_id: Annotated[BitString | None, Implicit(1)] = None
    subject_unique_id: Annotated[BitString | None, Implicit(2)] = None
    extensions: Annotated[list[Extension] | None, Explicit(3)] = None


@sequence
class Signed:
    """Certificate, CertificationRequest and CertificateList alike: a body, the algorithm, the signature."""

    body: TLV
    algorithm: TLV
    signature: BitString


@sequence
class Attribute:
    """An attribute of a request."""

    type: ObjectIdentifier
    values: SetOf[TLV]


@sequence
class RequestInfo:
    """What a requester signs (PKCS#10)."""

    version: int
    subject: list[SetOf[AttributeTypeAndValue]]
    key: SubjectPublicKeyInfo
    attributes: Annotated[SetOf[Attribute], Implicit(0)]


@sequence
class RevokedEntry:
    """One revoked certificate."""

    serial: int
    revoked_at: UTCTime | GeneralizedTime
    extensions: list[Extension] | None = None


@sequence
class TbsCertList:
    """What an authority signs of a revocation list."""

    version: int
    signature: TLV
    issuer: list[SetOf[AttributeTypeAndValue]]
    this_update: UTCTime | GeneralizedTime
    next_update: UTCTime | GeneralizedTime
    revoked: list[RevokedEntry] | None = None
    extensions: Annotated[list[Extension] | None, Explicit(0)] = None


@sequence
class BasicConstraints:
    """Whether the subject is an authority, and how many may follow below it."""

    ca: Annotated[bool, Default(False)]
    path_len: int | None = None


@sequence
class AuthorityKeyIdentifier:
    """Which key of the issuer signed: its identifier, its certificate's issuer and serial, or both."""

    key_id: Annotated[bytes | None, Implicit(0)] = None
    issuer: Annotated[list[TLV] | None, Implicit(1)] = None
    serial: Annotated[int | None, Implicit(2)] = None


def decode(kind: type[T], data: bytes, field: str) -> T:
    """`data`, all of it, as strict DER of `kind`; raises CertificateMalformed naming `field`."""
    try:
        return decode_der(kind, data)
    except ValueError as error:
        raise CertificateMalformed(f"not strict DER of the form expected here: {error}", field=field) from error


def encoded(value: object) -> bytes:
    """DER of a structure of this module or of a simple value."""
    return encode_der(value)


def tlv(der: bytes) -> TLV:
    """Our own DER as a part of a larger structure."""
    return decode_der(TLV, der)


def first_identifier(sequence_content: bytes) -> tuple[str, bytes]:
    """(object identifier, the bytes behind it) at the start of a SEQUENCE's content; ("", content) without one."""
    if len(sequence_content) > 2 and sequence_content[0] == 0x06 and sequence_content[1] < 0x80:
        end = 2 + sequence_content[1]
        try:
            return decode_der(ObjectIdentifier, sequence_content[:end]).dotted_string, sequence_content[end:]
        except ValueError:
            pass
    return "", sequence_content


def seconds(value: UTCTime | GeneralizedTime, field: str) -> int:
    """Unix seconds of a time in the one form that RFC 5280 allows for its year."""
    moment = value.as_datetime()
    if isinstance(value, GeneralizedTime) and moment.year < _FIRST_GENERALIZED_YEAR:
        raise CertificateMalformed("a year before 2050 is written as UTCTime", field=field)
    if moment.microsecond:
        raise CertificateMalformed("a time has no fraction of a second", field=field)
    return int(moment.timestamp())


def time_of(unix: int) -> UTCTime | GeneralizedTime:
    """The form of a time that RFC 5280 prescribes."""
    moment = datetime.fromtimestamp(unix, UTC)
    return UTCTime(moment) if moment.year < _FIRST_GENERALIZED_YEAR else GeneralizedTime(moment)
