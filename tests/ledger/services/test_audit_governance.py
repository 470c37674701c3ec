"""The audit's shadow restates the governance of Members: a chain with proposals is sound, a broken rule is named."""

from __future__ import annotations

import pytest

from ledger.crypto.sm2 import PrivateKey
from ledger.domain import action as act
from ledger.services.audit.blocks import Blocks
from ledger.services.audit.findings import Findings
from ledger.services.audit.history import History
from ledger.services.audit.scratch import Scratch
from ledger.services.audit.shadow import Shadow
from ledger.services.audit.shadow_governance import CONFIRM_WINDOW, PROPOSAL_WINDOW
from ledger.services.audit.shadow_state import KeptShadow
from ledger.services.audit.shadow_types import Violation
from ledger.services.audit.sources import EngineSource
from ledger.services.audit.spans import Span
from tests.explorer_world import World

NOW = 1_764_000_000
ONE, TWO, THREE, MEMBER, OTHER = (bytes([n]) * 32 for n in (1, 2, 3, 4, 5))
AUTHORITIES = (ONE, TWO, THREE)
ROOT = b"\x55" * 32
KEYS = {who: PrivateKey.generate().public for who in (*AUTHORITIES, MEMBER, OTHER)}
SUSPEND, RETURN = act.set_standing(MEMBER, 2), act.set_standing(MEMBER, 1)


class Council:
    """A shadow in which two of three authorities of three zones decide together."""

    def __init__(self, shadow: Shadow, threshold: int = 2) -> None:
        self.shadow, self.now, self.nonce = shadow, NOW, 0
        founders = [(who, zone, KEYS[who].x, KEYS[who].y) for zone, who in enumerate(AUTHORITIES, start=1)]
        shadow.found(founders, threshold, NOW)

    def say(self, who: bytes, *operations: act.Operation) -> list[bytes]:
        """Submits; the topics of the events."""
        self.nonce += 1
        action = act.Action(ROOT, 1, (), operations)
        meta = act.Meta(self.nonce, self.now + 60, 1).encode()
        applied = self.shadow.apply(act.SubmitCall(KEYS[who].key_id, action, meta, bytes(64)), self.now)
        return [event.topics[0] for event in applied.events]

    def decide(self, operation: act.Operation, *by: bytes) -> None:
        for who in by:
            self.say(who, operation)

    def standing(self, who: bytes) -> int:
        return self.shadow.people.members[who].standing_at(self.now)


def admit(who: bytes, roles: int = 1) -> act.Operation:
    return act.admit_member(who, roles, 1, KEYS[who].x, KEYS[who].y, False)


@pytest.fixture
def council() -> Council:
    made = Council(Shadow(bytes(32)))
    made.decide(admit(MEMBER), ONE, TWO)
    return made


def test_chain_with_proposals_offices_and_emergencies_is_sound(explored: World) -> None:
    """Events and every storage slot are those that the shadow expects."""
    source, scratch, findings, own = EngineSource(explored.chain), Scratch(), Findings("audit"), Findings("")
    deployment = explored.small.ledger.deployment
    history, span = History(deployment, findings, scratch), Span(0, source.head)
    for _ in Blocks(source, deployment, None).read(span, own):
        pass
    span.findings, span.unlisted, span.coverage = own.facts()
    history.follow(span)
    history.check_state(source, source.head)
    assert [finding for finding in findings.found if finding.kind != "submission.malformed"] == []
    assert {p.round for p in history.shadow.governance.proposals.values()} == {1}
    assert len(history.shadow.governance.proposals) == 2
    scratch.close()


def test_state_is_the_same_when_proposals_are_kept_in_a_work_file() -> None:
    scratch = Scratch()
    kept, plain = KeptShadow(scratch.db, bytes(32)), Shadow(bytes(32))
    for made, after in ((kept.shadow, kept.flush), (plain, lambda: None)):
        council = Council(made)
        for who, operation in ((ONE, admit(MEMBER)), (TWO, admit(MEMBER)), (ONE, SUSPEND), (ONE, act.set_threshold(3)),
                               (TWO, act.set_threshold(3)), (TWO, act.suspend_now(MEMBER))):  # fmt: skip
            council.say(who, operation)
            after()
    assert sorted(KeptShadow(scratch.db, bytes(32)).shadow.slots()) == sorted(plain.slots())
    scratch.close()


