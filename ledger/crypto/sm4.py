"""SM4-GCM (GB/T 32907-2016; GCM as in RFC 8998) for data at rest, from the `cryptography` package.

A sealed blob is nonce(12) ‖ ciphertext ‖ tag(16); the nonce is random, so one key may seal about 2^32 blobs. Does not
keep keys. OpenSSL 3.0 itself has no SM4-GCM, hence another library than for SM2 and SM3.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM

from ledger.errors import BadCiphertext, CryptoUnavailable

KEY_BYTES = 16
NONCE_BYTES = 12
TAG_BYTES = 16
OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES


def new_key() -> bytes:
    """A random SM4 key."""
    return os.urandom(KEY_BYTES)


def seal(key: bytes, plaintext: bytes, aad: bytes = b"") -> bytes:
    """nonce ‖ ciphertext ‖ tag under a fresh random nonce; `aad` is authenticated, not stored.

    ValueError for a key of another length than 16 bytes.
    """
    nonce = os.urandom(NONCE_BYTES)
    try:
        context = Cipher(SM4(key), GCM(nonce)).encryptor()
    except UnsupportedAlgorithm as error:
        raise CryptoUnavailable("this build of `cryptography` has no SM4-GCM", hint="install its wheel") from error
    context.authenticate_additional_data(aad)
    body = context.update(plaintext)
    context.finalize()
    return b"".join((nonce, body, context.tag))


def unseal(key: bytes, blob: bytes, aad: bytes = b"") -> bytes:
    """The plaintext; raises BadCiphertext for another key, altered data or other `aad`, without saying which."""
    if len(blob) < OVERHEAD_BYTES:
        raise BadCiphertext("the sealed data is shorter than its nonce and tag")
    try:
        context = Cipher(SM4(key), GCM(blob[:NONCE_BYTES], blob[-TAG_BYTES:])).decryptor()
        context.authenticate_additional_data(aad)
        return context.update(blob[NONCE_BYTES:-TAG_BYTES]) + context.finalize()
    except InvalidTag as error:
        raise BadCiphertext("the sealed data does not authenticate: another key, or it was altered") from error
    except UnsupportedAlgorithm as error:
        raise CryptoUnavailable("this build of `cryptography` has no SM4-GCM", hint="install its wheel") from error
