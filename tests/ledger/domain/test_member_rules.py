"""Social credit codes, roles, zones, profiles and content-derived ids."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.crypto.sm3 import hmac_sm3, sm3
from ledger.domain import ids
from ledger.domain.members import ROLE_NAMES, ZONES, Role, check_uscc, member_id, parse_profile, uscc_check_character
from ledger.errors import Malformed

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
# Codes printed on public company reports (Tencent, Alibaba): an implementation of our own could not have made them.
PUBLISHED = ("91440300708461136T", "91330100799655058B")
STEM = st.builds(
    lambda a, b, c: a + b + c,
    st.text(alphabet=ALPHABET, min_size=2, max_size=2),
    st.text(alphabet="0123456789", min_size=6, max_size=6),
    st.text(alphabet=ALPHABET, min_size=9, max_size=9),
)


@pytest.mark.parametrize("code", PUBLISHED)
def test_uscc_is_accepted_when_it_was_published(code):
    assert check_uscc(code) == code


@given(STEM, st.integers(0, 16), st.sampled_from(ALPHABET))
def test_uscc_check_character_catches_every_single_substitution(stem, position, replacement):
    code = stem + uscc_check_character(stem)
    assert check_uscc(code) == code
    altered = code[:position] + replacement + code[position + 1 :]
    if altered != code:
        with pytest.raises(Malformed):
            check_uscc(altered)


@pytest.mark.parametrize(
    "code",
    ["", "91440300708461136", "91440300708461136TT", "91440300708461136U", "91440300708461136t",
     "9144030070846113 T",
     "I1440300708461136T", "91AA0300708461136T", "９１440300708461136T", None, 914403007084611361,
     "91440300708461136\n"],
)  # fmt: skip
def test_uscc_is_refused_when_form_or_check_character_is_wrong(code):
    with pytest.raises(Malformed) as caught:
        check_uscc(code)
    assert caught.value.field == "/uscc"


def test_ids_have_the_documented_preimages():
    code = PUBLISHED[0].encode()
    assert member_id(PUBLISHED[0]) == sm3(b"originseal/member/v1" + (18).to_bytes(4, "big") + code)
    lot = b"originseal/lot/v1" + (14).to_bytes(4, "big") + b"09506000134352" + (4).to_bytes(4, "big") + b"A/-1"
    assert ids.lot_id("09506000134352", "A/-1") == sm3(lot)
    tag = (3).to_bytes(4, "big") + b"abc" + (2).to_bytes(4, "big") + b"o1"
    assert ids.trade_id(b"k" * 32, "abc", "o1") == hmac_sm3(b"k" * 32, tag)


@given(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), st.text(max_size=5))
def test_ids_differ_when_their_parts_differ_only_in_where_they_are_cut(a, b, c, d):
    assert (ids.lot_id(a, b) == ids.lot_id(c, d)) == ((a, b) == (c, d))


def test_member_id_is_refused_when_the_code_is_wrong():
    with pytest.raises(Malformed):
        member_id("91440300708461136U")


def test_roles_are_the_contracts_bits_and_all_have_names():
    assert [int(r) for r in Role] == [1 << i for i in range(20)]
    assert set(ROLE_NAMES) == set(Role)
    assert Role.names(int(Role.PRODUCER | Role.MATCHER)) == ("PRODUCER", "MATCHER")
    assert Role.parse(["PRODUCER", "AUDITOR"]) == Role.PRODUCER | Role.AUDITOR
    for names in (["producer"], ["PRODUCER", "KING"], ["__class__"], [""]):
        with pytest.raises(Malformed):
            Role.parse(names)


def test_zones_are_the_seven_with_places_inside_guangdong():
    assert {z.code: z.zh for z in ZONES.values()} == {
        1: "梅州", 2: "惠州", 3: "中山", 4: "江门", 5: "湛江", 6: "茂名", 7: "肇庆"
    }  # fmt: skip
    for zone in ZONES.values():
        assert 109.5 < zone.longitude < 117.5 and 20 < zone.latitude < 25.6
        assert len(zone.customs_prefix) == 2 and zone.customs_prefix.isdigit()
        assert zone.zh and zone.en and zone.district_zh and zone.district_en


PROFILE = {
    "uscc": PUBLISHED[0],
    "name": {"zh": "某公司", "en": "Some Co."},
    "zone": 6,
    "roles": ["PRODUCER"],
    "gln": "9506000134307",
    "website": "https://example.org",
    "key": {"publicKey": "04" + "ab" * 64, "custodial": False},
}


def test_profile_is_read_when_it_is_complete():
    profile = parse_profile(PROFILE)
    assert (profile.name_zh, profile.zone, profile.roles, profile.gln) == ("某公司", 6, Role.PRODUCER, "9506000134307")
    assert profile.member_id == member_id(PUBLISHED[0])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"uscc": "x"}, "/uscc"),
        ({"name": {"zh": "a"}}, "/name/en"),
        ({"name": {"zh": "a", "en": " "}}, "/name/en"),
        ({"name": "a"}, "/name"),
        ({"zone": 8}, "/zone"),
        ({"zone": True}, "/zone"),
        ({"roles": ["KING"]}, "/roles/0"),
        ({"roles": "PRODUCER"}, "/roles"),
        ({"gln": "9506000134308"}, "/gln"),
        ({"website": "javascript:alert(1)"}, "/website"),
        ({"key": {"publicKey": "05" + "ab" * 64, "custodial": False}}, "/key/publicKey"),
        ({"key": {"publicKey": "04" + "ab" * 64, "custodial": "no"}}, "/key/custodial"),
        ({"customsCode": "44099"}, "/customsCode"),
        ({"phone": "1"}, "/phone"),
    ],
)
def test_profile_refusal_names_the_field_when_it_is_wrong(change, field):
    with pytest.raises(Malformed) as caught:
        parse_profile(PROFILE | change)
    assert caught.value.field == field


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
    )
)
def test_profile_parser_raises_only_malformed_when_fed_garbage(value):
    for candidate in (value, PROFILE | {"name": value}, PROFILE | {"roles": value}, PROFILE | {"key": value}):
        with contextlib.suppress(Malformed):
            parse_profile(candidate)
