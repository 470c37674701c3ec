"""Wire models of the JSON API: what OpenAPI promises. Tests check real answers against these schemas.

The models document; `api.wire` builds the answers. Names are camelCase. Times are Unix seconds (UTC); digests are text
with their algorithm (`sm3:…`); quantities are decimal text beside a UN/ECE Rec 20 unit code.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Wire(BaseModel):
    """Base of every wire model: camelCase names, no surprises."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class Text(Wire):
    """One text in both languages."""

    zh: str
    en: str


class Problem(BaseModel):
    """problem+json (RFC 9457). `code` is stable; `field` says where, `hint` what to do; more members may follow."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    titles: Text
    instance: str
    field: str | None = None
    hint: str | None = None
    problems: list[dict[str, Any]] | None = Field(None, description="every bad record of a refused submission")


class Member(Wire):
    id: str
    name: Text
    uscc: str
    zone: int
    roles: list[str]
    standing: str
    custodial: bool = Field(description="true when the operator keeps this member's key: P1 does not cover it")
    since: int
    key_id: str


class Anchored(Wire):
    record: str
    submission_id: str
    key_id: str
    transaction: str
    block: int
    sealed_at: int = Field(description="recording time: the block's time, never the event's")


class Event(Wire):
    sequence: int
    kind: str
    author: Member
    event_time: int | None
    biz_step: str | None
    disposition: str | None
    place: str | None
    anchored: Anchored
    payload: dict[str, Any] = Field(description="public fields only")
    withheld: int


class LotLink(Wire):
    gtin: str
    lot: str
    id: str
    quantity: str
    unit: str


class Rule(Wire):
    id: str
    title: Text
    severity: str
    outcome: str
    basis: str
    fields: list[str]
    reason: Text


class Document(Wire):
    kind: str
    record: str
    signer: Member
    anchored: Anchored


class Trade(Wire):
    id: str
    verdict: Literal["MATCHED", "MISMATCHED", "INCOMPLETE"]
    independence: int
    policy_version: int
    matched_at: int
    matcher: Member
    documents: list[Document]
    rules: list[Rule]
    lots: list[LotLink]
    anchored: Anchored


class LotSummary(Wire):
    gtin: str
    lot: str
    id: str
    product: Text
    variety: Text
    zone: int
    producer_name: Text
    quantity: str
    unit: str
    state: str
    registered_at: int
    events: int
    digital_link: str


class Accumulator(Wire):
    """The contract's running head over everything sealed about the lot, with its two counters."""

    head: str
    total: int
    entries: int


class LotLinks(Wire):
    page: str
    bundle: str
    label: str


class Lot(LotSummary):
    origin: dict[str, Any]
    producer: Member
    custodian: Member
    remaining: str
    registered: Anchored
    accumulator: Accumulator
    history_complete: bool
    parents: list[LotLink]
    children: list[LotLink]
    history: list[Event]
    trades: list[Trade]
    links: LotLinks


class LotPage(Wire):
    items: list[LotSummary]
    next_cursor: str | None


class TradePage(Wire):
    items: list[Trade]
    next_cursor: str | None


class MemberPage(Wire):
    items: list[Member]
    next_cursor: str | None


class Inclusion(Wire):
    index: int
    size: int
    path: list[str]


class ReceiptRecord(Wire):
    index: int
    kind: str
    digest: str
    inclusion: Inclusion


class SignedCheckpoint(Wire):
    """The text is what is signed: SM2 with SM3 and the default user ID, over its UTF-8 bytes."""

    text: str
    key_id: str
    signature: str


class Cosignature(Wire):
    """A witness signs originseal-cosignature/v1: its key, time and method, then the checkpoint (SM2 with SM3)."""

    key_id: str
    time: int
    method: Literal["headers", "execution"]
    signature: str


