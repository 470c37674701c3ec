"""Certification requests (PKCS#10, RFC 2986): made with the requester's own key, whose signature proves possession.

Extensions that a request asks for are shown, not granted: what a certificate says is the authority's decision.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.asn1 import SetOf

from ledger.crypto.certificates import armour
from ledger.crypto.certificates import structures as asn1
from ledger.crypto.certificates.certificate import assemble, check_signature, key_info, read_key, read_signed
from ledger.crypto.certificates.extensions import unique
from ledger.crypto.certificates.names import Name
from ledger.crypto.certificates.refusals import (
    CertificateMalformed,
    CertificateTooLarge,
    OutsideProfile,
    RequestSignatureRejected,
)
from ledger.crypto.ports import Signer
from ledger.crypto.sm2 import PublicKey, raw_to_der

LABEL = "CERTIFICATE REQUEST"
MAX_REQUEST_BYTES = 16 * 1024
MAX_ATTRIBUTES = 16


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A request whose signature held under its own key: reading one checks it. `asked` are extensions asked for."""

    der: bytes
    subject: Name
    key: PublicKey
    asked: tuple[str, ...]

    @classmethod
    def from_der(cls, der: bytes) -> CertificateRequest:
        """From DER, all of it; raises RequestSignatureRejected or another leaf of CertificateRejected."""
        if len(der) > MAX_REQUEST_BYTES:
            raise CertificateTooLarge(f"a request has at most {MAX_REQUEST_BYTES} bytes", field="request")
        outer = read_signed(der, "request")
        info = asn1.decode(asn1.RequestInfo, outer.tbs, "certificationRequestInfo")
        if info.version != 0:
            raise OutsideProfile(f"a request has version 1, not {info.version + 1}", field="version")
        asked = _asked(info.attributes.as_list())
        key = read_key(info.key, "subjectPKInfo")
        check_signature(outer.tbs, outer.signature, key, RequestSignatureRejected)
        return cls(der, Name.read(info.subject, "subject"), key, asked)

    @classmethod
    def from_pem(cls, pem: bytes | str) -> CertificateRequest:
        """From exactly one PEM block; raises what `from_der` raises."""
        return cls.from_der(armour.read_one(pem, LABEL, MAX_REQUEST_BYTES))

    @property
    def pem(self) -> str:
        """The request as PEM."""
        return armour.write(LABEL, self.der)


def request(subject: Name, signer: Signer) -> CertificateRequest:
    """A request for `subject`, signed with the key it is for."""
    info = asn1.RequestInfo(
        version=0, subject=subject.relative_names, key=key_info(signer.public), attributes=SetOf([])
    )
    signature = raw_to_der(signer.sign(asn1.encoded(info)))
    return CertificateRequest.from_der(assemble(info, signature))


def _asked(attributes: list[asn1.Attribute]) -> tuple[str, ...]:
    if len(attributes) > MAX_ATTRIBUTES:
        raise CertificateTooLarge(f"a request has at most {MAX_ATTRIBUTES} attributes", field="attributes")
    kinds = [attribute.type.dotted_string for attribute in attributes]
    if len(set(kinds)) != len(kinds):
        raise CertificateMalformed("an attribute stands twice", field="attributes")
    for attribute in attributes:
        if attribute.type.dotted_string == asn1.EXTENSION_REQUEST:
            values = attribute.values.as_list()
            if len(values) != 1:
                raise CertificateMalformed("extensions are asked for once", field="attributes.extensionRequest")
            boxed = asn1.encoded(asn1.AnyBox(value=values[0]))
            listed = asn1.decode(asn1.ExtensionsBox, boxed, "attributes.extensionRequest").extensions
            return tuple(oid for oid, _, _ in unique(listed, "attributes.extensionRequest"))
    return ()
