"""The rules of contracts/src/Governance.sol: how many authorities it takes, and what they have approved so far."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field, replace

from ledger.crypto.keccak import keccak256
from ledger.domain import action as act
from ledger.proof.slots import MEMBERS_PROPOSALS, mapping_slot
from ledger.services.audit.shadow_people import THRESHOLD, Deed, People
from ledger.services.audit.shadow_types import Emitted, Violation, emit, packed, word

PROPOSAL_WINDOW = 14 * 24 * 3600
CONFIRM_WINDOW = 3 * 24 * 3600
_OPENED = "ProposalOpened(bytes32,bytes32,bytes32,uint8,bytes,uint64,uint32)"
_APPROVED = "ProposalApproved(bytes32,bytes32,bytes32,uint32,uint32)"
_EXECUTED = "ProposalExecuted(bytes32,bytes32,uint32)"
_THRESHOLD_CHANGED = "ThresholdChanged(bytes32,bytes32,uint32)"
_WORD = 1 << 256


@dataclass(slots=True)
class Proposal:
    """One operation's approvals; `deadline` 0 means that no round is open."""

    deadline: int = 0
    round: int = 0
    approvers: tuple[bytes, ...] = ()


@dataclass(slots=True)
class Governance:
    people: People
    proposals: MutableMapping[bytes, Proposal] = field(default_factory=dict)

    def found(self, authorities: list[tuple[bytes, int, int, int]], threshold: int, time: int) -> list[Emitted]:
        """The constructor of Members."""
        events: list[Emitted] = []
        deed = Deed(bytes(32), bytes(32), time, events)
        for member_id, zone, x, y in authorities:
            self.people.found(act.AdmitMember(member_id, 1 << 17, zone, x, y, False), deed)
        self._set_threshold(act.SetThreshold(threshold), deed)
        return events

    def govern(self, by: bytes, identity: bytes, op: act.TypedOperation, time: int, events: list[Emitted]) -> None:
        """What one authority's word for an operation brings about, now or later."""
        deed = Deed(by, identity, time, events)
        if isinstance(op, act.AcceptOffice):
            self.people.accept_office(op, deed)
            return
        self.people.require_able(by, time)
        if isinstance(op, act.SuspendNow):
            self.people.suspend_now(op, CONFIRM_WINDOW, deed)
            return
        needed = self.people.threshold
        if isinstance(op, act.SetThreshold):
            needed = max(needed, self.people.able // 2 + 1)
        self._carry_out(op, replace(deed, execute=self._approve(op, needed, deed)))

    def _approve(self, op: act.TypedOperation, needed: int, deed: Deed) -> bool:
        encoded = act.encode_operation(op)
        identity = act.proposal_id(encoded)
        known = self.proposals.get(identity, Proposal())
        is_open = known.deadline >= deed.time
        if needed == 1:
            if is_open:
                self._close(identity, known, deed)
            return True
        if not is_open:
            known = Proposal(deed.time + PROPOSAL_WINDOW, known.round + 1)
            tail = (len(encoded.data), encoded.data + bytes(-len(encoded.data) % 32))
            said = (encoded.kind, 4 * 32, known.deadline, known.round, *tail)
            emit(deed.events, "Members", _OPENED, (identity, deed.by, deed.identity), said)
        again = deed.by in known.approvers
        approvals = sum(self.people.is_able(approver, deed.time) for approver in known.approvers)
        if again and approvals < needed:
            raise Violation("the authority has approved this before")
        if not again:
            known = replace(known, approvers=(*known.approvers, deed.by))
            approvals += 1
            indexed = (identity, deed.by, deed.identity)
            emit(deed.events, "Members", _APPROVED, indexed, (approvals, needed))
        self.proposals[identity] = known
        if approvals < needed:
            return False
        self._close(identity, known, deed)
        return True

    def _close(self, identity: bytes, known: Proposal, deed: Deed) -> None:
        self.proposals[identity] = Proposal(0, known.round)
        emit(deed.events, "Members", _EXECUTED, (identity, deed.identity), (known.round,))

    def _carry_out(self, op: act.TypedOperation, deed: Deed) -> None:
        people = self.people
        if isinstance(op, act.AdmitMember):
            people.admit(op, deed)
        elif isinstance(op, act.SetStanding):
            people.set_standing(op, deed)
        elif isinstance(op, act.SetRoles):
            people.set_roles(op, deed)
        elif isinstance(op, act.AddKey):
            people.give_key(op, deed)
        elif isinstance(op, act.RevokeKey):
            people.revoke(op, deed)
        elif isinstance(op, act.SetThreshold):
            self._set_threshold(op, deed)
        else:
            raise Violation("an operation that no contract knows")

    def _set_threshold(self, op: act.SetThreshold, deed: Deed) -> None:
        people = self.people
        if not 1 <= op.threshold <= people.able:
            raise Violation(f"a threshold of {op.threshold} with {people.able} able authorities")
        if op.threshold == people.threshold:
            raise Violation("the threshold is what it was")
        if not deed.execute:
            return
        people.counts[THRESHOLD] = op.threshold
        emit(deed.events, "Members", _THRESHOLD_CHANGED, (deed.by, deed.identity), (op.threshold,))

    def slots(self) -> Iterator[tuple[str, int, int, str]]:
        """Every slot of the proposals that is not zero."""
        for identity, p in self.proposals.items():
            name, slot = f"proposal keccak256:{identity.hex()}", mapping_slot(identity, MEMBERS_PROPOSALS)
            yield "Members", slot, packed((p.deadline, 64), (p.round, 32)), f"{name}: deadline, round"
            if not p.approvers:
                continue
            length = (slot + 1) % _WORD
            yield "Members", length, len(p.approvers), f"{name}: number of approvers"
            first = int.from_bytes(keccak256(length.to_bytes(32, "big")), "big")
            for at, approver in enumerate(p.approvers):
                yield "Members", (first + at) % _WORD, word(approver), f"{name}: approver {at}"
