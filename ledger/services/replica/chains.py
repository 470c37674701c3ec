"""The replica's own chain: an embedded chain that imports blocks, or an own node of a consortium that is only checked.

Both give the same answers to the follower: which headers are ours, and how to come closer to the source's head. A
block counts as ours only after it was executed here (embedded), or after this replica checked the node's encodings and
hash links (node): there the node itself executes.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from eth_utils import keccak

from ledger.chain.embedded import EmbeddedEngine
from ledger.chain.embedded.importing import RawBlock, split_block
from ledger.chain.engine import Engine
from ledger.chain.reader import ChainReader
from ledger.errors import BlockRefused, EngineUnavailable, Malformed, NotFound, OriginSealError
from ledger.proof.header import parse_header
from ledger.proof.trie_build import OrderedTrie
from ledger.services.replica.kept import MAX_NUMBER, Kept
from ledger.services.replica.refusals import Refused, problem
from ledger.services.replica.source import MAX_BATCH, Source

FIRST_BATCH = 16  # blocks asked for at once, until their size is known
BATCH_BYTES = 4 << 20  # of raw blocks wished for in one answer
AHEAD = 2  # answers waiting while others are executed
DURABLE_BLOCKS = 16  # imported blocks that share one durable transaction while catching up …
DURABLE_BYTES = 1 << 20  # … or this much of raw blocks
NODE_BATCH = 64  # a node's headers kept in one transaction

Guard = Callable[[int, bytes], None]  # (height, block hash): raises Refused for a block that must not be ours
Progress = Callable[[int, int], None]  # (own height, target)


class OwnChain(Protocol):
    """What the follower needs of the replica's chain."""

    @property
    def engine(self) -> Engine: ...
    def height(self) -> int:
        """Number of the newest block that was checked here."""

    def header(self, number: int) -> bytes | None:
        """Our raw header of a block; None above `height`."""

    def catch_up(self, source: Source, target: int, guard: Guard, stop: threading.Event, progress: Progress) -> None:
        """Come as close to block `target` as possible. Raises Refused, or what the source or node raise."""


class EmbeddedCopy:
    """An embedded chain of our own: every block is fetched from the source and executed here."""

    def __init__(self, engine: EmbeddedEngine, *, plain: bool = False) -> None:
        self._engine = engine
        self._plain = plain

    @property
    def engine(self) -> Engine:
        return self._engine

    def height(self) -> int:
        return int(self._engine.node.head().block_number)

    def header(self, number: int) -> bytes | None:
        return self._engine.node.store.header(number) if 0 <= number <= MAX_NUMBER else None

    def catch_up(self, source: Source, target: int, guard: Guard, stop: threading.Event, progress: Progress) -> None:
        first = self.height() + 1
        if first > target:
            return
        with Ahead(source, first, target, stop) as fetched:
            for batch in _groups(fetched):
                if stop.is_set():
                    return
                try:
                    self._engine.node.import_blocks(self._guarded(batch, guard), plain=self._plain)
                except BlockRefused as error:
                    self._judge(source, error, dict(batch))
                progress(self.height(), target)

    @staticmethod
    def _guarded(batch: list[tuple[int, bytes]], guard: Guard) -> Iterator[RawBlock]:
        for number, raw in batch:
            block = split_block(number, raw)
            guard(number, bytes(keccak(block.header)))
            yield block

    @staticmethod
    def _judge(source: Source, error: BlockRefused, raws: dict[int, bytes]) -> None:
        """A block was refused: ask for it once more, so that damage on the way does not count as a lie."""
        number = error.detail["number"]
        raw = raws[number]
        if source.raw_blocks(number, 1)[0] != raw:
            raise Malformed(f"the source gave block {number} in two forms; one was refused: {error.message}")
        raise Refused(
            "execution-differs", error.message, number, difference=problem(error), block="0x" + raw.hex()
        ) from error