class CosignatureEvidence(Wire):
    """What this server holds of a witness for one height: checked over exactly `checkpoint`."""

    checkpoint: str
    key_id: str
    agency: str
    name: Text
    time: int
    method: Literal["headers", "execution"]


class CheckpointNote(Wire):
    checkpoint: SignedCheckpoint
    cosignatures: list[Cosignature]


class CheckpointFeed(Wire):
    """A page of the feed; `next` is the height to ask for then, null at the end."""

    format: Literal["originseal-checkpoints/v1"]
    notes: list[CheckpointNote]
    next: int | None


class Receipt(Wire):
    format: Literal["originseal-receipt/v1"]
    submission_id: str
    state: Literal["sealed", "pending"]
    key_id: str
    member_id: str
    root: str
    count: int
    records: list[ReceiptRecord]
    transaction: str | None = None
    block: int | None = None
    block_hash: str | None = None
    sealed_at: int | None = None
    checkpoint: SignedCheckpoint | None = None
    cosignatures: list[Cosignature] | None = Field(None, description="of the checkpoint, as far as known now")
    received_at: int | None = None
    duplicate: bool


class SubmissionRecord(Wire):
    kind: str
    lots: list[str]
    seed: str = Field(pattern="^[0-9a-f]{64}$")
    payload: dict[str, Any]
    evidence: str | None = Field(None, description="base64 of the exact message the record was taken from")


class Operation(Wire):
    kind: int
    data: str = Field(pattern="^0x[0-9a-f]*$")


class Submission(Wire):
    """One author's records under one SM2 signature. Roots, lot entries and digests are recomputed, never trusted."""

    format: Literal["originseal-submission/v1"]
    key_id: str
    meta: str = Field(pattern="^[0-9a-f]{46}$")
    signature: str = Field(pattern="^[0-9a-f]{128}$")
    operations: list[Operation]
    records: list[SubmissionRecord]


class LedgerInfo(Wire):
    """What a client needs before it signs: message = domain ‖ action digest ‖ meta."""

    chain_id: int
    genesis: str
    submissions: str
    domain: str
    max_window: int = Field(description="how far ahead of block time an expiry may lie, in seconds")
    height: int
    head_time: int
    contracts: dict[str, str]


class Status(Wire):
    chain_id: int
    genesis: str
    height: int
    head_time: int
    indexed: int
    records: int
    submissions: int
    lots: int
    trades: int
    members: int
    outbox_depth: int
    audit: dict[str, Any] | None


class Defect(Wire):
    code: str
    path: str
    severity: Literal["error", "notice"]
    message: Text


class CebNode(Wire):
    kind: str
    key: str
    digest: str = Field(description="SM3 of the node's canonical XML (C14N 1.0)")
    status: str = Field(description="returnStatus of the customs specification, e.g. 120 or 100")
    code: str
    reasons: list[Text]


class CebResult(Wire):
    """What a customs message is worth here, node by node; `sealed` is true only when a signed envelope came with it."""

    message_type: str
    sealed: bool
    defects: list[Defect]
    nodes: list[CebNode]
    receipt: Receipt | None


class CaptureJob(Wire):
    """EPCIS 2.0 capture job (REST binding, /capture/{captureID}), with the ledger's receipt."""

    capture_id: str = Field(alias="captureID")
    running: bool
    success: bool
    capture_error_behaviour: Literal["rollback"]
    created_at: str | None
    finished_at: str | None
    errors: list[dict[str, Any]]
    receipt: Receipt


class PublicRecord(BaseModel):
    """The public part of one record. Withheld (`record` null) when it names no lot; without `record` when erased."""

    model_config = ConfigDict(extra="forbid")

    digest: str
    lots: list[str]
    record: dict[str, Any] | None = Field(None, description="as in a proof bundle, without `inclusion`")
    erased: Literal[True] | None = None


class PublicRecords(Wire):
    """Every record of a submission, in its order: their digests give the Merkle root that its author signed."""

    submission_id: str
    records: list[PublicRecord]
