"""`originseal doctor`: looks at the machine and one data folder, says what is wrong and what to do next.

Reads only, changes nothing, and always answers: whatever a damaged folder makes the program's own code raise is an
answer, never a traceback. It looks at ends and single rows; whether every byte is explained is the audit's question.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ledger.services.doctor import environment, files, keeping, stores
from ledger.services.doctor.case import Case, Found, ask
from ledger.services.doctor.report import Answer, Diagnosis, render_text

__all__ = ["Answer", "Diagnosis", "examine", "render_text"]

_QUESTIONS: tuple[tuple[str, Callable[[Case], Found]], ...] = (
    ("python", environment.python),
    ("openssl", environment.openssl),
    ("sqlite", environment.sqlite),
    ("packages", environment.packages),
    ("open-files", environment.open_files),
    ("folder", files.folder),
    ("config", files.config),
    ("anchors", files.anchors),
    ("permissions", files.permissions),
    ("keys", files.keys),
    ("checkpoint-key", files.checkpoint_key),
    ("disk", files.disk),
    ("writer", files.writer),
    ("chain", stores.chain),
    ("engine", stores.engine),
    ("contracts", stores.contracts),
    ("clock", stores.clock),
    ("store", stores.store),
    ("outbox", stores.outbox),
    ("outbox-chain", stores.outbox_chain),
    ("index", stores.index),
    ("checkpoint", stores.checkpoint),
    ("witnesses", stores.witnesses),
    ("replica", keeping.replica),
    ("restored", files.restored),
    ("audit", files.audit),
    ("backup", files.backup),
    ("port", environment.port),
)
_WITHOUT_FOLDER = frozenset({"python", "openssl", "sqlite", "packages", "open-files", "folder", "port"})


def examine(
    data: Path, *, port: int | None = None, passphrase: str | None = None, clock: Callable[[], float] = time.time
) -> Diagnosis:
    """Ask everything. Raises nothing."""
    case = Case(data, port, passphrase, clock)
    answers: list[Answer] = []
    there = data.is_dir()
    try:
        for name, question in _QUESTIONS:
            if there or name in _WITHOUT_FOLDER:
                answers += ask(case, name, question)
    finally:
        case.close()
    return Diagnosis(str(data), None if case.config is None else case.config.role, tuple(answers))
