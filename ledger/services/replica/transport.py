"""HTTP to a server that may be hostile: every answer has a size limit and one deadline, whatever the pace it comes at.

Plain http.client, no redirects, no cookies, no proxies. Raises Unavailable when there is no usable answer (retrying may
help), NotFound for 404, Malformed for an answer over its limit. Knows nothing of what is asked.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from ledger.errors import Malformed, NotFound, Unavailable

MAX_WAIT = 60.0  # seconds of a Retry-After that are believed
CHUNK = 1 << 16


class _Drip(io.RawIOBase):
    """A socket's bytes under one deadline: the time-out of each read is what is left of the whole answer's."""

    def __init__(self, source: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        self._source, self._sock, self._deadline = source, sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return cast("int | None", self._source.readinto(buffer))

    def close(self) -> None:
        self._source.close()
        super().close()


class _Timed:
    """What http.client reads a response from, instead of the socket itself."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        raw = cast(io.RawIOBase, self._sock.makefile(mode, buffering=0))  # type: ignore[call-overload]  # "rb"
        return io.BufferedReader(_Drip(raw, self._sock, self._deadline))


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer with status 200 to 299."""

    status: int
    body: bytes


class Transport:
    """One server; one connection per thread that asks. `timeout` is in seconds, for a whole request."""

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        try:
            parts = urlsplit(url)
            right = parts.scheme in ("http", "https") and parts.port != 0 and url.isprintable()
        except ValueError:  # a port that is none, a bracket that is not closed, …
            right = False
        if not right or not parts.hostname or parts.username or parts.query:
            raise Malformed("the source is an http or https address without user name or query", field="source")
        self.url = url.rstrip("/")
        self.name = f"{parts.hostname}:{parts.port or parts.scheme}"
        self._secure = parts.scheme == "https"
        self._host, self._port, self._base = parts.hostname, parts.port, parts.path.rstrip("/")
        self._timeout = timeout
        self._kept = threading.local()

    def get(self, path: str, limit: int, accept: str = "application/json") -> Answer:
        """GET `path`; the answer has at most `limit` bytes."""
        return self._ask("GET", path, None, limit, {"Accept": accept})

    def post(self, path: str, body: bytes, limit: int) -> Answer:
        """POST JSON to `path`."""
        return self._ask("POST", path, body, limit, {"Content-Type": "application/json", "Accept": "application/json"})

    def _ask(self, method: str, path: str, body: bytes | None, limit: int, headers: dict[str, str]) -> Answer:
        kept = getattr(self._kept, "connection", None)
        try:
            return self._once(kept or self._connect(), method, path, body, limit, headers)
        except (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError):
            if kept is None:
                raise Unavailable(f"{self.name} broke the connection", retry_after=1.0) from None
        # A kept connection may have been closed for idling: that says nothing, so ask once more on a new one.
        try:
            return self._once(self._connect(), method, path, body, limit, headers)
        except (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError) as error:
            raise Unavailable(f"{self.name} broke the connection", retry_after=1.0) from error

    def _connect(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)

    def _once(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        limit: int,
        headers: dict[str, str],
    ) -> Answer:
        deadline = time.monotonic() + self._timeout

        def response(sock: socket.socket, *given: Any, **named: Any) -> http.client.HTTPResponse:
            return http.client.HTTPResponse(_Timed(sock, deadline), *given, **named)  # type: ignore[arg-type]

        self._kept.connection = None
        connection.response_class = response  # type: ignore[assignment]
        try:
            if connection.sock is not None:
                connection.sock.settimeout(self._timeout)
            connection.request(method, self._base + path, body, headers)
            answer = connection.getresponse()
            raw = _read(answer, limit)
        except TimeoutError as error:
            connection.close()
            raise Unavailable(f"no whole answer from {self.name} in {self._timeout:g} s", retry_after=5.0) from error
        except (http.client.RemoteDisconnected, ConnectionError):
            connection.close()
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            raise Unavailable(f"{self.name}: {type(error).__name__}", retry_after=5.0) from error
        if raw is None:
            connection.close()
            raise Malformed(f"the answer of {self.name} to {path[:80]} is longer than {limit} bytes", field=path[:80])
        if not answer.will_close:
            self._kept.connection = connection
        return _judge(self.name, path, answer, raw)

    def close(self) -> None:
        """Close this thread's connection."""
        kept = getattr(self._kept, "connection", None)
        if kept is not None:
            kept.close()
            self._kept.connection = None


def _read(answer: http.client.HTTPResponse, limit: int) -> bytes | None:
    """The body; None when it is longer than `limit`."""
    parts: list[bytes] = []
    size = 0
    while size <= limit:
        part = answer.read(min(CHUNK, limit + 1 - size))
        if not part:
            if answer.length:  # a declared length that did not arrive
                raise http.client.IncompleteRead(b"")
            return b"".join(parts)
        parts.append(part)
        size += len(part)
    return None


def _judge(name: str, path: str, answer: http.client.HTTPResponse, raw: bytes) -> Answer:
    status = answer.status
    if 200 <= status < 300:
        return Answer(status, raw)
    if status == 404:
        raise NotFound(f"{name} has nothing at {path[:80]}")
    wait = answer.headers.get("Retry-After", "")
    after = min(float(wait), MAX_WAIT) if wait.isascii() and wait.isdigit() and len(wait) < 9 else 5.0
    raise Unavailable(f"{name} answered {path[:80]} with status {status}", retry_after=after, status=status)
