"""When audits are due: plans on a fixed grid of times, one audit at a time, until somebody says stop.

A plan's times are `anchor + k · every`, whatever an audit costs: lateness never adds up, times that passed during an
audit are skipped and not made up for. Knows no audit: what to run is handed in, and so are clock and waiting.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ledger.errors import Malformed

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
MIN_SECONDS, MAX_SECONDS = 60, 366 * 86400


@dataclass(frozen=True, slots=True)
class Plan:
    """One kind of audit, due every so many seconds, counted from `anchor` (Unix seconds)."""

    mode: str
    every: int
    anchor: float

    def after(self, moment: float) -> float:
        """The first time on the grid that is later than `moment`."""
        return self.anchor + self.every * max(0, math.floor((moment - self.anchor) / self.every) + 1)


def parse_every(text: str, field: str) -> int:
    """Seconds of a duration such as 90m, 24h or 7d. Raises Malformed."""
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    seconds = int(found[1]) * UNITS[found[2]] if found else 0
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise Malformed("a duration is a number and s, m, h or d: from 60s to 366d", field=field)
    return seconds


def plan(mode: str, every: int, last: float | None, now: float) -> Plan:
    """The plan that goes on from the last audit of this mode (None: there was none, the first is due now)."""
    return Plan(mode, every, now if last is None or last > now else last + every)


def run(
    plans: Sequence[Plan],
    audit: Callable[[str], None],
    *,
    clock: Callable[[], float],
    wait: Callable[[float], bool],
) -> None:
    """Run every plan's audits when they are due. `wait(seconds)` returns True when it is time to stop.

    Plans come in order of weight: where several are due, the first runs and covers the others.
    """
    due = {each.mode: each.anchor for each in plans}
    while True:
        first = min(due.values())
        if wait(max(0.0, first - clock())):
            return
        now = clock()
        ready = [each for each in plans if due[each.mode] <= now]
        if ready:  # a clock that was set back makes none of them ready: wait again
            audit(ready[0].mode)
        done = clock()
        for each in ready:
            due[each.mode] = each.after(max(now, done))
