"""The log of every long-running process (server, replica, witness): one JSON object per line on standard error.

What happened is the `event`; numbers and names about it are further members, given as `extra={"facts": {…}}`. Every
line carries the correlation id as `id` where one is known. No line holds a payload, a header's value or a query string,
and of an exception only its type and frames.
"""

from __future__ import annotations

import json
import logging
import time
import traceback
from typing import Any

from ledger import correlation
from ledger.errors import Malformed

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
ROOTS = ("originseal", "ledger", "api")  # loggers whose lines are ours


class JsonFormatter(logging.Formatter):
    """One JSON object per line; `extra={"facts": {...}}` becomes members of it."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        bound = correlation.current()
        if bound is not None:
            line["id"] = bound
        line.update(getattr(record, "facts", {}))
        if record.exc_info and record.exc_info[0] is not None:
            # frames and the type only: an exception's text may quote what a client sent
            line["exception"] = record.exc_info[0].__name__
            line["frames"] = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(record.exc_info[2])]
        text = json.dumps(line, ensure_ascii=False, default=str)
        return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    """Escaped where JSON need not: C1 controls, line separators and direction marks, which terminals act upon."""
    return character if character.isprintable() else json.dumps(character)[1:-1]


def configure_logging(level: str) -> None:
    """Send our loggers' lines to standard error as JSON; calling it again changes only the level. Raises Malformed."""
    if level.upper() not in LEVELS:
        raise Malformed(f"the log level is one of {', '.join(LEVELS)}", field="ORIGINSEAL_LOG_LEVEL")
    for name in ROOTS:
        logger = logging.getLogger(name)
        logger.setLevel(level.upper())
        if not logger.handlers:
            handler = logging.StreamHandler()
            handler.setFormatter(JsonFormatter())
            logger.addHandler(handler)
