"""The witness: co-signs the operator's newest checkpoint once it has seen that it follows from the last one.

One round: fetch the newest checkpoint, verify the operator's signature, fetch every header since the last co-signed
block and verify the links, compare what other addresses show, sign, PERSIST, and only then hand the co-signature in.
Nothing lower, other or inconsistent is ever signed. An operator caught with two histories is refused for good, with
evidence that anybody can check. What each method means: docs/checkpoints.md.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.crypto.ports import Signer
from ledger.errors import (
    Conflict,
    Malformed,
    NotAuthorised,
    NotFound,
    OriginSealError,
    Unavailable,
    Untrusted,
    VerificationFailed,
)
from ledger.proof import checkpoint as checkpoints
from ledger.proof.anchors import Anchors
from ledger.proof.checkpoint import SignedCheckpoint
from ledger.proof.consistency import FORK, Point, consistent, descends
from ledger.proof.cosignature import HEADERS, Cosignature, cosign, verify
from ledger.proof.equivocation import MAX_HEADERS, Equivocation, ancestors, examine
from ledger.proof.note import Note
from ledger.services.witness.source import NoteFeed, Source
from ledger.services.witness.state import Memory, Refusal

MAX_COMPARED = 2000  # notes of one other address that are compared in one round
MAX_CANDIDATES = 8  # checkpoints of the other history that are tried as evidence
MAX_PROBLEMS = 20  # of one address in one round
MAX_MINE = 5000  # the operator's notes that are searched for co-signatures that we forgot


@dataclass(frozen=True, slots=True)
class Round:
    """What one look came to. `cosigned` is the newest co-signed note, `signed_now` whether it is of this round."""

    cosigned: Note | None
    signed_now: bool
    handed_in: bool
    refusal: Refusal | None
    problems: tuple[str, ...] = ()


class _Caught(Exception):
    """Evidence was found; never leaves this module."""

    def __init__(self, claim: Equivocation, height: int, where: str) -> None:
        super().__init__(where)
        self.claim, self.height, self.where = claim, height, where


class Witness:
    """One agency's witness over one operator. `memory` must be opened; `also` are other addresses to compare with.

    Raises NotAuthorised when the key is none of the anchored witnesses, Conflict when `memory` is another's.
    """

    def __init__(
        self,
        memory: Memory,
        signer: Signer,
        anchors: Anchors,
        source: Source,
        also: Sequence[NoteFeed] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._memory, self._signer, self._anchors = memory, signer, anchors
        self._source, self._also, self._clock = source, also, clock
        self._key_id = signer.public.key_id
        self._searched = False  # the operator's notes for co-signatures that we forgot
        if self._key_id not in anchors.witnesses:
            raise NotAuthorised("this key is none of the witnesses in the trust anchors", field="--key")
        last = memory.state.last
        if last is not None:
            if (last.checkpoint.chain_id, last.checkpoint.genesis) != (anchors.chain_id, anchors.genesis):
                raise Conflict("this folder's co-signatures are of another ledger", hint="use a folder of its own")
            self._own(last)

    def look(self) -> Round:
        """One round. Raises Unavailable when the operator does not answer, VerificationFailed or Malformed when what it
        shows does not hold and nothing proves that it signed two histories: nothing is signed then."""
        memory, before = self._memory, self._memory.state.last
        if memory.state.refusal is not None:
            return Round(before, False, memory.state.handed_in, memory.state.refusal)
        problems = self._hand_in()
        try:
            newest = self._operators(self._source.latest())
            self._remember(newest)
            self._follows(newest)
            for feed in self._also:
                problems += self._compare(feed, newest)
            last = memory.state.last
            if last is None or newest.checkpoint.height > last.checkpoint.height:
                self._sign(newest)
        except _Caught as caught:
            refusal = self._refuse(caught)
            return Round(memory.state.last, False, memory.state.handed_in, refusal, tuple(problems))
        problems += self._hand_in()
        signed_now = memory.state.last != before
        return Round(memory.state.last, signed_now, memory.state.handed_in, None, tuple(problems))

    # ------------------------------------------------------------------------------------------- the operator's view

    def _operators(self, note: Note) -> Note:
        """`note`, signed by an anchored key and of the anchored chain. Raises VerificationFailed."""
        point = checkpoints.verify(note.signed, self._anchors.checkpoint_keys).checkpoint
        if (point.chain_id, point.genesis) != (self._anchors.chain_id, self._anchors.genesis):
            raise VerificationFailed("the operator's checkpoint is of another chain than the anchored one")
        return note

    def _follows(self, newest: Note) -> None:
        """The newest checkpoint follows the last co-signed one, or does not go beyond it. Raises _Caught."""
        last, point = self._memory.state.last, newest.checkpoint
        if last is None:
            start, first = Point(0, self._anchors.genesis, 0), None
        elif point.height < last.checkpoint.height:
            self._below(newest)
            return
        else:
            start, first = Point(last.checkpoint.height, last.checkpoint.block, last.checkpoint.time), last.signed
        if last is not None and point.height == last.checkpoint.height:
            if point.text != last.checkpoint.text:
                raise _Caught(Equivocation(first, newest.signed, ()), point.height, self._source.name)
            return
        try:
            headers = self._source.headers(start.height + 1, point.height)
            if last is None:
                descends(start, point, headers)
            else:
                consistent(last.checkpoint, point, headers)
        except VerificationFailed as error:
            if error.step == FORK:
                self._catch(first, start.height, newest)
            raise

    def _below(self, older: Note) -> None:
        """The operator shows an older block than the one co-signed last: it is one of ours. Raises _Caught, and
        VerificationFailed when the operator does not have the blocks in between any more."""
        height, last = older.checkpoint.height, self._memory.state.last
        assert last is not None
        upper = next(self._memory.feed.notes(height), last)
        try:
            self._agrees([older.signed], upper.signed, self._source.name)
        except Unavailable as error:
            raise VerificationFailed(
                f"the operator's newest block is {height}, but {last.checkpoint.height} was co-signed, and it does not "
                f"show the blocks in between: {error.message}"
            ) from error

    def _catch(self, first: SignedCheckpoint | None, height: int, newest: Note) -> None:
        """Find the shortest evidence that `newest` is of another history than block `height` of ours: raises _Caught.

        The nearest checkpoint that the operator itself publishes of that history makes it short; the newest will do.
        """
        published = itertools.islice(self._source.notes(height), MAX_CANDIDATES)
        near = [note.signed for note in _readable(published) if note.checkpoint.height <= newest.checkpoint.height]
        for second in [*near, newest.signed]:
            count = second.checkpoint.height - height
            if not 0 <= count <= MAX_HEADERS:
                continue
            try:
                headers = tuple(self._source.headers(height + 1, second.checkpoint.height))
                claim = Equivocation(first, second, headers)
                if examine(claim, self._anchors) is not None:
                    raise _Caught(claim, height, self._source.name)
            except (Untrusted, Unavailable):
                continue

    # ------------------------------------------------------------------------------------------------ other views

    def _compare(self, feed: NoteFeed, newest: Note) -> list[str]:
        """Compare what another address publishes, up to `newest`, with the history that leads to it. Raises _Caught.

        Returns what went wrong: an address that is down or publishes nonsense stops no witness.
        """
        memory, compared = self._memory, self._memory.compared_with(feed.name)
        problems: list[str] = []
        try:
            fetched = itertools.islice(feed.notes(compared + 1), MAX_COMPARED)
            for upper, group in self._by_own(self._signed(fetched, feed.name, problems), newest):
                self._agrees(group, upper, feed.name)
                memory.compared(feed.name, group[-1].checkpoint.height)
        except OriginSealError as error:
            problems.append(f"{feed.name}: {error.message}")
        return problems

    def _signed(self, notes: Iterator[Note], where: str, problems: list[str]) -> Iterator[Note]:
        """The notes that the operator signed; others prove nothing and hide nothing."""
        for note in notes:
            try:
                yield self._operators(note)
            except VerificationFailed as error:
                if len(problems) < MAX_PROBLEMS:
                    problems.append(f"{where}: height {note.checkpoint.height}: {error.message}")

    def _by_own(
        self, foreign: Iterator[Note], newest: Note
    ) -> Iterator[tuple[SignedCheckpoint, list[SignedCheckpoint]]]:
        """Foreign checkpoints in groups, each with the lowest of our own (or the newest) at or above all of them.

        Where ours begin too far above, what the operator publishes stands in: it signed that as well.
        """
        own: Iterator[Note] | None = None
        upper: Note | None = None
        group: list[SignedCheckpoint] = []
        for note in foreign:
            height = note.checkpoint.height
            if height > newest.checkpoint.height:
                break
            if own is None:
                own = itertools.chain(self._memory.feed.notes(height), [newest])
                if next(self._memory.feed.notes(height), newest).checkpoint.height - height > MAX_HEADERS:
                    published = self._published(height, newest.checkpoint.height)
                    own = heapq.merge(own, published, key=lambda each: each.checkpoint.height)
            while upper is None or upper.checkpoint.height < height:
                if upper is not None and group:
                    yield upper.signed, group
                    group = []
                upper = next(own)
            group.append(note.signed)
        if upper is not None and group:
            yield upper.signed, group

    def _published(self, first: int, last: int) -> Iterator[Note]:
        """What the operator publishes and signed, from height `first` to `last`: its feed may hold junk, and no end."""
        junk = 0
        for note in self._source.notes(first):
            if note.checkpoint.height > last or junk > MAX_COMPARED:
                return
            try:
                yield self._operators(note)
            except VerificationFailed:
                junk += 1

    def _agrees(self, lower: Sequence[SignedCheckpoint], upper: SignedCheckpoint, where: str) -> None:
        """Each of `lower` (ascending) is an ancestor of `upper`, which we verified. Raises _Caught when one is not, and
        VerificationFailed or Unavailable when the operator's headers do not let us know."""
        height, top = lower[0].checkpoint.height, upper.checkpoint.height
        if top - height > MAX_HEADERS:
            raise VerificationFailed(f"block {height} is too far below {top} to be compared")
        headers = tuple(self._source.headers(height + 1, top))
        blocks = ancestors(upper.checkpoint, headers)
        for each in lower:
            at = each.checkpoint.height
            same = each.checkpoint.text == upper.checkpoint.text if at == top else each.checkpoint.block == blocks[at]
            claim = Equivocation(each, upper, headers[at - height :])
            if not same and examine(claim, self._anchors) is not None:
                raise _Caught(claim, at, where)

    # ---------------------------------------------------------------------------------------------------- signing

    def _sign(self, newest: Note) -> None:
        mine = self._mine(newest)
        if mine is None:
            mine = cosign(newest.checkpoint, self._signer, int(self._clock()), HEADERS)
        self._memory.keep(Note(newest.signed, (mine,)))

    def _mine(self, note: Note) -> Cosignature | None:
        """Our own co-signature where the operator already shows one: never a second one of the same height."""
        for given in note.cosignatures:
            if given.key_id == self._key_id:
                try:
                    verify(given, note.checkpoint, self._anchors.witnesses)
                except VerificationFailed:
                    return None
                return given
        return None

    def _remember(self, newest: Note) -> None:
        """After a start: take up co-signatures of ours that the operator has and our files do not (an old backup)."""
        if self._searched:
            return
        last = self._memory.state.last
        after = 0 if last is None else last.checkpoint.height + 1
        for note in itertools.islice(self._source.notes(after), MAX_MINE):
            if note.checkpoint.height <= newest.checkpoint.height and (mine := self._mine(note)) is not None:
                self._operators(note)
                self._follows(note)
                self._memory.keep(Note(note.signed, (mine,)))
        self._searched = True

    def _own(self, note: Note) -> None:
        if [given.key_id for given in note.cosignatures] != [self._key_id]:
            raise Conflict("this folder's co-signatures are another key's", hint="use a folder of its own for each key")
        verify(note.cosignatures[0], note.checkpoint, self._anchors.witnesses)

    def _hand_in(self) -> list[str]:
        """Give the operator the last co-signature if it does not have it; the same text however often that takes."""
        memory, last = self._memory, self._memory.state.last
        if last is None or memory.state.handed_in:
            return []
        try:
            self._source.hand_in(last.checkpoint.height, last.cosignatures[0])
        except (NotAuthorised, Conflict, NotFound, Malformed, Unavailable) as error:
            return [f"{self._source.name}: {error.message}"]
        memory.handed_in()
        return []

    def _refuse(self, caught: _Caught) -> Refusal:
        now = int(self._clock())
        name = f"equivocation-{caught.height}-{now}.json"
        path: Path = self._memory.evidence(name, caught.claim.to_dict())
        refusal = Refusal(now, f"two histories at height {caught.height}, shown by {caught.where}"[:1000], path.name)
        self._memory.refuse(refusal)
        return refusal


def _readable(notes: Iterator[Note]) -> Iterator[Note]:
    """The notes up to the first that cannot be had: evidence is looked for in what there is."""
    try:
        yield from notes
    except OriginSealError:
        return
