"""The audit from genesis: hashing, signatures, two processes, linear time, flat memory.

Two ledgers are built through the real doors (benchmarks.audit_chain): one with 100 records under each signature, one
with a signature for each record. ORIGINSEAL_BENCH_FULL=1 adds one of a million records (about a quarter of an hour).

Hashes only: signatures are taken for granted inside this benchmark (there is no such option), and everything else is
done. What is counted are the SM3 hashes that an audit cannot do without: for each leaf of a payload its salt, its
commitment, its leaf hash and (less one for each tree) a node; for each record its digest and its leaf and node in the
submission's tree and in its lot's. Seals, key ids and the read model's checks are not counted.
Signatures: the difference between two audits, so that opening the operator's encrypted keys is not in it. Each block
has a signed checkpoint, which is counted too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.audit_chain import PASSPHRASE, Chain
from benchmarks.floors import H, V
from benchmarks.harness import Floors, Result, compared, cpu_seconds
from ledger.crypto.sm2 import PublicKey, VerifiedSignature
from ledger.services.audit import audit
from ledger.services.audit.findings import AuditReport

TOGETHER = 100  # records under one signature
SMALL, LARGE, FULL = 100, 1_000, 10_000  # submissions of so many: 10 k, 100 k, 1 M records
SINGLE_FROM, SINGLE_MORE = 400, 800  # submissions of one record
ROUNDS = 2
MEASURE = """
import json, os, resource, sys, time
from pathlib import Path
from ledger.services.audit import audit
most = 0
def progress(done, total, what):  # while blocks are walked: opening the keys takes more for a moment, and would hide it
    global most
    if Path("/proc/self/statm").exists():
        most = max(most, int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
start, wall = time.process_time(), time.perf_counter()
report = audit(Path(sys.argv[1]), passphrase=sys.argv[2], workers=int(sys.argv[3]), progress=progress)
own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
unit = 1 if sys.platform == "darwin" else 1024
print(json.dumps({"sound": report.sound, "records": report.records, "wall": time.perf_counter() - wall,
    "cpu": time.process_time() - start + others.ru_utime + others.ru_stime,
    "own": most or own.ru_maxrss * unit}))
"""


def run(floors: Floors) -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield from _single(floors, folder / "alone", 1)
        yield from _single(floors, folder / "grouped", 100)
        small, large = _grown(folder / "together", SMALL, LARGE)
        yield from _together(floors, small, large)
        yield from _processes(large)
        yield from _growth("100 k / 10 k records", small, large)
        if os.environ.get("ORIGINSEAL_BENCH_FULL"):
            _, full = _grown(folder / "full", 1, FULL)
            yield from _growth("1 M / 100 k records", large, full)
            yield _memory("audit, memory from 10 k to 1 M records", measured(small), measured(full))


def _grown(folder: Path, first: int, last: int) -> tuple[Path, Path]:
    """A ledger with `first` and one with `last` submissions of many records, the first part being the same."""
    chain = Chain(folder / "large")
    chain.add(first, TOGETHER)
    chain.close()
    shutil.copytree(folder / "large", folder / "small")
    chain = Chain.again(folder / "large", chain)
    chain.add(last - first, TOGETHER)
    chain.close()
    return folder / "small", folder / "large"


def _audited(data: Path) -> AuditReport:
    report = audit(data, passphrase=PASSPHRASE, workers=1)
    assert report.sound, report.findings[:3]
    return report


def _best(data: Path, rounds: int = ROUNDS) -> float:
    return min(cpu_seconds(lambda: _audited(data)) for _ in range(rounds))


def _single(floors: Floors, folder: Path, block: int) -> Iterator[Result]:
    """A signature for each record, so many submissions to a block."""
    chain = Chain(folder / "large")
    chain.add(SINGLE_FROM, 1, block)
    chain.close()
    shutil.copytree(folder / "large", folder / "small")
    chain = Chain.again(folder / "large", chain)
    chain.add(SINGLE_MORE, 1, block)
    chain.close()
    seconds = _best(folder / "large") - _best(folder / "small")
    rate = (SINGLE_MORE + SINGLE_MORE // block) / seconds
    name = f"audit, a signature per record, {block} in a block"
    note = f"{SINGLE_MORE / seconds:,.0f} records/cpu-s"
    yield compared(name, rate, floors, V, 0.90 if block > 1 else None, unit="signatures/cpu-s", note=note)


def _together(floors: Floors, small: Path, large: Path) -> Iterator[Result]:
    seconds = _best(large) - _best(small)
    records = (LARGE - SMALL) * TOGETHER
    yield compared("audit, 100 records under a signature", records / seconds, floors, V, None, unit="records/cpu-s")
    with taken_for_granted():
        seconds = _best(large, 2) - _best(small, 2)
    rate = hashes(large) * records / (LARGE * TOGETHER) / seconds
    note = f"{records / seconds:,.0f} records/cpu-s"
    yield compared("audit, hashes only", rate, floors, H, 0.10, unit="SM3/cpu-s", note=note)


def hashes(data: Path) -> int:
    """The SM3 hashes that an audit of this ledger cannot do without (see above)."""
    total = 0
    for leaves, lots in _leaves(data):
        total += 4 * leaves - 1 + 1 + 2 * (1 + lots)
    return total


def _leaves(data: Path) -> Iterator[tuple[int, int]]:
    """(leaves, lots) of every record."""
    from ledger.documents.statement import flatten
    from ledger.services.config import DataFolder
    from ledger.services.operator_keys import open_reading_keys
    from ledger.vault import StoredRecord, open_engine
    from ledger.vault.reader import VaultReader

    folder = DataFolder(data)
    _, master = open_reading_keys(folder.keys, PASSPHRASE)
    engine = open_engine(folder.ledger, read_only=True)
    for _, rows in VaultReader(engine, master).everything():
        for row in rows:
            assert isinstance(row, StoredRecord)
            yield len(flatten(row.payload)[0]), len(row.lots)
    engine.dispose()


def taken_for_granted() -> Any:
    """Within the block, every signature holds: only here, to see what the rest costs."""

    def verify_digest(self: PublicKey, e: bytes, signature: bytes) -> VerifiedSignature:
        return VerifiedSignature(self, e, signature)

    return mock.patch.object(PublicKey, "verify_digest", verify_digest)


def _processes(data: Path) -> Iterator[Result]:
    """Wall-clock time: the best of several runs that take turns, because the machine has other things to do."""
    wall: dict[int, list[float]] = {1: [], 2: []}
    cpu: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for workers in (1, 2):
            taken = measured(data, workers)
            wall[workers].append(taken["wall"])
            cpu[workers].append(taken["cpu"])
    one, two = min(wall[1]), min(wall[2])
    note = f"CPU {min(cpu[1]):.1f} s alone, {min(cpu[2]):.1f} s shared; load {os.getloadavg()[0]:.1f}"
    yield Result("audit, two workers", two, "s wall", "one worker, speed-up", one / two, 1.8, note=note)


def measured(data: Path, workers: int = 1) -> dict[str, Any]:
    """One audit in a process of its own: seconds, and the most memory that it had while it walked."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(data), PASSPHRASE, str(workers)], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["sound"]
    return found


def _growth(name: str, small: Path, large: Path) -> Iterator[Result]:
    one, ten = measured(small), measured(large)
    yield Result(
        f"audit, {name}", ten["records"] / ten["cpu"], "records/cpu-s", "time", ten["cpu"] / one["cpu"], 10.5,
        at_least=False,
    )  # fmt: skip
    yield _memory(f"audit, memory, {name}", one, ten)


def _memory(name: str, one: dict[str, Any], ten: dict[str, Any]) -> Result:
    """One process that does everything, so that what workers hold is in it."""
    more = (ten["own"] - one["own"]) / (1 << 20)
    return Result(name, ten["own"] / (1 << 20), "MB", "MB more", more, 16, at_least=False)
