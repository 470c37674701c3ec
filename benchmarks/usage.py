"""What users wait for: checking a bundle, opening a page, auditing."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from api.app import create_app
from api.settings import Settings
from benchmarks.floors import V
from benchmarks.harness import Floors, Result, cpu_seconds
from ledger.services.audit import audit
from ledger.services.demo import payloads
from ledger.services.demo.lots import LOTS
from ledger.services.demo.seed import seed
from ledger.services.ledger import Ledger
from tests.small_ledger import LOT, SmallLedger, found_small

PROCESSES = 11  # starts of each program, in turn; the median counts
REQUESTS = 300
SUBMISSIONS, RECORDS = 60, 100  # of the audited ledger
BARE_START = "python -c 'import ledger'"
BARE_ROUTE = "a bare FastAPI JSON route"


def run(floors: Floors) -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as folder:
        demo = Path(folder) / "demo"
        seconds = cpu_seconds(lambda: seed(demo))
        yield Result("seed the demonstration", seconds, "cpu-s")
        yield from _verify(demo, Path(folder))
        yield from _page(demo)
        yield from _audit(Path(folder) / "audited", floors)


def _verify(demo: Path, folder: Path) -> Iterator[Result]:
    shop = next(lot for lot in LOTS if lot.parents)
    with Ledger.open(demo) as ledger:
        bundle = ledger.bundle(shop.gtin, shop.lot)
    path = folder / "bundle.json"
    path.write_text(json.dumps(bundle))
    check = ["-m", "scripts.originseal", "verify", str(path), "--anchors", str(demo / "anchors.json")]
    bare, full, start = [], [], []
    for _ in range(PROCESSES):
        start.append(_process(["-c", "pass"]))
        bare.append(_process(["-c", "import ledger"]))
        full.append(_process(check))
    ratio = statistics.median(full) / statistics.median(bare)
    note = f"{len(bundle['submissions'])} submissions, {path.stat().st_size // 1024} KiB"
    yield Result(
        "originseal verify of a bundle", statistics.median(full) * 1000, "cpu-ms", BARE_START, ratio, 3, False, note
    )
    yield Result(BARE_START, statistics.median(bare) * 1000, "cpu-ms")
    yield Result("python -c pass", statistics.median(start) * 1000, "cpu-ms")


def _process(arguments: list[str]) -> float:
    """CPU seconds of one Python process. Byte code is cached, as it is after any first start."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _page(demo: Path) -> Iterator[Result]:
    bare = FastAPI()

    @bare.get("/")
    def answer() -> dict[str, str]:
        return {"status": "ok"}

    shop = next(lot for lot in LOTS if lot.parents)
    with Ledger.open(demo) as ledger:
        application = create_app(Settings(data=demo, read_rate=0, log_level="ERROR"), ledger)
        floor = asyncio.run(_median(bare, "/"))
        page = asyncio.run(_median(application, f"/01/{shop.gtin}/10/{shop.lot}"))
    yield Result("provenance page, server time p50", page, "ms", BARE_ROUTE, page / floor, 5, False, "rendered once")
    yield Result(BARE_ROUTE, floor, "ms")


async def _median(application: Any, path: str) -> float:
    """Median milliseconds of a request, after a few to warm up, in this process without a socket."""
    transport = httpx.ASGITransport(application)
    headers = {"accept": "text/html,application/json;q=0.5"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        times = []
        for at in range(REQUESTS):
            start = time.perf_counter()
            (await client.get(path)).raise_for_status()
            if at >= REQUESTS // 10:
                times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def _audit(folder: Path, floors: Floors) -> Iterator[Result]:
    small = found_small(folder)
    small.register_lot()
    _fill(small)
    small.ledger.close()
    os.environ.setdefault("ORIGINSEAL_PASSPHRASE", "a passphrase for tests only")
    report: list[Any] = []
    seconds = cpu_seconds(lambda: report.append(audit(folder)))
    found = report[0].to_json()
    assert found["findings"] == [], found["findings"]
    rate = found["records"] / seconds
    ratio = rate / floors.rate(V)
    note = f"{RECORDS} records per submission, every signature and every stored row"
    yield Result("audit from genesis", rate, "records/cpu-s", V, ratio, 0.8, note=note)


def _fill(small: SmallLedger) -> None:
    now = time.time()
    for n in range(SUBMISSIONS):
        composer = small.producer
        parts = [
            composer.part("epcis.event", payloads.harvested(LOT, now - 60 * (n * RECORDS + i))) for i in range(RECORDS)
        ]
        small.ledger.submit(composer.compose(parts).to_wire())
