"""A quick audit of some submissions, and what it is worth: a number that says how likely it misses what.

Every header, every link and every checkpoint is checked. Submissions are drawn at random (the seed is in the report, so
that the draw can be repeated; it is chosen after whoever might have altered something did so) and each is checked
completely: block, receipt, signature, payloads, lots, its rows in the read model, its nonce and key in the contracts'
state. The contracts' rules are not applied again, because that needs every submission.
"""

from __future__ import annotations

import math
import random
import secrets
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from ledger.chain.contracts import Deployment
from ledger.errors import Malformed, OriginSealError
from ledger.proof.header import EMPTY_OMMERS, Header, parse_header
from ledger.proof.transaction import STATUS_SUCCESS, parse_receipt, parse_transaction
from ledger.services.audit.findings import Findings
from ledger.services.audit.scratch import Scratch
from ledger.services.audit.sources import RawBlock, Source
from ledger.services.audit.tasks import Task

SHARES = (0.001, 0.01, 0.05)  # of all submissions altered: how likely would it be noticed


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many: a number of submissions, or a share of all."""

    number: int = 0
    share: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Wanted:
        """`50` or `2.5%`. Raises Malformed."""
        value = text.strip()
        try:
            if value.endswith("%"):
                share = float(value[:-1]) / 100
                if 0 < share <= 1:
                    return cls(share=share)
            elif value.isascii() and value.isdigit() and int(value) > 0:
                return cls(number=int(value))
        except ValueError:
            pass
        raise Malformed("a sample is a number of submissions, or a percentage such as 2%", field="sample")

    def of(self, total: int) -> int:
        """How many of `total`: at least one where there are any."""
        return min(total, self.number or math.ceil(self.share * total))


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn and what that is worth."""

    drawn: int
    total: int
    seed: str

    @property
    def misses_one(self) -> float:
        """The probability that one altered submission is not among those drawn."""
        return 1 - self.drawn / self.total if self.total else 0.0

    def notices(self, share: float) -> float:
        """The probability that at least one of the altered ones was drawn, when this share of all was altered."""
        altered = math.ceil(share * self.total)
        if altered == 0 or self.drawn == 0:
            return 0.0
        if self.drawn > self.total - altered:
            return 1.0
        # C(N - k, n) / C(N, n): drawing without putting back
        logarithm = _choose(self.total - altered, self.drawn) - _choose(self.total, self.drawn)
        return 1 - math.exp(logarithm)

    def to_json(self) -> dict[str, Any]:
        """As the report names it."""
        notices = {f"{share:.1%}": round(self.notices(share), 6) for share in SHARES}
        return {"drawn": self.drawn, "of": self.total, "seed": self.seed, "missesOne": round(self.misses_one, 6),
                "notices": notices}  # fmt: skip

    def words(self, head: int) -> dict[str, str]:
        """The same in sentences."""
        zh = "；".join(f"若有 {share:.1%} 的提交被改动，发现的概率为 {self.notices(share):.2%}" for share in SHARES)
        en = "; ".join(
            f"if {share:.1%} were altered, this run would notice with probability {self.notices(share):.2%}"
            for share in SHARES
        )
        return {
            "zh": f"本次为抽样检查：区块 0 至 {head} 的全部区块头、链接与检查点，以及随机抽取的 {self.drawn} 项提交"
            f"（共 {self.total} 项，种子 {self.seed}）。"
            f"单独一项被改动的提交有 {self.misses_one:.2%} 的概率未被抽中；{zh}。"
            "未抽中的提交、合约规则与全部存储、数据库的其余各行未检查。",
            "en": f"This was a sample: all headers, links and checkpoints of blocks 0 to {head}, and {self.drawn} of "
            f"{self.total} submissions drawn at random (seed {self.seed}). A single altered submission is missed with "
            f"probability {self.misses_one:.2%}; {en}. Submissions that were not drawn, the contracts' rules and whole "
            "storage, and the other rows of the stores were not checked.",
        }


def _choose(n: int, k: int) -> float:
    """The logarithm of n over k."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


class Sample:
    """The quick walk and the draw. `walk` first, then `tasks`."""

    def __init__(self, source: Source, deployment: Deployment, findings: Findings, scratch: Scratch) -> None:
        self._source, self._deployment = source, deployment
        self._findings, self._scratch = findings, scratch
        self._door = deployment.address("Submissions")
        self._counts = array("I")  # submissions in each block

    def walk(self) -> None:
        """Every header and link, and how many submissions each block has."""
        before: Header | None = None
        for number in range(self._source.head + 1):
            raw = self._source.block(number, self._findings)
            header = None if raw is None else self._header(raw, before)
            if header is not None:
                self._scratch.add_headers([(number, header.hash, header.state_root, header.time)])
            self._counts.append(0 if raw is None else len(self._submissions(raw)))
            before = header
        self._findings.count("headers", len(self._counts))
        self._scratch.commit()

    def _header(self, raw: RawBlock, before: Header | None) -> Header | None:
        where, add = f"block {raw.number}", self._findings.add
        try:
            header = parse_header(raw.header, where)
        except Malformed as error:
            add("chain.block-malformed", where, error.message)
            return None
        if header.number != raw.number or header.ommers_hash != EMPTY_OMMERS:
            add("chain.block-header", where, "another number, or ommers")
        if raw.number == 0 and header.hash != self._deployment.genesis:
            add("chain.other", where, "another genesis block", found=header.hash, expected=self._deployment.genesis)
        if before is not None and header.parent_hash != before.hash:
            add("chain.block-link", where, found=header.parent_hash, expected=before.hash)
        if before is not None and header.time < before.time:
            add("chain.block-header", where, "its time is before its parent's")
        return header

    def _submissions(self, raw: RawBlock) -> list[int]:
        """The places in a block of the calls that Submissions accepted."""
        found = []
        for index, (transaction, receipt) in enumerate(zip(raw.transactions, raw.receipts, strict=False)):
            try:
                called = parse_transaction(transaction).to == self._door
                if called and parse_receipt(receipt).status == STATUS_SUCCESS:
                    found.append(index)
            except OriginSealError as error:
                self._findings.add("chain.block-malformed", f"block {raw.number}", error.message)
        return found

    def draw(self, wanted: Wanted, seed: str | None) -> tuple[Drawn, list[Task]]:
        """Draw, and give the tasks that check what was drawn."""
        ends = list(accumulate(self._counts))
        total = ends[-1] if ends else 0
        drawn = Drawn(wanted.of(total), total, seed or secrets.token_hex(8))
        chosen = sorted(random.Random(drawn.seed).sample(range(total), drawn.drawn))  # noqa: S311 - repeatable on purpose
        return drawn, list(self._tasks(chosen, ends))

    def _tasks(self, chosen: list[int], ends: list[int]) -> Iterator[Task]:
        by_block: dict[int, list[int]] = {}
        for each in chosen:
            number = bisect_right(ends, each)
            by_block.setdefault(number, []).append(each - ends[number] + self._counts[number])
        for number, places in by_block.items():
            raw = self._source.block(number, Findings(""))
            indexes = self._submissions(raw) if raw is not None else []
            wanted = tuple(indexes[place] for place in places if place < len(indexes))
            yield Task("sampled", (number, wanted), f"block {number}")
