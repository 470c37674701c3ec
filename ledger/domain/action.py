"""What a member signs and what the one door of the ledger executes: the action, its digest and the signed message.

Job: the action digest (struct hash of contracts/src/Submissions.sol), the 23-byte meta, the 87-byte message that SM2
signs, the submission id, a lot's accumulator step, and the calldata of `submit`, both ways and strictly.
It signs nothing, verifies no signature and knows no chain. keccak256 is used for what only the EVM compares; what
people sign is bound through SM3 (e = SM3(Z ‖ message), GM/T 0003.2 6.1).
The verifier imports this module: standard library and ledger.crypto only.
"""

from __future__ import annotations

import struct

from ledger.crypto.keccak import keccak256
from ledger.crypto.sm3 import sm3
from ledger.domain.abi import WORD, Reader, blob, uint, word32
from ledger.domain.operation import Operation
from ledger.errors import Malformed
from ledger.values import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ledger.domain.operations import (
        AcceptOffice,
        AddKey,
        AdmitMember,
        LotQuantity,
        RecordMatch,
        RegisterLot,
        RevokeKey,
        SealDocument,
        SetLotState,
        SetRoles,
        SetStanding,
        SetThreshold,
        SuspendNow,
        TransferLot,
        TypedOperation,
        accept_office,
        add_key,
        admit_member,
        decode_operation,
        encode_operation,
        proposal_id,
        record_match,
        register_lot,
        revoke_key,
        seal_document,
        set_lot_state,
        set_roles,
        set_standing,
        set_threshold,
        suspend_now,
        transfer_lot,
    )
else:

    def __getattr__(name: str) -> Any:
        """The typed operations on first use (PEP 562): the verifier needs none of them and starts without them."""
        if name not in __all__:
            raise AttributeError(name)
        from ledger.domain import operations

        return getattr(operations, name)


__all__ = [
    "ACTION_TYPE",
    "SUBMIT_SELECTOR",
    "AcceptOffice",
    "Action",
    "AddKey",
    "AdmitMember",
    "LotEntry",
    "LotQuantity",
    "Meta",
    "Operation",
    "RecordMatch",
    "RegisterLot",
    "RevokeKey",
    "SealDocument",
    "SetLotState",
    "SetRoles",
    "SetStanding",
    "SetThreshold",
    "SubmitCall",
    "SuspendNow",
    "TransferLot",
    "TypedOperation",
    "accept_office",
    "add_key",
    "admit_member",
    "decode_operation",
    "decode_submit_calldata",
    "domain",
    "encode_operation",
    "encode_submit_calldata",
    "fold",
    "lot_entries",
    "message",
    "proposal_id",
    "record_match",
    "register_lot",
    "revoke_key",
    "seal_document",
    "set_lot_state",
    "set_roles",
    "set_standing",
    "set_threshold",
    "submission_id",
    "suspend_now",
    "transfer_lot",
]

ACTION_TYPE = b"OriginSeal.Action(bytes32 root,uint32 count,LotEntry[] lots,Operation[] operations)"
ACTION_TYPEHASH = keccak256(ACTION_TYPE)
NO_OPERATIONS = keccak256(b"")
DOMAIN_TAG = b"OriginSeal submission v1"
SUBMIT_SIGNATURE = (
    b"submit(bytes32,(bytes32,uint32,(bytes32,bytes32,uint32)[],(uint8,bytes)[]),bytes23,bytes32,bytes32)"
)
SUBMIT_SELECTOR = keccak256(SUBMIT_SIGNATURE)[:4]

_META = struct.Struct(">BQQI2x")
META_LENGTH = _META.size  # 23
META_TYPE = 1
MESSAGE_LENGTH = 32 + 32 + META_LENGTH  # 87: Z ‖ domain fills exactly one SM3 block, the rest the next one and a bit


