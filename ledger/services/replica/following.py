"""Following a source that is not trusted: one `poll` after another.

Each poll: 1. the source is still the same chain; 2. it still has our head, and an older block chosen at random; 3. its
new checkpoints are genuine and contradict nothing; 4. missing blocks are imported, none that a checkpoint contradicts;
5. checkpoints are our blocks; 6. the contracts have the anchored code; 7. public records are fetched and verified.
A contradiction in 1 to 6 ends following for good (`refusals`); anything else that goes wrong is waited out.
Blocks whose times do not fit the moments of polling are noted (`dating`).
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from eth_utils import keccak

from ledger.errors import Malformed, OriginSealError, StorageUnavailable
from ledger.proof.anchors import Anchors
from ledger.proof.header import parse_header
from ledger.proof.trie import EMPTY_CODE
from ledger.services.replica import status as states
from ledger.services.replica.chains import DURABLE_BLOCKS, OwnChain
from ledger.services.replica.dating import Dating
from ledger.services.replica.holdings import Holdings
from ledger.services.replica.kept import Kept
from ledger.services.replica.promises import Promises
from ledger.services.replica.refusals import EQUIVOCATION, Refusal, Refused, Witnessed, from_evidence, keep
from ledger.services.replica.source import Source
from ledger.services.replica.status import ReplicaStatus

log = logging.getLogger(__name__)
MAX_WARNINGS = 20
MAX_FAULT = 500
EVIDENCE_CHECKPOINTS = 20  # of the source's signed checkpoints from the fork on


class Follower:
    """Follows `source` with `chain`. One thread polls; any thread reads `status`."""

    def __init__(
        self,
        root: Path,
        source: Source,
        chain: OwnChain,
        kept: Kept,
        anchors: Anchors,
        holdings: Holdings,
        *,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._root, self._source, self._chain, self._kept = root, source, chain, kept
        self._anchors, self._holdings = anchors, holdings
        self.promises = Promises(chain, kept, anchors)
        self._dating = Dating(root, chain, kept, clock)
        self._stop = stop or threading.Event()
        self._busy = False
        self._clock = clock
        self._random = random.SystemRandom()
        self._warnings: dict[str, str] = {}
        told = kept.meta("refusal")
        refusal = from_evidence(root) if told is None else Refusal.from_json(told)
        self._status = ReplicaStatus(
            state=states.STARTING if refusal is None else states.REFUSED,
            source=source.url,
            chain_id=anchors.chain_id,
            genesis="0x" + anchors.genesis.hex(),
            refusal=refusal,
        )
        self._refresh()

    @property
    def status(self) -> ReplicaStatus:
        """Where the replica stands, with fresh counts."""
        return replace(self._status, counts=self._kept.counts())

    @property
    def busy(self) -> bool:
        """True when the last poll left records or checkpoints to fetch: another should follow at once."""
        return self._busy and self._status.state not in (states.WAITING, states.REFUSED)

    def stopped(self, error: BaseException) -> None:
        """Show that nothing is checked any more, because our own disk or program failed."""
        self._refresh(state=states.STOPPED, fault=str(error)[:MAX_FAULT], fault_time=int(self._clock()))

    def warn(self, kind: str, message: str) -> None:
        """Show a warning until it is settled; one per kind."""
        if message and self._warnings.get(kind) != message:
            log.warning("%s: %s", kind, message)
        self._warnings.pop(kind, None)
        if message and len(self._warnings) < MAX_WARNINGS:
            self._warnings[kind] = message
        self._status = replace(self._status, warnings=tuple(self._warnings.values()))

    # ------------------------------------------------------------------------------------------------ polling

    def poll(self) -> ReplicaStatus:
        """Look at the source once and come as far as possible. Raises StorageUnavailable when our own disk fails."""
        if self._status.refusal is not None:
            return self.status
        try:
            state = self._poll()
        except Refused as refused:
            self._refuse(refused)
        except StorageUnavailable:
            raise
        except OriginSealError as error:
            self._refresh(state=states.WAITING, fault=error.message[:MAX_FAULT], fault_time=int(self._clock()))
            log.warning("waiting: %s", error)
        else:
            if not self._stop.is_set():
                now = int(self._clock())
                agreed = now if state in states.IN_AGREEMENT else self._status.agreed
                self._refresh(state=state, agreed=agreed, fault="", fault_time=None)
        return self.status

    def _poll(self) -> str:
        head = self._identify()
        self._refresh(source_height=head, checked=int(self._clock()))
        self.warn("checkpoints", self.promises.fetch(self._source))
        if head > self._chain.height() + DURABLE_BLOCKS:
            self._refresh(state=states.CATCHING_UP)
        self._chain.catch_up(self._source, head, self.promises.guard, self._stop, self._progress)
        self._refresh()
        self.warn("dating", self._dating.look())
        self.promises.compare()
        self._check_code()
        self._take_records()
        newest = self.promises.newest()
        if newest is not None and head < newest.height:
            return states.WITHHOLDING
        height = self._chain.height()
        if head == height:
            self._dating.saw_newest(height)
        return states.CATCHING_UP if height < head else states.BEHIND if height > head else states.FOLLOWING

    def _progress(self, height: int, target: int) -> None:
        self._refresh(source_height=max(target, self._status.source_height or 0))

    def _take_records(self) -> None:
        self._holdings.look(self._chain.height(), self._stop.is_set)
        more = self.promises.fetch_missing(self._source)
        self.promises.compare()
        taken = self._holdings.fetch(self._source, self._stop.is_set)
        self._busy = more or taken.more
        bad = max(taken.refused, self._kept.counts()["submissionsRefused"])
        what = f"records of {bad} submission(s) that the source gave do not hold"
        self.warn("records", f"{what}; {taken.reason}".rstrip("; ") if bad else "")

    # ------------------------------------------------------------------------------------------------ the checks

    def _identify(self) -> int:
        """The source's head, once it has shown that it is the same chain and still has our blocks."""
        height = self._chain.height()
        older = self._random.randint(0, max(0, height))
        mine = sorted({older, max(0, height)})
        chain_id, genesis, head, theirs = self._source.identity(mine)
        if chain_id != self._anchors.chain_id:
            raise Refused(
                "other-chain", f"the source has chain id {chain_id}, the anchors say {self._anchors.chain_id}", 0
            )
        if bytes(keccak(genesis)) != self._anchors.genesis:
            raise Refused(
                "other-chain", "the source's block 0 is not the anchored genesis", 0,
                sides=Witnessed(0, self._chain.header(0), genesis),
            )  # fmt: skip
        for number, raw in zip(mine, theirs, strict=True):
            if raw is not None:
                self._same(number, raw)
        if head < height:
            self._same(head, self._source.raw_header(head))
        return head

    def _same(self, number: int, theirs: bytes) -> None:
        ours = self._chain.header(number)
        if ours is None or ours == theirs:
            return
        if keccak(theirs) == keccak(ours) or self._source.raw_header(number) != theirs:
            raise Malformed(f"the source gave header {number} in two forms")
        fork = self._fork(number)
        raw = theirs if fork == number else self._source.raw_header(fork)
        signed = [
            checkpoint
            for at in self._kept.heights(fork, limit=EVIDENCE_CHECKPOINTS)
            if (checkpoint := self._kept.checkpoint(at)) is not None
        ]
        raise Refused(
            "rewritten-history",
            f"from block {fork} on the source shows another history than the one checked here"
            f" (noticed at height {number})",
            fork,
            fork=Witnessed(fork, self._chain.header(fork), raw, signed),
            noticed=Witnessed(number, ours, theirs),
            **self._new_promise(fork),
        )

    def _fork(self, different: int) -> int:
        """The lowest height whose block differs: blocks link to their parents, so what differs stays different."""
        low, high = 0, different  # block 0 is the anchored one
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (
                (middle, high) if self._source.raw_header(middle) == self._chain.header(middle) else (low, middle)
            )
        return high

    def _new_promise(self, fork: int) -> dict[str, object]:
        """What the source has signed of its other history, where it shows it: with a kept one that convicts it."""
        try:
            notes = self._source.checkpoints(fork, EVIDENCE_CHECKPOINTS)
        except OriginSealError:
            return {"newCheckpoints": []}  # the evidence is complete without them
        found: dict[str, object] = {"newCheckpoints": [note.to_dict() for note in notes]}
        proof = self.promises.contradiction(notes)
        return found if proof is None else {**found, EQUIVOCATION: proof}

    def _check_code(self) -> None:
        """The contracts have the anchored code, from the first signed checkpoint on (before, they may be missing)."""
        height = self._chain.height()
        promised = self._kept.newest_checkpoint(at_most=height, agreed=True)
        for name, anchor in self._anchors.contracts.items():
            raw = self._chain.engine.request("eth_getCode", ["0x" + anchor.address.hex(), hex(max(0, height))])
            code_hash = bytes(keccak(bytes.fromhex(str(raw)[2:])))
            if code_hash == anchor.code_hash:
                continue
            if code_hash == EMPTY_CODE and promised is None:
                self._refresh(code_checked=False)
                return
            raise Refused(
                "other-code", f"the code of {name} at block {height} is not the anchored one", height,
                contract=name, address="0x" + anchor.address.hex(), expected="0x" + anchor.code_hash.hex(),
                found="0x" + code_hash.hex(),
                sides=Witnessed(height, self._chain.header(height), None, [] if promised is None else [promised]),
            )  # fmt: skip
        self._refresh(code_checked=True)

    # ------------------------------------------------------------------------------------------------ outcomes

    def _refuse(self, refused: Refused) -> None:
        """Evidence first, then the decision, both durable before anybody hears of it."""
        context = {
            "chainId": self._anchors.chain_id,
            "genesis": "0x" + self._anchors.genesis.hex(),
            "ownHead": {"height": self._chain.height(), "header": _hexed(self._chain.header(self._chain.height()))},
            "sourceHead": self._status.source_height,
        }
        refusal = keep(self._root, self._source.url, refused, context)
        self._kept.set_meta("refusal", refusal.to_json())
        log.error("refused: %s (evidence/%s)", refused.detail, refusal.evidence)
        self._refresh(state=states.REFUSED, refusal=refusal)

    def _refresh(self, **changes: object) -> None:
        height = self._chain.height()
        raw = self._chain.header(height) if height >= 0 else None
        if raw is not None:
            header = parse_header(raw)
            changes |= {"height": height, "head_hash": "0x" + header.hash.hex(), "head_time": header.time}
        newest = self._kept.newest_checkpoint()
        changes["signed_height"] = None if newest is None else newest.checkpoint.height
        source_height = changes.get("source_height", self._status.source_height)
        if isinstance(source_height, int) and source_height > height and newest is not None and raw is not None:
            changes["lag_seconds"] = float(max(0, newest.checkpoint.time - parse_header(raw).time))
        elif isinstance(source_height, int):
            changes["lag_seconds"] = 0.0
        self._status = replace(self._status, **changes)  # type: ignore[arg-type]  # names and types are the callers'


def _hexed(raw: bytes | None) -> str | None:
    return None if raw is None else "0x" + raw.hex()
