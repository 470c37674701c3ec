"""`originseal audit --every`: audits in the foreground, again and again, until somebody stops it.

Each audit leaves DATA/audit.json and a filed report (DATA/audits), writes one line about itself, and never ends the
schedule, whatever it finds or whatever stops it. How it ends says how it went: exit 1 when any audit of this run had
findings or could not be done.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from ledger.crypto.ports import Signer
from ledger.errors import OriginSealError
from ledger.services import audit_archive, audit_schedule
from ledger.services.audit_schedule import Plan
from scripts.commands.output import EXIT_FINDING

DEFAULT_KEEP = 30
Every = Annotated[
    str | None, typer.Option("--every", help="go on auditing, every 24h (s, m, h, d), until interrupted 定期审计")
]
SampleEvery = Annotated[str | None, typer.Option("--sample-every", help="and a sample in between, every 1h 定期抽样")]
Keep = Annotated[
    int | None,
    typer.Option(
        "--keep", min=1, max=10_000, help="file the report in DATA/audits, keep the last N of its kind 保留份数"
    ),
]
Parent = Annotated[int | None, typer.Option("--parent", hidden=True, help="stop when this process has ended")]
NICENESS = 15
SLICE_SECONDS = 5.0  # how often a schedule looks whether the server that started it still lives
Run = Callable[[str], dict[str, Any]]  # audits in a mode; gives the report's JSON value


class Stop:
    """Set by SIGINT or SIGTERM, or by the end of the process that started this one."""

    def __init__(self, parent: int | None) -> None:
        self._asked = threading.Event()
        self._parent = parent

    def __enter__(self) -> Stop:
        def ask(number: int, frame: FrameType | None) -> None:
            if self._asked.is_set():
                raise KeyboardInterrupt  # asked twice: stop an audit under way too
            self._asked.set()

        self._before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def wait(self, seconds: float) -> bool:
        """Wait that long; True as soon as it is time to stop."""
        until = time.monotonic() + seconds
        while True:
            if self._parent is not None and os.getppid() != self._parent:
                return True
            left = until - time.monotonic()
            if self._asked.wait(min(max(0.0, left), SLICE_SECONDS)) or left <= 0:
                return self._asked.is_set()


def keep_auditing(
    data: Path,
    run: Run,
    *,
    every: str | None,
    sample_every: str | None,
    keep: int,
    signer: Signer | None,
    parent: int | None = None,
    as_json: bool = False,
) -> None:
    """Audit `data` on schedule until stopped; raises typer.Exit with how it went."""
    plans = plans_for(data, every, sample_every, time.time())
    if parent is not None:
        os.nice(NICENESS)  # beside a server: whoever waits for a page comes first
    bad = 0

    def audit(mode: str) -> None:
        nonlocal bad
        try:
            facts = run(mode)
            name = audit_archive.file(data, facts, keep, signer)
            audit_archive.leave(data, facts)
            findings = sum(facts["findingsByKind"].values())
            line = {
                "report": name,
                "mode": mode,
                "head": facts["head"],
                "findings": findings,
                "seconds": facts["seconds"],
            }
        except (OriginSealError, OSError) as error:
            line = {"report": None, "mode": mode, "error": str(error)}
            findings = 1
        bad += bool(findings)
        say(line, as_json)

    with Stop(parent) as stop:
        audit_schedule.run(plans, audit, clock=time.time, wait=stop.wait)
    raise typer.Exit(EXIT_FINDING if bad else 0)


@contextmanager
def auditor(data: Path, every: str) -> Iterator[None]:
    """A process beside a server that audits its folder on schedule, at the lowest priority, until the server ends."""
    command = [sys.executable, "-m", "scripts.originseal", "audit", "--data", str(data), "--every", every, "--json"]
    process = subprocess.Popen([*command, "--parent", str(os.getpid())], stdin=subprocess.DEVNULL, stdout=sys.stderr)
    try:
        yield
    finally:
        for _ in range(2):  # the second time also ends an audit under way
            process.terminate()
            try:
                process.wait(SLICE_SECONDS)
                break
            except subprocess.TimeoutExpired:
                continue
        else:
            process.kill()
            process.wait()


def plans_for(data: Path, every: str | None, sample_every: str | None, now: float) -> list[Plan]:
    """The plans, the heavier one first; each goes on from the newest filed report of its mode."""
    plans = []
    for modes, text, option in (
        (("full", "incremental"), every, "--every"),
        (("sample",), sample_every, "--sample-every"),
    ):
        if text is not None:
            seconds = audit_schedule.parse_every(text, option)
            plans.append(audit_schedule.plan(modes[0], seconds, audit_archive.last_started(data, *modes), now))
    return plans


def say(line: dict[str, Any], as_json: bool) -> None:
    """One line for each audit: JSON, or words."""
    if as_json:
        text = json.dumps(line, ensure_ascii=False)
    elif line["report"] is None:
        text = f"audit 审计 {line['mode']}: not done 未完成: {line['error']}"
    else:
        text = (
            f"audit 审计 {line['report']}: to block 至区块 {line['head']}, findings 问题 {line['findings']}, "
            f"{line['seconds']:.1f} s"
        )
    print(text, file=sys.stdout, flush=True)
