"""What the explorer answers. Digests are text with their algorithm, chain data 0x text, times Unix seconds (UTC).

Numbers beyond 2^53 (nonces, quantities) are decimal text. These classes are the API: `api.explorer_json` writes them
as JSON with camelCase names, and the OpenAPI document is made from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger.services.explorer.wording import LotName, Name, Sentence


@dataclass(frozen=True, slots=True)
class Request:
    """One JSON-RPC call that shows the raw data behind figures of a page; `id` is unique on its page."""

    id: str
    method: str
    params: tuple[Any, ...]
    shows: Name


@dataclass(frozen=True, slots=True)
class Check:
    """Something that the explorer recomputed: `found` is its own result, `expected` what the chain claims."""

    id: str
    holds: bool
    says: Name
    found: str
    expected: str


@dataclass(frozen=True, slots=True)
class MemberRef:
    id: str
    name: Name | None


@dataclass(frozen=True, slots=True)
class LotRef:
    id: str
    name: LotName | None


@dataclass(frozen=True, slots=True)
class StateProof:
    """Values read with a Merkle-Patricia proof that was checked against the block's state root."""

    block: int
    block_hash: str
    state_root: str
    contract: str
    address: str
    slots: tuple[tuple[str, str], ...]  # slot, value


# ------------------------------------------------------------------------------------------------------- blocks


@dataclass(frozen=True, slots=True)
class BlockLine:
    """A block in a list. `submissions` and `records`: what the contract accepted in it, by its own events."""

    number: int
    hash: str
    time: int
    transactions: int
    submissions: int
    records: int
    authors: tuple[MemberRef, ...]


@dataclass(frozen=True, slots=True)
class BlockPage:
    """Blocks, newest first. `before` is the next page's cursor, `newer` that of the page in front."""

    head: int
    items: tuple[BlockLine, ...]
    before: int | None
    newer: int | None
    requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class TransactionLine:
    hash: str
    index: int
    kind: str  # submission | creation | other
    success: bool
    author: MemberRef | None
    records: int
    words: tuple[Sentence, ...]
    more: int  # sentences left out


@dataclass(frozen=True, slots=True)
class BlockView:
    """A block: its header field by field, the bytes that its hash is of, and its transactions (`page` of `pages`)."""

    number: int
    hash: str
    parent_hash: str
    time: int
    state_root: str
    transactions_root: str
    receipts_root: str
    gas_used: int
    gas_limit: int
    coinbase: str
    extra_data: str
    header: str
    is_head: bool
    checks: tuple[Check, ...]
    transaction_count: int
    transactions: tuple[TransactionLine, ...]
    page: int
    pages: int
    requests: tuple[Request, ...]


# ------------------------------------------------------------------------------------------------- transactions


@dataclass(frozen=True, slots=True)
class LotEntryView:
    """How many of the submission's records name a lot, and the SM3 Merkle root over exactly those."""

    lot: LotRef
    root: str
    count: int


@dataclass(frozen=True, slots=True)
class OperationView:
    """One operation: its kind's number and name, its fields, and what it does in words. `problem` says why the bytes
    are no operation (then `fields` is empty)."""

    index: int
    kind: int
    name: str
    words: Sentence
    fields: dict[str, Any]
    data: str
    problem: str


@dataclass(frozen=True, slots=True)
class SignatureView:
    """The author's SM2 signature, checked here again: e = SM3(Z ‖ message) under `public_key` (04 ‖ X ‖ Y)."""

    holds: bool
    problem: str
    user_id: str
    public_key: str
    z: str
    domain: str
    message: str
    e: str
    r: str
    s: str


@dataclass(frozen=True, slots=True)
class SubmissionView:
    """What a member said in a transaction. Records themselves are not on the chain: only their root and count."""

    id: str
    author: MemberRef | None
    key_id: str
    custodial: bool
    nonce: str
    expiry: int
    count: int
    root: str
    action_digest: str
    lots: tuple[LotEntryView, ...]
    operations: tuple[OperationView, ...]
    signature: SignatureView


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a transaction changed nothing. A receipt does not say, so the call was executed again: on the state
    `before` its block, or, where that accepts it, `after` it; `none`: it could not be found out."""

    state: str  # before | after | none
    error: str
    arguments: dict[str, Any]
    words: Sentence


@dataclass(frozen=True, slots=True)
class EventLine:
    contract: str
    name: str
    log_index: int
    words: Sentence
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TransactionView:
    """A transaction, its receipt, and what both say. `sender` is recovered from its secp256k1 signature: whoever paid
    the postage, who is nobody to the contracts. `problem`: why the bytes sent to Submissions are no submission."""

    hash: str
    block: int
    block_hash: str
    index: int
    time: int
    success: bool
    kind: str  # submission | creation | other
    sender: str
    nonce: int
    to: str | None
    to_contract: str | None
    value: str
    gas_limit: int
    gas_used: int
    creates: str | None
    created_contract: str | None
    raw: str
    calldata: str
    submission: SubmissionView | None
    problem: str
    refusal: Refusal | None
    events: tuple[EventLine, ...]
    checks: tuple[Check, ...]
    requests: tuple[Request, ...]
