"""`originseal certificate` as people use it: a zone's authority from nothing to a verified and a revoked member."""

from __future__ import annotations

import base64
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ledger.crypto.keyfile import write_key
from ledger.crypto.sm2 import PrivateKey
from ledger.domain.members import ZONES, check_uscc
from ledger.errors import CertificateRejected, OriginSealError
from scripts.commands import certificate
from scripts.commands.app import app
from scripts.commands.certificate import parse_moment
from tests.e2e.serving import originseal

DOCUMENT = Path(__file__).parents[2] / "docs" / "certificates.md"
PASSPHRASE = "passphrase of the certificate tests"
USCC, OTHER = check_uscc("91441400MA4UXY123U"), check_uscc("91440300MA5DA1234H")


class Desk:
    """A folder in which commands run, in this process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ORIGINSEAL_KEY_PASSPHRASE", PASSPHRASE)
        monkeypatch.chdir(folder)
        self.folder = folder
        self.runner = CliRunner()

    def __call__(self, *arguments: str) -> Any:
        done = self.runner.invoke(app, ["certificate", *arguments, "--json"], standalone_mode=False)
        if done.exception is not None:
            raise done.exception
        return json.loads(done.stdout)

    def refused(self, *arguments: str) -> str:
        with pytest.raises(OriginSealError) as caught:
            self(*arguments)
        return caught.value.code

    def run_documented(self, upto: str) -> None:
        """The commands of docs/certificates.md, word for word, up to the first that begins with `upto`."""
        text = DOCUMENT.read_text(encoding="utf-8").split("## Commands")[1].split("```")[1]
        for line in filter(None, text.splitlines()):
            if line.startswith(f"originseal {upto}"):
                return
            done = self.runner.invoke(app, shlex.split(line)[1:], standalone_mode=False)
            assert done.exception is None, (line, done.exception)
        raise AssertionError(f"no documented command {upto}")

    def lists(self) -> None:
        for name in ("root", "zone"):
            self("crl", "--ca", name, "--key", f"{name}.key", "-o", f"{name}.crl")


VERIFY = ("verify", "member.pem", "--root", "root.pem", "--intermediate", "zone.pem")
LISTS = ("--crl", "root.crl", "--crl", "zone.crl")


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a root, a zone's authority and a member, made once: each key file opened costs 0.2 s."""
    folder = tmp_path_factory.mktemp("founded")
    with pytest.MonkeyPatch.context() as patched:
        Desk(folder, patched).run_documented(upto="certificate verify")
    return folder


