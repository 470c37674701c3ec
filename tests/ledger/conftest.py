"""Fixtures for the library's tests: vector files (tests/vectors) and the plain-Python oracle beside this file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("ledger", deadline=None)  # a busy machine is not a failure
settings.load_profile("ledger")

VECTORS = Path(__file__).parent.parent / "vectors"


def read_vectors(name: str) -> dict[str, Any]:
    """A vector file; each has `desc`, `source` and `vectors`."""
    document = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    assert document["desc"] and document["source"] and document["vectors"], f"{name}: header incomplete"
    return document


@pytest.fixture(scope="session")
def vectors() -> Any:
    return read_vectors
