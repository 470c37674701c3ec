"""One operation of an action in the form that is signed and executed; what it means is in `operations`."""

from __future__ import annotations

from ledger.values import dataclass


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as it is signed and executed: its kind and the ABI encoding of its fields."""

    kind: int
    data: bytes
