"""The national contracts, executed directly and deployed on a chain; both are stateless, so one of each will do."""

from __future__ import annotations

from typing import Any

import pytest
from direct_evm import DirectCode

from contracts import artifact


@pytest.fixture(scope="session")
def hasher() -> DirectCode:
    """SM3Hasher's runtime code."""
    return DirectCode(artifact("SM3Hasher").deployed_bytecode)


@pytest.fixture(scope="session")
def verifier() -> DirectCode:
    """SM2Verifier's runtime code."""
    return DirectCode(artifact("SM2Verifier").deployed_bytecode)


@pytest.fixture
def hasher_on_chain(deploy: Any) -> Any:
    """SM3Hasher created from its artifact on a fresh chain."""
    return deploy("SM3Hasher")


@pytest.fixture
def verifier_on_chain(deploy: Any) -> Any:
    """SM2Verifier created from its artifact on a fresh chain."""
    return deploy("SM2Verifier")
