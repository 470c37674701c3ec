"""Events of the contracts in words: what the chain itself says happened, whatever anybody claims."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ledger.chain.reader import Event
from ledger.domain.codes import Standing
from ledger.domain.operation import Operation
from ledger.services.explorer import wording as w
from ledger.services.explorer.operations import describe
from ledger.services.explorer.wording import Sentence, Words, say

_KECCAK = frozenset({"submissionId", "actionDigest", "head", "proposalId"})
_TEXT = frozenset({"quantity", "remaining", "nonce", "total"})  # may exceed what JSON readers hold exactly


def words_of(words: Words, event: Event) -> Sentence:
    """The event as a sentence."""
    return EVENTS[event.name](words, event.args)


def arguments(event: Event) -> dict[str, Any]:
    """An event's arguments as JSON values; digests with their algorithm."""
    return {name: _value(name, value) for name, value in event.args.items()}


def _value(name: str, value: Any) -> Any:
    if name == "data":
        return f"0x{value.hex()}"
    if isinstance(value, bytes):
        return f"{'keccak256' if name in _KECCAK else 'sm3'}:{value.hex()}"
    if isinstance(value, list):
        return [_value(name, item) for item in value]
    if name in ("x", "y"):
        return f"0x{value:064x}"
    return str(value) if name in _TEXT else value


def _accepted(words: Words, a: dict[str, Any]) -> Sentence:
    return say(
        "合约验证了 {member} 的 SM2 签名，接受 {records}",
        "The contract verified the SM2 signature of {member} and accepted {records}",
        member=words.member(a["memberId"]),
        records=w.records(a["count"]),
    )


def _admitted(words: Words, a: dict[str, Any]) -> Sentence:
    return say(
        "{member} 获准加入：角色 {roles}，{zone}综试区",
        "{member} was admitted: roles {roles}, zone {zone}",
        member=words.member(a["memberId"]),
        roles=w.roles(a["roles"]),
        zone=w.zone(a["zone"]),
    )


def _key_added(words: Words, a: dict[str, Any]) -> Sentence:
    held = (
        w.Thing("由平台代管", "kept by the operator") if a["custodial"] else w.Thing("由成员自持", "kept by the member")
    )
    return say(
        "{member} 得到密钥 {key}（{held}）",
        "{member} got key {key} ({held})",
        member=words.member(a["memberId"]),
        key=words.key(a["keyId"]),
        held=held,
    )


def _key_revoked(words: Words, a: dict[str, Any]) -> Sentence:
    return say(
        "{member} 的密钥 {key} 被吊销",
        "Key {key} of {member} was revoked",
        member=words.member(a["memberId"]),
        key=words.key(a["keyId"]),
    )


def _standing(words: Words, a: dict[str, Any]) -> Sentence:
    member = words.member(a["memberId"])
    if a["standing"] == Standing.ACTIVE:
        return say("{member} 恢复正常", "{member} was reinstated", member=member)
    if a["standing"] == Standing.SUSPENDED:
        return say("{member} 被暂停", "{member} was suspended", member=member)
    return say("{member} 被注销（不可恢复）", "{member} was retired for good", member=member)


def _roles(words: Words, a: dict[str, Any]) -> Sentence:
    return say(
        "{member} 的角色改为 {roles}",
        "The roles of {member} became {roles}",
        member=words.member(a["memberId"]),
        roles=w.roles(a["roles"]),
    )


def _opened(words: Words, a: dict[str, Any]) -> Sentence:
    asked = describe(words, 0, Operation(a["kind"], a["data"])).words
    head = say("{by} 提议（第 {n} 轮）：", "{by} proposed (round {n}): ", by=words.member(a["by"]), n=a["round"])
    return Sentence(head.zh + asked.zh, head.en + asked.en)


def _approved(words: Words, a: dict[str, Any]) -> Sentence:
    return say(
        "{by} 同意提案 {proposal}：{n}/{needed}",
        "{by} approved proposal {proposal}: {n} of {needed}",
        by=words.member(a["by"]),
        proposal=words.proposal(a["proposalId"]),
        n=a["approvals"],
        needed=a["needed"],
    )


def _executed(words: Words, a: dict[str, Any]) -> Sentence:
    return say(
        "提案 {proposal} 获足够同意，已执行",
        "Proposal {proposal} had enough approvals and was carried out",
        proposal=words.proposal(a["proposalId"]),
    )


def _threshold(words: Words, a: dict[str, Any]) -> Sentence:
    return say(
        "自此须由 {n} 个管理机构共同决定",
        "From now on {n} authorities decide together",
        n=a["threshold"],
    )


