"""What the verifier found, as values, as JSON and as text in Chinese or English. Decides nothing.

JSON format `originseal-verification/v1`: result (`holds`, `holds-under-assumptions`, `fails`), every step with its
outcome (`ok`, `assumed`, `failed`, `not-reached`), every assumption, and, where it holds, what is thereby known.
"""

from __future__ import annotations

from ledger.values import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ledger.proof.anchors import CheckpointKey
    from ledger.proof.bundle import Bundle, BundledRecord, BundledSubmission, Lot
    from ledger.proof.cosignature import Vouched
    from ledger.proof.header import Header
    from ledger.proof.slots import LotStateWords

FORMAT = "originseal-verification/v1"

# id, Chinese title, English title; the argument itself is in ledger.proof.verifier.
STEPS = (
    ("anchors", "信任锚：链、创世块与合约正是所信任的", "Chain, genesis and contracts are the trusted ones"),
    ("checkpoint", "检查点由受信任的密钥以 SM2 签名，会签有效", "The checkpoint is signed, its co-signatures hold"),
    ("header", "区块头与检查点一致", "The block header is the checkpoint's"),
    ("contracts", "合约代码与信任锚一致", "The contracts have the anchored code"),
    ("state", "批次、成员密钥与提交的链上状态得到证明", "The chain state of lot, keys and submissions is proven"),
    ("blocks", "每次提交所在的区块都有检查点，且次序正确", "Every submission's block has a checkpoint, in order"),
    ("transactions", "交易在区块内，内容正是所列的提交", "The transactions are in their blocks and say exactly this"),
    ("receipts", "合约已执行并接受每次提交", "The contract executed and accepted every submission"),
    ("signatures", "每次提交的作者 SM2 签名有效", "Every author's SM2 signature verifies"),
    ("members", "密钥在当时属于该成员", "The keys belonged to the members at the time"),
    ("records", "字段与承诺推出每条记录的摘要", "Fields and commitments lead to every record's digest"),
    ("inclusion", "每条记录都在已签名的根之下，且写明本批次", "Every record is under its signed root, naming the lot"),
    ("entries", "每次提交中有关本批次的记录全部列出", "All records about the lot are listed in each submission"),
    ("completeness", "历史完整：推得的累加值与链上一致", "The history is complete: it folds to the head on chain"),
    ("origin", "来源记录正是批次登记时的记录", "The origin record is the one the lot was registered with"),
)  # fmt: skip

_OUTCOMES = {
    "ok": ("通过", "ok"),
    "assumed": ("假定", "ASSUMED"),
    "failed": ("不成立", "FAILED"),
    "not-reached": ("未检查", "not reached"),
}
_ASSUMED = (
    "注意：没有信任锚文件，以下各项只是假定，未经检查：",
    "ATTENTION: without an anchors file all of this was only ASSUMED, not checked:",
)
_CAVEAT = (
    "这只说明由谁在何时封存了什么、通过了哪些检查；不说明记录内容属实，也不说明箱中货物即为所述。",
    "This shows what was sealed, by whom, when, and which checks passed; not that the records are true, nor that the "
    "goods in the box are the ones described.",
)


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step of the argument. `reason` and `field` say what does not hold, and where (a JSON Pointer)."""

    number: int
    id: str
    title_zh: str
    title_en: str
    outcome: str
    reason: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something that the bundle claims and that only an anchors file could confirm."""

    id: str
    value: str
    zh: str
    en: str

    @staticmethod
    def of_claims(bundle: Bundle, genesis: bytes) -> list[Assumption]:
        """What is assumed about chain, checkpoint keys and contract addresses."""
        chain = f"{bundle.chain_id}/0x{genesis.hex()}"
        made = [Assumption("chain", chain, "这就是您所指的链", "this is the chain that you mean")]
        for key_id in bundle.checkpoint_keys:
            text = f"sm3:{key_id.hex()}"
            made.append(
                Assumption(
                    "checkpoint-key", text, "此检查点密钥属于可信的运营方", "this checkpoint key is one you trust"
                )
            )
        for name, address in bundle.contracts.items():
            made.append(
                Assumption(
                    "contract", f"{name} 0x{address.hex()}", "此地址是账本的合约", "this is the ledger's contract"
                )
            )
        return made

    @staticmethod
    def of_code(name: str, code_hash: bytes) -> Assumption:
        """What is assumed about a contract's code."""
        value = f"{name} keccak256:{code_hash.hex()}"
        return Assumption("code", value, "此代码是经过审核的合约代码", "this code is the reviewed contract's")


