"""Where an audit gets blocks from: any engine through the chain reader, or straight from the embedded chain's file.

A source hands on bytes; whether they are right is the audit's question. What a source cannot give is a finding, not
an exception, so that an audit names every broken block.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    """What a contract holds: its code hash, and its storage by hashed slot. `whole` when nothing else can be there."""

    code_hash: bytes
    storage: dict[bytes, int]
    whole: bool


class Source(Protocol):
    """One chain, up to the head at the time of opening."""

    @property
    def head(self) -> int:
        """Number of the newest block that is audited."""

    def block(self, number: int, findings: Findings) -> RawBlock | None:
        """A block; None, and a finding, when it cannot be had."""

    def contract(self, address: bytes, state_root: bytes, slots: list[int], findings: Findings) -> ContractState | None:
        """A contract's state under `state_root`: at least `slots`; None, and a finding, when it cannot be had."""


class EngineSource:
    """Blocks and state proofs from a JSON-RPC engine. Proofs are checked; storage nobody asks about stays unseen."""

    def __init__(self, chain: ChainReader) -> None:
        self._chain = chain
        self.head = chain.final_height()

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

    def contract(self, address: bytes, state_root: bytes, slots: list[int], findings: Findings) -> ContractState | None:
        storage: dict[bytes, int] = {}
        code_hash = b""
        try:
            for start in range(0, max(1, len(slots)), PROOF_SLOTS):
                proof = self._chain.proof(address, slots[start : start + PROOF_SLOTS], self.head)
                account = prove_account(state_root, address, _outer(proof.nodes))
                code_hash = account.code_hash
                for slot in proof.slots:
                    value = prove_storage(account.storage_root, slot.slot, _outer(slot.nodes))
                    if value:
                        storage[hashed(slot.slot)] = value
        except OriginSealError as error:
            findings.add("state.value", f"contract 0x{address.hex()}", error.message)
            return None
        return ContractState(code_hash, storage, whole=False)


def _outer(nodes: tuple[bytes, ...]) -> list[bytes]:
    return [node for at, node in enumerate(nodes) if at == 0 or len(node) >= 32]


def hashed(slot: int) -> bytes:
    """The key of a slot in its contract's storage trie."""
    return keccak256(slot.to_bytes(32, "big"))
