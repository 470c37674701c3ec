"""Issuing refuses to make what checking would refuse."""

from __future__ import annotations

import pytest
from certificate_world import (
    MEMBER,
    MEMBER_KEY,
    MEMBER_NAME,
    NOW,
    ROOT,
    ROOT_KEY,
    STRANGER_KEY,
    SUB,
    SUB_KEY,
    SUB_NAME,
    USCC,
    YEAR,
    YEARS,
    authority,
    key,
)

from ledger.crypto.certificates import extensions as ext
from ledger.crypto.certificates import refusals
from ledger.crypto.certificates.issuing import Period, issue_authority, issue_member
from ledger.crypto.certificates.names import Name
from ledger.crypto.certificates.path import check_chain

THIRD_KEY = key(9)
THIRD_NAME = Name.make("梅县区证书机构", zone=1)


def test_issuing_is_refused_when_the_result_would_not_hold() -> None:
    with pytest.raises(refusals.NotAnAuthority):
        issue_member(MEMBER, MEMBER_KEY, MEMBER_NAME, STRANGER_KEY.public, YEAR)
    with pytest.raises(refusals.KeyIdentifierMismatch):
        issue_member(SUB, ROOT_KEY, MEMBER_NAME, STRANGER_KEY.public, YEAR)
    with pytest.raises(refusals.OutsideProfile):
        issue_member(SUB, SUB_KEY, MEMBER_NAME, MEMBER_KEY.public, Period(NOW, YEARS.not_after + 1))
    with pytest.raises(refusals.OutsideProfile):
        issue_member(SUB, SUB_KEY, MEMBER_NAME, MEMBER_KEY.public, Period(YEARS.not_before - 1, NOW))
    with pytest.raises(refusals.SubjectRejected):
        issue_member(SUB, SUB_KEY, Name.make("柚子", zone=1), MEMBER_KEY.public, YEAR)
    with pytest.raises(refusals.SubjectRejected):
        issue_member(SUB, SUB_KEY, Name.make("惠州", uscc=USCC, zone=2), MEMBER_KEY.public, YEAR)
    with pytest.raises(refusals.BrokenChain):
        issue_member(SUB, SUB_KEY, MEMBER_NAME, SUB_KEY.public, YEAR)
    with pytest.raises(refusals.PathTooLong):
        issue_authority(SUB, SUB_KEY, THIRD_NAME, THIRD_KEY.public, YEAR)
    with pytest.raises(refusals.PathTooLong):
        issue_authority(ROOT, ROOT_KEY, THIRD_NAME, THIRD_KEY.public, YEAR, path_len=1)
    with pytest.raises(refusals.KeyIdentifierMismatch):
        issue_authority(ROOT, SUB_KEY, THIRD_NAME, THIRD_KEY.public, YEAR)
    with pytest.raises(refusals.NotAnAuthority):
        issue_authority(MEMBER, MEMBER_KEY, THIRD_NAME, THIRD_KEY.public, YEAR)
    with pytest.raises(refusals.BrokenChain):
        issue_authority(ROOT, ROOT_KEY, ROOT.subject, THIRD_KEY.public, YEAR)
    no_sign = authority(SUB_NAME, SUB_KEY, ROOT, ROOT_KEY, usage=ext.write_usages(frozenset((ext.CRL_SIGN,))))
    with pytest.raises(refusals.WrongKeyUsage):
        issue_member(no_sign, SUB_KEY, MEMBER_NAME, MEMBER_KEY.public, YEAR)


def test_chain_check_for_an_authoritys_own_folder_refuses_what_is_not_one() -> None:
    check_chain(SUB, [ROOT], at=NOW)
    check_chain(ROOT, [], at=NOW)
    with pytest.raises(refusals.NotAnAuthority):
        check_chain(MEMBER, [SUB, ROOT], at=NOW)
    with pytest.raises(refusals.UntrustedRoot):
        check_chain(SUB, [], at=NOW)
    with pytest.raises(refusals.CertificateTooLarge):
        check_chain(SUB, [ROOT] * 9, at=NOW)
    with pytest.raises(refusals.CertificateExpired):
        check_chain(SUB, [ROOT], at=YEARS.not_after + 1)
