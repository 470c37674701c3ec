"""A server over the fake ledger, for tests of the HTTP face."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fake_ledger import FakeLedger
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import Settings


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger()


@pytest.fixture
def settings() -> Settings:
    return Settings(base_url="https://trace.example", read_rate=0, write_rate=0, log_level="CRITICAL")


@pytest.fixture
def client(settings: Settings, ledger: Any) -> Iterator[TestClient]:
    with TestClient(create_app(settings, ledger), raise_server_exceptions=False) as client:
        yield client
