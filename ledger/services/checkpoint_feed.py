"""The published history of checkpoints with their co-signatures, and where witnesses hand theirs in.

Every height that was ever signed is in the feed, ascending; a note gains co-signatures and never changes or loses
anything else. Co-signatures are taken from anchored witnesses only, over exactly this ledger's checkpoint, the first
of a witness and height for good. Formats: docs/checkpoints.md.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from ledger.errors import Conflict, NotAuthorised, NotFound, VerificationFailed
from ledger.proof.anchors import Anchors, Witness
from ledger.proof.checkpoint import SignedCheckpoint
from ledger.proof.cosignature import Cosignature, VerifiedCosignature, parse_cosignature, verify
from ledger.proof.note import Note, note
from ledger.services.checkpoints import Checkpoints
from ledger.vault import Vault, cosigned

MAX_PAGE = 200  # notes; a page stays under note.MAX_FEED_BYTES even if all of them have 64 co-signatures
_LOOK_BACK = 1000  # heights with enough co-signatures, if not of enough offices, that are looked at


def accept(value: Any, signed: SignedCheckpoint, witnesses: dict[bytes, Witness]) -> VerifiedCosignature:
    """Evidence that the co-signature in a JSON value is an anchored witness's, over exactly `signed`.

    Raises Malformed, NotAuthorised for a key that is no witness's, Conflict for a signature over anything else.
    """
    return _accept(parse_cosignature(value, ""), signed, witnesses)


def _accept(given: Cosignature, signed: SignedCheckpoint, witnesses: dict[bytes, Witness]) -> VerifiedCosignature:
    height = signed.checkpoint.height
    if given.key_id not in witnesses:
        raise NotAuthorised("this key is none of the witnesses in the trust anchors", field="/keyId")
    try:
        return verify(given, signed.checkpoint, witnesses, "")
    except VerificationFailed as error:
        raise Conflict(
            f"not this witness's signature over this ledger's checkpoint of height {height}",
            field=error.field,
            hint=f"compare with /checkpoints/{height}; if you signed another block of this height, keep both",
        ) from error


def offices(cosignatures: Iterable[Cosignature], witnesses: dict[bytes, Witness]) -> int:
    """How many of the anchored offices stand behind these: one that changed its key counts once."""
    return len({witnesses[one.key_id].office for one in cosignatures if one.key_id in witnesses})


class CheckpointFeed:
    """Reads and extends the operator's feed. Thread-safe."""

    def __init__(self, checkpoints: Checkpoints, vault: Vault, anchors: Anchors) -> None:
        self._checkpoints = checkpoints
        self._vault = vault
        self._anchors = anchors
        self._revision = cosigned.count(vault)
        self._lock = threading.Lock()

    @property
    def anchors(self) -> Anchors:
        return self._anchors

    @property
    def revision(self) -> int:
        """A number that grows with every co-signature."""
        return self._revision

    def notes(self, start: int = 0, limit: int = MAX_PAGE) -> tuple[Note, ...]:
        """Up to `limit` notes from height `start` on, ascending."""
        found = cosigned.page(self._vault, start, min(limit, MAX_PAGE))
        if not found:
            return ()
        extra = cosigned.of_heights(self._vault, found[0].checkpoint.height, found[-1].checkpoint.height)
        return tuple(note(each, extra.get(each.checkpoint.height, ())) for each in found)

    def note(self, height: int) -> Note:
        """The note of exactly this height, signed now if it was not before. Raises NotFound when it is not final."""
        return note(self._checkpoints.at(height), self.cosignatures(height))

    def latest(self, witnessed: int = 0) -> Note:
        """The newest final block's note, or the newest with co-signatures of `witnessed` offices. Raises NotFound."""
        if witnessed <= 0:
            signed = self._checkpoints.latest()
            return note(signed, self.cosignatures(signed.checkpoint.height))
        height = self.witnessed_height(witnessed)
        if height is None:
            raise NotFound(f"no checkpoint has co-signatures of {witnessed} agencies yet", field="witnessed")
        return self.note(height)

    def cosignatures(self, height: int) -> tuple[Cosignature, ...]:
        """The co-signatures of one height, by ascending key id."""
        return cosigned.of_height(self._vault, height)

    def witnessed_height(self, count: int) -> int | None:
        """The newest height that `count` offices have co-signed, None when there is none."""
        if count > len(self._anchors.offices):
            return None  # there never is one: do not look through every co-signature for whoever asks
        for height in cosigned.heights(self._vault, max(count, 1), _LOOK_BACK):
            if offices(self.cosignatures(height), self._anchors.witnesses) >= count:
                return height
        return None

    def receive(self, height: int, value: Any) -> VerifiedCosignature:
        """Check and keep one co-signature; evidence of the one that is kept, which is the first of its witness.

        Raises what `accept` raises, and NotFound for a height that was never signed.
        """
        signed = self._vault.checkpoint(height)
        given = parse_cosignature(value, "")
        accepted = _accept(given, signed, self._anchors.witnesses)
        kept = cosigned.put(self._vault, height, given)
        if kept != given:
            return verify(kept, signed.checkpoint, self._anchors.witnesses)
        with self._lock:
            self._revision = cosigned.count(self._vault)
        return accepted
