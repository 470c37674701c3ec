"""Audits fall due on a fixed grid of times, whatever they cost and whatever the clock does; nothing here sleeps."""

from __future__ import annotations

import pytest

from ledger.errors import Malformed
from ledger.services.audit_schedule import Plan, parse_every, plan, run

DAY, HOUR = 86400, 3600


class Time:
    """A clock that moves only when somebody waits or works; stops the schedule at `end`."""

    def __init__(self, now: float, end: float, cost: float = 0.0) -> None:
        self.now, self.end, self.cost = now, end, cost
        self.ran: list[tuple[str, float]] = []
        self.waits = 0

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        assert seconds >= 0
        self.waits += 1
        assert self.waits < 1000, "a busy loop"
        if self.now + seconds > self.end:
            return True
        self.now += seconds
        return False

    def audit(self, mode: str) -> None:
        self.ran.append((mode, self.now))
        self.now += self.cost

    def go(self, *plans: Plan) -> list[tuple[str, float]]:
        run(plans, self.audit, clock=self.clock, wait=self.wait)
        return self.ran


def test_audits_run_on_the_grid_when_each_takes_its_time() -> None:
    ran = Time(1000, 1000 + 3 * HOUR, cost=700).go(Plan("full", HOUR, 1000))
    assert ran == [("full", 1000), ("full", 4600), ("full", 8200), ("full", 11800)]


def test_missed_times_are_skipped_when_an_audit_takes_longer_than_its_interval() -> None:
    ran = Time(0, 8 * HOUR, cost=1.5 * HOUR).go(Plan("full", HOUR, 0))
    assert [at for _, at in ran] == [0, 2 * HOUR, 4 * HOUR, 6 * HOUR, 8 * HOUR]


def test_sample_gives_way_when_a_full_audit_is_due_at_the_same_time() -> None:
    ran = Time(0, DAY + HOUR).go(Plan("full", DAY, 0), Plan("sample", HOUR, 0))
    assert ran[0] == ("full", 0)
    assert [mode for mode, _ in ran[1:24]] == ["sample"] * 23
    assert ran[24:] == [("full", DAY), ("sample", DAY + HOUR)]


def test_nothing_runs_when_it_is_stopped_while_waiting() -> None:
    assert Time(0, 10).go(Plan("full", HOUR, 100)) == []


def test_audit_waits_again_when_the_clock_was_set_back() -> None:
    class SetBack(Time):
        def wait(self, seconds: float) -> bool:
            stopped = super().wait(seconds)
            if self.waits == 1:
                self.now -= 50
            return stopped

    assert SetBack(0, 200).go(Plan("full", HOUR, 100)) == [("full", 100)]


@pytest.mark.parametrize(
    ("last", "now", "first"),
    [
        (None, 500, 500),
        (100, 500, 100 + HOUR),
        (100, 100 + HOUR, 100 + HOUR),
        (100, 90 * DAY, 100 + HOUR),
        (900, 500, 500),
    ],
)
def test_plan_goes_on_from_the_last_audit_when_there_was_one(last: float | None, now: float, first: float) -> None:
    assert plan("full", HOUR, last, now).anchor == first


@pytest.mark.parametrize("moment", [-5.0, 0.0, 99.9, 100.0, 100.5, 3699.9, 3700.0, 1e9])
def test_next_time_is_later_and_on_the_grid(moment: float) -> None:
    found = Plan("full", HOUR, 100.0).after(moment)
    assert found > moment and (found - 100) % HOUR == 0 and found >= 100
    assert found - HOUR <= moment or found == 100


@pytest.mark.parametrize(("text", "seconds"), [("60s", 60), ("90m", 5400), ("24h", DAY), ("7d", 7 * DAY)])
def test_duration_is_read(text: str, seconds: int) -> None:
    assert parse_every(text, "--every") == seconds


@pytest.mark.parametrize("text", ["", "24", "h", "59s", "0h", "-1h", "1.5h", "367d", "9999999s", "24h ", "1w", "２4h"])
def test_duration_is_refused_when_it_is_none_or_out_of_bounds(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_every(text, "--every")
    assert refused.value.field == "--every"
