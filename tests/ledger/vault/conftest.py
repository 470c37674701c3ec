from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from vault_world import MASTER

from ledger.vault import Vault, open_engine


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def vault(path: Path) -> Iterator[Vault]:
    engine = open_engine(path)
    yield Vault(engine, MASTER)
    engine.dispose()
