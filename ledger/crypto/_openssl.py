"""The libcrypto that this Python already links, bound once through ctypes and self-tested before anybody sees it.

No other module talks to OpenSSL's SM2. `library()` returns the bound library; some distributions build OpenSSL
`no-sm2`, so what decides is the self-test (GM/T 0003.5-2012 A.2, a refused signature, a round trip), not a version.
Functions are bound with full prototypes (ctypes would cut pointers to int) and release the GIL during each call. An
EVP_PKEY may be shared between threads; every operation makes its own EVP_PKEY_CTX.
"""

from __future__ import annotations

import ctypes as c
import hashlib
import sys
from _thread import allocate_lock  # `threading` would bring functools and collections

from ledger.errors import BadKey, CryptoUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SPKI_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")  # then 04 ‖ X ‖ Y
SPKI_BYTES = 91
PKCS8_PREFIX = bytes.fromhex("3041020100301306072a8648ce3d020106082a811ccf5501822d042730250201010420")  # then d
MINIMUM_VERSION = 0x30000000  # EVP_PKEY "SM2" keys from providers
_SIGNATURE_ROOM = 80  # a DER signature has at most 72 bytes

_ptr, _bytes, _size, _int = c.c_void_p, c.c_char_p, c.c_size_t, c.c_int
_ptr_ptr = c.POINTER(_ptr)
_PROTOTYPES = {
    "OpenSSL_version_num": (c.c_ulong, []),
    "ERR_clear_error": (None, []),
    "CRYPTO_free": (None, [_ptr, _bytes, _int]),
    "EVP_PKEY_free": (None, [_ptr]),
    "EVP_PKEY_is_a": (_int, [_ptr, _bytes]),
    "EVP_PKEY_public_check": (_int, [_ptr]),  # takes an EVP_PKEY_CTX: a key here crashes
    "EVP_PKEY_pairwise_check": (_int, [_ptr]),  # the same
    "EVP_PKEY_CTX_new": (_ptr, [_ptr, _ptr]),
    "EVP_PKEY_CTX_free": (None, [_ptr]),
    "EVP_PKEY_CTX_new_from_name": (_ptr, [_ptr, _bytes, _bytes]),
    "EVP_PKEY_keygen_init": (_int, [_ptr]),
    "EVP_PKEY_generate": (_int, [_ptr, _ptr_ptr]),
    "EVP_PKEY_sign_init": (_int, [_ptr]),
    "EVP_PKEY_sign": (_int, [_ptr, _bytes, c.POINTER(_size), _bytes, _size]),
    "EVP_PKEY_verify_init": (_int, [_ptr]),
    "EVP_PKEY_verify": (_int, [_ptr, _bytes, _size, _bytes, _size]),
    "d2i_PUBKEY": (_ptr, [_ptr, _ptr_ptr, c.c_long]),
    "i2d_PUBKEY": (_int, [_ptr, c.POINTER(_ptr)]),
    "d2i_PKCS8_PRIV_KEY_INFO": (_ptr, [_ptr, _ptr_ptr, c.c_long]),
    "i2d_PKCS8_PRIV_KEY_INFO": (_int, [_ptr, c.POINTER(_ptr)]),
    "PKCS8_PRIV_KEY_INFO_free": (None, [_ptr]),
    "EVP_PKCS82PKEY": (_ptr, [_ptr]),
    "EVP_PKEY2PKCS8": (_ptr, [_ptr]),
    "d2i_X509_SIG": (_ptr, [_ptr, _ptr_ptr, c.c_long]),
    "i2d_X509_SIG": (_int, [_ptr, c.POINTER(_ptr)]),
    "X509_SIG_free": (None, [_ptr]),
    "EVP_aes_256_cbc": (_ptr, []),
    "PKCS8_encrypt": (_ptr, [_int, _ptr, _bytes, _int, _bytes, _int, _int, _ptr]),
    "PKCS8_decrypt": (_ptr, [_ptr, _bytes, _int]),
}

