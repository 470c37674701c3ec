"""Breaks one check of the SM2 contracts at a time; the crafted cases must notice. Needs the compiler (`npm ci`)."""

from __future__ import annotations

import pytest
from direct_evm import DirectCode, committed_cases
from plain_sm2 import word

from scripts.compile_contracts import Compiler, CompilerMissingError, closure, settings_for

VERIFIER = "contracts/src/national/SM2Verifier.sol"
CURVE = "contracts/src/national/SM2Curve.sol"
LADDER = "contracts/src/national/SM2Ladder.sol"
CASES = committed_cases()
SIGNATURE = "verify(bytes32,bytes32,bytes32,bytes32,bytes32)"

# name: (the changes: file, text, replacement), (the groups of cases of which one must be answered wrongly)
MUTANTS: dict[str, tuple[list[tuple[str, str, str]], set[str]]] = {
    "r may be 0": ([(VERIFIER, "r == 0 || ", "")], {"range"}),
    "r may be n or more": ([(VERIFIER, "r >= N || ", "")], {"range"}),
    "s may be 0": ([(VERIFIER, "s == 0 || ", "")], {"range"}),
    "s may be n or more": ([(VERIFIER, " || s >= N) return false", ") return false")], {"range"}),
    "t may be 0": ([(VERIFIER, "if (t == 0) return false;", "")], {"t"}),
    "no key check": ([(VERIFIER, "if (!SM2Curve.isPoint(x, y)) return false;", "")], {"off-curve", "encoding"}),
    "no curve equation": ([(CURVE, "return mulmod(y, y, P) ==", "return true || mulmod(y, y, P) ==")], {"off-curve"}),
    "coordinates need not be reduced": ([(CURVE, "if (x >= P || y >= P) return false;", "")], {"encoding"}),
    "x1 is never n or more": ([(VERIFIER, "return c < P - N && ", "return false && ")], {"abscissa"}),
    "c + n may be p or more": ([(VERIFIER, "return c < P - N && ", "return ")], {"abscissa"}),
    "e is not reduced": ([(VERIFIER, "N - (e % N)", "N - e")], {"e"}),
    "no complete way": (
        [(LADDER, "if (z3 == 0) return SM2Curve.combination(s, t, x, y);", "")],
        {"exceptional"},
    ),
    "Z = 0 is a result": (
        [
            (LADDER, "if (z3 == 0) return SM2Curve.combination(s, t, x, y);", "if (z3 == 0) return (x3, y3, z3);"),
            (VERIFIER, "if (pz == 0) return false;", ""),
        ],
        {"exceptional"},
    ),
}


# The complete way alone, which the ladder hands over to only in its exceptional cases.
_ALWAYS_COMPLETE = (LADDER, "if (z3 == 0) return SM2Curve.combination", "if (z3 < P) return SM2Curve.combination")
COMPLETE_WAY: dict[str, list[tuple[str, str, str]]] = {
    "complete way": [_ALWAYS_COMPLETE],
    "equal points are not doubled": [
        _ALWAYS_COMPLETE,
        (CURVE, "if (h == 0 && r == 0) return double(x, y, z);", ""),
    ],
    "O is no special case": [_ALWAYS_COMPLETE, (CURVE, "if (z == 0) return (x2, y2, 1);", "")],
}


def _mutated(changes: list[tuple[str, str, str]]) -> dict[str, str]:
    sources = closure(VERIFIER, {})
    for name, text, replacement in changes:
        assert sources[name].count(text) == 1, f"the mutant does not apply: {text!r}"
        sources[name] = sources[name].replace(text, replacement)
    return sources


@pytest.fixture(scope="module")
def mutants() -> dict[str, DirectCode]:
    """The code of every mutant, all from one run of the compiler: each has a folder of its own."""
    try:
        compiler = Compiler.find()
    except CompilerMissingError as error:
        pytest.skip(f"no compiler: {error}")
    changes = {**{name: mutant[0] for name, mutant in MUTANTS.items()}, **COMPLETE_WAY}
    names = {name: f"mutant{i}/" for i, name in enumerate(changes)}
    sources = {
        names[name] + unit: {"content": text} for name in changes for unit, text in _mutated(changes[name]).items()
    }
    settings = {**settings_for(VERIFIER), "outputSelection": {"*": {"SM2Verifier": ["evm.deployedBytecode.object"]}}}
    contracts = compiler.standard({"language": "Solidity", "sources": sources, "settings": settings})["contracts"]
    return {
        name: DirectCode(
            bytes.fromhex(contracts[folder + VERIFIER]["SM2Verifier"]["evm"]["deployedBytecode"]["object"])
        )
        for name, folder in names.items()
    }


def _wrong(code: DirectCode, groups: set[str], *, first: bool = False) -> list[str]:
    wrong = []
    for case in CASES:
        if case.group in groups:
            answer = code.call(SIGNATURE, *map(word, case.numbers()))
            if answer.reverted or answer.output != word(case.valid):
                wrong.append(case.desc)
                if first:
                    break
    return wrong


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught_when_one_check_is_broken(name: str, mutants: dict[str, DirectCode]) -> None:
    assert _wrong(mutants[name], MUTANTS[name][1], first=True) != []


@pytest.mark.slow
def test_complete_way_is_right_when_it_is_forced(mutants: dict[str, DirectCode]) -> None:
    assert _wrong(mutants["complete way"], {"degenerate", "infinity"}) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["equal points are not doubled", "O is no special case"])
def test_complete_way_without_a_case_is_caught_when_it_is_forced(name: str, mutants: dict[str, DirectCode]) -> None:
    assert _wrong(mutants[name], {"degenerate"}, first=True) != []
