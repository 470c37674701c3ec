"""The rules of contracts/src/Members.sol: who belongs, with which roles and keys, and who may change that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field

from ledger.crypto.sm2 import PublicKey
from ledger.domain import action as act
from ledger.errors import BadKey
from ledger.proof.slots import mapping_slot
from ledger.services.audit.shadow_types import Emitted, Violation, emit, packed, word

ACTIVE, SUSPENDED, RETIRED = 1, 2, 3
AUTHORITY = 1 << 17
ALL_ROLES = (1 << 20) - 1
ZONES = range(1, 8)
_ADMITTED = "MemberAdmitted(bytes32,bytes32,bytes32,uint32,uint8,bool)"
_KEY_ADDED = "KeyAdded(bytes32,bytes32,bytes32,uint256,uint256,bool)"
_KEY_REVOKED = "KeyRevoked(bytes32,bytes32,bytes32)"
_STANDING = "StandingChanged(bytes32,bytes32,bytes32,uint8)"
_ROLES = "RolesChanged(bytes32,bytes32,bytes32,uint32)"


@dataclass(slots=True)
class Member:
    roles: int
    zone: int
    custodial: bool
    since: int
    standing: int = ACTIVE
    latest_key: bytes = bytes(32)
    usable_keys: int = 0

    @property
    def able_authority(self) -> bool:
        return bool(self.roles & AUTHORITY) and self.standing == ACTIVE and self.usable_keys > 0


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


@dataclass(slots=True)
class People:
    members: MutableMapping[bytes, Member] = field(default_factory=dict)
    keys: MutableMapping[bytes, Key] = field(default_factory=dict)
    authorities: MutableMapping[int, int] = field(default_factory=dict)

    def signer(self, key_id: bytes) -> tuple[Author, PublicKey]:
        key = self._key(key_id)
        if key.revoked_at:
            raise Violation(f"its key was revoked at {key.revoked_at}")
        member = self.require_active(key.member_id)
        return Author(key.member_id, key_id, member.roles), key.public

    def require_active(self, member_id: bytes) -> Member:
        member = self._member(member_id)
        if member.standing != ACTIVE:
            raise Violation(f"member sm3:{member_id.hex()} is not active")
        return member

    def require_authority(self, by: bytes, zone: int) -> None:
        authority = self.require_active(by)
        if not authority.roles & AUTHORITY:
            raise Violation("the author is no authority")
        if authority.zone != zone:
            raise Violation(f"an authority of zone {authority.zone} acts in zone {zone}")

    def admit(self, by: bytes, identity: bytes, op: act.AdmitMember, time: int, events: list[Emitted]) -> None:
        if op.member_id == bytes(32):
            raise Violation("a member with id 0")
        if op.member_id in self.members:
            raise Violation("the member was admitted before")
        if op.zone not in ZONES:
            raise Violation(f"there is no zone {op.zone}")
        _require_roles(op.roles)
        self.members[op.member_id] = Member(op.roles, op.zone, op.custodial, time)
        emit(events, "Members", _ADMITTED, (op.member_id, by, identity), (op.roles, op.zone, op.custodial))
        self._add_key(op.member_id, identity, op.x, op.y, op.custodial, time, events)

    def set_standing(self, by: bytes, identity: bytes, op: act.SetStanding, events: list[Emitted]) -> None:
        member = self._governed(by, op.member_id)
        if member.standing == op.standing:
            raise Violation("the standing is what it was")
        before = member.able_authority
        member.standing = op.standing
        self._recount(member, before)
        emit(events, "Members", _STANDING, (op.member_id, by, identity), (op.standing,))

    def set_roles(self, by: bytes, identity: bytes, op: act.SetRoles, events: list[Emitted]) -> None:
        member = self._governed(by, op.member_id)
        _require_roles(op.roles)
        if member.roles == op.roles:
            raise Violation("the roles are what they were")
        before = member.able_authority
        member.roles = op.roles
        self._recount(member, before)
        emit(events, "Members", _ROLES, (op.member_id, by, identity), (op.roles,))

    def add_key_op(self, by: bytes, identity: bytes, op: act.AddKey, time: int, events: list[Emitted]) -> None:
        self._governed(by, op.member_id).custodial = op.custodial
        self._add_key(op.member_id, identity, op.x, op.y, op.custodial, time, events)

    def revoke(self, by: bytes, identity: bytes, op: act.RevokeKey, time: int, events: list[Emitted]) -> None:
        key = self._key(op.key_id)
        member = self._governed(by, key.member_id)
        if key.revoked_at:
            raise Violation("the key was revoked before")
        before = member.able_authority
        key.revoked_at = time
        member.usable_keys -= 1
        self._recount(member, before)
        emit(events, "Members", _KEY_REVOKED, (op.key_id, key.member_id, identity), ())

    def _add_key(
        self, member_id: bytes, identity: bytes, x: int, y: int, custodial: bool, time: int, events: list[Emitted]
    ) -> None:
        try:
            public = PublicKey(x, y)
        except BadKey as error:
            raise Violation("a key that is not on the curve") from error
        if public.key_id in self.keys:
            raise Violation("the key is taken")
        member = self.members[member_id]
        before = member.able_authority
        self.keys[public.key_id] = Key(member_id, public, time, custodial)
        member.latest_key = public.key_id
        member.usable_keys += 1
        self._recount(member, before)
        emit(events, "Members", _KEY_ADDED, (public.key_id, member_id, identity), (x, y, custodial))

    def _recount(self, member: Member, before: bool) -> None:
        after = member.able_authority
        if before == after:
            return
        if not after and self.authorities.get(member.zone, 0) == 1:
            raise Violation(f"zone {member.zone} loses its last authority")
        self.authorities[member.zone] = self.authorities.get(member.zone, 0) + (1 if after else -1)

    def _governed(self, by: bytes, member_id: bytes) -> Member:
        member = self._member(member_id)
        self.require_authority(by, member.zone)
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
        """Every slot of Members that is not zero."""
        for member_id, m in self.members.items():
            name, slot = f"member sm3:{member_id.hex()}", mapping_slot(member_id, 0)
            head = packed((m.roles, 32), (m.zone, 8), (m.standing, 8), (m.custodial, 8), (m.since, 64))
            yield "Members", slot, head, f"{name}: roles, zone, standing, custodial, since"
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


def _require_roles(roles: int) -> None:
    if not roles or roles & ~ALL_ROLES:
        raise Violation(f"roles {roles:#x} are not defined")
