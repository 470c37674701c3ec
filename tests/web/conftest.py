"""The world of the proof tests (a real small chain), and the browser's modules running in Node."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PROOF_TESTS = Path(__file__).parents[1] / "ledger" / "proof"
DRIVER = Path(__file__).parent / "driver.mjs"
if str(PROOF_TESTS) not in sys.path:  # their helpers are imported by bare name
    sys.path.insert(0, str(PROOF_TESTS))

from proof_world import LONGAN, LYCHEE, PACKED, World, seeded  # noqa: E402 - after the path

Ask = Callable[[list[dict[str, Any]]], list[Any]]


@pytest.fixture(scope="session")
def node() -> Ask:
    """Answers of the driver to a list of requests, all in one process."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("Node is not installed (apt-get install nodejs)")

    def ask(requests: list[dict[str, Any]]) -> list[Any]:
        lines = "".join(json.dumps(request) + "\n" for request in requests)
        done = subprocess.run([program, str(DRIVER)], input=lines, capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return ask


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = seeded(tmp_path_factory.mktemp("world"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def bundles(world: World) -> dict[str, Any]:
    return {lot: world.bundle(lot) for lot in (LYCHEE, LONGAN, PACKED)}


@pytest.fixture
def bundle(bundles: dict[str, Any]) -> Any:
    return copy.deepcopy(bundles[LYCHEE])


@pytest.fixture(scope="session")
def anchors(world: World) -> Any:
    return world.anchors()
