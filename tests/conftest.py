"""Fixtures that need a whole ledger: a small one per test, and the demonstration seeded once per run."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.services.ledger import Ledger
from tests.explorer_world import World, build
from tests.small_ledger import PASSPHRASE, SmallLedger, found_small


@pytest.fixture(scope="session")
def small_master(tmp_path_factory: pytest.TempPathFactory) -> SmallLedger:
    """The ledger that `small` copies, closed: founding takes four times as long as copying and opening."""
    made = found_small(tmp_path_factory.mktemp("small") / "data")
    made.ledger.close()
    return made


@pytest.fixture
def small(small_master: SmallLedger, tmp_path: Path) -> Iterator[SmallLedger]:
    """A founded ledger with one authority, one producer and nothing else; open, closed afterwards."""
    data = Path(shutil.copytree(small_master.data, tmp_path / "data"))
    made = SmallLedger(data, Ledger.open(data, passphrase=PASSPHRASE), dict(small_master.keys))
    yield made
    made.ledger.close()


@pytest.fixture(scope="session")
def demo_master(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The demonstration's data folder, seeded once for all parallel workers. Copy it before changing it."""
    base = tmp_path_factory.getbasetemp()
    root = base if worker_id == "master" else base.parent
    data = root / "demo-master"
    with (root / "demo-master.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (data / "keys" / "seeded").exists():
            from ledger.services.demo.seed import seed

            seed(data)
    return data


@pytest.fixture
def demo_data(demo_master: Path, tmp_path: Path) -> Path:
    """A copy of the demonstration's data folder that a test may change."""
    return Path(shutil.copytree(demo_master, tmp_path / "demo"))


@pytest.fixture(scope="session")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A chain with every operation and several refusals on it; tests only read it."""
    made = build(tmp_path_factory.mktemp("explored"))
    yield made
    made.small.ledger.close()
