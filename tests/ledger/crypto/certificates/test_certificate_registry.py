"""An authority's folder: nothing is handed out before it is on disk, nothing is given twice, nothing is forgotten."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from certificate_world import (
    DAY,
    MEMBER,
    MEMBER_KEY,
    MEMBER_NAME,
    NOW,
    OTHER_USCC,
    ROOT,
    ROOT_CRL,
    ROOT_KEY,
    STRANGER_KEY,
    SUB,
    SUB_KEY,
    USCC,
    YEAR,
    YEARS,
    check,
    key,
)

from ledger.crypto.certificates import refusals, registry
from ledger.crypto.certificates.certificate import Certificate
from ledger.crypto.certificates.names import Name
from ledger.crypto.certificates.registry import FILE, Registry
from ledger.crypto.certificates.request import request
from ledger.errors import CertificateRejected, Conflict, Malformed, NotFound, StorageUnavailable

REQUEST = request(MEMBER_NAME, MEMBER_KEY)


@pytest.fixture
def sub(tmp_path: Path) -> Registry:
    return Registry.create(tmp_path / "sub", SUB, (ROOT,), at=NOW)


def issue(sub: Registry) -> Certificate:
    return sub.issue_member(SUB_KEY, REQUEST, YEAR, uscc=USCC)


def test_folder_keeps_what_was_issued_when_opened_again(sub: Registry, tmp_path: Path) -> None:
    made = issue(sub)
    again = Registry.open(tmp_path / "sub")
    assert again.certificate == SUB and again.chain == (ROOT,)
    assert [held.certificate for held in again.issued] == [made] and again.find(made.serial).kind == "member"
    crl = again.sign_list(SUB_KEY, this_update=NOW, next_update=NOW + DAY)
    assert check(made, lists=[ROOT_CRL, crl]).uscc == USCC


def test_folder_is_private_and_leaves_nothing_behind(sub: Registry, tmp_path: Path) -> None:
    issue(sub)
    folder = tmp_path / "sub"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(path.name for path in folder.iterdir()) == [".lock", FILE]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())
    assert "PRIVATE" not in (folder / FILE).read_text()


def test_folder_is_not_made_twice(sub: Registry, tmp_path: Path) -> None:
    issue(sub)
    with pytest.raises(Conflict):
        Registry.create(tmp_path / "sub", SUB, (ROOT,), at=NOW)
    assert len(Registry.open(tmp_path / "sub").issued) == 1


def test_folder_is_refused_when_the_certificate_is_no_authoritys(tmp_path: Path) -> None:
    for certificate, chain, at, refusal in (
        (MEMBER, (SUB, ROOT), NOW, refusals.NotAnAuthority),
        (SUB, (), NOW, refusals.UntrustedRoot),
        (SUB, (ROOT,), YEARS.not_after + 1, refusals.CertificateExpired),
        (SUB, (SUB,), NOW, refusals.UntrustedRoot),
    ):
        with pytest.raises(refusal):
            Registry.create(tmp_path / "x", certificate, chain, at=at)
    assert not (tmp_path / "x").exists()


def test_serials_and_list_numbers_never_come_twice_when_many_write_at_once(tmp_path: Path) -> None:
    Registry.create(tmp_path / "sub", SUB, (ROOT,), at=NOW)

    def work(turn: int) -> tuple[int, int]:
        own = Registry.open(tmp_path / "sub")
        signer = key(100 + turn)
        asked = request(Name.make(f"第{turn}户", uscc=USCC, zone=1), signer)
        made = own.issue_member(SUB_KEY, asked, YEAR, uscc=USCC)
        return made.serial, own.sign_list(SUB_KEY, this_update=NOW, next_update=NOW + DAY).number

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(work, range(12)))
    assert len({serial for serial, _ in done}) == 12 and sorted(number for _, number in done) == list(range(1, 13))
    assert {held.certificate.serial for held in Registry.open(tmp_path / "sub").issued} == {row[0] for row in done}


def test_serial_is_drawn_again_when_it_was_given_already(sub: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([SUB.serial, 77, 77, 78])
    monkeypatch.setattr(registry, "random_serial", lambda: next(drawn))
    assert (issue(sub).serial, issue(sub).serial) == (77, 78)


def test_nothing_is_issued_when_the_request_is_another_companys(sub: Registry) -> None:
    with pytest.raises(refusals.SubjectRejected):
        sub.issue_member(SUB_KEY, REQUEST, YEAR, uscc=OTHER_USCC)
    with pytest.raises(refusals.SubjectRejected):
        sub.issue_member(SUB_KEY, request(Name.make("无代码", zone=1), MEMBER_KEY), YEAR, uscc=USCC)
    assert sub.issued == ()


def test_nothing_is_issued_when_the_key_certifies_another_holder(sub: Registry) -> None:
    issue(sub)
    borrowed = request(Name.make("另一家", uscc=OTHER_USCC, zone=1), MEMBER_KEY)
    with pytest.raises(Conflict):
        sub.issue_member(SUB_KEY, borrowed, YEAR, uscc=OTHER_USCC)
    assert issue(sub).subject == MEMBER_NAME, "the same holder may renew"


def test_nothing_is_issued_when_the_key_is_not_the_authoritys(sub: Registry) -> None:
    with pytest.raises(refusals.KeyIdentifierMismatch):
        sub.issue_member(STRANGER_KEY, REQUEST, YEAR, uscc=USCC)
    with pytest.raises(refusals.KeyIdentifierMismatch):
        sub.sign_list(STRANGER_KEY, this_update=NOW, next_update=NOW + DAY)
    with pytest.raises(refusals.PathTooLong):
        sub.issue_authority(SUB_KEY, request(Name.make("下级", zone=1), STRANGER_KEY), YEAR)
    assert sub.issued == () and sub.sign_list(SUB_KEY, this_update=NOW, next_update=NOW + DAY).number == 1


def test_root_certifies_an_authority_that_certifies_a_member(tmp_path: Path) -> None:
    root = Registry.create(tmp_path / "root", ROOT, at=NOW)
    below_name = Name.make("惠州综试区证书机构", zone=2)
    below = root.issue_authority(ROOT_KEY, request(below_name, STRANGER_KEY), YEARS)
    assert root.find(below.serial).kind == "authority" and below.extensions.path_len == 0
    own = Registry.create(tmp_path / "below", below, (ROOT,), at=NOW)
    subject = Name.make("惠州荔枝", uscc=OTHER_USCC, zone=2)
    member = own.issue_member(STRANGER_KEY, request(subject, MEMBER_KEY), YEAR, uscc=OTHER_USCC)
    lists = [
        root.sign_list(ROOT_KEY, this_update=NOW, next_update=NOW + DAY),
        own.sign_list(STRANGER_KEY, this_update=NOW, next_update=NOW + DAY),
    ]
    assert check(member, intermediates=[below], lists=lists).path == (member, below, ROOT)
    root.revoke(below.serial, at=NOW, reason="cACompromise")
    lists[0] = root.sign_list(ROOT_KEY, this_update=NOW, next_update=NOW + DAY)
    with pytest.raises(refusals.CertificateRevoked):
        check(member, intermediates=[below], lists=lists)


def test_revocation_is_in_every_later_list(sub: Registry) -> None:
    made = issue(sub)
    held = sub.revoke(made.serial, at=NOW, reason="keyCompromise", invalid_from=NOW - 5 * DAY)
    assert held.revocation is not None and held.revocation.revoked_from == NOW - 5 * DAY
    for number in (1, 2):
        crl = sub.sign_list(SUB_KEY, this_update=NOW, next_update=NOW + DAY)
        assert crl.number == number and crl.entries[made.serial] == held.revocation
        with pytest.raises(refusals.CertificateRevoked):
            check(made, lists=[ROOT_CRL, crl])


def test_revocation_is_refused_when_it_makes_no_sense(sub: Registry) -> None:
    made = issue(sub)
    with pytest.raises(NotFound):
        sub.revoke(made.serial + 1, at=NOW, reason="superseded")
    for reason in ("removeFromCRL", "", "because"):
        with pytest.raises(Malformed):
            sub.revoke(made.serial, at=NOW, reason=reason)
    with pytest.raises(Malformed):
        sub.revoke(made.serial, at=NOW, reason="keyCompromise", invalid_from=NOW + 1)
    assert sub.find(made.serial).revocation is None
    sub.revoke(made.serial, at=NOW, reason="superseded")
    for reason in ("keyCompromise", "superseded", "certificateHold"):
        with pytest.raises(Conflict):
            sub.revoke(made.serial, at=NOW + DAY, reason=reason)


def test_hold_becomes_final_and_counts_from_the_hold(sub: Registry) -> None:
    made = issue(sub)
    sub.revoke(made.serial, at=NOW, reason="certificateHold")
    with pytest.raises(Conflict):
        sub.revoke(made.serial, at=NOW + DAY, reason="certificateHold")
    held = sub.revoke(made.serial, at=NOW + DAY, reason="keyCompromise", invalid_from=NOW - DAY)
    assert held.revocation is not None
    assert (held.revocation.revoked_at, held.revocation.reason) == (NOW, "keyCompromise")
    assert held.revocation.revoked_from == NOW - DAY


def test_nothing_is_handed_out_when_the_disk_refuses(
    sub: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (tmp_path / "sub" / FILE).read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(registry.os, "fsync", full)
        with pytest.raises(StorageUnavailable):
            issue(sub)
        with pytest.raises(StorageUnavailable):
            sub.sign_list(SUB_KEY, this_update=NOW, next_update=NOW + DAY)
    assert (tmp_path / "sub" / FILE).read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "sub").iterdir()) == [".lock", FILE]
    assert sub.sign_list(SUB_KEY, this_update=NOW, next_update=NOW + DAY).number == 1


class Device:
    """A signer that is no key file: the shape a GM/T 0018 device has. It can fail, or sign something else."""

    custodial = False

    def __init__(self, *, broken: bool = False, offline: bool = False) -> None:
        self.public = SUB_KEY.public
        self.broken, self.offline = broken, offline

    def sign(self, message: bytes) -> bytes:
        if self.offline:
            raise StorageUnavailable("the device does not answer")
        return SUB_KEY.sign(message + b"?" if self.broken else message)


def test_device_signs_like_a_key_file(sub: Registry) -> None:
    made = sub.issue_member(Device(), REQUEST, YEAR, uscc=USCC)
    crl = sub.sign_list(Device(), this_update=NOW, next_update=NOW + DAY)
    assert check(made, lists=[ROOT_CRL, crl]).uscc == USCC


def test_nothing_is_remembered_when_the_device_fails_or_signs_wrongly(sub: Registry) -> None:
    for device, refusal in (
        (Device(offline=True), StorageUnavailable),
        (Device(broken=True), CertificateRejected),
    ):
        with pytest.raises(refusal):
            sub.issue_member(device, REQUEST, YEAR, uscc=USCC)
        with pytest.raises(refusal):
            sub.sign_list(device, this_update=NOW, next_update=NOW + DAY)
    assert sub.issued == () and sub.sign_list(SUB_KEY, this_update=NOW, next_update=NOW + DAY).number == 1


def test_folder_is_refused_when_its_file_is_huge(
    sub: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "MAX_STATE_BYTES", 100)
    with pytest.raises(StorageUnavailable):
        Registry.open(tmp_path / "sub")


def test_folder_is_refused_when_missing(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Registry.open(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-5],
        lambda text: text.replace("originseal-authority/v1", "originseal-authority/v9"),
        lambda text: text.replace("BEGIN CERTIFICATE", "BEGIN SOMETHING"),
        lambda text: "[]",
        lambda text: "{}",
        lambda text: text.replace('"crlNumber": 0', '"crlNumber": "many"'),
        lambda text: json.dumps(json.loads(text) | {"issued": [{"kind": "member"}]}),
        lambda text: json.dumps(json.loads(text) | {"certificate": 5}),
    ],
)
def test_folder_is_refused_when_damaged(sub: Registry, tmp_path: Path, damage: object) -> None:
    path = tmp_path / "sub" / FILE
    path.write_text(damage(path.read_text()))  # type: ignore[operator]
    with pytest.raises(StorageUnavailable):
        Registry.open(tmp_path / "sub")
    with pytest.raises(StorageUnavailable):
        issue(sub)
