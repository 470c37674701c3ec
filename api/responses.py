"""Answers that browsers and proxies may keep: rendered once per ledger version, with ETag, 304 and gzip.

The cache is bounded and keyed by what the answer depends on; an entry of an older ledger version is simply not found.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import Response

MIN_GZIP = 700  # bytes; below this the header overhead eats the gain
MAX_ENTRY = 2 * 1024 * 1024  # bytes; larger answers are sent but not kept


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished body with what is needed to send it again."""

    body: bytes
    zipped: bytes | None
    etag: str
    media_type: str

    @classmethod
    def of(cls, body: bytes, media_type: str) -> Rendered:
        zipped = gzip.compress(body, 6, mtime=0) if len(body) >= MIN_GZIP else None
        etag = hashlib.blake2b(body, digest_size=12).hexdigest()
        return cls(body, zipped, etag, media_type)


class RenderCache:
    """A thread-safe LRU of Rendered answers."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[Hashable, Rendered] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, render: Callable[[], Rendered]) -> Rendered:
        """The entry under `key`; made with `render()` (outside the lock) when it is not there."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
                return entry
        entry = render()
        if len(entry.body) <= MAX_ENTRY:
            with self._lock:
                self._entries[key] = entry
                while len(self._entries) > self._capacity:
                    self._entries.popitem(last=False)
        return entry

    def __len__(self) -> int:
        return len(self._entries)


def json_bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def send(
    request: Request,
    rendered: Rendered,
    *,
    vary: str = "Accept, Accept-Encoding",
    cache_control: str = "no-cache",
    headers: dict[str, str] | None = None,
) -> Response:
    """Answer a GET or HEAD with a rendered body: 304 when the visitor has it, gzip when they take it."""
    zipped = rendered.zipped is not None and _takes_gzip(request.headers.get("accept-encoding", ""))
    etag = f'"{rendered.etag}{"-gz" if zipped else ""}"'
    all_headers = {"etag": etag, "vary": vary, "cache-control": cache_control, **(headers or {})}
    if _matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=all_headers)
    body = rendered.body
    if zipped and rendered.zipped is not None:
        body = rendered.zipped
        all_headers["content-encoding"] = "gzip"
    return Response(body, media_type=rendered.media_type, headers=all_headers)


def _takes_gzip(header: str) -> bool:
    for part in header[:512].lower().split(","):
        name, _, parameters = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _matches(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    return header.strip() == "*" or etag in (part.strip().removeprefix("W/") for part in header[:2048].split(","))
