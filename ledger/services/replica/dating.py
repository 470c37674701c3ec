"""Does a block's time agree with when this replica first saw it? Nobody else can tell a back-dated block.

The chain's rules only order times. But a replica that saw the source's newest block at some moment knows that every
later block was made, or first shown, after that moment: one that claims to be older was back-dated, or held back. A
block from the future was made by a clock that is wrong or lies. Neither ends following (the other clock may be ours);
both are findings that stay, with their evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger.proof.header import Header, parse_header
from ledger.services.config import write_json
from ledger.services.replica.chains import OwnChain
from ledger.services.replica.kept import Kept
from ledger.services.replica.refusals import FOLDER

FORMAT = "originseal-replica-dating/v1"
TOLERANCE = 300  # seconds that clocks may differ, and a poll may take
MAX_FINDINGS = 100  # kept one by one, the first: no later ones can push out what was found
BACK, FUTURE = "back-dated", "future-dated"
WORDS = {
    BACK: (
        "区块 {n} 自称封于 {told}，但本副本在 {seen} 仍看到前一区块为最新：它被倒填时间，或被扣留",
        "block {n} says that it was sealed at {told}, but at {seen} this replica still saw the block before it as the "
        "newest: it was back-dated or held back",
    ),
    FUTURE: (
        "区块 {n} 自称封于 {told}，而本副本在 {seen} 就收到了它：源的时钟有误",
        "block {n} says that it was sealed at {told}, but this replica had it at {seen}: the source's clock is wrong",
    ),
}


class Dating:
    """Compares block times with the moments of polling. `clock` gives Unix seconds."""

    def __init__(self, root: Path, chain: OwnChain, kept: Kept, clock: Callable[[], float]) -> None:
        self._root, self._chain, self._kept, self._clock = root, chain, kept, clock

    def saw_newest(self, height: int) -> None:
        """The source has just shown that `height`, which is ours, is its newest block."""
        self._kept.set_meta("watched", {"height": height, "time": int(self._clock())})

    def look(self) -> str:
        """Judge the blocks that came since; the newest finding in words, empty when there is none."""
        now = int(self._clock())
        watched = self._kept.meta("watched")
        height = self._chain.height()
        if watched is not None:
            for number in range(watched["height"] + 1, height + 1):
                header = self._header(number)
                if header is None or header.time >= watched["time"] - TOLERANCE:
                    break  # times do not decrease, so no later block is older
                if not self._note(BACK, header, watched["time"], watched):
                    break  # enough: a source that makes many costs no more than this
        newest = self._header(height)
        if newest is not None and newest.time > now + TOLERANCE:
            self._note(FUTURE, newest, now, watched)
        found = self._kept.meta("dated", [])
        return _words(found[-1]) if found else ""

    def _header(self, number: int) -> Header | None:
        raw = self._chain.header(number)
        return None if raw is None else parse_header(raw)

    def _note(self, kind: str, header: Header, seen: int, watched: dict[str, int] | None) -> bool:
        """Keep a finding with its evidence; False when there is no room for more."""
        found: list[dict[str, Any]] = self._kept.meta("dated", [])
        if len(found) >= MAX_FINDINGS:
            return False
        if any(each["height"] == header.number for each in found):
            return True
        name = f"{kind}-{header.number}.json"
        raw = self._chain.header(header.number) or b""
        finding = {"kind": kind, "height": header.number, "told": header.time, "seen": seen, "evidence": name}
        zh, en = (words.format(n=header.number, told=header.time, seen=seen) for words in WORDS[kind])
        write_json(
            self._root / FOLDER / name,
            {
                "format": FORMAT,
                **finding,
                "statement": {"zh": zh, "en": en},
                "tolerance": TOLERANCE,
                "newestBefore": watched,
                "header": "0x" + raw.hex(),
            },
        )
        self._kept.set_meta("dated", [*found, finding])
        return True


def _words(finding: dict[str, Any]) -> str:
    told, seen = finding["told"], finding["seen"]
    zh, en = (words.format(n=finding["height"], told=told, seen=seen) for words in WORDS[finding["kind"]])
    return f"{zh}。 {en} ({FOLDER}/{finding['evidence']})"
