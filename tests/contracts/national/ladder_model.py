"""The contract's ladder (SM2Ladder.sol) in affine Python: what it computes, exceptional cases apart.

Used to build inputs that reach a given place of the ladder, and to forge signatures under keys that are not on the
curve: neither the contract's formulas nor these use the curve's constant B.
"""

from __future__ import annotations

from plain_sm2 import N, Point, add, lift, multiply, negate, sm3

EIGHTS = int("8" * 64, 16)
_LABEL = b"OriginSeal SM2 ladder offset"


def start() -> tuple[int, int]:
    """U: the first byte i for which SM3(label ‖ i) is the abscissa of a point; its smaller ordinate."""
    return next(
        point for i in range(256) if (point := lift(int.from_bytes(sm3(_LABEL + bytes([i])), "big"))) is not None
    )


def signed_digits(k: int) -> list[int]:
    """64 digits from -8 to 7, the highest first, whose number is congruent to k modulo N."""
    return [int(digit, 16) - 8 for digit in f"{(k + EIGHTS) % N:064x}"]


def scalar_of(digits: list[int]) -> int:
    """The k that `signed_digits` takes apart into these digits; AssertionError if there is none."""
    k = (sum((digit + 8) << (4 * i) for i, digit in enumerate(reversed(digits))) - EIGHTS) % N
    assert signed_digits(k) == digits
    return k


def ladder(s: int, t: int, q: tuple[int, int], base: tuple[int, int]) -> Point:
    """s base + t q the contract's way."""
    accumulator: Point = start()
    for i, (t_digit, s_digit) in enumerate(zip(signed_digits(t), signed_digits(s), strict=True)):
        if i:
            for _ in range(4):
                accumulator = add(accumulator, accumulator)
        for digit, point in ((t_digit, q), (s_digit, base)):
            table_entry = multiply(abs(digit), point)
            accumulator = add(accumulator, table_entry if digit > 0 else negate(table_entry))
    return add(accumulator, negate(multiply(1 << 252, start())))
