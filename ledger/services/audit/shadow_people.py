"""The rules of contracts/src/MemberRegistry.sol: who belongs, with which roles and keys, and what each change demands.

Whether enough authorities want a change is asked in shadow_governance. As in the contract, every change first checks
and then stops unless `execute`: a proposal that cannot be carried out must be refused with its first approval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field

from ledger.crypto.sm2 import PublicKey
from ledger.domain import action as act
from ledger.errors import BadKey
from ledger.proof.slots import MEMBERS_COUNTS, mapping_slot
from ledger.services.audit.shadow_types import Emitted, Violation, emit, packed, word

ACTIVE, SUSPENDED, RETIRED = 1, 2, 3
AUTHORITY = 1 << 17
ALL_ROLES = (1 << 20) - 1
ZONES = range(1, 8)
THRESHOLD, ABLE = 0, 1  # keys of People.counts
_ADMITTED = "MemberAdmitted(bytes32,bytes32,bytes32,uint32,uint8,bool)"
_KEY_ADDED = "KeyAdded(bytes32,bytes32,bytes32,uint256,uint256,bool)"
_KEY_REVOKED = "KeyRevoked(bytes32,bytes32,bytes32)"
_STANDING = "StandingChanged(bytes32,bytes32,bytes32,uint8)"
_ROLES = "RolesChanged(bytes32,bytes32,bytes32,uint32)"
_OFFICE = "OfficeAccepted(bytes32,bytes32)"
_EMERGENCY = "EmergencySuspension(bytes32,bytes32,bytes32,uint64)"


@dataclass(slots=True)
class Member:
    roles: int
    zone: int
    custodial: bool
    since: int
    standing: int = ACTIVE
    latest_key: bytes = bytes(32)
    usable_keys: int = 0
    suspended_until: int = 0
    in_office: bool = False

    def standing_at(self, time: int) -> int:
        """An emergency suspension that nobody confirmed is over by itself."""
        return ACTIVE if self.standing == SUSPENDED and 0 < self.suspended_until < time else self.standing

    def able(self, time: int) -> bool:
        """Whether it may decide as an authority."""
        return self.in_office and self.standing_at(time) == ACTIVE and self.usable_keys > 0


@dataclass(slots=True)
class Key:
    member_id: bytes
    public: PublicKey
    since: int
    custodial: bool
    revoked_at: int = 0


@dataclass(frozen=True, slots=True)
class Author:
    """Who signed, as Members knew them at that moment."""

    member_id: bytes
    key_id: bytes
    roles: int


@dataclass(frozen=True, slots=True)
class Deed:
    """One governance operation on its way: by whom, in which submission, when; carried out, or only checked."""

    by: bytes
    identity: bytes
    time: int
    events: list[Emitted]
    execute: bool = True


@dataclass(slots=True)
class People:
    members: MutableMapping[bytes, Member] = field(default_factory=dict)
    keys: MutableMapping[bytes, Key] = field(default_factory=dict)
    authorities: MutableMapping[int, int] = field(default_factory=dict)
    counts: MutableMapping[int, int] = field(default_factory=dict)

    @property
    def threshold(self) -> int:
        """How many authorities decide together; 0 during construction."""
        return self.counts.get(THRESHOLD, 0)

    @property
    def able(self) -> int:
        """How many authorities are able, in all zones."""
        return self.counts.get(ABLE, 0)

    def signer(self, key_id: bytes, time: int) -> tuple[Author, PublicKey]:
        key = self._key(key_id)
        if key.revoked_at:
            raise Violation(f"its key was revoked at {key.revoked_at}")
        member = self.require_active(key.member_id, time)
        return Author(key.member_id, key_id, member.roles), key.public

    def require_active(self, member_id: bytes, time: int) -> Member:
        member = self._member(member_id)
        if member.standing_at(time) != ACTIVE:
            raise Violation(f"member sm3:{member_id.hex()} is not active")
        return member

    def require_able(self, by: bytes, time: int) -> None:
        authority = self.require_active(by, time)
        if not authority.roles & AUTHORITY:
            raise Violation("the author is no authority")
        if not authority.in_office:
            raise Violation("the authority has not accepted its office")
        if not authority.usable_keys:
            raise Violation("the authority has no usable key left")

    def is_able(self, member_id: bytes, time: int) -> bool:
        return member_id in self.members and self.members[member_id].able(time)

    def require_zone(self, by: bytes, zone: int) -> None:
        own = self.members[by].zone
        if self.threshold == 1 and own != zone:
            raise Violation(f"an authority of zone {own} acts alone in zone {zone}")

    # --------------------------------------------------------------------------------------------- the changes

    def found(self, op: act.AdmitMember, deed: Deed) -> None:
        """Admit an authority of the genesis, which is in office from the start."""
        self._admit(op, deed, in_office=True)

    def admit(self, op: act.AdmitMember, deed: Deed) -> None:
        self.require_zone(deed.by, op.zone)
        self._admit(op, deed, in_office=False)

    def _admit(self, op: act.AdmitMember, deed: Deed, *, in_office: bool) -> None:
        if op.member_id == bytes(32):
            raise Violation("a member with id 0")
        if op.member_id in self.members:
            raise Violation("the member was admitted before")
        if op.zone not in ZONES:
            raise Violation(f"there is no zone {op.zone}")
        _require_roles(op.roles)
        public = self._new_key(op.x, op.y)
        if not deed.execute:
            return
        member = Member(op.roles, op.zone, op.custodial, deed.time, in_office=in_office)
        self.members[op.member_id] = member
        indexed = (op.member_id, deed.by, deed.identity)
        emit(deed.events, "Members", _ADMITTED, indexed, (op.roles, op.zone, op.custodial))
        self._add_key(op.member_id, public, op.custodial, deed)

    def set_standing(self, op: act.SetStanding, deed: Deed) -> None:
        member = self._governed(deed.by, op.member_id)
        if member.standing == op.standing and not member.suspended_until:
            raise Violation("the standing is what it was")
        if not deed.execute:
            return
        before = member.able(deed.time)
        member.standing, member.suspended_until = op.standing, 0
        self._recount(member, before, deed.time)
        emit(deed.events, "Members", _STANDING, (op.member_id, deed.by, deed.identity), (op.standing,))

    def set_roles(self, op: act.SetRoles, deed: Deed) -> None:
        member = self._governed(deed.by, op.member_id)
        _require_roles(op.roles)
        if member.roles == op.roles:
            raise Violation("the roles are what they were")
        if not deed.execute:
            return
        before = member.able(deed.time)
        member.roles = op.roles
        member.in_office = member.in_office and bool(op.roles & AUTHORITY)
        self._recount(member, before, deed.time)
        emit(deed.events, "Members", _ROLES, (op.member_id, deed.by, deed.identity), (op.roles,))

    def give_key(self, op: act.AddKey, deed: Deed) -> None:
        member = self._governed(deed.by, op.member_id)
        public = self._new_key(op.x, op.y)
        if not deed.execute:
            return
        member.custodial = op.custodial
        self._add_key(op.member_id, public, op.custodial, deed)

    def revoke(self, op: act.RevokeKey, deed: Deed) -> None:
        key = self._key(op.key_id)
        member = self._governed(deed.by, key.member_id)
        if key.revoked_at:
            raise Violation("the key was revoked before")
        if not deed.execute:
            return
        before = member.able(deed.time)
        key.revoked_at = deed.time
        member.usable_keys -= 1
        self._recount(member, before, deed.time)
        emit(deed.events, "Members", _KEY_REVOKED, (op.key_id, key.member_id, deed.identity), ())

    def accept_office(self, op: act.AcceptOffice, deed: Deed) -> None:
        if op.member_id != deed.by:
            raise Violation("somebody accepts another member's office")
        member = self.require_active(deed.by, deed.time)
        if not member.roles & AUTHORITY:
            raise Violation("a member that is no authority accepts an office")
        if member.in_office:
            raise Violation("the office was accepted before")
        member.in_office = True
        self._recount(member, False, deed.time)
        emit(deed.events, "Members", _OFFICE, (deed.by, deed.identity), ())

    def suspend_now(self, op: act.SuspendNow, window: int, deed: Deed) -> None:
        member = self._governed(deed.by, op.member_id)
        if member.in_office:
            raise Violation("an emergency suspension of a member in office")
        self.require_active(op.member_id, deed.time)
        if member.suspended_until:
            raise Violation("the last emergency suspension of this member was not confirmed")
        member.standing, member.suspended_until = SUSPENDED, deed.time + window
        indexed = (op.member_id, deed.by, deed.identity)
        emit(deed.events, "Members", _EMERGENCY, indexed, (member.suspended_until,))
        emit(deed.events, "Members", _STANDING, indexed, (SUSPENDED,))

    def _new_key(self, x: int, y: int) -> PublicKey:
        try:
            public = PublicKey(x, y)
        except BadKey as error:
            raise Violation("a key that is not on the curve") from error
        if public.key_id in self.keys:
            raise Violation("the key is taken")
        return public

    def _add_key(self, member_id: bytes, public: PublicKey, custodial: bool, deed: Deed) -> None:
        member = self.members[member_id]
        before = member.able(deed.time)
        self.keys[public.key_id] = Key(member_id, public, deed.time, custodial)
        member.latest_key = public.key_id
        member.usable_keys += 1
        self._recount(member, before, deed.time)
        indexed = (public.key_id, member_id, deed.identity)
        emit(deed.events, "Members", _KEY_ADDED, indexed, (public.x, public.y, custodial))

    def _recount(self, member: Member, before: bool, time: int) -> None:
        after = member.able(time)
        if before == after:
            return
        of_zone = self.authorities.get(member.zone, 0)
        if not after and self.threshold == 1 and of_zone == 1:
            raise Violation(f"zone {member.zone} loses its last authority")
        if not after and self.threshold > 1 and self.able == self.threshold:
            raise Violation(f"fewer than {self.threshold} authorities are left")
        step = 1 if after else -1
        self.authorities[member.zone] = of_zone + step
        self.counts[ABLE] = self.able + step

    # ----------------------------------------------------------------------------------------------- the state

    def _governed(self, by: bytes, member_id: bytes) -> Member:
        member = self._member(member_id)
        self.require_zone(by, member.zone)
        if member.standing == RETIRED:
            raise Violation("the member is retired")
        return member

    def _member(self, member_id: bytes) -> Member:
        if member_id not in self.members:
            raise Violation(f"there is no member sm3:{member_id.hex()}")
        return self.members[member_id]

    def _key(self, key_id: bytes) -> Key:
        if key_id not in self.keys:
            raise Violation(f"there is no key sm3:{key_id.hex()}")
        return self.keys[key_id]

    def slots(self, midstate_of: Callable[[bytes], bytes]) -> Iterator[tuple[str, int, int, str]]:
        """Every slot of Members that is not zero, but for the proposals'."""
        for member_id, m in self.members.items():
            name, slot = f"member sm3:{member_id.hex()}", mapping_slot(member_id, 0)
            head = packed((m.roles, 32), (m.zone, 8), (m.standing, 8), (m.custodial, 8), (m.since, 64),
                          (m.suspended_until, 64), (m.in_office, 8))  # fmt: skip
            what = "roles, zone, standing, custodial, since, suspendedUntil, inOffice"
            yield "Members", slot, head, f"{name}: {what}"
            yield "Members", slot + 1, word(m.latest_key), f"{name}: latestKeyId"
            if m.usable_keys:
                yield "Members", mapping_slot(member_id, 2), m.usable_keys, f"{name}: usable keys"
        for key_id, k in self.keys.items():
            name, slot = f"key sm3:{key_id.hex()}", mapping_slot(key_id, 1)
            tail = packed((k.since, 64), (k.revoked_at, 64), (k.custodial, 8))
            values = (word(k.member_id), k.public.x, k.public.y, word(midstate_of(key_id)), tail)
            labels = ("memberId", "x", "y", "midstate", "since, revokedAt, custodial")
            for at, (value, label) in enumerate(zip(values, labels, strict=True)):
                if value:
                    yield "Members", slot + at, value, f"{name}: {label}"
        for zone, count in self.authorities.items():
            if count:
                yield "Members", mapping_slot(zone.to_bytes(32, "big"), 3), count, f"authorities of zone {zone}"
        counts = packed((self.threshold, 32), (self.able, 32))
        if counts:
            yield "Members", MEMBERS_COUNTS, counts, "threshold, able authorities"


def _require_roles(roles: int) -> None:
    if not roles or roles & ~ALL_ROLES:
        raise Violation(f"roles {roles:#x} are not defined")
