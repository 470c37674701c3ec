"""From chain events and the payload store's records to rows of the read model. Pure: no store, no chain, no clock.

One call takes everything that one submission did (or the events of a construction, which no submission explains).
1. A record is believed only if its payload still commits to its digest and the digests lead to the root that the
   chain accepted. 2. It belongs to a lot's history only if it names the lot AND stands under that lot's entry (P3).
3. Only public fields are taken (P7). 4. What the payload store lost is a row that says so, never an exception.
Numbers of the chain (quantities, states, heads) come from events alone; words come from records alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.chain.reader import Event
from ledger.crypto.digest import keccak256_text, sm3_text
from ledger.documents.statement import commit
from ledger.domain.codes import BaseUnit
from ledger.domain.quantity import DISPLAY_UNIT, UNITS
from ledger.errors import OriginSealError
from ledger.index.changes import Add, Change, Remove, Set, position
from ledger.index.payloads import PublicRecord, line_totals, lot_names, member_names, public_record
from ledger.merkle.tree import merkle_root
from ledger.vault.values import StoredRecord, UnreadableRecord

OK, ERASED, MISSING, DAMAGED, UNPROVEN, MISMATCH = "ok", "erased", "missing", "damaged", "unproven", "mismatch"
_NOBODY = bytes(32)


@dataclass(frozen=True, slots=True)
class Happening:
    """The events of one submission in order, beginning with Accepted; or those of a construction.

    `time` is the block's, in Unix seconds. `rows` are the submission's records, None when the payload store does not
    hold it.
    """

    events: tuple[Event, ...]
    time: int
    rows: tuple[StoredRecord | UnreadableRecord, ...] | None
    checked: bool = False  # whoever made this has just committed to the rows again and found them right


def submission_of(events: Sequence[Event]) -> bytes | None:
    """The submission that these events came from; None for a construction."""
    first = events[0]
    name: bytes | None = first.args["submissionId"] if first.name == "Accepted" else None
    return name


def group(events: Sequence[Event]) -> list[tuple[Event, ...]]:
    """Split a chain's events into happenings: each Accepted begins one, and so does each transaction."""
    groups: list[list[Event]] = []
    for event in events:
        if event.name == "Accepted" or not groups or groups[-1][0].transaction_hash != event.transaction_hash:
            groups.append([])
        groups[-1].append(event)
    return [tuple(each) for each in groups]


@dataclass(frozen=True, slots=True)
class _Row:
    """One record of the happening, judged."""

    digest: bytes
    kind: str
    author: bytes
    lots: tuple[bytes, ...]
    index: int
    status: str
    public: PublicRecord


_EMPTY = PublicRecord({}, "{}", 0)


