"""One certificate: read strictly from DER or PEM. What it claims is checked by `path`, not here.

Reading refuses whatever no certificate of the profile can be: not strict DER, not version 3, another algorithm than SM2
with SM3 (inside and outside the same), another curve or a point off it, duplicate or unknown critical extensions, text
that cannot be read in full. A Certificate that exists is well-formed, not yet trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.asn1 import BitString

from ledger.crypto.certificates import armour
from ledger.crypto.certificates import structures as asn1
from ledger.crypto.certificates.extensions import Extensions
from ledger.crypto.certificates.extensions import read as read_extensions
from ledger.crypto.certificates.names import Name
from ledger.crypto.certificates.refusals import (
    AlgorithmMismatch,
    CertificateMalformed,
    CertificateSignatureRejected,
    CertificateTooLarge,
    OutsideProfile,
    PointNotOnCurve,
    WrongAlgorithm,
    WrongCurve,
)
from ledger.crypto.digest import sm3_text
from ledger.crypto.sm2 import PublicKey, VerifiedSignature, der_to_raw
from ledger.crypto.sm3 import sm3
from ledger.errors import BadKey, CertificateRejected, Malformed, SignatureRejected

LABEL = "CERTIFICATE"
MAX_CERTIFICATE_BYTES = 16 * 1024  # ours have about 700
MAX_SERIAL_BYTES = 20  # RFC 5280, 4.1.2.2
_VERSION_3 = 2


@dataclass(frozen=True, slots=True)
class Certificate:
    """A well-formed certificate; times are Unix seconds, the last one included."""

    der: bytes
    tbs: bytes
    signature: bytes
    serial: int
    issuer: Name
    subject: Name
    not_before: int
    not_after: int
    key: PublicKey
    extensions: Extensions

    @classmethod
    def from_der(cls, der: bytes) -> Certificate:
        """From DER, all of it; raises a leaf of CertificateRejected."""
        if len(der) > MAX_CERTIFICATE_BYTES:
            raise CertificateTooLarge(f"a certificate has at most {MAX_CERTIFICATE_BYTES} bytes", field="certificate")
        outer = read_signed(der, "certificate")
        tbs = asn1.decode(asn1.TbsCertificate, outer.tbs, "tbsCertificate")
        check_algorithm(asn1.encoded(tbs.signature), "tbsCertificate.signature", outside=outer.algorithm)
        if tbs.version != _VERSION_3:
            raise OutsideProfile(f"a certificate has version 3, not {tbs.version + 1}", field="version")
        if tbs.issuer_unique_id is not None or tbs.subject_unique_id is not None:
            raise OutsideProfile("unique identifiers are not used (GM/T 0015, 5.2.3.9)", field="uniqueID")
        not_before = asn1.seconds(tbs.validity.not_before, "validity.notBefore")
        not_after = asn1.seconds(tbs.validity.not_after, "validity.notAfter")
        if not_after < not_before:
            raise CertificateMalformed("the certificate ends before it begins", field="validity")
        return cls(
            der,
            outer.tbs,
            outer.signature,
            check_serial(tbs.serial, "serialNumber"),
            Name.read(tbs.issuer, "issuer"),
            Name.read(tbs.subject, "subject"),
            not_before,
            not_after,
            read_key(tbs.key, "subjectPublicKeyInfo"),
            read_extensions(tbs.extensions),
        )

    @classmethod
    def from_pem(cls, pem: bytes | str) -> Certificate:
        """From exactly one PEM block; raises a leaf of CertificateRejected."""
        return cls.from_der(armour.read_one(pem, LABEL, MAX_CERTIFICATE_BYTES))

    @classmethod
    def several_from_pem(cls, pem: bytes | str, most: int) -> tuple[Certificate, ...]:
        """From one to `most` PEM blocks and nothing else, in order; raises a leaf of CertificateRejected."""
        return tuple(cls.from_der(der) for der in armour.read_all(pem, LABEL, MAX_CERTIFICATE_BYTES, most))

    @property
    def pem(self) -> str:
        """The certificate as PEM."""
        return armour.write(LABEL, self.der)

    @property
    def fingerprint(self) -> str:
        """`sm3:` and the digest of the whole certificate: what names it in evidence."""
        return sm3_text(sm3(self.der))

    @property
    def key_id(self) -> bytes:
        """The subject's key identifier; where the certificate names none, SM3 of the point, as GmSSL refers to it."""
        return self.extensions.subject_key_id or key_identifier(self.key)

    @property
    def self_issued(self) -> bool:
        """Issuer and subject are the same name."""
        return self.issuer == self.subject

    def check_signature(self, issuer: PublicKey) -> VerifiedSignature:
        """That `issuer` signed this; raises CertificateSignatureRejected. Nothing else is checked."""
        return check_signature(self.tbs, self.signature, issuer, CertificateSignatureRejected)


# ---------------------------------------------------------------------- shared with requests and revocation lists


