"""The payload store: submissions, encrypted records and evidence, checkpoints. NOT disposable (see docs/stores.md)."""

from ledger.vault.engine import open_engine, reading, writing
from ledger.vault.store import Vault
from ledger.vault.values import (
    Damage,
    Erasure,
    StoreCounts,
    StoredRecord,
    StoredSubmission,
    UnreadableRecord,
)

__all__ = [
    "Damage",
    "Erasure",
    "StoreCounts",
    "StoredRecord",
    "StoredSubmission",
    "UnreadableRecord",
    "Vault",
    "open_engine",
    "reading",
    "writing",
]
