"""The constants of the SM2 contracts recomputed from the standard's own, and the copies in the ladder compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ladder_model import EIGHTS, ladder, scalar_of, signed_digits, start
from plain_sm2 import IV, A, B, G, N, P, add, multiply, negate, on_curve

NATIONAL = Path(__file__).parents[3] / "contracts" / "src" / "national"
CURVE = (NATIONAL / "SM2Curve.sol").read_text(encoding="utf-8")
LADDER = (NATIONAL / "SM2Ladder.sol").read_text(encoding="utf-8")
CONSTANTS = {
    name: int(value, 16)
    for name, value in re.findall(r"^uint256 constant (\w+) = (0x[0-9a-f]+);$", CURVE + LADDER, re.MULTILINE)
}


def _times(k: int) -> tuple[int, int]:
    point = multiply(k, G)
    assert point is not None
    return point


def test_curve_is_the_standard_one_when_read_from_the_source() -> None:
    assert [CONSTANTS[name] for name in ("P", "A", "B", "N", "GX", "GY")] == [P, A, B, N, *G]
    assert A == P - 3 and on_curve(*G) and multiply(N, G) is None
    assert CONSTANTS["THREE_HALVES"] * 2 % P == 3


@pytest.mark.parametrize("j", range(2, 9))
def test_multiple_of_the_base_point_is_right_when_recomputed(j: int) -> None:
    assert (CONSTANTS[f"G{j}X"], CONSTANTS[f"G{j}Y"]) == _times(j)


def test_offset_is_the_hashed_one_when_recomputed() -> None:
    assert (CONSTANTS["START_X"], CONSTANTS["START_Y"]) == start()
    assert (CONSTANTS["END_X"], CONSTANTS["END_Y"]) == negate(multiply(1 << 252, start()))
    assert CONSTANTS["EIGHTS"] == EIGHTS == sum(8 * 16**i for i in range(64))


def test_every_constant_is_checked_when_listed() -> None:
    curve = {"P", "A", "B", "N", "GX", "GY", "THREE_HALVES", "EIGHTS", "START_X", "START_Y", "END_X", "END_Y"}
    multiples = {f"G{j}{axis}" for j in range(2, 9) for axis in "XY"}
    memory = {"KEY_TABLE", "BASE_TABLE", "JACOBIAN", "MODEXP"}
    assert set(CONSTANTS) == curve | multiples | memory


def test_memory_areas_do_not_overlap_when_laid_out() -> None:
    ends = [
        (0x80, CONSTANTS["KEY_TABLE"]),  # behind Solidity's scratch space, free pointer and zero slot
        (CONSTANTS["KEY_TABLE"] + 16 * 64, CONSTANTS["BASE_TABLE"]),
        (CONSTANTS["BASE_TABLE"] + 16 * 64, CONSTANTS["JACOBIAN"]),
        (CONSTANTS["JACOBIAN"] + 9 * 128, CONSTANTS["MODEXP"]),
    ]
    assert all(end <= begin for end, begin in ends)


def test_copies_in_the_ladder_are_the_same_when_compared() -> None:
    body = LADDER[LADDER.index("function _ladder") : LADDER.index("function _writeKeyTable")]
    additions = re.findall(r"let r := mulmod\(z, z, P\).*?z := mulmod\(z, h, P\)", body, re.DOTALL)
    doublings = re.findall(r"let alpha := .*?\n +y := [^\n]+", body, re.DOTALL)
    carried = re.findall(r"\n +y := addmod\(mulmod\(alpha[^\n]+\n +w := mulmod\(w, yyyy, P\)\n", body)
    assert (len(additions), len(set(additions))) == (2, 1)
    assert (len(doublings), len(set(doublings)), len(carried)) == (4, 1, 3)


def test_iv_is_the_standard_one_when_read_from_the_source() -> None:
    source = (NATIONAL / "SM3.sol").read_text(encoding="utf-8")
    assert f"IV = 0x{IV.hex()};" in source


def test_signed_digits_stand_for_the_scalar_when_added_up() -> None:
    for k in (1, 2, 7, 8, N - 1, N - 8, N // 2, 1 << 255, EIGHTS % N, (N - EIGHTS) % N):
        digits = signed_digits(k)
        assert len(digits) == 64 and min(digits) >= -8 and max(digits) <= 7
        assert sum(digit * 16**i for i, digit in enumerate(reversed(digits))) % N == k % N
        assert scalar_of(digits) == k % N


def test_ladder_is_the_linear_combination_when_the_key_is_on_the_curve() -> None:
    for s, t, k in [(5, 7, 11), (N - 1, 1, 3), (1 << 255, 12345, N - 2)]:
        assert ladder(s, t, _times(k), G) == add(multiply(s, G), multiply(t * k % N, G))
