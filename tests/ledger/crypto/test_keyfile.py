"""Key files: the standard form, its permissions, and everything that is refused."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from ledger.crypto import _openssl, _pem, sm2
from ledger.crypto.keyfile import FileSigner, read_key, write_key
from ledger.crypto.sm2 import PrivateKey, PublicKey, der_to_raw
from ledger.errors import BadKey, Conflict, NotFound, StorageUnavailable

PASSWORD = "纸船明烛照天烧"
KEY = PrivateKey.from_scalar(0x128B2FA8BD433C6C068C8D803DFF79792A519A55171B1B650C23661D15897263)
SECRET = "128b2fa8bd433c6c068c8d803dff79792a519a55171b1b650c23661d15897263"
ENCRYPTED = KEY.to_pkcs8_pem(PASSWORD.encode())


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_text(ENCRYPTED)
    path.chmod(0o600)
    return path


def run_openssl(*arguments: object) -> bytes:
    if not shutil.which("openssl"):
        pytest.skip("no openssl command here")
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True)
    if b"Algorithm SM2 not found" in done.stderr or b"unknown curve" in done.stderr.lower():
        pytest.skip("this openssl command was built without SM2")
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


# --------------------------------------------------------------------------------------------------------- writing


def test_key_file_reads_back_and_is_private_when_written(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    old = os.umask(0)
    try:
        write_key(path, KEY, PASSWORD)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["key.pem"]
    text = path.read_text()
    assert text.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----") and text.count("-----BEGIN") == 1
    assert read_key(path, PASSWORD).public == KEY.public == read_key(path, PASSWORD.encode()).public


def test_key_file_asks_for_600000_rounds_with_a_fresh_salt() -> None:
    one, two = (_pem.decode(KEY.to_pkcs8_pem(b"pw"), ("ENCRYPTED PRIVATE KEY",))[1] for _ in range(2))
    assert (600_000).to_bytes(3, "big") in one and one != two


def test_writing_is_a_conflict_when_the_file_exists(stored: Path) -> None:
    before = stored.read_bytes()
    with pytest.raises(Conflict):
        write_key(stored, PrivateKey.generate(), PASSWORD)
    assert stored.read_bytes() == before and os.listdir(stored.parent) == ["key.pem"]


def test_writing_replaces_the_file_when_told_to(stored: Path) -> None:
    other = PrivateKey.generate()
    write_key(stored, other, "another", replace=True)
    assert read_key(stored, "another").public == other.public
    assert os.listdir(stored.parent) == ["key.pem"]


@pytest.mark.parametrize("password", ["", b""])
def test_writing_and_reading_are_refused_when_the_password_is_empty(password: str | bytes, stored: Path) -> None:
    with pytest.raises(BadKey):
        write_key(stored.with_name("new.pem"), KEY, password)
    with pytest.raises(BadKey):
        read_key(stored, password)
    with pytest.raises(BadKey):
        KEY.to_pkcs8_pem(b"")
    assert os.listdir(stored.parent) == ["key.pem"]


def test_writing_is_unavailable_when_the_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable):
        write_key(tmp_path / "none" / "key.pem", KEY, PASSWORD)


@pytest.mark.parametrize("iterations", [0, 2048, 599_999, _pem.MAX_ITERATIONS + 1])
def test_writing_is_refused_when_the_rounds_are_out_of_bounds(iterations: int) -> None:
    with pytest.raises(BadKey):
        KEY.to_pkcs8_pem(b"pw", iterations)


# --------------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o666, 0o601])
def test_reading_is_refused_when_others_may_touch_the_file(mode: int, stored: Path) -> None:
    stored.chmod(mode)
    with pytest.raises(BadKey) as caught:
        read_key(stored, PASSWORD)
    assert "other users" in str(caught.value)


def test_reading_finds_nothing_when_the_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_key(tmp_path / "none.pem", PASSWORD)


def test_reading_is_refused_when_the_path_is_a_link_or_a_folder(stored: Path) -> None:
    link = stored.with_name("link.pem")
    link.symlink_to(stored)
    with pytest.raises(StorageUnavailable):
        read_key(link, PASSWORD)
    with pytest.raises((BadKey, StorageUnavailable)):
        read_key(stored.parent, PASSWORD)


def test_reading_is_refused_when_the_password_is_wrong(stored: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(BadKey) as caught:
        read_key(stored, "wrong password")
    for shown in (repr(caught.value), str(caught.value), caplog.text):
        assert "wrong password" not in shown.replace("password is wrong", "") and SECRET not in shown


def _with_iterations(pem: str, rounds: int) -> str:
    der = _pem.decode(pem, ("ENCRYPTED PRIVATE KEY",))[1]
    old = b"\x02\x03" + (600_000).to_bytes(3, "big")
    assert der.count(old) == 1
    return _pem.encode("ENCRYPTED PRIVATE KEY", der.replace(old, b"\x02\x03" + rounds.to_bytes(3, "big", signed=True)))


def _cases() -> dict[str, str | bytes]:
    plain = KEY.to_pkcs8_pem(None)
    body = ENCRYPTED.splitlines()
    inner = _pem.decode(ENCRYPTED, ("ENCRYPTED PRIVATE KEY",))[1]
    encrypted = "ENCRYPTED PRIVATE KEY"
    return {
        "empty": "",
        "text": "not a key",
        "not encrypted": plain,
        "two blocks": ENCRYPTED + ENCRYPTED,
        "a public key before it": KEY.public.spki_pem + ENCRYPTED,
        "text before it": "Bag Attributes\n" + ENCRYPTED,
        "text after it": ENCRYPTED + "x",
        "other label": ENCRYPTED.replace("ENCRYPTED PRIVATE", "EC PRIVATE"),
        "labels differ": ENCRYPTED.replace("END ENCRYPTED", "END"),
        "no end": "\n".join(body[:-1]),
        "not base64": ENCRYPTED.replace(body[1], "*" + body[1][1:]),
        "headers": "\n".join([body[0], "Proc-Type: 4,ENCRYPTED", "", *body[1:]]),
        "cut short": _pem.encode(encrypted, inner[:-5]),
        "bytes after it": _pem.encode(encrypted, inner + b"\0"),
        "no rounds": _with_iterations(ENCRYPTED, 0),
        "negative rounds": _with_iterations(ENCRYPTED, -1),
        "PBES1": _pem.encode(encrypted, inner.replace(_pem._PBES2, _pem._PBES2[:-1] + b"\x03")),
        "scrypt": _pem.encode(encrypted, inner.replace(_pem._PBKDF2, _pem._PBKDF2[:-1] + b"\x0b")),
        "plain key under the encrypted label": _pem.encode(encrypted, _pem.decode(plain, ("PRIVATE KEY",))[1]),
        "huge": ENCRYPTED + " " * _pem.MAX_PEM_BYTES,
        "not ASCII": ENCRYPTED.replace(body[1][:4], "密钥密钥"),
        "bytes": os.urandom(400),
    }


@pytest.mark.parametrize("name", _cases())
def test_reading_is_refused_when_the_file_is_not_one_encrypted_key(name: str, stored: Path) -> None:
    content = _cases()[name]
    stored.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadKey):
        read_key(stored, PASSWORD)


def test_excessive_rounds_are_refused_before_any_work_is_done() -> None:
    fields = bytes.fromhex("0410") + bytes(16) + bytes.fromhex("02047fffffff")
    derivation = _pem._PBKDF2 + b"\x30" + bytes([len(fields)]) + fields
    parameters = b"\x30" + bytes([len(derivation)]) + derivation
    algorithm = _pem._PBES2 + b"\x30" + bytes([len(parameters)]) + parameters
    outer = b"\x30" + bytes([len(algorithm)]) + algorithm
    der = b"\x30" + bytes([len(outer)]) + outer
    with pytest.raises(BadKey, match="rounds"):
        _pem.check_encryption(der)
    _pem.check_encryption(
        der.replace(bytes.fromhex("02047fffffff"), bytes.fromhex("0204000927c0"))
    )  # the same, 600,000


def test_reading_is_refused_when_the_key_is_on_another_curve(stored: Path) -> None:
    pem = run_openssl(
        "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256", "-pass", "pass:pw"
    )
    stored.write_bytes(pem)
    with pytest.raises(BadKey):
        read_key(stored, "pw")


# ------------------------------------------------------------------------------------------- the openssl command line


def test_openssl_reads_our_key_file_and_we_read_its(stored: Path) -> None:
    public = run_openssl("pkey", "-in", stored, "-passin", f"pass:{PASSWORD}", "-pubout", "-outform", "DER")
    assert PublicKey.from_spki_der(public) == KEY.public
    theirs = stored.with_name("theirs.pem")
    run_openssl("genpkey", "-algorithm", "SM2", "-aes-256-cbc", "-pass", "pass:pw", "-out", theirs)
    theirs.chmod(0o600)
    key = read_key(theirs, "pw")
    der = run_openssl("pkey", "-in", theirs, "-passin", "pass:pw", "-pubout", "-outform", "DER")
    assert key.public.spki_der == der


@pytest.mark.parametrize("user_id", ["1234567812345678", "Alice@corp"])
def test_openssl_verifies_our_signature_and_we_verify_its(user_id: str, stored: Path) -> None:
    message, signature, public = (stored.with_name(name) for name in ("message", "signature", "public.pem"))
    message.write_bytes(b"hello")
    public.write_text(KEY.public.spki_pem)
    dgst = ("dgst", "-sm3", "-sigopt", f"distid:{user_id}")
    signature.write_bytes(KEY.sign_der(b"hello", user_id.encode()))
    assert b"Verified OK" in run_openssl(*dgst, "-verify", public, "-signature", signature, message)
    run_openssl(*dgst, "-passin", f"pass:{PASSWORD}", "-sign", stored, "-out", signature, message)
    evidence = KEY.public.verify(b"hello", der_to_raw(signature.read_bytes()), user_id.encode())
    assert evidence.e == KEY.public.digest(b"hello", user_id.encode())


# ---------------------------------------------------------------------------------------------------------- signer


def test_file_signer_signs_as_its_key_and_says_whether_it_is_custodial(stored: Path) -> None:
    signer = FileSigner.open(stored, PASSWORD)
    assert signer.public.verify(b"m", signer.sign(b"m")).key == KEY.public
    assert signer.custodial is False and FileSigner(KEY, custodial=True).custodial is True
    assert SECRET not in repr(signer) and KEY.public.key_id.hex() in repr(signer)


def test_unencrypted_pkcs8_round_trips_only_without_a_password() -> None:
    plain = KEY.to_pkcs8_pem(None)
    assert PrivateKey.from_pkcs8_pem(plain).public == KEY.public
    with pytest.raises(BadKey):
        PrivateKey.from_pkcs8_pem(plain, b"pw")
    with pytest.raises(BadKey):
        PrivateKey.from_pkcs8_pem(ENCRYPTED)
    der = _pem.decode(plain, ("PRIVATE KEY",))[1]
    for bad in (der + b"\0", der[:-1], b"\x30\0"):
        with pytest.raises(BadKey):
            _openssl.private_key(bad, None)


def test_private_key_is_bad_when_its_public_half_belongs_to_another() -> None:
    key = PrivateKey.generate()  # unlike one made from a scalar, it is exported with its public half
    der = bytearray(_pem.decode(key.to_pkcs8_pem(None), ("PRIVATE KEY",))[1])
    other = PrivateKey.generate().public.point
    assert bytes(der[-65:]) == key.public.point
    der[-65:] = other
    with pytest.raises(BadKey):
        _openssl.private_key(bytes(der), None)


def test_pbkdf2_rounds_follow_owasp() -> None:
    assert sm2.PBKDF2_ITERATIONS >= 600_000