def _office(words: Words, a: dict[str, Any]) -> Sentence:
    return say("{member} 就任管理机构", "{member} took up office as an authority", member=words.member(a["memberId"]))


def _emergency(words: Words, a: dict[str, Any]) -> Sentence:
    return say(
        "{by} 紧急暂停 {member}，未经确认则于 {until} 失效",
        "{by} suspended {member} at once; unconfirmed it lapses after {until}",
        by=words.member(a["by"]),
        member=words.member(a["memberId"]),
        until=datetime.fromtimestamp(a["until"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
    )


def _registered(words: Words, a: dict[str, Any]) -> Sentence:
    return say(
        "{member} 登记了批次 {lot}：{quantity}",
        "{member} registered lot {lot}: {quantity}",
        member=words.member(a["memberId"]),
        lot=words.lot(a["lotId"]),
        quantity=w.quantity(a["quantity"], a["unit"]),
    )


def _drawn(words: Words, a: dict[str, Any]) -> Sentence:
    return say(
        "从批次 {lot} 取出 {n} 基本单位用于批次 {child}，剩余 {rest}",
        "{n} base units of lot {lot} went into lot {child}; {rest} are left",
        lot=words.lot(a["lotId"]),
        child=words.lot(a["childId"]),
        n=f"{a['quantity']:,}",
        rest=f"{a['remaining']:,}",
    )


def _extended(words: Words, a: dict[str, Any]) -> Sentence:
    return say(
        "{records}提到批次 {lot}，累计 {total} 条",
        "{records} about lot {lot}, {total} in all",
        lot=words.lot(a["lotId"]),
        records=w.records(a["count"]),
        total=f"{a['total']:,}",
    )


def _transferred(words: Words, a: dict[str, Any]) -> Sentence:
    return say(
        "批次 {lot} 由 {giver} 移交给 {taker}",
        "Lot {lot} went from {giver} to {taker}",
        lot=words.lot(a["lotId"]),
        giver=words.member(a["fromMemberId"]),
        taker=words.member(a["toMemberId"]),
    )


def _state_changed(words: Words, a: dict[str, Any]) -> Sentence:
    return say(
        "{member} 将批次 {lot} 的状态改为{state}",
        "{member} changed the state of lot {lot} to {state}",
        member=words.member(a["memberId"]),
        lot=words.lot(a["lotId"]),
        state=w.state(a["state"]),
    )


def _exported(words: Words, a: dict[str, Any]) -> Sentence:
    return say(
        "批次 {lot} 的 {n} 基本单位随交易 {trade} 出口，剩余 {rest}",
        "{n} base units of lot {lot} left with trade {trade}; {rest} are left",
        lot=words.lot(a["lotId"]),
        trade=words.digest(a["tradeId"]),
        n=f"{a['quantity']:,}",
        rest=f"{a['remaining']:,}",
    )


def _sealed(words: Words, a: dict[str, Any]) -> Sentence:
    return say(
        "{member} 封存了{kind} {record}",
        "{member} sealed {kind}, record {record}",
        member=words.member(a["memberId"]),
        kind=w.document(a["kind"]),
        record=words.digest(a["recordDigest"]),
    )


def _matched(words: Words, a: dict[str, Any]) -> Sentence:
    return say(
        "{member} 记录了交易 {trade} 的比对结果：{verdict}（独立签署方 {n} 个，规则版本 {policy}）",
        "{member} recorded the result of trade {trade}: {verdict} ({n} independent signers, rules version {policy})",
        member=words.member(a["memberId"]),
        trade=words.digest(a["tradeId"]),
        verdict=w.verdict(a["verdict"]),
        n=a["independence"],
        policy=a["policyVersion"],
    )


EVENTS: dict[str, Callable[[Words, dict[str, Any]], Sentence]] = {
    "Accepted": _accepted,
    "MemberAdmitted": _admitted,
    "KeyAdded": _key_added,
    "KeyRevoked": _key_revoked,
    "StandingChanged": _standing,
    "RolesChanged": _roles,
    "ProposalOpened": _opened,
    "ProposalApproved": _approved,
    "ProposalExecuted": _executed,
    "ThresholdChanged": _threshold,
    "OfficeAccepted": _office,
    "EmergencySuspension": _emergency,
    "LotRegistered": _registered,
    "LotDrawn": _drawn,
    "LotExtended": _extended,
    "LotTransferred": _transferred,
    "LotStateChanged": _state_changed,
    "LotExported": _exported,
    "DocumentSealed": _sealed,
    "MatchRecorded": _matched,
}
