"""Requests: the requester's own signature, and what must not be in them."""

from __future__ import annotations

from typing import Any

import pytest
from certificate_world import (
    ECDSA_SHA256,
    MEMBER_KEY,
    MEMBER_NAME,
    P256_SPKI,
    SM2_SHA256,
    STRANGER_KEY,
    raw,
    signed,
)
from cryptography import x509
from cryptography.hazmat.asn1 import SetOf
from cryptography.x509 import ObjectIdentifier

from ledger.crypto.certificates import refusals
from ledger.crypto.certificates import structures as asn1
from ledger.crypto.certificates.certificate import key_info
from ledger.crypto.certificates.request import MAX_ATTRIBUTES, MAX_REQUEST_BYTES, CertificateRequest, request
from ledger.errors import CertificateRejected

REQUEST = request(MEMBER_NAME, MEMBER_KEY)


def info(**fields: Any) -> asn1.RequestInfo:
    return asn1.RequestInfo(
        **{
            "version": 0,
            "subject": MEMBER_NAME.relative_names,
            "key": key_info(MEMBER_KEY.public),
            "attributes": SetOf([]),
            **fields,
        }
    )


def attribute(oid: str, *values: bytes) -> asn1.Attribute:
    return asn1.Attribute(type=ObjectIdentifier(oid), values=SetOf([asn1.tlv(value) for value in values]))


def asking(*extensions: asn1.Extension) -> asn1.Attribute:
    der = asn1.encoded(asn1.ExtensionsBox(extensions=list(extensions)))
    return attribute(asn1.EXTENSION_REQUEST, asn1.encoded(asn1.decode(asn1.AnyBox, der, "x").value))


def refused(der: bytes) -> CertificateRejected:
    with pytest.raises(CertificateRejected) as caught:
        CertificateRequest.from_der(der)
    return caught.value


def test_request_reads_as_another_library_reads_it() -> None:
    other = x509.load_der_x509_csr(REQUEST.der)
    assert other.subject.public_bytes() == REQUEST.subject.der
    assert other.signature_algorithm_oid.dotted_string == "1.2.156.10197.1.501"
    assert CertificateRequest.from_pem(REQUEST.pem) == REQUEST
    assert REQUEST.key == MEMBER_KEY.public and REQUEST.asked == ()


def test_request_is_refused_when_another_key_signed_it() -> None:
    error = refused(signed(info(), STRANGER_KEY))
    assert isinstance(error, refusals.RequestSignatureRejected) and error.code == "certificate-request-bad-signature"
    stolen = signed(info(key=key_info(STRANGER_KEY.public)), MEMBER_KEY)
    assert isinstance(refused(stolen), refusals.RequestSignatureRejected)


def test_request_is_refused_when_one_bit_is_changed() -> None:
    for at in (20, 60, len(REQUEST.der) - 1):
        changed = bytearray(REQUEST.der)
        changed[at] ^= 1
        refused(bytes(changed))


@pytest.mark.parametrize("algorithm", [SM2_SHA256, ECDSA_SHA256])
def test_request_is_refused_when_not_signed_with_sm3(algorithm: bytes) -> None:
    assert isinstance(refused(signed(info(), MEMBER_KEY, algorithm=algorithm)), refusals.WrongAlgorithm)


def test_request_is_refused_when_its_key_is_on_another_curve() -> None:
    forged = signed(info(key=asn1.decode(asn1.SubjectPublicKeyInfo, P256_SPKI, "x")), MEMBER_KEY)
    assert isinstance(refused(forged), refusals.WrongCurve)


def test_request_shows_the_extensions_that_it_asks_for() -> None:
    asked = asking(raw("2.5.29.19", b"\x30\x03\x01\x01\xff"), raw("2.5.29.17", b"\x30\x00"))
    challenge = attribute("1.2.840.113549.1.9.7", asn1.encoded("secret"))
    ordered = sorted([asked, challenge], key=asn1.encoded)
    held = CertificateRequest.from_der(signed(info(attributes=SetOf(ordered)), MEMBER_KEY))
    assert held.asked == ("2.5.29.19", "2.5.29.17")


@pytest.mark.parametrize(
    "attributes",
    [
        [asking(raw("1.2.3", b"\x05\x00"), raw("1.2.3", b"\x05\x00"))],  # an extension twice
        [attribute(asn1.EXTENSION_REQUEST)],
        [attribute(asn1.EXTENSION_REQUEST, b"\x30\x00", b"\x30\x00")],
        [attribute(asn1.EXTENSION_REQUEST, b"\x05\x00")],
        [attribute("1.2.3"), attribute("1.2.3")],
        [attribute(f"1.2.3.{at}") for at in range(MAX_ATTRIBUTES + 1)],
    ],
)
def test_request_is_refused_when_its_attributes_are_bad(attributes: list[asn1.Attribute]) -> None:
    error = refused(signed(info(attributes=SetOf(attributes)), MEMBER_KEY))
    assert isinstance(error, refusals.CertificateMalformed | refusals.DuplicateExtension | refusals.CertificateTooLarge)
    assert str(error.field).startswith("attributes")


def test_request_is_refused_when_its_form_is_wrong() -> None:
    assert isinstance(refused(signed(info(version=1), MEMBER_KEY)), refusals.OutsideProfile)
    assert isinstance(refused(signed(info(subject=[]), MEMBER_KEY)), refusals.CertificateMalformed)
    assert isinstance(refused(REQUEST.der + b"\0"), refusals.CertificateMalformed)
    assert isinstance(refused(b"\x30\x83\x00" + REQUEST.der[2:]), refusals.CertificateMalformed)
    assert isinstance(refused(REQUEST.der + bytes(MAX_REQUEST_BYTES)), refusals.CertificateTooLarge)
    with pytest.raises(refusals.CertificateMalformed):
        CertificateRequest.from_pem(REQUEST.pem.replace("REQUEST", "QUESTION"))
