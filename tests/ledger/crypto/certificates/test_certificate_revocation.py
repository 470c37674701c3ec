"""The check of a chain, steps 5 to 7: time, revocation, and the subject."""

from __future__ import annotations

from typing import Any

import pytest
from certificate_world import (
    DAY,
    MEMBER,
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
    YEARS,
    authority,
    check,
    crl_of,
    forged,
    member_extensions,
)

from ledger.crypto.certificates import extensions as ext
from ledger.crypto.certificates import refusals
from ledger.crypto.certificates import structures as asn1
from ledger.crypto.certificates.issuing import Period, issue_authority, self_sign
from ledger.crypto.certificates.names import Name
from ledger.crypto.certificates.revocation import Revocation
from ledger.errors import CertificateRejected

# ---- (5) time


@pytest.mark.parametrize(
    ("at", "refusal"),
    [
        (MEMBER.not_before - 1, refusals.CertificateNotYetValid),
        (YEARS.not_before - 1, refusals.CertificateNotYetValid),
        (MEMBER.not_after + 1, refusals.CertificateExpired),
        (YEARS.not_after + 1, refusals.CertificateExpired),
    ],
)
def test_certificate_is_refused_when_judged_outside_its_time(at: int, refusal: type[CertificateRejected]) -> None:
    lists = [crl_of(ROOT, ROOT_KEY, this_update=at, next_update=at), SUB_CRL]
    with pytest.raises(refusal) as caught:
        check(at=at, lists=lists)
    assert caught.value.field in ("path.0.validity.notBefore", "path.0.validity.notAfter")
    assert caught.value.detail["at"] == at


def test_certificate_is_refused_when_an_authority_above_is_out_of_time() -> None:
    for period, refusal in (
        (Period(YEARS.not_before, NOW - 1), refusals.CertificateExpired),
        (Period(NOW + 1, YEARS.not_after), refusals.CertificateNotYetValid),
    ):
        sub = issue_authority(ROOT, ROOT_KEY, SUB_NAME, SUB_KEY.public, period)
        with pytest.raises(refusal) as caught:
            check(intermediates=[sub])
        assert str(caught.value.field).startswith("path.1.")
        root = self_sign(ROOT_NAME, ROOT_KEY, period)
        with pytest.raises(refusal) as caught:
            check(roots=[root])
        assert str(caught.value.field).startswith("path.2.")


def test_old_record_is_judged_at_its_time_with_what_is_known_now() -> None:
    later = MEMBER.not_after + 30 * DAY
    lists = [
        crl_of(issuer, signer, number=9, this_update=later, next_update=later + DAY)
        for issuer, signer in ((ROOT, ROOT_KEY), (SUB, SUB_KEY))
    ]
    held = check(lists=lists, at=NOW, checked_at=later)
    assert (held.at, held.checked_at) == (NOW, later) and {used.number for used in held.lists} == {9}
    with pytest.raises(refusals.CertificateExpired):
        check(lists=lists, at=later)
    assert check(at=NOW, checked_at=NOW - 50 * DAY).checked_at == NOW, "lists are never judged before the record"


# ---- (6) revocation


def revoked_lists(revocation: Revocation, issuer: str = "sub") -> list[Any]:
    if issuer == "sub":
        return [ROOT_CRL, crl_of(SUB, SUB_KEY, [revocation], number=2)]
    return [crl_of(ROOT, ROOT_KEY, [revocation], number=2), SUB_CRL]


@pytest.mark.parametrize("reason", ["keyCompromise", "certificateHold", "superseded", "unspecified"])
def test_certificate_is_refused_when_revoked_before_or_at_the_time(reason: str) -> None:
    for when in (NOW, NOW - 10 * DAY):
        with pytest.raises(refusals.CertificateRevoked) as caught:
            check(lists=revoked_lists(Revocation(MEMBER.serial, when, reason)))
        assert caught.value.detail == {"reason": reason, "revokedAt": when, "revokedFrom": when, "crlNumber": 2}


def test_certificate_is_accepted_when_revoked_after_the_time() -> None:
    revocation = Revocation(MEMBER.serial, NOW + 1, "keyCompromise")
    held = check(lists=revoked_lists(revocation))
    assert held.revoked_later == (revocation,)
    with pytest.raises(refusals.CertificateRevoked):
        check(lists=revoked_lists(revocation), at=NOW + 1)


def test_certificate_is_refused_when_its_key_was_in_doubt_before_it_was_revoked() -> None:
    revocation = Revocation(MEMBER.serial, NOW + 1, "keyCompromise", NOW - 5)
    with pytest.raises(refusals.CertificateRevoked) as caught:
        check(lists=revoked_lists(revocation))
    assert caught.value.detail["revokedFrom"] == NOW - 5
    assert check(lists=revoked_lists(revocation), at=NOW - 6).revoked_later == (revocation,)


