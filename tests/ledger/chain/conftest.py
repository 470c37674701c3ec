"""Fixtures: a deployed ledger on each engine, and its gateway over a fresh outbox."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from chain_world import AUTHORITIES, ENGINES, RELAYER, Anvil, Ledger, open_anvil, open_embedded

from ledger.chain.contracts import Deployment, deploy


@pytest.fixture(scope="session")
def deployed_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Deployment]:
    """A chain file with the contracts on it, copied for each test."""
    folder = tmp_path_factory.mktemp("deployed")
    with open_embedded(folder) as engine:
        deployment = deploy(engine, RELAYER, AUTHORITIES)
    return folder / "chain.sqlite", deployment


@pytest.fixture
def embedded(deployed_file: tuple[Path, Deployment], tmp_path: Path) -> Iterator[Ledger]:
    """The ledger on the embedded engine."""
    source, deployment = deployed_file
    shutil.copy(source, tmp_path / "chain.sqlite")
    with open_embedded(tmp_path) as engine:
        yield Ledger(engine, deployment, tmp_path)


@pytest.fixture
def on_anvil(tmp_path: Path) -> Iterator[Ledger]:
    """The ledger on anvil."""
    node = Anvil()
    try:
        with open_anvil(node) as engine:
            yield Ledger(engine, deploy(engine, RELAYER, AUTHORITIES), tmp_path, node)
    finally:
        node.stop()


@pytest.fixture(params=ENGINES)
def ledger(request: pytest.FixtureRequest) -> Ledger:
    """The ledger on every engine in turn."""
    found: Ledger = request.getfixturevalue({"embedded": "embedded", "anvil": "on_anvil"}[request.param])
    return found
