"""What an audit covered and what it did not, in sentences for people who do not read code."""

from __future__ import annotations

Words = dict[str, str]


def full(head: int) -> Words:
    """Everything from genesis, over an operator's folder."""
    return {
        "zh": f"本次审计从创世块起覆盖区块 0 至 {head} 的全部内容：每个区块、每个 SM2 签名、每条记录原文、"
        "合约的全部存储以及各数据库的每一行。不能发现的事项见审计说明；参与方所述是否属实不在其内。",
        "en": f"This audit covered everything from genesis: every block from 0 to {head}, every SM2 signature, every "
        "record's payload, the contracts' whole storage and every row of the stores. What an audit cannot see is in "
        "its documentation; whether what members said is true is not among the things it can tell.",
    }


def replica(head: int) -> Words:
    """Everything that a replica's folder holds of the chain."""
    return {
        "zh": f"本次审计覆盖副本所持链上区块 0 至 {head} 的全部内容：区块、交易、收据、SM2 签名、合约规则、"
        "合约状态与链文件。副本没有原文库、发件箱与读模型，这些未审计；记录原文与其摘要是否相符，须在运营方处审计。",
        "en": f"This audit covered everything that the replica's chain holds in blocks 0 to {head}: blocks, "
        "transactions, receipts, SM2 signatures, the contracts' rules and state, and the chain file. A replica has no "
        "payload store, outbox or read model: those were not audited, and whether payloads have their digests has to "
        "be audited at the operator's.",
    }


def incremental(base: int, key: str, head: int) -> Words:
    """What came after an earlier audit."""
    return {
        "zh": f"本次审计以先前对区块 0 至 {base} 的完整审计为起点（其结果由密钥 {key} 签名），"
        f"只重新检查区块 {base + 1} 至 {head} 的签名与记录原文。区块 0 至 {base} 的签名与记录原文未再检查，"
        "若其后被改动，须完整审计才能发现；"
        "合约在最新区块的全部存储、读模型、发件箱、登记册、检查点与链文件仍全部检查。",
        "en": f"This audit builds on an earlier full audit of blocks 0 to {base}, whose result the key {key} signed: "
        f"signatures and payloads were checked for blocks {base + 1} to {head} only. Signatures and payloads of blocks "
        f"0 to {base} were not checked again: what was changed there since then takes a full audit to find. "
        "The contracts' whole storage at the head, the read model, outbox, registers, checkpoints and the chain file "
        "were checked completely.",
    }


def refused(reason: str) -> Words:
    """An audit that did not begin."""
    return {
        "zh": f"本次审计没有进行：不能接续先前的审计（{reason}）。请做完整审计。",
        "en": f"Nothing was audited: the earlier audit cannot be gone on from ({reason}). Run a full audit.",
    }


def of(mode: str, role: str, first: int, head: int, key: str = "") -> Words:
    """The statement of an audit that ran."""
    if mode == "incremental":
        return incremental(first - 1, key, head)
    return replica(head) if role == "replica" else full(head)