def test_operation_waits_for_able_approvers_when_two_decide(council: Council) -> None:
    council.say(ONE, SUSPEND)
    assert council.standing(MEMBER) == 1
    with pytest.raises(Violation, match="approved this before"):
        council.say(ONE, SUSPEND)
    council.say(THREE, SUSPEND)
    assert council.standing(MEMBER) == 2


def test_approval_is_forgotten_when_its_round_is_over_or_its_author_gone(council: Council) -> None:
    council.say(ONE, SUSPEND)
    council.now += PROPOSAL_WINDOW + 1
    council.say(TWO, SUSPEND)
    assert council.standing(MEMBER) == 1
    council.decide(act.set_standing(TWO, 2), ONE, THREE)
    council.say(ONE, SUSPEND)
    assert council.standing(MEMBER) == 1
    council.say(THREE, SUSPEND)
    assert council.standing(MEMBER) == 2


def test_emergency_lapses_or_is_confirmed(council: Council) -> None:
    council.say(ONE, act.suspend_now(MEMBER))
    assert council.standing(MEMBER) == 2
    council.now += CONFIRM_WINDOW + 1
    assert council.standing(MEMBER) == 1
    with pytest.raises(Violation, match="not confirmed"):
        council.say(TWO, act.suspend_now(MEMBER))
    council.decide(SUSPEND, ONE, TWO)
    council.now += CONFIRM_WINDOW + 1
    assert council.standing(MEMBER) == 2


def test_threshold_one_leaves_each_zone_to_its_authority() -> None:
    council = Council(Shadow(bytes(32)), 1)
    council.say(ONE, admit(MEMBER))
    with pytest.raises(Violation, match="acts alone in zone 1"):
        council.say(TWO, SUSPEND)
    council.say(ONE, act.set_threshold(2))
    assert council.shadow.people.threshold == 1  # a majority of three has to want it
    council.say(TWO, act.set_threshold(2))
    assert council.shadow.people.threshold == 2


def test_zone_keeps_its_last_authority_when_one_decides_alone() -> None:
    with pytest.raises(Violation, match="loses its last authority"):
        Council(Shadow(bytes(32)), 1).say(ONE, act.set_roles(ONE, 1))


REFUSED = {
    "fewer authorities than decide": ([act.set_standing(THREE, 2)], "fewer than 2"),
    "a member that exists": ([admit(MEMBER)], "admitted before"),
    "a threshold of none": ([act.set_threshold(0)], "threshold of 0"),
    "a threshold above all": ([act.set_threshold(3)], "threshold of 3"),
    "the same threshold": ([act.set_threshold(2)], "what it was"),
    "an emergency of an authority": ([act.suspend_now(ONE)], "in office"),
    "an office of somebody else": ([act.accept_office(TWO)], "another member"),
    "an office accepted twice": ([act.accept_office(ONE)], "accepted before"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_shadow_names_the_rule_when_the_contract_should_have_refused(council: Council, name: str) -> None:
    council.decide(act.set_standing(TWO, 3), ONE, THREE)
    operations, said = REFUSED[name]
    if name == "fewer authorities than decide":
        council.say(ONE, *operations)
    who = THREE if name == "fewer authorities than decide" else ONE
    with pytest.raises(Violation, match=said):
        council.say(who, *operations)


def test_new_authority_decides_only_after_it_accepted_its_office(council: Council) -> None:
    council.decide(act.set_roles(MEMBER, 1 << 17), ONE, TWO)
    with pytest.raises(Violation, match="has not accepted"):
        council.say(MEMBER, admit(OTHER))
    council.say(MEMBER, act.accept_office(MEMBER))
    council.decide(admit(OTHER), MEMBER, THREE)
    assert council.standing(OTHER) == 1
    with pytest.raises(Violation, match="no authority"):
        council.say(OTHER, SUSPEND)
