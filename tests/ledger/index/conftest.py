from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from index_world import World, fill, open_world

from ledger.index import ReadModel
from ledger.vault.engine import scrub


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The whole story, sealed once; tests only read it."""
    return fill(open_world(tmp_path_factory.mktemp("world")))


@pytest.fixture(scope="session")
def followed(world: World) -> ReadModel:
    """A read model that has followed the whole story; tests only read it."""
    model = world.model("followed.sqlite")
    world.follower(model).catch_up()
    return model


@pytest.fixture
def model(followed: ReadModel, world: World, tmp_path: Path) -> Iterator[ReadModel]:
    """A copy of it to do things to."""
    scrub(followed.engine)
    shutil.copy(world.folder / "followed.sqlite", tmp_path / "index.sqlite")
    copy = ReadModel.open(tmp_path / "index.sqlite")
    yield copy
    copy.close()
