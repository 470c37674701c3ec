"""SM4-GCM: published vectors, and refusal of anything altered."""

from __future__ import annotations

import os
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ledger.crypto import sm4
from ledger.errors import BadCiphertext

KEY = bytes(range(16))
PLAIN = "妃子笑 1200 kg".encode()
BLOB = sm4.seal(KEY, PLAIN, b"record 1")


def test_sm4_equals_the_published_vectors(vectors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    block, gcm = vectors("sm4/published.json")["vectors"]
    key = bytes.fromhex(block["key"])
    cipher = Cipher(algorithms.SM4(key), modes.ECB()).encryptor()
    assert cipher.update(bytes.fromhex(block["plaintext"])).hex() == block["ciphertext"]
    nonce, aad = bytes.fromhex(gcm["nonce"]), bytes.fromhex(gcm["aad"])
    monkeypatch.setattr(os, "urandom", lambda n: nonce[:n])
    blob = sm4.seal(bytes.fromhex(gcm["key"]), bytes.fromhex(gcm["plaintext"]), aad)
    assert blob.hex() == gcm["nonce"] + gcm["ciphertext"] + gcm["tag"]
    assert sm4.unseal(bytes.fromhex(gcm["key"]), blob, aad).hex() == gcm["plaintext"]


@pytest.mark.parametrize("plain", [b"", b"x", bytes(15), bytes(16), bytes(100_000)], ids=len)
def test_sealed_data_reads_back(plain: bytes) -> None:
    blob = sm4.seal(KEY, plain, b"aad")
    assert len(blob) == len(plain) + sm4.OVERHEAD_BYTES
    assert sm4.unseal(KEY, blob, b"aad") == plain


def test_sealing_twice_gives_different_nonces() -> None:
    assert len({sm4.seal(KEY, PLAIN)[:12] for _ in range(100)}) == 100


def test_unsealing_is_refused_when_any_byte_is_changed() -> None:
    for at in range(len(BLOB)):
        bad = BLOB[:at] + bytes([BLOB[at] ^ 0x10]) + BLOB[at + 1 :]
        with pytest.raises(BadCiphertext):
            sm4.unseal(KEY, bad, b"record 1")


def test_unsealing_is_refused_when_it_is_cut_at_any_length() -> None:
    for length in range(len(BLOB)):
        with pytest.raises(BadCiphertext):
            sm4.unseal(KEY, BLOB[:length], b"record 1")


@pytest.mark.parametrize(("key", "aad"), [(KEY[::-1], b"record 1"), (KEY, b"record 2"), (KEY, b"")])
def test_unsealing_is_refused_when_key_or_context_is_another(key: bytes, aad: bytes) -> None:
    with pytest.raises(BadCiphertext) as caught:
        sm4.unseal(key, BLOB, aad)
    assert KEY.hex() not in repr(caught.value) and PLAIN.hex() not in repr(caught.value)


@pytest.mark.parametrize("length", [0, 15, 17, 32])
def test_sealing_is_misuse_when_the_key_has_not_16_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="key"):
        sm4.seal(bytes(length), PLAIN)
