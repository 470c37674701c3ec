"""Limits on what one client may cost us: requests per address, bytes per body, bytes in flight, time per body.

Pure ASGI, so streaming stays streaming: a body that is too large is refused at the first byte over the limit, whatever
its Content-Length claims. Memory is bounded: at most `MAX_ADDRESSES` token buckets and `max_bodies_in_flight` bytes.
"""

from __future__ import annotations

import asyncio
import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from api.problems import HttpProblem
from api.settings import Settings
from ledger.errors import Malformed, RateLimited, TooLarge, Unavailable

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_ADDRESSES = 20_000
IPV6_PREFIX = 64  # one subscriber usually holds a whole /64
UNLIMITED_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


class RateLimiter:
    """Token buckets per address; the least recently seen address is forgotten first. `clock` gives seconds."""

    def __init__(
        self,
        rate: float,
        burst: int,
        *,
        capacity: int = MAX_ADDRESSES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._capacity = capacity
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, address: str) -> None:
        """Take one token of this address; raises RateLimited with `retry_after` in seconds when none is left."""
        if self._rate <= 0:
            return
        now = self._clock()
        with self._lock:
            tokens, last = self._buckets.pop(address, (float(self._burst), now))
            tokens = min(self._burst, tokens + (now - last) * self._rate)
            allowed = tokens >= 1
            self._buckets[address] = (tokens - 1 if allowed else tokens, now)
            if len(self._buckets) > self._capacity:
                self._buckets.popitem(last=False)
        if not allowed:
            wait = (1 - tokens) / self._rate
            raise RateLimited(
                "too many requests from this address",
                hint=f"wait {max(1, round(wait))} s and slow down",
                retry_after=round(wait, 3),
            )

    def __len__(self) -> int:
        return len(self._buckets)


def client_address(scope: Scope, trusted_proxies: int) -> str:
    """The address to charge: the peer, or the entry that our outermost trusted proxy appended to X-Forwarded-For."""
    client = scope.get("client")
    address = str(client[0]) if client else "unknown"
    if trusted_proxies > 0:
        forwarded = [
            part.strip()
            for name, value in scope["headers"]
            if name == b"x-forwarded-for"
            for part in value.decode("latin-1").split(",")
        ]
        if len(forwarded) >= trusted_proxies:
            address = forwarded[-trusted_proxies]
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))
    return str(parsed)


class Limits:
    """ASGI middleware that applies every limit before a route sees the request."""

    def __init__(self, app: App, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._settings = settings
        self._reads = RateLimiter(settings.read_rate, settings.read_burst, clock=clock)
        self._writes = RateLimiter(settings.write_rate, settings.write_burst, clock=clock)
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] not in UNLIMITED_PATHS:
            address = client_address(scope, self._settings.trusted_proxies)
            reading = scope["method"] in ("GET", "HEAD", "OPTIONS") or scope["path"] == "/rpc"
            (self._reads if reading else self._writes).take(address)
        limit = self._settings.max_rpc_body if scope["path"] == "/rpc" else self._settings.max_body
        _check_declared_length(scope, limit)
        body = _BoundedBody(receive, limit, self)
        try:
            await self._app(scope, body.receive, send)
        finally:
            self._in_flight -= body.size

    def admit(self, size: int) -> None:
        """Count bytes that are now held in memory; raises Unavailable when all bodies together would be too much."""
        if self._in_flight + size > self._settings.max_bodies_in_flight:
            raise Unavailable("too many large request bodies at once", retry_after=2)
        self._in_flight += size

    @property
    def body_timeout(self) -> float:
        return self._settings.body_timeout


def _check_declared_length(scope: Scope, limit: int) -> None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            if not value.isdigit():
                raise Malformed("Content-Length is not a number", field="Content-Length")
            if len(value) > 19 or int(value) > limit:
                raise _too_large(limit)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"the request body is larger than {limit} bytes", field="body", hint="send fewer records at once", limit=limit
    )


class _BoundedBody:
    """Wraps `receive`: counts body bytes and gives the whole body one deadline, so that trickling gains nothing."""

    def __init__(self, receive: Receive, limit: int, limits: Limits) -> None:
        self._receive = receive
        self._limit = limit
        self._limits = limits
        self._deadline: float | None = None
        self._complete = False
        self.size = 0

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()  # waiting for a disconnect may take as long as the answer does
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._limits.body_timeout
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError as error:
            raise HttpProblem(
                408,
                f"the request body did not arrive within {self._limits.body_timeout:g} s",
                headers={"Connection": "close"},
            ) from error
        if message["type"] == "http.request":
            chunk = len(message.get("body", b""))
            if self.size + chunk > self._limit:
                raise _too_large(self._limit)
            self._limits.admit(chunk)
            self.size += chunk
            self._complete = not message.get("more_body", False)
        return message
