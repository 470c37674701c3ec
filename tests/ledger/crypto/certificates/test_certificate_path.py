"""The check of a chain, steps 1 to 4: the evidence when it holds, and the one refusal for each step that does not."""

from __future__ import annotations

from typing import Any

import pytest
from certificate_world import (
    DAY,
    MEMBER,
    MEMBER_KEY,
    MEMBER_NAME,
    NOW,
    ROOT,
    ROOT_CRL,
    ROOT_KEY,
    ROOT_NAME,
    STRANGER_KEY,
    SUB,
    SUB_CRL,
    SUB_KEY,
    SUB_NAME,
    USCC,
    YEAR,
    YEARS,
    authority,
    check,
    crl_of,
    forged,
    key,
    member_extensions,
    under,
)
from cryptography.x509 import ObjectIdentifier

from ledger.crypto.certificates import extensions as ext
from ledger.crypto.certificates import refusals
from ledger.crypto.certificates import structures as asn1
from ledger.crypto.certificates.certificate import Certificate
from ledger.crypto.certificates.issuing import Period, issue_authority, issue_member, self_sign
from ledger.crypto.certificates.names import Name
from ledger.crypto.certificates.path import MAX_DEPTH, MAX_INTERMEDIATES, MAX_LISTS, MAX_ROOTS, ListUsed
from ledger.errors import CertificateRejected

# ---- it holds


def test_certificate_is_accepted_with_evidence_when_every_step_holds() -> None:
    held = check()
    assert held.certificate == MEMBER and held.key == MEMBER_KEY.public
    assert (held.uscc, held.zone, held.subject) == (USCC, 1, MEMBER_NAME)
    assert held.path == (MEMBER, SUB, ROOT)
    assert held.at == held.checked_at == NOW and held.revoked_later == ()
    assert held.lists == tuple(
        ListUsed(str(name), 1, NOW - DAY, NOW + DAY, crl.fingerprint)
        for name, crl in ((SUB_NAME, SUB_CRL), (ROOT_NAME, ROOT_CRL))
    )


def test_certificate_is_accepted_directly_under_a_root() -> None:
    held = issue_member(ROOT, ROOT_KEY, MEMBER_NAME, MEMBER_KEY.public, YEAR)
    assert check(held, intermediates=[], lists=[ROOT_CRL]).path == (held, ROOT)


def test_certificate_is_accepted_at_its_first_and_last_second() -> None:
    for at in (MEMBER.not_before, MEMBER.not_after):
        lists = [
            crl_of(issuer, signer, this_update=at, next_update=at)
            for issuer, signer in ((ROOT, ROOT_KEY), (SUB, SUB_KEY))
        ]
        assert check(at=at, lists=lists).at == at


def test_authority_is_accepted_when_asked_for_one() -> None:
    held = check(SUB, of_authority=True, lists=[ROOT_CRL])
    assert held.path == (SUB, ROOT) and held.uscc == "" and held.zone == 1
    assert check(ROOT, of_authority=True, intermediates=[], lists=[]).path == (ROOT,)
    with pytest.raises(refusals.NotAnAuthority):
        check(of_authority=True)


# ---- (1) what is presented


def test_certificates_are_refused_when_too_many() -> None:
    for given in (
        {"intermediates": [SUB] * (MAX_INTERMEDIATES + 1)},
        {"roots": [ROOT] * (MAX_ROOTS + 1)},
        {"lists": [SUB_CRL] * (MAX_LISTS + 1)},
    ):
        with pytest.raises(refusals.CertificateTooLarge):
            check(**given)


def test_certificates_are_refused_when_a_serial_is_used_twice() -> None:
    twin = issue_member(SUB, SUB_KEY, MEMBER_NAME, STRANGER_KEY.public, YEAR, serial=MEMBER.serial)
    other_sub = issue_authority(ROOT, ROOT_KEY, SUB_NAME, STRANGER_KEY.public, YEARS, serial=SUB.serial)
    with pytest.raises(refusals.SerialReused):
        check(intermediates=[SUB, twin])
    with pytest.raises(refusals.SerialReused):
        check(intermediates=[SUB, other_sub])
    assert check(intermediates=[SUB, SUB, MEMBER]).path == (MEMBER, SUB, ROOT)


# ---- (2) use


@pytest.mark.parametrize(
    "usages",
    [
        {"keyEncipherment", "dataEncipherment", "keyAgreement"},  # an encryption certificate
        {"digitalSignature", "keyEncipherment"},  # one for both
        {"digitalSignature", "keyAgreement"},
        {"nonRepudiation"},
        {"digitalSignature", "keyCertSign"},
        {"cRLSign"},
    ],
)
def test_certificate_is_refused_when_its_key_is_for_something_else(usages: set[str]) -> None:
    with pytest.raises(refusals.WrongKeyUsage):
        check(forged(extensions=member_extensions(usage=ext.write_usages(frozenset(usages)))))


def test_certificate_is_refused_when_it_says_no_usage() -> None:
    with pytest.raises(refusals.OutsideProfile) as caught:
        check(forged(extensions=member_extensions(usage=None)))
    assert caught.value.field == "keyUsage"
    with pytest.raises(refusals.OutsideProfile):
        check(forged(extensions=None))


