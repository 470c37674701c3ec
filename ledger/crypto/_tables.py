"""Verification on OpenSSL's own curve arithmetic, with tables for keys that come again.

    R = s·G + t·P with t = (r + s) mod n ≠ 0;  valid if and only if (e + x_R) mod n = r     (GB/T 32918.2, 7.1)

A key seen for the first time needs no EVP_PKEY (0.3 ms to build) and none of EVP's start-up (10 ms). For a key that
comes again, G and P get a group each, of which they are the generator, and `EC_GROUP_precompute_mult` tabulates their
multiples (0.4 ms and about 70 KiB for each key): over twice as many verifications per second. It takes varying time,
so it is for verifying only: everything here is public.

Each way is self-tested before its first use; where a libcrypto lacks the functions, or fails, EVP does the work.
"""

from __future__ import annotations

import ctypes as c
from _thread import _local as thread_local  # `threading` would bring functools and collections
from _thread import allocate_lock

from ledger.crypto import _openssl
from ledger.errors import CryptoUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
USES_BEFORE_TABLE = 16  # a table costs two verifications, the first one and its self-test ten: not for short runs
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
    "EC_POINT_get_Jprojective_coordinates_GFp": (_int, [_ptr] * 6),
    "BN_new": (_ptr, []),
    "BN_bin2bn": (_ptr, [_bytes, _int, _ptr]),
    "BN_bn2binpad": (_int, [_ptr, _bytes, _int]),
    "BN_free": (None, [_ptr]),
    "BN_CTX_new": (_ptr, []),
    "BN_CTX_free": (None, [_ptr]),
    "ERR_clear_error": (None, []),
}


class Verifier:
    """Verifies signatures of one public key: directly at first, from a table once the key has come a few times."""

    __slots__ = ("_key", "_point", "_table", "_uses")

    def __init__(self, point: bytes) -> None:
        self._point = point  # on the curve: `sm2.PublicKey` has checked
        self._key: _openssl.Key | None = None
        self._table: _Table | None = None
        self._uses = 0

    def expect_many(self) -> None:
        """Make the table with the next verification instead of waiting whether the key comes again."""
        self._uses = max(self._uses, USES_BEFORE_TABLE)

    def verifies(self, e: bytes, signature: bytes) -> bool:
        """Whether r‖s holds for the 32-byte digest e; private to `sm2`, which turns the answer into evidence."""
        table = self._table
        if table is not None:
            return table.verifies(e, signature)
        curve = _curve()
        if curve is None:
            if self._key is None:
                self._key = _openssl.public_key(self._point)
            return _openssl.verifies(self._key, e, _openssl.der_of(signature))
        self._uses += 1
        if self._uses > USES_BEFORE_TABLE:
            generator = _generator(curve)
            if generator is not None:
                self._table = table = _Table(generator, self._point)
                return table.verifies(e, signature)
        return curve.verifies(self._point, e, signature)


class _Curve:
    """The bound functions and the curve; verifies without tables."""

    def __init__(self, lib: c.CDLL) -> None:
        quick = c.PyDLL(lib._name, handle=lib._handle)
        for library, prototypes in ((lib, _SLOW), (quick, _QUICK)):
            for name, (result, arguments) in prototypes.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
        self.lib, self.quick = lib, quick
        self.multiply = lib.EC_POINT_mul
        self.zero = quick.BN_bin2bn(b"\0", 1, None)
        self.one = quick.BN_bin2bn(b"\1", 1, None)
        self.order = quick.BN_bin2bn(N.to_bytes(32, "big"), 32, None)
        self.group = quick.EC_GROUP_new_by_curve_name(_NID_SM2)
        if not self.group:
            raise ValueError("this libcrypto has no curve sm2p256v1")
        self.scratch = _Scratch(self)

    def verifies(self, point: bytes, e: bytes, signature: bytes) -> bool:
        """One verification of a key that has no table."""
        space = self.scratch.space
        r, t = space.load(self, signature)
        if t == 0:
            return False
        if self.quick.EC_POINT_oct2point(self.group, space.right, point, len(point), space.context) != 1:
            raise space.failure(self)
        if self.multiply(self.group, space.left, space.s, space.right, space.t, space.context) != 1:
            raise space.failure(self)
        return space.matches(self, e, r)

    def verifier(self, point: bytes) -> Callable[[bytes, bytes], bool]:
        """`verifies` for one key."""
        return lambda e, signature: self.verifies(point, e, signature)


