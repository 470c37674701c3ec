"""Putting signed transactions on a chain and learning what became of them, the same for every engine.

An engine that seals batches gets all transactions as one block; any other gets them one by one, and their receipts
are polled for. Sending the same bytes twice is harmless, so an unclear answer is never an error here: the receipt
decides. Neither signs nor stores anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.chain.engine import BatchSealing, Engine
from ledger.errors import EngineUnavailable, RpcError

FIRST_POLL = 0.02  # seconds between looks for a receipt; doubles up to
LAST_POLL = 1.0
# How engines say that they already have these bytes (geth, Besu, anvil, this embedded one).
_KNOWN = ("already known", "known transaction", "already imported")


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a transaction was sealed. `time` is the block's, in Unix seconds; `success` false means it reverted."""

    transaction_hash: bytes
    block: int
    block_hash: bytes
    time: int
    index: int
    success: bool
    gas_used: int
    contract: bytes | None
    logs: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class SendResult:
    """`error` is the engine's refusal to take the bytes, None when it took (or had) them; `output` is the return or
    revert data where the engine tells it at once."""

    error: RpcError | None = None
    output: bytes | None = None


def send(engine: Engine, raws: Sequence[bytes]) -> list[SendResult]:
    """Hand `raws` over, in order. Raises EngineUnavailable or StorageUnavailable; then none may count as refused."""
    if isinstance(engine, BatchSealing):
        results = []
        for outcome in engine.seal(raws):
            error = outcome.error
            if error is None:
                results.append(SendResult(output=getattr(outcome, "output", None)))
            elif _is_known(error.message):
                results.append(SendResult())
            else:
                results.append(SendResult(RpcError(error.message, rpc_code=error.rpc_code)))
        return results
    results = []
    for raw in raws:
        try:
            engine.request("eth_sendRawTransaction", ["0x" + raw.hex()])
            results.append(SendResult())
        except RpcError as error:
            results.append(SendResult(None if _is_known(error.message) else error))
    return results


def _is_known(message: str) -> bool:
    return any(word in message.lower() for word in _KNOWN)


def is_nonce_problem(error: RpcError) -> bool:
    """True for "nonce too low/high" in the words and codes of the engines (Besu: -32001, -32006)."""
    return "nonce" in error.message.lower() or error.rpc_code == -32006


def block_time(engine: Engine, block_hash: str) -> int:
    """Time of a block, Unix seconds."""
    block = engine.request("eth_getBlockByHash", [block_hash, False])
    if not isinstance(block, dict):
        raise EngineUnavailable(f"the engine does not know block {block_hash} of its own receipt", retry_after=1.0)
    return number(block, "timestamp")


def receipt(engine: Engine, tx_hash: bytes) -> Receipt | None:
    """The receipt by hash, None while there is none."""
    raw = engine.request("eth_getTransactionReceipt", ["0x" + tx_hash.hex()])
    if raw is None or (isinstance(raw, dict) and raw.get("blockHash") is None):
        return None
    try:
        if bytes.fromhex(raw["transactionHash"][2:]) != tx_hash:
            raise ValueError("the receipt is of another transaction")
        created = raw.get("contractAddress")
        return Receipt(
            tx_hash,
            int(raw["blockNumber"], 16),
            bytes.fromhex(raw["blockHash"][2:]),
            block_time(engine, raw["blockHash"]),
            int(raw["transactionIndex"], 16),
            int(raw["status"], 16) == 1,
            int(raw["gasUsed"], 16),
            bytes.fromhex(created[2:]) if created else None,
            tuple(raw["logs"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise EngineUnavailable(f"the engine's receipt makes no sense: {error}") from error


def wait(
    engine: Engine, tx_hash: bytes, timeout: float, *, sleep: Callable[[float], None] = time.sleep
) -> Receipt | None:
    """Poll for a receipt up to `timeout` seconds; None when there is still none."""
    deadline = time.monotonic() + timeout
    pause = FIRST_POLL
    while True:
        found = receipt(engine, tx_hash)
        if found is not None or time.monotonic() >= deadline:
            return found
        sleep(pause)
        pause = min(2 * pause, LAST_POLL)


def number(answer: Any, name: str) -> int:
    """A hex quantity of an engine's answer; raises EngineUnavailable when it is not one."""
    try:
        return int(answer[name], 16)
    except (KeyError, TypeError, ValueError) as error:
        raise EngineUnavailable(f"the engine's answer has no usable {name}") from error


def data(answer: Any, name: str) -> bytes:
    """0x data of an engine's answer; raises EngineUnavailable when it is not that."""
    try:
        return bytes.fromhex(answer[name].removeprefix("0x"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EngineUnavailable(f"the engine's answer has no usable {name}") from error


def transaction_count(engine: Engine, address: bytes, tag: str = "latest") -> int:
    """The next nonce of an account."""
    answer = engine.request("eth_getTransactionCount", ["0x" + address.hex(), tag])
    return number({"nonce": answer}, "nonce")
