"""Who was let in, by whom, and what changed since: the governance history, whole or of one member.

Every act is an event of Members. Approvals of a proposal are acts of the authority that gives them. `by` is in the
event of most acts; the author of a key's change, or of the acceptance of an office, is the author of its submission,
whose Accepted event is in the same block.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger.chain.reader import Event
from ledger.errors import Malformed
from ledger.services.explorer import events as ev
from ledger.services.explorer.access import Access
from ledger.services.explorer.history import Filter, Place, in_block, search, topic, word
from ledger.services.explorer.state_views import GovernanceLine, GovernancePage
from ledger.services.explorer.submissions import member_ref
from ledger.services.explorer.views import MemberRef, Request
from ledger.services.explorer.wording import NOBODY, Name, Words

PER_PAGE = 30
KINDS = {
    "admitted": "MemberAdmitted",
    "standing": "StandingChanged",
    "roles": "RolesChanged",
    "key-added": "KeyAdded",
    "key-revoked": "KeyRevoked",
    "office": "OfficeAccepted",
    "emergency": "EmergencySuspension",
    "threshold": "ThresholdChanged",
    "proposed": "ProposalOpened",
    "approved": "ProposalApproved",
}
_KIND_OF = {event: kind for kind, event in KINDS.items()}
# The member is topic 1 (of a new threshold: the authority); in the others it is topic 2.
_MEMBER_FIRST = (
    "MemberAdmitted",
    "StandingChanged",
    "RolesChanged",
    "OfficeAccepted",
    "EmergencySuspension",
    "ThresholdChanged",
)


def filters(access: Access, kind: str | None, member_id: bytes | None) -> list[Filter]:
    """What to search for: all governance, or of one kind, or about one member. Raises Malformed."""
    if kind is not None and kind not in KINDS:
        raise Malformed("no such kind of act", field="kind", hint="one of " + ", ".join(KINDS))
    names = list(KINDS.values()) if kind is None else [KINDS[kind]]
    if member_id is None:
        return [Filter("Members", [topic(access, "Members", *names)])]
    first = [name for name in names if name in _MEMBER_FIRST]
    second = [name for name in names if name not in _MEMBER_FIRST]
    found = []
    if first:
        found.append(Filter("Members", [topic(access, "Members", *first), word(member_id)]))
    if second:
        found.append(Filter("Members", [topic(access, "Members", *second), None, word(member_id)]))
    return found


def governance_page(
    access: Access,
    words: Words,
    kind: str | None = None,
    member_id: bytes | None = None,
    before: Place | None = None,
    size: int = PER_PAGE,
) -> GovernancePage:
    """One page of it, newest first."""
    wanted = filters(access, kind, member_id)
    head = access.head()
    found = search(access, wanted, size, head, before)
    return GovernancePage(
        head=head,
        kind=kind,
        member=None if member_id is None else member_ref(words, member_id),
        items=lines(access, words, found.events),
        before=None if found.before is None else found.before.text,
        searched_from=found.searched_from,
        requests=tuple(_request(access, each, found.searched_from, head, i) for i, each in enumerate(wanted)),
    )


def _request(access: Access, wanted: Filter, low: int, high: int, index: int) -> Request:
    shows = (
        Name("准入、状态与角色的事件", "events of admission, standing and roles"),
        Name("密钥与提案的事件", "events of keys and proposals"),
    )
    return logs_request(access, f"governance-{index}", wanted, low, high, shows[min(index, 1)])


def logs_request(access: Access, id: str, wanted: Filter, low: int, high: int, shows: Name) -> Request:
    """The eth_getLogs call that shows what a search found."""
    return Request(
        id,
        "eth_getLogs",
        (
            {
                "fromBlock": hex(low),
                "toBlock": hex(high),
                "address": "0x" + access.chain.deployment.address(wanted.contract).hex(),
                "topics": list(wanted.topics),
            },
        ),
        shows,
    )


def lines(access: Access, words: Words, events: Iterable[Event]) -> tuple[GovernanceLine, ...]:
    """Governance events as lines, in the order given."""
    listed = list(events)
    authors = _authors(access, listed)
    made = []
    for event in listed:
        submission = event.args["submissionId"]
        by = event.args.get("by", authors.get(submission, NOBODY))
        made.append(
            GovernanceLine(
                kind=_KIND_OF[event.name],
                member=_person(words, event.args.get("memberId", NOBODY)),
                by=_person(words, by),
                words=ev.words_of(words, event),
                time=access.time(event.block),
                block=event.block,
                log_index=event.log_index,
                transaction="0x" + event.transaction_hash.hex(),
                submission=None if submission == NOBODY else f"keccak256:{submission.hex()}",
            )
        )
    return tuple(made)


def _person(words: Words, member_id: bytes) -> MemberRef | None:
    return None if member_id == NOBODY else member_ref(words, member_id)


def _authors(access: Access, events: list[Event]) -> dict[bytes, bytes]:
    """Author by submission, for the key events among `events`: one request per block that has any."""
    wanted: dict[int, set[bytes]] = {}
    for event in events:
        if "by" not in event.args and event.args["submissionId"] != NOBODY:
            wanted.setdefault(event.block, set()).add(event.args["submissionId"])
    accepted = topic(access, "Submissions", "Accepted")
    found: dict[bytes, bytes] = {}
    for block, ids in wanted.items():
        topics = [accepted, sorted(word(each) for each in ids)]
        for event in in_block(access, Filter("Submissions", topics), block):
            found[event.args["submissionId"]] = event.args["memberId"]
    return found
