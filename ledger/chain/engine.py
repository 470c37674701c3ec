"""The engine port: one verb over any EVM chain, embedded or remote.

An engine answers Ethereum JSON-RPC requests (execution-apis, EIP-1474 error codes). Parameters and results are the
JSON values of that interface (hex quantities, 0x data), so that every engine is exercised through one contract. The
port does not sign, queue or retry a transaction: that is the gateway's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

# EIP-1474 and geth's practice. A client may rely on these numbers.
PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_ERROR = -32000
LIMIT_EXCEEDED = -32005
EXECUTION_REVERTED = 3
BLOCK_FULL = -32011  # ours: acceptable, but not in this block; send it again


@runtime_checkable
class Engine(Protocol):
    """One EVM chain that can be asked.

    Error contract of `request`: `ledger.errors.RpcError` when the engine understood and said no (its JSON-RPC error
    code and revert data are kept), `EngineUnavailable` when there is no usable answer, `StorageUnavailable` when an
    embedded engine cannot write. Nothing else leaves an engine.
    """

    @property
    def chain_id(self) -> int:
        """The EIP-155 chain id, constant for the life of the engine."""

    def request(self, method: str, params: Sequence[Any] = ()) -> Any:
        """The `result` member of the JSON-RPC answer to `method` with positional `params`."""

    def close(self) -> None:
        """Release files and sockets; a second call does nothing."""


@runtime_checkable
class BatchSealing(Protocol):
    """What an engine may add: it seals many signed transactions in one block at once."""

    def seal(self, raw_transactions: Sequence[bytes]) -> list[SealOutcome]:
        """Seal `raw_transactions`, in order, in one new block; durable when it returns.

        One outcome for each input. A transaction that could not be included (nonce, gas, signature) does not stop
        the others. When none can be included no block is made. Raises StorageUnavailable when the block could not
        be stored; then nothing of it is.
        """


class SealOutcome(Protocol):
    """What became of one transaction given to `seal`."""

    @property
    def transaction_hash(self) -> bytes:
        """keccak256 of the transaction (EIP-2718)."""

    @property
    def error(self) -> RefusalReason | None:
        """Why it is not in the block; None when it is."""


class RefusalReason(Protocol):
    """A JSON-RPC error as a value."""

    @property
    def rpc_code(self) -> int:
        """JSON-RPC error code."""

    @property
    def message(self) -> str:
        """What was wrong."""
