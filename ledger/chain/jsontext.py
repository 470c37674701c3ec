"""Reading JSON from a socket without trusting it: bounded nesting, no NaN, no exceptions but ValueError.

Why not plain json.loads: py-evm raises Python's recursion limit for the whole process, and the C scanner of json then
overflows the C stack (a crash, not an exception) on a few ten thousand opening brackets.
"""

from __future__ import annotations

import json
import re
from typing import Any

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


def loads(data: bytes, max_depth: int) -> Any:
    """The JSON value in `data` (UTF-8); raises ValueError when it is not JSON or nested deeper than `max_depth`."""
    if data.count(b"[") + data.count(b"{") > max_depth:  # otherwise it cannot be deeper, whatever is in strings
        depth = 0
        for match in _BRACKET.finditer(_STRING.sub(b"", data)):
            depth += 1 if match[0] in b"[{" else -1
            if depth > max_depth:
                raise ValueError(f"nested deeper than {max_depth}")
    return json.loads(data.decode("utf-8"), parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")  # RFC 8259, section 6
