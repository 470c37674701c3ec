"""A lot as the contract holds it: its words proven from the state, and every event that names it, newest first."""

from __future__ import annotations

from ledger.domain.action import fold
from ledger.domain.codes import BaseUnit, LotState
from ledger.errors import NotFound
from ledger.proof import slots
from ledger.services.explorer import events as ev
from ledger.services.explorer.access import Access
from ledger.services.explorer.governance import logs_request
from ledger.services.explorer.history import Filter, Found, Place, search, topic, word
from ledger.services.explorer.state_views import LotPage, LotPart, PlacedEvent
from ledger.services.explorer.submissions import lot_ref, member_ref
from ledger.services.explorer.views import Check, Request
from ledger.services.explorer.wording import Name, Sentence, Thing, Words, code_name, quantity, say

PER_PAGE = 25
_EVENTS = ("LotRegistered", "LotDrawn", "LotExtended", "LotTransferred", "LotStateChanged", "LotExported")


def lot_page(access: Access, words: Words, lot_id: bytes, before: Place | None = None, size: int = PER_PAGE) -> LotPage:
    """One lot, with a page of its events. Raises NotFound."""
    head = access.head()
    address = access.chain.deployment.address("Lots")
    state = access.state(address, slots.lot_slots(lot_id), head, "Lots")
    held = slots.read_lot(list(state.values))
    if not held.registered_at:
        raise NotFound(f"the chain has no lot sm3:{lot_id.hex()}", field="/lotId")
    parents = access.chain.call("Lots", "parents", lot_id, block=head)
    wanted = Filter("Lots", [topic(access, "Lots", *_EVENTS), word(lot_id)])
    found = search(access, [wanted], size, head, before)
    drawn = "0x" + access.chain.abi("Lots").encode_call("parents", [lot_id]).hex()
    return LotPage(
        lot=lot_ref(words, lot_id),
        custodian=member_ref(words, held.custodian),
        origin_digest=f"sm3:{held.origin_digest.hex()}",
        quantity=_amount(quantity(held.quantity, held.unit)),
        quantity_base=str(held.quantity),
        remaining=_amount(quantity(held.remaining, held.unit)),
        remaining_base=str(held.remaining),
        unit=code_name(BaseUnit, held.unit),
        state=code_name(LotState, held.state),
        registered_at=held.registered_at,
        records=held.total,
        entries=held.entries,
        accumulator=f"keccak256:{held.head.hex()}",
        parents=tuple(
            LotPart(
                lot_ref(words, each["lotId"]), _amount(quantity(each["quantity"], held.unit)), str(each["quantity"])
            )
            for each in parents
        ),
        events=tuple(
            PlacedEvent(
                name=event.name,
                words=ev.words_of(words, event),
                block=event.block,
                log_index=event.log_index,
                time=access.time(event.block),
                transaction="0x" + event.transaction_hash.hex(),
            )
            for event in found.events
        ),
        before=None if found.before is None else found.before.text,
        searched_from=found.searched_from,
        checks=_checks(found, held, before),
        proof=state.proof,
        requests=(
            Request(
                "state",
                "eth_getProof",
                (state.proof.address, [slot for slot, _ in state.proof.slots], hex(head)),
                Name("批次状态的证明", "proof of the lot's state"),
            ),
            logs_request(access, "events", wanted, found.searched_from, head, Name("批次的事件", "the lot's events")),
            Request(
                "parents",
                "eth_call",
                ({"to": state.proof.address, "data": drawn}, hex(head)),
                Name("来源批次", "the lots that it was drawn from"),
            ),
        ),
    )


def _amount(thing: Thing) -> Sentence:
    return say("{amount}", "{amount}", amount=thing)


def _checks(found: Found, held: slots.LotStateWords, before: Place | None) -> tuple[Check, ...]:
    """That the events agree with the state: the newest accumulator, each step from one to the next, and, where all
    entries are on the page, their number and the fold from zero."""
    extended = [event.args for event in reversed(found.events) if event.name == "LotExtended"]
    whole = before is None and found.before is None
    checks = []
    if before is None and extended:
        says = Name("最近一次条目的累加值就是状态中的累加值", "The newest entry's accumulator is the state's")
        checks.append(_digests("newest", says, extended[-1]["head"], held.head))
    previous = bytes(32) if whole else None
    broken = None
    for args in extended:
        if previous is not None:
            found_ = fold(previous, args["root"], args["count"], args["submissionId"])
            broken = broken or (None if found_ == args["head"] else (found_, args["head"]))
        previous = args["head"]
    if len(extended) > 1 or whole:
        says = Name("每个条目的累加值由前一个推出", "Each entry's accumulator follows from the one before")
        checks.append(_digests("folded", says, *(broken or (previous or held.head,) * 2)))
    if whole:
        says = Name("列出的提交次数与合约的计数一致", "The entries listed are as many as the contract counts")
        checks.append(Check("entries", len(extended) == held.entries, says, str(len(extended)), str(held.entries)))
    return tuple(checks)


def _digests(id: str, says: Name, found: bytes, expected: bytes) -> Check:
    return Check(id, found == expected, says, f"keccak256:{found.hex()}", f"keccak256:{expected.hex()}")
