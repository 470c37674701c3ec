"""Verification for keys that come again: s·G and t·P from precomputed multiples, on OpenSSL's own curve arithmetic.

    R = s·G + t·P with t = (r + s) mod n ≠ 0;  valid if and only if (e + x_R) mod n = r     (GB/T 32918.2, 7.1)

OpenSSL's EVP interface computes both products anew for each signature. Giving G and P a group each, of which they are
the generator, lets `EC_GROUP_precompute_mult` tabulate their multiples (0.4 ms and about 70 KiB for each key): over
twice as many verifications per second. It takes varying time, so it is for verifying only: everything is public here.

Where a libcrypto lacks these functions, or fails the self-test, every key stays with EVP. Nothing here signs.
"""

from __future__ import annotations

import ctypes as c
import threading

from ledger.crypto import _openssl
from ledger.errors import CryptoUnavailable

N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
USES_BEFORE_TABLE = 3  # building a table costs about as much as two verifications
_NID_SM2 = 1172  # obj_mac.h

_ptr, _bytes, _size, _int = c.c_void_p, c.c_char_p, c.c_size_t, c.c_int
_SLOW = {  # the GIL is released during these
    "EC_GROUP_precompute_mult": (_int, [_ptr, _ptr]),
    "EC_POINT_mul": (_int, [_ptr] * 6),
}
_QUICK = {  # these take less than a microsecond: keeping the GIL costs less than handing it over
    "EC_GROUP_new_by_curve_name": (_ptr, [_int]),
    "EC_GROUP_set_generator": (_int, [_ptr] * 4),
    "EC_GROUP_get0_generator": (_ptr, [_ptr]),
    "EC_GROUP_free": (None, [_ptr]),
    "EC_POINT_new": (_ptr, [_ptr]),
    "EC_POINT_free": (None, [_ptr]),
    "EC_POINT_oct2point": (_int, [_ptr, _ptr, _bytes, _size, _ptr]),
    "EC_POINT_add": (_int, [_ptr] * 5),
    "EC_POINT_get_affine_coordinates": (_int, [_ptr] * 5),
    "BN_new": (_ptr, []),
    "BN_bin2bn": (_ptr, [_bytes, _int, _ptr]),
    "BN_bn2binpad": (_int, [_ptr, _bytes, _int]),
    "BN_free": (None, [_ptr]),
    "BN_CTX_new": (_ptr, []),
    "BN_CTX_free": (None, [_ptr]),
    "ERR_clear_error": (None, []),
}


class Verifier:
    """Verifies signatures of one public key: by EVP at first, from a table once the key has come a few times."""

    __slots__ = ("_key", "_point", "_table", "_uses")

    def __init__(self, point: bytes) -> None:
        self._point = point
        self._key = _openssl.public_key(point)
        self._table: _Table | None = None
        self._uses = 0

    def verifies(self, e: bytes, signature: bytes) -> bool:
        """Whether r‖s holds for the 32-byte digest e; private to `sm2`, which turns the answer into evidence."""
        table = self._table
        if table is not None:
            return table.verifies(e, signature)
        self._uses += 1
        if self._uses > USES_BEFORE_TABLE:
            curve = _curve()
            if curve is not None:
                self._table = _Table(curve, self._point)
                return self._table.verifies(e, signature)
            self._uses = 0
        return _openssl.verifies(self._key, e, _openssl.der_of(signature))


class _Curve:
    """The bound functions and the tabulated generator G."""

    def __init__(self, lib: c.CDLL) -> None:
        quick = c.PyDLL(lib._name, handle=lib._handle)
        for library, prototypes in ((lib, _SLOW), (quick, _QUICK)):
            for name, (result, arguments) in prototypes.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
        self.lib, self.quick = lib, quick
        self.zero = quick.BN_bin2bn(b"\0", 1, None)
        self.one = quick.BN_bin2bn(b"\1", 1, None)
        self.order = quick.BN_bin2bn(N.to_bytes(32, "big"), 32, None)
        self.group = quick.EC_GROUP_new_by_curve_name(_NID_SM2)
        if not self.group or lib.EC_GROUP_precompute_mult(self.group, None) != 1:
            raise ValueError("this libcrypto tabulates no multiples on sm2p256v1")
        self.generator = quick.EC_GROUP_get0_generator(self.group)
        self.scratch = _Scratch(self)


