"""Genesis parameters of an embedded chain: all of them are stored, and compared each time the file is opened.

A chain is named by its chain id and genesis hash. `extra_data` and `timestamp` make the hash of every consortium's
genesis its own, so that a signature or checkpoint of one can never be mistaken for another's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ledger.errors import EngineUnavailable

DEFAULT_CHAIN_ID = 20250
# Rules that differ from mainnet and are part of the chain's identity: base fee fixed at 0, gas limit constant,
# timestamp not before the parent's (ADR 0006).
RULES = "originseal-embedded/1"
FORK = "shanghai"
MAX_EXTRA_DATA = 32  # yellow paper, section 4.4.4


@dataclass(frozen=True, slots=True)
class GenesisParams:
    """What block 0 is made of. `timestamp` is in Unix seconds, `alloc` maps 20-byte addresses to wei."""

    timestamp: int
    extra_data: bytes = b""
    chain_id: int = DEFAULT_CHAIN_ID
    gas_limit: int = 100_000_000
    fork: str = FORK
    alloc: tuple[tuple[bytes, int], ...] = ()
    rules: str = RULES

    def __post_init__(self) -> None:
        if len(self.extra_data) > MAX_EXTRA_DATA:
            raise EngineUnavailable(f"genesis extra data is longer than {MAX_EXTRA_DATA} bytes")
        if self.fork != FORK or self.rules != RULES:
            raise EngineUnavailable(
                f"this release runs {FORK} under {RULES}, not {self.fork} under {self.rules}",
                hint="open the chain with the release that made it",
            )
        if self.chain_id < 1 or self.timestamp < 0 or self.gas_limit < 5000:
            raise EngineUnavailable("genesis parameters are out of range")

    def to_json(self) -> str:
        """One stable text form, as stored in the chain file."""
        return json.dumps(
            {
                "timestamp": self.timestamp,
                "extraData": self.extra_data.hex(),
                "chainId": self.chain_id,
                "gasLimit": self.gas_limit,
                "fork": self.fork,
                "alloc": {address.hex(): str(wei) for address, wei in sorted(self.alloc)},
                "rules": self.rules,
            },
            sort_keys=True,
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> GenesisParams:
        """The parameters in `text`; raises EngineUnavailable when they are damaged or of another release."""
        try:
            raw: dict[str, Any] = json.loads(text)
            return cls(
                timestamp=int(raw["timestamp"]),
                extra_data=bytes.fromhex(raw["extraData"]),
                chain_id=int(raw["chainId"]),
                gas_limit=int(raw["gasLimit"]),
                fork=str(raw["fork"]),
                alloc=tuple(sorted((bytes.fromhex(a), int(wei)) for a, wei in raw["alloc"].items())),
                rules=str(raw["rules"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise EngineUnavailable("the stored genesis parameters cannot be read") from error

    def differences(self, other: GenesisParams) -> list[str]:
        """Names of the parameters in which `other` differs."""
        mine, theirs = json.loads(self.to_json()), json.loads(other.to_json())
        return sorted(name for name in mine if mine[name] != theirs[name])
