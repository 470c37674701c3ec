"""The contracts beside a plain model, under random submissions: goods conserved, accumulators complete, nonces once.

Rules only ask for what the model allows, so a revert in them is a failure; what must revert has rules of its own, which
name the error. ORIGINSEAL_DEEP=1 runs some twenty times as much.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from contract_world import (
    ACTIVE,
    AUTHORITY_6,
    CARRIER,
    HELD,
    JUDGE,
    LAB,
    NOBODY,
    OFFICER,
    ORCHARD,
    POND,
    RECALLED,
    SHOP,
    SUSPENDED,
    Actor,
    Signed,
    World,
    ident,
    op,
    record_match,
    register_lot,
)
from eth_utils import keccak
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from test_contract_storage import Storage, slot_of

DEEP = os.environ.get("ORIGINSEAL_DEEP") == "1"
FARMERS = (ORCHARD, POND)
RECORDERS = (LAB, CARRIER, SHOP)
EVERYBODY = (*FARMERS, *RECORDERS)
MOST = 2**128 - 1  # a quantity is a uint128
quantities = st.integers(1, 10_000) | st.integers(1, MOST)
counts = st.integers(1, 50)
parts = st.integers(0, 100)  # per cent
picks = st.integers(0, 10**6)


@dataclass
class Goods:
    """What the model knows of a lot."""

    custodian: Actor
    quantity: int
    unit: int
    remaining: int
    parents: list[tuple[bytes, int]] = field(default_factory=list)
    exported: int = 0
    head: bytes = NOBODY
    total: int = 0
    entries: int = 0
    state: int = ACTIVE


class Ledger(RuleBasedStateMachine):
    """The model, and the world that it is compared with."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.before = world.chain.tester.take_snapshot()
        self.first_block = world.w3.eth.block_number + 1
        self.lots: dict[bytes, Goods] = {}
        self.parents: dict[bytes, list[tuple[bytes, int]]] = {}
        self.suspended: set[str] = set()
        self.accepted: Counter[str] = Counter()
        self.used: list[tuple[Actor, Signed]] = []
        self.drafts: list[tuple[Actor, Signed]] = []
        self.serial = 0

    def teardown(self) -> None:
        logs = self.world.submissions.events.Accepted().get_logs(from_block=self.first_block)
        by_member = Counter(bytes(log["args"]["memberId"]) for log in logs)
        assert by_member == Counter({ident("member " + name): n for name, n in self.accepted.items()})
        assert len({log["args"]["submissionId"] for log in logs}) == len(logs)
        self.world.chain.tester.revert_to_snapshot(self.before)

    # ------------------------------------------------------------------------------------------------- plumbing

    def fresh(self, what: str) -> bytes:
        self.serial += 1
        return ident(f"{what} {self.serial}")

    def sign(self, who: Actor, operations: list[Any], named: dict[bytes, int]) -> Signed:
        lots = [(lot, self.fresh("root"), n) for lot, n in sorted(named.items())]
        return self.world.sign(who, operations, lots, count=max([1, *named.values()]))

    def accept(self, who: Actor, operations: list[Any], named: dict[bytes, int]) -> None:
        self.send(who, self.sign(who, operations, named))

    def send(self, who: Actor, signed: Signed) -> None:
        self.world.send(signed)
        self.accepted[who.name] += 1
        self.used.append((who, signed))
        for lot, root, count in signed.action[2]:
            goods = self.lots[lot]
            goods.head = keccak(goods.head + root + count.to_bytes(32, "big") + signed.submission_id)
            goods.total += count
            goods.entries += 1

    def refuse(self, error: str, who: Actor, operations: list[Any], named: dict[bytes, int]) -> None:
        assert self.world.refused(self.sign(who, operations, named))[0] == error

    def able(self, who: Actor) -> bool:
        return who.name not in self.suspended

    def pick(self, number: int, **wanted: Any) -> tuple[bytes, Goods] | None:
        fitting = [
            (lot, goods)
            for lot, goods in self.lots.items()
            if all(getattr(goods, name) == value for name, value in wanted.items())
        ]
        return fitting[number % len(fitting)] if fitting else None

    def someone(self, number: int, among: tuple[Actor, ...] = EVERYBODY) -> Actor | None:
        able = [who for who in among if self.able(who)]
        return able[number % len(able)] if able else None

    # -------------------------------------------------------------------------------------------- what must work

    @initialize(first=quantities, second=quantities)
    def begin(self, first: int, second: int) -> None:
        for who, quantity in ((ORCHARD, first), (POND, second)):
            lot = self.fresh("lot")
            self.lots[lot] = Goods(who, quantity, 1, quantity)
            self.accept(who, [register_lot(lot, quantity)], {lot: 1})

    @rule(number=picks, quantity=quantities, unit=st.integers(1, 3), count=counts)
    def register(self, number: int, quantity: int, unit: int, count: int) -> None:
        who = self.someone(number, FARMERS)
        if who is None:
            return
        lot = self.fresh("lot")
        self.lots[lot] = Goods(who, quantity, unit, quantity)
        self.accept(who, [register_lot(lot, quantity, unit)], {lot: count})

    @rule(number=picks, other=picks, share=parts, other_share=parts, yield_=parts)
    def derive(self, number: int, other: int, share: int, other_share: int, yield_: int) -> None:
        """A child of one parent or of two."""
        who = self.someone(number, FARMERS)
        chosen = who and self.pick(number, custodian=who, state=ACTIVE)
        if who is None or not chosen:
            return
        drawn = {chosen[0]: chosen[1].remaining * share // 100}
        second = self.pick(other, custodian=who, state=ACTIVE, unit=chosen[1].unit)
        if second and second[0] not in drawn:
            drawn[second[0]] = second[1].remaining * other_share // 100
        drawn = {lot: amount for lot, amount in drawn.items() if amount}
        quantity = min(sum(drawn.values()) * yield_ // 100, MOST)
        if not quantity:
            return
        child = self.fresh("lot")
        for lot, amount in drawn.items():
            self.lots[lot].remaining -= amount
        self.lots[child] = Goods(who, quantity, chosen[1].unit, quantity, list(drawn.items()))
        named = {child: 1} | dict.fromkeys(drawn, 1)
        self.accept(who, [register_lot(child, quantity, chosen[1].unit, list(drawn.items()))], named)

    @rule(number=picks, picked=st.lists(st.tuples(picks, counts), min_size=1, max_size=4))
    def record(self, number: int, picked: list[tuple[int, int]]) -> None:
        who = self.someone(number)
        if who is None:
            return
        wanted = {} if who in RECORDERS else {"custodian": who}
        named = {chosen[0]: count for n, count in picked if (chosen := self.pick(n, **wanted))}
        self.accept(who, [], named)

    @rule(number=picks)
    def draft(self, number: int) -> None:
        """Signed now, sent some time or never."""
        who = self.someone(number, RECORDERS)
        chosen = self.pick(number)
        if who and chosen:
            self.drafts.append((who, self.sign(who, [], {chosen[0]: 1})))

    @precondition(lambda self: self.drafts)
    @rule(number=picks)
    def send_late(self, number: int) -> None:
        who, signed = self.drafts.pop(number % len(self.drafts))
        if self.able(who):
            self.send(who, signed)
        else:
            assert self.world.refused(signed) == ("MembersNotActive", who.id, SUSPENDED)

    @rule(number=picks)
    def transfer(self, number: int) -> None:
        who = self.someone(number, FARMERS)
        chosen = who and self.pick(number, custodian=who, state=ACTIVE)
        to = POND if who is ORCHARD else ORCHARD
        if who is None or not chosen or not self.able(to):
            return
        self.accept(who, [op(2, chosen[0], to.id)], {chosen[0]: 1})
        chosen[1].custodian = to

    @rule(number=picks, state=st.sampled_from([ACTIVE, HELD, RECALLED]))
    def control(self, number: int, state: int) -> None:
        chosen = self.pick(number)
        if chosen and chosen[1].state != state:
            self.accept(OFFICER, [op(3, chosen[0], state)], {chosen[0]: 1})
            chosen[1].state = state

    @rule(number=picks, share=parts)
    def export(self, number: int, share: int) -> None:
        """Four documents and their match, which takes goods out of a lot."""
        chosen = self.pick(number, state=ACTIVE)
        amount = chosen[1].remaining * share // 100 if chosen else 0
        if not chosen or not amount or not self.able(SHOP) or not self.able(CARRIER):
            return
        order, receipt, waybill, inventory = documents = [self.fresh("document") for _ in range(4)]
        self.accept(SHOP, [op(16, 1, order), op(16, 2, receipt), op(16, 4, inventory)], {})
        self.accept(CARRIER, [op(16, 3, waybill)], {})
        self.accept(JUDGE, [record_match(self.fresh("trade"), documents, lines=[(chosen[0], amount)])], {chosen[0]: 1})
        chosen[1].remaining -= amount
        chosen[1].exported += amount

    @rule(number=picks)
    def suspend_or_reinstate(self, number: int) -> None:
        who = EVERYBODY[number % len(EVERYBODY)]
        standing = SUSPENDED if self.able(who) else ACTIVE
        self.accept(AUTHORITY_6, [op(33, who.id, standing)], {})
        self.suspended ^= {who.name}

    # ------------------------------------------------------------------------------------------ what must revert

    @precondition(lambda self: self.used)
    @rule(number=picks)
    def replay(self, number: int) -> None:
        who, signed = self.used[number % len(self.used)]
        assert self.world.refused(signed)[:2] == ("SubmissionsNonceUsed", who.key_id)

    @precondition(lambda self: self.suspended)
    @rule(number=picks)
    def suspended_member_writes(self, number: int) -> None:
        who = next(who for who in EVERYBODY if not self.able(who))
        chosen = self.pick(number)
        self.refuse("MembersNotActive", who, [], {chosen[0]: 1} if chosen else {})

    @rule(number=picks, excess=st.integers(1, 2**100))
    def overdraw(self, number: int, excess: int) -> None:
        who = self.someone(number, FARMERS)
        chosen = who and self.pick(number, custodian=who, state=ACTIVE)
        if who is None or not chosen or chosen[1].remaining + excess > MOST:
            return
        child = self.fresh("lot")
        asked = [register_lot(child, 1, chosen[1].unit, [(chosen[0], chosen[1].remaining + excess)])]
        self.refuse("LotsInsufficient", who, asked, {child: 1})

    @rule(number=picks, excess=st.integers(1, 2**100))
    def multiply(self, number: int, excess: int) -> None:
        who = self.someone(number, FARMERS)
        chosen = who and self.pick(number, custodian=who, state=ACTIVE)
        if who is None or not chosen or not chosen[1].remaining or chosen[1].remaining + excess > MOST:
            return
        child = self.fresh("lot")
        asked = [register_lot(child, chosen[1].remaining + excess, chosen[1].unit, [(chosen[0], chosen[1].remaining)])]
        self.refuse("LotsExceedsParents", who, asked, {child: 1})

    @rule(number=picks)
    def stranger_records(self, number: int) -> None:
        who = self.someone(number, FARMERS)
        chosen = who and self.pick(number, custodian=POND if who is ORCHARD else ORCHARD)
        if who and chosen:
            self.refuse("LotsNotPermitted", who, [], {chosen[0]: 1})

    # ------------------------------------------------------------------------------------------------ invariants

    @invariant()
    def chain_equals_model(self) -> None:
        storage = Storage(self.world)  # test_contract_storage.py shows that the getters say the same
        facts = {lot: storage.read(self.world.lots, slot_of(lot, 0), "Lot") for lot in self.lots}
        for lot, goods in self.lots.items():
            expected = {
                "custodian": goods.custodian.id,
                "quantity": goods.quantity,
                "remaining": goods.remaining,
                "unit": goods.unit,
                "state": goods.state,
                "head": goods.head,
                "total": goods.total,
                "entries": goods.entries,
            }
            assert {name: facts[lot][name] for name in expected} == expected
        self.goods_are_conserved(facts)

    def goods_are_conserved(self, facts: dict[bytes, dict[str, Any]]) -> None:
        """Read from the chain alone, except for what was exported."""
        for lot in self.lots.keys() - self.parents.keys():  # written once, at registration
            self.parents[lot] = self.world.lots.functions.parents(lot).call()
        parents = self.parents
        drawn: Counter[bytes] = Counter()
        for lot, pairs in parents.items():
            for parent, amount in pairs:
                drawn[parent] += amount
            assert not pairs or facts[lot]["quantity"] <= sum(amount for _, amount in pairs)
        for lot, fact in facts.items():
            assert fact["remaining"] <= fact["quantity"]
            assert fact["quantity"] - fact["remaining"] == drawn[lot] + self.lots[lot].exported
        out_of_nothing = sum(fact["quantity"] for lot, fact in facts.items() if not parents[lot])
        lost = sum(
            sum(amount for _, amount in pairs) - facts[lot]["quantity"] for lot, pairs in parents.items() if pairs
        )
        left = sum(fact["remaining"] for fact in facts.values())
        assert out_of_nothing == left + lost + sum(goods.exported for goods in self.lots.values())


@pytest.mark.slow
def test_ledger_equals_model_when_submissions_are_random(consortium: World) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Ledger(consortium),
        settings=settings(
            max_examples=150 if DEEP else 6,
            stateful_step_count=40 if DEEP else 15,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
