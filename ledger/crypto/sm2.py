"""SM2 signatures with SM3 (GB/T 32918.2-2016, GM/T 0009): keys, signing, and verification that returns evidence.

    Z = SM3(ENTL ‖ ID ‖ a ‖ b ‖ xG ‖ yG ‖ xA ‖ yA)   ENTL: the ID's length in bits, 2 bytes big-endian (GM/T 0003.2 5.5)
    e = SM3(Z ‖ M)                                    computed here, so OpenSSL's changing default ID never matters

At the project's edge a signature is raw r‖s, 64 bytes; DER is strict (one encoding per signature). Does not do
certificates, encryption or key exchange, and never shows a private key: not in repr, errors, pickles or copies.
"""

from __future__ import annotations

import os

from ledger.crypto import _openssl, _tables
from ledger.crypto import sm3 as _sm3
from ledger.errors import BadKey, Malformed, SignatureRejected
from ledger.values import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ledger.crypto.sm3 import Hasher

DEFAULT_ID = b"1234567812345678"  # GM/T 0009-2012, clause 10
MAX_ID_BYTES = 8191  # ENTL is 16 bits wide and counts bits
SIGNATURE_BYTES = 64
PBKDF2_ITERATIONS = 600_000  # OWASP 2023 for PBKDF2-HMAC-SHA256
CACHED_KEYS = 256  # verifiers kept between calls, 70 KiB each once tabulated: signers are few and come again

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
GX = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
GY = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0
_CURVE = b"".join(value.to_bytes(32, "big") for value in (A, B, GX, GY))

_verifiers: dict[bytes, _tables.Verifier] = {}


def _verifier(point: bytes) -> _tables.Verifier:
    """The verifier of a key, kept between calls. Not functools.lru_cache: that import costs 2 ms of a short run."""
    found = _verifiers.get(point)
    if found is None:
        if len(_verifiers) >= CACHED_KEYS:
            _verifiers.clear()
        found = _verifiers.setdefault(point, _tables.Verifier(point))
    return found


def ensure_available() -> None:
    """Bind and self-test SM2 now; raises CryptoUnavailable with one clear message where it is missing."""
    _openssl.library()


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """Evidence that `key` signed the digest `e` = SM3(Z ‖ message); only `PublicKey.verify*` make it."""

    key: PublicKey
    e: bytes
    signature: bytes


