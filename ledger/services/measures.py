"""What one running process counts: how long submissions take to be sealed, and what was refused and why.

Numbers only, bounded whatever arrives: reasons are the codes of ledger.errors and the errors that the committed
contracts declare. They begin at zero with the process, as Prometheus expects of counters. Thread-safe.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import contracts
from ledger.errors import OriginSealError, RevertedOnChain

LAG_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 86400.0)  # seconds
MAX_WAITING = 100_000  # submissions whose moment of acceptance is remembered to the millisecond
ENGINE_ERRORS = ("EngineRefused", "Reverted", "Error", "Panic")  # refusals without an error of our contracts
OTHER = "other"


@dataclass(frozen=True, slots=True)
class LagFacts:
    """A histogram: how many took at most each of LAG_BUCKETS (cumulative), how many altogether, and their sum."""

    cumulative: tuple[int, ...]
    count: int
    total: float


@cache
def contract_errors() -> frozenset[str]:
    """Every error that a committed contract can revert with."""
    entries = (entry for name in contracts.names() for entry in contracts.artifact(name).abi)
    return frozenset(entry["name"] for entry in entries if entry["type"] == "error") | frozenset(ENGINE_ERRORS)


def reason(error: OriginSealError) -> tuple[str, str]:
    """(code, contract error or empty): the two labels of a refusal, from closed sets."""
    if not isinstance(error, RevertedOnChain):
        return error.code, ""
    return error.code, error.error if error.error in contract_errors() else OTHER


class Measures:
    """`clock` gives Unix seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._accepted: dict[bytes, float] = {}
        self._buckets = [0] * (len(LAG_BUCKETS) + 1)
        self._total = 0.0
        self._refused: Counter[tuple[str, str]] = Counter()

    def accepted(self, submission_id: bytes) -> None:
        """A submission is durably stored from now on; its wait begins."""
        with self._lock:
            if len(self._accepted) < MAX_WAITING:
                self._accepted[submission_id] = self._clock()

    def sealed(self, submission_ids: Iterable[bytes], received_at: Callable[[bytes], float]) -> None:
        """These are on the chain; `received_at` says when one was stored that an earlier process accepted."""
        now = self._clock()
        for submission_id in submission_ids:
            with self._lock:
                since = self._accepted.pop(submission_id, None)
            lag = max(0.0, now - (received_at(submission_id) if since is None else since))
            with self._lock:
                self._buckets[bisect_left(LAG_BUCKETS, lag)] += 1
                self._total += lag

    def refused(self, error: OriginSealError) -> None:
        """A submission was refused."""
        with self._lock:
            self._refused[reason(error)] += 1

    def lag(self) -> LagFacts:
        """The histogram of anchor lags so far."""
        with self._lock:
            buckets, total = list(self._buckets), self._total
        cumulative = [sum(buckets[: i + 1]) for i in range(len(LAG_BUCKETS))]
        return LagFacts(tuple(cumulative), sum(buckets), total)

    def refusals(self) -> dict[tuple[str, str], int]:
        """How often each (code, contract error) was met."""
        with self._lock:
            return dict(self._refused)
