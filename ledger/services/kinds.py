"""What each kind of record must say and which operation must stand beside it in the same submission.

The contract sees digests only; these rules tie the words of a record to the numbers the contract enforces, so that a
record cannot claim one quantity and the chain another. Intake applies them before anything is stored, and an audit
applies them again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ledger.crypto.digest import Digest
from ledger.documents.matching.link import lots_of, parse_lines, parse_link
from ledger.documents.statement import Record
from ledger.domain import action as act
from ledger.domain.events import parse_event
from ledger.domain.gs1 import parse_gtin, parse_lot_number
from ledger.domain.jsonshape import Node
from ledger.domain.lots import LotState, lot_id, parse_origin
from ledger.domain.members import Role, Standing, check_uscc, member_id, parse_profile
from ledger.domain.operations import NO_DOCUMENT
from ledger.errors import Malformed

DOCUMENT_KINDS = {"ceb.303": 1, "ceb.403": 2, "ceb.505": 3, "ceb.603": 4}
DOCUMENT_NAMES = {1: "order", 2: "receipt", 3: "waybill", 4: "list"}


@dataclass(frozen=True, slots=True)
class Demand:
    """What a record's payload calls for: the lots it must name, and the operation that must stand beside it."""

    lots: tuple[bytes, ...]
    operation: act.Operation | None = None


def text(payload: Mapping[str, Any], key: str, *, pointer: str = "", limit: int = 400) -> str:
    """The non-blank string at `key`; raises Malformed naming its JSON Pointer."""
    value = payload.get(key)
    where = f"{pointer}/{key}"
    if not isinstance(value, str) or not value.strip():
        raise Malformed("a non-blank text is required", field=where)
    if len(value) > limit:
        raise Malformed(f"longer than {limit} characters", field=where)
    return value


def lot_at(payload: Mapping[str, Any], pointer: str = "") -> bytes:
    """The lot id of the `gtin` and `lot` members of an object."""
    if not isinstance(payload, Mapping):
        raise Malformed("an object with gtin and lot is required", field=pointer)
    gtin = parse_gtin(text(payload, "gtin", pointer=pointer))
    return lot_id(gtin, parse_lot_number(text(payload, "lot", pointer=pointer)))


# Many events speak of the same lots.
_known_lot_id = lru_cache(maxsize=4096)(lot_id)


def sorted_lots(lots: list[bytes]) -> tuple[bytes, ...]:
    return tuple(sorted(set(lots)))


def _origin(record: Record, payload: Mapping[str, Any], now: int | None = None) -> Demand:
    origin = parse_origin(payload, now=now)
    own = lot_id(origin.gtin, origin.lot)
    quantity, unit = origin.quantity.to_base("/quantity")
    parents = [(parent.lot_id, parent.base_quantity) for parent in origin.parents]
    lots = sorted_lots([own, *(lot for lot, _ in parents)])
    return Demand(lots, act.register_lot(own, record.digest, quantity, unit, parents))


def _event(record: Record, payload: Mapping[str, Any], now: int | None = None) -> Demand:
    return Demand(sorted_lots([_known_lot_id(gtin, lot) for gtin, lot in parse_event(payload, now=now).lots]))


def _profile(record: Record, payload: Mapping[str, Any]) -> Demand:
    profile = parse_profile(payload)
    if profile.member_id == record.author:
        return Demand(())  # a member's words about itself change nothing on chain
    if profile.zone is None or not profile.roles:
        raise Malformed("an authority names the zone and the roles of the member it admits", field="/zone")
    x, y, custodial = parse_key(payload.get("key"), "/key")
    return Demand((), act.admit_member(profile.member_id, int(profile.roles), profile.zone, x, y, custodial))


def parse_key(value: Any, pointer: str) -> tuple[int, int, bool]:
    """(x, y, custodial) of a `{publicKey: 04‖X‖Y, custodial}` object."""
    if not isinstance(value, Mapping):
        raise Malformed("an object with publicKey and custodial is required", field=pointer)
    try:
        point = bytes.fromhex(text(value, "publicKey", pointer=pointer))
    except ValueError as e:
        raise Malformed("not hexadecimal", field=f"{pointer}/publicKey") from e
    if len(point) != 65 or point[0] != 4:
        raise Malformed("an uncompressed point is required: 04 ‖ X ‖ Y", field=f"{pointer}/publicKey")
    custodial = value.get("custodial")
    if not isinstance(custodial, bool):
        raise Malformed("true or false is required", field=f"{pointer}/custodial")
    return int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:], "big"), custodial


def parse_roles(payload: Mapping[str, Any]) -> Role:
    """The `roles` member: a non-empty list of Role names."""
    names = payload.get("roles")
    if not isinstance(names, list) or not names:
        raise Malformed("a list of role names is required", field="/roles")
    roles = Role(0)
    for i, name in enumerate(names):
        if not isinstance(name, str) or name not in Role.__members__:
            raise Malformed(f"unknown role; one of {', '.join(Role.__members__)}", field=f"/roles/{i}")
        roles |= Role[name]
    return roles


