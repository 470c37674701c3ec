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
    found = search(access, [wanted], size, before)
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
        checks=_checks(found, held, whole=before is None and found.before is None),
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


def _checks(found: Found, held: slots.LotStateWords, *, whole: bool) -> tuple[Check, ...]:
    """That the events agree with the state: the last accumulator, and, where all are on the page, the counts."""
    extended = [event for event in found.events if event.name == "LotExtended"]
    checks = []
    if extended and whole:
        checks.append(
            Check(
                "entries",
                len(extended) == held.entries,
                Name("列出的提交次数与合约的计数一致", "The entries listed are as many as the contract counts"),
                str(len(extended)),
                str(held.entries),
            )
        )
        folded = _folded(found)
        checks.append(
            Check(
                "folded",
                folded == held.head,
                Name(
                    "由全部条目从零重算的累加值与状态一致",
                    "All entries folded from zero give the state's accumulator",
                ),
                f"keccak256:{folded.hex()}",
                f"keccak256:{held.head.hex()}",
            )
        )
    return tuple(checks)


def _folded(found: Found) -> bytes:
    head = bytes(32)
    for event in reversed(found.events):
        if event.name == "LotExtended":
            head = fold(head, event.args["root"], event.args["count"], event.args["submissionId"])
    return head
