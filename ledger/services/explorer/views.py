"""What the explorer answers. Digests are text with their algorithm, chain data 0x text, times Unix seconds (UTC).

Numbers beyond 2^53 (nonces, quantities) are decimal text. These classes are the API: `api.explorer_json` writes them
as JSON with camelCase names, and the OpenAPI document is made from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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


# ------------------------------------------------------------------------------------------------------ members


@dataclass(frozen=True, slots=True)
class StateProof:
    """Values read with a Merkle-Patricia proof that was checked against the block's state root."""

    block: int
    block_hash: str
    state_root: str
    contract: str
    address: str
    slots: tuple[tuple[str, str], ...]  # slot, value


@dataclass(frozen=True, slots=True)
class KeyView:
    id: str
    public_key: str
    custodial: bool
    since: int
    revoked_at: int | None


@dataclass(frozen=True, slots=True)
class GovernanceLine:
    """One act about a member: admission, a key added or revoked, standing or roles changed."""

    kind: str  # admitted | key-added | key-revoked | standing | roles
    member: MemberRef
    by: MemberRef | None  # None: at the founding of the ledger
    words: Sentence
    time: int
    block: int
    log_index: int
    transaction: str
    submission: str | None


@dataclass(frozen=True, slots=True)
class GovernancePage:
    """Governance, newest first. `searched_from`: the oldest block that this page looked at."""

    head: int
    kind: str | None
    member: MemberRef | None
    items: tuple[GovernanceLine, ...]
    before: str | None
    searched_from: int
    requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class SubmissionLine:
    id: str
    key_id: str
    records: int
    nonce: str
    block: int
    time: int
    transaction: str


@dataclass(frozen=True, slots=True)
class MemberPage:
    """A member as the contract holds it. Keys and history are those found back to block `searched_from`; `usable_keys`
    is the contract's own count, so a key that is not listed is noticed."""

    id: str
    name: Name | None
    roles: tuple[str, ...]
    zone: int
    standing: str
    custodial: bool
    since: int
    latest_key: str
    usable_keys: int
    keys: tuple[KeyView, ...]
    history: tuple[GovernanceLine, ...]
    searched_from: int
    submissions: tuple[SubmissionLine, ...]
    before: str | None
    checks: tuple[Check, ...]
    proof: StateProof
    requests: tuple[Request, ...]


# --------------------------------------------------------------------------------------------------------- lots


@dataclass(frozen=True, slots=True)
class LotPart:
    lot: LotRef
    quantity: Sentence
    base: str


@dataclass(frozen=True, slots=True)
class PlacedEvent:
    """An event with where it stands in the chain."""

    name: str
    words: Sentence
    block: int
    log_index: int
    time: int
    transaction: str


@dataclass(frozen=True, slots=True)
class LotPage:
    """A lot as the contract holds it. `records` and `entries` are the contract's counts, `accumulator` what binds its
    whole history."""

    lot: LotRef
    custodian: MemberRef
    origin_digest: str
    quantity: Sentence
    quantity_base: str
    remaining: Sentence
    remaining_base: str
    unit: str
    state: str
    registered_at: int
    records: int
    entries: int
    accumulator: str
    parents: tuple[LotPart, ...]
    events: tuple[PlacedEvent, ...]
    before: str | None
    searched_from: int
    checks: tuple[Check, ...]
    proof: StateProof
    requests: tuple[Request, ...]


# ---------------------------------------------------------------------------------------------------- contracts


@dataclass(frozen=True, slots=True)
class Immutable:
    """Places that the constructor filled in, all with one value; `means` names it where it is an address we know."""

    places: tuple[int, ...]
    length: int
    value: str
    means: str


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that the contract is compiled from. `text` is empty in lists and for files of npm packages, which are not
    part of this release (`included` false)."""

    path: str
    included: bool
    bytes: int
    lines: int
    keccak256: str
    sm3: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class StorageEntry:
    label: str
    slot: str
    offset: int
    type: str


@dataclass(frozen=True, slots=True)
class ContractLine:
    """`verified`: the code on chain is the artifact's, byte for byte but for the immutables; `problem` why not."""

    name: str
    address: str
    code_hash: str
    code_bytes: int
    verified: bool
    problem: str


@dataclass(frozen=True, slots=True)
class ContractPage:
    """One contract: what is on the chain, what this release was built with, and whether that is the same."""

    line: ContractLine
    recorded_code_hash: str
    artifact_code_hash: str
    proven_at: int
    immutables: tuple[Immutable, ...]
    compiler: str
    settings: dict[str, Any]
    source: str
    source_hash: str
    recomputed_source_hash: str | None  # None: some of the sources are not part of this release
    sources: tuple[SourceFile, ...]
    storage: tuple[StorageEntry, ...]
    functions: tuple[str, ...]
    events: tuple[str, ...]
    errors: tuple[str, ...]
    abi: tuple[dict[str, Any], ...]
    commands: tuple[str, ...]
    checks: tuple[Check, ...]
    requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class ContractList:
    head: int
    chain_id: int
    genesis: str
    items: tuple[ContractLine, ...]
    commands: tuple[str, ...]
    requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class AccountPage:
    """An account in the head's state, proven: a contract, or a sender such as the relayer."""

    address: str
    contract: str | None
    nonce: int
    balance: str
    code_hash: str
    storage_root: str
    proof: StateProof
    requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """The explorer's front page."""

    chain_id: int
    genesis: str
    deployed_in: int
    head: BlockLine
    blocks: tuple[BlockLine, ...]
    governance: tuple[GovernanceLine, ...]
    contracts: tuple[ContractLine, ...]
    requests: tuple[Request, ...] = field(default=())
