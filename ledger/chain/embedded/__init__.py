"""The embedded engine: py-evm over one SQLite file, one durable transaction per block (ADR 0006)."""

from __future__ import annotations

from ledger.chain.embedded.engine import EmbeddedEngine
from ledger.chain.embedded.genesis import GenesisParams

__all__ = ["EmbeddedEngine", "GenesisParams"]