def _lot_notice(record: Record, payload: Mapping[str, Any]) -> Demand:
    """A hold, recall or release of one lot, or its hand-over to another member, with the reason in words."""
    lot = lot_at(payload)
    text(payload, "reason_zh")
    text(payload, "reason_en")
    change = payload.get("change")
    if change == "transfer":
        return Demand((lot,), act.transfer_lot(lot, member_id(check_uscc(text(payload, "to")))))
    if isinstance(change, str) and change in LotState.__members__:
        return Demand((lot,), act.set_lot_state(lot, int(LotState[change])))
    raise Malformed(f"one of transfer, {', '.join(LotState.__members__)} is required", field="/change")


def _member_notice(record: Record, payload: Mapping[str, Any]) -> Demand:
    """A change of a member's standing, roles, keys or office, or of the threshold, with the reason in words.

    Where several authorities decide together, each gives its own reason beside the identical operation.
    """
    text(payload, "reason_zh")
    text(payload, "reason_en")
    change = payload.get("change")
    if change == "threshold":
        return Demand((), act.set_threshold(_threshold(payload)))
    subject = member_id(check_uscc(text(payload, "uscc")))
    if change == "suspend-now":
        return Demand((), act.suspend_now(subject))
    if change == "accept-office":
        return Demand((), act.accept_office(subject))
    if change == "roles":
        return Demand((), act.set_roles(subject, int(parse_roles(payload))))
    if change == "revoke-key":
        key = Digest.parse(text(payload, "keyId"))
        return Demand((), act.revoke_key(key.value))
    if change == "add-key":
        x, y, custodial = parse_key(payload.get("key"), "/key")
        return Demand((), act.add_key(subject, x, y, custodial))
    if isinstance(change, str) and change in Standing.__members__:
        return Demand((), act.set_standing(subject, int(Standing[change])))
    raise Malformed(
        "one of roles, add-key, revoke-key, threshold, suspend-now, accept-office, "
        f"{', '.join(Standing.__members__)} is required",
        field="/change",
    )


def _threshold(payload: Mapping[str, Any]) -> int:
    value = payload.get("threshold")
    if type(value) is not int or not 1 <= value < 1 << 32:
        raise Malformed("how many authorities decide together, at least 1, is required", field="/threshold")
    return value


def _link(record: Record, payload: Mapping[str, Any]) -> Demand:
    return Demand(sorted_lots(list(parse_link(payload).lots())))


def _document(record: Record, payload: Mapping[str, Any]) -> Demand:
    if not isinstance(payload.get("xml"), Mapping):
        raise Malformed("the business node's digest is required", field="/xml")
    return Demand((), act.seal_document(DOCUMENT_KINDS[record.kind], record.digest))


def _match(record: Record, payload: Mapping[str, Any]) -> Demand:
    verdicts = {"MATCHED": 1, "MISMATCHED": 2, "INCOMPLETE": 3}
    verdict = payload.get("verdict")
    if not isinstance(verdict, str) or verdict not in verdicts:
        raise Malformed("one of MATCHED, MISMATCHED, INCOMPLETE is required", field="/verdict")
    documents = payload.get("documents")
    if not isinstance(documents, Mapping):
        raise Malformed("an object naming the four documents is required", field="/documents")
    order, receipt, waybill, inventory = (_document_digest(documents, name) for name in DOCUMENT_NAMES.values())
    version = payload.get("policyVersion")
    if not isinstance(version, int):
        raise Malformed("the policy version is required", field="/policyVersion")
    lots = lots_of(parse_lines(Node(payload["lines"], "/lines"))) if "lines" in payload else {}
    exported = list(lots.items()) if verdict == "MATCHED" else []
    trade = Digest.parse(text(payload, "trade"))
    return Demand(
        sorted_lots(list(lots)),
        act.record_match(
            trade.value, (order, receipt, waybill, inventory), verdicts[verdict], version, record.digest, exported
        ),
    )


def _document_digest(documents: Mapping[str, Any], name: str) -> bytes:
    if documents.get(name) is None:
        return NO_DOCUMENT
    return Digest.parse(documents[name], "sm3", field=f"/documents/{name}").value


_TIMED: dict[str, Callable[[Record, Mapping[str, Any], int | None], Demand]] = {
    "lot.origin": _origin,
    "epcis.event": _event,
}
_DEMANDS: dict[str, Callable[[Record, Mapping[str, Any]], Demand]] = {
    "lot.origin": _origin,
    "lot.notice": _lot_notice,
    "epcis.event": _event,
    "member.profile": _profile,
    "member.notice": _member_notice,
    "trade.link": _link,
    "trade.match": _match,
    **dict.fromkeys(DOCUMENT_KINDS, _document),
}


def demand(record: Record, payload: Mapping[str, Any], *, now: int | None = None) -> Demand:
    """What this record calls for; raises Malformed when its payload breaks the rules of its kind.

    With `now` (Unix seconds) what is said to have happened later than that is refused too, as intake does.
    """
    if now is not None and record.kind in _TIMED:
        return _TIMED[record.kind](record, payload, now)
    rule = _DEMANDS.get(record.kind)
    if rule is None:
        raise Malformed(f"unknown kind of record; one of {', '.join(sorted(_DEMANDS))}", field="/kind")
    return rule(record, payload)