def test_certificate_is_refused_when_it_is_an_authoritys() -> None:
    for certificate in (SUB, ROOT):
        with pytest.raises(refusals.WrongKeyUsage):
            check(certificate)


def purposes(*oids: str) -> asn1.Extension:
    boxed = asn1.encoded(asn1.PurposesBox(purposes=[ObjectIdentifier(oid) for oid in oids]))
    return ext.write(asn1.EXTENDED_KEY_USAGE, asn1.decode(asn1.AnyBox, boxed, "x").value)


def test_certificate_is_refused_when_its_purposes_leave_out_signing() -> None:
    for oids in (("1.3.6.1.5.5.7.3.1",), ("1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.3")):
        with pytest.raises(refusals.WrongKeyUsage):
            check(forged(extensions=member_extensions(purposes=purposes(*oids))))
    for oids in (("1.3.6.1.5.5.7.3.2",), ("1.3.6.1.5.5.7.3.1", "2.5.29.37.0")):
        assert check(forged(extensions=member_extensions(purposes=purposes(*oids)))).uscc == USCC


def test_gmssl_encryption_certificate_is_refused_and_its_signing_twin_is_not(vectors: Any) -> None:
    held = {row["name"]: Certificate.from_pem(row["pem"]) for row in vectors("certificates.json")["vectors"]}
    with pytest.raises(refusals.WrongKeyUsage):
        check(held["gmssl-encrypt"], intermediates=[held["gmssl-sub-ca"]])
    with pytest.raises(refusals.BrokenChain):
        check(held["gmssl-sign"], intermediates=[held["gmssl-sub-ca"]])


# ---- (3) issuers and signatures


def test_certificate_is_refused_when_its_issuer_is_not_at_hand() -> None:
    for intermediates in ([], [ROOT], [MEMBER]):
        with pytest.raises(refusals.BrokenChain):
            check(intermediates=intermediates)


def test_certificate_is_refused_when_the_root_is_not_at_hand() -> None:
    other = self_sign(Name.make("另一根证书"), STRANGER_KEY, YEARS, serial=1)
    with pytest.raises(refusals.BrokenChain):
        check(roots=[other])
    with pytest.raises(refusals.BrokenChain):
        check(roots=[])
    with pytest.raises(refusals.UntrustedRoot):  # the chain is whole, its root is not among those trusted
        check(roots=[other], intermediates=[SUB, ROOT])


def test_certificate_is_refused_when_it_signed_itself() -> None:
    alone = forged(
        signer=MEMBER_KEY,
        issuer=MEMBER_NAME.relative_names,
        extensions=member_extensions(
            authority=ext.write(asn1.AUTHORITY_KEY_IDENTIFIER, asn1.AuthorityKeyIdentifier(key_id=MEMBER.key_id))
        ),
    )
    for intermediates in ([SUB], [alone], []):
        with pytest.raises(refusals.UntrustedRoot):
            check(alone, intermediates=intermediates)


def test_root_is_refused_when_it_is_no_root() -> None:
    with pytest.raises(refusals.UntrustedRoot):
        check(roots=[SUB])
    with pytest.raises(refusals.CertificateSignatureRejected):
        broken = authority(ROOT_NAME, ROOT_KEY, ROOT, STRANGER_KEY, serial=1)
        check(roots=[broken, ROOT])
    with pytest.raises(refusals.NotAnAuthority):
        leaf_root = forged(signer=MEMBER_KEY, issuer=MEMBER_NAME.relative_names)
        check(roots=[ROOT, leaf_root])


def test_certificate_is_refused_when_an_impostor_of_the_issuer_signed_it() -> None:
    with pytest.raises(refusals.CertificateSignatureRejected):
        check(forged(signer=STRANGER_KEY))
    impostor = self_sign(SUB_NAME, STRANGER_KEY, YEARS, serial=7)
    with pytest.raises(refusals.UntrustedRoot):  # names its own key rightly: a whole chain to the wrong root
        check(under(impostor, STRANGER_KEY), intermediates=[impostor])
    with pytest.raises(refusals.KeyIdentifierMismatch):
        check(under(impostor, STRANGER_KEY))


def test_certificate_is_refused_when_key_identifiers_differ() -> None:
    for key_id in (b"x", ROOT.key_id, SUB.key_id[:-1]):
        pointed = ext.write(asn1.AUTHORITY_KEY_IDENTIFIER, asn1.AuthorityKeyIdentifier(key_id=key_id))
        with pytest.raises(refusals.KeyIdentifierMismatch):
            check(forged(extensions=member_extensions(authority=pointed)))


def directory_name(name: Name) -> Any:
    return asn1.tlv(b"\xa4" + _length(name.der) + name.der)


def _length(der: bytes) -> bytes:
    return bytes((len(der),)) if len(der) < 128 else b"\x81" + bytes((len(der),))


