"""Events newest first, in bounded steps: how the explorer finds a member's, key's or lot's past on a long chain.

Each step is one eth_getLogs by topic over a window of blocks that ends where the last one began. Windows widen while
they come back sparse and shrink when the engine says that a range or an answer is too large. One page costs at most
MAX_STEPS requests per filter; what it did not reach, the next page's cursor does. On the embedded engine a step costs
what it finds (logs are indexed by topic); on others what they make of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.chain.reader import Event
from ledger.errors import EngineUnavailable, Malformed, RpcError
from ledger.services.explorer.access import Access

FIRST_WINDOW = 64  # blocks; a busy block holds 100 submissions
WIDEST_WINDOW = 50_000
GROWTH = 4
MAX_STEPS = 24  # per page: over a million blocks on an engine that takes the widest window
_CURSOR = re.compile(r"(\d{1,18})-(\d{1,9})\Z", re.ASCII)

Topics = Sequence[str | list[str] | None]


@dataclass(frozen=True, slots=True)
class Filter:
    """Events of one contract by topics (eth_getLogs' own form)."""

    contract: str
    topics: Topics


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor: everything in front of this log."""

    block: int
    log_index: int

    @property
    def text(self) -> str:
        return f"{self.block}-{self.log_index}"

    @classmethod
    def parse(cls, text: str | None, field: str = "before") -> Place | None:
        """The cursor in `text`. Raises Malformed."""
        if text is None:
            return None
        match = _CURSOR.match(text)
        if match is None:
            raise Malformed("a cursor of this list looks like 120-3", field=field)
        return cls(int(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class Found:
    """Events newest first. `before` is the next page's cursor, None at the beginning of the ledger."""

    events: tuple[Event, ...]
    before: Place | None
    searched_from: int


def word(value: bytes) -> str:
    """A 32-byte topic."""
    return "0x" + value.hex()


def topic(access: Access, contract: str, *names: str) -> list[str]:
    """Topic 0 of some events of a contract."""
    abi = access.chain.abi(contract)
    return [word(abi.event(name).digest) for name in names]


def search(access: Access, filters: Sequence[Filter], limit: int, head: int, before: Place | None = None) -> Found:
    """At most `limit` events that any of `filters` lets through, newest first, from block `head` down, in front of
    `before`. Give the head whose state is shown beside them, or the two may be of different moments."""
    first = access.chain.deployment.block
    high = head if before is None else min(head, before.block)
    window, widest, found = FIRST_WINDOW, WIDEST_WINDOW, list[Event]()
    for _ in range(MAX_STEPS):
        if high < first or len(found) > limit:
            break
        low = max(first, high - window + 1)
        try:
            step = [event for each in filters for event in _logs(access, each, low, high)]
        except RpcError as error:
            if window == 1:
                raise EngineUnavailable(f"the engine refused one block's logs: {error.message}") from error
            widest = window = max(1, min(window, high - low + 1) // 8)
            continue
        step.sort(key=lambda event: (event.block, event.log_index), reverse=True)
        found += [e for e in step if before is None or (e.block, e.log_index) < (before.block, before.log_index)]
        high, window = low - 1, min(window * GROWTH, widest)
    shown = tuple(found[:limit])
    if len(found) > limit:
        last = shown[-1]
        return Found(shown, Place(last.block, last.log_index), last.block)
    return Found(shown, Place(high + 1, 0) if high >= first else None, max(first, high + 1))


def _logs(access: Access, wanted: Filter, low: int, high: int) -> list[Event]:
    chain = access.chain
    raw = chain.engine.request(
        "eth_getLogs",
        [
            {
                "fromBlock": hex(low),
                "toBlock": hex(high),
                "address": "0x" + chain.deployment.address(wanted.contract).hex(),
                "topics": list(wanted.topics),
            }
        ],
    )
    if not isinstance(raw, list):
        raise EngineUnavailable("the engine's logs are not a list")
    return [chain.decode_log(log) for log in raw]


def in_block(access: Access, wanted: Filter, height: int, through: int | None = None) -> list[Event]:
    """The events of one block, or of `height`..`through`, in order; halved where the engine finds that too many."""
    last = height if through is None else through
    try:
        return _logs(access, wanted, height, last)
    except RpcError as error:
        if height >= last:
            raise EngineUnavailable(f"the engine refused one block's logs: {error.message}") from error
    middle = (height + last) // 2
    return in_block(access, wanted, height, middle) + in_block(access, wanted, middle + 1, last)
