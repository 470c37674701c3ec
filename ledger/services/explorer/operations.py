"""Operations of an action and events of the contracts, in words. One function per kind; a kind that has none is an
error that a test finds, never silence on a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ledger.chain.reverts import jsonable
from ledger.crypto.sm2 import PublicKey
from ledger.domain.action import Operation
from ledger.domain.codes import OperationKind, Standing
from ledger.domain.operations import (
    NO_DOCUMENT,
    AcceptOffice,
    AddKey,
    AdmitMember,
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
    decode_operation,
)
from ledger.errors import BadKey, Malformed
from ledger.services.explorer import wording as w
from ledger.services.explorer.views import OperationView
from ledger.services.explorer.wording import Sentence, Words, say

_DIGESTS = frozenset({"lot_id", "origin_digest", "to_member_id", "record_digest", "trade_id", "result_digest",
                      "member_id", "key_id"})  # fmt: skip


def describe(words: Words, index: int, operation: Operation) -> OperationView:
    """One operation of an action; bytes that are no operation (a contract refused them) are shown as such."""
    name = w.code_name(OperationKind, operation.kind)
    data = "0x" + operation.data.hex()
    try:
        typed = decode_operation(operation)
    except Malformed as error:
        sentence = say(
            "无法解读的操作（种类 {kind}，{n} 字节）",
            "An operation that cannot be read (kind {kind}, {n} bytes)",
            kind=operation.kind,
            n=len(operation.data),
        )
        return OperationView(index, operation.kind, name, sentence, {}, data, error.message)
    sentence = OPERATIONS[type(typed)](words, typed)
    return OperationView(index, operation.kind, name, sentence, fields(typed), data, "")


def fields(typed: TypedOperation) -> dict[str, Any]:
    """An operation's fields as JSON values; digests with their algorithm, numbers of any size as text."""
    return {_camel(name): _value(name, getattr(typed, name)) for name, _ in typed.FIELDS}


def _value(name: str, value: Any) -> Any:
    if name in _DIGESTS:
        return f"sm3:{value.hex()}"
    if name == "documents":
        return [None if digest == NO_DOCUMENT else f"sm3:{digest.hex()}" for digest in value]
    if name in ("parents", "lines"):
        return [{"lotId": f"sm3:{lot.hex()}", "quantity": str(amount)} for lot, amount in value]
    if name in ("x", "y"):
        return f"0x{value:064x}"
    return str(value) if name == "quantity" else jsonable(value)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def key_of(words: Words, x: int, y: int) -> w.Thing:
    """The key at a curve point; a point that is none (a contract refused it) is said to be none."""
    try:
        return words.key(PublicKey(x, y).key_id)
    except BadKey:
        return w.Thing("（不在曲线上的点）", "(a point that is not on the curve)")


# --------------------------------------------------------------------------------------------------- operations


def _register_lot(words: Words, op: RegisterLot) -> Sentence:
    if not op.parents:
        return say(
            "登记批次 {lot}：{quantity}，来源记录 {origin}",
            "Register lot {lot}: {quantity}, origin record {origin}",
            lot=words.lot(op.lot_id),
            quantity=w.quantity(op.quantity, op.unit),
            origin=words.digest(op.origin_digest),
        )
    head = say(
        "登记批次 {lot}：{quantity}，来源记录 {origin}，取自 ",
        "Register lot {lot}: {quantity}, origin record {origin}, drawn from ",
        lot=words.lot(op.lot_id),
        quantity=w.quantity(op.quantity, op.unit),
        origin=words.digest(op.origin_digest),
    )
    drawn = words.lot_quantities(op.parents, op.unit)
    return Sentence(head.zh + drawn.zh, head.en + drawn.en)


def _transfer_lot(words: Words, op: TransferLot) -> Sentence:
    return say(
        "将批次 {lot} 移交给 {to} 保管",
        "Hand lot {lot} over to {to}",
        lot=words.lot(op.lot_id),
        to=words.member(op.to_member_id),
    )


