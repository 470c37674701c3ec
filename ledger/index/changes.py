"""Changes to the read model as plain values: what the projector says and `ReadModel.apply` carries out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

LOG_BITS = 24  # events of one block: far below 2^24 at any gas limit


@dataclass(frozen=True, slots=True)
class Add:
    """A new row of `table`, with every column."""

    table: str
    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Set:
    """New values for some columns of the row of `table` with this primary key. Nothing when there is no such row."""

    table: str
    key: tuple[Any, ...]
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Remove:
    """Take out all rows of `table` whose first key column is `value`."""

    table: str
    value: Any


Change: TypeAlias = Add | Set | Remove


def position(block: int, log_index: int) -> int:
    """One number that orders the events of a chain."""
    return block << LOG_BITS | log_index
