"""PEM (RFC 7468) of certificates, requests and revocation lists: strict, nothing but the blocks.

Private keys have their own reader (`ledger.crypto._pem`), whose errors are about keys.
"""

from __future__ import annotations

import binascii

from ledger.crypto import _pem
from ledger.crypto.certificates.refusals import CertificateMalformed, CertificateTooLarge

_BEGIN, _END, _DASHES = b"-----BEGIN ", b"-----END ", b"-----"
_HINT = "`openssl x509 -in FILE` (or `openssl crl`, `openssl req`) writes the block alone"


def write(label: str, der: bytes) -> str:
    """One block."""
    return _pem.encode(label, der)


def read_one(pem: bytes | str, label: str, limit: int) -> bytes:
    """The DER of the only block; raises CertificateMalformed or CertificateTooLarge."""
    blocks = read_all(pem, label, limit, 1)
    return blocks[0]


def read_all(pem: bytes | str, label: str, limit: int, most: int) -> list[bytes]:
    """The DER of each block, in order, at least one; raises CertificateMalformed or CertificateTooLarge.

    `limit` is what one block may hold; here it bounds the text, and each reader holds its own block to it.
    """
    data = pem.encode("utf-8", "replace") if isinstance(pem, str) else pem
    if len(data) > most * (2 * limit + 128):
        raise CertificateTooLarge("the PEM text is too long", field="pem")
    begin, end = _BEGIN + label.encode("ascii") + _DASHES, _END + label.encode("ascii") + _DASHES
    found: list[bytes] = []
    body: list[bytes] | None = None
    for line in data.replace(b"\r\n", b"\n").split(b"\n"):
        text = line.rstrip()
        if body is None:
            if text == begin:
                body = []
                if len(found) == most:
                    raise CertificateMalformed(f"more than {most} PEM block(s)", field="pem", hint=_HINT)
            elif text:
                raise CertificateMalformed(f"expected a PEM block {label} and nothing else", field="pem", hint=_HINT)
        elif text == end:
            found.append(_decode(b"".join(body)))
            body = None
        else:
            body.append(text)
    if body is not None or not found:
        raise CertificateMalformed(f"expected a whole PEM block {label}", field="pem", hint=_HINT)
    return found


def _decode(base64: bytes) -> bytes:
    try:
        return binascii.a2b_base64(base64, strict_mode=True)
    except binascii.Error as error:
        raise CertificateMalformed("the PEM block is not base64", field="pem") from error
