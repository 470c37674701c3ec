"""Where an audit gets blocks from: any engine through the chain reader, or straight from the embedded chain's file.

A source hands on bytes; whether they are right is the audit's question. What a source cannot give is a finding, not
an exception, so that an audit names every broken block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from ledger.chain.reader import ChainReader
from ledger.crypto.keccak import keccak256
from ledger.errors import OriginSealError
from ledger.proof.trie import prove_account, prove_storage
from ledger.services.audit.findings import Findings

PROOF_SLOTS = 128  # per eth_getProof: under the limits of the engines that we know


@dataclass(frozen=True, slots=True)
class RawBlock:
    """One block as its source holds it."""

    number: int
    header: bytes
    transactions: tuple[bytes, ...]
    receipts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ContractState:
    """What a contract holds: its code hash, and its storage by hashed slot, ascending.

    Reading the storage raises Malformed, VerificationFailed or what the source raises.
    """

    code_hash: bytes
    storage: Iterator[tuple[bytes, int]]


class Source(Protocol):
    """One chain, up to the head at the time of opening."""

    head: int  # number of the newest block that is audited

    def block(self, number: int, findings: Findings) -> RawBlock | None:
        """A block; None, and a finding, when it cannot be had."""

    def contract(
        self, address: bytes, state_root: bytes, slots: Iterator[tuple[bytes, bytes]], findings: Findings
    ) -> ContractState | None:
        """A contract's state under `state_root`; None, and a finding, when it cannot be had.

        `slots` are (hashed slot, slot) expected to hold something, ascending: where storage cannot be enumerated, these
        are asked for and others stay unseen.
        """

    def slot(self, address: bytes, state_root: bytes, slot: int) -> int:
        """One word of a contract's storage, proved from `state_root`. Raises Malformed or VerificationFailed."""

    def point(self, members: bytes, key_id: bytes) -> tuple[int, int] | None:
        """x and y that the chain gives for a key id; nobody has checked that they belong to it."""


class EngineSource:
    """Blocks and state proofs from a JSON-RPC engine. Proofs are checked; storage nobody asks about stays unseen."""

    def __init__(self, chain: ChainReader, head: int | None = None) -> None:
        self._chain = chain
        self.head = chain.final_height() if head is None else head

    def block(self, number: int, findings: Findings) -> RawBlock | None:
        try:
            return RawBlock(
                number,
                self._chain.raw_header(number),
                tuple(self._chain.raw_transactions(number)),
                tuple(self._chain.raw_receipts(number)),
            )
        except OriginSealError as error:
            findings.add("chain.block-missing", f"block {number}", error.message)
            return None

    def contract(
        self, address: bytes, state_root: bytes, slots: Iterator[tuple[bytes, bytes]], findings: Findings
    ) -> ContractState | None:
        try:
            account = prove_account(state_root, address, _outer(self._chain.proof(address, [], self.head).nodes))
        except OriginSealError as error:
            findings.add("state.value", f"contract 0x{address.hex()}", error.message)
            return None
        return ContractState(account.code_hash, self._storage(address, account.storage_root, slots))

    def _storage(
        self, address: bytes, storage_root: bytes, slots: Iterator[tuple[bytes, bytes]]
    ) -> Iterator[tuple[bytes, int]]:
        while some := list(islice(slots, PROOF_SLOTS)):
            proof = self._chain.proof(address, [int.from_bytes(slot, "big") for _, slot in some], self.head)
            for (key, _), slot in zip(some, proof.slots, strict=True):
                value = prove_storage(storage_root, slot.slot, _outer(slot.nodes))
                if value:
                    yield key, value

    def slot(self, address: bytes, state_root: bytes, slot: int) -> int:
        proof = self._chain.proof(address, [slot], self.head)
        account = prove_account(state_root, address, _outer(proof.nodes))
        return prove_storage(account.storage_root, slot, _outer(proof.slots[0].nodes))

    def point(self, members: bytes, key_id: bytes) -> tuple[int, int] | None:
        try:
            key = self._chain.call("Members", "key", key_id)
            return int(key["x"]), int(key["y"])
        except (OriginSealError, KeyError, TypeError):
            return None


def _outer(nodes: tuple[bytes, ...]) -> list[bytes]:
    return [node for at, node in enumerate(nodes) if at == 0 or len(node) >= 32]


def hashed(slot: int) -> bytes:
    """The key of a slot in its contract's storage trie."""
    return keccak256(slot.to_bytes(32, "big"))
