"""SM4-GCM until `ledger.crypto.sm4` lands (same names, same bytes)."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM

from ledger.errors import BadCiphertext


def seal(key: bytes, plaintext: bytes, aad: bytes = b"") -> bytes:
    nonce = os.urandom(12)
    context = Cipher(SM4(key), GCM(nonce)).encryptor()
    context.authenticate_additional_data(aad)
    return nonce + context.update(plaintext) + context.finalize() + context.tag


def unseal(key: bytes, blob: bytes, aad: bytes = b"") -> bytes:
    try:
        context = Cipher(SM4(key), GCM(blob[:12], blob[-16:])).decryptor()
        context.authenticate_additional_data(aad)
        return context.update(blob[12:-16]) + context.finalize()
    except (InvalidTag, ValueError) as error:
        raise BadCiphertext("authenticated decryption failed") from error