@dataclass(frozen=True, slots=True)
class LotEntry:
    """How many of a submission's records name one lot, and the SM3 Merkle root over exactly those digests."""

    lot_id: bytes
    root: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Action:
    """What a submission does: one SM3 root over its records, its lots (ascending, unique) and its operations."""

    root: bytes
    count: int
    lots: tuple[LotEntry, ...]
    operations: tuple[Operation, ...]

    @property
    def digest(self) -> bytes:
        """The struct hash that the signed message carries. Raises Malformed when a field is out of range."""
        lots = b"".join(word32(e.lot_id) + word32(e.root) + uint(e.count, 32) for e in self.lots)
        operations = b"".join(keccak256(uint(o.kind, 8) + keccak256(o.data)) for o in self.operations)
        listed = keccak256(operations) if operations else NO_OPERATIONS
        return keccak256(ACTION_TYPEHASH + word32(self.root) + uint(self.count, 32) + keccak256(lots) + listed)

    def check_shape(self) -> None:
        """Raises Malformed when lots are not ascending and unique, or the action has no record."""
        if self.count == 0:
            raise Malformed("the action has no record", field="/action")
        previous = b""
        for i, entry in enumerate(self.lots):
            if entry.lot_id <= previous:
                raise Malformed("lots are not in ascending order", field=f"/action/lots/{i}/lotId")
            if not 0 < entry.count <= self.count:
                raise Malformed("a lot's count is not within 1..count", field=f"/action/lots/{i}/count")
            previous = entry.lot_id


@dataclass(frozen=True, slots=True)
class Meta:
    """The signed envelope facts: nonce (unordered, once per key), expiry (Unix seconds), number of records."""

    nonce: int
    expiry: int
    count: int

    def encode(self) -> bytes:
        """The 23 bytes of the message. Raises Malformed when a number is out of range."""
        try:
            return _META.pack(META_TYPE, self.nonce, self.expiry, self.count)
        except struct.error as error:
            raise Malformed(f"meta out of range: {error}", field="/meta") from error

    @classmethod
    def decode(cls, data: bytes) -> Meta:
        """Raises Malformed for another length, type or non-zero reserved bytes."""
        if len(data) != META_LENGTH:
            raise Malformed(f"meta is {len(data)} bytes, not {META_LENGTH}", field="/meta")
        kind, nonce, expiry, count = _META.unpack(data)
        if kind != META_TYPE or data[-2:] != b"\x00\x00":
            raise Malformed("unknown meta type or reserved bytes set", field="/meta")
        return cls(nonce, expiry, count)


def domain(chain_id: int, address: bytes | str) -> bytes:
    """The 32 bytes that bind a signature to one chain and one Submissions contract (20 bytes or 0x… text)."""
    if isinstance(address, str):
        try:
            address = bytes.fromhex(address.removeprefix("0x"))
        except ValueError as error:
            raise Malformed("not a contract address", field="/address") from error
    if len(address) != 20:
        raise Malformed("a contract address has 20 bytes", field="/address")
    return sm3(DOMAIN_TAG + uint(chain_id) + address)


def message(domain_: bytes, action_digest: bytes, meta: Meta | bytes) -> bytes:
    """The 87 bytes that the member's SM2 key signs."""
    tail = meta if isinstance(meta, bytes) else meta.encode()
    if len(tail) != META_LENGTH:
        raise Malformed(f"meta is {len(tail)} bytes, not {META_LENGTH}", field="/meta")
    return word32(domain_) + word32(action_digest) + tail


def submission_id(key_id: bytes, nonce: int, action_digest: bytes) -> bytes:
    """The id under which the contract remembers (key, nonce); 32 bytes, keccak256."""
    return keccak256(word32(key_id) + uint(nonce, 64) + word32(action_digest))


def fold(head: bytes, root: bytes, count: int, submission_id_: bytes) -> bytes:
    """One step of a lot's accumulator: the head after a submission added `count` records under `root`."""
    return keccak256(word32(head) + word32(root) + uint(count, 32) + word32(submission_id_))


