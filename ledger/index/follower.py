"""Keeps the read model up with the chain: events in chunks, records from the payload store, changes, cursor.

Resumes where the read model stands, whatever the chain's length. Refuses to go on over another chain, or over one
that no longer has the block it had reached: then the read model must be rebuilt, and somebody must ask why.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import Protocol

from ledger.chain.contracts import Deployment
from ledger.chain.reader import Block, Event
from ledger.errors import EngineUnavailable, NotFound
from ledger.index.changes import Change
from ledger.index.model import Cursor, ReadModel
from ledger.index.projector import Happening, group, project, submission_of
from ledger.vault.reader import VaultReader

CHUNK_BLOCKS = 500
_SUBMISSIONS_AT_ONCE = 200  # whose decrypted records are held in memory together
Progress = Callable[[int, int], None]  # (block reached, block aimed at)


def name_of(deployment: Deployment) -> str:
    """How a cursor names a chain and its contracts."""
    return f"{deployment.chain_id}/0x{deployment.genesis.hex()}/0x{deployment.address('Submissions').hex()}"


class Chain(Protocol):
    """What the follower asks of the chain; `ledger.chain.gateway.Gateway` and `ChainReader` answer it."""

    @property
    def deployment(self) -> Deployment: ...

    def block(self, height: int) -> Block: ...

    def final_height(self) -> int: ...

    def events(self, from_block: int, to_block: int) -> list[Event]: ...


class Follower:
    """Follows `chain` into `model`, taking the words of records from `vault`.

    `checked` are submissions whose stored records the caller has just committed to again (an audit): their digests are
    not computed a second time.
    """

    def __init__(
        self,
        model: ReadModel,
        chain: Chain,
        vault: VaultReader,
        *,
        chunk: int = CHUNK_BLOCKS,
        checked: Container[bytes] = (),
    ) -> None:
        self.model = model
        self._chain = chain
        self._vault = vault
        self._chunk = chunk
        self._checked = checked

    def catch_up(self, progress: Progress | None = None, *, to: int | None = None) -> int:
        """Project every final block up to `to` (default: the newest); returns the height reached.

        Raises EngineUnavailable for another chain and StorageUnavailable when a store cannot be used; what is
        committed by then stays.
        """
        goal = self._chain.final_height() if to is None else to
        cursor = self.model.cursor()
        if cursor is not None:
            self._check(cursor)
        while True:
            reached = self._first() - 1 if cursor is None else cursor.height
            if reached >= goal:
                return reached
            high = min(reached + self._chunk, goal)
            block = self._chain.block(high)
            moved = Cursor(self.chain_name, high, block.hash, block.time)
            changes = self._changes(reached + 1, high)
            if not self.model.apply(changes, cursor, moved):
                cursor = self.model.cursor()  # another follower was faster: go on from where it stands
                continue
            cursor = moved
            if progress is not None:
                progress(high, goal)

    def rebuild(self, progress: Progress | None = None) -> int:
        """Forget everything and project the whole chain again; returns the height reached."""
        self.model.clear()
        return self.catch_up(progress)

    @property
    def chain_name(self) -> str:
        """Which chain and which contracts: two chains never share it."""
        return name_of(self._chain.deployment)

    def _first(self) -> int:
        return self._chain.deployment.block

    def _check(self, cursor: Cursor) -> None:
        hint = "rebuild the index if this is the chain you mean"
        if cursor.chain != self.chain_name:
            raise EngineUnavailable(
                f"the read model follows the chain {cursor.chain}, not {self.chain_name}", hint=hint
            )
        try:
            here = self._chain.block(cursor.height).hash
        except NotFound as error:
            raise EngineUnavailable(
                f"the chain is shorter than what the read model has seen (block {cursor.height})", hint=hint
            ) from error
        if here != cursor.block_hash:
            raise EngineUnavailable(f"block {cursor.height} is another one than the read model has seen", hint=hint)

    def _changes(self, low: int, high: int) -> Iterator[Change]:
        groups = group(self._chain.events(low, high))
        times: dict[int, int] = {}
        for start in range(0, len(groups), _SUBMISSIONS_AT_ONCE):
            some = groups[start : start + _SUBMISSIONS_AT_ONCE]
            rows = self._vault.rows_of(name for name in map(submission_of, some) if name is not None)
            for events in some:
                block, name = events[0].block, submission_of(events)
                if block not in times:
                    times[block] = self._chain.block(block).time
                mine = None if name is None else rows.get(name)
                yield from project(Happening(events, times[block], mine, name in self._checked))
