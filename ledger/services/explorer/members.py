"""A member as the contract holds it: standing, roles and keys proven from the state, its past from events."""

from __future__ import annotations

from ledger.chain.reader import Event
from ledger.crypto.sm2 import PublicKey
from ledger.domain.codes import Standing
from ledger.domain.members import Role
from ledger.errors import BadKey, NotFound
from ledger.proof import slots
from ledger.services.explorer.access import Access, ProvenState
from ledger.services.explorer.governance import filters, lines, logs_request
from ledger.services.explorer.history import Filter, Found, Place, search, topic, word
from ledger.services.explorer.state_views import KeyView, MemberLine, MemberList, MemberPage, SubmissionLine
from ledger.services.explorer.submissions import member_ref
from ledger.services.explorer.views import Check, Request, StateProof
from ledger.services.explorer.wording import NOBODY, Name, Words, code_name

PER_PAGE = 20
HISTORY = 40  # acts about the member on its page; the rest is in the governance list
MAX_KEYS = 50
MAX_SLOTS_SHOWN = 256  # what the embedded engine takes in one eth_getProof
USABLE_KEYS = 2  # Members: mapping(bytes32 memberId => uint32), docs/contracts.md


def member_list(access: Access, words: Words, before: Place | None = None, size: int = PER_PAGE) -> MemberList:
    """Members by their admission, newest first; what they may do now is read from the state, in one proof."""
    head = access.head()
    wanted = filters(access, "admitted", None)
    found = search(access, wanted, size, head, before)
    ids = [event.args["memberId"] for event in found.events]
    address = access.chain.deployment.address("Members")
    state = access.state(address, [slot for each in ids for slot in slots.member_slots(each)], head, "Members")
    items = []
    for index, event in enumerate(found.events):
        at = index * slots.MEMBER_WORDS
        held = slots.read_member(list(state.values[at : at + slots.MEMBER_WORDS]))
        by = event.args["by"]
        items.append(
            MemberLine(
                member=member_ref(words, event.args["memberId"]),
                by=None if by == NOBODY else member_ref(words, by),
                roles=Role.names(held.roles),
                zone=held.zone,
                standing=code_name(Standing, held.standing_at(access.time(head))),
                custodial=held.custodial,
                since=held.since,
                block=event.block,
                transaction="0x" + event.transaction_hash.hex(),
            )
        )
    return MemberList(
        head=head,
        items=tuple(items),
        before=None if found.before is None else found.before.text,
        searched_from=found.searched_from,
        proof=state.proof,
        requests=(
            logs_request(access, "admitted", wanted[0], found.searched_from, head, Name("准入事件", "the admissions")),
            state_request(state.proof, Name("成员的状态证明", "proof of the members' state")),
        ),
    )


def state_request(proof: StateProof, shows: Name) -> Request:
    """The eth_getProof call behind a proof; of its slots as many as one call takes."""
    slots_ = [slot for slot, _ in proof.slots[:MAX_SLOTS_SHOWN]]
    return Request("state", "eth_getProof", (proof.address, slots_, hex(proof.block)), shows)


