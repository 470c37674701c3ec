"""What happens when a library is missing or fails: a typed refusal, never a wrong answer."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import Crypto
import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from ledger.crypto import _openssl, _pem, _tables, keccak, sm2, sm3, sm4
from ledger.crypto.digest import Digest
from ledger.errors import BadKey, CryptoUnavailable, Malformed

KEY = sm2.PrivateKey.generate()
E = KEY.public.digest(b"m")
SIGNATURE = KEY.sign(b"m")


class Failing:
    """A libcrypto of which one function always answers `answer`."""

    def __init__(self, real: Any, name: str, answer: Any) -> None:
        self._real, self._name, self._answer = real, name, answer

    def __getattr__(self, name: str) -> Any:
        return (lambda *_: self._answer) if name == self._name else getattr(self._real, name)


@pytest.mark.parametrize(
    ("function", "answer", "call", "error"),
    [
        ("EVP_PKEY_sign_init", 0, lambda: KEY.sign(b"m"), CryptoUnavailable),
        ("EVP_PKEY_sign", 0, lambda: KEY.sign(b"m"), CryptoUnavailable),
        ("EVP_PKEY_generate", 0, sm2.PrivateKey.generate, CryptoUnavailable),
        ("EVP_PKEY_CTX_new_from_name", None, sm2.PrivateKey.generate, CryptoUnavailable),
        ("EVP_PKEY2PKCS8", None, lambda: KEY.to_pkcs8_pem(None), BadKey),
        ("PKCS8_encrypt", None, lambda: KEY.to_pkcs8_pem(b"pw"), CryptoUnavailable),
        ("i2d_PKCS8_PRIV_KEY_INFO", 0, lambda: KEY.to_pkcs8_pem(None), BadKey),
        ("i2d_PUBKEY", -1, lambda: sm2.PrivateKey.from_scalar(5), BadKey),
        ("EVP_PKCS82PKEY", None, lambda: sm2.PrivateKey.from_scalar(5), BadKey),
        ("EVP_PKEY_is_a", 0, lambda: sm2.PrivateKey.from_scalar(5), BadKey),
        ("EVP_PKEY_public_check", 0, lambda: sm2.PrivateKey.from_scalar(5), BadKey),
        ("EVP_PKEY_pairwise_check", 0, lambda: sm2.PrivateKey.from_scalar(5), BadKey),
    ],
)
def test_openssl_failure_is_a_typed_error(
    function: str,
    answer: Any,
    call: Callable[[], object],
    error: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing = Failing(_openssl.library(), function, answer)
    monkeypatch.setattr(_openssl, "library", lambda: failing)
    with pytest.raises(error) as caught:
        call()
    assert "openssl" in str(caught.value).lower() or "key" in str(caught.value)


def test_evp_failure_to_start_is_not_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    key = _openssl.public_key(KEY.public.point)
    failing = Failing(_openssl.library(), "EVP_PKEY_verify_init", 0)
    with pytest.raises(CryptoUnavailable):
        _openssl._verifies(failing, key, E, _openssl.der_of(SIGNATURE))  # type: ignore[arg-type]
    for answer in (0, -1, -2):
        failing = Failing(_openssl.library(), "EVP_PKEY_verify", answer)
        assert not _openssl._verifies(failing, key, E, _openssl.der_of(SIGNATURE))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "function",
    [
        "BN_bin2bn",
        "EC_POINT_oct2point",
        "EC_POINT_add",
        "EC_POINT_mul",
        "EC_POINT_get_Jprojective_coordinates_GFp",
        "BN_bn2binpad",
    ],
)
def test_curve_failure_is_not_a_verdict(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    curve = _tables._curve()
    generator = curve and _tables._generator(curve)
    if curve is None or generator is None:
        pytest.skip("this libcrypto tabulates no multiples")
    table = _tables._Table(generator, KEY.public.point)
    ways = {
        "EC_POINT_oct2point": [lambda: curve.verifies(KEY.public.point, E, SIGNATURE)],
        "EC_POINT_add": [lambda: table.verifies(E, SIGNATURE)],
    }
    both = [lambda: curve.verifies(KEY.public.point, E, SIGNATURE), lambda: table.verifies(E, SIGNATURE)]
    monkeypatch.setattr(curve, "quick", Failing(curve.quick, function, 0))
    if function == "EC_POINT_mul":
        monkeypatch.setattr(curve, "multiply", lambda *_: 0)
    for call in ways.get(function, both):
        with pytest.raises(CryptoUnavailable):
            call()


def test_table_is_refused_when_openssl_cannot_make_it(monkeypatch: pytest.MonkeyPatch) -> None:
    curve = _tables._curve()
    generator = curve and _tables._generator(curve)
    if curve is None or generator is None:
        pytest.skip("this libcrypto tabulates no multiples")
    monkeypatch.setattr(curve, "lib", Failing(curve.lib, "EC_GROUP_precompute_mult", 0))
    with pytest.raises(CryptoUnavailable):
        _tables._Table(generator, KEY.public.point)
    monkeypatch.setattr(_tables, "_tabulated", _tables._UNTRIED)
    assert _tables._generator(curve) is None


def test_old_openssl_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    old = Failing(_openssl.library(), "OpenSSL_version_num", 0x1010117F)
    with pytest.raises(ValueError, match="older"):
        _openssl._self_test(old)  # type: ignore[arg-type]


def test_wrong_sm3_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_openssl, "_SM3_ABC", "00" * 32)
    with pytest.raises(ValueError, match="SM3"):
        _openssl._self_test(_openssl.library())


def _fresh(module: Any, name: str) -> Any:
    """The module's code, run again under another name."""
    spec = importlib.util.spec_from_file_location(name, module.__file__)
    assert spec and spec.loader
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    return again