class _Space:
    """One thread's temporary values; freed with the thread."""

    def __init__(self, curve: _Curve) -> None:
        quick = curve.quick
        self._free_point, self._free_number, self._free_context = quick.EC_POINT_free, quick.BN_free, quick.BN_CTX_free
        self.context = quick.BN_CTX_new()
        self.left, self.right = quick.EC_POINT_new(curve.group), quick.EC_POINT_new(curve.group)
        self.s, self.t, self.x = quick.BN_new(), quick.BN_new(), quick.BN_new()
        self.out = c.create_string_buffer(32)
        if not (self.context and self.left and self.right and self.s and self.t and self.x):
            raise MemoryError("no memory for SM2 verification")

    def __del__(self) -> None:
        for point in (self.left, self.right):
            self._free_point(point)
        for number in (self.s, self.t, self.x):
            self._free_number(number)
        self._free_context(self.context)


class _Scratch(threading.local):
    def __init__(self, curve: _Curve) -> None:
        self.space = _Space(curve)


class _Table:
    """The tabulated multiples of one public key P, in a group whose generator is P."""

    __slots__ = ("_curve", "_free_group", "_free_point", "_group", "_point")

    def __init__(self, curve: _Curve, point: bytes) -> None:
        quick = curve.quick
        self._curve = curve
        self._free_group, self._free_point = quick.EC_GROUP_free, quick.EC_POINT_free
        self._group = quick.EC_GROUP_new_by_curve_name(_NID_SM2)
        self._point = quick.EC_POINT_new(self._group)
        made = (
            quick.EC_POINT_oct2point(self._group, self._point, point, len(point), None) == 1
            and quick.EC_GROUP_set_generator(self._group, self._point, curve.order, curve.one) == 1
            and curve.lib.EC_GROUP_precompute_mult(self._group, None) == 1
        )
        if not made:
            quick.ERR_clear_error()
            raise CryptoUnavailable("OpenSSL could not tabulate a public key")

    def __del__(self) -> None:
        self._free_point(self._point)
        self._free_group(self._group)

    def verifies(self, e: bytes, signature: bytes) -> bool:
        r = int.from_bytes(signature[:32], "big")
        s = int.from_bytes(signature[32:], "big")
        t = (r + s) % N
        if not (0 < r < N and 0 < s < N and t):
            return False
        curve = self._curve
        quick, multiply, space = curve.quick, curve.lib.EC_POINT_mul, curve.scratch.space
        context, left, right = space.context, space.left, space.right
        # The zero multiple of another point steers OpenSSL to the tables: a lone product takes the secret-safe ladder.
        if not (
            quick.BN_bin2bn(signature[32:], 32, space.s)
            and quick.BN_bin2bn(t.to_bytes(32, "big"), 32, space.t)
            and multiply(curve.group, left, space.s, curve.generator, curve.zero, context) == 1
            and multiply(self._group, right, space.t, self._point, curve.zero, context) == 1
            and quick.EC_POINT_add(curve.group, left, left, right, context) == 1
        ):
            quick.ERR_clear_error()
            raise CryptoUnavailable("OpenSSL failed during an SM2 verification")
        if (
            quick.EC_POINT_get_affine_coordinates(curve.group, left, space.x, None, context) != 1
            or quick.BN_bn2binpad(space.x, space.out, 32) != 32
        ):
            quick.ERR_clear_error()
            return False  # R is the point at infinity
        return (int.from_bytes(e, "big") + int.from_bytes(space.out.raw, "big")) % N == r


_lock = threading.Lock()
_bound: _Curve | None = None
_tried = False


def _curve() -> _Curve | None:
    """The tabulated curve, self-tested; None where this libcrypto cannot."""
    global _bound, _tried
    if not _tried:
        with _lock:
            if not _tried:
                try:
                    _bound = _tested(_Curve(_openssl.library()))
                except (AttributeError, ValueError, CryptoUnavailable):
                    _bound = None
                _tried = True
    return _bound


def _tested(curve: _Curve) -> _Curve:
    """`curve` after it has accepted the published signature and refused altered ones; ValueError otherwise."""
    point, e, signature = _openssl.published_vector()
    table = _Table(curve, point)
    changed = signature[:40] + bytes((signature[40] ^ 1,)) + signature[41:]
    if not table.verifies(e, signature) or table.verifies(e[::-1], signature) or table.verifies(e, changed):
        raise ValueError("the tables fail their self-test")
    return curve