def member_page(
    access: Access, words: Words, member_id: bytes, before: Place | None = None, size: int = PER_PAGE
) -> MemberPage:
    """One member, with a page of its submissions, newest first. Raises NotFound."""
    head = access.head()
    address = access.chain.deployment.address("Members")
    own = (*slots.member_slots(member_id), slots.mapping_slot(member_id, USABLE_KEYS))
    name = f"sm3:{member_id.hex()}"
    first = access.state(address, own, head)
    held = slots.read_member(list(first.values[:2]))
    if not held.since:
        raise NotFound(f"the chain has no member {name}", field="/memberId")
    about = filters(access, None, member_id)
    past = search(access, about, HISTORY, head)
    added = search(access, filters(access, "key-added", member_id), MAX_KEYS, head)
    key_ids = list(dict.fromkeys(event.args["keyId"] for event in added.events)) or [held.latest_key_id]
    state = access.state(address, [*own, *(slot for key in key_ids for slot in slots.key_slots(key))], head, "Members")
    keys = _keys(key_ids, state, len(own))
    said = Filter("Submissions", [topic(access, "Submissions", "Accepted"), None, word(member_id)])
    submissions = search(access, [said], size, head, before)
    usable = first.values[2]
    return MemberPage(
        id=name,
        name=words.name(member_id),
        roles=Role.names(held.roles),
        zone=held.zone,
        standing=code_name(Standing, held.standing_at(access.time(head))),
        custodial=held.custodial,
        since=held.since,
        latest_key=f"sm3:{held.latest_key_id.hex()}",
        usable_keys=usable,
        keys=keys,
        history=lines(access, words, past.events),
        searched_from=min(past.searched_from, added.searched_from),
        submissions=tuple(_submission(access, event) for event in submissions.events),
        before=None if submissions.before is None else submissions.before.text,
        checks=(*_key_count(keys, usable, added), *_key_ids(keys)),
        proof=state.proof,
        requests=(
            state_request(state.proof, Name("成员与密钥的状态证明", "proof of the member's and its keys' state")),
            logs_request(
                access, "submissions", said, submissions.searched_from, head, Name("该成员的提交", "its submissions")
            ),
            logs_request(
                access,
                "acts",
                about[0],
                past.searched_from,
                head,
                Name("准入、状态、角色", "admission, standing, roles"),
            ),
            logs_request(access, "keys", about[1], past.searched_from, head, Name("密钥的变更", "changes of keys")),
        ),
    )


def member_of_key(access: Access, key_id: bytes) -> bytes:
    """Whose key it is. Raises NotFound."""
    address = access.chain.deployment.address("Members")
    state = access.state(address, slots.key_slots(key_id), access.head())
    key = slots.read_key(list(state.values))
    if key.member_id == NOBODY:
        raise NotFound(f"the chain has no key sm3:{key_id.hex()}", field="/keyId")
    return key.member_id


def _keys(key_ids: list[bytes], state: ProvenState, start: int) -> tuple[KeyView, ...]:
    made = []
    for index, key_id in enumerate(key_ids):
        at = start + index * slots.KEY_WORDS
        key = slots.read_key(list(state.values[at : at + slots.KEY_WORDS]))
        point = "04" + key.x.to_bytes(32, "big").hex() + key.y.to_bytes(32, "big").hex()
        made.append(KeyView(f"sm3:{key_id.hex()}", point, key.custodial, key.since, key.revoked_at or None))
    return tuple(made)


def _key_count(keys: tuple[KeyView, ...], usable: int, added: Found) -> list[Check]:
    """That the keys listed are all, where the search reached the beginning: the contract counts the usable ones."""
    if added.before is not None:
        return []
    listed = sum(key.revoked_at is None for key in keys)
    says = Name("列出的可用密钥数与合约的计数一致", "The usable keys listed are as many as the contract counts")
    return [Check("usable-keys", listed == usable, says, str(listed), str(usable))]


def _key_ids(keys: tuple[KeyView, ...]) -> list[Check]:
    """That each key id is Z of the key that the state holds."""
    made = []
    for key in keys:
        try:
            found = f"sm3:{PublicKey.from_point(bytes.fromhex(key.public_key)).key_id.hex()}"
        except BadKey:
            found = "—"
        says = Name("密钥编号由状态中的公钥推出（Z 值）", "The key's id follows from the public key in the state (Z)")
        made.append(Check(f"key-{key.id[4:12]}", found == key.id, says, found, key.id))
    return made


def _submission(access: Access, event: Event) -> SubmissionLine:
    args = event.args
    return SubmissionLine(
        id=f"keccak256:{args['submissionId'].hex()}",
        key_id=f"sm3:{args['keyId'].hex()}",
        records=args["count"],
        nonce=str(args["nonce"]),
        block=event.block,
        time=access.time(event.block),
        transaction="0x" + event.transaction_hash.hex(),
    )