def test_sm3_is_unavailable_when_hashlib_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, *_: Any, **__: Any) -> Any:
        raise ValueError(f"unsupported hash type {name}")

    monkeypatch.setattr(hashlib, "new", missing)
    with pytest.raises(CryptoUnavailable) as caught:
        _fresh(sm3, "sm3_without_openssl")
    assert "SM3" in str(caught.value) and caught.value.hint


def test_sm4_is_unavailable_when_the_build_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> Any:
        raise UnsupportedAlgorithm("SM4 in GCM mode is not supported")

    blob = sm4.seal(sm4.new_key(), b"x")
    monkeypatch.setattr(sm4, "Cipher", missing)
    for call in (lambda: sm4.seal(bytes(16), b"x"), lambda: sm4.unseal(bytes(16), blob)):
        with pytest.raises(CryptoUnavailable):
            call()


@pytest.mark.parametrize("content", [None, b"", b"\x7fELF not a library"])
def test_keccak_falls_back_to_the_package_when_its_compiled_module_cannot_be_called(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Hash").mkdir()
    if content is not None:
        for suffix in keccak.EXTENSION_SUFFIXES:
            (tmp_path / "Hash" / f"_keccak{suffix}").write_bytes(content)
    with monkeypatch.context() as patch:
        patch.setattr(Crypto, "__path__", [str(tmp_path)])
        assert keccak._compiled() is None
    assert keccak._packaged()(b"").hex() == keccak._EMPTY


def test_keccak_is_unavailable_when_no_implementation_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keccak, "_EMPTY", "00" * 32)
    assert keccak._compiled() is None
    with pytest.raises(CryptoUnavailable):
        keccak._packaged()


def test_keccak_takes_any_bytes_like_value() -> None:
    assert keccak.keccak256(bytearray(b"abc")) == keccak.keccak256(memoryview(b"abc")) == keccak.keccak256(b"abc")
    with pytest.raises(TypeError):
        keccak.keccak256("abc")  # type: ignore[arg-type]


def test_digest_is_malformed_when_its_algorithm_is_unknown() -> None:
    with pytest.raises(Malformed):
        Digest("md5", bytes(32))
    assert str(Digest("sm3", bytes(32))) == "sm3:" + "0" * 64


@pytest.mark.parametrize("salt", [0, 7, 65])
def test_encrypted_key_is_bad_when_its_salt_has_an_unusual_length(salt: int) -> None:
    def sequence(*parts: bytes) -> bytes:
        body = b"".join(parts)
        return b"\x30" + (bytes([len(body)]) if len(body) < 128 else b"\x81" + bytes([len(body)])) + body

    kdf = sequence(_pem._PBKDF2, sequence(b"\x04" + bytes([salt]) + bytes(salt), bytes.fromhex("020309 27c0")))
    der = sequence(sequence(_pem._PBES2, sequence(kdf)))
    with pytest.raises(BadKey, match="salt"):
        _pem.check_encryption(der)


def test_key_handle_is_freed_once() -> None:
    handle = _openssl.public_key(KEY.public.point)
    assert repr(handle) == "<EVP_PKEY>"
    handle.__del__()
    assert handle.pointer is None
    handle.__del__()  # a second time does nothing