class _Space:
    """One thread's temporary values; freed with the thread."""

    def __init__(self, curve: _Curve) -> None:
        quick = curve.quick
        self._free_point, self._free_number, self._free_context = quick.EC_POINT_free, quick.BN_free, quick.BN_CTX_free
        self.context = quick.BN_CTX_new()
        self.left, self.right = quick.EC_POINT_new(curve.group), quick.EC_POINT_new(curve.group)
        self.s, self.t, self.x, self.z = quick.BN_new(), quick.BN_new(), quick.BN_new(), quick.BN_new()
        self.out, self.out_z = c.create_string_buffer(32), c.create_string_buffer(32)
        if not (self.context and self.left and self.right and self.s and self.t and self.x and self.z):
            raise MemoryError("no memory for SM2 verification")

    def __del__(self) -> None:
        for point in (self.left, self.right):
            self._free_point(point)
        for number in (self.s, self.t, self.x, self.z):
            self._free_number(number)
        self._free_context(self.context)

    def load(self, curve: _Curve, signature: bytes) -> tuple[int, int]:
        """(r, t) with s and t loaded for OpenSSL; t = 0 stands for every signature that is out of range."""
        r = int.from_bytes(signature[:32], "big")
        s = int.from_bytes(signature[32:], "big")
        t = (r + s) % N
        if not (0 < r < N and 0 < s < N and t):
            return r, 0
        load = curve.quick.BN_bin2bn
        if not (load(signature[32:], 32, self.s) and load(t.to_bytes(32, "big"), 32, self.t)):
            raise self.failure(curve)
        return r, t

    def matches(self, curve: _Curve, e: bytes, r: int) -> bool:
        """Whether (e + x) mod n = r for the point in `left`; never for the point at infinity."""
        quick = curve.quick
        if quick.EC_POINT_get_Jprojective_coordinates_GFp(
            curve.group, self.left, self.x, None, self.z, self.context
        ) != 1 or not (quick.BN_bn2binpad(self.x, self.out, 32) == quick.BN_bn2binpad(self.z, self.out_z, 32) == 32):
            raise self.failure(curve)
        # x_R = X / Z²: compare c·Z² with X for every x ≡ r - e (mod n) below p, which saves the inversion of Z.
        x, z = int.from_bytes(self.out.raw, "big"), int.from_bytes(self.out_z.raw, "big")
        if z == 0:
            return False
        zz, candidate = z * z % P, (r - int.from_bytes(e, "big")) % N
        return candidate * zz % P == x or (candidate + N < P and (candidate + N) * zz % P == x)

    def failure(self, curve: _Curve) -> CryptoUnavailable:
        """What to raise when OpenSSL fails at something that only memory can make fail."""
        curve.quick.ERR_clear_error()
        return CryptoUnavailable("OpenSSL failed during an SM2 verification")


class _Scratch(thread_local):
    def __init__(self, curve: _Curve) -> None:
        self.space = _Space(curve)


class _Generator:
    """The tabulated multiples of G."""

    def __init__(self, curve: _Curve) -> None:
        self.curve = curve
        self.group = curve.quick.EC_GROUP_new_by_curve_name(_NID_SM2)
        if not self.group or curve.lib.EC_GROUP_precompute_mult(self.group, None) != 1:
            raise ValueError("this libcrypto tabulates no multiples on sm2p256v1")
        self.point = curve.quick.EC_GROUP_get0_generator(self.group)


class _Table:
    """The tabulated multiples of one public key P, in a group whose generator is P."""

    __slots__ = ("_free_group", "_free_point", "_generator", "_group", "_point")

    def __init__(self, generator: _Generator, point: bytes) -> None:
        curve, quick = generator.curve, generator.curve.quick
        self._generator = generator
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
        """One verification from the tables."""
        generator = self._generator
        curve = generator.curve
        space, multiply = curve.scratch.space, curve.multiply
        r, t = space.load(curve, signature)
        if t == 0:
            return False
        context, left, right = space.context, space.left, space.right
        # The zero multiple of another point steers OpenSSL to the tables: a lone product takes the secret-safe ladder.
        if not (
            multiply(generator.group, left, space.s, generator.point, curve.zero, context) == 1
            and multiply(self._group, right, space.t, self._point, curve.zero, context) == 1
            and curve.quick.EC_POINT_add(curve.group, left, left, right, context) == 1
        ):
            raise space.failure(curve)
        return space.matches(curve, e, r)


# ------------------------------------------------------------------------------------------- binding and self-tests

_lock = allocate_lock()
_UNTRIED = object()
_bound: Any = _UNTRIED
_tabulated: Any = _UNTRIED


def _curve() -> _Curve | None:
    """The curve, self-tested before anybody sees it; None where no libcrypto here has it."""
    global _bound
    if _bound is _UNTRIED:
        with _lock:
            if _bound is _UNTRIED:
                _bound = _first_curve()
    found: _Curve | None = _bound
    return found


def _first_curve() -> _Curve | None:
    for path in _openssl.candidates():
        try:
            curve = _Curve(c.CDLL(path))
            _test(curve.verifier(_openssl.published_vector()[0]))
            return curve
        except (OSError, AttributeError, ValueError, CryptoUnavailable):
            continue
    return None


def _generator(curve: _Curve) -> _Generator | None:
    """The tabulated generator, after a table has passed the self-test; None where this libcrypto has no tables."""
    global _tabulated
    if _tabulated is _UNTRIED:
        with _lock:
            if _tabulated is _UNTRIED:
                try:
                    generator = _Generator(curve)
                    _test(_Table(generator, _openssl.published_vector()[0]).verifies)
                    _tabulated = generator
                except (ValueError, CryptoUnavailable):
                    _tabulated = None
    found: _Generator | None = _tabulated
    return found


def _test(verifies: Callable[[bytes, bytes], bool]) -> None:
    """ValueError unless `verifies` accepts the published signature and refuses altered ones (GM/T 0003.5 A.2)."""
    _openssl.test_sm3()
    _, e, signature = _openssl.published_vector()
    changed = signature[:40] + bytes((signature[40] ^ 1,)) + signature[41:]
    if not verifies(e, signature) or verifies(e[::-1], signature) or verifies(e, changed):
        raise ValueError("SM2 verification fails its self-test")
