"""Questions to the chain that only the explorer asks: by hash, newest first, and with proofs that are checked here.

Everything goes through one ChainReader, so any engine will do. What an engine cannot answer is NotFound or
EngineUnavailable, what does not hold VerificationFailed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock
from typing import Any

from ledger.chain import rawblocks
from ledger.chain.reader import ChainReader
from ledger.chain.reverts import reverted
from ledger.chain.sending import data, number
from ledger.crypto.keccak import keccak256
from ledger.errors import EngineUnavailable, Malformed, NotFound, RevertedOnChain, RpcError, Unavailable
from ledger.proof.header import Header, parse_header
from ledger.proof.trie import Account, parse_account, prove, prove_storage
from ledger.services.explorer.views import StateProof

KEPT_TIMES = 8192  # block times remembered: final blocks never change
KEPT_REFUSALS = 512
MAX_EXECUTIONS = 2  # refused transactions executed again at once: readers who execute nothing must not wait for them
EXECUTION_WAIT = 5.0  # seconds to wait for a turn
PROOF_SLOTS = 128  # per eth_getProof: under the limits of the engines that we know


@dataclass(frozen=True, slots=True)
class ProvenState:
    """An account and some of its slots after a block, checked against that block's state root."""

    account: Account
    values: tuple[int, ...]
    proof: StateProof


class Access:
    """One chain, seen from its newest final block."""

    def __init__(self, chain: ChainReader) -> None:
        self.chain = chain
        self._times: OrderedDict[int, int] = OrderedDict()
        self._asked_raw: bool | None = None
        self._refusals: OrderedDict[bytes, tuple[str, RevertedOnChain] | None] = OrderedDict()
        self._executions = BoundedSemaphore(MAX_EXECUTIONS)
        self._lock = Lock()

    def head(self) -> int:
        """Number of the newest final block. Raises NotFound when there is none yet."""
        height = self.chain.final_height()
        if height < 0:
            raise NotFound("the chain has no final block yet")
        return height

    def header(self, height: int) -> tuple[bytes, Header]:
        """The header's bytes and what they say."""
        raw = self.chain.raw_header(height)
        try:
            return raw, parse_header(raw)
        except Malformed as error:
            raise EngineUnavailable(f"the engine's header of block {height} cannot be read") from error

    def raw_methods(self) -> bool:
        """Whether the engine has debug_getRaw*: what evidence may point at."""
        if self._asked_raw is None:
            self.chain.raw_header(0)
            self._asked_raw = self.chain.raw_methods
        return self._asked_raw

    def time(self, height: int) -> int:
        """A block's time; remembered."""
        with self._lock:
            known = self._times.get(height)
        if known is None:
            known = self.chain.block(height).time
            with self._lock:
                self._times[height] = known
                while len(self._times) > KEPT_TIMES:
                    self._times.popitem(last=False)
        return known

    def height_of(self, block_hash: bytes) -> int:
        """The number of the block with this hash. Raises NotFound."""
        raw = self._ask("eth_getBlockByHash", ["0x" + block_hash.hex(), False])
        if raw is None:
            raise NotFound(f"the chain has no block 0x{block_hash.hex()}")
        return number(raw, "number")

    def raw_transaction(self, tx_hash: bytes) -> bytes:
        """A transaction's bytes (EIP-2718), which have this hash. Raises NotFound."""
        answer = self._ask("eth_getTransactionByHash", ["0x" + tx_hash.hex()])
        if not isinstance(answer, dict) or answer.get("blockHash") is None:
            raise NotFound(f"the chain has no transaction 0x{tx_hash.hex()}")
        raw = rawblocks.transaction(answer)
        if keccak256(raw) != tx_hash:
            raise EngineUnavailable("the engine's transaction does not have its hash")
        return raw

    def code(self, address: bytes, height: int) -> bytes:
        """The code at an address after a block."""
        return data({"code": self._ask("eth_getCode", ["0x" + address.hex(), hex(height)])}, "code")

    def refusal_of(
        self, tx_hash: bytes, find: Callable[[], tuple[str, RevertedOnChain] | None]
    ) -> tuple[str, RevertedOnChain] | None:
        """What `find` found out about a refused transaction: found out once, as it never changes, by few at a time.
        Raises Unavailable when too many are being executed."""
        with self._lock:
            if tx_hash in self._refusals:
                return self._refusals[tx_hash]
        if not self._executions.acquire(timeout=EXECUTION_WAIT):
            raise Unavailable("too many transactions are being executed again; ask again", retry_after=EXECUTION_WAIT)
        try:
            found = find()
        finally:
            self._executions.release()
        with self._lock:
            self._refusals[tx_hash] = found
            while len(self._refusals) > KEPT_REFUSALS:
                self._refusals.popitem(last=False)
        return found

    def replay(self, sender: bytes, to: bytes, calldata: bytes, gas: int, height: int) -> RevertedOnChain | None:
        """Execute a call on the state after block `height`: the contract's refusal, or None when it accepts.
        Raises NotFound when the engine cannot execute there."""
        call = {
            "from": "0x" + sender.hex(),
            "to": "0x" + to.hex(),
            "data": "0x" + calldata.hex(),
            "gas": hex(gas),
        }
        try:
            self.chain.engine.request("eth_call", [call, hex(height)])
        except RpcError as error:
            refusal = reverted(error)
            if refusal is None:
                raise NotFound(f"the engine does not execute at block {height}: {error.message}") from error
            return refusal
        return None

    def _ask(self, method: str, params: list[Any]) -> Any:
        try:
            return self.chain.engine.request(method, params)
        except RpcError as error:
            raise NotFound(f"the engine cannot answer this: {error.message}") from error

    def state(self, address: bytes, slots: Sequence[int], height: int, contract: str = "") -> ProvenState:
        """An account and `slots` after block `height`, each value proven against the header's state root. Raises
        NotFound when the proof shows that there is no such account, VerificationFailed when a proof does not hold."""
        _, header = self.header(height)
        account: Account | None = None
        values: list[int] = []
        for start in range(0, max(1, len(slots)), PROOF_SLOTS):
            part = slots[start : start + PROOF_SLOTS]
            answer = self.chain.proof(address, part, height)
            leaf = prove(header.state_root, keccak256(address), _outer(answer.nodes), "accountProof")
            if leaf is None:
                raise NotFound(f"there is no account 0x{address.hex()} in the state of block {height}")
            account = parse_account(leaf)
            for slot, shown in zip(part, answer.slots, strict=True):
                values.append(prove_storage(account.storage_root, slot, _outer(shown.nodes)))
        assert account is not None
        proof = StateProof(
            height,
            "0x" + header.hash.hex(),
            "0x" + header.state_root.hex(),
            contract,
            "0x" + address.hex(),
            tuple((_word(slot), _word(value)) for slot, value in zip(slots, values, strict=True)),
        )
        return ProvenState(account, tuple(values), proof)


def _outer(nodes: Sequence[bytes]) -> list[bytes]:
    """Without the nodes that are written inside their parent: some engines list those as well."""
    return [node for at, node in enumerate(nodes) if at == 0 or len(node) >= 32]


def _word(value: int) -> str:
    return f"0x{value:064x}"
