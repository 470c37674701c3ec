"""Revocation lists: what they say of a serial number, and the lists that are not to be believed."""

from __future__ import annotations

from typing import Any

import pytest
from certificate_world import (
    DAY,
    ECDSA_SHA256,
    MEMBER,
    MEMBER_KEY,
    NOW,
    ROOT,
    ROOT_KEY,
    SM2_SHA256,
    STRANGER_KEY,
    SUB,
    SUB_CRL,
    SUB_KEY,
    SUB_NAME,
    authority_extensions,
    crl_of,
    forge,
    raw,
    signed,
)
from cryptography import x509

from ledger.crypto.certificates import extensions as ext
from ledger.crypto.certificates import refusals, revocation
from ledger.crypto.certificates import structures as asn1
from ledger.crypto.certificates.certificate import Certificate
from ledger.crypto.certificates.revocation import MAX_CRL_BYTES, REASON_CODES, Revocation, RevocationList
from ledger.errors import CertificateRejected

AUTHORITY = ext.write(asn1.AUTHORITY_KEY_IDENTIFIER, asn1.AuthorityKeyIdentifier(key_id=SUB.key_id))
NUMBER = ext.write(asn1.CRL_NUMBER, 7)


def forged(algorithm: bytes = asn1.SM2_WITH_SM3, outside: bytes | None = None, **fields: Any) -> bytes:
    body = asn1.TbsCertList(
        **{
            "version": 1,
            "signature": asn1.tlv(algorithm),
            "issuer": SUB_NAME.relative_names,
            "this_update": asn1.time_of(NOW - DAY),
            "next_update": asn1.time_of(NOW + DAY),
            "revoked": None,
            "extensions": [AUTHORITY, NUMBER],
            **fields,
        }
    )
    return signed(body, SUB_KEY, algorithm=algorithm if outside is None else outside)


def entry(serial: int = 3001, extensions: list[asn1.Extension] | None = None, when: int = NOW) -> asn1.RevokedEntry:
    return asn1.RevokedEntry(serial=serial, revoked_at=asn1.time_of(when), extensions=extensions)


def refused(der: bytes) -> CertificateRejected:
    with pytest.raises(CertificateRejected) as caught:
        RevocationList.from_der(der)
    return caught.value


@pytest.mark.parametrize("reason", sorted(REASON_CODES))
def test_list_reads_as_another_library_reads_it(reason: str) -> None:
    held = crl_of(SUB, SUB_KEY, [Revocation(3001, NOW - 5, reason, NOW - 500), Revocation(17, NOW, "unspecified")])
    other = x509.load_der_x509_crl(held.der)
    assert other.tbs_certlist_bytes == held.tbs and other.issuer.public_bytes() == SUB.subject.der
    assert other.next_update_utc is not None
    assert int(other.last_update_utc.timestamp()) == held.this_update == NOW - DAY
    assert int(other.next_update_utc.timestamp()) == held.next_update == NOW + DAY
    assert other.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == held.number == 1
    revoked = other.get_revoked_certificate_by_serial_number(3001)
    assert revoked is not None and len(other) == 2
    if reason != "unspecified":
        flag = revoked.extensions.get_extension_for_class(x509.CRLReason).value.reason
        assert flag.value == reason
    invalid = revoked.extensions.get_extension_for_class(x509.InvalidityDate).value
    assert int(invalid.invalidity_date_utc.timestamp()) == NOW - 500
    assert held.entries == {
        3001: Revocation(3001, NOW - 5, reason, NOW - 500),
        17: Revocation(17, NOW, "unspecified"),
    }
    assert RevocationList.from_pem(held.pem).der == held.der


def test_revocation_counts_from_the_earlier_time() -> None:
    assert Revocation(1, 100, "keyCompromise", 50).revoked_from == 50
    assert Revocation(1, 100, "keyCompromise", 150).revoked_from == 100
    assert Revocation(1, 100, "superseded").revoked_from == 100


def test_list_is_its_issuers_when_the_issuer_signed_it() -> None:
    assert SUB_CRL.check_issuer(SUB).key == SUB_KEY.public
    assert SUB_CRL.entries == {}


def test_list_is_refused_when_it_is_another_issuers() -> None:
    with pytest.raises(refusals.CrlWrongIssuer):
        SUB_CRL.check_issuer(ROOT)
    with pytest.raises(refusals.CrlWrongIssuer):
        crl_of(ROOT, ROOT_KEY).check_issuer(SUB)


def namesake(usages: frozenset[str] = frozenset((ext.CERTIFICATE_SIGN, ext.CRL_SIGN))) -> Certificate:
    """An authority with SUB's name and key identifier but another key."""
    own = authority_extensions(STRANGER_KEY.public, ROOT.key_id, 0, usage=ext.write_usages(usages))
    pinned = [extension for extension in own if extension.oid.dotted_string != asn1.SUBJECT_KEY_IDENTIFIER] + [
        ext.write(asn1.SUBJECT_KEY_IDENTIFIER, SUB.key_id)
    ]
    return Certificate.from_der(
        forge(
            signer=ROOT_KEY,
            issuer=ROOT.subject.relative_names,
            subject=SUB_NAME.relative_names,
            spki=STRANGER_KEY.public.spki_der,
            extensions=pinned,
        )
    )


def test_list_is_refused_when_another_key_of_that_name_signed_it() -> None:
    with pytest.raises(refusals.CrlSignatureRejected):
        SUB_CRL.check_issuer(namesake())
    with pytest.raises(refusals.WrongKeyUsage):
        SUB_CRL.check_issuer(namesake(frozenset((ext.CERTIFICATE_SIGN,))))
    elsewhere = ext.write(asn1.AUTHORITY_KEY_IDENTIFIER, asn1.AuthorityKeyIdentifier(key_id=b"other"))
    with pytest.raises(refusals.KeyIdentifierMismatch):
        RevocationList.from_der(forged(extensions=[elsewhere, NUMBER])).check_issuer(SUB)


