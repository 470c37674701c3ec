"""What an audit can find, and the report that says it: facts for machines, words for people, a command to repeat it.

Every kind of finding has a stable id, a severity and a sentence in Chinese and English. Looks at nothing itself.
"""

from __future__ import annotations

import json
import shlex
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

FORMAT = "originseal-audit/v1"
Found = tuple[str, str, str, dict[str, Any]]  # kind, where, detail, evidence
MAX_FINDINGS = 2000  # kept one by one; the rest are counted, so that a ruined store does not fill the memory

# id: (severity, Chinese, English). critical: the ledger's promises are broken; error: a store is not what it should
# be; warning: somebody should look.
KINDS: dict[str, tuple[str, str, str]] = {
    "file.unreadable": ("critical", "文件无法读取", "the file cannot be read"),
    "file.damaged": ("critical", "数据库文件结构受损", "the database file's structure is damaged"),
    "file.schema": ("error", "数据库结构与程序所建不同", "the database schema is not the one that the program made"),
    "chain.other": ("critical", "链与配置或信任锚不符", "the chain is not the one in configuration and anchors"),
    "chain.block-missing": ("critical", "缺少区块", "a block is missing"),
    "chain.block-malformed": ("critical", "区块无法解析", "a block cannot be parsed"),
    "chain.block-hash": ("critical", "区块哈希与区块头不符", "a block's hash is not its header's"),
    "chain.block-link": ("critical", "区块未链接到前一区块", "a block does not link to the one before it"),
    "chain.block-header": ("critical", "区块头内容不合规则", "a block header breaks the chain's rules"),
    "chain.transactions-root": ("critical", "交易与区块头中的交易根不符", "transactions do not have the header's root"),
    "chain.receipts-root": ("critical", "收据与区块头中的收据根不符", "receipts do not have the header's root"),
    "chain.index": ("error", "链文件的索引行不正确", "an index row of the chain file is wrong"),
    "chain.meta": ("error", "链文件的设置不正确", "a setting of the chain file is wrong"),
    "chain.node-altered": ("critical", "状态节点内容与其哈希不符", "a state node does not have its hash"),
    "chain.node-missing": ("critical", "缺少状态节点", "a state node is missing"),
    "chain.node-unknown": (
        "error",
        "链文件含有不属于任何状态的数据",
        "the chain file holds data that belongs to no state",
    ),
    "chain.execution": ("critical", "重新执行区块得到不同结果", "executing a block again gives another one"),
    "chain.code": ("critical", "合约代码与本版本不同", "a contract's code is not this release's"),
    "submission.malformed": ("critical", "交易内的提交无法解析", "the submission in a transaction cannot be parsed"),
    "submission.signature": ("critical", "SM2 签名无效", "an SM2 signature does not verify"),
    "submission.rule": ("critical", "合约接受了违反规则的提交", "the contract accepted what its rules forbid"),
    "submission.events": ("critical", "合约事件与提交内容不符", "the events are not what the submission causes"),
    "state.value": ("critical", "合约存储的值与历史推得的不符", "contract storage is not what the history gives"),
    "state.unknown": (
        "critical",
        "合约存储含有历史无法解释的值",
        "contract storage holds a value that no history explains",
    ),
    "payload.submission-missing": ("critical", "原文库缺少链上的提交", "the payload store lacks a submission on chain"),
    "payload.submission": ("critical", "原文库中的提交与链上不符", "a stored submission is not the one on chain"),
    "payload.not-anchored": (
        "error",
        "原文库的提交不在链上，也不在途",
        "a stored submission is neither on chain nor on its way",
    ),
    "payload.record-missing": ("critical", "缺少记录原文", "a record's payload is missing"),
    "payload.record": ("critical", "记录原文与其摘要不符", "a record's payload does not have its digest"),
    "payload.root": ("critical", "记录摘要与已签名的根不符", "records do not have the signed root"),
    "payload.lots": ("critical", "批次条目与记录不符", "lot entries are not those of the records"),
    "payload.rules": ("error", "记录与其操作不一致", "records and operations do not say the same"),
    "payload.evidence": ("error", "证据报文与记录不符", "the evidence message is not the record's"),
    "payload.erasure": ("error", "删除没有依据", "an erasure that nothing on chain ordered"),
    "payload.row": ("error", "原文库的行被改动", "a row of the payload store was altered"),
    "match.verdict": ("critical", "重新比对单证得到不同结论", "matching the documents again gives another result"),
    "match.documents": ("error", "比对所用单证无法取得", "documents of a match cannot be read"),
    "register.row": ("error", "单证登记行不正确", "a row of the trade register is wrong"),
    "outbox.row": ("error", "发件箱的行不正确", "a row of the outbox is wrong"),
    "checkpoint.signature": ("critical", "检查点签名无效", "a checkpoint's signature does not verify"),
    "checkpoint.chain": ("critical", "检查点与链不一致", "a checkpoint contradicts the chain"),
    "checkpoint.cosignature": (
        "critical",
        "见证机构的会签与本账本的检查点不符",
        "a witness's co-signature is not of this ledger's checkpoint",
    ),
    "index.row": ("error", "读模型与链和原文不符", "the read model is not what chain and payloads say"),
    "config.file": ("error", "配置或信任锚文件不正确", "the configuration or anchors file is wrong"),
    "audit.incomplete": ("error", "此部分未能审计", "this part could not be audited"),
    "audit.base": ("error", "先前审计的结果不能作为起点", "the earlier audit cannot be built on"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold. `where` names the row, block or record; `reproduce` repeats the check."""

    id: str
    severity: str
    where: str
    what_zh: str
    what_en: str
    detail: str
    evidence: dict[str, Any]
    reproduce: str

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "severity": self.severity,
            "where": self.where,
            "what": {"zh": self.what_zh, "en": self.what_en},
            "detail": self.detail,
            "evidence": self.evidence,
            "reproduce": self.reproduce,
        }


class Findings:
    """Collects findings, with a bound, and counts what was looked at. `command` is how the audit was started."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._seen: set[tuple[str, str, str]] = set()
        self.found: list[Finding] = []
        self.by_kind: Counter[str] = Counter()
        self.coverage: Counter[str] = Counter()

    def add(self, kind: str, where: str, detail: str = "", **evidence: Any) -> None:
        """Note that something of this kind is wrong at `where`; the same thing is noted once."""
        if len(self._seen) < 10 * MAX_FINDINGS:
            if (kind, where, detail) in self._seen:
                return
            self._seen.add((kind, where, detail))
        self.by_kind[kind] += 1
        if len(self.found) < MAX_FINDINGS:
            severity, zh, en = KINDS[kind]
            # `where` may be a name that somebody chose: people copy this line into a shell
            chosen = shlex.quote(f".findings[] | select(.where == {json.dumps(where)})")
            reproduce = f"{self._command} --json | jq {chosen}"
            self.found.append(Finding(kind, severity, where, zh, en, detail, _plain(evidence), reproduce))

    def merge(self, found: Iterable[Found], unlisted: Mapping[str, int], coverage: Mapping[str, int]) -> None:
        """Take over what another collection noted, in its order; `unlisted` were counted there and not kept."""
        for kind, where, detail, evidence in found:
            self.add(kind, where, detail, **evidence)
        self.by_kind.update(unlisted)
        self.coverage.update(coverage)

    def like(self) -> Findings:
        """An empty collection for a part of the same audit."""
        return Findings(self._command)

    def restore(self, facts: Any) -> None:
        """Take back what `facts` gave, as JSON keeps it."""
        if facts is not None:
            found, unlisted, coverage = facts
            self.merge(((kind, where, detail, evidence) for kind, where, detail, evidence in found), unlisted, coverage)

    def facts(self) -> tuple[list[Found], Counter[str], Counter[str]]:
        """What `merge` takes: findings, how many of each kind were not kept, coverage."""
        found = [(each.id, each.where, each.detail, each.evidence) for each in self.found]
        return found, self.by_kind - Counter(each.id for each in self.found), self.coverage

    def count(self, what: str, n: int = 1) -> None:
        """Add to the coverage."""
        self.coverage[what] += n


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result of one audit. Times are Unix seconds; `head` is the height that was audited."""

    chain_id: int
    genesis: str
    head: int
    started: int
    seconds: float
    records: int
    findings: tuple[Finding, ...]
    by_kind: Mapping[str, int]
    coverage: Mapping[str, int]
    notes: tuple[str, ...] = field(default=())
    mode: str = "full"  # full, incremental or sample
    first: int = 0  # the first block that was audited
    role: str = "operator"  # whose folder: operator or replica
    statement: Mapping[str, str] = field(default_factory=dict)  # zh, en: what was covered and what was not
    base: Mapping[str, Any] | None = None  # what an incremental audit builds on
    sample: Mapping[str, Any] | None = None  # how much a sample covers

    @property
    def sound(self) -> bool:
        """True when nothing was found."""
        return not self.by_kind

    def to_json(self) -> dict[str, Any]:
        """The report as JSON; `records` and `findings` are what other programs rely on."""
        return {
            "format": FORMAT,
            "result": "sound" if self.sound else "findings",
            "chainId": self.chain_id,
            "genesis": self.genesis,
            "head": self.head,
            "startedAt": self.started,
            "seconds": round(self.seconds, 3),
            "records": self.records,
            "findings": [finding.to_json() for finding in self.findings],
            "findingsByKind": dict(self.by_kind),
            "coverage": dict(self.coverage),
            "notes": list(self.notes),
            "mode": self.mode,
            "from": self.first,
            "role": self.role,
            "statement": dict(self.statement),
            **({} if self.base is None else {"base": dict(self.base)}),
            **({} if self.sample is None else {"sample": dict(self.sample)}),
        }


def render_text(report: AuditReport, limit: int = 50) -> str:
    """The report for people, Chinese and English beside each other."""
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(report.started))
    lines = [
        f"源印审计报告 OriginSeal audit  {when}",
        f"链 chain {report.chain_id} {report.genesis}",
        f"高度 height {report.head} · 记录 records {report.records} · {report.seconds:.1f} s",
        "",
        *(text for text in (report.statement.get("zh"), report.statement.get("en")) if text),
        "",
        "已检查 checked:",
        *(f"  {count:>9}  {what}" for what, count in sorted(report.coverage.items())),
        "",
    ]
    if report.sound:
        return "\n".join([*lines, "未发现问题。 Nothing was found.", *report.notes]) + "\n"
    total = sum(report.by_kind.values())
    first = next((f for f in report.findings if f.severity == "critical"), report.findings[0])
    lines += [
        f"发现 {total} 项问题 {total} findings",
        f"首项 first: {first.where} — {first.what_zh} {first.what_en}",
        "",
    ]
    for finding in report.findings[:limit]:
        lines.append(f"[{finding.severity}] {finding.id}  {finding.where}")
        lines.append(f"    {finding.what_zh} · {finding.what_en}" + (f": {finding.detail}" if finding.detail else ""))
    if total > limit:
        lines.append(f"… 另有 {total - limit} 项，见 JSON 报告 {total - limit} more in the JSON report")
    return "\n".join([*lines, *report.notes]) + "\n"


def _plain(evidence: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in evidence.items()}
