"""The numbers that the contracts, the signed operations and the proofs share; nothing else.

They are wire constants: a number is never reused for another meaning. They mirror the enums of contracts/src, and a
test compares the two.
"""

from __future__ import annotations

from enum import IntEnum


class OperationKind(IntEnum):
    """What one operation of an action does (the `kind` byte)."""

    REGISTER_LOT = 1
    TRANSFER_LOT = 2
    SET_LOT_STATE = 3
    SEAL_DOCUMENT = 16
    RECORD_MATCH = 17
    ADMIT_MEMBER = 32
    SET_STANDING = 33
    SET_ROLES = 34
    ADD_KEY = 35
    REVOKE_KEY = 36
    SET_THRESHOLD = 37
    SUSPEND_NOW = 38
    ACCEPT_OFFICE = 39


class BaseUnit(IntEnum):
    """The unit that a lot's quantity is counted in on chain: whole grams, pieces or millilitres."""

    GRAM = 1
    PIECE = 2
    MILLILITRE = 3


class LotState(IntEnum):
    """Whether a lot may move."""

    ACTIVE = 1
    HELD = 2
    RECALLED = 3


class DocumentKind(IntEnum):
    """Which of a trade's four documents a sealed digest is (CEB303, CEB403, CEB505, CEB603)."""

    ORDER = 1
    RECEIPT = 2
    WAYBILL = 3
    LIST = 4


class Verdict(IntEnum):
    """What matching a trade's documents came to."""

    MATCHED = 1
    MISMATCHED = 2
    INCOMPLETE = 3


class Standing(IntEnum):
    """Whether a member may write; a member that was never admitted has standing 0 on chain."""

    ACTIVE = 1
    SUSPENDED = 2
    RETIRED = 3
