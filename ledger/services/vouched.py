"""Which state a bundle shows: the one that most agencies stand behind, as long as it is still the lot's present.

A co-signed block is as good as the newest one where nothing that concerns the lot or its authors happened after it.
Decides by events only; whoever gets the bundle checks state and co-signatures itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from ledger.chain.reader import ChainReader
from ledger.crypto.keccak import keccak256
from ledger.errors import NotFound
from ledger.proof.anchors import Anchors
from ledger.proof.note import Note

MAX_LOOK = 20_000  # blocks since the co-signature whose events are looked through; after more the newest block is shown
_CHANGES = [  # of a member's or a key's standing
    f"0x{keccak256(event).hex()}"
    for event in (
        b"KeyRevoked(bytes32,bytes32,bytes32)",
        b"StandingChanged(bytes32,bytes32,bytes32,uint8)",
        b"RolesChanged(bytes32,bytes32,bytes32,uint32)",
        b"OfficeAccepted(bytes32,bytes32)",
    )
]


@dataclass(frozen=True, slots=True)
class Voice:
    """One co-signature: the office, what it did, and when by its own clock (Unix seconds)."""

    agency: str
    name_zh: str
    name_en: str
    method: str
    time: int


@dataclass(frozen=True, slots=True)
class Vouching:
    """Who stands behind the state that a lot's bundle shows: block `height` of `time` (Unix seconds).

    `agencies`: how many offices the anchors name; `needed` of them a reader wants.
    """

    height: int
    time: int
    agencies: int
    needed: int
    voices: tuple[Voice, ...]

    @property
    def offices(self) -> int:
        """How many offices co-signed, each counted once however many keys it used."""
        return len({(voice.agency, voice.name_zh, voice.name_en) for voice in self.voices})


class Feed(Protocol):
    """Published checkpoints with co-signatures: the operator's own or a replica's."""

    @property
    def anchors(self) -> Anchors: ...
    def note(self, height: int) -> Note: ...
    def latest(self, witnessed: int = 0) -> Note: ...


def state_height(
    chain: ChainReader,
    feed: Feed,
    lot: bytes,
    key_ids: Iterable[bytes],
    member_of: Callable[[bytes], bytes],
    final: int,
) -> int:
    """The block to show of `lot`, whose authors signed with `key_ids`: co-signed if it may be, else `final`.

    `member_of` says whose a key is; it is asked only where some member's standing changed.
    """
    candidates = [height for height in _cosigned(feed) if final - MAX_LOOK <= height <= final]
    if not candidates or candidates[0] == final:
        return final
    quiet_since = _last_change(chain, lot, key_ids, member_of, min(candidates) + 1, final)
    return next((height for height in candidates if height >= quiet_since), final)


def _cosigned(feed: Feed) -> list[int]:
    """The newest heights that all agencies, all but one, … as many as are wanted co-signed: most agencies first."""
    found: list[int] = []
    for count in range(len(feed.anchors.offices), max(feed.anchors.witness_quorum, 1) - 1, -1):
        try:
            found.append(feed.latest(count).checkpoint.height)
        except NotFound:
            continue
    return found


def _last_change(
    chain: ChainReader,
    lot: bytes,
    key_ids: Iterable[bytes],
    member_of: Callable[[bytes], bytes],
    first: int,
    last: int,
) -> int:
    """The last block from `first` on in which something happened to the lot or to its authors' standing, or -1."""
    changed = -1
    for event in chain.iter_events(first, last, [None, f"0x{lot.hex()}"]):
        if event.contract == "Lots":
            changed = event.block
    concerned: set[bytes] | None = None
    for event in chain.iter_events(first, last, [_CHANGES]):
        if event.contract == "Members":
            if concerned is None:
                keys = set(key_ids)
                concerned = keys | {member_of(key_id) for key_id in keys}
            if concerned & {value for value in event.args.values() if isinstance(value, bytes)}:
                changed = max(changed, event.block)
    return changed


def vouching(
    chain: ChainReader, feed: Feed, lot: bytes, key_ids: Iterable[bytes], member_of: Callable[[bytes], bytes]
) -> Vouching:
    """Who stands behind the state that a bundle of `lot` would show now. Co-signatures were verified when they came."""
    note = feed.note(state_height(chain, feed, lot, key_ids, member_of, chain.final_height()))
    known = feed.anchors.witnesses
    voices = tuple(
        Voice(witness.agency, witness.name_zh, witness.name_en, given.method, given.time)
        for given in note.cosignatures
        if (witness := known.get(given.key_id)) is not None
    )
    point = note.checkpoint
    return Vouching(point.height, point.time, len(feed.anchors.offices), feed.anchors.witness_quorum, voices)
