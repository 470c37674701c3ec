"""Extensions of certificates and what the profile allows in them.

Understood: basicConstraints, keyUsage, extendedKeyUsage, the two key identifiers and the identity codes of GM/T 0015.
Any other is ignored when it is not critical and refused when it is; nameConstraints is refused either way, because
ignoring a limit on an authority would widen it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from cryptography.hazmat.asn1 import TLV, BitString, PrintableString
from cryptography.x509 import ObjectIdentifier

from ledger.crypto.certificates import structures as asn1
from ledger.crypto.certificates.names import check_text, read_string
from ledger.crypto.certificates.refusals import (
    CertificateMalformed,
    CertificateTooLarge,
    DuplicateExtension,
    OutsideProfile,
    UnknownCriticalExtension,
)

DIGITAL_SIGNATURE = "digitalSignature"
NON_REPUDIATION = "nonRepudiation"
CERTIFICATE_SIGN = "keyCertSign"
CRL_SIGN = "cRLSign"
USAGES = (
    DIGITAL_SIGNATURE,
    NON_REPUDIATION,
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    CERTIFICATE_SIGN,
    CRL_SIGN,
    "encipherOnly",
    "decipherOnly",
)
ENCRYPTION_USAGES = frozenset(("keyEncipherment", "dataEncipherment", "keyAgreement", "encipherOnly", "decipherOnly"))
# Extended uses under which signing statements falls; any other alone says that the key is for something else.
SIGNING_PURPOSES = frozenset(("2.5.29.37.0", "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.4"))  # any, client, e-mail

MAX_EXTENSIONS = 32
MAX_PURPOSES = 16
MAX_KEY_IDENTIFIER_BYTES = 64
MAX_PATH_LEN = 16
MAX_CODE_TEXT = 64


@dataclass(frozen=True, slots=True)
class Authority:
    """Who signed: the issuer's key identifier, and the issuer and serial of the issuer's certificate where given."""

    key_id: bytes | None
    issuer: bytes | None
    serial: int | None


@dataclass(frozen=True, slots=True)
class Extensions:
    """What a certificate's extensions say. `path_len` stands only with `ca`; `others` are there but not understood."""

    ca: bool | None = None
    path_len: int | None = None
    usages: frozenset[str] | None = None
    purposes: frozenset[str] | None = None
    subject_key_id: bytes | None = None
    authority: Authority | None = None
    codes: tuple[tuple[str, str], ...] = ()
    others: tuple[str, ...] = ()


def unique(listed: list[asn1.Extension] | None, where: str) -> list[tuple[str, bool, bytes]]:
    """(identifier, critical, value) of each; raises DuplicateExtension or CertificateTooLarge."""
    found: list[tuple[str, bool, bytes]] = []
    if listed is None:
        return found
    if not listed:
        raise CertificateMalformed("the list of extensions is there but empty", field=where)
    if len(listed) > MAX_EXTENSIONS:
        raise CertificateTooLarge(f"at most {MAX_EXTENSIONS} extensions", field=where)
    seen = set()
    for extension in listed:
        oid = extension.oid.dotted_string
        if oid in seen:
            raise DuplicateExtension(f"extension {oid} stands twice", field=f"{where}.{oid}")
        seen.add(oid)
        found.append((oid, extension.critical, extension.value))
    return found


def read(listed: list[asn1.Extension] | None) -> Extensions:
    """The extensions of a certificate; raises a leaf of CertificateRejected."""
    found = Extensions()
    for oid, critical, value in unique(listed, "extensions"):
        where = f"extensions.{oid}"
        if oid == asn1.BASIC_CONSTRAINTS:
            ca, path_len = _basic_constraints(value, where)
            found = replace(found, ca=ca, path_len=path_len)
        elif oid == asn1.KEY_USAGE:
            found = replace(found, usages=_usages(value, where))
        elif oid == asn1.EXTENDED_KEY_USAGE:
            found = replace(found, purposes=_purposes(value, where))
        elif oid == asn1.SUBJECT_KEY_IDENTIFIER:
            found = replace(found, subject_key_id=_key_identifier(asn1.decode(bytes, value, where), where))
        elif oid == asn1.AUTHORITY_KEY_IDENTIFIER:
            found = replace(found, authority=authority(value, where))
        elif oid in asn1.IDENTITY_CODES:
            text, _ = read_string(asn1.decode(TLV, value, where), where)
            found = replace(found, codes=(*found.codes, (oid, check_text(text, MAX_CODE_TEXT, where))))
        elif oid == asn1.NAME_CONSTRAINTS:
            raise OutsideProfile("name constraints are not understood here and must not be ignored", field=where)
        elif critical:
            raise UnknownCriticalExtension(f"critical extension {oid} is not understood here", field=where)
        else:
            found = replace(found, others=(*found.others, oid))
    return found


