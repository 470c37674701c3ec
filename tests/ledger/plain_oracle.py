"""SM3, SM2, RFC 8785 and OriginSeal's commitments in plain Python, written from the standards for comparison only.

Imports nothing of the project and no cryptographic library; slow, not constant time, for tests.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

# ------------------------------------------------------------------------------------------ SM3, GB/T 32905-2016

_M = 0xFFFFFFFF
_IV = [0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E]


def _rol(x: int, n: int) -> int:
    n %= 32
    return ((x << n) | (x >> (32 - n))) & _M


def sm3(data: bytes) -> bytes:
    padded = data + b"\x80" + bytes((55 - len(data)) % 64) + (8 * len(data)).to_bytes(8, "big")
    v = list(_IV)
    for at in range(0, len(padded), 64):
        w = [int.from_bytes(padded[at + 4 * i : at + 4 * i + 4], "big") for i in range(16)]
        for j in range(16, 68):
            x = w[j - 16] ^ w[j - 9] ^ _rol(w[j - 3], 15)
            w.append(x ^ _rol(x, 15) ^ _rol(x, 23) ^ _rol(w[j - 13], 7) ^ w[j - 6])
        a, b, c, d, e, f, g, h = v
        for j in range(64):
            t = 0x79CC4519 if j < 16 else 0x7A879D8A
            ss1 = _rol((_rol(a, 12) + e + _rol(t, j)) & _M, 7)
            ff = a ^ b ^ c if j < 16 else (a & b) | (a & c) | (b & c)
            gg = e ^ f ^ g if j < 16 else (e & f) | (~e & _M & g)
            tt1 = (ff + d + (ss1 ^ _rol(a, 12)) + (w[j] ^ w[j + 4])) & _M
            tt2 = (gg + h + ss1 + w[j]) & _M
            a, b, c, d = tt1, a, _rol(b, 9), c
            e, f, g, h = tt2 ^ _rol(tt2, 9) ^ _rol(tt2, 17), e, _rol(f, 19), g
        v = [old ^ new for old, new in zip(v, (a, b, c, d, e, f, g, h), strict=True)]
    return b"".join(x.to_bytes(4, "big") for x in v)


# ----------------------------------------------------------------------------------- SM2, GB/T 32918.2-2016 and .5

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
Point = tuple[int, int] | None


def add(p: Point, q: Point) -> Point:
    if p is None or q is None:
        return p or q
    if p[0] == q[0]:
        if (p[1] + q[1]) % P == 0:
            return None
        slope = (3 * p[0] * p[0] + A) * pow(2 * p[1], -1, P) % P
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, P) % P
    x = (slope * slope - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


def multiply(k: int, p: Point) -> Point:
    total: Point = None
    while k:
        if k & 1:
            total = add(total, p)
        p = add(p, p)
        k >>= 1
    return total


def be(value: int) -> bytes:
    return value.to_bytes(32, "big")


def z_value(q: tuple[int, int], user_id: bytes) -> bytes:
    parts = b"".join(map(be, (A, B, *G, *q)))
    return sm3((8 * len(user_id)).to_bytes(2, "big") + user_id + parts)


def sign_digest(d: int, e: int, k: int) -> tuple[int, int]:
    point = multiply(k, G)
    assert point is not None
    r = (e + point[0]) % N
    s = pow(1 + d, -1, N) * (k - r * d) % N
    assert r and s and r + k != N
    return r, s


def verify_digest(q: tuple[int, int], e: int, r: int, s: int) -> bool:
    t = (r + s) % N
    if not (0 < r < N and 0 < s < N and t):
        return False
    point = add(multiply(s, G), multiply(t, q))
    return point is not None and (e + point[0]) % N == r


# ----------------------------------------------------------------------------------------------------- RFC 8785


def es_number(value: int | float) -> str:
    """ECMA-262 Number::toString through Decimal."""
    if value == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    k, n = len(text), len(text) + exponent
    if k <= n <= 21:
        out = text + "0" * (n - k)
    elif 0 < n <= 21:
        out = text[:n] + "." + text[n:]
    elif -6 < n <= 0:
        out = "0." + "0" * -n + text
    else:
        mantissa = text if k == 1 else text[0] + "." + text[1:]
        out = mantissa + "e" + ("+" if n > 0 else "-") + str(abs(n - 1))
    return "-" * sign + out


_SHORT = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}


def quote(text: str) -> str:
    out = []
    for character in text:
        code = ord(character)
        out.append(_SHORT.get(code) or (f"\\u{code:04x}" if code < 32 else character))
    return '"' + "".join(out) + '"'


def utf16(text: str) -> list[int]:
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]


def jcs(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, list):
        return "[" + ",".join(map(jcs, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(quote(k) + ":" + jcs(value[k]) for k in sorted(value, key=utf16)) + "}"
    return es_number(value)


# ------------------------------------------------------------------------------------- commitments and Merkle trees


def lp(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, dict) and value:
        return [leaf for key in sorted(value, key=utf16) for leaf in leaves(value[key], (*path, key))]
    if isinstance(value, list) and value:
        return [leaf for at, item in enumerate(value) for leaf in leaves(item, (*path, at))]
    return [(path, value)]


def merkle_root(items: list[bytes]) -> bytes:
    """MTH of RFC 6962 2.1 by its recursive definition."""
    if len(items) == 1:
        return sm3(b"\0" + items[0])
    k = 1
    while 2 * k < len(items):
        k *= 2
    return sm3(b"\1" + merkle_root(items[:k]) + merkle_root(items[k:]))


def commitments(payload: Any, seed: bytes) -> list[dict[str, Any]]:
    out = []
    for index, (path, value) in enumerate(leaves(payload)):
        salt = sm3(b"originseal/salt/v1" + seed + u32(index))[:16]
        path_bytes, value_bytes = jcs(list(path)).encode(), jcs(value).encode()
        commitment = sm3(b"originseal/field/v1" + lp(path_bytes) + lp(salt) + lp(value_bytes))
        out.append({"path": list(path), "value": value, "salt": salt, "commitment": commitment})
    return out


def record_digest(kind: str, author: bytes, lots: list[bytes], payload: Any, seed: bytes) -> bytes:
    fields = [each["commitment"] for each in commitments(payload, seed)]
    lot_part = u32(len(lots)) + b"".join(sorted(lots))
    tail = u32(len(fields)) + merkle_root(fields)
    return sm3(b"originseal/record/v1" + lp(kind.encode()) + lp(author) + lot_part + tail)
