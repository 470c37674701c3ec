"""Names: what a person reads is what was signed; the code and the zone of the holder."""

from __future__ import annotations

from typing import Any

import pytest
from certificate_world import MEMBER_NAME, OTHER_USCC, USCC, name_of
from cryptography import x509
from cryptography.hazmat.asn1 import IA5String, PrintableString, SetOf
from cryptography.x509 import ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from ledger.crypto.certificates import structures as asn1
from ledger.crypto.certificates.names import MAX_ATTRIBUTES, Name, uscc_of
from ledger.crypto.certificates.refusals import CertificateMalformed, CertificateTooLarge, SubjectRejected
from ledger.errors import CertificateRejected

CN, ORGANIZATION, COUNTRY, UNIT, CODE, EMAIL = (
    "2.5.4.3",
    "2.5.4.10",
    "2.5.4.6",
    "2.5.4.11",
    "2.5.4.97",
    "1.2.840.113549.1.9.1",
)


def utf8(text: str) -> bytes:
    return asn1.encoded(text)


def read(*parts: tuple[str, bytes]) -> Name:
    return Name.read(name_of(*parts), "subject")


def test_name_is_encoded_as_another_library_reads_it() -> None:
    made = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "梅州柚子合作社"),
            x509.NameAttribute(x509.NameOID.ORGANIZATION_IDENTIFIER, f"NTRCN-{USCC}"),
            x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "zone-1"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, "梅州柚子合作社"),
        ]
    )
    assert made.public_bytes() == MEMBER_NAME.der
    assert Name.read(MEMBER_NAME.relative_names, "subject") == MEMBER_NAME


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (utf8("柚子\0合作社"), "control"),
        (utf8("柚子\n合作社"), "control"),
        (utf8("柚子\u202e社作合"), "invisible"),  # right-to-left override
        (utf8("柚\u200b子"), "invisible"),  # zero-width space
        (utf8("柚\ufeff子"), "invisible"),
        (utf8("柚\ue000子"), "invisible"),  # private use
        (utf8("柚\u2028子"), "invisible"),
        (utf8(" 柚子"), "normalised"),
        (utf8("柚子 "), "normalised"),
        (utf8("e\u0301"), "normalised"),
        (utf8("\u3000柚子"), "normalised"),
        (utf8(""), "empty"),
        (b"\x14\x03abc", "TeletexString"),
        (b"\x1e\x02\x67\x5a", "BMPString"),
        (b"\x1c\x04\x00\x00\x67\x5a", "UniversalString"),
        (b"\x12\x03123", "NumericString"),
        (b"\x16\x03abc", "tag 16"),  # IA5String is for addresses
        (b"\x04\x03abc", "tag 04"),
        (b"\x0c\x02\xc0\x80", "DER"),  # overlong UTF-8
        (b"\x0c\x03\xed\xa0\x80", "DER"),  # a lone surrogate
        (b"\x0c\x01\xff", "DER"),
        (b"\x13\x03a@b", "DER"),  # not in PrintableString
        (b"\x13\x03a\0b", "DER"),
    ],
)
def test_name_is_refused_when_its_text_cannot_be_read_in_full(value: bytes, said: str) -> None:
    for oid in (CN, UNIT, "1.2.3.4"):
        with pytest.raises(CertificateMalformed) as caught:
            read((oid, value))
        assert said in caught.value.message and str(caught.value.field).startswith("subject.")


@pytest.mark.parametrize(("oid", "bound"), [(CN, 64), (ORGANIZATION, 64), (UNIT, 64), ("1.2.3.4", 128)])
def test_name_is_refused_when_too_long(oid: str, bound: int) -> None:
    assert read((oid, utf8("柚" * bound))).parts[0].text == "柚" * bound
    for length in (bound + 1, 5000):
        with pytest.raises(CertificateTooLarge):
            read((oid, utf8("柚" * length)))


def test_name_is_refused_when_it_has_too_many_or_no_parts() -> None:
    with pytest.raises(CertificateTooLarge):
        read(*[(UNIT, utf8("u"))] * (MAX_ATTRIBUTES + 1))
    assert len(read(*[(UNIT, utf8("u"))] * MAX_ATTRIBUTES).parts) == MAX_ATTRIBUTES
    with pytest.raises(CertificateMalformed):
        read()


def test_name_is_refused_when_a_relative_name_has_not_one_attribute() -> None:
    two = [asn1.AttributeTypeAndValue(type=ObjectIdentifier(oid), value=asn1.tlv(utf8("x"))) for oid in (CN, UNIT)]
    for attributes in (two, []):
        with pytest.raises(CertificateMalformed):
            Name.read([SetOf(attributes)], "subject")


@pytest.mark.parametrize("oid", [CN, ORGANIZATION, CODE, "2.5.4.5"])
def test_name_is_refused_when_a_single_part_stands_twice(oid: str) -> None:
    with pytest.raises(CertificateMalformed):
        read((oid, utf8("a")), (UNIT, utf8("b")), (oid, utf8("a")))


@pytest.mark.parametrize("value", [utf8("CHN"), utf8("C"), utf8("中国"), utf8("C1"), b"\x13\x01C"])
def test_name_is_refused_when_its_country_is_not_two_letters(value: bytes) -> None:
    with pytest.raises(CertificateRejected):
        read((COUNTRY, value))


