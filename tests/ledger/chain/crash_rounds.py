"""Kills a submitting process with SIGKILL, again and again, and examines what it leaves behind. Run by test_crash.py.

    python crash_rounds.py points FOLDER             one kill at every named point
    python crash_rounds.py random FOLDER ROUNDS SEED kills at random moments

FOLDER holds chain.sqlite with a deployed ledger and deployment.json. A single-threaded parent forks each child, so a
round costs no imports. Prints one JSON object; the test asserts on it.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chain_world import RELAYER, open_embedded, submission

from ledger.chain import gateway as gateway_module
from ledger.chain import outbox
from ledger.chain.contracts import Deployment
from ledger.chain.embedded import integrity
from ledger.chain.embedded.store import Store
from ledger.chain.gateway import Gateway
from ledger.vault.engine import open_engine

PER_CALL = 2  # submissions queued together


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # never reached: the signal is delivered first


def nth(count: int) -> Callable[[], None]:
    left = [count]

    def hit() -> None:
        left[0] -= 1
        if left[0] == 0:
            die()

    return hit


def around(owner: Any, name: str, *, before: Callable[[], None] | None, after: Callable[[], None] | None) -> None:
    real = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before:
            before()
        result = real(*args, **kwargs)
        if after:
            after()
        return result

    setattr(owner, name, wrapped)


def before(owner: Any, name: str) -> Callable[[Callable[[], None]], None]:
    return lambda hit: around(owner, name, before=hit, after=None)


def after(owner: Any, name: str) -> Callable[[Callable[[], None]], None]:
    return lambda hit: around(owner, name, before=None, after=hit)


def before_commit(hit: Callable[[], None]) -> None:
    real = outbox.writing

    @contextmanager
    def wrapped(engine: Any) -> Any:
        with real(engine) as connection:
            yield connection
            hit()

    outbox.writing = wrapped


def inside_block(hit: Callable[[], None]) -> None:
    real = Store._insert

    def wrapped(*args: Any) -> None:
        real(*args)
        hit()

    Store._insert = staticmethod(wrapped)  # type: ignore[method-assign]


# Every write on the way from a request to an acknowledgement: before it, inside its transaction, after it.
POINTS: dict[str, Callable[[Callable[[], None]], None]] = {
    "before queueing": before(Gateway, "enqueue"),
    "queued, before commit": after(Gateway, "enqueue"),
    "queued": before(Gateway, "seal_pending"),
    "before signing": before(Gateway, "_sign"),
    "signed, before commit": after(outbox, "mark_signed"),
    "signed": after(Gateway, "_sign"),
    "before sending": before(gateway_module, "send"),
    "before the block": before(Store, "write_blocks"),
    "inside the block's transaction": inside_block,
    "after the block": after(Store, "write_blocks"),
    "sent, answer lost": after(gateway_module, "send"),
    "before settling": before(Gateway, "_settle"),
    "sealed, before commit": after(outbox, "mark_sealed"),
    "any outbox commit": before_commit,
    "sealed": after(Gateway, "_settle"),
    "before acknowledging": after(Gateway, "seal_pending"),
}


def child(folder: Path, deployment: Deployment, start: int, report: int) -> None:
    """Submit for ever; write one line per acknowledged submission."""
    engine = open_embedded(folder)
    gateway = Gateway(engine, deployment, RELAYER, open_engine(folder / "ledger.sqlite"))
    gateway.recover()
    os.write(report, b"ready\n")
    nonce = start
    while True:
        items = [submission(deployment, nonce + i) for i in range(PER_CALL)]
        nonce += PER_CALL
        with outbox.writing(gateway._database) as connection:
            for item in items:
                gateway.enqueue(connection, item.id, item.calldata)
        for sealed in gateway.seal_pending():
            line = f"{sealed.submission_id.hex()} {sealed.transaction_hash.hex()} {sealed.block}\n"
            os.write(report, line.encode())


def round_of(
    folder: Path,
    deployment: Deployment,
    start: int,
    arm: Callable[[], None] | None,
    kill_after: float | None,
    after_lines: int = 0,
) -> tuple[list[str], int]:
    """One child's life: (acknowledgements, wait status). Killed `kill_after` seconds after line `after_lines`, where
    line 0 is "ready" and each further one an acknowledgement."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reading)
            if arm:
                arm()
            child(folder, deployment, start, writing)
        except BaseException as error:
            os.write(writing, f"error {type(error).__name__} {error}\n".encode())
        finally:
            os._exit(code)
    os.close(writing)
    text = b""
    deadline: float | None = None
    limit = time.monotonic() + 60
    while True:
        wait = 60.0 if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select([reading], [], [], wait)
        if ready:
            chunk = os.read(reading, 65536)
            if not chunk:
                break
            text += chunk
            if deadline is None and kill_after is not None and text.count(b"\n") > after_lines:
                deadline = time.monotonic() + kill_after
        if (deadline is not None and time.monotonic() >= deadline) or time.monotonic() > limit:
            os.kill(pid, signal.SIGKILL)
            deadline = None
            kill_after = None
    os.close(reading)
    _, status = os.waitpid(pid, 0)
    return [line for line in text.decode().splitlines() if line != "ready"], status


