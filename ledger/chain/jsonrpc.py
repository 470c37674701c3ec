"""A remote node behind the engine port: JSON-RPC 2.0 over HTTP, any Ethereum client (Besu, geth, anvil …).

A list of endpoints of the same chain: requests go to one until it fails, then to the next, in bounded rounds with
jitter. Each endpoint must show the same chain id and genesis hash before it is used, and again after every failure,
so that a node that lost its data or was swapped is never mistaken for the old one. Retrying is safe for every
method, because a transaction is sent as the same signed bytes. No exception of an HTTP library leaves this module.
"""

from __future__ import annotations

import http.client
import itertools
import json
import random
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from ledger.chain import jsontext
from ledger.errors import EngineUnavailable, RpcError

MAX_ANSWER = 64 << 20  # bytes: the receipts of a full block are far below
MAX_DEPTH = 64  # of nested JSON; a log inside a receipt inside a block needs 6
ROUNDS = 3  # over all endpoints
FIRST_PAUSE = 0.1  # seconds before the second round; doubles, with full jitter
IDLE_CONNECTIONS = 8
MAX_MESSAGE = 500  # characters of a remote error that are passed on


class _Failure(Exception):
    """One endpoint gave no usable answer; only inside this module."""


class _Stale(_Failure):
    """A kept connection broke: the node may have closed it for idling, or it may have been restarted."""


class _Endpoint:
    """One URL with its idle connections."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise EngineUnavailable("an engine URL must be http or https", hint="check the engine setting")
        self.name = f"{parts.hostname}:{parts.port or parts.scheme}"  # never the user name, path or query: secrets
        self._secure = parts.scheme == "https"
        self._host, self._port, self._timeout = parts.hostname, parts.port, timeout
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._idle: deque[http.client.HTTPConnection] = deque(maxlen=IDLE_CONNECTIONS)
        self.trusted = False

    def post(self, body: bytes) -> Any:
        """The parsed answer; raises _Failure."""
        connection, kept = self._take()
        try:
            connection.request("POST", self._path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            raw = answer.read(MAX_ANSWER + 1)
        except TimeoutError as error:
            connection.close()
            raise _Failure(f"{self.name}: no answer in {self._timeout:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self.close()
            raise (_Stale if kept else _Failure)(f"{self.name}: {type(error).__name__}") from error
        if len(raw) > MAX_ANSWER:
            connection.close()
            raise _Failure(f"{self.name}: the answer is longer than {MAX_ANSWER} bytes")
        if answer.will_close:
            connection.close()
        else:
            self._give_back(connection)
        # Some nodes send JSON-RPC errors with an HTTP error status: what counts is a JSON-RPC body.
        try:
            return jsontext.loads(raw, MAX_DEPTH)
        except ValueError as error:
            raise _Failure(f"{self.name}: HTTP {answer.status}, not JSON") from error

    def _take(self) -> tuple[http.client.HTTPConnection, bool]:
        try:
            return self._idle.pop(), True
        except IndexError:
            pass
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context), False
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout), False

    def _give_back(self, connection: http.client.HTTPConnection) -> None:
        if len(self._idle) < IDLE_CONNECTIONS:
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close idle connections."""
        while self._idle:
            self._idle.pop().close()