_lock = allocate_lock()
_library: c.CDLL | None = None
_refusal: str | None = None


def library() -> c.CDLL:
    """The self-tested libcrypto; raises CryptoUnavailable when there is none with SM2 and SM3."""
    return _library if _library is not None else _load()


def _load() -> c.CDLL:
    global _library, _refusal
    with _lock:
        if _library is None and _refusal is None:
            refused = []
            for path in candidates():
                try:
                    found = c.CDLL(path)
                    for name, (result, arguments) in _PROTOTYPES.items():
                        function = getattr(found, name)
                        function.restype, function.argtypes = result, arguments
                    _self_test(found)
                except (OSError, AttributeError, ValueError, BadKey) as error:
                    refused.append(f"{path}: {error}")
                else:
                    _library = found
                    break
            else:
                _refusal = "; ".join(refused) or "no libcrypto found"
        if _library is None:
            raise CryptoUnavailable(
                f"no libcrypto with SM2 ({_refusal})",
                hint="use a Python linked against OpenSSL 3 built with SM2 and SM3 (Debian, Ubuntu, openEuler do)",
            )
        return _library


def candidates() -> Iterator[str]:
    """Paths to try, best first: what `hashlib` itself uses, then the system's versioned library."""
    try:
        import _hashlib  # the symbols of the libcrypto it was linked with are found through it

        yield _hashlib.__file__
    except (ImportError, AttributeError):
        pass
    if sys.platform == "linux":  # loading an unversioned libcrypto aborts the process on macOS
        yield from ("libcrypto.so.4", "libcrypto.so.3")


# ------------------------------------------------------------------------------------------------------------ keys


class Key:
    """Owns one EVP_PKEY; shows nothing of it, cannot be copied or pickled."""

    __slots__ = ("_free", "pointer")

    def __init__(self, lib: c.CDLL, pointer: int | None, *, private: bool) -> None:
        if not pointer:
            lib.ERR_clear_error()
            raise BadKey("not a usable SM2 key")
        self.pointer: int | None = pointer
        self._free = lib.EVP_PKEY_free
        if lib.EVP_PKEY_is_a(pointer, b"SM2") != 1:
            raise BadKey("not a key on the curve sm2p256v1")
        context = lib.EVP_PKEY_CTX_new(pointer, None)
        try:
            valid = lib.EVP_PKEY_public_check(context) == 1
            valid = valid and (not private or lib.EVP_PKEY_pairwise_check(context) == 1)
        finally:
            lib.EVP_PKEY_CTX_free(context)
            lib.ERR_clear_error()
        if not valid:
            raise BadKey("the SM2 key fails its check (off the curve, or its halves do not belong together)")

    def __del__(self) -> None:
        pointer = getattr(self, "pointer", None)
        if pointer:
            self.pointer = None
            self._free(pointer)

    def __repr__(self) -> str:
        return "<EVP_PKEY>"

    def __reduce__(self) -> str:
        raise TypeError("a key handle cannot be copied or pickled")


def public_key(point: bytes) -> Key:
    """The key for 04 ‖ X ‖ Y; raises BadKey when the point is not on the curve."""
    lib = library()
    return _public_key(lib, point)


def _public_key(lib: c.CDLL, point: bytes) -> Key:
    pointer, _ = decode(lib, "d2i_PUBKEY", SPKI_PREFIX + point)
    return Key(lib, pointer, private=False)


def generate() -> Key:
    """A fresh key pair from OpenSSL's random generator."""
    lib = library()
    pointer = _ptr()
    context = lib.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
    try:
        made = (
            context and lib.EVP_PKEY_keygen_init(context) == 1 and lib.EVP_PKEY_generate(context, c.byref(pointer)) == 1
        )
    finally:
        lib.EVP_PKEY_CTX_free(context)
    if not made:
        lib.ERR_clear_error()
        raise CryptoUnavailable("OpenSSL could not generate an SM2 key")
    return Key(lib, pointer.value, private=True)


