"""Letting a restored operator seal again: only when its head is not older than what it has told the world.

The danger: an operator restored from an old backup that went on sealing would sign other blocks for heights it has
signed before. Everybody who holds a checkpoint could prove it a liar, and the members' submissions since the backup
would be missing from its history. So, before sealing:

    1. this folder's own store promises no checkpoint above its own chain
    2. the newest checkpoint of a source outside (a replica, a witness's feed, the old server) is signed by an anchored
       key and is of this chain
    3. at that height this chain has that very block; where this chain is shorter, the missing blocks are fetched from
       the source: their headers must lead from ours to that very block before any is executed and kept
    4. nothing is left of a contradiction: otherwise nothing is resumed and the mark stays

`none` instead of a source is the operator's own word that nobody outside has seen anything newer; it is kept in the
mark. Payloads of fetched blocks do not come back: replicas have none. An audit names each that is missing.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from ledger.chain.embedded import EmbeddedEngine
from ledger.chain.embedded.importing import RawBlock, split_block
from ledger.crypto.keccak import keccak256
from ledger.errors import Conflict, NotFound, Unavailable, VerificationFailed
from ledger.proof import checkpoint as checkpoints
from ledger.proof.anchors import Anchors, parse_anchors
from ledger.proof.checkpoint import Checkpoint
from ledger.proof.consistency import FORK, Point, descends
from ledger.proof.note import MAX_NOTE_BYTES, parse_note
from ledger.services.backup.marks import restored_mark, sealing_suspended, write_restored_mark
from ledger.services.backup.snapshot import translated
from ledger.services.config import DataFolder, load_config
from ledger.services.replica.source import MAX_BATCH, Source
from ledger.services.replica.transport import Transport

NOBODY = "none"
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Resumed:
    """Evidence that sealing may go on: `outside` is the checkpoint compared with (None: the operator's word)."""

    head: int
    outside: Checkpoint | None
    fetched: int


def resume_sealing(
    data: Path, source: str, *, progress: Progress | None = None, clock: Callable[[], float] = time.time
) -> Resumed:
    """Compare with `source` (a URL, or `none`) and allow sealing again. The server must not be running.

    Raises NotFound (no ledger), Conflict (not a restored folder; the chain is behind or contradicts its own store),
    VerificationFailed (the source's checkpoint is not ours: two histories), Unavailable (no answer, chain in use).
    """
    folder = DataFolder(data)
    load_config(folder)
    mark = restored_mark(data)
    if not sealing_suspended(data):
        raise Conflict("sealing is not suspended here", hint="only a folder made by `originseal restore` needs this")
    if mark is None:
        raise Conflict(
            "restored.json cannot be read, so nobody can tell what was restored", hint="restore the backup once more"
        )
    anchors = parse_anchors(folder.anchors.read_bytes())
    outside = None if source == NOBODY else newest_checkpoint(source, anchors)
    with EmbeddedEngine.open(folder.chain) as engine:
        fetched = 0
        if outside is not None:
            fetched = _catch_up(engine, source, outside, progress)
            _compare(engine, outside)
        head = int(engine.node.head().block_number)
    _check_own_promises(folder, head)
    write_restored_mark(data, replace(mark, resumed_at=int(clock()), confirmed_by=source))
    return Resumed(head, outside, fetched)


def newest_checkpoint(url: str, anchors: Anchors) -> Checkpoint:
    """The newest checkpoint that `url` publishes, verified against the anchors."""
    transport = Transport(url)
    try:
        raw = transport.get("/checkpoints/latest", MAX_NOTE_BYTES, "text/plain").body
    finally:
        transport.close()
    found = checkpoints.verify(parse_note(raw, "/checkpoints/latest").signed, anchors.checkpoint_keys).checkpoint
    if (found.chain_id, found.genesis) != (anchors.chain_id, anchors.genesis):
        raise VerificationFailed("the source's checkpoint is of another chain", step="chain")
    return found


def _catch_up(engine: EmbeddedEngine, url: str, outside: Checkpoint, progress: Progress | None) -> int:
    """Fetch and execute the blocks up to `outside`; returns their number. Headers first: no block is taken in before it
    is known to lead to the signed one, or whoever answers could spoil this chain for good."""
    node, height = engine.node, outside.height
    head = node.head()
    first = int(head.block_number) + 1
    if first > height:
        return 0
    source = Source(url)
    try:
        hashes: list[bytes] = []
        try:
            descends(Point(first - 1, head.hash, int(head.timestamp)), outside, _headers(source, first, height, hashes))
        except VerificationFailed as error:
            raise _two_histories(first - 1) if error.step == FORK else error from error

        def expected(at: int, raw: bytes) -> RawBlock:
            block = split_block(at, raw)
            if keccak256(block.header) != hashes[at - first]:
                raise VerificationFailed(f"the source's block {at} is not the one of its own header", step="block")
            return block

        at = first
        while at <= height:
            raws = source.raw_blocks(at, min(MAX_BATCH, height - at + 1))
            if not raws:
                raise Unavailable("the source gives no more blocks", retry_after=5.0)
            at += node.import_blocks(expected(at + i, raw) for i, raw in enumerate(raws))
            if progress is not None:
                progress(at - first, height - first + 1, "blocks 区块")
    finally:
        source.close()
    return at - first


def _headers(source: Source, first: int, last: int, hashes: list[bytes]) -> Iterator[bytes]:
    for number in range(first, last + 1):
        raw = source.raw_header(number)
        hashes.append(keccak256(raw))
        yield raw


def _compare(engine: EmbeddedEngine, outside: Checkpoint) -> None:
    block = engine.node.block(outside.height)
    if block is None:
        raise NotFound(f"this chain has no block {outside.height}")
    if (block.row.hash, block.header.state_root) != (outside.block, outside.state_root):
        raise _two_histories(outside.height)


def _two_histories(height: int) -> VerificationFailed:
    return VerificationFailed(
        f"the outside holds another block {height}: two histories of one ledger",
        step="history",
        hint="do not seal; keep both, and find out which one the checkpoints' holders have",
    )


def _check_own_promises(folder: DataFolder, head: int) -> None:
    if not folder.ledger.exists():
        return  # in another database; whoever restored that compares it (docs/operations.md)
    query = "SELECT max(height) FROM checkpoints"
    with translated("read the checkpoints"), closing(sqlite3.connect(folder.ledger)) as db:
        (promised,) = db.execute(query).fetchone()
    if promised is not None and promised > head:
        raise Conflict(
            f"this folder's store has promised block {promised}, its chain ends at {head}",
            hint="name a replica with --confirmed-head, so that the missing blocks can be fetched",
        )
