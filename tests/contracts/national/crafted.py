"""SM2 verification cases made to fail, or to hold, for exactly one reason; deterministic, judged by plain integers.

`cases()` is the content of tests/vectors/sm2/verifier_cases.json, which is committed so that other implementations can
be run on it without this code: `python tests/contracts/national/crafted.py` writes it. A case whose e is "solved"
satisfies the verification equation and is invalid only because of the rule that its name gives; an arbitrary e would
not test that rule.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from ladder_model import ladder, scalar_of, start
from plain_sm2 import WORD, A, B, G, N, P, Point, add, lift, multiply, negate, on_curve, sign, verify

FILE = Path(__file__).parents[2] / "vectors" / "sm2" / "verifier_cases.json"
# A point of the curve with y = 1 (the root of x³ + A x + B = 1), so that y + p is a 256-bit number.
LOW_Y = (0x9C17043EFFE1A805A74A9A5E70B9D659705D3242094A566DC016F49311178D1F, 1)


@dataclass(frozen=True, slots=True)
class Case:
    """One input of a verifier with the answer; `group` is the rule concerned. Numbers are 32-byte big-endian hex."""

    group: str
    desc: str
    e: str
    r: str
    s: str
    x: str
    y: str
    valid: bool

    def numbers(self) -> tuple[int, int, int, int, int]:
        return (int(self.e, 16), int(self.r, 16), int(self.s, 16), int(self.x, 16), int(self.y, 16))


def case(group: str, desc: str, e: int, r: int, s: int, key: tuple[int, int], valid: bool) -> Case:
    numbers = (e % WORD, r, s, *key)
    assert verify(*numbers) is valid, (group, desc)
    return Case(group, desc, *(f"{value:064x}" for value in numbers), valid)


def _finite(point: Point) -> tuple[int, int]:
    assert point is not None
    return point


def solve(key: tuple[int, int], s: int, t: int) -> tuple[int, int]:
    """(e, r) such that e + x(sG + t key) = r = t - s (mod n): valid for any key, known or not, if the rules hold."""
    r = (t - s) % N
    return (r - _finite(add(multiply(s, G), multiply(t, key)))[0]) % N, r


def _small_abscissa(first: int) -> tuple[int, int]:
    return next(point for x in range(first, first + 256) if (point := lift(x)) is not None)


def cases() -> list[Case]:
    """All of them, in a fixed order."""
    random = Random(32918)
    return [*_signatures(random), *_ranges(random), *_keys(random), *_sums(random), *_abscissas(random)]


def _scalar(random: Random) -> int:
    return random.randrange(1, N)


def _signed(random: Random, e: int) -> tuple[int, int, tuple[int, int]]:
    d = random.randrange(1, N - 1)
    r, s = sign(e, d, _scalar(random))
    return r, s, _finite(multiply(d, G))


def _signatures(random: Random) -> Iterator[Case]:
    """Ordinary signatures and ordinary forgeries."""
    for i in range(4):
        e = random.getrandbits(256)
        r, s, q = _signed(random, e)
        yield case("signature", f"random {i}", e, r, s, q, True)
        bit = 1 << random.randrange(256)
        other = _finite(multiply(_scalar(random), G))
        yield case("flip", f"a bit of e, {i}", e ^ bit, r, s, q, False)
        yield case("flip", f"a bit of r, {i}", e, r ^ bit, s, q, False)
        yield case("flip", f"a bit of s, {i}", e, r, s ^ bit, q, False)
        yield case("flip", f"a bit of x, {i}", e, r, s, (q[0] ^ bit, q[1]), False)
        yield case("flip", f"a bit of y, {i}", e, r, s, (q[0], q[1] ^ bit), False)
        yield case("key", f"another key, {i}", e, r, s, other, False)
        yield case("key", f"the opposite key, {i}", e, r, s, (q[0], P - q[1]), False)
        yield case("malleated", f"r and s exchanged, {i}", e, s, r, q, False)
        yield case("malleated", f"(r, -s), {i}", e, r, N - s, q, False)
        yield case("malleated", f"(-r, s), {i}", e, N - r, s, q, False)
        yield case("malleated", f"(-r, -s), {i}", e, N - r, N - s, q, False)
    for name, e in [
        ("0", 0),
        ("1", 1),
        ("n - 1", N - 1),
        ("p", P),
        ("n", N),
        ("n + 1", N + 1),
        ("2^256 - 1", WORD - 1),
    ]:
        r, s, q = _signed(random, e)
        yield case("e", f"e = {name}", e, r, s, q, True)
    e = random.randrange(WORD - N)
    r, s, q = _signed(random, e)
    yield case("e", "e below 2^256 - n", e, r, s, q, True)
    yield case("e", "the same e + n", e + N, r, s, q, True)
    yield case("e", "the same e + n + 1", e + N + 1, r, s, q, False)


def _ranges(random: Random) -> Iterator[Case]:
    """r and s outside [1, n-1], r + s = n."""
    e = random.getrandbits(256)
    r, s, q = _signed(random, e)
    for name, value in [("0", 0), ("n", N), ("n + 1", N + 1), ("2^256 - 1", WORD - 1)]:
        yield case("range", f"r = {name}", e, value, s, q, False)
        yield case("range", f"s = {name}", e, r, value, q, False)
    yield case("range", "r = s = 0", e, 0, 0, q, False)
    yield case("t", "r + s = n", e, r, N - r, q, False)
    yield case("t", "r = 1, s = n - 1", e, 1, N - 1, q, False)
    for i in range(2):
        s = _scalar(random)
        x1 = _finite(multiply(s, _finite(add(G, q))))[0]
        yield case("range", f"solved, r = 0 (t = s), {i}", -x1 % N, 0, s, q, False)
        yield case("range", f"solved, r = n (t = s), {i}", -x1 % N, N, s, q, False)
        r = _scalar(random)
        x1 = _finite(multiply(r, q))[0]
        yield case("range", f"solved, s = 0 (t = r), {i}", (r - x1) % N, r, 0, q, False)
        yield case("range", f"solved, s = n (t = r), {i}", (r - x1) % N, r, N, q, False)
        x1 = _finite(multiply(s, G))[0]
        yield case("t", f"solved, r = n - s (t = 0), {i}", (N - s - x1) % N, N - s, s, q, False)
        small, s = random.randrange(1, WORD - N), _scalar(random)
        e, _ = solve(q, s, (small + s) % N)
        yield case("signature", f"r below 2^256 - n, {i}", e, small, s, q, True)
        yield case("range", f"the same, r + n, {i}", e, small + N, s, q, False)
        e, r = solve(q, small, _scalar(random))
        yield case("signature", f"s below 2^256 - n, {i}", e, r, small, q, True)
        yield case("range", f"the same, s + n, {i}", e, r, small + N, q, False)
    for name, r, s in [("r = s = 1", 1, 1), ("r = n - 1", N - 1, 7), ("s = n - 1", 7, N - 1)]:
        e, _ = solve(q, s, (r + s) % N)
        yield case("signature", f"edge of the range, {name}", e, r, s, q, True)


def _keys(random: Random) -> Iterator[Case]:
    """Points off the curve, coordinates that are not reduced, degenerate keys."""
    e = random.getrandbits(256)
    r, s, q = _signed(random, e)
    for name, point in [
        ("y + 1", (q[0], (q[1] + 1) % P)),
        ("x + 1", ((q[0] + 1) % P, q[1])),
        ("x and y exchanged", (q[1], q[0])),
        ("(1, 1)", (1, 1)),
    ]:
        yield case("off-curve", name, e, r, s, point, False)
    for name, point in [("(0, 0)", (0, 0)), ("(p, p)", (P, P)), ("(2^256 - 1, 2^256 - 1)", (WORD - 1, WORD - 1))]:
        yield case("encoding", name, e, r, s, point, False)
    for i in range(4):  # the attack that the curve check stops: the equation holds on another curve
        s, t = _scalar(random), _scalar(random)
        off = (random.randrange(P), random.randrange(P))
        assert not on_curve(*off)
        r = (t - s) % N
        yield case(
            "off-curve", f"solved on another curve, {i}", (r - _finite(ladder(s, t, off, G))[0]) % N, r, s, off, False
        )
    for name, point in [("x", _small_abscissa(1)), ("y", LOW_Y)]:
        s, t = _scalar(random), _scalar(random)
        e, r = solve(point, s, t)
        wide = (point[0] + P, point[1]) if name == "x" else (point[0], point[1] + P)
        yield case("encoding", f"key with a small {name}", e, r, s, point, True)
        yield case("encoding", f"the same, {name} + p", e, r, s, wide, False)
    special = [1, 2, 3, 7, 8, 9, 15, 16, 17, 1 << 128, (1 << 252) % N, N - 1, N - 2, N - 8, pow(2, -1, N)]
    for k in special:
        key = _finite(multiply(k, G))
        for s, t in [(_scalar(random), _scalar(random)), (random.choice(special), random.choice(special))]:
            if (t - s) % N and add(multiply(s, G), multiply(t, key)) is not None:
                e, r = solve(key, s, t)
                yield case("degenerate", f"key kG, k = {k:#x}, s = {s:#x}", e, r, s, key, True)
                yield case("degenerate", f"key kG, k = {k:#x}, s = {s:#x}, e + 1", e + 1, r, s, key, False)


def _sums(random: Random) -> Iterator[Case]:
    """sG + tQ = O, and additions of equal or opposite points on the way."""
    for k in (1, 2, 5, N - 2, _scalar(random)):
        key, t = _finite(multiply(k, G)), _scalar(random)
        s = -t * k % N
        r = (t - s) % N
        for name, e in (("r", r), ("r - 1", r - 1), ("0", 0)):  # x1 taken for 0, for 1, and an arbitrary one
            yield case("infinity", f"sG + tQ = O, key kG, k = {k:#x}, e = {name}", e, r, s, key, False)
    for sign_, first in ((1, -1), (1, 1), (-1, 1), (-1, -1)):
        # The first addition is first · Q to U: equal or opposite points.
        key = _finite(start() if sign_ == 1 else negate(start()))
        t = scalar_of([first, *(random.randrange(-8, 8) for _ in range(63))])
        s = _scalar(random)
        e, r = solve(key, s, t)
        name = f"key {'U' if sign_ == 1 else '-U'}, first digit {first}"
        yield case("exceptional", name, e, r, s, key, True)
        for label, value in (("e + 1", e + 1), ("e = r", r), ("e = r - 1", (r - 1) % N)):
            yield case("exceptional", f"{name}, {label}", value, r, s, key, False)
    for k in (2, 8, 1 << 128):
        key = _finite(multiply(k, start()))
        s, t = _scalar(random), _scalar(random)
        e, r = solve(key, s, t)
        yield case("exceptional", f"key kU, k = {k:#x}", e, r, s, key, True)


def _abscissas(random: Random) -> Iterator[Case]:
    """x1 in [n, p) and x1 near 0: where x1 mod n is not x1, or seems not to be."""
    for name, point in [("n", _small_abscissa(N)), ("0", _small_abscissa(1)), ("p - n", _small_abscissa(P - N))]:
        s, t = _scalar(random), _scalar(random)
        key = _finite(multiply(pow(t, -1, N), add(point, negate(multiply(s, G)))))
        e, r = solve(key, s, t)
        yield case("abscissa", f"x1 = {name} + a little", e, r, s, key, True)
        for label, value in (("+ 1", e + 1), ("- (p - n)", e - (P - N)), ("+ (p - n)", e + P - N)):
            yield case("abscissa", f"x1 = {name} + a little, e {label}", value % N, r, s, key, False)


def document() -> str:
    """The text of the committed file."""
    source = "tests/contracts/national/crafted.py (seed 32918), judged by plain-integer GB/T 32918.2-2016, clause 7"
    desc = "SM2 verification on the recommended curve, e given: rules one at a time"
    return json.dumps({"desc": desc, "source": source, "cases": [asdict(c) for c in cases()]}, indent=1) + "\n"


if __name__ == "__main__":
    assert (LOW_Y[1] ** 2 - LOW_Y[0] ** 3 - A * LOW_Y[0] - B) % P == 0
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(document(), encoding="utf-8")
