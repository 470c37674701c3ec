"""The walk over blocks: ranges go out to workers, their answers come back in order, and the rest is done here.

Every few ranges all that was found is committed to the work file, so that an audit that is killed goes on from there.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator

from ledger.chain.contracts import Deployment
from ledger.errors import Malformed
from ledger.services.audit.findings import Findings
from ledger.services.audit.history import History
from ledger.services.audit.matches import Matches
from ledger.services.audit.pool import Pool, note_lost
from ledger.services.audit.readmodel import IndexAudit, StoredIndex
from ledger.services.audit.scratch import Scratch
from ledger.services.audit.spans import Seen, Span
from ledger.services.audit.tasks import Task
from ledger.vault.reader import VaultReader

BLOCKS = 16  # in one range; boundaries are the same in every audit of a chain
SAVE_SECONDS = 2.0
Progress = Callable[[int, int, str], None]


class Walk:
    """One walk from the work file's next block to the head."""

    def __init__(
        self,
        deployment: Deployment,
        findings: Findings,
        scratch: Scratch,
        vault: VaultReader | None,
        index: StoredIndex | None,
        progress: Progress,
    ) -> None:
        self._all, self._scratch = findings, scratch
        self._findings = findings.like()  # of the walk alone: they go with the work file
        self._findings.restore(scratch.get("findings"))
        findings = self._findings
        self._progress = progress
        self.history = History(deployment, findings, scratch)
        self._matches = None if vault is None else Matches(vault, findings, scratch.db)
        self.index = None if index is None else IndexAudit(index, deployment, scratch)
        self._totals: Counter[str] = Counter(scratch.get("totals", {}))
        self.records = int(scratch.get("records", 0))
        self._before: Counter[str] = Counter(scratch.get("before", {}))  # what an earlier audit, built on, had seen
        self._saved = time.monotonic()

    @property
    def totals(self) -> tuple[int, int, int]:
        """Blocks, transactions and logs that were seen."""
        return self._totals["blocks"], self._totals["transactions"], self._totals["logs"]

    def run(self, pool: Pool, head: int) -> None:
        """Walk from the work file's next block to `head`."""
        try:
            self._run(pool, head)
        finally:
            self._all.merge(*self._findings.facts())
            self.history.findings = self._all

    def again(self, pool: Pool, last: int) -> None:
        """The rows that blocks 0 … `last`, audited before, explain: in the read model and in the chain file."""
        for answer in pool.ordered(_ranges(0, last, again=True)):
            note_lost(answer, self._all)
            if not isinstance(answer.answer, Span):
                raise Malformed(f"{answer.task.what} could not be read again", field="blocks")
            span = answer.answer
            self._all.merge(span.findings, span.unlisted, span.coverage)
            self._progress(span.last + 1, last + 1, "earlier blocks 先前区块")
            if self.index is not None:
                self.index.compare(span)

    def _run(self, pool: Pool, head: int) -> None:
        for answer in pool.ordered(_ranges(int(self._scratch.get("next", 0)), head)):
            note_lost(answer, self._all)
            if not isinstance(answer.answer, Span):
                raise Malformed(f"{answer.task.what} could not be audited, nor anything after", field="blocks")
            self._take(answer.answer)
            self._progress(answer.answer.last + 1, head + 1, "blocks 区块")
            if time.monotonic() - self._saved >= SAVE_SECONDS:
                self.save(answer.answer.last + 1)
        self._erasures()
        self.save(head + 1)
        for what in ("blocks", "transactions"):
            self._findings.count(what, self._totals[what] - self._before[what])

    def _take(self, span: Span) -> None:
        self.history.follow(span)
        self._totals.update(span.totals)
        for step in span.steps:
            if not isinstance(step, Seen):
                continue
            self.records += step.checked.records
            self._scratch.db.executemany("INSERT OR REPLACE INTO erasure VALUES (?,?)", step.checked.erasures)
            if self._matches is not None:
                self._matches.follow(step.checked)
        if self.index is not None:
            self.index.take(span)

    def _erasures(self) -> None:
        """What needs the whole chain: erasures name the submission that ordered them."""
        known = "SELECT id FROM accepted WHERE verdict & 1"
        query = f"SELECT place FROM erasure WHERE submission IS NULL OR submission NOT IN ({known})"  # noqa: S608
        for (place,) in self._scratch.db.execute(query):
            self._findings.add("payload.erasure", place)

    def save(self, following: int) -> None:
        """Make this a point to go on from: `following` is the next block."""
        if self.index is not None:
            self.index.save()
        self._scratch.put("next", following)
        self._scratch.put("findings", self._findings.facts())
        self._scratch.put("totals", dict(self._totals))
        self._scratch.put("records", self.records)
        self.history.save()
        self._saved = time.monotonic()

    def close(self) -> None:
        """Close what it opened."""
        if self.index is not None:
            self.index.close()


def _ranges(first: int, head: int, *, again: bool = False) -> Iterator[Task]:
    while first <= head:
        last = min(head, first - first % BLOCKS + BLOCKS - 1)
        yield Task("blocks", (first, last, again), f"blocks {first} to {last}")
        first = last + 1