def test_list_is_not_signed_when_the_key_is_another() -> None:
    with pytest.raises(refusals.KeyIdentifierMismatch):
        crl_of(SUB, STRANGER_KEY)
    with pytest.raises(refusals.WrongKeyUsage):
        crl_of(MEMBER, MEMBER_KEY)


@pytest.mark.parametrize("algorithm", [SM2_SHA256, ECDSA_SHA256])
def test_list_is_refused_when_not_signed_with_sm3(algorithm: bytes) -> None:
    assert isinstance(refused(forged(algorithm)), refusals.WrongAlgorithm)
    assert isinstance(refused(forged(algorithm, asn1.SM2_WITH_SM3)), refusals.AlgorithmMismatch)


@pytest.mark.parametrize("extensions", [None, [AUTHORITY], [NUMBER]])
def test_list_is_refused_when_it_lacks_its_number_or_authority(extensions: Any) -> None:
    assert isinstance(refused(forged(extensions=extensions)), refusals.OutsideProfile)


def test_list_is_refused_when_of_version_1() -> None:
    assert isinstance(refused(forged(version=0)), refusals.OutsideProfile)
    assert isinstance(refused(forged(version=2)), refusals.OutsideProfile)


@pytest.mark.parametrize("oid", ["2.5.29.28", "2.5.29.27", "1.2.3"])  # scoped, delta, unknown
def test_list_is_refused_when_it_is_partial(oid: str) -> None:
    error = refused(forged(extensions=[AUTHORITY, NUMBER, raw(oid, b"\x30\x00", critical=True)]))
    assert isinstance(error, refusals.UnknownCriticalExtension) and oid in str(error.field)
    unmarked = forged(extensions=[AUTHORITY, NUMBER, raw(oid, b"\x30\x00")])
    if oid == "1.2.3":
        assert RevocationList.from_der(unmarked).number == 7
    else:
        assert isinstance(refused(unmarked), refusals.UnknownCriticalExtension)


def test_list_is_refused_when_an_extension_stands_twice() -> None:
    assert isinstance(refused(forged(extensions=[AUTHORITY, NUMBER, NUMBER])), refusals.DuplicateExtension)
    reason = raw(asn1.CRL_REASON, b"\x0a\x01\x01")
    assert isinstance(refused(forged(revoked=[entry(extensions=[reason, reason])])), refusals.DuplicateExtension)


@pytest.mark.parametrize(
    "extension",
    [
        raw(asn1.CRL_REASON, b"\x0a\x01\x08"),  # removeFromCRL is for deltas
        raw(asn1.CRL_REASON, b"\x0a\x01\x07"),
        raw(asn1.CRL_REASON, b"\x0a\x01\x0b"),
        raw(asn1.CRL_REASON, b"\x0a\x02\x00\x01"),
        raw(asn1.CRL_REASON, b"\x02\x01\x01"),
        raw(asn1.CRL_REASON, b"\x0a\x00"),
        raw(asn1.INVALIDITY_DATE, b"\x17\x0d261124000000Z"),
        raw(asn1.INVALIDITY_DATE, b"\x18\x1120261124000000.5Z"),
        raw(asn1.INVALIDITY_DATE, b"\x18\x0f20261324000000Z"),
    ],
)
def test_list_is_refused_when_an_entry_is_malformed(extension: asn1.Extension) -> None:
    error = refused(forged(revoked=[entry(extensions=[extension])]))
    assert isinstance(error, refusals.CertificateMalformed) and "revokedCertificates.0" in str(error.field)


def test_list_is_refused_when_an_entry_is_indirect() -> None:
    error = refused(forged(revoked=[entry(extensions=[raw("2.5.29.29", b"\x30\x00", critical=True)])]))
    assert isinstance(error, refusals.UnknownCriticalExtension)


def test_list_is_refused_when_serials_are_bad() -> None:
    for revoked in ([], [entry(), entry()], [entry(0)], [entry(-5)], [entry(1 << 160)]):
        assert isinstance(refused(forged(revoked=revoked)), refusals.CertificateMalformed)


def test_list_is_refused_when_it_has_too_many_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation, "MAX_ENTRIES", 3)
    assert len(RevocationList.from_der(forged(revoked=[entry(at) for at in (1, 2, 3)])).entries) == 3
    assert isinstance(refused(forged(revoked=[entry(at) for at in (1, 2, 3, 4)])), refusals.CertificateTooLarge)


def test_list_is_refused_when_its_times_are_bad() -> None:
    assert isinstance(refused(forged(next_update=asn1.time_of(NOW - 2 * DAY))), refusals.CertificateMalformed)


def test_list_is_refused_when_its_number_is_bad() -> None:
    for number in (-1, 1 << 160):
        forgery = forged(extensions=[AUTHORITY, ext.write(asn1.CRL_NUMBER, number)])
        assert isinstance(refused(forgery), refusals.CertificateMalformed)


def test_list_is_refused_when_its_encoding_is_not_der() -> None:
    for der in (SUB_CRL.der + b"\0", SUB_CRL.der[:-1], b"\x30\x83\x00" + SUB_CRL.der[2:], b""):
        assert isinstance(refused(der), refusals.CertificateMalformed)
    assert isinstance(refused(SUB_CRL.der + bytes(MAX_CRL_BYTES)), refusals.CertificateTooLarge)
