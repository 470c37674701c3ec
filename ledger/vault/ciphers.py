"""The two SM4 operations of envelope encryption (GB/T 32907): wrap a fresh key, encrypt its one message.

A record key is 16 uniformly random bytes, exactly one cipher block, so wrapping is one application of the block
cipher: a permutation of a random value, which needs no mode, no nonce and no bound on the number of keys. It carries
no tag of its own: a changed wrapped key opens to another random key, under which the message's GCM tag fails. A
record key encrypts ONE message, therefore its GCM nonce is constant (SP 800-38D asks that key and nonce not repeat
together, and the key never repeats). Use `ledger.crypto.sm4` for anything that encrypts twice under one key.
"""

from __future__ import annotations

import os
import threading

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import ECB, GCM

from ledger.errors import BadCiphertext

KEY_BYTES = 16
TAG_BYTES = 16
_NONCE = bytes(12)
_FIRST = GCM(_NONCE)


class KeyWrap:
    """Wraps and unwraps random record keys under one key of 16 bytes. Safe to share between threads."""

    __slots__ = ("_contexts", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._contexts = threading.local()  # an OpenSSL context may serve one thread at a time

    def __repr__(self) -> str:
        return "KeyWrap(…)"

    def fresh(self, count: int) -> list[tuple[bytes, bytes]]:
        """`count` new random keys, each with its wrapped form."""
        keys = os.urandom(KEY_BYTES * count)
        wrapped = self._context("seal").update(keys)
        return [(keys[at : at + KEY_BYTES], wrapped[at : at + KEY_BYTES]) for at in range(0, len(keys), KEY_BYTES)]

    def unwrap(self, wrapped: bytes) -> bytes:
        """The key inside; raises BadCiphertext for another length. Never tells a wrong key: the message's tag does."""
        if len(wrapped) != KEY_BYTES:
            raise BadCiphertext(f"a wrapped key has {KEY_BYTES} bytes")
        return self._context("open").update(wrapped)

    def _context(self, direction: str) -> CipherContext:
        context: CipherContext | None = getattr(self._contexts, direction, None)
        if context is None:
            cipher = Cipher(SM4(self._key), ECB())  # noqa: S305 - one random block, see the module's docstring
            context = cipher.encryptor() if direction == "seal" else cipher.decryptor()
            setattr(self._contexts, direction, context)
        return context


def seal_once(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Ciphertext ‖ tag of the only message that `key` ever encrypts."""
    context = Cipher(SM4(key), _FIRST).encryptor()
    context.authenticate_additional_data(aad)
    return b"".join((context.update(plaintext), context.finalize(), context.tag))


def unseal_once(key: bytes, blob: bytes, aad: bytes) -> bytes:
    """The message. Raises BadCiphertext for another key, other additional data or an altered byte."""
    if len(blob) < TAG_BYTES:
        raise BadCiphertext("the ciphertext is shorter than its tag")
    context = Cipher(SM4(key), GCM(_NONCE, blob[-TAG_BYTES:])).decryptor()
    context.authenticate_additional_data(aad)
    try:
        return context.update(blob[:-TAG_BYTES]) + context.finalize()
    except InvalidTag as error:
        raise BadCiphertext("authenticated decryption failed: altered data or another key") from error
