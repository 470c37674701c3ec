"""SM2 and SM3 from the text of the standards in plain integers: the judge of the contract tests.

GB/T 32918.2-2016, GB/T 32918.5-2017, GB/T 32905-2016. Affine arithmetic, no table, no shared code with the contracts or
with ledger.crypto. Not constant in time: for tests only.
"""

from __future__ import annotations

Point = tuple[int, int] | None  # None is the point at infinity

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
WORD = 2**256


def word(value: int) -> bytes:
    """32 bytes, big-endian."""
    return value.to_bytes(32, "big")


def on_curve(x: int, y: int) -> bool:
    return 0 <= x < P and 0 <= y < P and (y * y - x**3 - A * x - B) % P == 0


def lift(x: int) -> tuple[int, int] | None:
    """The point with abscissa x and the smaller ordinate, if there is one (p ≡ 3 mod 4)."""
    square = (x**3 + A * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    return (x, min(y, P - y)) if y * y % P == square else None


def negate(q: Point) -> Point:
    return None if q is None else (q[0], -q[1] % P)


def add(p: Point, q: Point) -> Point:
    """Chord and tangent. B occurs nowhere: off the curve this is the group law of another curve."""
    if p is None:
        return q
    if q is None:
        return p
    if p[0] == q[0]:
        if (p[1] + q[1]) % P == 0:
            return None
        slope = (3 * p[0] * p[0] + A) * pow(2 * p[1], -1, P)
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, P)
    x = (slope * slope - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


def multiply(k: int, q: Point) -> Point:
    result: Point = None
    while k:
        if k & 1:
            result = add(result, q)
        q = add(q, q)
        k >>= 1
    return result


def verify(e: int, r: int, s: int, x: int, y: int) -> bool:
    """GB/T 32918.2-2016, 7.1, from step B5 on, with the checks of r, s (B1, B2) and of the key."""
    if not (1 <= r < N and 1 <= s < N and on_curve(x, y)):
        return False
    t = (r + s) % N
    if t == 0:
        return False
    point = add(multiply(s, G), multiply(t, (x, y)))
    return point is not None and (e + point[0]) % N == r


def sign(e: int, d: int, k: int) -> tuple[int, int]:
    """GB/T 32918.2-2016, 6.1 from step A4 on, with the random number k given; ValueError if the standard says again."""
    point = multiply(k, G)
    assert point is not None
    r = (e + point[0]) % N
    s = pow(1 + d, -1, N) * (k - r * d) % N
    if r == 0 or r + k == N or s == 0:
        raise ValueError("this k does not sign this e")
    return r, s


def _rotate(x: int, k: int) -> int:
    k %= 32
    return (x << k | x >> (32 - k)) & 0xFFFFFFFF


def compress(state: bytes, block: bytes) -> bytes:
    """CF(V, B) of GB/T 32905-2016, 5.3."""
    w = [int.from_bytes(block[i : i + 4], "big") for i in range(0, 64, 4)]
    for j in range(16, 68):
        x = w[j - 16] ^ w[j - 9] ^ _rotate(w[j - 3], 15)
        w.append(x ^ _rotate(x, 15) ^ _rotate(x, 23) ^ _rotate(w[j - 13], 7) ^ w[j - 6])
    start = [int.from_bytes(state[i : i + 4], "big") for i in range(0, 32, 4)]
    a, b, c, d, e, f, g, h = start
    for j in range(64):
        constant = 0x79CC4519 if j < 16 else 0x7A879D8A
        ss1 = _rotate((_rotate(a, 12) + e + _rotate(constant, j)) & 0xFFFFFFFF, 7)
        ff = a ^ b ^ c if j < 16 else (a & b) | (a & c) | (b & c)
        gg = e ^ f ^ g if j < 16 else (e & f) | (~e & g)
        tt1 = (ff + d + (ss1 ^ _rotate(a, 12)) + (w[j] ^ w[j + 4])) & 0xFFFFFFFF
        tt2 = (gg + h + ss1 + w[j]) & 0xFFFFFFFF
        a, b, c, d = tt1, a, _rotate(b, 9), c
        e, f, g, h = tt2 ^ _rotate(tt2, 9) ^ _rotate(tt2, 17), e, _rotate(f, 19), g
    return b"".join((x ^ y).to_bytes(4, "big") for x, y in zip(start, (a, b, c, d, e, f, g, h), strict=True))


IV = bytes.fromhex("7380166f4914b2b9172442d7da8a0600a96f30bc163138aae38dee4db0fb0e4e")


def sm3(message: bytes) -> bytes:
    padded = message + b"\x80" + bytes((55 - len(message)) % 64) + (8 * len(message)).to_bytes(8, "big")
    state = IV
    for i in range(0, len(padded), 64):
        state = compress(state, padded[i : i + 64])
    return state


def z(key: tuple[int, int], user_id: bytes = b"1234567812345678") -> bytes:
    """Z of GB/T 32918.2-2016, 5.5."""
    numbers = b"".join(map(word, (A, B, *G, *key)))
    return sm3((8 * len(user_id)).to_bytes(2, "big") + user_id + numbers)
