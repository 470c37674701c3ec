"""The embedded engine behind the engine port.

Single writer per chain file (a lock that dies with the process); a second process opens `read_only`. Thread-safe:
sealing is serialised, reads run beside it. Made for one operator's node, not for consensus between several.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from eth_utils import keccak

from ledger.chain.embedded import rpc
from ledger.chain.embedded.genesis import GenesisParams
from ledger.chain.embedded.machine import Outcome, Refusal, Transaction
from ledger.chain.embedded.node import Node
from ledger.chain.engine import SERVER_ERROR
from ledger.errors import EngineUnavailable, RpcError

MAX_BATCH = 500  # transactions in one block: bounds how long sealing keeps other senders waiting


class EmbeddedEngine:
    """An open embedded chain. Use `EmbeddedEngine.open`; close it, or use it as a context manager."""

    def __init__(self, node: Node) -> None:
        self._node = node

    @classmethod
    def open(
        cls,
        path: Path,
        genesis: GenesisParams | None = None,
        read_only: bool = False,
        *,
        clock: Callable[[], float] = time.time,
    ) -> EmbeddedEngine:
        """Open the chain in file `path`, creating it when it is absent and `genesis` is given.

        With `genesis`, the stored parameters must equal it. `clock` gives Unix seconds. Raises EngineUnavailable
        (no chain there, or another one) and StorageUnavailable (locked by another writer, damaged, disk full).
        """
        return cls(Node.open(Path(path), genesis, read_only=read_only, clock=clock))

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self._node.genesis.chain_id

    @property
    def genesis_hash(self) -> bytes:
        """Hash of block 0: the chain's name."""
        return self._node.genesis_hash

    @property
    def genesis(self) -> GenesisParams:
        """The stored genesis parameters."""
        return self._node.genesis

    @property
    def node(self) -> Node:
        """The chain below the port: for the file audit, benchmarks and tests."""
        return self._node

    def request(self, method: str, params: Sequence[Any] = ()) -> Any:
        """See `ledger.chain.engine.Engine.request`."""
        if self._node.store.closed:
            raise EngineUnavailable("the chain is closed")
        return rpc.handle(self._node, method, params)

    def seal(self, raw_transactions: Sequence[bytes]) -> list[Outcome]:
        """See `ledger.chain.engine.BatchSealing.seal`; at most MAX_BATCH at once (RuntimeError: our own misuse)."""
        if len(raw_transactions) > MAX_BATCH:
            raise RuntimeError(f"at most {MAX_BATCH} transactions in one block")
        if self._node.read_only:
            raise RpcError("the chain is open for reading only", rpc_code=SERVER_ERROR)
        decoded: list[Transaction | Outcome] = []
        for raw in raw_transactions:
            try:
                decoded.append(self._node.machine.decode(raw))
            except RpcError as error:
                decoded.append(Outcome(keccak(raw), Refusal(error.rpc_code, error.message)))
        sealed = iter(self._node.seal([tx for tx in decoded if not isinstance(tx, Outcome)]))
        return [tx if isinstance(tx, Outcome) else next(sealed) for tx in decoded]

    def close(self) -> None:
        """Close the file and give up the writer's lock."""
        self._node.close()

    def __enter__(self) -> EmbeddedEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