class _Projection:
    """The changes of one happening, collected event by event."""

    def __init__(self, happening: Happening) -> None:
        self.time = happening.time
        self.events = happening.events
        self.changes: list[Change] = []
        author = self.events[0].args.get("memberId", _NOBODY)
        rows, checked = happening.rows, happening.checked
        self.rows = None if rows is None else tuple(_judge(row, author, checked) for row in rows)
        self.proven = False  # do the records lead to the accepted root?
        self.emergency_of: bytes | None = None
        self.admitted = {event.args["memberId"] for event in self.events if event.name == "MemberAdmitted"}

    def run(self) -> list[Change]:
        for event in self.events:
            handler = _HANDLERS.get(event.name)
            if handler is not None:
                handler(self, event, event.args)
        return self.changes

    def add(self, table: str, **row: Any) -> None:
        self.changes.append(Add(table, row))

    def set(self, table: str, *key: Any, **values: Any) -> None:
        self.changes.append(Set(table, key, values))

    def at(self, event: Event) -> int:
        return position(event.block, event.log_index)

    def believed(self, digest: bytes) -> _Row | None:
        """The readable record with this digest, if the submission's records are what was signed."""
        if self.rows is None or not self.proven:
            return None
        return next((row for row in self.rows if row.digest == digest and row.status == OK), None)

    # ------------------------------------------------------------------------------------------------ submissions

    def accepted(self, event: Event, args: dict[str, Any]) -> None:
        name = keccak256_text(args["submissionId"])
        rows = self.rows or ()
        self.proven = len(rows) == args["count"] and _root([row.digest for row in rows]) == args["root"]
        self.add(
            "submissions",
            id=name,
            member=sm3_text(args["memberId"]),
            key_id=sm3_text(args["keyId"]),
            root=sm3_text(args["root"]),
            count=args["count"],
            nonce=str(args["nonce"]),
            action_digest=keccak256_text(args["actionDigest"]),
            transaction="0x" + event.transaction_hash.hex(),
            block=event.block,
            sealed_at=self.time,
            position=self.at(event),
            payloads=MISSING if self.rows is None else OK if self.proven else MISMATCH,
        )
        for row in rows:
            status = UNPROVEN if row.status == OK and not self.proven else row.status
            public = row.public if status == OK else _EMPTY
            self.add(
                "records",
                submission=name,
                idx=row.index,
                digest=sm3_text(row.digest) if row.digest else "",
                kind=row.kind,
                author=sm3_text(row.author) if row.author else "",
                status=status,
                event_time=public.event_time,
                biz_step=public.biz_step,
                disposition=public.disposition,
                place=public.place,
                withheld=public.withheld,
                payload=public.text,
            )
            if status == OK and row.kind == "member.profile":
                self._profile(row)

    def _profile(self, row: _Row) -> None:
        """A member's names come from its own words, or from its admission: nobody else names it."""
        names = member_names(row.public.payload)
        if names is not None and (names.id == row.author or names.id in self.admitted):
            values = {"uscc": names.uscc, "name_zh": names.name_zh, "name_en": names.name_en}
            self.changes.append(Set("members", (sm3_text(names.id),), values))

    # ---------------------------------------------------------------------------------------------------- members

    def member_admitted(self, event: Event, args: dict[str, Any]) -> None:
        member = sm3_text(args["memberId"])
        # The profile of an admission was projected with Accepted, before this row existed: put its names in here.
        names = {"uscc": "", "name_zh": "", "name_en": ""}
        for change in self.changes:
            if isinstance(change, Set) and change.table == "members" and change.key == (member,):
                names |= {name: value for name, value in change.values.items() if name in names}
        self.add(
            "members",
            id=member,
            roles=args["roles"],
            zone=args["zone"],
            standing=1,
            suspended_until=0,
            custodial=args["custodial"],
            since=self.time,
            key_id="",
            admitted_by="" if args["by"] == _NOBODY else sm3_text(args["by"]),
            position=self.at(event),
            **names,
        )

    def key_added(self, event: Event, args: dict[str, Any]) -> None:
        key, member = sm3_text(args["keyId"]), sm3_text(args["memberId"])
        point = "04" + args["x"].to_bytes(32, "big").hex() + args["y"].to_bytes(32, "big").hex()
        self.add(
            "keys",
            id=key,
            member=member,
            public_key=point,
            custodial=args["custodial"],
            since=self.time,
            revoked_at=None,
            position=self.at(event),
        )
        self.set("members", member, key_id=key, custodial=args["custodial"])

    def key_revoked(self, event: Event, args: dict[str, Any]) -> None:
        self.set("keys", sm3_text(args["keyId"]), revoked_at=self.time)

    def standing_changed(self, event: Event, args: dict[str, Any]) -> None:
        """Whatever authorities decide about it ends an emergency; one that begins says so beforehand."""
        until = {} if self.emergency_of == args["memberId"] else {"suspended_until": 0}
        self.emergency_of = None
        self.set("members", sm3_text(args["memberId"]), standing=args["standing"], **until)

    def emergency(self, event: Event, args: dict[str, Any]) -> None:
        self.emergency_of = args["memberId"]  # its StandingChanged is the next event
        self.set("members", sm3_text(args["memberId"]), suspended_until=args["until"])

    def decided(self, event: Event, args: dict[str, Any]) -> None:
        """Proposals, offices and the threshold are read from the chain: no page of the read model shows them."""

    def roles_changed(self, event: Event, args: dict[str, Any]) -> None:
        self.set("members", sm3_text(args["memberId"]), roles=args["roles"])

    # ------------------------------------------------------------------------------------------------------- lots

    def lot_registered(self, event: Event, args: dict[str, Any]) -> None:
        lot, unit = args["lotId"], args["unit"]
        origin = self.believed(args["originDigest"])
        names = lot_names(origin.public.payload if origin else {}, lot)
        same_kind = names.unit in UNITS and UNITS[names.unit][0] == unit
        fallback = DISPLAY_UNIT[BaseUnit(unit)] if unit in set(BaseUnit) else ""
        self.add(
            "lots",
            id=sm3_text(lot),
            gtin=names.gtin,
            lot=names.lot,
            producer=sm3_text(args["memberId"]),
            custodian=sm3_text(args["memberId"]),
            origin=sm3_text(args["originDigest"]),
            zone=0,  # filled in from its producer's row
            quantity=str(args["quantity"]),
            remaining=str(args["quantity"]),
            unit=unit,
            display_unit=names.unit if same_kind else fallback,
            state=1,
            head="0x" + bytes(32).hex(),
            total=0,
            registered_at=self.time,
            submission=keccak256_text(args["submissionId"]),
            product_zh=names.product_zh,
            product_en=names.product_en,
            variety_zh=names.variety_zh,
            variety_en=names.variety_en,
            position=self.at(event),
        )

    def lot_drawn(self, event: Event, args: dict[str, Any]) -> None:
        parent, child = sm3_text(args["lotId"]), sm3_text(args["childId"])
        at = self.at(event)
        self.add("lot_links", parent=parent, child=child, quantity=str(args["quantity"]), position=at)
        self.set("lots", parent, remaining=str(args["remaining"]))

    def lot_extended(self, event: Event, args: dict[str, Any]) -> None:
        lot, submission, count = args["lotId"], keccak256_text(args["submissionId"]), args["count"]
        naming = [row for row in self.rows or () if lot in row.lots]
        if self.rows is None or any(not row.digest for row in self.rows):
            status = MISSING
        elif self.proven and len(naming) == count and _root([row.digest for row in naming]) == args["root"]:
            status = OK
        else:
            status = MISMATCH
        head = "0x" + args["head"].hex()
        self.add(
            "lot_entries",
            lot=sm3_text(lot),
            position=self.at(event),
            submission=submission,
            root=sm3_text(args["root"]),
            count=count,
            head=head,
            total=args["total"],
            status=status,
        )
        if status == OK:
            for sequence, row in enumerate(naming, args["total"] - count):
                self.add("lot_records", lot=sm3_text(lot), sequence=sequence, submission=submission, idx=row.index)
        self.set("lots", sm3_text(lot), head=head, total=args["total"])

    def lot_transferred(self, event: Event, args: dict[str, Any]) -> None:
        self.set("lots", sm3_text(args["lotId"]), custodian=sm3_text(args["toMemberId"]))

    def lot_state_changed(self, event: Event, args: dict[str, Any]) -> None:
        self.set("lots", sm3_text(args["lotId"]), state=args["state"])

    def lot_exported(self, event: Event, args: dict[str, Any]) -> None:
        self.set("lots", sm3_text(args["lotId"]), remaining=str(args["remaining"]))

    # ----------------------------------------------------------------------------------------------------- trades

    def document_sealed(self, event: Event, args: dict[str, Any]) -> None:
        self.add(
            "documents",
            record=sm3_text(args["recordDigest"]),
            kind=args["kind"],
            member=sm3_text(args["memberId"]),
            key_id=sm3_text(args["keyId"]),
            submission=keccak256_text(args["submissionId"]),
            position=self.at(event),
        )

    def match_recorded(self, event: Event, args: dict[str, Any]) -> None:
        trade = sm3_text(args["tradeId"])
        self.changes += [Remove("trades", trade), Remove("trade_lots", trade)]
        order, receipt, waybill, inventory = (
            "" if digest == _NOBODY else sm3_text(digest) for digest in args["documents"]
        )
        self.add(
            "trades",
            id=trade,
            verdict=args["verdict"],
            independence=args["independence"],
            policy_version=args["policyVersion"],
            matched_at=self.time,
            matcher=sm3_text(args["memberId"]),
            order_record=order,
            receipt_record=receipt,
            waybill_record=waybill,
            list_record=inventory,
            result=sm3_text(args["resultDigest"]),
            submission=keccak256_text(args["submissionId"]),
            position=self.at(event),
        )
        result = self.believed(args["resultDigest"])
        listed = {each.args["lotId"] for each in self.events if each.name == "LotExtended"}
        lines = line_totals(result.public.payload) if result else {}
        stated = {lot: amount for lot, amount in lines.items() if result and lot in result.lots and lot in listed}
        exported = {
            each.args["lotId"]: each.args["quantity"]
            for each in self.events
            if each.name == "LotExported" and each.args["tradeId"] == args["tradeId"]
        }
        for lot in sorted(stated.keys() | exported.keys()):
            amounts = {"quantity": str(stated.get(lot, exported.get(lot, 0))), "exported": str(exported.get(lot, 0))}
            self.add("trade_lots", trade=trade, lot=sm3_text(lot), **amounts)


