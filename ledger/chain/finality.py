"""When a block counts as final: a setting of the chain, not of the code (ADR 0007).

`instant` for engines whose blocks never change (embedded, QBFT, IBFT); `depth:N` for chains that may reorganise
(Clique: at least half the signers plus one); `tag:finalized` or `tag:safe` where the engine maintains these tags.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.chain.engine import Engine
from ledger.chain.sending import number
from ledger.errors import EngineUnavailable, Malformed, RpcError

MAX_DEPTH = 10_000


@dataclass(frozen=True, slots=True)
class Finality:
    """`kind` is instant, depth or tag. Make with `parse`."""

    kind: str
    depth: int = 0
    tag: str = "latest"

    @classmethod
    def parse(cls, text: str) -> Finality:
        """`instant`, `depth:N` (N blocks on top) or `tag:finalized|safe`; raises Malformed."""
        kind, _, value = text.partition(":")
        if text == "instant":
            return cls("instant")
        if kind == "depth" and value.isdecimal() and 0 < int(value) <= MAX_DEPTH:
            return cls("depth", depth=int(value))
        if kind == "tag" and value in ("finalized", "safe"):
            return cls("tag", tag=value)
        raise Malformed("finality is instant, depth:N or tag:finalized|safe", field="finality")

    def height(self, engine: Engine) -> int:
        """The newest final block's number; -1 when none is yet."""
        if self.kind == "tag":
            try:
                block = engine.request("eth_getBlockByNumber", [self.tag, False])
            except RpcError as error:
                raise EngineUnavailable(
                    f"the engine has no {self.tag} block: {error.message}",
                    hint="use instant or depth:N",
                ) from error
            return -1 if block is None else number(block, "number")
        head = number({"head": engine.request("eth_blockNumber")}, "head")
        return head - self.depth


INSTANT = Finality("instant")
