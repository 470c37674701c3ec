"""The checkpoints that this replica kept, published again in the same form as the operator's feed.

Only the operator's own signatures and those of anchored witnesses: a replica signs no checkpoint. See
api.ports.CheckpointFeedPort.
"""

from __future__ import annotations

from typing import Any

from ledger.errors import NotFound
from ledger.proof.anchors import Anchors
from ledger.proof.cosignature import VerifiedCosignature, parse_cosignature, verify
from ledger.proof.note import Note
from ledger.services.checkpoint_feed import MAX_PAGE, accept, offices
from ledger.services.replica.kept import Kept

LOOK_BACK = 1000  # kept checkpoints that are searched for enough co-signatures


class KeptFeed:
    """Reads, and extends by co-signatures, what `kept` holds."""

    def __init__(self, kept: Kept, anchors: Anchors) -> None:
        self._kept = kept
        self._anchors = anchors

    @property
    def anchors(self) -> Anchors:
        return self._anchors

    def notes(self, start: int = 0, limit: int = MAX_PAGE) -> tuple[Note, ...]:
        """Up to `limit` notes from height `start` on, ascending."""
        return tuple(self._kept.note(height) for height in self._kept.heights(start, limit=min(limit, MAX_PAGE)))

    def note(self, height: int) -> Note:
        """The note of exactly this height. Raises NotFound."""
        return self._kept.note(height)

    def latest(self, witnessed: int = 0) -> Note:
        """The newest note whose block is our own, or the newest with co-signatures of so many offices."""
        if witnessed <= 0:
            newest = self._kept.newest_checkpoint(agreed=True)
            if newest is not None:
                return self._kept.note(newest.checkpoint.height)
        elif witnessed <= len(self._anchors.offices):  # more there never are: nothing is looked through for them
            for height in self._kept.cosigned(witnessed, LOOK_BACK):
                found = self._kept.note(height)
                if offices(found.cosignatures, self._anchors.witnesses) >= witnessed:
                    return found
        raise NotFound("no such checkpoint is kept here yet", field="witnessed")

    def receive(self, height: int, value: Any) -> VerifiedCosignature:
        """Check and keep one co-signature. Raises what `checkpoint_feed.accept` raises, NotFound for a height of
        which nothing is kept."""
        signed = self._kept.note(height).signed
        accepted = accept(value, signed, self._anchors.witnesses)
        mine = next((one for one in self._kept.cosignatures(height) if one.key_id == accepted.witness.key_id), None)
        if mine is not None:
            return verify(mine, signed.checkpoint, self._anchors.witnesses)
        self._kept.add_checkpoint(signed, [parse_cosignature(value, "")])
        return accepted