def _set_lot_state(words: Words, op: SetLotState) -> Sentence:
    return say(
        "将批次 {lot} 的状态改为{state}",
        "Change the state of lot {lot} to {state}",
        lot=words.lot(op.lot_id),
        state=w.state(op.state),
    )


def _seal_document(words: Words, op: SealDocument) -> Sentence:
    return say(
        "封存{kind} {record}",
        "Seal {kind}, record {record}",
        kind=w.document(op.document_kind),
        record=words.digest(op.record_digest),
    )


def _record_match(words: Words, op: RecordMatch) -> Sentence:
    present = sum(document != NO_DOCUMENT for document in op.documents)
    head = say(
        "记录交易 {trade} 的三单比对结果：{verdict}（{n} 份单证，规则版本 {policy}）",
        "Record the result for trade {trade}: {verdict} ({n} documents, rules version {policy})",
        trade=words.digest(op.trade_id),
        verdict=w.verdict(op.verdict),
        n=present,
        policy=op.policy_version,
    )
    if not op.lines:
        return head
    joint, lines = say("，出口 ", ", exporting base units: "), words.lot_quantities(op.lines, None)
    tail = say("（基本单位）", "")
    return Sentence(head.zh + joint.zh + lines.zh + tail.zh, head.en + joint.en + lines.en)


def _admit_member(words: Words, op: AdmitMember) -> Sentence:
    return say(
        "准入成员 {member}：角色 {roles}，{zone}综试区，密钥 {key} {held}",
        "Admit member {member}: roles {roles}, zone {zone}, key {key} {held}",
        member=words.member(op.member_id),
        roles=w.roles(op.roles),
        zone=w.zone(op.zone),
        key=key_of(words, op.x, op.y),
        held=w.custody(op.custodial),
    )


def _set_standing(words: Words, op: SetStanding) -> Sentence:
    member = words.member(op.member_id)
    if op.standing == Standing.ACTIVE:
        return say("恢复成员 {member}", "Reinstate member {member}", member=member)
    if op.standing == Standing.SUSPENDED:
        return say("暂停成员 {member}", "Suspend member {member}", member=member)
    return say("注销成员 {member}（不可恢复）", "Retire member {member} (for good)", member=member)


def _set_roles(words: Words, op: SetRoles) -> Sentence:
    return say(
        "将成员 {member} 的角色改为 {roles}",
        "Change the roles of member {member} to {roles}",
        member=words.member(op.member_id),
        roles=w.roles(op.roles),
    )


def _add_key(words: Words, op: AddKey) -> Sentence:
    return say(
        "为成员 {member} 增加密钥 {key}，{held}",
        "Give member {member} another key {key}, {held}",
        member=words.member(op.member_id),
        key=key_of(words, op.x, op.y),
        held=w.custody(op.custodial),
    )


def _revoke_key(words: Words, op: RevokeKey) -> Sentence:
    return say("吊销密钥 {key}", "Revoke key {key}", key=words.key(op.key_id))


def _set_threshold(words: Words, op: SetThreshold) -> Sentence:
    return say(
        "改为须由 {n} 个管理机构共同决定",
        "Let {n} authorities decide together",
        n=op.threshold,
    )


def _suspend_now(words: Words, op: SuspendNow) -> Sentence:
    return say(
        "紧急暂停成员 {member}（须在三日内确认）",
        "Suspend member {member} at once (to be confirmed within three days)",
        member=words.member(op.member_id),
    )


def _accept_office(words: Words, op: AcceptOffice) -> Sentence:
    return say(
        "{member} 就任管理机构",
        "Take up office as an authority: {member}",
        member=words.member(op.member_id),
    )


OPERATIONS: dict[type[TypedOperation], Callable[[Words, Any], Sentence]] = {
    RegisterLot: _register_lot,
    TransferLot: _transfer_lot,
    SetLotState: _set_lot_state,
    SealDocument: _seal_document,
    RecordMatch: _record_match,
    AdmitMember: _admit_member,
    SetStanding: _set_standing,
    SetRoles: _set_roles,
    AddKey: _add_key,
    RevokeKey: _revoke_key,
    SetThreshold: _set_threshold,
    SuspendNow: _suspend_now,
    AcceptOffice: _accept_office,
}