def test_certificate_is_refused_when_the_authority_above_is_revoked() -> None:
    revocation = Revocation(SUB.serial, NOW, "cACompromise")
    with pytest.raises(refusals.CertificateRevoked):
        check(lists=revoked_lists(revocation, "root"))
    assert check(lists=revoked_lists(revocation, "root"), at=NOW - 1).revoked_later == (revocation,)


def test_certificate_is_accepted_when_other_serials_are_revoked() -> None:
    assert check(lists=revoked_lists(Revocation(MEMBER.serial + 1, NOW, "keyCompromise"))).revoked_later == ()
    assert check(lists=revoked_lists(Revocation(MEMBER.serial, NOW, "keyCompromise"), "root")).uscc == USCC


def test_certificate_is_refused_when_a_list_is_missing() -> None:
    for lists in ([], [ROOT_CRL], [SUB_CRL]):
        with pytest.raises(refusals.CrlMissing):
            check(lists=lists)
    stranger = self_sign(Name.make("另一根证书"), STRANGER_KEY, YEARS)
    with pytest.raises(refusals.CrlMissing):  # another issuer's list does not stand in
        check(lists=[ROOT_CRL, crl_of(stranger, STRANGER_KEY)])


def test_certificate_is_refused_when_a_list_is_not_current() -> None:
    stale = crl_of(SUB, SUB_KEY, this_update=NOW - 9 * DAY, next_update=NOW - 1)
    with pytest.raises(refusals.CrlStale):
        check(lists=[ROOT_CRL, stale])
    with pytest.raises(refusals.CrlStale):
        check(checked_at=NOW + DAY + 1)
    future = crl_of(SUB, SUB_KEY, this_update=NOW + 1, next_update=NOW + DAY)
    with pytest.raises(refusals.CrlNotYetValid):
        check(lists=[ROOT_CRL, future])
    with pytest.raises(refusals.CrlStale):
        check(lists=[crl_of(ROOT, ROOT_KEY, this_update=NOW - 9 * DAY, next_update=NOW - 1), SUB_CRL])


def test_newest_list_speaks_when_several_are_at_hand() -> None:
    newer = crl_of(SUB, SUB_KEY, [Revocation(MEMBER.serial, NOW - 5, "keyCompromise")], number=2)
    for lists in ([SUB_CRL, newer, ROOT_CRL], [newer, ROOT_CRL, SUB_CRL]):
        with pytest.raises(refusals.CertificateRevoked):
            check(lists=lists)
    stale = crl_of(SUB, SUB_KEY, number=3, this_update=NOW - 9 * DAY, next_update=NOW - 8 * DAY)
    with pytest.raises(refusals.CrlStale):  # not passed over for an older one that would do
        check(lists=[SUB_CRL, stale, ROOT_CRL])


def test_lists_are_refused_when_one_number_has_two_contents() -> None:
    other = crl_of(SUB, SUB_KEY, [Revocation(MEMBER.serial, NOW + DAY, "superseded")])
    with pytest.raises(refusals.OutsideProfile):
        check(lists=[SUB_CRL, other, ROOT_CRL])
    assert check(lists=[SUB_CRL, SUB_CRL, ROOT_CRL]).uscc == USCC


def test_certificate_is_refused_when_the_list_was_signed_by_another_key() -> None:
    impostor = self_sign(SUB_NAME, STRANGER_KEY, YEARS)
    other = crl_of(impostor, STRANGER_KEY, number=99)
    with pytest.raises(refusals.KeyIdentifierMismatch):
        check(lists=[ROOT_CRL, other])
    assert check(lists=[ROOT_CRL, other, SUB_CRL]).lists[0].number == 1, "each key of an authority has its own list"
    no_crl = authority(SUB_NAME, SUB_KEY, ROOT, ROOT_KEY, usage=ext.write_usages(frozenset((ext.CERTIFICATE_SIGN,))))
    with pytest.raises(refusals.WrongKeyUsage):
        check(intermediates=[no_crl])


# ---- (7) the subject


def test_certificate_is_refused_when_its_subject_names_no_company() -> None:
    bare = Name.make("柚子", zone=1).relative_names
    with pytest.raises(refusals.SubjectRejected):
        check(forged(subject=bare))
    code = ext.write_code(asn1.ORGANIZATION_CODE, USCC)
    assert check(forged(subject=bare, extensions=member_extensions(code=code))).uscc == USCC
    with pytest.raises(refusals.SubjectRejected):
        other = ext.write_code(asn1.ORGANIZATION_CODE, "91440300MA5DA1234H")
        check(forged(extensions=member_extensions(code=other)))


@pytest.mark.parametrize("zone", [2, None])
def test_certificate_is_refused_when_its_authority_is_another_zones(zone: int | None) -> None:
    elsewhere = Name.make("惠州企业", uscc=USCC, zone=zone)
    with pytest.raises(refusals.SubjectRejected) as caught:
        check(forged(subject=elsewhere.relative_names))
    assert caught.value.field == "subject.OU"
