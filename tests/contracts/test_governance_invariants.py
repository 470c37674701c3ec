"""Governance beside a plain model, under random submissions of authorities, members and strangers.

Whatever they do: nothing about a member changes without as many able approvals as the threshold demands; there are
never fewer able authorities than that; a suspended member never writes. ORIGINSEAL_DEEP=1 runs forty times as much.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from contract_world import (
    ACTIVE,
    AUTHORITY,
    PRODUCER,
    RETIRED,
    SUSPENDED,
    Actor,
    World,
    actor,
    admission,
    op,
)
from eth_utils import keccak
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from test_contract_storage import Storage, slot_of
from test_governance import EMERGENCY, WINDOW, proposal_id

DEEP = os.environ.get("ORIGINSEAL_DEEP") == "1"
COUNCIL = tuple(actor(f"council {zone}", AUTHORITY, zone) for zone in (1, 2, 3, 4))
MEMBERS = tuple(actor(f"governed {zone}", PRODUCER, zone) for zone in (1, 2))
EVERYBODY = (*COUNCIL, *MEMBERS)
MEMBER_KINDS = (33, 34, 36)
picks = st.integers(0, 10**6)


@pytest.fixture(scope="module")
def governed(new_chain: Callable[[], Any]) -> World:
    world = World(new_chain(), COUNCIL, 2)
    for member in MEMBERS:
        for authority in COUNCIL[:2]:
            world.submit(authority, [admission(member)])
    return world


class Governed(RuleBasedStateMachine):
    """Submits anything; the model counts who approved what, from the outside, and judges what the chain then says."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.before = world.chain.tester.take_snapshot()
        self.approvals: dict[bytes, tuple[int, dict[bytes, None]]] = {}  # proposal → deadline, approvers
        self.spare = 1000

    def teardown(self) -> None:
        self.world.chain.tester.revert_to_snapshot(self.before)

    # ----------------------------------------------------------------------------------------------- from storage

    def read(self, who: Actor) -> dict[str, Any]:
        facts = Storage(self.world).read(self.world.members, slot_of(who.id, 0), "Member")
        usable = int.from_bytes(Storage(self.world).word(self.world.members, slot_of(who.id, 2)), "big")
        return {**facts, "usable": usable}

    def standing(self, facts: dict[str, Any], now: int) -> int:
        lapsed = facts["standing"] == SUSPENDED and 0 < facts["suspendedUntil"] < now
        return ACTIVE if lapsed else int(facts["standing"])

    def able(self, now: int) -> set[bytes]:
        return {
            who.id
            for who in EVERYBODY
            if (facts := self.read(who))["roles"] & AUTHORITY
            and facts["inOffice"]
            and facts["usable"]
            and self.standing(facts, now) == ACTIVE
        }

    def counts(self) -> tuple[int, int]:
        word = int.from_bytes(Storage(self.world).word(self.world.members, (4).to_bytes(32, "big")), "big")
        return word & 0xFFFFFFFF, word >> 32

    def snapshot(self) -> dict[bytes, Any]:
        return {who.id: self.read(who) for who in EVERYBODY}

    # ------------------------------------------------------------------------------------------------------ rules

    @rule(by=picks, about=picks, kind=st.sampled_from((33, 33, 33, 34, 35, 36, 37, 38, 39)), value=picks)
    def submit(self, by: int, about: int, kind: int, value: int) -> None:
        author, subject = EVERYBODY[by % len(EVERYBODY)], EVERYBODY[about % len(EVERYBODY)]
        fields: dict[int, tuple[Any, ...]] = {
            33: (subject.id, 1 + value % 20 // 9),  # retirement seldom: it is final
            34: (subject.id, (PRODUCER, AUTHORITY, PRODUCER | AUTHORITY)[value % 3]),
            35: (subject.id, *subject.with_key(10_000 + value % 50 + 100 * (about % len(EVERYBODY))).point, False),
            36: (subject.key_id,),
            37: (value % 5,),
            38: (subject.id,),
            39: (author.id,),
        }
        asked = op(kind, *fields[kind])
        before, (threshold, count) = self.snapshot(), self.counts()
        signed = self.world.sign(author, [asked])
        sent = self.world.submissions.functions.submit(*signed.arguments).transact({"gas": 5_000_000})
        receipt = self.world.chain.receipt(sent)
        after, now = self.snapshot(), self.world.now
        if self.standing(before[author.id], now) != ACTIVE:
            assert receipt["status"] == 0, "a suspended member wrote"
        if receipt["status"] == 0:
            assert after == before and self.counts() == (threshold, count)
            return
        changed = {who for who in after if after[who] != before[who]}
        if kind == 39:
            assert changed == {author.id} and before[author.id]["roles"] & AUTHORITY
        elif kind == 38:
            assert changed == {subject.id} and not before[subject.id]["inOffice"]
            assert after[subject.id]["suspendedUntil"] == now + EMERGENCY
        else:
            self.judge(author, asked, before, bool(changed) or self.counts()[0] != threshold, threshold, count, now)
        assert changed <= {subject.id, author.id}

    def judge(self, author: Actor, asked: Any, before: Any, effect: bool, threshold: int, count: int, now: int) -> None:
        """A change of membership is exactly what enough able authorities submitted in one round."""
        needed = max(threshold, count // 2 + 1) if asked[0] == 37 else threshold
        identity = proposal_id(asked)
        deadline, approvers = self.approvals.get(identity, (0, {}))
        if deadline < now:
            deadline, approvers = now + WINDOW, {}
        approvers[author.id] = None
        able = {
            who
            for who, facts in before.items()
            if facts["inOffice"] and facts["usable"] and self.standing(facts, now) == ACTIVE
        }
        assert author.id in able
        enough = len(able & approvers.keys()) >= needed
        assert effect == enough, (asked[0], len(able & approvers.keys()), needed)
        self.approvals[identity] = (0, {}) if enough else (deadline, approvers)

    @rule(days=st.sampled_from((1, 4, 15)))
    def wait(self, days: int) -> None:
        self.world.chain.tester.time_travel(self.world.now + days * 86_400)
        self.world.chain.tester.mine_block()

    # ------------------------------------------------------------------------------------------------- invariants

    @invariant()
    def enough_authorities_stay(self) -> None:
        threshold, count = self.counts()
        able = self.able(self.world.now)
        assert len(able) == count >= threshold >= 1
        for zone in range(1, 8):
            stored = int.from_bytes(Storage(self.world).word(self.world.members, slot_of(zone, 3)), "big")
            assert stored == sum(who.zone == zone for who in EVERYBODY if who.id in able)

    @invariant()
    def approvers_are_those_that_approved(self) -> None:
        for identity, (deadline, approvers) in self.approvals.items():
            slot = slot_of(identity, 5)
            storage = Storage(self.world)
            word = int.from_bytes(storage.word(self.world.members, slot), "big")
            length = int.from_bytes(storage.word(self.world.members, slot, 1), "big")
            first = keccak((int.from_bytes(slot, "big") + 1).to_bytes(32, "big"))
            stored = [storage.word(self.world.members, first, i) for i in range(length)]
            if deadline >= self.world.now and self.counts()[0] > 1:
                assert word & (2**64 - 1) == deadline
                assert stored == list(approvers)


@pytest.mark.slow
def test_membership_changes_only_by_enough_approvals_when_submissions_are_random(governed: World) -> None:
    assert RETIRED == 3
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Governed(governed),
        settings=settings(
            max_examples=100 if DEEP else 5,
            stateful_step_count=50 if DEEP else 25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
