"""One transaction, whole: envelope, submission, outcome, events, and for a refused one the contract's reason."""

from __future__ import annotations

from typing import Any

import contracts
from ledger.chain.reader import Event
from ledger.chain.sending import Receipt
from ledger.crypto.keccak import keccak256
from ledger.errors import Malformed, NotFound, RevertedOnChain
from ledger.proof.slots import submission_slot
from ledger.services.explorer import events as ev
from ledger.services.explorer import refusals
from ledger.services.explorer.access import Access
from ledger.services.explorer.envelopes import Envelope, open_envelope
from ledger.services.explorer.submissions import decode, member_ref
from ledger.services.explorer.views import (
    Check,
    EventLine,
    Refusal,
    Request,
    SubmissionView,
    TransactionLine,
    TransactionView,
)
from ledger.services.explorer.wording import Name, Sentence, Words, say

SENTENCES = 4  # per transaction in a block's list
SUBMISSION, CREATION, OTHER = "submission", "creation", "other"


def transaction(access: Access, words: Words, tx_hash: bytes) -> TransactionView:
    """The transaction with this hash. Raises NotFound."""
    chain = access.chain
    raw = access.raw_transaction(tx_hash)
    envelope = open_envelope(raw)
    receipt = chain.receipt(tx_hash)
    if receipt is None:
        raise NotFound(f"the transaction 0x{tx_hash.hex()} is in no block yet")
    if receipt.block > access.head():
        raise NotFound(f"the transaction 0x{tx_hash.hex()} is in no final block yet")
    kind = kind_of(access, envelope)
    submission, problem = None, ""
    if kind == SUBMISSION:
        try:
            submission = decode(chain, words, envelope.data)
        except Malformed as error:
            problem = error.message
    created, said = receipt.contract, decoded_logs(access, receipt)
    stored = _stored(access, submission) if submission is not None and receipt.success else None
    return TransactionView(
        hash="0x" + tx_hash.hex(),
        block=receipt.block,
        block_hash="0x" + receipt.block_hash.hex(),
        index=receipt.index,
        time=receipt.time,
        success=receipt.success,
        kind=kind,
        sender="0x" + envelope.sender.hex(),
        nonce=envelope.nonce,
        to=None if envelope.to is None else "0x" + envelope.to.hex(),
        to_contract=contract_at(access, envelope.to),
        value=str(envelope.value),
        gas_limit=envelope.gas,
        gas_used=receipt.gas_used,
        creates=None if created is None else "0x" + created.hex(),
        created_contract=contract_at(access, created),
        raw="0x" + raw.hex(),
        calldata="0x" + envelope.data.hex(),
        submission=submission,
        problem=problem,
        refusal=None if receipt.success else refusal(access, envelope, receipt.block),
        events=tuple(event_line(words, event) for event in said),
        checks=(*_checks(tx_hash, raw, envelope, receipt, submission, said), *(stored[:1] if stored else ())),
        requests=(*_requests(tx_hash, receipt, access.raw_methods()), *(stored[1:] if stored else ())),
    )


def contract_at(access: Access, address: bytes | None) -> str | None:
    """The name of the ledger's contract at an address."""
    return next((c.name for c in access.chain.deployment.contracts if c.address == address), None)


def kind_of(access: Access, envelope: Envelope) -> str:
    """submission, creation or other."""
    if envelope.to is None:
        return CREATION
    return SUBMISSION if envelope.to == access.chain.deployment.address("Submissions") else OTHER


def _artifact_of(code: bytes) -> str | None:
    """Which committed contract creation code belongs to."""
    return next((name for name in contracts.names() if code.startswith(contracts.artifact(name).bytecode)), None)


def decoded_logs(access: Access, receipt: Receipt) -> list[Event]:
    """The receipt's events of this ledger's contracts; a foreign contract's logs are left out."""
    own = {"0x" + contract.address.hex() for contract in access.chain.deployment.contracts}
    return [access.chain.decode_log(log) for log in receipt.logs if str(log.get("address", "")).lower() in own]


def event_line(words: Words, event: Event) -> EventLine:
    return EventLine(event.contract, event.name, event.log_index, ev.words_of(words, event), ev.arguments(event))


def refusal(access: Access, envelope: Envelope, height: int) -> Refusal:
    """Why the call was refused: executed again on the state before its block, then on the one after it (a transaction
    in front of it in the same block may be the cause). Not found out is said as such."""

    def find() -> tuple[str, RevertedOnChain] | None:
        for state, at in (("before", height - 1), ("after", height)):
            try:
                found = access.replay(envelope.sender, envelope.to or b"", envelope.data, envelope.gas, at)
            except NotFound:
                continue
            if found is not None:
                return state, found
        return None

    found = None if envelope.to is None else access.refusal_of(envelope.hash, find)
    if found is None:
        words = say(
            "合约拒绝了这笔交易；收据不含原因，重新执行也未能重现",
            "The contract refused this transaction; a receipt holds no reason, and executing it again did not show one",
        )
        return Refusal("none", "", {}, words)
    state, error = found
    return Refusal(state, error.error, error.args_, refusals.words_of(error.error, error.args_))