@dataclass(frozen=True, slots=True)
class SignedParts:
    """The three parts of anything signed: the bytes, the algorithm, the signature as raw r‖s."""

    tbs: bytes
    algorithm: bytes
    signature: bytes


def read_signed(der: bytes, what: str) -> SignedParts:
    """Split a signed structure; raises CertificateMalformed or WrongAlgorithm."""
    outer = asn1.decode(asn1.Signed, der, what)
    algorithm = asn1.encoded(outer.algorithm)
    check_algorithm(algorithm, "signatureAlgorithm")
    if outer.signature.padding_bits():
        raise CertificateMalformed("the signature is whole bytes", field="signatureValue")
    try:
        signature = der_to_raw(outer.signature.as_bytes())
    except Malformed as error:
        raise CertificateMalformed(error.message, field="signatureValue") from error
    return SignedParts(asn1.encoded(outer.body), algorithm, signature)


def assemble(body: object, signature_der: bytes) -> bytes:
    """Our own signed structure: body, SM2-with-SM3, signature."""
    return asn1.encoded(
        asn1.Signed(
            body=asn1.tlv(asn1.encoded(body)),
            algorithm=asn1.tlv(asn1.SM2_WITH_SM3),
            signature=BitString(signature_der, 0),
        )
    )


def check_algorithm(algorithm: bytes, field: str, *, outside: bytes | None = None) -> None:
    """That an AlgorithmIdentifier is SM2 with SM3, and the same as `outside` where that is given."""
    if outside is not None and algorithm != outside:
        raise AlgorithmMismatch("the algorithm inside the signed part is not the one outside", field=field)
    if algorithm not in (asn1.SM2_WITH_SM3, asn1.SM2_WITH_SM3_NULL):
        oid, _ = asn1.first_identifier(bytes(asn1.tlv(algorithm).data))
        name = asn1.ALGORITHM_NAMES.get(oid, oid) or "unnamed"
        if oid == "1.2.156.10197.1.501":
            name += " with parameters"
        raise WrongAlgorithm(
            f"signed with {name}; only SM2 with SM3 is accepted",
            field=field,
            hint="sign with SM3, e.g. `openssl req -new -sm3 -sigopt distid:1234567812345678`",
        )


def check_serial(serial: int, field: str) -> int:
    """A serial number that RFC 5280 allows: positive, at most 20 bytes."""
    if serial <= 0:
        raise CertificateMalformed("a serial number is positive", field=field)
    if serial.bit_length() >= 8 * MAX_SERIAL_BYTES:
        raise CertificateMalformed(f"a serial number has at most {MAX_SERIAL_BYTES} bytes", field=field)
    return serial


def check_signature(
    tbs: bytes, signature: bytes, key: PublicKey, refusal: type[CertificateRejected]
) -> VerifiedSignature:
    """That `key` signed `tbs` under the default user ID; raises `refusal`."""
    try:
        return key.verify(tbs, signature)
    except SignatureRejected as error:
        raise refusal(
            "the signature does not hold under this key",
            field="signatureValue",
            hint="an SM2 certificate is signed under the user ID 1234567812345678 (`-sigopt distid:…`)",
        ) from error


def read_key(info: asn1.SubjectPublicKeyInfo, field: str) -> PublicKey:
    """The SM2 key of a SubjectPublicKeyInfo; raises WrongCurve or PointNotOnCurve."""
    algorithm = asn1.encoded(info.algorithm)
    where = f"{field}.algorithm"
    if algorithm != asn1.SM2_KEY:
        oid, parameters = asn1.first_identifier(bytes(info.algorithm.data))
        if oid != asn1.EC_PUBLIC_KEY:
            raise WrongCurve(
                f"the key is not an elliptic-curve key ({oid or 'no algorithm'})",
                field=where,
                hint="OpenSSL before 3.0.13 names the key's algorithm after the curve: make it again with a later one",
            )
        if parameters[:1] == b"\x30":
            raise WrongCurve("the curve is given by explicit parameters; only the name SM2 is accepted", field=where)
        curve, _ = asn1.first_identifier(parameters)
        name = asn1.CURVE_NAMES.get(curve, curve) or "no name"
        raise WrongCurve(f"the key is on the curve {name}; only SM2 is accepted", field=where)
    if info.key.padding_bits():
        raise PointNotOnCurve("the point is whole bytes", field=field)
    point = info.key.as_bytes()
    if len(point) != 65 or point[0] != 4:
        raise PointNotOnCurve("the public key is an uncompressed point: 04, X, Y", field=field)
    try:
        return PublicKey.from_point(point)
    except BadKey as error:
        raise PointNotOnCurve(error.message, field=field) from error


def key_info(key: PublicKey) -> asn1.SubjectPublicKeyInfo:
    """The structure that encodes a key."""
    return asn1.decode(asn1.SubjectPublicKeyInfo, key.spki_der, "subjectPublicKeyInfo")


def key_identifier(key: PublicKey) -> bytes:
    """The key identifier that our authorities write: SM3 of the point, as GmSSL does (RFC 7093 allows it)."""
    return sm3(key.point)
