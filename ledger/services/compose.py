"""The member's side: turn what somebody wants to say into one signed submission. Needs a signer, never a server.

A `Part` is one record with the operation its kind demands (`ledger.services.kinds`). A `Composer` joins any number of
parts, of mixed kinds, into one action under one SM2 signature and gives the wire form for POST /api/v1/submissions.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.crypto.ports import Signer
from ledger.documents.ceb import parse_message
from ledger.documents.statement import Record, commit
from ledger.documents.submission import SignedSubmission, build
from ledger.domain.action import Operation, domain
from ledger.services.kinds import demand

SEED_BYTES = 32
DEFAULT_VALIDITY = 7 * 24 * 3600  # seconds: long enough for an offline device to be brought to a network


@dataclass(frozen=True, slots=True)
class Network:
    """Which ledger a signature is meant for: chain id and the Submissions contract's address."""

    chain_id: int
    submissions: str

    @property
    def domain(self) -> bytes:
        return domain(self.chain_id, self.submissions)


@dataclass(frozen=True, slots=True)
class Part:
    """One record, its operation if its kind demands one, and the exact message it came in, if any."""

    record: Record
    operation: Operation | None


class Composer:
    """Composes submissions for one member and one key. `clock` gives Unix seconds."""

    def __init__(self, network: Network, member: bytes, signer: Signer, clock: Callable[[], float] = time.time) -> None:
        self.network = network
        self.member = member
        self.signer = signer
        self._clock = clock

    def part(self, kind: str, payload: dict[str, Any], evidence: bytes | None = None) -> Part:
        """One record of `kind`; lots and operation follow from the payload. Raises Malformed when it breaks rules."""
        seed = secrets.token_bytes(SEED_BYTES)
        # The lots are part of the digest and follow from the payload alone, so ask for them with a first draft.
        draft = commit(kind, self.member, (), payload, seed, evidence=evidence)
        lots = demand(draft, payload).lots
        record = draft if not lots else commit(kind, self.member, lots, payload, seed, evidence=evidence)
        return Part(record, demand(record, payload).operation)

    def documents(self, message: bytes) -> list[Part]:
        """The parts of one CEB message (strict): one record per business node, the message itself as evidence."""
        parsed = parse_message(message, mode="strict")
        return [self.part(node.kind, node.payload(), evidence=message) for node in parsed.nodes]

    def compose(self, parts: Sequence[Part], validity: float = DEFAULT_VALIDITY) -> SignedSubmission:
        """Sign the parts as one submission, valid for `validity` seconds from now."""
        return build(
            [part.record for part in parts],
            [part.operation for part in parts if part.operation is not None],
            self.signer,
            self.network.domain,
            nonce=secrets.randbits(64),
            expiry=int(self._clock() + validity),
        )
