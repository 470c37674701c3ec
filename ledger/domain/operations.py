"""The operations that an action may carry, as typed values and as the bytes that the contracts read.

Job: one frozen class per operation kind, a builder per kind, and the strict way back. It does not judge whether an
operation is allowed: the contracts do. Field order and types are those of the contracts' abi.decode calls.
Lot quantities are whole base units (grams, pieces, millilitres).
"""

from __future__ import annotations

from ledger.crypto.keccak import keccak256
from ledger.domain.abi import decode_fields, encode_fields
from ledger.domain.codes import BaseUnit, DocumentKind, LotState, OperationKind, Standing, Verdict
from ledger.domain.operation import Operation
from ledger.errors import Malformed
from ledger.values import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import ClassVar, TypeAlias

LotQuantity: TypeAlias = tuple[bytes, int]  # (lot id, base units)
Documents: TypeAlias = tuple[bytes, bytes, bytes, bytes]  # order, receipt, waybill, list; 32 zero bytes = absent
NO_DOCUMENT = bytes(32)


@dataclass(frozen=True, slots=True)
class RegisterLot:
    KIND: ClassVar[OperationKind] = OperationKind.REGISTER_LOT
    FIELDS: ClassVar = (
        ("lot_id", "bytes32"),
        ("origin_digest", "bytes32"),
        ("quantity", "uint128"),
        ("unit", "uint8"),
        ("parents", "lots"),
    )
    lot_id: bytes
    origin_digest: bytes
    quantity: int
    unit: int
    parents: tuple[LotQuantity, ...] = ()


@dataclass(frozen=True, slots=True)
class TransferLot:
    KIND: ClassVar[OperationKind] = OperationKind.TRANSFER_LOT
    FIELDS: ClassVar = (("lot_id", "bytes32"), ("to_member_id", "bytes32"))
    lot_id: bytes
    to_member_id: bytes


@dataclass(frozen=True, slots=True)
class SetLotState:
    KIND: ClassVar[OperationKind] = OperationKind.SET_LOT_STATE
    FIELDS: ClassVar = (("lot_id", "bytes32"), ("state", "uint8"))
    lot_id: bytes
    state: int


@dataclass(frozen=True, slots=True)
class SealDocument:
    KIND: ClassVar[OperationKind] = OperationKind.SEAL_DOCUMENT
    FIELDS: ClassVar = (("document_kind", "uint8"), ("record_digest", "bytes32"))
    document_kind: int
    record_digest: bytes


@dataclass(frozen=True, slots=True)
class RecordMatch:
    KIND: ClassVar[OperationKind] = OperationKind.RECORD_MATCH
    FIELDS: ClassVar = (
        ("trade_id", "bytes32"),
        ("documents", "bytes32[4]"),
        ("verdict", "uint8"),
        ("policy_version", "uint32"),
        ("result_digest", "bytes32"),
        ("lines", "lots"),
    )
    trade_id: bytes
    documents: Documents
    verdict: int
    policy_version: int
    result_digest: bytes
    lines: tuple[LotQuantity, ...] = ()


@dataclass(frozen=True, slots=True)
class AdmitMember:
    KIND: ClassVar[OperationKind] = OperationKind.ADMIT_MEMBER
    FIELDS: ClassVar = (
        ("member_id", "bytes32"),
        ("roles", "uint32"),
        ("zone", "uint8"),
        ("x", "uint256"),
        ("y", "uint256"),
        ("custodial", "bool"),
    )
    member_id: bytes
    roles: int
    zone: int
    x: int
    y: int
    custodial: bool


@dataclass(frozen=True, slots=True)
class SetStanding:
    KIND: ClassVar[OperationKind] = OperationKind.SET_STANDING
    FIELDS: ClassVar = (("member_id", "bytes32"), ("standing", "uint8"))
    member_id: bytes
    standing: int


@dataclass(frozen=True, slots=True)
class SetRoles:
    KIND: ClassVar[OperationKind] = OperationKind.SET_ROLES
    FIELDS: ClassVar = (("member_id", "bytes32"), ("roles", "uint32"))
    member_id: bytes
    roles: int


@dataclass(frozen=True, slots=True)
class AddKey:
    KIND: ClassVar[OperationKind] = OperationKind.ADD_KEY
    FIELDS: ClassVar = (("member_id", "bytes32"), ("x", "uint256"), ("y", "uint256"), ("custodial", "bool"))
    member_id: bytes
    x: int
    y: int
    custodial: bool


@dataclass(frozen=True, slots=True)
class RevokeKey:
    KIND: ClassVar[OperationKind] = OperationKind.REVOKE_KEY
    FIELDS: ClassVar = (("key_id", "bytes32"),)
    key_id: bytes


@dataclass(frozen=True, slots=True)
class SetThreshold:
    KIND: ClassVar[OperationKind] = OperationKind.SET_THRESHOLD
    FIELDS: ClassVar = (("threshold", "uint32"),)
    threshold: int


@dataclass(frozen=True, slots=True)
class SuspendNow:
    KIND: ClassVar[OperationKind] = OperationKind.SUSPEND_NOW
    FIELDS: ClassVar = (("member_id", "bytes32"),)
    member_id: bytes


@dataclass(frozen=True, slots=True)
class AcceptOffice:
    KIND: ClassVar[OperationKind] = OperationKind.ACCEPT_OFFICE
    FIELDS: ClassVar = (("member_id", "bytes32"),)
    member_id: bytes


