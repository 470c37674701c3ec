"""The words of an audit report for readers who are no engineers: Chinese and English, side by side.

Only texts and tables of texts; which of them a report needs is decided in `report_content`. Says what a finding means
for evidence, never what a court will make of it.
"""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """One statement in both languages."""

    zh: str
    en: str


class Counted(NamedTuple):
    """A thing that is counted: Chinese measure word and name, English name."""

    measure: str
    zh: str
    en: str


class Meaning(NamedTuple):
    """What a group of findings breaks, and what follows for somebody who wants to rely on the records."""

    promise: Text
    meaning: Text


TITLE = Text("账本审计报告", "Audit report of the ledger")
SEVERITIES = {
    "critical": Text("严重：账本的承诺被打破", "critical: a promise of the ledger is broken"),
    "error": Text("错误：存储与应有内容不符", "error: a store is not what it should be"),
    "warning": Text("提示：需要有人查看", "warning: somebody should look"),
}

HEADINGS = {
    "answer": Text("一、结论", "1  The answer"),
    "ledger": Text("审计对象与范围", "Which ledger, when, on what basis"),
    "checked": Text("二、检查了什么", "2  What was checked"),
    "findings": Text("三、发现的问题", "3  Findings"),
    "limits": Text("四、本审计不能说明什么", "4  What this audit cannot show"),
    "method": Text("五、方法概要", "5  Method in short"),
    "anchors": Text("附录甲：信任锚", "Appendix A  Trust anchors"),
    "coverage": Text("附录乙：检查数量", "Appendix B  Coverage in numbers"),
    "glossary": Text("附录丙：术语", "Appendix C  Glossary"),
}

LABELS = {
    "operator": Text("运营方", "Operator"),
    "chain": Text("链编号", "Chain id"),
    "genesis": Text("创世区块哈希", "Genesis hash"),
    "head": Text("审计到的区块高度", "Audited up to block"),
    "records": Text("记录数", "Records"),
    "started": Text("开始时间", "Started"),
    "seconds": Text("用时（秒）", "Duration (seconds)"),
    "program": Text("程序版本", "Program version"),
    "basis": Text("审计范围", "Basis"),
    "role": Text("数据来源", "Whose copy"),
    "report": Text("报告编号", "Report id"),
    "contracts": Text("合约地址", "Contracts"),
    "where": Text("位置", "where"),
    "detail": Text("说明", "detail"),
    "evidence": Text("证据", "evidence"),
    "reproduce": Text("重现命令", "to reproduce"),
    "page": Text("页", "page"),
    "unknown": Text("未注明", "not stated"),
    "signing": Text("检查点密钥", "Checkpoint keys"),
    "witness": Text("会签机关密钥", "Witness keys"),
    "signed": Text("签名", "Signature"),
    "affected": Text("项问题", "finding(s)"),
}

MODES = {
    "full": Text("全量：从创世区块到该高度逐块检查", "full: every block from genesis up to that height"),
    "incremental": Text(
        "增量：从第 {first} 区块起；此前的区块由上次审计检查",
        "incremental: from block {first} on; an earlier audit checked the blocks before it",
    ),
    "sample": Text(
        "抽样：只检查了抽取的部分，见“检查了什么”", "sample: only what was drawn was checked; see “What was checked”"
    ),
}
ROLES = {
    "operator": Text(
        "运营方的数据：链、原文库与读模型", "the operator's own data: chain, payload store and read model"
    ),
    "replica": Text("副本：只含链，不含原文", "a replica: the chain only, no payloads"),
}