def private_key(pkcs8: bytes, password: bytes | None) -> Key:
    """The key in a PKCS#8 DER, encrypted when `password` is given; nothing may follow it. Raises BadKey."""
    lib = library()
    return _private_key(lib, pkcs8, password)


def _private_key(lib: c.CDLL, pkcs8: bytes, password: bytes | None) -> Key:
    info = sealed = None
    try:
        if password is None:
            info, used = decode(lib, "d2i_PKCS8_PRIV_KEY_INFO", pkcs8)
        else:
            sealed, used = decode(lib, "d2i_X509_SIG", pkcs8)
            info = lib.PKCS8_decrypt(sealed, password, len(password)) if sealed else None
            if sealed and not info:
                raise BadKey("the key file's password is wrong, or the file is damaged")
        if info and used != len(pkcs8):
            raise BadKey("bytes follow the private key")
        return Key(lib, lib.EVP_PKCS82PKEY(info) if info else None, private=True)
    finally:
        lib.ERR_clear_error()
        lib.PKCS8_PRIV_KEY_INFO_free(info)
        lib.X509_SIG_free(sealed)


def pkcs8_of(key: Key, password: bytes | None, iterations: int, salt: bytes) -> bytes:
    """PKCS#8 DER; with a password PBES2 with PBKDF2-HMAC-SHA256 and AES-256-CBC (RFC 8018)."""
    lib = library()
    info = lib.EVP_PKEY2PKCS8(key.pointer)
    sealed = None
    try:
        if not info:
            raise BadKey("OpenSSL cannot export this key")
        if password is None:
            return encode(lib, "i2d_PKCS8_PRIV_KEY_INFO", info)
        cipher = lib.EVP_aes_256_cbc()
        sealed = lib.PKCS8_encrypt(-1, cipher, password, len(password), salt, len(salt), iterations, info)
        if not sealed:
            raise CryptoUnavailable("OpenSSL cannot encrypt a private key")
        return encode(lib, "i2d_X509_SIG", sealed)
    finally:
        lib.ERR_clear_error()
        lib.X509_SIG_free(sealed)
        lib.PKCS8_PRIV_KEY_INFO_free(info)


def spki_of(key: Key) -> bytes:
    """The 91-byte SubjectPublicKeyInfo with the uncompressed point; raises BadKey for any other shape."""
    return _spki_of(library(), key)


def _spki_of(lib: c.CDLL, key: Key) -> bytes:
    der = encode(lib, "i2d_PUBKEY", key.pointer)
    if len(der) != SPKI_BYTES or not der.startswith(SPKI_PREFIX + b"\x04"):
        raise BadKey("the key's public half is not an uncompressed point on sm2p256v1")
    return der


def decode(lib: c.CDLL, function: str, der: bytes) -> tuple[int | None, int]:
    """Run a d2i function; the object's address (None when refused) and the number of bytes it used."""
    buffer = c.create_string_buffer(der, len(der))
    start = c.addressof(buffer)
    position = _ptr(start)
    made = getattr(lib, function)(None, c.byref(position), len(der))
    return made, (position.value or start) - start


def encode(lib: c.CDLL, function: str, value: int | None) -> bytes:
    """Run an i2d function; the DER bytes."""
    out = _ptr()
    length = getattr(lib, function)(value, c.byref(out))
    if length <= 0 or not out.value:
        lib.ERR_clear_error()
        raise BadKey("OpenSSL cannot encode this key")
    try:
        return c.string_at(out.value, length)
    finally:
        lib.CRYPTO_free(out, b"", 0)


# ------------------------------------------------------------------------------------------------- sign and verify


def sign(key: Key, e: bytes) -> bytes:
    """A DER signature over the 32-byte digest e."""
    return _sign(library(), key, e)


