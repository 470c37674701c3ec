"""The contracts' rules once more, in plain Python: what state and which events must a history of submissions cause?

Restates contracts/src/{Submissions,Members,Governance,MemberRegistry,Lots,Trades}.sol without sharing anything with
them. `Shadow.apply` takes one accepted submission after the other and raises Violation where the contract should have
refused it; `Shadow.slots` then gives every storage slot that the contracts must hold, so that nothing else can be in
them. Signatures are not checked here (ledger.services.audit.history does). Storage layout: docs/contracts.md.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field

from ledger.crypto.sm2 import PublicKey
from ledger.domain import action as act
from ledger.errors import OriginSealError
from ledger.proof.slots import mapping_slot
from ledger.services.audit.midstate import midstate
from ledger.services.audit.shadow_goods import Goods
from ledger.services.audit.shadow_governance import Governance
from ledger.services.audit.shadow_people import Author, People
from ledger.services.audit.shadow_types import Emitted, Violation, emit, word

MAX_WINDOW = 31 * 24 * 3600
MAX_LOTS, MAX_OPERATIONS = 256, 128
_ACCEPTED = "Accepted(bytes32,bytes32,bytes32,bytes32,uint32,uint64,bytes32)"

Slot = tuple[str, int, int, str]  # contract, slot, value, what it is


@dataclass(frozen=True, slots=True)
class Applied:
    """What one submission did: whose it was, under which key, and the events in order."""

    submission_id: bytes
    member_id: bytes
    key: PublicKey
    events: tuple[Emitted, ...]


@dataclass(slots=True)
class Shadow:
    """The state of all contracts, from the genesis authorities on."""

    domain: bytes
    governance: Governance = field(default_factory=lambda: Governance(People()))
    goods: Goods = field(default_factory=Goods)
    used: MutableMapping[tuple[bytes, int], bytes] = field(default_factory=dict)

    @property
    def people(self) -> People:
        """The members and their keys."""
        return self.governance.people

    def found(self, authorities: list[tuple[bytes, int, int, int]], threshold: int, time: int) -> list[Emitted]:
        """The constructor of Members: (member id, zone, x, y) of each genesis authority, and how many decide."""
        return self.governance.found(authorities, threshold, time)

    def apply(self, call: act.SubmitCall, time: int, digest: bytes | None = None) -> Applied:
        """Carry out an accepted submission in a block of this time. Raises Violation; the state is then partly new.

        `digest` is the action's, where the caller has computed it already.
        """
        nonce = self._check_meta(call, time)
        self._check_shape(call.action)
        author, key = self.people.signer(call.key_id, time)
        digest = call.action.digest if digest is None else digest
        identity = act.submission_id(call.key_id, nonce, digest)
        self.used[call.key_id, nonce] = identity
        events: list[Emitted] = []
        data: list[bytes | int] = [call.action.root, call.action.count, nonce, digest]
        emit(events, "Submissions", _ACCEPTED, (identity, author.member_id, call.key_id), data)
        self._carry_out(author, identity, call.action, time, events)
        return Applied(identity, author.member_id, key, tuple(events))

    def _check_meta(self, call: act.SubmitCall, time: int) -> int:
        try:
            meta = act.Meta.decode(call.meta)
        except OriginSealError as error:
            raise Violation(f"meta: {error.message}") from error
        if meta.count != call.action.count:
            raise Violation("meta and action count different numbers of records")
        if meta.expiry < time:
            raise Violation(f"expired at {meta.expiry}, sealed at {time}")
        if meta.expiry > time + MAX_WINDOW:
            raise Violation("its expiry lies too far ahead")
        if (call.key_id, meta.nonce) in self.used:
            raise Violation(f"the key has used nonce {meta.nonce} before")
        return meta.nonce

    @staticmethod
    def _check_shape(action: act.Action) -> None:
        if not action.count or action.root == bytes(32):
            raise Violation("the action has no record")
        if len(action.operations) > MAX_OPERATIONS or len(action.lots) > MAX_LOTS:
            raise Violation("the action is too large")
        before = bytes(32)
        for entry in action.lots:
            if entry.lot_id <= before:
                raise Violation("lots are not in ascending order")
            if entry.root == bytes(32) or not 0 < entry.count <= action.count:
                raise Violation("a lot's entry has no root or a wrong count")
            before = entry.lot_id

    def _carry_out(self, author: Author, identity: bytes, action: act.Action, time: int, events: list[Emitted]) -> None:
        listed = {entry.lot_id for entry in action.lots}
        typed = []
        for operation in action.operations:
            try:
                typed.append(act.decode_operation(operation))
            except OriginSealError as error:
                raise Violation(f"operation of kind {operation.kind}: {error.message}") from error
        for op in typed:
            if isinstance(op, act.RegisterLot):
                self.goods.register(author, identity, op, op.lot_id in listed, time, events)
        self.goods.extend(author, identity, action.lots, events)
        for op in typed:
            if not isinstance(op, act.RegisterLot):
                self._route(author, identity, op, time, events)

    def _route(self, author: Author, identity: bytes, op: act.TypedOperation, time: int, events: list[Emitted]) -> None:
        people, goods = self.people, self.goods
        if isinstance(op, act.SealDocument):
            goods.seal(author, identity, op, time, events)
        elif isinstance(op, act.RecordMatch):
            goods.record_match(author, identity, op, time, events)
            goods.export(op, events)
        elif isinstance(op, act.TransferLot):
            people.require_active(op.to_member_id, time)
            goods.transfer(author, identity, op, events)
        elif isinstance(op, act.SetLotState):
            goods.set_state(author, identity, op, events)
        else:
            self.governance.govern(author.member_id, identity, op, time, events)

    def slots(self) -> Iterator[Slot]:
        """Every non-zero storage slot of Submissions, Members, Lots and Trades, with what it holds."""
        for (key_id, nonce), identity in self.used.items():
            slot = mapping_slot(nonce.to_bytes(32, "big"), mapping_slot(key_id, 0))
            yield "Submissions", slot, word(identity), f"submissionOf(sm3:{key_id.hex()}, {nonce})"
        yield from self.people.slots(lambda key_id: midstate(key_id + self.domain))
        yield from self.governance.slots()
        yield from self.goods.slots()
