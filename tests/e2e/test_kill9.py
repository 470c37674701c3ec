"""kill -9 at random moments of submitting: no acknowledged receipt is lost and nothing is anchored twice.

The child is forked from a process that has everything imported and nothing open, so that a round costs what opening a
ledger costs. It reports each acknowledged submission on a pipe before it goes on; the parent kills it at a random
moment, opens the same folder itself and compares.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from ledger.services.ledger import Ledger
from tests.small_ledger import PASSPHRASE, SmallLedger, found_small

ROUNDS = 50
MAX_ACKNOWLEDGED = 3  # per round before the kill is armed
MAX_SECONDS_MORE = 0.2  # then a random moment within about one submission


def _child(small: SmallLedger, pipe: int) -> None:
    ledger = Ledger.open(small.data, passphrase=PASSPHRASE)
    alive = SmallLedger(small.data, ledger, small.keys)
    os.write(pipe, b"open\n")
    while True:
        receipt = ledger.submit(alive.event_wire())
        assert receipt.state == "sealed"
        os.write(pipe, receipt.submission_id.encode() + b"\n")


def _run_and_kill(small: SmallLedger, first: int, seconds: float) -> list[str]:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            _child(small, writer)
        finally:
            os._exit(7)  # never return into pytest
    os.close(writer)
    with os.fdopen(reader) as answers:
        assert answers.readline() == "open\n", "the ledger did not open after the last kill"
        seen = [answers.readline() for _ in range(first)]
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status), f"the child ended by itself: {status}"
        return [line.strip() for line in (*seen, *answers) if line.endswith("\n")]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_submissions_survive_kill_9_when_killed_at_random_moments(tmp_path: Path) -> None:
    small = found_small(tmp_path / "data")
    small.register_lot()
    small.ledger.close()
    seed = int(os.environ.get("ORIGINSEAL_TEST_SEED", random.randrange(2**32)))
    print(f"ORIGINSEAL_TEST_SEED={seed}")
    chance = random.Random(seed)
    acknowledged: list[str] = []
    for _ in range(ROUNDS):
        first = chance.randint(0, MAX_ACKNOWLEDGED)
        names = _run_and_kill(small, first, chance.uniform(0.0, MAX_SECONDS_MORE))
        assert len(names) >= first
        acknowledged += names

    with Ledger.open(small.data, passphrase=PASSPHRASE) as ledger:
        events = [e for e in ledger.gateway.events(0, ledger.gateway.height()) if e.name == "Accepted"]
        anchored = Counter("keccak256:" + e.args["submissionId"].hex() for e in events)
        assert len(acknowledged) >= ROUNDS // 2, "the rounds were too short to test anything"
        assert not [name for name in acknowledged if name not in anchored], "an acknowledged submission is lost"
        assert max(anchored.values()) == 1, "a submission was anchored twice"
        # What was stored but not acknowledged is finished by now: stored and anchored are the same set.
        stored = {"keccak256:" + each.submission_id.hex() for each, _ in ledger.vault.everything()}
        assert stored == set(anchored)
        assert ledger.gateway.outbox_depth() == 0
        lot = ledger.lot("09521002000115", "GZ-FZX-0901")
        assert lot.accumulator_total == len(events) - 1  # all but the producer's admission