def authority(value: bytes, where: str) -> Authority:
    """An authorityKeyIdentifier: the key's identifier, or the issuer and serial of its certificate, or all three."""
    read = asn1.decode(asn1.AuthorityKeyIdentifier, value, where)
    if (read.issuer is None) != (read.serial is None):
        raise CertificateMalformed("issuer and serial stand together or not at all", field=where)
    if read.key_id is None and read.serial is None:
        raise CertificateMalformed("the authority key identifier identifies nothing", field=where)
    issuer = None
    if read.issuer is not None:
        if len(read.issuer) != 1 or read.issuer[0].tag_bytes != b"\xa4":  # GeneralName: directoryName [4]
            raise CertificateMalformed("the authority is named by one directory name", field=where)
        issuer = bytes(read.issuer[0].data)
    key_id = None if read.key_id is None else _key_identifier(read.key_id, where)
    return Authority(key_id, issuer, read.serial)


def _basic_constraints(value: bytes, where: str) -> tuple[bool, int | None]:
    read = asn1.decode(asn1.BasicConstraints, value, where)
    if read.path_len is not None and not read.ca:
        raise CertificateMalformed("pathLenConstraint stands without cA", field=where)
    if read.path_len is not None and not 0 <= read.path_len <= MAX_PATH_LEN:
        raise CertificateMalformed(f"pathLenConstraint lies in [0, {MAX_PATH_LEN}]", field=where)
    return read.ca, read.path_len


def _usages(value: bytes, where: str) -> frozenset[str]:
    bits = asn1.decode(BitString, value, where)
    data, count = bits.as_bytes(), 8 * len(bits.as_bytes()) - bits.padding_bits()
    used = [at for at in range(count) if data[at // 8] >> (7 - at % 8) & 1]
    if not used or used[-1] != count - 1:  # a named bit list ends with a one (X.690, 11.2.2)
        raise CertificateMalformed("keyUsage is empty or has trailing zero bits", field=where)
    if count > len(USAGES):
        raise CertificateMalformed("keyUsage has a bit that no standard names", field=where)
    return frozenset(USAGES[at] for at in used)


def _purposes(value: bytes, where: str) -> frozenset[str]:
    boxed = asn1.encoded(asn1.AnyBox(value=asn1.decode(TLV, value, where)))
    listed = asn1.decode(asn1.PurposesBox, boxed, where).purposes
    if not 1 <= len(listed) <= MAX_PURPOSES:
        raise CertificateMalformed(f"extendedKeyUsage names 1 to {MAX_PURPOSES} purposes", field=where)
    return frozenset(purpose.dotted_string for purpose in listed)


def _key_identifier(value: bytes, where: str) -> bytes:
    if not 1 <= len(value) <= MAX_KEY_IDENTIFIER_BYTES:
        raise CertificateMalformed(f"a key identifier has 1 to {MAX_KEY_IDENTIFIER_BYTES} bytes", field=where)
    return value


def write(oid: str, value: object, *, critical: bool = False) -> asn1.Extension:
    """An extension of our own."""
    return asn1.Extension(oid=ObjectIdentifier(oid), critical=critical, value=asn1.encoded(value))


def write_usages(usages: frozenset[str]) -> asn1.Extension:
    """keyUsage, critical."""
    positions = [USAGES.index(usage) for usage in usages]
    count = max(positions) + 1
    number = sum(1 << (8 * ((count + 7) // 8) - 1 - at) for at in positions)
    data = number.to_bytes((count + 7) // 8, "big")
    return write(asn1.KEY_USAGE, BitString(data, 8 * len(data) - count), critical=True)


def write_code(oid: str, text: str) -> asn1.Extension:
    """An identity code of GM/T 0015."""
    return write(oid, PrintableString(text))