def examine(folder: Path, deployment: Deployment, acknowledged: dict[str, tuple[str, int]]) -> dict[str, Any]:
    """Recover, seal the rest, and compare the chain with the outbox and with what was acknowledged."""
    database = open_engine(folder / "ledger.sqlite")
    with open_embedded(folder) as engine:
        gateway = Gateway(engine, deployment, RELAYER, database)
        gateway.recover()
        gateway.seal_pending()
        events = [e for e in gateway.events(deployment.block, gateway.height()) if e.name == "Accepted"]
        where = {e.args["submissionId"].hex(): (e.transaction_hash.hex(), e.block) for e in events}
        with outbox.reading(database) as connection:
            rows = outbox.in_state(connection, outbox.SEALED, 1_000_000)
            unfinished = outbox.count(connection, outbox.QUEUED, outbox.SIGNED, outbox.REFUSED)
        stored = {
            row.submission_id.hex(): (row.sealed.transaction_hash.hex(), row.sealed.block) for row in rows if row.sealed
        }
        damage = [str(finding) for finding in integrity.check(engine.node)]
    database.dispose()
    return {
        "accepted": len(events),
        "twice": len(events) - len(where),
        "lost": [key for key, place in acknowledged.items() if where.get(key) != place],
        "outbox_differs": sorted(set(stored.items()) ^ set(where.items())),
        "unfinished": unfinished,
        "damage": damage,
    }


def main() -> None:
    mode, folder = sys.argv[1], Path(sys.argv[2])
    deployment = Deployment.from_json(json.loads((folder / "deployment.json").read_text()))
    acknowledged: dict[str, tuple[str, int]] = {}
    results: list[dict[str, Any]] = []
    nonce = 0
    if mode == "points":
        plan: list[tuple[str, Callable[[], None] | None, float | None]] = [
            (f"{name} ({count})", lambda name=name, count=count: POINTS[name](nth(count)), None)
            for name in POINTS
            for count in (1, 2)
        ]
    else:
        dice = random.Random(int(sys.argv[4]))
        plan = [(f"round {i}", None, dice.uniform(0.0, 0.5)) for i in range(int(sys.argv[3]))]
    for name, arm, kill_after in plan:
        lines, status = round_of(folder, deployment, nonce, arm, kill_after, len(results) % 2)
        nonce += 10_000
        errors = [line for line in lines if line.startswith("error")]
        fresh = {k: (h, int(b)) for k, h, b in (line.split() for line in lines if not line.startswith("error"))}
        acknowledged.update(fresh)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        results.append({"name": name, "killed": killed, "errors": errors, "acknowledged": len(fresh)})
        if mode == "points" or len(results) % 10 == 0 or len(results) == len(plan):
            results[-1] |= examine(folder, deployment, acknowledged)
    print(json.dumps({"rounds": results, "acknowledged": len(acknowledged)}))


if __name__ == "__main__":
    main()
