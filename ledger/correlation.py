"""The correlation id: one short word that follows a request from its HTTP header to the block that sealed it.

Whoever starts a piece of work binds an id (the web server per request, the command line per command); whoever logs or
queues something asks for the current one. The outbox keeps it, so that it outlives the process. It says nothing about
who asked or what was sent, and it is never trusted: it only helps to find lines in a log.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MAX_LENGTH = 64
PATTERN = re.compile(rf"[A-Za-z0-9._-]{{1,{MAX_LENGTH}}}")  # safe in headers, log lines, shells and file names

_current: ContextVar[str | None] = ContextVar("originseal_correlation", default=None)


def fresh() -> str:
    """A new random id."""
    return uuid.uuid4().hex


def valid(value: object) -> bool:
    """Whether `value` has the form of an id; what an outsider sends without that form is not used."""
    return isinstance(value, str) and PATTERN.fullmatch(value) is not None


def current() -> str | None:
    """The id of the work under way in this thread or task; None when nobody bound one."""
    return _current.get()


@contextmanager
def bind(value: str) -> Iterator[str]:
    """Within the block, `current()` is `value`. RuntimeError when it does not have the form of an id."""
    if not valid(value):
        raise RuntimeError("a correlation id is 1 to 64 of A-Z a-z 0-9 . _ -")
    token = _current.set(value)
    try:
        yield value
    finally:
        _current.reset(token)