ANSWER_SOUND = Text("未发现任何问题。账本与其承诺相符。", "Nothing was found. The ledger keeps what it promises.")
ANSWER_SOUND_PART = Text("在所检查的范围内未发现问题。", "Within what was checked, nothing was found.")
SOUND_SCOPE = {
    "full": Text(
        "自创世区块至第 {head} 区块，区块彼此相连，每份提交的 SM2 签名有效，每条记录的原文与其作者所签的摘要一致。"
        "凡本报告列为已检查的内容，自封存以来没有被修改、删除、增添或调换。",
        "From genesis to block {head} the blocks link to each other, the SM2 signature of every submission is valid, "
        "and the text of every record has the digest that its author signed. Nothing that this report lists as "
        "checked was altered, removed, added or exchanged since it was sealed.",
    ),
    "incremental": Text(
        "自第 {first} 区块至第 {head} 区块没有发现修改、删除、增添或调换。此前区块的结论以上次审计为准，本次未重新检查"
        "。",
        "From block {first} to block {head} no alteration, removal, addition or exchange was found. For the blocks "
        "before, the earlier audit's answer stands; they were not checked again.",
    ),
    "nothing new": Text(
        "自上次审计至第 {head} 区块没有新的区块。此前区块的结论以上次审计为准，本次未重新检查。",
        "No block has been added since the earlier audit, which ended with block {head}. For the blocks up to there "
        "its answer stands; they were not checked again.",
    ),
    "sample": Text(
        "在抽取检查的部分中没有发现修改、删除、增添或调换。未抽到的部分，本报告不作结论。",
        "In the part that was drawn no alteration, removal, addition or exchange was found. About what was not drawn "
        "this report says nothing.",
    ),
}
SOUND_REPLICA = Text(
    "自第 {first} 区块至第 {head} 区块，链上区块彼此相连，链上每份提交的 SM2 签名有效，合约的记载与历史一致。"
    "记录原文不在副本内，本次没有检查原文。",
    "From block {first} to block {head} the blocks link to each other, the SM2 signature of every submission on the "
    "chain is valid, and what the contracts hold follows from the history. A replica has no payloads: no text of a "
    "record was checked.",
)
ANSWER_BROKEN = Text(
    "发现 {total} 项问题，其中 {critical} 项打破了账本的承诺。下列承诺不再成立；受影响的只是所列位置，须逐项核对。",
    "{total} finding(s), of which {critical} break a promise of the ledger. The promises below do not hold; what is "
    "affected are the places listed, which have to be looked at one by one.",
)
ANSWER_STORES = Text(
    "发现 {total} 项问题，均未打破账本的承诺：问题在于运营方的附属存储或设置与应有内容不符，需要修复。",
    "{total} finding(s), none of which breaks a promise of the ledger: a secondary store or a setting of the operator "
    "is not what it should be and needs repair.",
)
ANSWER_INCOMPLETE = Text(
    "审计未能完成：{total} 个部分无法检查。在已检查的部分中没有发现问题。",
    "The audit could not be completed: {total} part(s) could not be checked. In what was checked nothing was found.",
)
ANSWER_PARTIAL = Text(
    "有部分内容无法检查。对这些部分，本报告既不说完好，也不说受损。",
    "Some parts could not be checked. About those this report says neither that they are sound nor that they are "
    "damaged.",
)
SIGNED = Text(
    "本文件由下列密钥以 SM2（GB/T 32918.2）签名，签名在文件之内，可用 originseal report verify 或 OpenSSL 核验。",
    "This file is signed with SM2 (GB/T 32918.2) by the key below; the signature is inside the file and can be "
    "checked with originseal report verify or OpenSSL.",
)
WHAT_NEXT = Text(
    "未列入问题的记录仍可凭其证明包单独核验：originseal verify 命令不依赖运营方的数据库。",
    "A record that is not listed can still be checked on its own with its proof bundle: the command originseal verify "
    "does not rely on the operator's databases.",
)

_P1 = Text("承诺一：任何人不能冒充成员发言", "Promise 1: nobody can put words into a member's mouth")
_P2 = Text("承诺二：任何人不能暗中修改或删除记录", "Promise 2: nobody can change or remove a record unseen")
_P4 = Text(
    "承诺三、四：不能隐藏事件，货物不能凭空增多", "Promises 3 and 4: no event is hidden, goods are not multiplied"
)
_P5 = Text("承诺五：三单相符，且只用一次", "Promise 5: three documents agree, once")
_STORE = Text("运营方的存储", "The operator's stores")