@dataclass(frozen=True, slots=True)
class SubmitCall:
    """The arguments of Submissions.submit; `signature` is r ‖ s."""

    key_id: bytes
    action: Action
    meta: bytes
    signature: bytes


def encode_submit_calldata(key_id: bytes, action: Action, meta: Meta | bytes, r: bytes, s: bytes) -> bytes:
    """The calldata of `submit`: selector and ABI encoding. Raises Malformed when a part is out of range."""
    meta_bytes = meta if isinstance(meta, bytes) else meta.encode()
    if len(meta_bytes) != META_LENGTH:
        raise Malformed(f"meta is {len(meta_bytes)} bytes, not {META_LENGTH}", field="/meta")
    lots = [uint(len(action.lots))]
    lots += [word32(e.lot_id) + word32(e.root) + uint(e.count, 32) for e in action.lots]
    lots_tail = b"".join(lots)
    bodies = [uint(o.kind, 8) + uint(2 * WORD) + blob(o.data) for o in action.operations]
    offsets, position = [], len(bodies) * WORD
    for body in bodies:
        offsets.append(uint(position))
        position += len(body)
    return b"".join(
        (
            SUBMIT_SELECTOR,
            word32(key_id, "/keyId"),
            uint(5 * WORD),
            meta_bytes,
            bytes(WORD - META_LENGTH),  # bytes23 is left-aligned in its word
            word32(r, "/signature"),
            word32(s, "/signature"),
            word32(action.root, "/action/root"),
            uint(action.count, 32, "/action/count"),
            uint(4 * WORD),
            uint(4 * WORD + len(lots_tail)),
            lots_tail,
            uint(len(bodies)),
            *offsets,
            *bodies,
        )
    )


def decode_submit_calldata(data: bytes) -> SubmitCall:
    """The call that encode_submit_calldata would encode to exactly `data`. Raises Malformed for anything else."""
    if data[:4] != SUBMIT_SELECTOR:
        raise Malformed("not a call of submit", field="/calldata")
    reader = Reader(data[4:], "/calldata")
    key_id = reader.word()
    reader.expect(5 * WORD, "offset of the action")
    meta_word, r, s = reader.word(), reader.word(), reader.word()
    if any(meta_word[META_LENGTH:]):
        raise Malformed("meta has more than 23 bytes", field="/calldata/meta")
    root, count = reader.word(), reader.uint(32)
    reader.expect(4 * WORD, "offset of the lots")
    operations_offset = reader.uint()
    lots = tuple(LotEntry(reader.word(), reader.word(), reader.uint(32)) for _ in range(reader.count(3)))
    if operations_offset != 5 * WORD + 3 * WORD * len(lots):
        raise Malformed("not the canonical encoding: offset of the operations", field="/calldata")
    operations = _read_operations(reader)
    reader.finish()
    return SubmitCall(key_id, Action(root, count, lots, operations), meta_word[:META_LENGTH], r + s)


def _read_operations(reader: Reader) -> tuple[Operation, ...]:
    n = reader.count(4)  # each needs at least offset, kind, data offset, data length
    base = reader.offset
    offsets = [reader.uint() for _ in range(n)]
    operations = []
    for offset in offsets:
        # Tails must follow one another: overlapping offsets would let a small calldata expand without bound.
        if base + offset != reader.offset:
            raise Malformed("not the canonical encoding: offset of an operation", field="/calldata")
        kind = reader.uint(8)
        reader.expect(2 * WORD, "offset of an operation's data")
        operations.append(Operation(kind, reader.blob()))
    return tuple(operations)


def lot_entries(records: Iterable[tuple[bytes, Iterable[bytes]]]) -> dict[bytes, list[bytes]]:
    """Group record digests by the lots they name: {lot id: digests in submission order}, lot ids ascending."""
    grouped: dict[bytes, list[bytes]] = {}
    for digest, lots in records:
        for lot in set(lots):
            grouped.setdefault(lot, []).append(digest)
    return dict(sorted(grouped.items()))
