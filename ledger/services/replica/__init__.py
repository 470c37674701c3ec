"""A regulator's own copy of the ledger: it executes every block itself and believes nothing that it can check."""

from __future__ import annotations

from ledger.services.replica.replica import Replica, start

__all__ = ["Replica", "start"]
