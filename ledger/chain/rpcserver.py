"""Read-only JSON-RPC 2.0 over an engine, for whoever mounts it under a URL (no web framework here).

A request can read everything and change nothing: only the methods of READ_COSTS exist. All bounds on hostile input
are named below. Answers follow JSON-RPC 2.0 (batches, notifications, error objects) and EIP-1474.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from ledger.chain import jsontext
from ledger.chain.engine import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    LIMIT_EXCEEDED,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    Engine,
)
from ledger.errors import RpcError, Unavailable

MAX_BODY = 1 << 20  # bytes: a call with the largest submission fits
MAX_BATCH = 100  # what ethers and web3.py send at once
MAX_COST = 300  # per HTTP request, in the units of READ_COSTS
MAX_CALL_GAS = 5_000_000  # per eth_call: an SM2 check takes 0.14 million; at worst 10 s of py-evm's curve precompiles
MAX_SECONDS = 2.0  # of processor time per HTTP request: what has begun is finished, the rest of a batch is not begun
MAX_EXECUTIONS = 2  # at once: what executes contracts must leave room for everybody who only reads
EXECUTION_WAIT = 5.0  # seconds to wait for one of them
MAX_DEPTH = 32  # of nested JSON

READ_COSTS = {
    "web3_clientVersion": 1,
    "net_version": 1,
    "net_listening": 1,
    "eth_chainId": 1,
    "eth_blockNumber": 1,
    "eth_syncing": 1,
    "eth_accounts": 1,
    "eth_gasPrice": 1,
    "eth_maxPriorityFeePerGas": 1,
    "eth_feeHistory": 5,
    "eth_getBlockByNumber": 5,
    "eth_getBlockByHash": 5,
    "eth_getBlockReceipts": 5,
    "eth_getBlockTransactionCountByNumber": 3,
    "eth_getBlockTransactionCountByHash": 3,
    "eth_getTransactionByHash": 3,
    "eth_getTransactionByBlockNumberAndIndex": 3,
    "eth_getTransactionByBlockHashAndIndex": 3,
    "eth_getTransactionReceipt": 3,
    "eth_getTransactionCount": 1,
    "eth_getBalance": 1,
    "eth_getCode": 2,
    "eth_getStorageAt": 1,
    "eth_call": 30,
    "eth_estimateGas": 60,
    "eth_getProof": 10,
    "eth_getLogs": 20,
    "debug_getRawHeader": 1,
    "debug_getRawBlock": 3,
    "debug_getRawReceipts": 3,
    "debug_getRawTransaction": 3,
}

_EXECUTING = frozenset({"eth_call", "eth_estimateGas"})
_executions = threading.BoundedSemaphore(MAX_EXECUTIONS)


class _Budget:
    """What one HTTP request may still cost: units of READ_COSTS, and processor time of this thread."""

    def __init__(self) -> None:
        self.units = MAX_COST
        self.until = time.thread_time() + MAX_SECONDS

    def take(self, cost: int) -> bool:
        self.units -= cost
        return self.units >= 0 and time.thread_time() <= self.until

    def end(self) -> None:
        """Begin nothing more: the rest of a batch must not wait its turn again and again."""
        self.units = 0


def handle_json(engine: Engine, body: bytes | str | dict[str, Any] | list[Any]) -> Any:
    """The JSON-RPC answer to `body` (raw bytes or already parsed JSON); None when nothing is to be sent back.

    Never raises for anything in `body`. An engine that is down answers -32603 with its message.
    """
    if isinstance(body, (bytes, str)):
        if len(body) > MAX_BODY:
            return _error(None, LIMIT_EXCEEDED, f"a request has at most {MAX_BODY} bytes")
        try:
            body = jsontext.loads(body.encode() if isinstance(body, str) else body, MAX_DEPTH)
        except ValueError:  # UnicodeError is one
            return _error(None, PARSE_ERROR, "the request is not JSON")
    if not isinstance(body, list):
        return _one(engine, body, _Budget())
    if not body:
        return _error(None, INVALID_REQUEST, "an empty batch")
    if len(body) > MAX_BATCH:
        return _error(None, LIMIT_EXCEEDED, f"a batch has at most {MAX_BATCH} requests")
    budget = _Budget()
    answers = [_one(engine, request, budget) for request in body]
    return [answer for answer in answers if answer is not None] or None


def _one(engine: Engine, request: Any, budget: _Budget) -> dict[str, Any] | None:
    if not isinstance(request, dict):
        return _error(None, INVALID_REQUEST, "a request is an object")
    ident = request.get("id")
    if isinstance(ident, (dict, list, bool)) or (isinstance(ident, str) and len(ident) > 256):
        return _error(None, INVALID_REQUEST, "the id is a string, a number or null")
    method, params = request.get("method"), request.get("params", [])
    if request.get("jsonrpc") != "2.0" or not isinstance(method, str):
        return _error(ident, INVALID_REQUEST, 'jsonrpc must be "2.0" and method a string')
    answer = _answer(engine, method, params, budget)
    if "id" not in request:
        return None  # a notification gets no answer
    return {"jsonrpc": "2.0", "id": ident, **answer}


def _answer(engine: Engine, method: str, params: Any, budget: _Budget) -> dict[str, Any]:
    cost = READ_COSTS.get(method)
    if cost is None:
        return _body(METHOD_NOT_FOUND, f"the method {method[:64]} does not exist or is not available here")
    if not budget.take(cost):
        return _body(LIMIT_EXCEEDED, "this batch asks for too much at once")
    if not isinstance(params, list):
        return _body(-32602, "params must be a list")
    if not _shallow(params):
        return _body(-32602, f"params are nested deeper than {MAX_DEPTH}")
    if method not in _EXECUTING:
        return _request(engine, method, params)
    if params and isinstance(params[0], dict):
        params = [_capped(params[0]), *params[1:]]
    if not _executions.acquire(timeout=EXECUTION_WAIT):
        budget.end()
        return _body(LIMIT_EXCEEDED, "too many calls are being executed; ask again")
    try:
        return _request(engine, method, params)
    finally:
        _executions.release()


def _request(engine: Engine, method: str, params: list[Any]) -> dict[str, Any]:
    try:
        return {"result": engine.request(method, params)}
    except RpcError as error:
        return _body(error.rpc_code, error.message, error.data)
    except Unavailable as error:
        return _body(INTERNAL_ERROR, error.message)


def _capped(call: dict[str, Any]) -> dict[str, Any]:
    gas = call.get("gas")
    try:
        too_much = gas is None or int(gas, 16) > MAX_CALL_GAS
    except (TypeError, ValueError):
        return call  # the engine names what is wrong with it
    return {**call, "gas": hex(MAX_CALL_GAS)} if too_much else call


def _shallow(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for item in level
            if isinstance(item, (dict, list))
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return True
    return False


def _body(code: int, message: str, data: str | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return {"error": error}


def _error(ident: Any, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": ident, **_body(code, message)}
