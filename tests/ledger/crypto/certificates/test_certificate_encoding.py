"""Encodings: one certificate has one form. No change of any byte is ever accepted, and no input breaks the reader."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from certificate_world import (
    MEMBER,
    MEMBER_KEY,
    MEMBER_NAME,
    NOW,
    ROOT,
    ROOT_CRL,
    SUB,
    SUB_CRL,
    SUB_KEY,
    check,
    crl_of,
    forge,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.crypto.certificates import refusals
from ledger.crypto.certificates.certificate import Certificate
from ledger.crypto.certificates.request import CertificateRequest, request
from ledger.crypto.certificates.revocation import Revocation, RevocationList
from ledger.crypto.sm2 import N
from ledger.errors import CertificateRejected


def refused(der: bytes) -> CertificateRejected:
    with pytest.raises(CertificateRejected) as caught:
        Certificate.from_der(der)
    return caught.value


def test_certificate_is_refused_when_bytes_follow_or_miss() -> None:
    for der in (MEMBER.der + b"\0", MEMBER.der[:-1], b"", b"\x30", b"\x30\x00", MEMBER.tbs, MEMBER.der * 2):
        assert isinstance(refused(der), refusals.CertificateMalformed)


def test_certificate_is_refused_when_in_ber() -> None:
    assert MEMBER.der[:2] == b"\x30\x82"
    padded = b"\x30\x83\x00" + MEMBER.der[2:]
    indefinite = b"\x30\x80" + MEMBER.der[4:] + b"\0\0"
    for der in (padded, indefinite):
        assert isinstance(refused(der), refusals.CertificateMalformed)


@pytest.mark.parametrize(
    "signature",
    [
        bytes(64),  # raw r‖s
        b"",
        bytes.fromhex("3006020100020100") + b"\0",
        bytes.fromhex("308106020101020101"),  # BER length
        bytes.fromhex("30080202000102020001"),  # padded integers
        bytes.fromhex("300602018102017f"),  # negative
    ],
)
def test_certificate_is_refused_when_its_signature_is_no_der(signature: bytes) -> None:
    error = refused(forge(signature=signature))
    assert isinstance(error, refusals.CertificateMalformed) and error.field == "signatureValue"


def test_certificate_signature_is_refused_when_another_key_signed() -> None:
    with pytest.raises(refusals.CertificateSignatureRejected):
        MEMBER.check_signature(MEMBER_KEY.public)
    body = Certificate.from_der(forge(signature=bytes.fromhex("3006020101020101")))
    with pytest.raises(refusals.CertificateSignatureRejected):
        body.check_signature(SUB_KEY.public)


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "hello",
        MEMBER.pem + MEMBER.pem,
        "Certificate:\n" + MEMBER.pem,
        MEMBER.pem + "trailing",
        MEMBER.pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        MEMBER.pem.replace("-----END CERTIFICATE-----", ""),
        MEMBER.pem.replace("\nM", "\n*", 1),
        MEMBER.pem.replace("-----BEGIN CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\n"),
    ],
)
def test_certificate_is_refused_when_the_pem_is_not_one_block(pem: str) -> None:
    with pytest.raises(refusals.CertificateMalformed) as caught:
        Certificate.from_pem(pem)
    assert caught.value.field == "pem"


def test_certificate_is_refused_when_the_pem_is_huge() -> None:
    with pytest.raises(refusals.CertificateTooLarge):
        Certificate.from_pem(MEMBER.pem + "\n" * 100_000)
    assert Certificate.from_pem(MEMBER.pem.replace("\n", "\r\n").encode() + b"\n\n") == MEMBER


# ---- changes

CRL = crl_of(SUB, SUB_KEY, [Revocation(17, NOW - 5, "keyCompromise", NOW - 500), Revocation(18, NOW, "superseded")])
REQUEST = request(MEMBER_NAME, MEMBER_KEY)


def use_certificate(der: bytes) -> object:
    return check(Certificate.from_der(der))


def use_authority(der: bytes) -> object:
    return check(intermediates=[Certificate.from_der(der)])


def use_root(der: bytes) -> object:
    return check(roots=[Certificate.from_der(der)])


def use_list(der: bytes) -> object:
    return check(lists=[ROOT_CRL, RevocationList.from_der(der)])


READERS: list[tuple[str, bytes, Callable[[bytes], object]]] = [
    ("certificate", MEMBER.der, use_certificate),
    ("authority", SUB.der, use_authority),
    ("root", ROOT.der, use_root),
    ("list", CRL.der, use_list),
    ("empty list", SUB_CRL.der, use_list),
    ("request", REQUEST.der, CertificateRequest.from_der),
]
SUBJECTS = pytest.mark.parametrize(("der", "use"), [row[1:] for row in READERS], ids=[row[0] for row in READERS])


@SUBJECTS
def test_nothing_is_accepted_when_any_byte_is_changed(der: bytes, use: Callable[[bytes], object]) -> None:
    use(der)
    for at in range(len(der)):
        for mask in (0x01, 0x20, 0x80, 0xFF):
            changed = der[:at] + bytes((der[at] ^ mask,)) + der[at + 1 :]
            with pytest.raises(CertificateRejected):
                use(changed)


@SUBJECTS
def test_nothing_is_accepted_when_cut_short(der: bytes, use: Callable[[bytes], object]) -> None:
    for at in range(len(der)):
        with pytest.raises(CertificateRejected):
            use(der[:at])


@SUBJECTS
@given(data=st.data())
@settings(max_examples=60)
def test_nothing_is_accepted_when_edited_anyhow(
    der: bytes, use: Callable[[bytes], object], data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(der)))
    end = data.draw(st.integers(start, min(len(der), start + 12)))
    inserted = data.draw(st.binary(max_size=12))
    changed = der[:start] + inserted + der[end:]
    if changed != der:
        with pytest.raises(CertificateRejected):
            use(changed)


@SUBJECTS
@given(data=st.binary(max_size=200))
@example(data=b"\x30\x84\xff\xff\xff\xff")
@example(data=b"\x30\x80" * 100)
@example(data=b"\x30\x03\x02\x01\x00")
@settings(max_examples=60)
def test_readers_refuse_noise_with_their_own_error(der: bytes, use: Callable[[bytes], object], data: bytes) -> None:
    with pytest.raises(CertificateRejected):
        use(data)


@pytest.mark.parametrize("reader", [Certificate, RevocationList, CertificateRequest])
@given(data=st.one_of(st.text(max_size=200), st.binary(max_size=200)))
@settings(max_examples=60)
def test_pem_readers_refuse_noise_with_their_own_error(
    reader: type[Certificate | RevocationList | CertificateRequest], data: str | bytes
) -> None:
    with pytest.raises(CertificateRejected):
        reader.from_pem(data)


def test_deep_nesting_is_refused_before_it_costs_anything() -> None:
    deep = b""
    for _ in range(3000):
        length = len(deep)
        deep = b"\x30" + (bytes((length,)) if length < 128 else b"\x82" + length.to_bytes(2, "big")) + deep
        if length >= 128 and length < 256:
            deep = b"\x30\x81" + bytes((length,)) + deep[4:]
    for reader in (Certificate, RevocationList, CertificateRequest):
        with pytest.raises(CertificateRejected):
            reader.from_der(deep)


@pytest.mark.parametrize("change", ["negated", "swapped", "zero r", "zero s", "n"])
def test_signature_has_no_second_form(change: str) -> None:
    r, s = int.from_bytes(MEMBER.signature[:32], "big"), int.from_bytes(MEMBER.signature[32:], "big")
    made = {"negated": (r, N - s), "swapped": (s, r), "zero r": (0, s), "zero s": (r, 0), "n": (N, s)}[change]

    def integer(value: int) -> bytes:
        data = value.to_bytes(value.bit_length() // 8 + 1, "big")
        return b"\x02" + bytes((len(data),)) + data

    body = integer(made[0]) + integer(made[1])
    held = Certificate.from_der(forge(serial=MEMBER.serial, signature=b"\x30" + bytes((len(body),)) + body))
    with pytest.raises(refusals.CertificateSignatureRejected):
        held.check_signature(SUB_KEY.public)
