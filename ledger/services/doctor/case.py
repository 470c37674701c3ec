"""One folder under examination: what could be opened so far, for reading only; nothing is changed or repaired."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ledger.chain.contracts import Deployment
from ledger.chain.engine import Engine
from ledger.errors import OriginSealError
from ledger.proof.anchors import Anchors
from ledger.services.config import REPLICA, Config, DataFolder
from ledger.services.doctor.report import FAILED, OK, SKIPPED, WARNING, Answer
from ledger.services.operator_keys import OperatorKeys
from ledger.vault.reader import VaultReader

Found = tuple[str, str]  # (status, what was found)


@dataclass(slots=True)
class Case:
    """What the checks learn from each other; a part that is None could not be opened, and says so in its own check."""

    data: Path
    port: int | None
    passphrase: str | None
    clock: Callable[[], float]
    config: Config | None = None
    deployment: Deployment | None = None
    anchors: Anchors | None = None
    keys: OperatorKeys | None = None
    engine: Engine | None = None
    vault: VaultReader | None = None
    head: tuple[int, int] | None = None  # (height, block time)
    to_close: list[Callable[[], None]] = field(default_factory=list)

    @property
    def folder(self) -> DataFolder:
        """Paths."""
        return DataFolder(self.data)

    @property
    def replica(self) -> bool:
        """Whether this is a replica's folder."""
        return self.config is not None and self.config.role == REPLICA

    @property
    def embedded(self) -> bool:
        """Whether the chain is a file here."""
        return self.config is not None and self.config.engine.get("type") == "embedded"

    def close(self) -> None:
        """Close everything, whatever it says."""
        for close in reversed(self.to_close):
            with suppress(Exception):  # a damaged file may not even close; the diagnosis is already made
                close()


def ok(found: str) -> Found:
    return OK, found


def warning(found: str) -> Found:
    return WARNING, found


def failed(found: str) -> Found:
    return FAILED, found


def skipped(found: str) -> Found:
    return SKIPPED, found


def ask(case: Case, check: str, question: Callable[[Case], Found]) -> Iterator[Answer]:
    """One answer, whatever happens: what a damaged folder makes our code raise is the answer then."""
    try:
        status, found = question(case)
    except OriginSealError as error:
        status, found = FAILED, f"{error.message} ({error.code})" + (f" [{error.field}]" if error.field else "")
    except OSError as error:
        status, found = FAILED, f"{error.strerror or type(error).__name__}: {error.filename or ''}".rstrip(": ")
    except Exception as error:  # planted values raise errors of many families
        status, found = FAILED, f"cannot be checked: {type(error).__name__}: {error}"
    yield Answer(check, status, found)


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
