"""Measuring: CPU seconds, best of several rounds, floors before and after, ratios instead of absolute figures.

Wall-clock figures of a shared machine move by an order of magnitude; CPU seconds of the same work repeat within a few
per cent, and the ratio of two of them is what a goal can be set on. A floor is the bare operation that a metric is
bound by. Floors are taken before and after every metric module, and its ratios use the mean of the two; when the
takings of a run differ by more than a tenth the machine was too restless, and the run says so.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

ROUNDS = 5
RESTLESS = 0.10  # relative difference of a floor before and after


@dataclass(frozen=True, slots=True)
class Result:
    """One metric. `rate` is per CPU second unless `unit` says otherwise; `ratio` compares it with `floor`.

    `goal` is the least ratio (`at_least`) or the greatest one; None for a figure that is only reported.
    """

    name: str
    rate: float
    unit: str
    floor: str = ""
    ratio: float | None = None
    goal: float | None = None
    at_least: bool = True
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.goal is None or self.ratio is None:
            return None
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal


@dataclass(slots=True)
class Floors:
    """Every taking of the floors in a run, per CPU second, by name: before each metric module, and at the end."""

    taken: list[dict[str, float]] = field(default_factory=list)

    def rate(self, name: str) -> float:
        """The floor that a metric measured now is compared with."""
        return self.taken[-1][name]

    def around(self, position: int, name: str) -> float:
        """The mean of the floor before and after the metric module at `position`."""
        return (self.taken[position][name] + self.taken[position + 1][name]) / 2

    def drift(self, name: str) -> float:
        """How much the slowest taking is below the fastest."""
        rates = [each[name] for each in self.taken]
        return 1 - min(rates) / max(rates)

    @property
    def restless(self) -> list[str]:
        return [name for name in self.taken[0] if self.drift(name) > RESTLESS]


def cpu_rate(work: Callable[[], Any], count: int, rounds: int = ROUNDS) -> float:
    """How many of the `count` operations inside `work` one CPU second of this process does; the best round."""
    return count / min(cpu_seconds(work) for _ in range(rounds))


def cpu_seconds(work: Callable[[], Any]) -> float:
    """CPU seconds of one run, all threads of this process, without the garbage collector in between."""
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        work()
        return time.process_time() - start
    finally:
        gc.enable()


def compared(
    name: str, rate: float, floors: Floors, floor: str, goal: float | None, *, unit: str = "/cpu-s", note: str = ""
) -> Result:
    """A rate as a ratio of a floor."""
    return Result(name, rate, unit, floor, rate / floors.rate(floor), goal, note=note)