class PublicKey:
    """A point on sm2p256v1, checked when made; raises BadKey for anything else. Immutable, hashable, thread-safe."""

    __slots__ = ("_context", "_verifier", "key_id", "point", "x", "y")
    x: int
    y: int
    point: bytes
    key_id: bytes
    _context: Hasher
    _verifier: _tables.Verifier | None

    def __init__(self, x: int, y: int) -> None:
        if not (0 <= x < P and 0 <= y < P) or (y * y - (x * x + A) * x - B) % P:
            raise BadKey("the point is not on the curve sm2p256v1")
        halves = x.to_bytes(32, "big") + y.to_bytes(32, "big")
        key_id = _z(DEFAULT_ID, halves)
        for name, value in (
            ("x", x),
            ("y", y),
            ("point", b"\x04" + halves),  # uncompressed, 65 bytes
            ("key_id", key_id),  # Z with the default ID: what names this key everywhere
            ("_context", _sm3.new(key_id)),  # copied for every message signed under the default ID
            ("_verifier", None),
        ):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"PublicKey is immutable: cannot change {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"PublicKey is immutable: cannot delete {name!r}")

    def __eq__(self, other: object) -> bool:
        return self.point == other.point if isinstance(other, PublicKey) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.point)

    def __repr__(self) -> str:
        return f"PublicKey(sm3:{self.key_id.hex()})"

    def __reduce__(self) -> tuple[type[PublicKey], tuple[int, int]]:
        return PublicKey, (self.x, self.y)

    # ---- encodings

    @classmethod
    def from_point(cls, point: bytes) -> PublicKey:
        """From 04 ‖ X ‖ Y (65 bytes) or X ‖ Y (64 bytes); raises BadKey."""
        if len(point) == 65 and point[0] == 4:
            point = point[1:]
        if len(point) != 64:
            raise BadKey("a public key is 04 followed by X and Y, 65 bytes, or X and Y, 64 bytes")
        return cls(int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big"))

    @classmethod
    def from_spki_der(cls, der: bytes) -> PublicKey:
        """From the 91-byte SubjectPublicKeyInfo with an uncompressed point, the only form accepted; raises BadKey."""
        prefix = _openssl.SPKI_PREFIX + b"\x04"
        if len(der) != _openssl.SPKI_BYTES or not der.startswith(prefix):
            raise BadKey("not a SubjectPublicKeyInfo with an uncompressed point on sm2p256v1")
        return cls.from_point(der[len(prefix) :])

    @classmethod
    def from_spki_pem(cls, pem: bytes | str) -> PublicKey:
        """From exactly one PUBLIC KEY block; raises BadKey."""
        from ledger.crypto import _pem  # on use: the verifier has no PEM file

        return cls.from_spki_der(_pem.decode(pem, ("PUBLIC KEY",))[1])

    @property
    def spki_der(self) -> bytes:
        """SubjectPublicKeyInfo, 91 bytes."""
        return _openssl.SPKI_PREFIX + self.point

    @property
    def spki_pem(self) -> str:
        """SubjectPublicKeyInfo as PEM."""
        from ledger.crypto import _pem  # on use: the verifier has no PEM file

        return _pem.encode("PUBLIC KEY", self.spki_der)

    # ---- digests and verification

    def z(self, user_id: bytes = DEFAULT_ID) -> bytes:
        """Z, the 32 bytes that stand for this key and its owner's ID in every signed digest."""
        return self.key_id if user_id == DEFAULT_ID else _z(user_id, self.point[1:])

    def digest(self, message: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
        """e = SM3(Z ‖ message)."""
        context = self._context.copy() if user_id == DEFAULT_ID else _sm3.new(_z(user_id, self.point[1:]))
        context.update(message)
        return context.digest()

    def verify(self, message: bytes, signature: bytes, user_id: bytes = DEFAULT_ID) -> VerifiedSignature:
        """Check a raw r‖s signature; raises SignatureRejected when it does not hold for this key, ID and message."""
        return self.verify_digest(self.digest(message, user_id), signature)

    def verify_digest(self, e: bytes, signature: bytes) -> VerifiedSignature:
        """Check a raw r‖s signature over e = SM3(Z ‖ M) that the caller computed; raises SignatureRejected."""
        if len(signature) != SIGNATURE_BYTES:
            raise SignatureRejected("an SM2 signature has 64 bytes, r then s", field="signature")
        if len(e) != _sm3.DIGEST_BYTES:
            raise SignatureRejected("the signed digest has 32 bytes", field="digest")
        if not self._own_verifier().verifies(e, signature):
            raise SignatureRejected("the SM2 signature does not hold for this key and message", field="signature")
        return VerifiedSignature(self, e, signature)

    def expect_many(self) -> PublicKey:
        """Say that this key will sign many messages (a member's key in a server): verifying is faster from the second
        on, for about 80 KiB of tables. Changes no answer. Returns the key."""
        self._own_verifier().expect_many()
        return self

    def _own_verifier(self) -> _tables.Verifier:
        verifier = self._verifier
        if verifier is None:
            verifier = _verifier(self.point)
            object.__setattr__(self, "_verifier", verifier)
        return verifier


class PrivateKey:
    """A signing key inside OpenSSL; the scalar d (1 ≤ d ≤ n-2) is never kept in Python. Thread-safe."""

    __slots__ = ("_key", "public")

    def __init__(self, key: _openssl.Key) -> None:
        self._key = key
        self.public = PublicKey.from_spki_der(_openssl.spki_of(key))

    def __repr__(self) -> str:
        return f"PrivateKey(of sm3:{self.public.key_id.hex()})"

    def __reduce__(self) -> str:
        raise TypeError("a private key cannot be copied or pickled: use to_pkcs8_pem")

    @classmethod
    def generate(cls) -> PrivateKey:
        """A fresh random key."""
        return cls(_openssl.generate())

    @classmethod
    def from_scalar(cls, d: int) -> PrivateKey:
        """The key with this scalar; raises BadKey unless 1 ≤ d ≤ n-2 (GB/T 32918.1, 6.1)."""
        if not 1 <= d <= N - 2:
            raise BadKey("a private scalar lies in [1, n-2]")
        return cls(_openssl.private_key(_openssl.PKCS8_PREFIX + d.to_bytes(32, "big"), None))

    @classmethod
    def from_pkcs8_pem(cls, pem: bytes | str, password: bytes | None = None) -> PrivateKey:
        """From exactly one PKCS#8 block, encrypted if and only if a password is given; raises BadKey."""
        from ledger.crypto import _pem  # on use: the verifier has no PEM file

        label, der = _pem.decode(pem, ("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"))
        encrypted = label != "PRIVATE KEY"
        if encrypted and not password:
            raise BadKey("the key is encrypted: a password is needed")
        if password is not None and not encrypted:
            raise BadKey("the key is not encrypted although a password was given")
        if encrypted:
            _pem.check_encryption(der)
        return cls(_openssl.private_key(der, password))

    def to_pkcs8_pem(self, password: bytes | None, iterations: int = PBKDF2_ITERATIONS) -> str:
        """PKCS#8 as PEM; `None` means unencrypted, on purpose. Raises BadKey for an empty password."""
        from ledger.crypto import _pem  # on use: the verifier has no PEM file

        if password is None:
            return _pem.encode("PRIVATE KEY", _openssl.pkcs8_of(self._key, None, 0, b""))
        if not password:
            raise BadKey("an empty password protects nothing")
        if not PBKDF2_ITERATIONS <= iterations <= _pem.MAX_ITERATIONS:
            raise BadKey(f"PBKDF2 rounds must lie in [{PBKDF2_ITERATIONS}, {_pem.MAX_ITERATIONS}]")
        der = _openssl.pkcs8_of(self._key, password, iterations, os.urandom(_pem.SALT_BYTES))
        return _pem.encode("ENCRYPTED PRIVATE KEY", der)

    def sign(self, message: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
        """64 bytes r‖s over SM3(Z ‖ message)."""
        return der_to_raw(self.sign_der(message, user_id))

    def sign_der(self, message: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
        """The same as a DER SEQUENCE, as certificates and the OpenSSL command line use it."""
        return _openssl.sign(self._key, self.public.digest(message, user_id))


# --------------------------------------------------------------------------------------------------------- helpers


def _z(user_id: bytes, halves: bytes) -> bytes:
    if len(user_id) > MAX_ID_BYTES:
        raise Malformed(f"a user ID has at most {MAX_ID_BYTES} bytes", field="userId")
    return _sm3.sm3((8 * len(user_id)).to_bytes(2, "big") + user_id + _CURVE + halves)


def raw_to_der(raw: bytes) -> bytes:
    """r‖s as the one DER encoding of the signature; raises SignatureRejected unless it has 64 bytes."""
    if len(raw) != SIGNATURE_BYTES:
        raise SignatureRejected("an SM2 signature has 64 bytes, r then s", field="signature")
    return _openssl.der_of(raw)


def der_to_raw(der: bytes) -> bytes:
    """Strict DER as r‖s: decoded, encoded again and compared; raises Malformed for any other encoding."""
    try:
        r_end = 4 + der[3]
        s_end = r_end + 2 + der[r_end + 1]
        raw = _padded(der[4:r_end]) + _padded(der[r_end + 2 : s_end])
    except (IndexError, OverflowError) as error:
        raise Malformed("not a DER signature", field="signature") from error
    if raw_to_der(raw) != der:
        raise Malformed("the DER signature is not canonical", field="signature")
    return raw


def _padded(integer: bytes) -> bytes:
    return int.from_bytes(integer, "big").to_bytes(32, "big")
