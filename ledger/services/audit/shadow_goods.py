"""The rules of contracts/src/Lots.sol and Trades.sol: goods are conserved, histories folded, documents used once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import dataclass, field

from ledger.crypto.keccak import keccak256
from ledger.domain import action as act
from ledger.proof.slots import mapping_slot
from ledger.services.audit.shadow_people import Author
from ledger.services.audit.shadow_types import Emitted, Violation, emit, packed, word

ACTIVE = 1
MATCHED = 1
MAX_PARENTS, MAX_LINES = 32, 64
ECOMMERCE, PAYMENT, LOGISTICS, DECLARANT, MATCHER = 1 << 2, 1 << 3, 1 << 4, 1 << 7, 1 << 18
REGISTRARS = 1 << 0 | 1 << 1
AGENCIES = 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 15 | 1 << 16
EXTENDERS = 1 << 5 | LOGISTICS | 1 << 6 | AGENCIES | 1 << 17 | ECOMMERCE | MATCHER
CONTROLLERS = 1 << 9 | 1 << 12 | 1 << 13 | 1 << 17
SEALERS = {1: ECOMMERCE, 2: ECOMMERCE | PAYMENT, 3: LOGISTICS, 4: ECOMMERCE | DECLARANT}
NONE = bytes(32)

_REGISTERED = "LotRegistered(bytes32,bytes32,bytes32,bytes32,uint128,uint8)"
_DRAWN = "LotDrawn(bytes32,bytes32,uint128,uint128)"
_EXTENDED = "LotExtended(bytes32,bytes32,bytes32,uint32,bytes32,uint64)"
_TRANSFERRED = "LotTransferred(bytes32,bytes32,bytes32,bytes32)"
_STATE = "LotStateChanged(bytes32,bytes32,bytes32,uint8)"
_EXPORTED = "LotExported(bytes32,bytes32,uint128,uint128)"
_SEALED = "DocumentSealed(bytes32,bytes32,bytes32,uint8,bytes32)"
_MATCH = "MatchRecorded(bytes32,bytes32,bytes32,bytes32[4],uint8,uint32,uint8,bytes32)"


@dataclass(slots=True)
class Lot:
    custodian: bytes
    origin: bytes
    quantity: int
    remaining: int
    registered_at: int
    unit: int
    head: bytes = NONE
    total: int = 0
    entries: int = 0
    state: int = ACTIVE
    parents: tuple[tuple[bytes, int], ...] = ()


@dataclass(slots=True)
class Document:
    kind: int
    member_id: bytes
    key_id: bytes
    sealed_at: int
    trade: bytes = NONE


@dataclass(slots=True)
class Trade:
    documents: tuple[bytes, ...]
    result: bytes
    matched_at: int
    policy_version: int
    verdict: int
    independence: int


@dataclass(slots=True)
class Goods:
    lots: MutableMapping[bytes, Lot] = field(default_factory=dict)
    documents: MutableMapping[bytes, Document] = field(default_factory=dict)
    trades: MutableMapping[bytes, Trade] = field(default_factory=dict)

    # ------------------------------------------------------------------------------------------------ lots

    def register(
        self, author: Author, identity: bytes, op: act.RegisterLot, listed: bool, time: int, events: list[Emitted]
    ) -> None:
        _require_any(author, REGISTRARS)
        if not listed:
            raise Violation("a new lot has no entry in its own submission")
        if op.lot_id in self.lots:
            raise Violation("the lot was registered before")
        if op.origin_digest == NONE or not op.quantity:
            raise Violation("a lot without origin or quantity")
        self._draw(author, op, events)
        self.lots[op.lot_id] = Lot(
            author.member_id, op.origin_digest, op.quantity, op.quantity, time, op.unit, parents=op.parents
        )
        data = (op.origin_digest, op.quantity, op.unit)
        emit(events, "Lots", _REGISTERED, (op.lot_id, author.member_id, identity), data)

    def _draw(self, author: Author, op: act.RegisterLot, events: list[Emitted]) -> None:
        if not op.parents:
            return
        if len(op.parents) > MAX_PARENTS or len({parent for parent, _ in op.parents}) != len(op.parents):
            raise Violation("too many parents, or one named twice")
        for parent_id, quantity in op.parents:
            parent = self._lot(parent_id)
            if parent.custodian != author.member_id:
                raise Violation(f"another member holds parent lot sm3:{parent_id.hex()}")
            if parent.unit != op.unit:
                raise Violation("parent and child are counted in different units")
            remaining = self._take(parent_id, quantity)
            emit(events, "Lots", _DRAWN, (parent_id, op.lot_id), (quantity, remaining))
        if op.quantity > sum(quantity for _, quantity in op.parents):
            raise Violation("the child is larger than what was drawn from its parents")

    def extend(self, author: Author, identity: bytes, entries: Iterable[act.LotEntry], events: list[Emitted]) -> None:
        for entry in entries:
            lot = self._lot(entry.lot_id)
            if not author.roles & EXTENDERS and lot.custodian != author.member_id:
                raise Violation(f"the author may not speak of lot sm3:{entry.lot_id.hex()}")
            lot.head = act.fold(lot.head, entry.root, entry.count, identity)
            lot.total += entry.count
            lot.entries += 1
            data = (entry.root, entry.count, lot.head, lot.total)
            emit(events, "Lots", _EXTENDED, (entry.lot_id, identity), data)

    def transfer(self, author: Author, identity: bytes, op: act.TransferLot, events: list[Emitted]) -> None:
        lot = self._lot(op.lot_id)
        if lot.custodian != author.member_id or lot.custodian == op.to_member_id:
            raise Violation("the author does not hold the lot, or hands it to itself")
        if lot.state != ACTIVE:
            raise Violation("a lot on hold or recalled changes hands")
        lot.custodian = op.to_member_id
        emit(events, "Lots", _TRANSFERRED, (op.lot_id, author.member_id, op.to_member_id), (identity,))

    def set_state(self, author: Author, identity: bytes, op: act.SetLotState, events: list[Emitted]) -> None:
        lot = self._lot(op.lot_id)
        if lot.state == op.state:
            raise Violation("the lot's state is what it was")
        if not author.roles & CONTROLLERS and not (lot.custodian == author.member_id and op.state > lot.state):
            raise Violation("the author may not set this state")
        lot.state = op.state
        emit(events, "Lots", _STATE, (op.lot_id, author.member_id, identity), (op.state,))

    def export(self, op: act.RecordMatch, events: list[Emitted]) -> None:
        for lot_id, quantity in op.lines:
            remaining = self._take(lot_id, quantity)
            emit(events, "Lots", _EXPORTED, (lot_id, op.trade_id), (quantity, remaining))

    def _take(self, lot_id: bytes, quantity: int) -> int:
        lot = self._lot(lot_id)
        if lot.state != ACTIVE:
            raise Violation(f"lot sm3:{lot_id.hex()} is on hold or recalled")
        if not 0 < quantity <= lot.remaining:
            raise Violation(f"{quantity} is taken from lot sm3:{lot_id.hex()}, which has {lot.remaining} left")
        lot.remaining -= quantity
        return lot.remaining

    def _lot(self, lot_id: bytes) -> Lot:
        if lot_id not in self.lots:
            raise Violation(f"there is no lot sm3:{lot_id.hex()}")
        return self.lots[lot_id]

    # ------------------------------------------------------------------------------------------------ trades

    def seal(self, author: Author, identity: bytes, op: act.SealDocument, time: int, events: list[Emitted]) -> None:
        _require_any(author, SEALERS[op.document_kind])
        if op.record_digest == NONE or op.record_digest in self.documents:
            raise Violation("the document is empty or was sealed before")
        self.documents[op.record_digest] = Document(op.document_kind, author.member_id, author.key_id, time)
        data = (op.document_kind, author.key_id)
        emit(events, "Trades", _SEALED, (op.record_digest, author.member_id, identity), data)

    def record_match(
        self, author: Author, identity: bytes, op: act.RecordMatch, time: int, events: list[Emitted]
    ) -> None:
        _require_any(author, MATCHER)
        if op.trade_id == NONE or op.result_digest == NONE or len(op.lines) > MAX_LINES:
            raise Violation("a match without trade or result, or with too many lines")
        if op.verdict != MATCHED and op.lines:
            raise Violation("goods leave with a trade that does not match")
        known = self.trades.get(op.trade_id)
        if known is not None and known.verdict == MATCHED:
            raise Violation("the trade was matched before")
        self._check_documents(op)
        signers = {self.documents[d].member_id for d in op.documents[:3] if d != NONE}
        trade = Trade(op.documents, op.result_digest, time, op.policy_version, op.verdict, len(signers))
        self.trades[op.trade_id] = trade
        if op.verdict == MATCHED:
            for digest in op.documents:
                self.documents[digest].trade = op.trade_id
        data = (*op.documents, op.verdict, op.policy_version, len(signers), op.result_digest)
        emit(events, "Trades", _MATCH, (op.trade_id, author.member_id, identity), data)

    def _check_documents(self, op: act.RecordMatch) -> None:
        for kind, digest in enumerate(op.documents, 1):
            if digest == NONE:
                if op.verdict == MATCHED:
                    raise Violation("a matched trade lacks a document")
                continue
            document = self.documents.get(digest)
            if document is None or document.kind != kind:
                raise Violation("a document of the trade is not sealed, or is of another kind")
            if document.trade != NONE:
                raise Violation("a document was used up by another trade")

    # ------------------------------------------------------------------------------------------------ storage

    def slots(self) -> Iterator[tuple[str, int, int, str]]:
        """Every slot of Lots and Trades that is not zero."""
        for lot_id, lot in self.lots.items():
            name = f"lot sm3:{lot_id.hex()}"
            tail = packed((lot.total, 64), (lot.entries, 64), (lot.registered_at, 64), (lot.unit, 8), (lot.state, 8))
            amounts = packed((lot.quantity, 128), (lot.remaining, 128))
            values = (word(lot.custodian), word(lot.origin), amounts, word(lot.head), tail)
            labels = ("custodian", "originDigest", "quantity, remaining", "head", "total, entries, registeredAt …")
            yield from _words("Lots", mapping_slot(lot_id, 0), values, [f"{name}: {label}" for label in labels])
            if lot.parents:
                length = mapping_slot(lot_id, 1)
                yield "Lots", length, len(lot.parents), f"{name}: number of parents"
                data = int.from_bytes(keccak256(length.to_bytes(32, "big")), "big")
                flat = [part for parent, quantity in lot.parents for part in (word(parent), quantity)]
                yield from _words("Lots", data, flat, [f"{name}: parents"] * len(flat))
        for digest, d in self.documents.items():
            values = (d.kind, word(d.member_id), word(d.key_id), d.sealed_at, word(d.trade))
            marks = [f"document sm3:{digest.hex()}: {x}" for x in ("kind", "memberId", "keyId", "sealedAt", "tradeId")]
            yield from _words("Trades", mapping_slot(digest, 0), values, marks)
        for trade_id, t in self.trades.items():
            tail = packed((t.matched_at, 64), (t.policy_version, 32), (t.verdict, 8), (t.independence, 8))
            flat = [*map(word, t.documents), word(t.result), tail]
            marks = [f"trade sm3:{trade_id.hex()}: word {at}" for at in range(6)]
            yield from _words("Trades", mapping_slot(trade_id, 1), flat, marks)


def _words(contract: str, first: int, values: Iterable[int], labels: list[str]) -> Iterator[tuple[str, int, int, str]]:
    for at, (value, label) in enumerate(zip(values, labels, strict=True)):
        if value:
            yield contract, (first + at) % (1 << 256), value, label


def _require_any(author: Author, roles: int) -> None:
    if not author.roles & roles:
        raise Violation("the author lacks the role for this")
