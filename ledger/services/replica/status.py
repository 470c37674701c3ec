"""What a replica says about itself: to its page, to /readyz and /metrics, and to `originseal replica --once --json`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ledger.services.replica.refusals import Refusal

STARTING = "starting"
CATCHING_UP = "catching-up"
FOLLOWING = "following"  # every block that the source has is ours and agrees
WAITING = "waiting"  # the source is down, busy or talks nonsense: nothing is wrong with what is held
BEHIND = "behind"  # the source has fewer blocks than we do, all of them ours
WITHHOLDING = "withholding"  # the source has fewer blocks than it has signed for
REFUSED = "refused"  # see the refusal: final
STOPPED = "stopped"  # our own disk or program failed: nothing is checked until somebody starts the replica again
STATES = (STARTING, CATCHING_UP, FOLLOWING, WAITING, BEHIND, WITHHOLDING, REFUSED, STOPPED)
IN_AGREEMENT = (FOLLOWING, BEHIND)


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """Times are Unix seconds, None for never. `fault` is the source's last failure that was no lie, `warnings` what
    people should look into."""

    state: str = STARTING
    source: str = ""
    chain_id: int = 0
    genesis: str = ""
    height: int = 0
    head_hash: str = ""
    head_time: int = 0
    source_height: int | None = None
    lag_seconds: float | None = None
    checked: int | None = None
    agreed: int | None = None
    fault: str = ""
    fault_time: int | None = None
    warnings: tuple[str, ...] = ()
    refusal: Refusal | None = None
    signed_height: int | None = None
    code_checked: bool = False
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def lag_blocks(self) -> int | None:
        """How many blocks the source is known to be ahead."""
        return None if self.source_height is None else max(0, self.source_height - self.height)

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "format": "originseal-replica/v1",
            "state": self.state,
            "source": self.source,
            "chainId": self.chain_id,
            "genesis": self.genesis,
            "head": {"height": self.height, "hash": self.head_hash, "time": self.head_time},
            "sourceHeight": self.source_height,
            "lagBlocks": self.lag_blocks,
            "lagSeconds": self.lag_seconds,
            "lastChecked": self.checked,
            "lastAgreed": self.agreed,
            "newestSignedHeight": self.signed_height,
            "codeChecked": self.code_checked,
            "fault": {"message": self.fault, "time": self.fault_time} if self.fault else None,
            "warnings": list(self.warnings),
            "refusal": None if self.refusal is None else self.refusal.to_json(),
            "counts": self.counts,
        }
