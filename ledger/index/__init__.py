"""The read model: disposable, filled from chain events and payload store, public fields only (docs/stores.md)."""

from ledger.index.compare import Difference, audit_index, compare
from ledger.index.follower import Follower
from ledger.index.model import Cursor, ReadModel
from ledger.index.queries import Queries

__all__ = ["Cursor", "Difference", "Follower", "Queries", "ReadModel", "audit_index", "compare"]
