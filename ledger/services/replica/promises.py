"""The source's signed checkpoints: every one is fetched, verified, kept for good and held against our own chain.

A checkpoint under an anchored key is the source's own signature, so a contradiction is a proof that anybody can check:
two of one height, or one that is not our (executed) block. A signature that does not verify, or of an unknown key,
proves nothing about the source: it is a fault, is not kept and stops nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from ledger.errors import Malformed, NotFound, VerificationFailed
from ledger.proof import checkpoint as checkpoints
from ledger.proof import cosignature as cosignatures
from ledger.proof.anchors import Anchors
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint
from ledger.proof.equivocation import Equivocation, verify_equivocation
from ledger.proof.header import parse_header
from ledger.proof.note import Note
from ledger.services.replica.chains import OwnChain
from ledger.services.replica.kept import MAX_NUMBER, Kept
from ledger.services.replica.refusals import Refused, Witnessed
from ledger.services.replica.source import Source

PAGE = 100  # notes at once
MAX_PAGES = 200  # per poll: 20,000 checkpoints, and the next poll goes on
COVERED = "covered"  # the setting: up to here every block with submissions has a kept checkpoint
SIGNED_ON_REQUEST = 50  # checkpoints of single blocks asked for per poll


class Promises:
    """Takes checkpoints from the source into `kept`."""

    def __init__(self, chain: OwnChain, kept: Kept, anchors: Anchors) -> None:
        self._chain = chain
        self._kept = kept
        self._anchors = anchors
        self._random = random.SystemRandom()

    def fetch(self, source: Source) -> str:
        """Take every new checkpoint, and look again at some old ones; returns what was wrong with those that are not
        the source's, or "". Raises Refused, or what the source raises."""
        faults: list[str] = []
        newest = self._kept.newest_checkpoint()
        first = 0 if newest is None else newest.checkpoint.height + 1
        for _ in range(MAX_PAGES):
            notes = source.checkpoints(first, PAGE)
            self._take_all(notes, faults)
            if len(notes) < PAGE:
                break
            first = notes[-1].checkpoint.height + 1
        if newest is not None:
            # An old page, from anywhere: a source that signs its past anew is found, and co-signatures come in.
            height = newest.checkpoint.height
            for old in {self._random.randint(0, height), max(0, height - PAGE // 2)}:
                self._take_all(source.checkpoints(old, PAGE), faults)
        return faults[0] if faults else ""

    def _take_all(self, notes: Iterable[Note], faults: list[str]) -> None:
        for note in notes:
            try:
                self.take(note)
            except Malformed as error:
                faults.append(error.message)

    def fetch_missing(self, source: Source) -> bool:
        """Ask for checkpoints of blocks whose submissions are held, for their bundles; True when there are more."""
        head, first = self._chain.height(), int(self._kept.meta(COVERED, -1)) + 1
        missing = self._kept.blocks_without_checkpoint(first, head, SIGNED_ON_REQUEST)
        for height in missing:
            try:
                self.take(source.checkpoint(height))
            except (NotFound, Malformed):
                return False
        covered = missing[-1] if len(missing) == SIGNED_ON_REQUEST else head
        if covered >= first:
            self._kept.set_meta(COVERED, covered)
        return covered < head

    def take(self, note: Note) -> None:
        """Verify one note and keep it. Raises Refused when it contradicts, Malformed when it is not the source's."""
        signed = note.signed
        if self._known(note):
            return
        try:
            checkpoints.verify(signed, self._anchors.checkpoint_keys)
        except VerificationFailed as error:
            raise Malformed(f"the source's checkpoint of height {signed.checkpoint.height}: {error.message}") from error
        height = signed.checkpoint.height
        if max(height, signed.checkpoint.time) > MAX_NUMBER:
            raise Malformed(f"the source signed a checkpoint of height {height}")
        if (signed.checkpoint.chain_id, signed.checkpoint.genesis) != (self._anchors.chain_id, self._anchors.genesis):
            raise Refused(
                "other-chain", "the source signed a checkpoint of another chain under an anchored key", height,
                checkpoint=signed.to_dict(),
            )  # fmt: skip
        known = []
        for one in note.cosignatures:  # a bad or unknown one is left out: it takes nothing from the checkpoint
            try:
                cosignatures.verify(one, signed.checkpoint, self._anchors.witnesses)
            except VerificationFailed:
                continue
            if one.time <= MAX_NUMBER:
                known.append(one)
        kept = self._kept.add_checkpoint(signed, known)
        if kept.checkpoint != signed.checkpoint:
            raise Refused(
                "two-checkpoints", f"the source signed two checkpoints of height {height}", height,
                sides=Witnessed(height, self._chain.header(height), None, [kept, signed]),
                equivocation=Equivocation(kept, signed, ()).to_dict(),
            )  # fmt: skip

    def _known(self, note: Note) -> bool:
        """Whether this checkpoint, and every co-signature on it, was verified and kept before."""
        kept = self._kept.checkpoint(note.checkpoint.height)
        if kept is None or kept.checkpoint != note.checkpoint:
            return False
        have = {one.key_id for one in self._kept.cosignatures(note.checkpoint.height)}
        return all(one.key_id in have or one.key_id not in self._anchors.witnesses for one in note.cosignatures)

    def compare(self) -> None:
        """Hold kept checkpoints against our own chain, as far as it reaches. Raises Refused."""
        while unchecked := self._kept.unchecked(self._chain.height()):
            for signed in unchecked:
                self._compare(signed)
            self._kept.agree([signed.checkpoint.height for signed in unchecked])

    def _compare(self, signed: SignedCheckpoint) -> None:
        height = signed.checkpoint.height
        raw = self._chain.header(height)
        assert raw is not None
        ours = parse_header(raw)
        claimed = signed.checkpoint
        if (claimed.block, claimed.state_root, claimed.time) != (ours.hash, ours.state_root, ours.time):
            raise Refused(
                "checkpoint-contradicts", f"the signed checkpoint of height {height} is not our block", height,
                sides=Witnessed(height, raw, None, [signed]),
            )  # fmt: skip

    def guard(self, height: int, block_hash: bytes) -> None:
        """Refuse to take a block that a kept checkpoint contradicts."""
        signed = self._kept.checkpoint(height)
        if signed is not None and signed.checkpoint.block != block_hash:
            raise Refused(
                "checkpoint-contradicts",
                f"the source shows block 0x{block_hash.hex()} at height {height} and signed another",
                height,
                sides=Witnessed(height, None, None, [signed]),
                block="0x" + block_hash.hex(),
            )

    def contradiction(self, notes: Iterable[Note]) -> dict[str, Any] | None:
        """The proof, by the source's own signatures, that `notes` are of another history than what it signed before;
        None where no height is signed twice."""
        for note in notes:
            kept = self._kept.checkpoint(note.checkpoint.height)
            if kept is None or kept.checkpoint == note.checkpoint:
                continue
            claim = Equivocation(kept, note.signed, ())
            try:
                verify_equivocation(claim, self._anchors)
            except VerificationFailed:
                continue
            return claim.to_dict()
        return None

    def newest(self) -> Checkpoint | None:
        """The highest checkpoint that the source ever signed."""
        signed = self._kept.newest_checkpoint()
        return None if signed is None else signed.checkpoint