TypedOperation: TypeAlias = (
    RegisterLot
    | TransferLot
    | SetLotState
    | SealDocument
    | RecordMatch
    | AdmitMember
    | SetStanding
    | SetRoles
    | AddKey
    | RevokeKey
    | SetThreshold
    | SuspendNow
    | AcceptOffice
)
_CLASSES: tuple[type[TypedOperation], ...] = (
    RegisterLot,
    TransferLot,
    SetLotState,
    SealDocument,
    RecordMatch,
    AdmitMember,
    SetStanding,
    SetRoles,
    AddKey,
    RevokeKey,
    SetThreshold,
    SuspendNow,
    AcceptOffice,
)
OPERATION_CLASSES: dict[int, type[TypedOperation]] = {int(cls.KIND): cls for cls in _CLASSES}

# Fields whose number must be one of an enumeration; checked both ways so that nonsense is refused before it is signed.
_ENUMERATED: dict[str, type[BaseUnit] | type[LotState] | type[DocumentKind] | type[Verdict] | type[Standing]] = {
    "unit": BaseUnit,
    "state": LotState,
    "document_kind": DocumentKind,
    "verdict": Verdict,
    "standing": Standing,
}


def encode_operation(typed: TypedOperation) -> Operation:
    """The operation as signed and executed. Raises Malformed when a field is out of its type's range."""
    values = [getattr(typed, name) for name, _ in typed.FIELDS]
    _check_enumerations(typed)
    return Operation(int(typed.KIND), encode_fields(typed.FIELDS, values))


def decode_operation(operation: Operation) -> TypedOperation:
    """The typed operation. Raises Malformed for an unknown kind or any but the canonical encoding."""
    cls = OPERATION_CLASSES.get(operation.kind)
    if cls is None:
        raise Malformed(f"unknown operation kind {operation.kind}", field="/kind")
    typed = cls(*decode_fields(cls.FIELDS, operation.data))
    _check_enumerations(typed)
    return typed


def _check_enumerations(typed: TypedOperation) -> None:
    for name, _ in typed.FIELDS:
        allowed = _ENUMERATED.get(name)
        if allowed is not None and getattr(typed, name) not in allowed._value2member_map_:
            raise Malformed(f"{name} {getattr(typed, name)!r:.40} is not defined", field=f"/{name}")


def register_lot(
    lot_id: bytes, origin_digest: bytes, quantity: int, unit: int, parents: Iterable[LotQuantity] = ()
) -> Operation:
    """Create a lot of `quantity` base units; `parents` = how much of which lots went into it."""
    return encode_operation(RegisterLot(lot_id, origin_digest, quantity, int(unit), tuple(parents)))


def transfer_lot(lot_id: bytes, to_member_id: bytes) -> Operation:
    """Hand a lot's custody to another member."""
    return encode_operation(TransferLot(lot_id, to_member_id))


def set_lot_state(lot_id: bytes, state: int) -> Operation:
    """Hold, recall or release a lot."""
    return encode_operation(SetLotState(lot_id, int(state)))


def seal_document(document_kind: int, record_digest: bytes) -> Operation:
    """Seal the record digest of an order, receipt, waybill or list."""
    return encode_operation(SealDocument(int(document_kind), record_digest))


def record_match(
    trade_id: bytes,
    documents: Documents,
    verdict: int,
    policy_version: int,
    result_digest: bytes,
    lines: Iterable[LotQuantity] = (),
) -> Operation:
    """Seal a trade's verdict; `lines` = how many base units of which lots it exports."""
    return encode_operation(RecordMatch(trade_id, documents, int(verdict), policy_version, result_digest, tuple(lines)))


def admit_member(member_id: bytes, roles: int, zone: int, x: int, y: int, custodial: bool) -> Operation:
    """Admit a member with its first SM2 public key (x, y)."""
    return encode_operation(AdmitMember(member_id, int(roles), int(zone), x, y, custodial))


def set_standing(member_id: bytes, standing: int) -> Operation:
    """Suspend, retire or reinstate a member."""
    return encode_operation(SetStanding(member_id, int(standing)))


def set_roles(member_id: bytes, roles: int) -> Operation:
    """Replace a member's roles."""
    return encode_operation(SetRoles(member_id, int(roles)))


def add_key(member_id: bytes, x: int, y: int, custodial: bool) -> Operation:
    """Give a member another SM2 public key."""
    return encode_operation(AddKey(member_id, x, y, custodial))


def revoke_key(key_id: bytes) -> Operation:
    """End a key; what it signed before stays valid."""
    return encode_operation(RevokeKey(key_id))


def set_threshold(threshold: int) -> Operation:
    """Let `threshold` authorities decide together from now on."""
    return encode_operation(SetThreshold(threshold))


def suspend_now(member_id: bytes) -> Operation:
    """Suspend a member at once, until authorities confirm it or the emergency lapses."""
    return encode_operation(SuspendNow(member_id))


def accept_office(member_id: bytes) -> Operation:
    """Take up the role AUTHORITY; only the member itself may."""
    return encode_operation(AcceptOffice(member_id))


def proposal_id(operation: Operation) -> bytes:
    """The id under which Members collects approvals: keccak256(abi.encode(uint8 kind, bytes data))."""
    head = (operation.kind, 64, len(operation.data))
    padding = bytes(-len(operation.data) % 32)
    return keccak256(b"".join(word.to_bytes(32, "big") for word in head) + operation.data + padding)
