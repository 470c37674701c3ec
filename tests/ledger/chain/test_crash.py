"""kill -9 while submitting: nothing acknowledged is lost, nothing is anchored twice, and the file stays whole."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ledger.chain.contracts import Deployment


def run(deployed_file: tuple[Path, Deployment], folder: Path, *arguments: str) -> Any:
    source, deployment = deployed_file
    shutil.copy(source, folder / "chain.sqlite")
    (folder / "deployment.json").write_text(json.dumps(deployment.to_json()))
    script = Path(__file__).with_name("crash_rounds.py")
    command = [sys.executable, "-W", "ignore", str(script), arguments[0], str(folder), *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_nothing_lost(answer: Any) -> None:
    for entry in answer["rounds"]:
        assert entry["errors"] == [], entry
        assert entry["killed"], entry
        if "accepted" in entry:
            assert (entry["lost"], entry["twice"], entry["unfinished"]) == ([], 0, 0), entry
            assert (entry["outbox_differs"], entry["damage"]) == ([], []), entry


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_when_killed_at_every_named_point(
    deployed_file: tuple[Path, Deployment], tmp_path: Path
) -> None:
    answer = run(deployed_file, tmp_path, "points")
    assert_nothing_lost(answer)
    assert len(answer["rounds"]) == 32
    assert answer["acknowledged"] >= 3


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_or_doubled_when_killed_at_random(
    deployed_file: tuple[Path, Deployment], tmp_path: Path, seed: int
) -> None:
    answer = run(deployed_file, tmp_path, "random", "30", str(seed))
    assert_nothing_lost(answer)
    assert answer["acknowledged"] >= 10