def line(
    access: Access, words: Words, envelope: Envelope, index: int, success: bool, said: list[Event]
) -> TransactionLine:
    """A transaction in its block's list: what came of it, in a few sentences."""
    kind = kind_of(access, envelope)
    accepted = next((event for event in said if event.name == "Accepted"), None)
    author = None if accepted is None else member_ref(words, accepted.args["memberId"])
    sentences: list[Sentence] = [ev.words_of(words, event) for event in said if event.name != "LotExtended"]
    if kind == CREATION:
        sentences.insert(0, _deployment(access, envelope))
    if not success:
        sentences = [say("被合约拒绝，没有任何改变", "Refused by the contract; it changed nothing")]
    return TransactionLine(
        hash="0x" + envelope.hash.hex(),
        index=index,
        kind=kind,
        success=success,
        author=author,
        records=accepted.args["count"] if accepted else 0,
        words=tuple(sentences[:SENTENCES]),
        more=max(0, len(sentences) - SENTENCES),
    )


def _deployment(access: Access, envelope: Envelope) -> Sentence:
    """Which contract a transaction creates; a copy of one of ours at another address is somebody else's."""
    name = contract_at(access, envelope.creates)
    if name is not None:
        return say("部署本账本的合约 {name}", "Deploys the ledger's contract {name}", name=name)
    copied = _artifact_of(envelope.data)
    if copied is not None:
        return say(
            "部署另一个合约，代码与 {name} 相同，不属于本账本",
            "Deploys another contract with the code of {name}, not the ledger's",
            name=copied,
        )
    return say("部署一个不属于本账本的合约", "Deploys a contract that is not the ledger's")


def _checks(
    tx_hash: bytes,
    raw: bytes,
    envelope: Envelope,
    receipt: Receipt,
    submission: SubmissionView | None,
    said: list[Event],
) -> tuple[Check, ...]:
    found = keccak256(raw)
    checks = [
        Check(
            "hash",
            found == tx_hash,
            Name("交易哈希是原始字节的 Keccak-256", "The hash is the Keccak-256 of the raw bytes"),
            "0x" + found.hex(),
            "0x" + tx_hash.hex(),
        )
    ]
    if receipt.contract is not None and envelope.creates is not None:
        checks.append(
            Check(
                "creates",
                envelope.creates == receipt.contract,
                Name("合约地址由发送方与序号推出", "The contract's address follows from sender and nonce"),
                "0x" + envelope.creates.hex(),
                "0x" + receipt.contract.hex(),
            )
        )
    if submission is not None and receipt.success:
        accepted = [event.args for event in said if event.name == "Accepted"]
        expected = _decoded(submission)
        found_ = _accepted(accepted[0]) if len(accepted) == 1 else ("—",) * len(expected)
        differing = [pair for pair in zip(found_, expected, strict=True) if pair[0] != pair[1]]
        shown = differing or [(submission.id, submission.id)]
        says = Name("合约接受的正是调用数据所载的提交", "The contract accepted exactly what the calldata says")
        checks.append(
            Check("accepted", not differing, says, " ".join(a for a, _ in shown), " ".join(b for _, b in shown))
        )
    if submission is not None:
        signature = submission.signature
        checks.append(
            Check(
                "signature",
                signature.holds,
                Name("作者的 SM2 签名在此重新验证", "The author's SM2 signature, verified here again"),
                f"e={signature.e}" if signature.holds else signature.problem,
                f"r={signature.r} s={signature.s}",
            )
        )
    return tuple(checks)


def _stored(access: Access, said: SubmissionView) -> tuple[Check, Request] | None:
    """That Submissions holds this submission under its key and nonce, proven from the newest state; None where the
    engine gives no proofs."""
    address, head = access.chain.deployment.address("Submissions"), access.head()
    slot = submission_slot(bytes.fromhex(said.key_id[4:]), int(said.nonce))
    try:
        state = access.state(address, [slot], head, "Submissions")
    except NotFound:
        return None
    found = f"keccak256:{state.values[0]:064x}"
    says = Name(
        "合约在该密钥与随机数之下记有此提交（状态证明）",
        "The contract holds this submission under its key and nonce (state proof)",
    )
    params = (state.proof.address, [state.proof.slots[0][0]], hex(head))
    shows = Name("submissionOf 的状态证明", "proof of submissionOf in the state")
    return Check("state", found == said.id, says, found, said.id), Request("state", "eth_getProof", params, shows)


def _accepted(args: dict[str, Any]) -> tuple[str, ...]:
    """Who said what by the Accepted event: submission, member, key, root, count, nonce, action."""
    names = (f"keccak256:{args['submissionId'].hex()}", f"sm3:{args['memberId'].hex()}", f"sm3:{args['keyId'].hex()}")
    digests = (f"sm3:{args['root'].hex()}", str(args["count"]), str(args["nonce"]))
    return (*names, *digests, f"keccak256:{args['actionDigest'].hex()}")


def _decoded(said: SubmissionView) -> tuple[str, ...]:
    """The same by the calldata, with the member that the state says the key belongs to."""
    author = said.author.id if said.author else "—"
    return (said.id, author, said.key_id, said.root, str(said.count), said.nonce, said.action_digest)


def _requests(tx_hash: bytes, receipt: Receipt, raw_methods: bool) -> tuple[Request, ...]:
    name = "0x" + tx_hash.hex()
    return (
        Request(
            "transaction",
            "eth_getTransactionByHash",
            (name,),
            Name("交易及其调用数据", "the transaction and its calldata"),
        ),
        Request(
            "raw",
            "debug_getRawTransaction" if raw_methods else "eth_getTransactionByHash",
            (name,),
            Name("原始字节", "the raw bytes") if raw_methods else Name("交易的各个字段", "the transaction's members"),
        ),
        Request(
            "receipt",
            "eth_getTransactionReceipt",
            (name,),
            Name("结果、gas 与事件", "outcome, gas and events"),
        ),
        Request(
            "block",
            "eth_getBlockByNumber",
            (hex(receipt.block), False),
            Name("所在区块及其时间", "its block and that block's time"),
        ),
    )
