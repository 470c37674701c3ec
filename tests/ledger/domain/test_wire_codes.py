"""The numbers that Python signs are the numbers that the contracts' sources define."""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path

import pytest

from ledger.documents.matching.link import MAX_LOTS
from ledger.domain.codes import BaseUnit, DocumentKind, LotState, OperationKind, Standing, Verdict
from ledger.domain.members import ZONES, Role
from ledger.domain.operations import OPERATION_CLASSES
from ledger.domain.origin import MAX_PARENTS

SOURCES = Path(__file__).parents[3] / "contracts" / "src"
CONSTANT = re.compile(r"^\s*uint\d+ \w+ constant (\w+) = ([^;]+);", re.MULTILINE)


def constants(*files: str) -> dict[str, int]:
    """Integer constants of some Solidity sources; `1 << n` is understood, expressions of names are left out."""
    found = {}
    for file in files:
        for name, value in CONSTANT.findall((SOURCES / file).read_text(encoding="utf-8")):
            shift = re.fullmatch(r"1 << (\d+)", value)
            if shift:
                found[name] = 1 << int(shift[1])
            elif value.strip().isdigit():
                found[name] = int(value)
    return found


@pytest.mark.parametrize(
    ("enum", "file", "unnamed"),
    [
        (OperationKind, "types/Action.sol", set()),
        (Role, "libraries/Roles.sol", set()),
        (Standing, "MemberRegistry.sol", set()),
        (LotState, "Lots.sol", set()),
        (BaseUnit, "Lots.sol", set()),
        (Verdict, "Trades.sol", {"MISMATCHED"}),  # the contract only names the ends of the range 1..3
        (DocumentKind, "Trades.sol", set()),
    ],
)
def test_numbers_equal_the_contracts_constants(enum: type[IntEnum], file: str, unnamed: set[str]) -> None:
    solidity = constants(file)
    ours = {member.name: int(member) for member in enum if member.name not in unnamed}
    assert {name: solidity.get(name) for name in ours} == ours


def test_limits_and_zones_equal_the_contracts_constants() -> None:
    assert constants("Lots.sol")["MAX_PARENTS"] == MAX_PARENTS
    assert constants("Trades.sol")["MAX_LINES"] == MAX_LOTS
    members = constants("MemberRegistry.sol")
    assert (members["FIRST_ZONE"], members["LAST_ZONE"]) == (min(ZONES), max(ZONES))


def test_every_operation_kind_has_a_class() -> None:
    assert set(OPERATION_CLASSES) == {int(kind) for kind in OperationKind}
