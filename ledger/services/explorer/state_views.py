"""What the explorer answers about members, lots, contracts and accounts. See `views` for the conventions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger.services.explorer.views import BlockLine, Check, LotRef, MemberRef, Request, StateProof
from ledger.services.explorer.wording import Name, Sentence

# ------------------------------------------------------------------------------------------------------ members


@dataclass(frozen=True, slots=True)
class KeyView:
    id: str
    public_key: str
    custodial: bool
    since: int
    revoked_at: int | None


@dataclass(frozen=True, slots=True)
class GovernanceLine:
    """One act of governance; `member` is whom it is about, None for a proposal and for the threshold."""

    kind: str  # a key of governance.KINDS
    member: MemberRef | None
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
class MemberLine:
    """A member in the list: when it was admitted, by whom, and what the state says of it now."""

    member: MemberRef
    by: MemberRef | None  # None: at the founding of the ledger
    roles: tuple[str, ...]
    zone: int
    standing: str
    custodial: bool
    since: int
    block: int
    transaction: str


@dataclass(frozen=True, slots=True)
class MemberList:
    """Members, newest admission first."""

    head: int
    items: tuple[MemberLine, ...]
    before: str | None
    searched_from: int
    proof: StateProof
    requests: tuple[Request, ...]


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
    """Places that the constructor filled in, all with one value; `means` names it: a contract of the ledger,
    or DOMAIN, the signing domain."""

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
    """An account in the head's state, proven. `contract` names one of the ledger's, `has_code` says that it is some
    contract; without code it is a sender such as the relayer."""

    address: str
    contract: str | None
    has_code: bool
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
    requests: tuple[Request, ...]