_HANDLERS: dict[str, Callable[[_Projection, Event, dict[str, Any]], None]] = {
    "Accepted": _Projection.accepted,
    "MemberAdmitted": _Projection.member_admitted,
    "KeyAdded": _Projection.key_added,
    "KeyRevoked": _Projection.key_revoked,
    "StandingChanged": _Projection.standing_changed,
    "RolesChanged": _Projection.roles_changed,
    "EmergencySuspension": _Projection.emergency,
    "OfficeAccepted": _Projection.decided,
    "ThresholdChanged": _Projection.decided,
    "ProposalOpened": _Projection.decided,
    "ProposalApproved": _Projection.decided,
    "ProposalExecuted": _Projection.decided,
    "LotRegistered": _Projection.lot_registered,
    "LotDrawn": _Projection.lot_drawn,
    "LotExtended": _Projection.lot_extended,
    "LotTransferred": _Projection.lot_transferred,
    "LotStateChanged": _Projection.lot_state_changed,
    "LotExported": _Projection.lot_exported,
    "DocumentSealed": _Projection.document_sealed,
    "MatchRecorded": _Projection.match_recorded,
}
EVENTS = frozenset(_HANDLERS)


def project(happening: Happening) -> list[Change]:
    """The changes that one happening makes, in order."""
    return _Projection(happening).run()


def _root(digests: list[bytes]) -> bytes:
    return merkle_root(digests) if digests and all(digests) else b""


def _judge(row: StoredRecord | UnreadableRecord, signer: bytes, checked: bool) -> _Row:
    """Step 1 for one record: is its payload what its digest commits to, and its author who signed it (P1)?"""
    if isinstance(row, UnreadableRecord):
        status = ERASED if row.erasure else DAMAGED if row.digest else MISSING
        return _Row(row.digest, row.kind, row.author, row.lots, row.index, status, _EMPTY)
    try:
        held = checked or commit(row.kind, row.author, row.lots, row.payload, row.seed).digest == row.digest
    except OriginSealError:
        held = False
    if not held:
        return _Row(row.digest, row.kind, row.author, row.lots, row.index, DAMAGED, _EMPTY)
    if row.author != signer:  # a digest that names somebody else as its author: nobody's word
        return _Row(row.digest, row.kind, row.author, row.lots, row.index, UNPROVEN, _EMPTY)
    public = public_record(row.kind, row.payload)
    return _Row(row.digest, row.kind, row.author, row.lots, row.index, OK, public)
