"""What workers tell the coordinator about a range of blocks: plain values that can be sent between processes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ledger.domain import action as act
from ledger.index.changes import Change
from ledger.services.audit.findings import Found

Logs = tuple[tuple[bytes, tuple[bytes, ...], bytes], ...]  # (address, topics, data) of each event


@dataclass(frozen=True, slots=True)
class Accepted:
    """One submission that the chain accepted. `time` is its block's, in Unix seconds.

    `member_id` is the author whom the contract's own event names; the shadow says whether it should have.
    """

    submission_id: bytes
    member_id: bytes
    call: act.SubmitCall
    block: int
    block_hash: bytes
    time: int
    index: int
    transaction_hash: bytes

    @property
    def name(self) -> str:
        """How findings call it."""
        return f"submission keccak256:{self.submission_id.hex()}"


@dataclass(frozen=True, slots=True)
class Match:
    """A sealed match to be repeated: the operation's data and the result's payload without its words."""

    operation: bytes
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a submission's records. `notes` are (tag of what a trade document names, its digest), in order."""

    verdict: int = 0
    records: int = 0
    erasures: tuple[tuple[str, bytes | None], ...] = ()
    matches: tuple[Match, ...] = ()
    notes: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(slots=True)
class Seen:
    """A submission as one worker saw it. `verified` None: the worker could not find the key."""

    accepted: Accepted
    digest: bytes
    logs: Logs
    verified: bool | None
    checked: Checked = field(default_factory=Checked)


@dataclass(frozen=True, slots=True)
class Creation:
    """The creation of Members: its genesis authorities and threshold, or why they cannot be read."""

    where: str
    time: int
    authorities: tuple[tuple[bytes, int, int, int], ...]
    threshold: int
    problem: str
    logs: Logs


@dataclass(slots=True)
class Rows:
    """The append-only rows of the read model that a range of blocks explains, and the changes to the others."""

    equal: bool = True
    counts: Counter[str] = field(default_factory=Counter)
    changes: list[Change] = field(default_factory=list)


@dataclass(slots=True)
class Span:
    """What one worker says of the blocks `first` … `last`."""

    first: int
    last: int
    headers: list[tuple[int, bytes, bytes, int]] = field(default_factory=list)
    steps: list[Seen | Creation] = field(default_factory=list)
    totals: Counter[str] = field(default_factory=Counter)  # blocks, transactions, logs
    first_blocks: list[int] = field(default_factory=list)
    nodes: bytes = b""
    rows: Rows = field(default_factory=Rows)
    findings: list[Found] = field(default_factory=list)
    unlisted: Counter[str] = field(default_factory=Counter)
    coverage: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Part:
    """What a worker says of anything else."""

    findings: list[Found] = field(default_factory=list)
    unlisted: Counter[str] = field(default_factory=Counter)
    coverage: Counter[str] = field(default_factory=Counter)
    value: Any = None
