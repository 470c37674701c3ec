"""Reading one certificate: what is accepted, and each thing that is refused with its own code."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from certificate_world import (
    ECDSA_SHA256,
    MEMBER,
    MEMBER_KEY,
    MEMBER_NAME,
    NOW,
    P256_SPKI,
    ROOT,
    SM2_SHA256,
    SUB,
    SUB_KEY,
    USCC,
    forge,
    member_extensions,
    name_of,
    raw,
)
from cryptography import x509
from cryptography.hazmat.asn1 import BitString, GeneralizedTime, UTCTime

from ledger import errors
from ledger.crypto.certificates import extensions as ext
from ledger.crypto.certificates import refusals, revocation
from ledger.crypto.certificates import structures as asn1
from ledger.crypto.certificates.certificate import MAX_CERTIFICATE_BYTES, Certificate
from ledger.crypto.certificates.names import uscc_of
from ledger.crypto.certificates.path import check_chain
from ledger.crypto.sm2 import raw_to_der
from ledger.errors import CertificateRejected


def refused(der: bytes) -> CertificateRejected:
    with pytest.raises(CertificateRejected) as caught:
        Certificate.from_der(der)
    return caught.value


def test_codes_are_stable_and_unique() -> None:
    leaves = CertificateRejected.__subclasses__()
    codes = [leaf.code for leaf in leaves]
    assert len(set(codes)) == len(codes) == 27
    assert not set(codes) & {
        cls.code for cls in vars(errors).values() if isinstance(cls, type) and hasattr(cls, "code")
    }
    assert {leaf.__module__ for leaf in leaves} == {refusals.__name__}
    assert all(leaf.title and leaf.title_zh != errors.CertificateRejected.title_zh and leaf.__doc__ for leaf in leaves)


def test_certificate_reads_as_another_library_reads_it() -> None:
    other = x509.load_der_x509_certificate(MEMBER.der)
    assert other.serial_number == MEMBER.serial == 3001
    assert other.tbs_certificate_bytes == MEMBER.tbs
    assert other.subject.public_bytes() == MEMBER.subject.der
    assert other.issuer.public_bytes() == MEMBER.issuer.der == SUB.subject.der
    assert int(other.not_valid_before_utc.timestamp()) == MEMBER.not_before
    assert int(other.not_valid_after_utc.timestamp()) == MEMBER.not_after
    assert other.signature_algorithm_oid.dotted_string == "1.2.156.10197.1.501"
    usage = other.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical and usage.value.digital_signature and usage.value.content_commitment
    assert not (usage.value.key_cert_sign or usage.value.key_agreement or usage.value.crl_sign)
    assert other.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert other.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == SUB.key_id
    authority = x509.load_der_x509_certificate(SUB.der).extensions
    constraints = authority.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0) == (SUB.extensions.ca, SUB.extensions.path_len)


def test_certificate_says_who_it_is_for() -> None:
    assert MEMBER.key == MEMBER_KEY.public
    assert uscc_of(MEMBER.subject, MEMBER.extensions.codes) == USCC
    assert dict(MEMBER.extensions.codes) == {asn1.ORGANIZATION_CODE: USCC}
    assert MEMBER.subject.zone == 1 and ROOT.subject.zone is None
    assert MEMBER.check_signature(SUB_KEY.public).key == SUB.key
    assert Certificate.from_pem(MEMBER.pem) == MEMBER == Certificate.from_der(MEMBER.der)


def test_national_and_gmssl_certificates_read_and_verify(vectors: Any) -> None:
    held = {row["name"]: (Certificate.from_pem(row["pem"]), row) for row in vectors("certificates.json")["vectors"]}
    for certificate, row in held.values():
        assert bool(certificate.extensions.ca) is row["authority"]
        if row["issuer"]:
            issuer = held[row["issuer"]][0]
            certificate.check_signature(issuer.key)
            assert certificate.issuer == issuer.subject
            assert certificate.extensions.authority is not None
            assert certificate.extensions.authority.key_id == issuer.key_id, "the identifier is not GmSSL's"
    check_chain(held["taier-ca"][0], [held["nrcac-root"][0]], at=NOW)
    check_chain(held["tjca"][0], [held["civil-servant-root"][0]], at=NOW)
    with pytest.raises(refusals.BrokenChain):
        check_chain(held["tjca"][0], [held["nrcac-root"][0]], at=NOW)


# ---- algorithms


@pytest.mark.parametrize(
    ("algorithm", "said"),
    [
        (SM2_SHA256, "SM2 with SHA-256"),
        (ECDSA_SHA256, "ECDSA with SHA-256"),
        (bytes.fromhex("300d06092a864886f70d01010b0500"), "RSA with SHA-256"),
        (bytes.fromhex("300d06082a811ccf55018375020101"), "SM2 with SM3 with parameters"),
        (bytes.fromhex("300506032b6570"), "Ed25519"),
        (bytes.fromhex("3000"), "unnamed"),
    ],
)
def test_certificate_is_refused_when_not_signed_with_sm3(algorithm: bytes, said: str) -> None:
    error = refused(forge(algorithm=algorithm))
    assert isinstance(error, refusals.WrongAlgorithm) and said in error.message and error.field == "signatureAlgorithm"


def test_certificate_is_refused_when_the_algorithm_differs_inside() -> None:
    for inside, outside in [
        (SM2_SHA256, asn1.SM2_WITH_SM3),
        (asn1.SM2_WITH_SM3_NULL, asn1.SM2_WITH_SM3),
        (asn1.SM2_WITH_SM3, asn1.SM2_WITH_SM3_NULL),
    ]:
        assert isinstance(refused(forge(algorithm=inside, outside=outside)), refusals.AlgorithmMismatch)
    assert isinstance(refused(forge(algorithm=asn1.SM2_WITH_SM3, outside=SM2_SHA256)), refusals.WrongAlgorithm)


def test_certificate_is_read_when_the_algorithm_has_null_parameters() -> None:
    held = Certificate.from_der(forge(algorithm=asn1.SM2_WITH_SM3_NULL))
    held.check_signature(SUB_KEY.public)


# ---- keys

POINT = MEMBER_KEY.public.point


def spki(algorithm: str, point: bytes = POINT) -> bytes:
    return asn1.encoded(
        asn1.SubjectPublicKeyInfo(algorithm=asn1.tlv(bytes.fromhex(algorithm)), key=BitString(point, 0))
    )


SM2_ALGORITHM = asn1.SM2_KEY.hex()
# id-ecPublicKey, SpecifiedECDomain with SM2's own numbers: still not the name
EXPLICIT = (
    "3081ec06072a8648ce3d02013081e0020101302c06072a8648ce3d0101022100fffffffeffffffffffffffffffffffffffffffff00000000ff"
    "ffffffffffffff30440420fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc042028e9fa9e9d9f5e344d5a9e"
    "4bcf6509a7f39789f515ab8f92ddbcbd414d940e9304410432c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
    "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0022100fffffffeffffffffffffffffffffffff7203df6b21"
    "c6052b53bbf40939d54123020101"
)


@pytest.mark.parametrize(
    ("key_info", "said"),
    [
        (P256_SPKI, "P-256"),
        (spki("301006072a8648ce3d020106052b81040022"), "P-384"),
        (spki("301006072a8648ce3d020106052b8104000a"), "secp256k1"),
        (spki(EXPLICIT), "explicit parameters"),
        (spki("300b06072a8648ce3d02010500"), "no name"),
        (spki("300906072a8648ce3d0201"), "no name"),
        (spki("300d06092a864886f70d0101010500"), "not an elliptic-curve key"),
        (spki("301406082a811ccf5501822d06082a811ccf5501822d"), "not an elliptic-curve key"),
    ],
)
def test_certificate_is_refused_when_its_key_is_on_another_curve(key_info: bytes, said: str) -> None:
    error = refused(forge(spki=key_info))
    assert isinstance(error, refusals.WrongCurve) and said in error.message


@pytest.mark.parametrize(
    "point",
    [
        POINT[:-1] + bytes((POINT[-1] ^ 1,)),  # off the curve
        b"\x02" + POINT[1:33],  # compressed
        b"\x06" + POINT[1:],  # hybrid
        POINT[1:],  # without its 04
        b"\x00",  # infinity
        b"",
        POINT + b"\x00",
        b"\x04" + bytes(64),
        b"\x04" + b"\xff" * 64,
    ],
)
def test_certificate_is_refused_when_its_point_is_bad(point: bytes) -> None:
    assert isinstance(refused(forge(spki=spki(SM2_ALGORITHM, point))), refusals.PointNotOnCurve)


def test_certificate_is_refused_when_its_bit_strings_are_not_whole_bytes() -> None:
    even = POINT[:-1] + bytes((POINT[-1] & 0xFE,))
    info = asn1.SubjectPublicKeyInfo(algorithm=asn1.tlv(asn1.SM2_KEY), key=BitString(even, 1))
    assert isinstance(refused(forge(spki=asn1.encoded(info))), refusals.PointNotOnCurve)
    body = asn1.Signed(
        body=asn1.tlv(MEMBER.tbs),
        algorithm=asn1.tlv(asn1.SM2_WITH_SM3),
        signature=BitString(raw_to_der(MEMBER.signature) + b"\x80", 7),
    )
    error = refused(asn1.encoded(body))
    assert isinstance(error, refusals.CertificateMalformed) and error.field == "signatureValue"


def test_certificate_takes_its_key_by_position_when_another_stands_in_it() -> None:
    another = raw("1.2.3.4", SUB_KEY.public.spki_der)
    held = Certificate.from_der(forge(extensions=[another, *member_extensions()], issuer_unique_id=None))
    assert held.key == MEMBER_KEY.public and SUB_KEY.public.spki_der in held.der
    bits = forge(subject=name_of(("2.5.4.45", asn1.encoded(BitString(SUB_KEY.public.spki_der, 0)))))
    assert isinstance(refused(bits), refusals.CertificateMalformed)


# ---- fields


@pytest.mark.parametrize("serial", [0, -1, 1 << 159, 1 << 400])
def test_certificate_is_refused_when_its_serial_is_out_of_range(serial: int) -> None:
    error = refused(forge(serial=serial))
    assert isinstance(error, refusals.CertificateMalformed) and error.field == "serialNumber"


def test_certificate_is_read_when_its_serial_is_the_largest() -> None:
    assert Certificate.from_der(forge(serial=(1 << 159) - 1)).serial == (1 << 159) - 1


@pytest.mark.parametrize("version", [0, 1, 3])
def test_certificate_is_refused_when_not_version_3(version: int) -> None:
    error = refused(forge(version=version))
    assert isinstance(error, refusals.OutsideProfile) and error.field == "version"


@pytest.mark.parametrize("field", ["issuer_unique_id", "subject_unique_id"])
def test_certificate_is_refused_when_it_has_a_unique_identifier(field: str) -> None:
    assert isinstance(refused(forge(**{field: BitString(b"\x01", 0)})), refusals.OutsideProfile)


def test_certificate_is_refused_when_it_ends_before_it_begins() -> None:
    error = refused(forge(period=(NOW, NOW - 1)))
    assert isinstance(error, refusals.CertificateMalformed) and error.field == "validity"
    assert Certificate.from_der(forge(period=(NOW, NOW))).not_after == NOW


def test_certificate_times_have_one_form_for_each_year() -> None:
    far = 2_600_000_000  # 2052
    held = Certificate.from_der(forge(period=(NOW, far)))
    assert held.not_after == far and b"\x18\x0f2052" in held.der and b"\x17\x0d261124" in held.der
    early = GeneralizedTime(asn1.time_of(NOW).as_datetime())
    for not_before, not_after in [(early, asn1.time_of(far)), (asn1.time_of(NOW - 1), early)]:
        validity = asn1.Validity(not_before=not_before, not_after=not_after)
        assert isinstance(refused(forge(validity=validity)), refusals.CertificateMalformed)
    assert isinstance(asn1.time_of(NOW), UTCTime)
    fraction = GeneralizedTime(asn1.time_of(far).as_datetime().replace(microsecond=500_000))
    validity = asn1.Validity(not_before=asn1.time_of(NOW), not_after=fraction)
    assert isinstance(refused(forge(validity=validity)), refusals.CertificateMalformed)
    for year in (b"0000", b"0001", b"2049"):
        changed = forge(period=(NOW, far)).replace(b"\x18\x0f2052", b"\x18\x0f" + year)
        assert isinstance(refused(changed), refusals.CertificateMalformed)


# ---- extensions

UNKNOWN = "1.2.3.4.5"


@pytest.mark.parametrize(
    "oid",
    [
        UNKNOWN,
        "2.5.29.32",  # certificatePolicies
        "2.5.29.36",  # policyConstraints
        "2.5.29.17",  # subjectAltName
        "2.5.29.31",  # cRLDistributionPoints
        "2.5.29.28",  # issuingDistributionPoint, of lists
    ],
)
def test_certificate_is_refused_when_a_critical_extension_is_unknown(oid: str) -> None:
    error = refused(forge(extensions=member_extensions(new=raw(oid, b"\x05\x00", critical=True))))
    assert isinstance(error, refusals.UnknownCriticalExtension) and error.field == f"extensions.{oid}"
    held = Certificate.from_der(forge(extensions=member_extensions(new=raw(oid, b"\x05\x00"))))
    assert held.extensions.others == (oid,)


def test_certificate_is_refused_when_names_are_constrained() -> None:
    for critical in (True, False):
        forged = forge(extensions=member_extensions(new=raw(asn1.NAME_CONSTRAINTS, b"\x30\x00", critical=critical)))
        assert isinstance(refused(forged), refusals.OutsideProfile)


def test_certificate_is_refused_when_an_extension_stands_twice() -> None:
    usage = ext.write_usages(frozenset((ext.DIGITAL_SIGNATURE,)))
    for again in (usage, raw(UNKNOWN, b"\x05\x00")):
        forged = forge(extensions=member_extensions(new=raw(UNKNOWN, b"\x05\x00"), again=again))
        error = refused(forged)
        assert isinstance(error, refusals.DuplicateExtension) and again.oid.dotted_string in str(error.field)


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        (asn1.BASIC_CONSTRAINTS, "3003010100"),  # DEFAULT FALSE written out
        (asn1.BASIC_CONSTRAINTS, "3003020100"),  # pathLen without cA
        (asn1.BASIC_CONSTRAINTS, "30060101ff0201ff"),  # negative
        (asn1.BASIC_CONSTRAINTS, "30060101ff020111"),  # over the bound
        (asn1.BASIC_CONSTRAINTS, "3003010101"),  # TRUE is ff in DER
        (asn1.BASIC_CONSTRAINTS, "30000500"),  # bytes behind it
        (asn1.KEY_USAGE, "03020700"),  # no bit
        (asn1.KEY_USAGE, "03020680"),  # trailing zero bit
        (asn1.KEY_USAGE, "030100"),  # empty
        (asn1.KEY_USAGE, "0303000001"),  # a bit beyond the ninth
        (asn1.KEY_USAGE, "030207ff"),  # padding bits not zero
        (asn1.SUBJECT_KEY_IDENTIFIER, "0400"),
        (asn1.SUBJECT_KEY_IDENTIFIER, "0441" + "00" * 65),
        (asn1.SUBJECT_KEY_IDENTIFIER, "040181" + "00"),
        (asn1.AUTHORITY_KEY_IDENTIFIER, "3000"),
        (asn1.AUTHORITY_KEY_IDENTIFIER, "3003820101"),  # a serial without an issuer
        (asn1.AUTHORITY_KEY_IDENTIFIER, "30028000"),
        (asn1.AUTHORITY_KEY_IDENTIFIER, "3007a102a400820101" + "00"),  # bytes behind it
        (asn1.AUTHORITY_KEY_IDENTIFIER, "3008a1038101618201" + "01"),  # an address for a directory name
        (asn1.AUTHORITY_KEY_IDENTIFIER, "3009a104a400a400820101"),  # two names
        (asn1.AUTHORITY_KEY_IDENTIFIER, "3005a1008201" + "01"),  # none
        (asn1.EXTENDED_KEY_USAGE, "3000"),
        (asn1.EXTENDED_KEY_USAGE, "3003020101"),
        (asn1.ORGANIZATION_CODE, "1400"),
        (asn1.ORGANIZATION_CODE, "13023132" + "00"),
        (asn1.ORGANIZATION_CODE, "0c0100"),  # NUL
    ],
)
def test_certificate_is_refused_when_an_extension_is_malformed(oid: str, value: str) -> None:
    kept = {asn1.BASIC_CONSTRAINTS: "constraints", asn1.KEY_USAGE: "usage", asn1.SUBJECT_KEY_IDENTIFIER: "subject"}
    name = kept.get(oid, "authority" if oid == asn1.AUTHORITY_KEY_IDENTIFIER else "new")
    error = refused(forge(extensions=member_extensions(**{name: raw(oid, bytes.fromhex(value))})))
    assert isinstance(error, refusals.CertificateMalformed) and error.field == f"extensions.{oid}"


def test_certificate_usages_read_when_the_ninth_bit_is_set() -> None:
    usage = raw(asn1.KEY_USAGE, bytes.fromhex("0303078080"))
    held = Certificate.from_der(forge(extensions=member_extensions(usage=usage)))
    assert held.extensions.usages == {"digitalSignature", "decipherOnly"}
    written = ext.write_usages(frozenset(("digitalSignature", "decipherOnly")))
    assert written.value == usage.value


def test_certificate_is_refused_when_it_has_too_much() -> None:
    many = [raw(f"1.2.3.{at}", b"\x05\x00") for at in range(ext.MAX_EXTENSIONS + 1)]
    assert isinstance(refused(forge(extensions=many)), refusals.CertificateTooLarge)
    assert isinstance(refused(forge(extensions=[])), refusals.CertificateMalformed)
    large = forge(extensions=member_extensions(new=raw(UNKNOWN, b"\x04\x82\x40\x00" + bytes(0x4000))))
    assert len(large) > MAX_CERTIFICATE_BYTES and isinstance(refused(large), refusals.CertificateTooLarge)
    names = [("2.5.4.11", asn1.encoded(f"unit {at}")) for at in range(17)]
    assert isinstance(refused(forge(subject=name_of(*names))), refusals.CertificateTooLarge)


def test_verifier_starts_without_certificates() -> None:
    code = "import sys, ledger.proof.cli; print([m for m in sys.modules if 'certificates' in m or 'hazmat.asn1' in m])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    assert revocation.REASON_CODES["keyCompromise"] == 1


def test_subject_names_the_holder_when_shown() -> None:
    assert str(MEMBER_NAME).startswith("C=CN, O=梅州柚子合作社, organizationIdentifier=NTRCN-")
