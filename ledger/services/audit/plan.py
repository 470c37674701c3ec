"""What is left to do when the blocks were walked, cut into pieces of about a second each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from sqlalchemy import inspect, text

from ledger.services.audit.tasks import Task
from ledger.vault import reading
from ledger.vault.reader import VaultReader

PREFIXES = 16  # first bytes of state nodes in one task
SUBMISSIONS, OUTBOX, CHECKPOINTS = 1000, 4000, 4000  # rows in one task
EXECUTIONS = 8  # blocks in one task


def executions(head: int) -> list[Task]:
    """Blocks 1 … `head` executed again."""
    return [
        Task("execute", (first, min(head, first + EXECUTIONS - 1)), "execution")
        for first in range(1, head + 1, EXECUTIONS)
    ]


def after_walk(
    file: bool,
    vault: VaultReader | None,
    anchored: bool,
    head: int,
    noted: Callable[[str], AbstractContextManager[None]],
) -> list[Task]:
    """The tasks after the walk; the long ones that cannot be cut come first."""
    tasks: list[Task] = []
    if vault is not None:
        tasks.append(Task("structure", ("ledger",), "ledger.sqlite"))
    if file:
        tasks.append(Task("structure", ("chain",), "chain.sqlite"))
    if vault is not None:
        tasks.append(Task("index_structure", (), "index.sqlite"))
    if file:
        tasks.append(Task("settings", (), "chain.sqlite"))
        tasks += [Task("nodes", (low, low + PREFIXES), "chain.sqlite node") for low in range(0, 256, PREFIXES)]
    if vault is None:
        return tasks
    tasks.append(Task("register", (), "ledger.sqlite trade register"))
    tasks.append(Task("rest", (), "ledger.sqlite"))
    for name, table, key, size, what in (
        ("submissions", "submissions", "seq", SUBMISSIONS, "ledger.sqlite submissions"),
        ("outbox", "chain_outbox", "id", OUTBOX, "ledger.sqlite outbox"),
    ):
        newest = 0
        with noted(what):
            newest = _newest(vault, table, key)
        tasks += [Task(name, span, what) for span in _cut(newest, size)]
    return tasks + (checkpoints(head) if anchored else [])


def checkpoints(head: int) -> list[Task]:
    """Every checkpoint and co-signature."""
    what = "ledger.sqlite checkpoints"
    return [*(Task("checkpoints", span, what) for span in _cut(head, CHECKPOINTS)), Task("cosignatures", (), what)]


def _newest(vault: VaultReader, table: str, key: str) -> int:
    with reading(vault.engine) as connection:
        if not inspect(connection).has_table(table):
            return 0
        found = connection.execute(text(f"SELECT max({key}) FROM {table}")).scalar()  # noqa: S608 - our own names
        return found if type(found) is int else 0


def _cut(newest: int, size: int) -> Iterator[tuple[int | None, int | None]]:
    """(first, last] intervals over everything: the first has no lower and the last no upper end."""
    low: int | None = None
    for high in range(size, newest, size):
        yield low, high
        low = high
    yield low, None
