"""What a command prints: one JSON document with --json, readable text otherwise; errors say what to do next."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console

from ledger.errors import OriginSealError, Refused, Unavailable, Untrusted

console = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)

EXIT_FINDING, EXIT_REFUSED, EXIT_UNAVAILABLE = 1, 3, 4


def emit(value: Any) -> None:
    """Print one JSON document to standard output."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")


def exit_code(error: OriginSealError) -> int:
    """1 for data that does not hold, 3 for a refusal, 4 for something that is not there now."""
    if isinstance(error, Untrusted):
        return EXIT_FINDING
    if isinstance(error, Unavailable):
        return EXIT_UNAVAILABLE
    assert isinstance(error, Refused)
    return EXIT_REFUSED


def report(error: OriginSealError, *, as_json: bool) -> int:
    """Print an error and return the exit code that stands for it."""
    if as_json:
        problem = {"code": error.code, "title": error.title, "detail": error.message, **_jsonable(error.detail)}
        emit({"error": {**problem, "field": error.field, "hint": error.hint}})
    else:
        stderr.print(f"[red]{error.title} {error.title_zh}[/red] ({error.code})", soft_wrap=True)
        where = f" [{error.field}]" if error.field else ""
        stderr.print(f"  {error.message}{where}", soft_wrap=True, markup=False)
        for problem in error.detail.get("problems", ()):
            stderr.print(f"  record {problem['record']}: {problem['field']}: {problem['reason']}", markup=False)
        if error.hint:
            stderr.print(f"  → {error.hint}", soft_wrap=True, markup=False)
    return exit_code(error)


def _jsonable(detail: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(json.dumps(detail, ensure_ascii=False, default=str))
    return result