@dataclass(frozen=True, slots=True)
class VerifiedRecord:
    """One record of the history; `sealed_at` is its block's time in Unix seconds."""

    digest: bytes
    kind: str
    author: bytes
    key_id: bytes
    custodial: bool
    submission_id: bytes
    block: int
    sealed_at: int
    shown: int
    withheld: int
    erased: bool

    @staticmethod
    def of(record: BundledRecord, submission: BundledSubmission, block: Header) -> VerifiedRecord:
        """The record as its submission and that submission's block show it."""
        shown = sum(field.path is not None for field in record.fields)
        return VerifiedRecord(
            digest=record.digest,
            kind=record.kind,
            author=submission.member_id,
            key_id=submission.key.key_id,
            custodial=submission.custodial,
            submission_id=submission.id,
            block=block.number,
            sealed_at=block.time,
            shown=shown,
            withheld=len(record.fields) - shown,
            erased=record.erased,
        )


@dataclass(frozen=True, slots=True)
class Verified:
    """Evidence: as of block `height` these are all records that were ever sealed about the lot."""

    lot: Lot
    chain_id: int
    genesis: bytes
    height: int
    block: bytes
    time: int
    signed_by: CheckpointKey
    vouched: Vouched
    state: LotStateWords
    standings: tuple[tuple[bytes, int], ...]
    records: tuple[VerifiedRecord, ...]
    assumptions: tuple[Assumption, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All steps; `verified` is None when one failed."""

    lot: Lot
    steps: tuple[StepResult, ...]
    assumptions: tuple[Assumption, ...]
    verified: Verified | None

    @property
    def result(self) -> str:
        """`holds`, `holds-under-assumptions` or `fails`."""
        if self.verified is None:
            return "fails"
        return "holds-under-assumptions" if self.assumptions else "holds"

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "format": FORMAT,
            "result": self.result,
            "lot": {"gtin": self.lot.gtin, "lot": self.lot.lot, "id": f"sm3:{self.lot.id.hex()}"},
            "steps": [
                {
                    "number": step.number,
                    "id": step.id,
                    "title": {"zh": step.title_zh, "en": step.title_en},
                    "outcome": step.outcome,
                    **({"reason": step.reason, "field": step.field} if step.outcome == "failed" else {}),
                }
                for step in self.steps
            ],
            "assumptions": [
                {"id": a.id, "value": a.value, "statement": {"zh": a.zh, "en": a.en}} for a in self.assumptions
            ],
            **({"verified": _verified(self.verified)} if self.verified else {}),
        }

    def to_text(self, lang: str) -> str:
        """The readable form; `lang` is `zh` or `en`."""
        at = 0 if lang == "zh" else 1
        lines = [f"{self.lot.gtin} / {self.lot.lot}", ""]
        for step in self.steps:
            title = (step.title_zh, step.title_en)[at]
            lines.append(f"{step.number:>3}  {_OUTCOMES[step.outcome][at]:<11} {title}")
            if step.outcome == "failed":
                lines.append(f"     → {step.reason}" + (f"  [{step.field}]" if step.field else ""))
        if self.assumptions:
            lines += ["", _ASSUMED[at]]
            lines += [f"  ! {a.value}  ({(a.zh, a.en)[at]})" for a in self.assumptions]
        lines += [
            "",
            *(_summary(self.verified, at) if self.verified else [("结论：不成立。", "Result: does NOT hold.")[at]]),
        ]
        if self.verified:
            mark = ("结论：成立。", "Result: holds.")
            under = ("结论：仅在上述假定之下成立。", "Result: holds ONLY under the assumptions above.")
            lines += [(under if self.assumptions else mark)[at], _CAVEAT[at]]
        return "\n".join(lines) + "\n"


def _verified(verified: Verified) -> dict[str, Any]:
    state = verified.state
    return {
        "chainId": verified.chain_id,
        "genesis": f"0x{verified.genesis.hex()}",
        "height": verified.height,
        "block": f"0x{verified.block.hex()}",
        "time": verified.time,
        "checkpointKey": {"keyId": f"sm3:{verified.signed_by.key_id.hex()}", "name": verified.signed_by.name},
        "witnesses": {
            "cosigned": verified.vouched.offices,
            "of": verified.vouched.agencies,
            "needed": verified.vouched.needed,
            "cosignatures": [
                {
                    "keyId": f"sm3:{one.witness.key_id.hex()}",
                    "agency": one.witness.agency,
                    "name": {"zh": one.witness.name_zh, "en": one.witness.name_en},
                    "time": one.time,
                    "method": one.method,
                }
                for one in verified.vouched.cosignatures
            ],
        },
        "lot": {
            "custodian": f"sm3:{state.custodian.hex()}",
            "quantity": str(state.quantity),
            "remaining": str(state.remaining),
            "unit": state.unit,
            "state": state.state,
            "registeredAt": state.registered_at,
            "head": f"keccak256:{state.head.hex()}",
            "records": state.total,
            "submissions": state.entries,
        },
        "members": [{"id": f"sm3:{m.hex()}", "standing": standing} for m, standing in verified.standings],
        "records": [
            {
                "digest": f"sm3:{r.digest.hex()}",
                "kind": r.kind,
                "author": f"sm3:{r.author.hex()}",
                "keyId": f"sm3:{r.key_id.hex()}",
                "custodial": r.custodial,
                "submissionId": f"keccak256:{r.submission_id.hex()}",
                "block": r.block,
                "sealedAt": r.sealed_at,
                "shown": r.shown,
                "withheld": r.withheld,
                "erased": r.erased,
            }
            for r in verified.records
        ],
    }


def _summary(verified: Verified, at: int) -> list[str]:
    import time

    def when(seconds: int) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))

    state, records = verified.state, verified.records
    custodial = sum(record.custodial for record in records)
    height, time_, total, entries = verified.height, when(verified.time), state.total, state.entries
    lines = [
        _vouched(verified.vouched, at),
        (
            f"截至区块 {height}（{time_}），本批次共有 {total} 条记录、{entries} 次提交，全部列出：",
            f"As of block {height} ({time_}) the lot has {total} records in {entries} submissions, all listed:",
        )[at],
    ]
    for r in records:
        key = ("，密钥由平台代管", ", custodial key")[at] if r.custodial else ""
        hidden = (f"，{r.withheld} 项未公开", f", {r.withheld} fields withheld")[at] if r.withheld else ""
        what = r.kind if not r.erased else ("（已删除）", "(erased)")[at]
        lines.append(f"  {when(r.sealed_at)}  {what:<14} sm3:{r.author.hex()[:12]}…{key}{hidden}")
    if custodial:
        lines.append(
            (
                f"其中 {custodial} 条以平台代管的密钥签名：签名说明平台的行为，而非成员本人的行为。",
                f"{custodial} of them were signed with keys that the platform keeps: the signature shows the "
                "platform's act, not the member's own.",
            )[at]
        )
    return [*lines, ""]


_METHODS = {
    "headers": ("核对区块链接", "checked that the blocks link"),
    "execution": ("逐块执行", "executed every block"),
}


def _vouched(vouched: Vouched, at: int) -> str:
    """Who besides the operator stands behind this state."""
    if vouched.agencies is None:
        return (
            "会签：没有信任锚文件，不知道谁是见证机构，未计。",
            "Co-signatures: without an anchors file nobody is known as a witness; none is counted.",
        )[at]
    if not vouched.agencies:
        return (
            "会签：信任锚没有列出见证机构：只有运营方为这个状态担保。",
            "Co-signatures: the anchors name no witness; only the operator vouches for this state.",
        )[at]
    if not vouched.cosignatures:
        return (
            f"会签：已知 {vouched.agencies} 家机构，均未会签这个状态：只有运营方为它担保。",
            f"Co-signed by 0 of {vouched.agencies} agencies: only the operator vouches for this state.",
        )[at]
    names = ("、", ", ")[at].join(
        f"{(one.witness.name_zh, one.witness.name_en)[at]}"
        + ("（{}）", " ({})")[at].format(f"{one.method}" + ("：", ": ")[at] + _METHODS[one.method][at])
        for one in vouched.cosignatures
    )
    return (
        f"会签：{vouched.agencies} 家机构中的 {vouched.offices} 家会签了这个状态：{names}。",
        f"Co-signed by {vouched.offices} of {vouched.agencies} agencies: {names}.",
    )[at]
