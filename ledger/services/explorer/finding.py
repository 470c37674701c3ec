"""What somebody typed into the search box, as a place on the chain: number, hash, key, member, credit code or lot link.

A bare 64-digit hash may be anything; it is looked up as block, transaction, submission, member, key and lot, in turn,
at most one cheap question each.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ledger.domain import ids
from ledger.domain.gs1 import parse_digital_link
from ledger.domain.members import USCC_LENGTH, member_id
from ledger.errors import Malformed, NotFound
from ledger.proof import slots
from ledger.services.explorer.access import Access
from ledger.services.explorer.history import Filter, Topics, search, topic, word
from ledger.services.explorer.members import member_of_key

MAX_QUERY = 2000
_NUMBER = re.compile(r"#?(\d{1,15})\Z", re.ASCII)
_HASH = re.compile(r"(?:(sm3|keccak256):|0x)?([0-9a-fA-F]{64})\Z", re.ASCII)
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}\Z", re.ASCII)
HINT = (
    "try a block number, a block or transaction hash (0x…), a member, key or lot id (sm3:…), a submission id "
    "(keccak256:…), a social credit code, a contract's name or address, or the link on a lot's label"
)


@dataclass(frozen=True, slots=True)
class Target:
    """A page of the explorer: what kind, and its id as text."""

    kind: str  # block | transaction | member | lot | contract | account
    id: str


def find(access: Access, query: str) -> Target:
    """Where `query` leads. Raises Malformed when it is nothing that could be looked up, NotFound when there is none."""
    text = query.strip()
    if not text or len(text) > MAX_QUERY:
        raise Malformed("nothing to look for", field="q", hint=HINT)
    number = _NUMBER.match(text)
    if number:
        return _block(access, int(number[1]))
    if _ADDRESS.match(text):
        return _address(access, bytes.fromhex(text[2:]))
    digest = _HASH.match(text)
    if digest:
        return _hash(access, bytes.fromhex(digest[2]), digest[1])
    for contract in access.chain.deployment.contracts:
        if contract.name.lower() == text.lower():
            return Target("contract", contract.name)
    if len(text) == USCC_LENGTH and "/" not in text:
        return _member(access, member_id(text.upper()))
    if "/01/" in text or "01/" in text or text.startswith("urn:"):
        link = parse_digital_link(text, "q")
        if link.lot is None:
            raise Malformed("the link names a product but no lot", field="q", hint="it should contain /10/ and a lot")
        return _lot(access, ids.lot_id(link.gtin, link.lot))
    raise Malformed("this is nothing that could be looked up on the chain", field="q", hint=HINT)


def submission_transaction(access: Access, submission_id: bytes) -> str:
    """The transaction that a submission was accepted in. Raises NotFound."""
    accepted: Topics = [topic(access, "Submissions", "Accepted"), word(submission_id)]
    found = search(access, [Filter("Submissions", accepted)], 1, access.head())
    if not found.events:
        raise NotFound(f"no submission keccak256:{submission_id.hex()} was accepted", field="/submissionId")
    return "0x" + found.events[0].transaction_hash.hex()


def _block(access: Access, number: int) -> Target:
    head = access.head()
    if number > head:
        raise NotFound(f"the chain has no block {number}; its newest is {head}", field="q")
    return Target("block", str(number))


def _address(access: Access, address: bytes) -> Target:
    for contract in access.chain.deployment.contracts:
        if contract.address == address:
            return Target("contract", contract.name)
    access.state(address, [], access.head())
    return Target("account", "0x" + address.hex())


def _hash(access: Access, value: bytes, algorithm: str | None) -> Target:
    keccak: tuple[Callable[[Access, bytes], Target], ...] = (_block_hash, _transaction, _submission)
    sm3: tuple[Callable[[Access, bytes], Target], ...] = (_member, _key, _lot)
    tried = {"sm3": sm3, "keccak256": keccak}.get(algorithm or "", (*keccak, *sm3))
    for look in tried:
        try:
            return look(access, value)
        except NotFound:
            continue
    raise NotFound("nothing on this chain has this hash or id", field="q", hint=HINT)


def _block_hash(access: Access, value: bytes) -> Target:
    return Target("block", str(access.height_of(value)))


def _transaction(access: Access, value: bytes) -> Target:
    access.raw_transaction(value)
    return Target("transaction", "0x" + value.hex())


def _submission(access: Access, value: bytes) -> Target:
    return Target("transaction", submission_transaction(access, value))


def _member(access: Access, value: bytes) -> Target:
    state = access.state(access.chain.deployment.address("Members"), slots.member_slots(value), access.head())
    if not slots.read_member(list(state.values)).since:
        raise NotFound(f"the chain has no member sm3:{value.hex()}", field="q")
    return Target("member", f"sm3:{value.hex()}")


def _key(access: Access, value: bytes) -> Target:
    return Target("member", f"sm3:{member_of_key(access, value).hex()}")


def _lot(access: Access, value: bytes) -> Target:
    state = access.state(access.chain.deployment.address("Lots"), slots.lot_slots(value), access.head())
    if not slots.read_lot(list(state.values)).registered_at:
        raise NotFound(f"the chain has no lot sm3:{value.hex()}", field="q")
    return Target("lot", f"sm3:{value.hex()}")
