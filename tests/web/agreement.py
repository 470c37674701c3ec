"""What the Python verifier says, in the words of the driver, so that both answers can be compared whole."""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from typing import Any

from ledger.errors import Malformed
from ledger.proof.anchors import Anchors, parse_anchors
from ledger.proof.bundle import parse_bundle
from ledger.proof.verifier import argue


@lru_cache(maxsize=64)
def read_anchors(text: str) -> Anchors:
    return parse_anchors(text)


def python_says(text: str, anchors: Any, witnesses: int = 0) -> dict[str, Any]:
    """The whole report, or that the file is malformed, as the driver answers it."""
    try:
        known = None if anchors is None else read_anchors(json.dumps(anchors))
        report = argue(parse_bundle(text), known, witnesses)
    except Malformed as error:
        return {"malformed": True, "reason": error.message, "field": error.field or ""}
    said = report.to_dict()
    steps = [
        {"number": s.number, "id": s.id, "outcome": s.outcome, "reason": s.reason, "field": s.field}
        for s in report.steps
    ]
    return {
        "steps": steps,
        "result": said["result"],
        "assumptions": said["assumptions"],
        "verified": said.get("verified"),
    }


def changed(value: Any, changes: list[list[Any]]) -> Any:
    """A changed copy (of the parts on the way only); changes are those of the driver: [path, what, key, value]."""
    result = copy.copy(value)
    for path, what, key, given in changes:
        part = result
        for step in path:
            part[step] = copy.copy(part[step])
            part = part[step]
        if what == "insert":
            part.insert(key, given)
        elif what == "pop":
            part.pop(key)
        else:
            part[key] = given
    return result