@pytest.fixture
def desk(founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(Path(shutil.copytree(founded, tmp_path / "desk")), monkeypatch)


def test_member_is_certified_verified_and_revoked(desk: Desk) -> None:
    held = desk(*VERIFY, *LISTS)
    assert held["verified"] is True and held["uscc"] == USCC and held["zone"] == 1
    assert len(held["path"]) == 3 and [one["number"] for one in held["lists"]] == [1, 1]
    assert desk("verify", "zone.pem", "--authority", "--root", "root.pem", "--crl", "root.crl")["uscc"] is None
    shown = desk("show", "member.pem")
    assert shown["keyId"] == held["keyId"] and shown["usages"] == ["digitalSignature", "nonRepudiation"]

    revoked = desk(
        "revoke", "member.pem", "--ca", "zone", "--reason", "keyCompromise", "--from", "2026-01-01T00:00:00Z"
    )
    assert revoked["revocation"]["revokedFrom"] == "2026-01-01T00:00:00Z"
    assert desk(*VERIFY, *LISTS)["verified"], "the list from before says nothing of it"
    desk.lists()
    assert desk.refused(*VERIFY, *LISTS) == "certificate-revoked"
    assert desk("show", "zone.crl")["revoked"] == [revoked["revocation"]]
    listed = desk("list", "--ca", "zone")
    assert [row["serial"] for row in listed] == [shown["serial"]] and listed[0]["revocation"][
        "reason"
    ] == "keyCompromise"
    assert desk.refused("revoke", shown["serial"], "--ca", "zone") == "conflict"


def test_verify_refuses_when_anything_is_missing(desk: Desk) -> None:
    assert desk.refused(*VERIFY) == "crl-missing"
    assert desk.refused(*VERIFY, "--crl", "root.crl") == "crl-missing"
    assert desk.refused("verify", "member.pem", "--root", "root.pem", *LISTS) == "certificate-broken-chain"
    assert desk.refused("verify", "member.pem", "--root", "zone.pem", *LISTS) == "certificate-untrusted-root"
    assert desk.refused(*VERIFY, *LISTS, "--at", "2020-01-01T00:00:00Z") == "certificate-not-yet-valid"
    assert desk.refused(*VERIFY, *LISTS, "--at", "2100-01-01T00:00:00+08:00") == "certificate-expired"
    assert desk.refused("verify", "zone.pem", *VERIFY[2:], *LISTS) == "certificate-wrong-key-usage"
    assert desk.refused("verify", "nowhere.pem", *VERIFY[2:], *LISTS) == "not-found"


def test_nothing_is_issued_for_a_code_that_was_not_checked(desk: Desk) -> None:
    common = ("issue", "member.csr", "--ca", "zone", "--key", "zone.key", "-o", "again.pem")
    assert desk.refused(*common, "--uscc", OTHER) == "certificate-subject-rejected"
    assert desk.refused(*common, "--uscc", USCC[:-1] + "0") == "malformed"
    assert desk.refused(*common) == "malformed"
    assert desk.refused(*common, "--uscc", USCC, "--authority") == "malformed"
    assert desk.refused(*common[:4], "--key", "root.key", "-o", "again.pem", "--uscc", USCC) != ""
    assert not Path("again.pem").exists()
    wrong = ("request", "member.key", "-o", "x.csr", "--name", "柚子", "--uscc", USCC[:-1] + "0")
    assert desk.refused(*wrong) == "malformed"


def test_files_are_never_overwritten_except_lists(desk: Desk) -> None:
    before = Path("member.pem").read_bytes()
    for command in (
        ("issue", "member.csr", "--ca", "zone", "--key", "zone.key", "-o", "member.pem", "--uscc", USCC),
        ("request", "member.key", "-o", "member.pem", "--name", "柚子"),
        ("self-sign", "--ca", "other", "--key", "root.key", "-o", "member.pem", "--name", "根"),
        ("self-sign", "--ca", "root", "--key", "root.key", "-o", "new.pem", "--name", "根"),
        ("adopt", "zone.pem", "--ca", "zone", "--above", "root.pem"),
    ):
        assert desk.refused(*command) == "conflict", command
    nowhere = ("issue", "member.csr", "--ca", "zone", "--key", "zone.key", "-o", "no/member.pem", "--uscc", USCC)
    assert desk.refused(*nowhere) == "not-found"
    assert Path("member.pem").read_bytes() == before and not Path("new.pem").exists() and not Path("other").exists()
    assert len(desk("list", "--ca", "zone")) == 1, "a serial was spent on a certificate that nobody got"


def test_der_files_are_read_like_pem(desk: Desk) -> None:
    for name in ("member.pem", "zone.crl", "member.csr"):
        pem = Path(name).read_text().splitlines()
        Path(f"{name}.der").write_bytes(base64.b64decode("".join(pem[1:-1])))
    held = desk("verify", "member.pem.der", *VERIFY[2:], "--crl", "root.crl", "--crl", "zone.crl.der")
    assert held["verified"] is True
    made = desk("issue", "member.csr.der", "--ca", "zone", "--key", "zone.key", "-o", "renewed.pem", "--uscc", USCC)
    assert made["uscc"] == USCC and made["notAfter"] <= desk("show", "zone.pem")["notAfter"]
    beyond = ("issue", "member.csr", "--ca", "zone", "--key", "zone.key", "-o", "x.pem", "--uscc", USCC)
    assert desk.refused(*beyond, "--days", "5000") == "certificate-outside-profile"


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-11-24T08:00:00", "2026-13-01T00:00:00Z", "99999999999999999", "-5"]
)
def test_moment_is_refused_when_it_is_none(text: str) -> None:
    with pytest.raises(OriginSealError) as caught:
        parse_moment(text, "--at")
    assert caught.value.field == "--at"


def test_several_certificates_may_stand_in_one_file(desk: Desk) -> None:
    bundle = Path("zone.pem").read_text() + Path("root.pem").read_text()
    Path("bundle.pem").write_text(bundle)
    assert desk("verify", "member.pem", "--root", "root.pem", "--intermediate", "bundle.pem", *LISTS)["verified"]
    assert desk.refused("verify", "bundle.pem", *VERIFY[2:], *LISTS) == "certificate-malformed"
    Path("many.pem").write_text(bundle * 5)
    many = ("verify", "member.pem", "--root", "root.pem", "--intermediate", "many.pem")
    assert desk.refused(*many, *LISTS) == "certificate-malformed"


def test_moment_is_read_in_both_forms() -> None:
    assert parse_moment("1795507200", "--at") == parse_moment("2026-11-24T08:00:00Z", "--at") == 1_795_507_200
    assert parse_moment("2026-11-24T16:00:00+08:00", "--at") == 1_795_507_200


def test_document_names_every_refusal_and_every_command() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for leaf in CertificateRejected.__subclasses__():
        assert f"| `{leaf.code}` | {leaf.title_zh}" in text, leaf.code
    commands = {command.name for command in certificate.app.registered_commands}
    assert commands == set(re.findall(r"^originseal certificate ([a-z-]+)", text, re.MULTILINE))


def test_zones_fit_the_form_of_a_unit() -> None:
    assert all(1 <= code <= 99 for code in ZONES)


def test_commands_run_as_a_user_runs_them_and_openssl_agrees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORIGINSEAL_KEY_PASSPHRASE", PASSPHRASE)
    write_key(tmp_path / "root.key", PrivateKey.generate(), PASSPHRASE)
    root = str(tmp_path / "root.pem")
    made = originseal("certificate", "self-sign", "--ca", str(tmp_path / "ca"), "--key", str(tmp_path / "root.key"),
                      "-o", root, "--name", "梅州综试区根证书", "--zone", "1")  # fmt: skip
    assert "subject 主体" in made.stdout and "zone-1" in made.stdout and "PRIVATE" not in made.stdout
    refused = originseal("certificate", "verify", root, "--root", root, "--json", check=False)
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["error"]["code"] == "certificate-wrong-key-usage"
    if shutil.which("openssl"):
        command = ["openssl", "x509", "-in", root, "-noout", "-text"]
        assert "SM2-with-SM3" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
