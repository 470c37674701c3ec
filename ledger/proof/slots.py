"""Where the contracts keep what a proof shows: storage slots and packed words, as constants.

The verifier must not need compiler output, so the layout is written down here; a test compares it with the storage
layout in contracts/artifacts. Slot of `mapping(k => v)` at slot p: keccak256(k ‖ p); a struct fills the slots that
follow, each word from its low end. Standard: Solidity, "Layout of State Variables in Storage".
"""

from __future__ import annotations

from ledger.crypto.keccak import keccak256
from ledger.values import dataclass

SUBMISSIONS_USED = 0  # Submissions: mapping(bytes32 keyId => mapping(uint64 nonce => bytes32 submissionId))
MEMBERS_MEMBERS = 0  # Members: mapping(bytes32 memberId => Member)
MEMBERS_KEYS = 1  # Members: mapping(bytes32 keyId => Key)
MEMBERS_COUNTS = 4  # Members: uint32 threshold | uint32 able authorities
MEMBERS_PROPOSALS = 5  # Members: mapping(bytes32 proposalId => Proposal)
LOTS_LOTS = 0  # Lots: mapping(bytes32 lotId => Lot)

MEMBER_WORDS = 2
KEY_WORDS = 5
KEY_MIDSTATE_WORD = 3  # the one word of a key that a proof does not need: it follows from Z and the domain
LOT_WORDS = 5

ACTIVE, SUSPENDED = 1, 2  # of a member's standing (ledger.domain.codes.Standing)
_WORD = 1 << 256


@dataclass(frozen=True, slots=True)
class MemberState:
    """A member as `Members` holds it; `standing` 0 means that there is none."""

    roles: int
    zone: int
    standing: int
    custodial: bool
    since: int
    suspended_until: int  # last second of an emergency suspension that nobody confirmed, otherwise 0
    in_office: bool
    latest_key_id: bytes

    def standing_at(self, time: int) -> int:
        """The standing that counts in a block of this time: an unconfirmed emergency suspension lapses by itself."""
        lapsed = self.standing == SUSPENDED and 0 < self.suspended_until < time
        return ACTIVE if lapsed else self.standing


@dataclass(frozen=True, slots=True)
class KeyState:
    """A key as `Members` holds it, without its midstate; `since` and `revoked_at` in Unix seconds, 0 = not."""

    member_id: bytes
    x: int
    y: int
    since: int
    revoked_at: int
    custodial: bool


@dataclass(frozen=True, slots=True)
class LotStateWords:
    """A lot as `Lots` holds it; quantities in base units, `registered_at` 0 means that there is none."""

    custodian: bytes
    origin_digest: bytes
    quantity: int
    remaining: int
    head: bytes
    total: int
    entries: int
    registered_at: int
    unit: int
    state: int


def mapping_slot(key: bytes, position: int) -> int:
    """The slot of a mapping's value; `key` is the 32-byte word of the key."""
    return int.from_bytes(keccak256(key + position.to_bytes(32, "big")), "big")


def submission_slot(key_id: bytes, nonce: int) -> int:
    """The slot of Submissions.submissionOf(key_id, nonce)."""
    return mapping_slot(nonce.to_bytes(32, "big"), mapping_slot(key_id, SUBMISSIONS_USED))


def member_slots(member_id: bytes) -> tuple[int, ...]:
    """The slots of Members.member(member_id), in order."""
    return _run(mapping_slot(member_id, MEMBERS_MEMBERS), MEMBER_WORDS)


def key_slots(key_id: bytes) -> tuple[int, ...]:
    """The slots of Members.key(key_id), in order, the midstate's among them."""
    return _run(mapping_slot(key_id, MEMBERS_KEYS), KEY_WORDS)


def lot_slots(lot_id: bytes) -> tuple[int, ...]:
    """The slots of Lots.lot(lot_id), in order."""
    return _run(mapping_slot(lot_id, LOTS_LOTS), LOT_WORDS)


def read_member(words: list[int]) -> MemberState:
    """The member in the words at member_slots."""
    packed, latest = words
    return MemberState(
        roles=_part(packed, 0, 32),
        zone=_part(packed, 32, 8),
        standing=_part(packed, 40, 8),
        custodial=bool(_part(packed, 48, 8)),
        since=_part(packed, 56, 64),
        suspended_until=_part(packed, 120, 64),
        in_office=bool(_part(packed, 184, 8)),
        latest_key_id=latest.to_bytes(32, "big"),
    )


def read_key(words: list[int]) -> KeyState:
    """The key in the words at key_slots (the midstate's is not looked at)."""
    return KeyState(
        member_id=words[0].to_bytes(32, "big"),
        x=words[1],
        y=words[2],
        since=_part(words[4], 0, 64),
        revoked_at=_part(words[4], 64, 64),
        custodial=bool(_part(words[4], 128, 8)),
    )


def read_lot(words: list[int]) -> LotStateWords:
    """The lot in the words at lot_slots."""
    return LotStateWords(
        custodian=words[0].to_bytes(32, "big"),
        origin_digest=words[1].to_bytes(32, "big"),
        quantity=_part(words[2], 0, 128),
        remaining=_part(words[2], 128, 128),
        head=words[3].to_bytes(32, "big"),
        total=_part(words[4], 0, 64),
        entries=_part(words[4], 64, 64),
        registered_at=_part(words[4], 128, 64),
        unit=_part(words[4], 192, 8),
        state=_part(words[4], 200, 8),
    )


def _run(first: int, count: int) -> tuple[int, ...]:
    return tuple((first + offset) % _WORD for offset in range(count))


def _part(word: int, offset: int, bits: int) -> int:
    return word >> offset & ((1 << bits) - 1)
