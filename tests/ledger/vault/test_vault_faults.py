"""The payload store under real faults: a process killed at any moment, and a disk that takes no more."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from vault_world import MASTER, record, store, submission

from ledger.vault import Vault, open_engine
from ledger.vault.examine import examine

HERE = Path(__file__).parent

WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from vault_world import MASTER, record, store, submission
from ledger.vault import Vault, open_engine
vault = Vault(open_engine(sys.argv[1]), MASTER)
while True:
    checked = submission(*(record() for _ in range(3)))
    store(vault, checked)
    print(checked.submission_id.hex(), flush=True)
"""

FILLER = """
import os, resource, sys
sys.path.insert(0, sys.argv[2])
from vault_world import MASTER, record, store, submission
from ledger.errors import StorageUnavailable
from ledger.vault import Vault, open_engine
vault = Vault(open_engine(sys.argv[1]), MASTER)
store(vault, submission())
limit = os.path.getsize(sys.argv[1] + "-wal") + 20_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))  # write() then fails as on a full disk
failed = 0
for _ in range(20):
    try:
        store(vault, submission(record({"text": "x" * 3000})))
        print("stored", flush=True)
    except StorageUnavailable:
        failed += 1
assert failed, "the limit was never reached"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store(vault, submission())
print("stored", flush=True)
"""


def test_no_acknowledged_submission_is_lost_when_the_writer_is_killed(tmp_path: Path) -> None:
    path, chance = tmp_path / "ledger.sqlite", random.Random(20251)
    acknowledged: list[str] = []
    for _ in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(HERE)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        for _ in range(chance.randrange(1, 30)):
            acknowledged.append(child.stdout.readline().strip())
        child.kill()
        acknowledged += [line.strip() for line in child.stdout.read().splitlines() if len(line.strip()) == 64]
        child.wait()
        child.stdout.close()
    vault = Vault(open_engine(path), MASTER)
    stored = {each.submission_id.hex(): rows for each, rows in vault.everything()}
    assert set(acknowledged) <= set(stored)
    assert len(acknowledged) <= len(stored) <= len(acknowledged) + 6  # at most one under way at each kill
    assert {len(rows) for rows in stored.values()} == {3}
    assert list(examine(vault)) == []


def test_store_goes_on_when_a_full_disk_has_room_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    made = subprocess.run(
        [sys.executable, "-c", FILLER, str(path), str(HERE)], capture_output=True, text=True, timeout=120
    )
    assert made.returncode == 0, made.stderr
    vault = Vault(open_engine(path), MASTER)
    assert vault.counts().submissions == made.stdout.count("stored") + 1
    assert list(examine(vault)) == []
    store(vault, submission(record()))
