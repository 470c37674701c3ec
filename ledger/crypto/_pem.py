"""PEM (RFC 7468, strict: one block, nothing around it) and the bounds on encrypted PKCS#8 from outside.

Does not decrypt: `_openssl` does, after `check_encryption` has seen that the parameters are ours and affordable.
"""

from __future__ import annotations

import binascii

from ledger.errors import BadKey

MAX_PEM_BYTES = 16 * 1024  # an SM2 key has about 400
MAX_ITERATIONS = 10_000_000  # some seconds: more would let a stranger's file stop the reader
SALT_BYTES = 16
_MIN_SALT_BYTES, _MAX_SALT_BYTES = 8, 64
_LINE = 64

_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")


def encode(label: str, der: bytes) -> str:
    """One PEM block with 64-character lines."""
    text = binascii.b2a_base64(der, newline=False).decode("ascii")
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""))


def decode(pem: bytes | str, labels: tuple[str, ...]) -> tuple[str, bytes]:
    """(label, DER) of the only block; raises BadKey for several blocks, other labels, headers or text around it."""
    data = pem.encode("utf-8", "replace") if isinstance(pem, str) else pem
    if len(data) > MAX_PEM_BYTES:
        raise BadKey("the PEM text is too long for one SM2 key")
    lines = data.replace(b"\r\n", b"\n").strip().split(b"\n")
    blocks = sum(line.startswith(b"-----BEGIN ") for line in lines)
    if blocks != 1:
        raise BadKey(f"expected exactly one PEM block, found {blocks}")
    for label in labels:
        tag = label.encode("ascii")
        if lines[0].rstrip() == b"-----BEGIN " + tag + b"-----" and lines[-1].rstrip() == b"-----END " + tag + b"-----":
            try:
                return label, binascii.a2b_base64(b"".join(line.strip() for line in lines[1:-1]), strict_mode=True)
            except binascii.Error as error:
                raise BadKey("the PEM block is not base64") from error
    raise BadKey(
        f"expected a PEM block {' or '.join(labels)} and nothing else",
        hint="`openssl pkey -in FILE` writes PKCS#8",
    )


def check_encryption(der: bytes) -> None:
    """Raise BadKey unless `der` is an EncryptedPrivateKeyInfo, PBES2 with PBKDF2, within the bounds (RFC 8018 A)."""
    outer, rest = _element(der, 0x30)
    algorithm, _ = _element(outer, 0x30)
    if rest or not algorithm.startswith(_PBES2):
        raise BadKey("the key is not encrypted with PBES2", hint="`openssl pkcs8 -topk8 -v2 aes-256-cbc` writes it")
    parameters, _ = _element(algorithm[len(_PBES2) :], 0x30)
    derivation, _ = _element(parameters, 0x30)
    if not derivation.startswith(_PBKDF2):
        raise BadKey("the key's password derivation is not PBKDF2")
    fields, _ = _element(derivation[len(_PBKDF2) :], 0x30)
    salt, after = _element(fields, 0x04)
    count, _ = _element(after, 0x02)
    if not _MIN_SALT_BYTES <= len(salt) <= _MAX_SALT_BYTES:
        raise BadKey("the key's salt has an unusual length")
    if len(count) > 8 or not 1 <= int.from_bytes(count, "big", signed=True) <= MAX_ITERATIONS:
        raise BadKey(f"the key asks for more than {MAX_ITERATIONS} PBKDF2 rounds, or for none")


def _element(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """(content, rest) of the DER element with this tag at the start of `data`."""
    if len(data) < 2 or data[0] != tag:
        raise BadKey("the key is not well-formed DER")
    length, at = data[1], 2
    if length & 0x80:
        size = length & 0x7F
        if not 1 <= size <= 2 or len(data) < 2 + size:
            raise BadKey("the key is not well-formed DER")
        length, at = int.from_bytes(data[2 : 2 + size], "big"), 2 + size
    if len(data) < at + length:
        raise BadKey("the key is cut short")
    return data[at : at + length], data[at + length :]
