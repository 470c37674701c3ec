"""The payload store: submissions, encrypted records and evidence, checkpoints. NOT disposable (see docs/stores.md)."""

from ledger.vault.engine import open_engine, reading, writing
from ledger.vault.masterkey import load_or_create_master_key
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
    "load_or_create_master_key",
    "open_engine",
    "reading",
    "writing",
]
