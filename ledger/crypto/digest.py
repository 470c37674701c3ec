"""A digest that never travels without the name of its algorithm: `sm3:<64 hex>`.

Does not hash anything (see `sm3`, `keccak`). Bare 32-byte values exist only inside the EVM code and inside the byte
strings that are hashed.
"""

from __future__ import annotations

from ledger.errors import Malformed
from ledger.values import dataclass

SM3 = "sm3"
KECCAK256 = "keccak256"
SHA256 = "sha-256"  # the spelling of RFC 6920 and of RFC 9530

DIGEST_BYTES = 32
_ALGORITHMS = frozenset((SM3, KECCAK256, SHA256))


@dataclass(frozen=True, slots=True)
class Digest:
    """32 bytes and the algorithm that made them; equal only if both are."""

    algorithm: str
    value: bytes

    def __post_init__(self) -> None:
        if self.algorithm not in _ALGORITHMS:
            raise Malformed(f"unknown digest algorithm {self.algorithm!r:.40}", field="algorithm")
        if type(self.value) is not bytes or len(self.value) != DIGEST_BYTES:
            raise Malformed(f"a {self.algorithm} digest has 32 bytes", field="value")

    @property
    def text(self) -> str:
        """The text form, e.g. `sm3:66c7…`: lower case, 64 hexadecimal digits."""
        return f"{self.algorithm}:{self.value.hex()}"

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, text: object, algorithm: str | None = None, *, field: str | None = None) -> Digest:
        """Read the text form, exactly as `text` writes it; with `algorithm`, refuse any other.

        Raises Malformed (naming `field`) for anything else: upper case, missing prefix, wrong length.
        """
        if not isinstance(text, str):
            raise Malformed("a digest must be text such as sm3:<64 hex>", field=field)
        name, colon, digits = text.partition(":")
        if not colon or name not in _ALGORITHMS or (algorithm is not None and name != algorithm):
            wanted = algorithm or "|".join(sorted(_ALGORITHMS))
            raise Malformed(f"expected a digest of the form {wanted}:<64 hex>", field=field)
        return cls(name, _value(digits, field))


def _value(digits: str, field: str | None) -> bytes:
    """32 bytes from exactly 64 lower-case digits: what writing them again does not give back was written otherwise."""
    try:
        value = bytes.fromhex(digits)
    except ValueError:
        value = b""
    if len(value) != DIGEST_BYTES or value.hex() != digits:
        raise Malformed("a digest has exactly 64 lower-case hexadecimal digits", field=field)
    return value


def sm3_text(value: bytes) -> str:
    """The text form of an SM3 digest."""
    return Digest(SM3, value).text


def keccak256_text(value: bytes) -> str:
    """The text form of a Keccak-256 digest."""
    return Digest(KECCAK256, value).text


def parse_sm3(text: object, *, field: str | None = None) -> bytes:
    """The 32 bytes of an `sm3:…` text; raises Malformed for anything else."""
    if type(text) is str and text.startswith("sm3:"):
        return _value(text[4:], field)
    return Digest.parse(text, SM3, field=field).value
