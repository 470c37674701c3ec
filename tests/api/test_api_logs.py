"""One line of the log is one line, whatever address a visitor asks for."""

from __future__ import annotations

import json
import logging

import pytest

from api.logs import JsonFormatter


@pytest.mark.parametrize(
    "trick", ["\n", "\x85", "\u2028", "\u2029", "\x9b2J", "\x1b[2J", "\u202e", "\U000e0001", "\ud800"]
)
def test_line_is_one_printable_line_when_a_path_holds_what_terminals_act_upon(trick: str) -> None:
    record = logging.LogRecord("originseal.api", logging.INFO, __file__, 1, "request", (), None)
    path = f'/批次{trick}{{"event": "forged"}}'
    record.__dict__["facts"] = {"path": path}
    line = JsonFormatter().format(record)
    assert line.isprintable() and "批次" in line and line.splitlines() == [line]
    assert json.loads(line)["path"] == path