class Ahead:
    """Fetches blocks first..last in a thread of its own, so that fetching overlaps executing. Iterate inside `with`."""

    def __init__(self, source: Source, first: int, last: int, stop: threading.Event) -> None:
        self._source, self._first, self._last, self._stop = source, first, last, stop
        self._queue: queue.Queue[list[tuple[int, bytes]] | Exception | None] = queue.Queue(AHEAD)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="replica-fetch", daemon=True)

    def __enter__(self) -> Iterator[tuple[int, bytes]]:
        self._thread.start()
        return self._blocks()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        while self._thread.is_alive():
            try:  # a thread that waits for room in the queue must see that it ended
                self._queue.get_nowait()
            except queue.Empty:
                self._thread.join(0.05)

    def _blocks(self) -> Iterator[tuple[int, bytes]]:
        while (batch := self._queue.get()) is not None:
            if isinstance(batch, Exception):
                raise batch
            yield from batch

    def _run(self) -> None:
        number, count = self._first, FIRST_BATCH
        try:
            while number <= self._last and not self._ended.is_set() and not self._stop.is_set():
                raws = self._source.raw_blocks(number, min(count, self._last - number + 1))
                self._queue.put(list(enumerate(raws, number)))
                number += len(raws)
                average = sum(map(len, raws)) // len(raws) + 1
                count = max(1, min(MAX_BATCH, BATCH_BYTES // average))
            self._queue.put(None)
        except Exception as error:  # whatever it is: nobody else tells whoever waits for blocks that none come
            self._queue.put(error)
        finally:
            self._source.close()


def _groups(blocks: Iterator[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    group: list[tuple[int, bytes]] = []
    size = 0
    try:
        for number, raw in blocks:
            group.append((number, raw))
            size += len(raw)
            if len(group) >= DURABLE_BLOCKS or size >= DURABLE_BYTES:
                yield group
                group, size = [], 0
    except OriginSealError:
        if group:  # what arrived before the source failed is imported all the same
            yield group
        raise
    if group:
        yield group


class NodeCopy:
    """An own JSON-RPC node: it executes; here its encodings and hash links are checked and its headers kept."""

    def __init__(self, chain: ChainReader, kept: Kept) -> None:
        self._chain = chain
        self._kept = kept

    @property
    def engine(self) -> Engine:
        return self._chain.engine

    def height(self) -> int:
        return self._kept.headers_height()

    def header(self, number: int) -> bytes | None:
        return self._kept.header(number)

    def catch_up(self, source: Source, target: int, guard: Guard, stop: threading.Event, progress: Progress) -> None:
        self._still_ours()
        number, final = self.height() + 1, self._chain.final_height()
        previous = keccak(self.header(number - 1) or b"") if number else None
        fresh: list[tuple[int, bytes, bytes]] = []
        try:
            while number <= final and not stop.is_set():
                raw = self._checked(number, previous)
                previous = keccak(raw)
                guard(number, bytes(previous))
                fresh.append((number, bytes(previous), raw))
                number += 1
                if len(fresh) >= NODE_BATCH:
                    self._kept.add_headers(fresh)
                    fresh = []
                    progress(self.height(), final)
        finally:
            if fresh:
                self._kept.add_headers(fresh)

    def _still_ours(self) -> None:
        """The node must still have the newest block that was kept: a final block never changes."""
        height = self.height()
        ours = self.header(height) if height >= 0 else None
        if ours is None:
            return
        try:
            theirs = self._chain.raw_header(height)
        except NotFound as error:
            raise EngineUnavailable(f"the own node has lost block {height}", hint="wait until it has synced") from error
        if theirs != ours:
            raise Refused(
                "rewritten-history", f"the own node now has another block {height}", height,
                ours="0x" + ours.hex(), theirs="0x" + theirs.hex(),
            )  # fmt: skip

    def _checked(self, number: int, previous: bytes | None) -> bytes:
        """The node's raw header of block `number`, checked against its hash, its parent, its body and receipts."""
        raw = self._chain.raw_header(number)
        header, block = parse_header(raw, f"block {number}"), self._chain.block(number)
        if header.hash != block.hash or header.number != number:
            raise _fault(number, "the header does not have the block's hash and number")
        if previous is not None and header.parent_hash != previous:
            raise Refused(
                "rewritten-history", f"block {number} of the own node does not follow the block kept before it",
                number, header="0x" + raw.hex(),
            )  # fmt: skip
        if number and OrderedTrie(self._chain.raw_transactions(number)).root != header.transactions_root:
            raise _fault(number, "the transactions do not have the header's root")
        if number and OrderedTrie(self._chain.raw_receipts(number)).root != header.receipts_root:
            raise _fault(number, "the receipts do not have the header's root")
        return raw


def _fault(number: int, what: str) -> OriginSealError:
    return Malformed(f"block {number} of the own node: {what}", hint="check the node")


def open_embedded(path: Any, raw_genesis: bytes, chain_id: int) -> EmbeddedEngine:
    """The replica's embedded chain, created from the source's block 0 when there is none yet. Raises BlockRefused when
    block 0 does not follow from its own parameters."""
    from ledger.chain.embedded.importing import genesis_of

    return EmbeddedEngine.open(path, genesis_of(raw_genesis, chain_id))
