"""Blocks executed again on py-evm's own loop, range by range: each needs nothing but its parent's state."""

from __future__ import annotations

from ledger.chain.embedded import EmbeddedEngine, integrity
from ledger.chain.engine import Engine
from ledger.errors import Malformed
from ledger.services.audit.findings import Findings


def execute(engine: Engine, first: int, last: int, findings: Findings) -> None:
    """Execute the blocks `first` … `last` of an embedded chain; each must give its own header again."""
    if not isinstance(engine, EmbeddedEngine):
        raise Malformed("only an embedded chain can be executed again", field="engine")
    for damage in integrity.repeat(engine.node, first, last):
        where = "chain.sqlite" if damage.block is None else f"block {damage.block}"
        findings.add("chain.execution", where, damage.what)
    findings.count("blocks executed again", last - first + 1)
