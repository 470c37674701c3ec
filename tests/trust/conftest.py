"""Worlds of other tests that the cells share: a real bundle and the forger, agencies with keys, a following replica."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

TESTS = Path(__file__).parents[1]
for folder in ("proof", "services"):  # proof_world, forge; replica_source, witness_world
    sys.path.insert(0, str(TESTS / "ledger" / folder))

if TYPE_CHECKING:
    from forge import Forge
    from proof_world import World


@pytest.fixture(scope="session")
def proof_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    from proof_world import seeded

    made = seeded(tmp_path_factory.mktemp("trust"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def shown(proof_world: World) -> dict[str, Any]:
    """A true bundle of an orchard's lot, made once."""
    from proof_world import LYCHEE

    value: dict[str, Any] = proof_world.bundle(LYCHEE)
    return value


@pytest.fixture
def forge(proof_world: World, shown: dict[str, Any]) -> Forge:
    """The bundle in the hands of somebody who can sign checkpoints and make up all state to fit."""
    from forge import Forge

    return Forge(proof_world, copy.deepcopy(shown))