def _sign(lib: c.CDLL, key: Key, e: bytes) -> bytes:
    assert len(e) == 32  # OpenSSL is told 32 and would read past a shorter buffer
    out, length = c.create_string_buffer(_SIGNATURE_ROOM), _size(_SIGNATURE_ROOM)
    context = lib.EVP_PKEY_CTX_new(key.pointer, None)
    try:
        if lib.EVP_PKEY_sign_init(context) != 1 or lib.EVP_PKEY_sign(context, out, c.byref(length), e, 32) != 1:
            lib.ERR_clear_error()
            raise CryptoUnavailable("OpenSSL could not sign")
    finally:
        lib.EVP_PKEY_CTX_free(context)
    return out.raw[: length.value]


def verifies(key: Key, e: bytes, der: bytes) -> bool:
    """Whether a DER signature over the 32-byte digest e holds; `sm2` turns the answer into evidence."""
    return _verifies(_library or _load(), key, e, der)


def der_of(raw: bytes) -> bytes:
    """The one DER encoding of a 64-byte r‖s."""
    body = _der_integer(raw[:32]) + _der_integer(raw[32:])
    return b"\x30" + bytes((len(body),)) + body


def _der_integer(value: bytes) -> bytes:
    value = value.lstrip(b"\0") or b"\0"
    if value[0] & 0x80:
        value = b"\0" + value
    return b"\x02" + bytes((len(value),)) + value


def _verifies(lib: c.CDLL, key: Key, e: bytes, der: bytes) -> bool:
    assert len(e) == 32
    context = lib.EVP_PKEY_CTX_new(key.pointer, None)
    try:
        if lib.EVP_PKEY_verify_init(context) != 1:
            lib.ERR_clear_error()
            raise CryptoUnavailable("OpenSSL could not start an SM2 verification")
        holds: bool = lib.EVP_PKEY_verify(context, der, len(der), e, 32) == 1  # 0 (wrong) and -1 (malformed): no
    finally:
        lib.EVP_PKEY_CTX_free(context)
    if not holds:
        lib.ERR_clear_error()  # the queue belongs to the thread and would show up in later ssl and hashlib calls
    return holds


# -------------------------------------------------------------------------------------------------------- self-test

_VECTOR_KEY = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"  # GM/T 0003.5-2012 A.2 (published)
_VECTOR_E = "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640"
_VECTOR_POINT = (
    "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
_VECTOR_SIGNATURE = (
    "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
)
_SM3_ABC = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"  # GB/T 32905-2016 A.1


def _self_test(lib: c.CDLL) -> None:
    """Raise ValueError or BadKey unless `lib` computes the published vectors and refuses an altered one."""
    if lib.OpenSSL_version_num() < MINIMUM_VERSION:
        raise ValueError("older than OpenSSL 3.0")
    test_sm3()
    point, e, signature = published_vector()
    pair = _private_key(lib, PKCS8_PREFIX + bytes.fromhex(_VECTOR_KEY), None)
    if _spki_of(lib, pair) != SPKI_PREFIX + point:
        raise ValueError("SM2 gives a wrong public key")
    public, der = _public_key(lib, point), der_of(signature)
    if not _verifies(lib, public, e, der):
        raise ValueError("SM2 refuses the published signature")
    if _verifies(lib, public, e[:-1] + b"\x41", der):
        raise ValueError("SM2 accepts a signature over another digest")
    if not _verifies(lib, public, e, _sign(lib, pair, e)):
        raise ValueError("SM2 refuses its own signature")


def test_sm3() -> None:
    """ValueError unless SM3 gives the published digest."""
    if hashlib.new("sm3", b"abc").hexdigest() != _SM3_ABC:
        raise ValueError("SM3 gives a wrong digest")


def published_vector() -> tuple[bytes, bytes, bytes]:
    """(point, e, r‖s) of GM/T 0003.5-2012 A.2."""
    return bytes.fromhex(_VECTOR_POINT), bytes.fromhex(_VECTOR_E), bytes.fromhex(_VECTOR_SIGNATURE)