class JsonRpcEngine:
    """See `ledger.chain.engine.Engine`. `timeout` is in seconds, per attempt.

    `chain_id` and `genesis_hash`, when given, must be what every endpoint shows; otherwise the first endpoint that
    answers sets them. Opening asks the endpoints, and raises EngineUnavailable when none is usable.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        timeout: float = 10.0,
        *,
        chain_id: int | None = None,
        genesis_hash: bytes | None = None,
        rounds: int = ROUNDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        listed = [urls] if isinstance(urls, str) else list(urls)
        if not listed:
            raise EngineUnavailable("no engine URL is configured")
        self._endpoints = [_Endpoint(url, timeout) for url in listed]
        self._rounds, self._sleep = rounds, sleep
        self._random = random.SystemRandom()
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._preferred = 0
        self._chain_id, self._genesis = chain_id, genesis_hash
        self.request("eth_chainId")
        if self._chain_id is None or self._genesis is None:
            raise EngineUnavailable("the engine did not identify its chain")

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id that all endpoints share."""
        assert self._chain_id is not None
        return self._chain_id

    @property
    def genesis_hash(self) -> bytes:
        """Hash of block 0 that all endpoints share."""
        assert self._genesis is not None
        return self._genesis

    def request(self, method: str, params: Sequence[Any] = ()) -> Any:
        """See `ledger.chain.engine.Engine.request`."""
        failures: list[str] = []
        pause = FIRST_PAUSE
        for attempt in range(self._rounds):
            if attempt:
                self._sleep(self._random.uniform(0, pause))
                pause *= 2
            start = self._preferred
            for step in range(len(self._endpoints)):
                index = (start + step) % len(self._endpoints)
                endpoint = self._endpoints[index]
                try:
                    result = self._ask_identified(endpoint, method, params)
                except _Failure as failure:
                    endpoint.trusted = False
                    failures.append(str(failure))
                    continue
                self._preferred = index
                return result
        raise EngineUnavailable(
            f"no chain engine answered {method}: {'; '.join(failures[-len(self._endpoints) :])}",
            retry_after=5.0,
            hint="check that the node runs and is the same chain",
        )

    def _ask_identified(self, endpoint: _Endpoint, method: str, params: Sequence[Any]) -> Any:
        try:
            self._identify(endpoint)
            return self._ask(endpoint, method, params)
        except _Stale:
            endpoint.trusted = False  # a restarted node must say again which chain it has
            self._identify(endpoint)
            return self._ask(endpoint, method, params)

    def _identify(self, endpoint: _Endpoint) -> None:
        if endpoint.trusted:
            return
        try:
            chain_id = int(self._ask(endpoint, "eth_chainId", ()), 16)
            block = self._ask(endpoint, "eth_getBlockByNumber", ("0x0", False))
            genesis = bytes.fromhex(block["hash"][2:])
        except (RpcError, TypeError, ValueError, KeyError) as error:
            raise _Failure(f"{endpoint.name}: does not identify its chain") from error
        with self._lock:
            if self._chain_id is None:
                self._chain_id = chain_id
            if self._genesis is None:
                self._genesis = genesis
            if chain_id != self._chain_id:
                raise _Failure(f"{endpoint.name}: chain id {chain_id}, expected {self._chain_id}")
            if genesis != self._genesis:
                raise _Failure(f"{endpoint.name}: another genesis block (data lost, or another chain)")
        endpoint.trusted = True

    def _ask(self, endpoint: _Endpoint, method: str, params: Sequence[Any]) -> Any:
        ident = next(self._ids)
        body = json.dumps({"jsonrpc": "2.0", "id": ident, "method": method, "params": list(params)})
        answer = endpoint.post(body.encode())
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise _Failure(f"{endpoint.name}: not a JSON-RPC answer")
        error = answer.get("error")
        if error is not None:
            raise _rpc_error(error)
        if answer.get("id") != ident:
            raise _Failure(f"{endpoint.name}: answered another request")
        return answer["result"]

    def close(self) -> None:
        """Close all connections."""
        for endpoint in self._endpoints:
            endpoint.close()

    def __enter__(self) -> JsonRpcEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _rpc_error(error: Any) -> RpcError:
    if not isinstance(error, dict):
        return RpcError(str(error)[:MAX_MESSAGE], rpc_code=-32000)
    code, data = error.get("code"), error.get("data")
    if isinstance(data, dict):  # some clients wrap the revert data once more
        data = data.get("data") or data.get("result")
    return RpcError(
        str(error.get("message", ""))[:MAX_MESSAGE],
        rpc_code=code if isinstance(code, int) else -32000,
        data=data if isinstance(data, str) and data.startswith("0x") else None,
    )