@pytest.mark.parametrize("value", [b"\x13\x02CN", b"\x0c\x02CN", b"\x13\x02cn"])
def test_name_is_read_when_its_country_is_written_as_authorities_do(value: bytes) -> None:
    assert read((COUNTRY, value)).first("C").upper() == "CN"


def test_name_takes_ia5_only_for_addresses() -> None:
    address = asn1.encoded(IA5String("ca@example.cn"))
    assert read((EMAIL, address)).first("emailAddress") == "ca@example.cn"
    with pytest.raises(CertificateMalformed):
        read((CN, address))


def test_names_differ_when_their_encodings_do() -> None:
    printable = asn1.encoded(PrintableString("Yuzu"))
    assert read((CN, printable)) != read((CN, utf8("Yuzu")))
    assert read((CN, utf8("Yuzu"))) != read((CN, utf8("yuzu")))
    assert read((CN, utf8("a")), (UNIT, utf8("b"))) != read((UNIT, utf8("b")), (CN, utf8("a")))
    assert read((CN, utf8("Yuzu"))) == read((CN, utf8("Yuzu")))


def test_name_escapes_what_would_look_like_another_part() -> None:
    assert str(read((CN, utf8("x, O=Customs")))) == "CN=x\\, O\\=Customs"


# ---- code and zone


@pytest.mark.parametrize("text", [f"NTRCN-{USCC}", USCC])
def test_code_is_read_when_written_either_way(text: str) -> None:
    assert uscc_of(read((CODE, utf8(text)))) == USCC


@pytest.mark.parametrize(
    "text",
    [f"VATCN-{USCC}", USCC.lower(), USCC[:-1], USCC + "0", "9144140IMA4UXY123U", "91ABCDEFMA4UXY123U", "-" + USCC],
)
def test_subject_is_refused_when_its_identifier_is_no_code(text: str) -> None:
    with pytest.raises(SubjectRejected) as caught:
        uscc_of(read((CODE, utf8(text))))
    assert caught.value.field == "subject.organizationIdentifier"


@pytest.mark.parametrize("oid", [asn1.IC_REGISTRATION_NUMBER, asn1.ORGANIZATION_CODE, asn1.TAXATION_NUMBER])
def test_code_is_read_when_only_an_extension_carries_it(oid: str) -> None:
    assert uscc_of(read((CN, utf8("x"))), ((oid, USCC),)) == USCC


def test_subject_is_refused_when_it_carries_no_code() -> None:
    bare = read((CN, utf8(USCC)))  # a code in the name is not a claim to it
    for codes in ((), ((asn1.IC_REGISTRATION_NUMBER, "440301103097413"),), ((asn1.ORGANIZATION_CODE, USCC[8:17]),)):
        with pytest.raises(SubjectRejected):
            uscc_of(bare, codes)


def test_subject_is_refused_when_its_codes_differ() -> None:
    for codes in (
        ((asn1.ORGANIZATION_CODE, OTHER_USCC),),
        ((asn1.ORGANIZATION_CODE, USCC), (asn1.TAXATION_NUMBER, OTHER_USCC)),
        ((asn1.ORGANIZATION_CODE, "MA5DA1234"),),  # the nine characters of another company
        ((asn1.ORGANIZATION_CODE, "MA5DA123-4"),),
    ):
        with pytest.raises(SubjectRejected):
            uscc_of(MEMBER_NAME, codes)
    assert uscc_of(MEMBER_NAME, ((asn1.ORGANIZATION_CODE, "MA4UXY123"),)) == USCC
    assert uscc_of(MEMBER_NAME, ((asn1.ORGANIZATION_CODE, "MA4UXY12-3"),)) == USCC


def test_zone_is_read_from_one_unit() -> None:
    assert read((UNIT, utf8("zone-7")), (UNIT, utf8("果园"))).zone == 7
    assert read((UNIT, utf8("zone-7")), (UNIT, utf8("zone-7"))).zone == 7
    for text in ("zone-07", "zone-", "Zone-7", "zone-100", "zone-7 a", "xzone-7"):
        assert read((UNIT, utf8(text))).zone is None
    with pytest.raises(SubjectRejected):
        _ = read((UNIT, utf8("zone-1")), (UNIT, utf8("zone-2"))).zone


@given(st.text(min_size=1, max_size=80))
def test_made_names_read_back_or_are_refused(text: str) -> None:
    try:
        made = Name.make(text)
    except CertificateRejected:
        return
    assert Name.read(made.relative_names, "subject") == made and made.first("CN") == text


@given(st.binary(max_size=60))
def test_any_value_is_read_or_refused_and_nothing_else(data: bytes) -> None:
    value: Any
    try:
        value = asn1.tlv(data)
    except ValueError:
        return
    attribute = asn1.AttributeTypeAndValue(type=ObjectIdentifier(CN), value=value)
    try:
        held = Name.read([SetOf([attribute])], "subject")
    except CertificateRejected:
        return
    assert asn1.encoded(held.relative_names[0].as_list()[0].value) == data
