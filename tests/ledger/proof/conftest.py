from __future__ import annotations

import copy

import pytest
from proof_world import LONGAN, LYCHEE, PACKED, World, seeded


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> World:
    made = seeded(tmp_path_factory.mktemp("world"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def bundles(world):
    return {lot: world.bundle(lot) for lot in (LYCHEE, LONGAN, PACKED)}


@pytest.fixture
def bundle(bundles):
    """A fresh copy to mutate: an orchard's lot with records by four members."""
    return copy.deepcopy(bundles[LYCHEE])


@pytest.fixture(scope="session")
def anchors(world):
    return world.anchors()