def test_certificate_is_judged_by_the_issuers_certificate_when_that_is_named() -> None:
    def pointing(issuer: Name, serial: int) -> asn1.Extension:
        named = asn1.AuthorityKeyIdentifier(issuer=[directory_name(issuer)], serial=serial)
        return ext.write(asn1.AUTHORITY_KEY_IDENTIFIER, named)

    right = forged(extensions=member_extensions(authority=pointing(ROOT_NAME, SUB.serial)))
    assert check(right).path == (right, SUB, ROOT)
    for issuer, serial in ((ROOT_NAME, SUB.serial + 1), (SUB_NAME, SUB.serial)):
        with pytest.raises(refusals.KeyIdentifierMismatch):
            check(forged(extensions=member_extensions(authority=pointing(issuer, serial))))


def test_certificate_is_refused_when_it_does_not_name_its_issuers_key() -> None:
    with pytest.raises(refusals.OutsideProfile) as caught:
        check(forged(extensions=member_extensions(authority=None)))
    assert caught.value.field == "path.authorityKeyIdentifier"
    sub = authority(SUB_NAME, SUB_KEY, ROOT, ROOT_KEY, authority=None)
    with pytest.raises(refusals.OutsideProfile):
        check(intermediates=[sub])


def test_chain_is_found_when_an_authority_was_renewed() -> None:
    old = issue_authority(ROOT, ROOT_KEY, SUB_NAME, SUB_KEY.public, Period(YEARS.not_before, NOW - DAY), serial=2000)
    for intermediates in ([old, SUB], [SUB, old]):
        assert check(intermediates=intermediates).path == (MEMBER, SUB, ROOT)
    with pytest.raises(refusals.CertificateExpired):
        check(intermediates=[old])


# ---- (4) authorities


def test_certificate_is_refused_when_its_issuer_is_no_authority() -> None:
    missing = authority(SUB_NAME, SUB_KEY, ROOT, ROOT_KEY, constraints=None)
    denied = authority(
        SUB_NAME,
        SUB_KEY,
        ROOT,
        ROOT_KEY,
        constraints=ext.write(asn1.BASIC_CONSTRAINTS, asn1.BasicConstraints(ca=False), critical=True),
    )
    for sub in (missing, denied):
        with pytest.raises(refusals.NotAnAuthority) as caught:
            check(intermediates=[sub])
        assert caught.value.field == "path.basicConstraints"
    below = under(MEMBER, MEMBER_KEY, subject=Name.make("下家", uscc=USCC, zone=1).relative_names)
    with pytest.raises(refusals.NotAnAuthority):  # a member certifies its friend
        check(below, intermediates=[MEMBER, SUB])


def test_certificate_is_refused_when_its_issuer_may_not_sign_certificates() -> None:
    for usage in (ext.write_usages(frozenset((ext.CRL_SIGN, ext.DIGITAL_SIGNATURE))), None):
        sub = authority(SUB_NAME, SUB_KEY, ROOT, ROOT_KEY, usage=usage)
        with pytest.raises(refusals.WrongKeyUsage):
            check(intermediates=[sub])


THIRD_KEY = key(9)
THIRD_NAME = Name.make("梅县区证书机构", zone=1)


def test_certificate_is_refused_when_the_path_is_longer_than_allowed() -> None:
    third = authority(THIRD_NAME, THIRD_KEY, SUB, SUB_KEY)  # SUB allows none below it
    member = under(third, THIRD_KEY)
    with pytest.raises(refusals.PathTooLong) as caught:
        check(member, intermediates=[third, SUB])
    assert caught.value.field == "path.pathLenConstraint"
    narrow = self_sign(ROOT_NAME, ROOT_KEY, YEARS, path_len=0, serial=1002)
    with pytest.raises(refusals.PathTooLong):  # a root that allows none, with SUB below
        check(roots=[narrow])
    assert check(under(narrow, ROOT_KEY), roots=[narrow], lists=[ROOT_CRL]).path[1] == narrow


def test_certificate_is_refused_when_the_path_is_deeper_than_anybody_needs() -> None:
    root = self_sign(ROOT_NAME, ROOT_KEY, YEARS, serial=1003)
    chain, signer = [root], ROOT_KEY
    lists = [crl_of(root, ROOT_KEY)]
    for level in range(MAX_DEPTH - 1):
        member = under(chain[0], signer)
        if level == MAX_DEPTH - 2:
            assert len(check(member, roots=[root], intermediates=chain[:-1], lists=lists).path) == MAX_DEPTH
        below, below_key = Name.make(f"第{level}级", zone=1), key(20 + level)
        chain.insert(0, authority(below, below_key, chain[0], signer, serial=6000 + level))
        signer = below_key
        lists.append(crl_of(chain[0], signer))
    with pytest.raises(refusals.PathTooLong):
        check(under(chain[0], signer), roots=[root], intermediates=chain[:-1], lists=lists)


def test_search_ends_when_authorities_certify_each_other_in_a_circle() -> None:
    one, two = Name.make("甲"), Name.make("乙")
    a, b = key(31), key(32)
    anchor = self_sign(two, b, YEARS, serial=1)  # only to name its key
    first = authority(one, a, anchor, b, serial=2)
    second = authority(two, b, first, a, serial=3)
    with pytest.raises(CertificateRejected):
        check(under(first, a), intermediates=[first, second])
