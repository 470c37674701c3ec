"""The contracts' custom errors in words. The stable part is the error's name and arguments; this says what it means."""

from __future__ import annotations

from typing import Any

from ledger.services.explorer.wording import Sentence, Thing, say

# One error, one condition (docs/contracts.md). A test holds this table to the committed ABIs.
REASONS: dict[str, tuple[str, str]] = {
    "SubmissionsMiswired": ("合约之间的引用不一致", "the contracts do not point at each other"),
    "SubmissionsIndirect": (
        "submit 只接受交易，不接受其他合约的调用",
        "submit takes transactions only",
    ),
    "SubmissionsNotCanonical": ("调用数据不是唯一的规范编码", "the calldata is not the canonical encoding"),
    "SubmissionsWrongSignature": (
        "SM2 签名对该密钥和内容不成立",
        "the SM2 signature does not hold",
    ),
    "SubmissionsNonceUsed": ("该密钥已用过这个随机数", "the key has used this nonce already"),
    "SubmissionsExpired": ("提交已过有效期", "the submission had expired"),
    "SubmissionsExpiryTooFar": ("有效期超出允许的窗口", "the expiry lies too far ahead"),
    "SubmissionsMalformedMeta": ("签名元数据格式错误", "the signed meta is malformed"),
    "SubmissionsCountMismatch": ("元数据与内容的记录数不一致", "meta and action state different record counts"),
    "SubmissionsEmpty": ("提交不含任何记录", "the submission has no record"),
    "SubmissionsZeroRoot": ("记录根为零", "the record root is zero"),
    "SubmissionsLotsNotAscending": ("批次条目未按升序排列", "the lot entries are not ascending"),
    "SubmissionsLotZeroRoot": ("批次条目的根为零", "a lot entry's root is zero"),
    "SubmissionsLotEmpty": ("批次条目不含记录", "a lot entry has no record"),
    "SubmissionsLotCountTooLarge": (
        "批次条目的记录数超过提交的记录数",
        "a lot entry counts too many records",
    ),
    "SubmissionsTooManyLots": ("批次条目过多", "there are too many lot entries"),
    "SubmissionsTooManyOperations": ("操作过多", "there are too many operations"),
    "SubmissionsUnknownOperation": ("未知的操作种类", "the operation's kind is unknown"),
    "SubmissionsMalformedOperation": ("操作数据格式错误", "an operation's data are malformed"),
    "MembersNotSubmissions": ("只有 Submissions 合约可以写入", "only the Submissions contract may write"),
    "MembersUnknown": ("没有这个成员", "there is no such member"),
    "MembersUnknownKey": ("没有这把密钥", "there is no such key"),
    "MembersKeyRevoked": ("密钥已被吊销", "the key had been revoked"),
    "MembersNotActive": ("成员不处于正常状态", "the member is not active"),
    "MembersMissingRole": ("成员没有所需的角色", "the member lacks the role that this needs"),
    "MembersOtherZone": ("该成员属于另一个综试区", "the member belongs to another zone"),
    "MembersAlreadyAdmitted": ("成员已经准入", "the member is admitted already"),
    "MembersKeyTaken": ("密钥已属于某个成员", "the key belongs to a member already"),
    "MembersBadKey": ("公钥不是曲线上的点", "the public key is not a point of the curve"),
    "MembersZeroId": ("成员编号为零", "the member id is zero"),
    "MembersUnknownZone": ("未知的综试区", "the zone is unknown"),
    "MembersUnknownRoles": ("未知的角色", "a role is unknown"),
    "MembersUnknownStanding": ("未知的成员状态", "the standing is unknown"),
    "MembersStandingUnchanged": ("成员状态没有变化", "the member has this standing already"),
    "MembersRolesUnchanged": ("角色没有变化", "the member has these roles already"),
    "MembersRetired": ("成员已注销，不可恢复", "the member is retired for good"),
    "MembersLastAuthority": ("综试区将失去最后一个可用的管理机构", "the zone would lose its last able authority"),
    "MembersTooFewAuthorities": (
        "可用的管理机构将少于共同决定所需的数目",
        "fewer able authorities would be left than decide together",
    ),
    "MembersNotInOffice": ("管理机构尚未就任", "the authority has not accepted its office"),
    "MembersNoUsableKey": ("管理机构没有可用的密钥", "the authority has no usable key left"),
    "MembersAlreadyInOffice": ("管理机构已经就任", "the authority has accepted its office already"),
    "MembersNotOneself": ("只有成员本身可以就任", "only the member itself may accept its office"),
    "MembersAlreadyApproved": ("该管理机构已经同意过", "this authority has approved already"),
    "MembersBadThreshold": (
        "共同决定的机构数须在一与可用机构数之间",
        "the threshold must lie between one and the number of able authorities",
    ),
    "MembersThresholdUnchanged": ("共同决定的机构数没有变化", "the threshold is this already"),
    "MembersIsAuthority": ("不能紧急暂停在任的管理机构", "an authority in office cannot be suspended at once"),
    "MembersEmergencySpent": (
        "上一次紧急暂停未获确认，不能再次紧急暂停",
        "the last emergency suspension of this member was never confirmed",
    ),
    "MembersNoAuthorities": ("没有指定创始管理机构", "no founding authority was named"),
    "LotsNotSubmissions": ("只有 Submissions 合约可以写入", "only the Submissions contract may write"),
    "LotsUnknown": ("没有这个批次", "there is no such lot"),
    "LotsAlreadyRegistered": ("批次已经登记", "the lot is registered already"),
    "LotsOriginNotListed": ("登记的批次未列入提交的批次条目", "the lot to register has no entry in the submission"),
    "LotsZeroOrigin": ("来源摘要为零", "the origin digest is zero"),
    "LotsZeroQuantity": ("数量为零", "a quantity is zero"),
    "LotsUnknownUnit": ("未知的计量单位", "the unit is unknown"),
    "LotsTooManyParents": ("来源批次过多", "there are too many parent lots"),
    "LotsParentRepeated": ("同一来源批次出现两次", "a parent lot is named twice"),
    "LotsUnitMismatch": ("来源批次的单位不同", "a parent lot is measured in another unit"),
    "LotsExceedsParents": ("新批次的数量超过取出的数量", "the new lot holds more than was drawn for it"),
    "LotsInsufficient": ("批次剩余数量不足", "not enough is left of the lot"),
    "LotsNotCustodian": ("该成员不是批次的保管人", "the member does not hold the lot"),
    "LotsNotActive": ("批次被扣留或召回", "the lot is on hold or recalled"),
    "LotsAlreadyCustodian": ("对方已是保管人", "the receiver holds the lot already"),
    "LotsNotPermitted": ("该成员无权为此批次作记录", "the member may not record about this lot"),
    "LotsUnknownState": ("未知的批次状态", "the lot state is unknown"),
    "LotsStateUnchanged": ("批次状态没有变化", "the lot has this state already"),
    "LotsStateNotPermitted": ("该成员无权作此状态变更", "the member may not bring the lot into this state"),
    "TradesNotSubmissions": ("只有 Submissions 合约可以写入", "only the Submissions contract may write"),
    "TradesUnknownKind": ("未知的单证种类", "the document kind is unknown"),
    "TradesZeroDigest": ("单证摘要为零", "the document digest is zero"),
    "TradesAlreadySealed": ("单证已经封存", "the document is sealed already"),
    "TradesZeroId": ("交易编号为零", "the trade id is zero"),
    "TradesZeroResult": ("结果摘要为零", "the result digest is zero"),
    "TradesUnknownVerdict": ("未知的比对结论", "the verdict is unknown"),
    "TradesAlreadyMatched": ("交易已有最终的一致结论", "the trade is matched already, which is final"),
    "TradesDocumentMissing": ("缺少单证", "a document is missing"),
    "TradesNotSealed": ("单证未封存", "a document was not sealed"),
    "TradesWrongKind": ("单证种类与其位置不符", "a document is of another kind than its place"),
    "TradesDocumentTaken": ("单证已被另一交易使用", "a document was used up by another trade"),
    "TradesLinesWithoutMatch": ("结论不是一致却列出了出口数量", "export lines without a matched verdict"),
    "TradesTooManyLines": ("出口明细过多", "there are too many export lines"),
    "ModExpUnavailable": ("这条链没有模幂预编译合约", "this chain has no modular exponentiation precompile"),
    "SafeCastOverflowedUintDowncast": ("数值超出类型范围", "a number does not fit its type"),
    "Reverted": ("合约没有给出原因（例如 gas 用尽）", "the contract gave no reason (it may have run out of gas)"),
}


def words_of(error: str, arguments: dict[str, Any]) -> Sentence:
    """The refusal as a sentence: its meaning, then the error as the contract said it."""
    zh, en = REASONS.get(error, ("合约以另一种错误拒绝", "the contract refused with another error"))
    shown = f"{error}({', '.join(f'{name} = {value}' for name, value in arguments.items())})"
    return say("合约拒绝：{why}。{shown}", "Refused by the contract: {why}. {shown}", why=Thing(zh, en), shown=shown)