MEANINGS: dict[str, Meaning] = {
    "chain": Meaning(
        _P2,
        Text(
            "链上数据彼此不符。自所列区块起，本副本不能作为内容和顺序的证据，须以副本节点、见证方或先前保存的检查点为"
            "准。",
            "The chain's data contradict each other. From the block named, this copy cannot serve as evidence of "
            "content and order; go by a replica, a witness or a checkpoint kept from before.",
        ),
    ),
    "rules": Meaning(
        _P4,
        Text(
            "合约的记载不是由已签名的历史得出的：有规则未被执行，或记载被直接改写。所列批次、数量、权限或凭证不可采信"
            "。",
            "What the contracts hold does not follow from the signed history: a rule was not applied, or the value "
            "was written directly. Lots, quantities, permissions or claims named there should not be relied on.",
        ),
    ),
    "signature": Meaning(
        _P1,
        Text(
            "所列提交没有其成员的有效签名，不能归于该成员。",
            "The submissions named carry no valid signature of their member and cannot be attributed to that member.",
        ),
    ),
    "payload": Meaning(
        _P2,
        Text(
            "链仍证明成员当时签署了什么（摘要），但所存原文与之不符或已缺失：运营方出示的该条原文不是当时签署的内容。",
            "The chain still proves what the member signed (the digest), but the stored text does not have that "
            "digest or is missing: the text that the operator shows for this record is not what was signed.",
        ),
    ),
    "match": Meaning(
        _P5,
        Text(
            "依所存单证重新比对，得出的结论与已封存的不同。所列交易的比对结论不可采信。",
            "Matching the stored documents again gives another result than the sealed one. The verdict on the trade "
            "named should not be relied on.",
        ),
    ),
    "checkpoint": Meaning(
        _P2,
        Text(
            "检查点与链不一致，或不是由已锚定的密钥签署：运营方可能展示过两种历史。请与他人保存的检查点比对。",
            "A checkpoint contradicts the chain or is not signed by an anchored key: two histories may have been "
            "shown. Compare with checkpoints that others kept.",
        ),
    ),
    "file": Meaning(
        _P2,
        Text(
            "文件受损或无法读取，其中内容无法出示，须从备份或副本恢复后再审计。",
            "A file is damaged or cannot be read: what it holds cannot be shown; restore it from a backup or a "
            "replica and audit again.",
        ),
    ),
    "store": Meaning(
        _STORE,
        Text(
            "附属数据被改动或多余。链与已签名的内容不受影响；由该存储得出的页面和查询结果可能不正确。",
            "Secondary data were altered or do not belong. The chain and what was signed are unaffected; pages and "
            "answers made from this store may be wrong.",
        ),
    ),
    "incomplete": Meaning(
        Text("未完成的部分", "What could not be audited"),
        Text("此部分未能检查，不作结论。", "This part could not be checked; nothing is said about it."),
    ),
}

LIMIT_JSONRPC = Text(
    "在 JSON-RPC 引擎上，无法穷举没有规则可解释的合约存储。",
    "On a JSON-RPC engine, storage that no rule explains cannot be enumerated.",
)
PUBLIC_COPY = Text(
    "这是公开副本：问题的说明与证据可能含有所存内容，已略去；完整报告由运营方保存。",
    "This is the public copy: details and evidence of findings, which may hold stored content, are left out; the "
    "operator keeps the whole report.",
)
NO_FINDINGS = Text("无。", "None.")
OMITTED = Text(
    "另有 {n} 项问题未在此逐一列出；JSON 报告列出前 2,000 项，并按种类计数全部问题。",
    "{n} more finding(s) are not listed here one by one; the JSON report lists the first 2,000 and counts all by kind.",
)

COVERAGE: dict[str, Counted] = {
    "headers": Counted("个", "区块头", "block headers"),
    "blocks": Counted("个", "区块", "blocks"),
    "transactions": Counted("笔", "交易", "transactions"),
    "submissions": Counted("份", "提交", "submissions"),
    "signatures": Counted("个", " SM2 签名", "SM2 signatures"),
    "records": Counted("条", "记录原文", "texts of records"),
    "erased records": Counted("条", "依令删除的记录", "records erased on order"),
    "evidence messages": Counted("份", "报文原件", "original messages kept as evidence"),
    "matches": Counted("次", "三单比对", "matches of three documents"),
    "matches under older policies, not repeated": Counted(
        "次", "旧版规则下的比对（未重做）", "matches under older policies, not repeated"
    ),
    "checkpoints": Counted("个", "签名检查点", "signed checkpoints"),
    "checkpoints kept elsewhere": Counted("个", "他处留存的检查点", "checkpoints kept elsewhere"),
    "co-signatures": Counted("个", "会签", "co-signatures of witnesses"),
    "storage slots": Counted("个", "合约存储值", "values in contract storage"),
    "state nodes": Counted("个", "状态节点", "state nodes"),
    "logs": Counted("条", "合约事件", "contract events"),
    "outbox rows": Counted("行", "发件箱", "outbox rows"),
    "trade register rows": Counted("行", "单证登记", "rows of the trade register"),
    "read model tables": Counted("张", "读模型数据表", "tables of the read model"),
    "refused transactions": Counted("笔", "被合约拒绝的交易", "transactions that a contract refused"),
    "other transactions": Counted("笔", "其他交易（部署等）", "other transactions (deployment and the like)"),
    "blocks executed again": Counted("个", "重新执行的区块", "blocks executed again"),
    "operator's checkpoint key": Counted("把", "运营方检查点密钥", "operator's checkpoint key"),
}
