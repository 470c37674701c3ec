"""What the read model answers: plain frozen values, public fields only (P7).

Nothing here is secret: prices, document contents and persons stay in the payload store. Times are Unix seconds (UTC);
digests are text with their algorithm (`sm3:…`); quantities are decimal text beside a UN/ECE Rec 20 unit code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a listing; `next_cursor` is opaque and None on the last page."""

    items: tuple[T, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class MemberView:
    """A member as the chain and its sealed profile describe it; `roles` are Role names, e.g. PRODUCER."""

    id: str
    name_zh: str
    name_en: str
    uscc: str
    zone: int
    roles: tuple[str, ...]
    standing: str  # ACTIVE | SUSPENDED | RETIRED
    custodial: bool
    since: int
    key_id: str


@dataclass(frozen=True, slots=True)
class Anchored:
    """Where and when a record was sealed, and under which signature."""

    record: str
    submission_id: str
    key_id: str
    transaction: str  # 0x…
    block: int
    sealed_at: int  # block time: the recording time, never the event time


@dataclass(frozen=True, slots=True)
class EventView:
    """One sealed record in a lot's history. `payload` holds its public fields only."""

    kind: str
    author: MemberView
    event_time: int | None
    anchored: Anchored
    payload: dict[str, Any]
    biz_step: str | None = None
    disposition: str | None = None
    place: str | None = None
    sequence: int = 0  # position in the lot's history, from 0
    withheld: int = 0  # number of fields that only their commitment shows


@dataclass(frozen=True, slots=True)
class LotLink:
    """A parent or child of a lot, and how much went from the one to the other."""

    gtin: str
    lot: str
    id: str
    quantity: str
    unit: str


@dataclass(frozen=True, slots=True)
class RuleView:
    """One matching rule's public outcome: no values, only which fields were compared and what came of it."""

    id: str
    title_zh: str
    title_en: str
    severity: str  # hard | warn
    outcome: str  # passed | failed | warned | skipped
    basis: str
    fields: tuple[str, ...] = ()
    reason_zh: str = ""
    reason_en: str = ""


@dataclass(frozen=True, slots=True)
class DocumentView:
    """One sealed trade document: its kind, digest and signer; never its content."""

    kind: str  # order | receipt | waybill | list
    record: str
    signer: MemberView
    anchored: Anchored


@dataclass(frozen=True, slots=True)
class TradeView:
    """Four documents joined through the declaration list, and the sealed verdict."""

    id: str
    verdict: str  # MATCHED | MISMATCHED | INCOMPLETE
    independence: int  # distinct signers among order, receipt and waybill: 1..3
    policy_version: int
    matched_at: int
    matcher: MemberView
    documents: tuple[DocumentView, ...]
    rules: tuple[RuleView, ...]
    lots: tuple[LotLink, ...]
    anchored: Anchored


@dataclass(frozen=True, slots=True)
class LotSummary:
    """A lot in a list."""

    gtin: str
    lot: str
    id: str
    product_zh: str
    product_en: str
    variety_zh: str
    variety_en: str
    zone: int
    producer_zh: str
    producer_en: str
    quantity: str
    unit: str
    state: str  # ACTIVE | HELD | RECALLED
    registered_at: int
    events: int


@dataclass(frozen=True, slots=True)
class LotView:
    """Everything public about one lot, from its origin to its trades."""

    summary: LotSummary
    origin: dict[str, Any]  # public fields of the lot.origin payload
    producer: MemberView
    custodian: MemberView
    remaining: str
    registered: Anchored
    accumulator_head: str
    accumulator_total: int  # records sealed about this lot
    accumulator_entries: int  # submissions that named this lot
    parents: tuple[LotLink, ...] = ()
    children: tuple[LotLink, ...] = ()
    events: tuple[EventView, ...] = ()
    trades: tuple[TradeView, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """Numbers for operators and for the front page; `height` and `indexed` are block numbers."""

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
    extra: dict[str, Any] = field(default_factory=dict)
