"""What a witness asks of a server: published checkpoints and raw headers. Every answer is checked for form, no more.

`Server` is an operator or a replica over HTTP, `InProcess` the same over an opened ledger (tests, demonstration),
`FileFeed` and `UrlFeed` another witness's published co-signatures. Raises Unavailable, Malformed, NotFound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from ledger.chain import rawblocks
from ledger.chain.engine import METHOD_NOT_FOUND
from ledger.errors import Conflict, EngineUnavailable, Malformed, NotAuthorised, NotFound, RpcError, Unavailable
from ledger.proof.cosignature import Cosignature
from ledger.proof.header import MAX_HEADER_BYTES
from ledger.proof.note import MAX_LINE, Note, read_notes
from ledger.services.replica.source import Source as Remote
from ledger.services.replica.transport import Transport

HEADERS_AT_ONCE = 50
PAGE = 100  # notes
MAX_FOREIGN_FEED = 256 << 20  # bytes of another witness's feed


class NoteFeed(Protocol):
    """Published notes by ascending height, from some height on: all that gossip needs."""

    @property
    def name(self) -> str: ...
    def notes(self, start: int) -> Iterator[Note]: ...


class Source(NoteFeed, Protocol):
    """A server of the whole chain."""

    def latest(self) -> Note: ...
    def note(self, height: int) -> Note: ...
    def headers(self, first: int, last: int) -> Iterator[bytes]: ...
    def hand_in(self, height: int, cosignature: Cosignature) -> None: ...


class Server:
    """An operator or a replica at an http(s) address."""

    def __init__(self, url: str, *, timeout: float = 30.0) -> None:
        self._remote = Remote(url, timeout=timeout)
        self._once = Remote(url, timeout=timeout, tries=1)  # a refusal to take a co-signature is not worth repeating
        self._transport = Transport(url, timeout)
        self._raw = True  # until the server says that it has no debug_getRawHeader

    @property
    def name(self) -> str:
        return self._remote.url

    def latest(self) -> Note:
        """The newest checkpoint of the server. Raises NotFound when it has none."""
        return self._remote.latest_checkpoint()

    def note(self, height: int) -> Note:
        """The note of exactly this height. Raises NotFound."""
        return self._remote.checkpoint(height)

    def notes(self, start: int) -> Iterator[Note]:
        """Every note from `start` on, page by page."""
        while page := self._remote.checkpoints(start, PAGE):
            yield from page
            start = page[-1].checkpoint.height + 1

    def headers(self, first: int, last: int) -> Iterator[bytes]:
        """The raw headers of blocks `first` to `last`, in batches, as they are asked for."""
        return _headers(self._remote.rpc, first, last, self)

    def hand_in(self, height: int, cosignature: Cosignature) -> None:
        """Give the server a co-signature. Raises NotAuthorised or Conflict when it refuses it for good."""
        try:
            self._once.post_cosignature(height, cosignature)
        except Unavailable as error:
            refused = {403: NotAuthorised, 409: Conflict}.get(error.detail.get("status", 0))
            if refused is None:
                raise
            raise refused(f"{self.name} does not take the co-signature of height {height}") from error


Call = tuple[str, list[Any]]


def _headers(
    ask: Callable[[Sequence[Call]], list[Any]], first: int, last: int, server: Server | InProcess
) -> Iterator[bytes]:
    for low in range(first, last + 1, HEADERS_AT_ONCE):
        wanted = range(low, min(low + HEADERS_AT_ONCE, last + 1))
        if server._raw:
            found = ask([("debug_getRawHeader", [hex(height)]) for height in wanted])
            if any(isinstance(one, RpcError) and one.rpc_code == METHOD_NOT_FOUND for one in found):
                server._raw = False
        if not server._raw:
            found = ask([("eth_getBlockByNumber", [hex(height), False]) for height in wanted])
        for height, answer in zip(wanted, found, strict=True):
            if answer is None or isinstance(answer, RpcError):
                raise Unavailable(f"{server.name} does not give the header of block {height}", retry_after=5.0)
            yield _raw(answer, height)


def _raw(answer: Any, height: int) -> bytes:
    if isinstance(answer, dict):
        try:
            return rawblocks.header(answer)
        except (EngineUnavailable, ValueError, TypeError, KeyError) as error:
            raise Malformed("no block as JSON-RPC gives it", field=f"headers/{height}") from error
    if not isinstance(answer, str) or answer[:2] != "0x" or len(answer) > 2 * MAX_HEADER_BYTES + 2:
        raise Malformed("no raw header", field=f"headers/{height}")
    try:
        return bytes.fromhex(answer[2:])
    except ValueError as error:
        raise Malformed("no hexadecimal header", field=f"headers/{height}") from error


class Feed(Protocol):
    """The part of a checkpoint feed that `InProcess` uses."""

    def notes(self, start: int, limit: int) -> Sequence[Note]: ...
    def note(self, height: int) -> Note: ...
    def latest(self, witnessed: int = 0) -> Note: ...
    def receive(self, height: int, value: Any) -> object: ...


class InProcess:
    """The same over an opened ledger or replica of this process: `rpc` answers JSON-RPC, `feed` has the notes."""

    def __init__(self, name: str, feed: Feed, rpc: Callable[[Any], Any]) -> None:
        self._name, self._feed, self._rpc = name, feed, rpc
        self._raw = True

    @property
    def name(self) -> str:
        return self._name

    def latest(self) -> Note:
        return self._feed.latest()

    def note(self, height: int) -> Note:
        return self._feed.note(height)

    def notes(self, start: int) -> Iterator[Note]:
        while page := self._feed.notes(start, PAGE):
            yield from page
            start = page[-1].checkpoint.height + 1

    def headers(self, first: int, last: int) -> Iterator[bytes]:
        return _headers(self._ask, first, last, self)

    def hand_in(self, height: int, cosignature: Cosignature) -> None:
        self._feed.receive(height, cosignature.to_dict())

    def _ask(self, calls: Sequence[Call]) -> list[Any]:
        body = [
            {"jsonrpc": "2.0", "id": at, "method": method, "params": params}
            for at, (method, params) in enumerate(calls)
        ]
        return [
            answer["result"]
            if "result" in answer
            else RpcError(answer["error"]["message"], rpc_code=answer["error"]["code"])
            for answer in self._rpc(body)
        ]


class FileFeed:
    """A feed in a file: what another witness published as its cosigned.txt."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        return str(self._path)

    def notes(self, start: int) -> Iterator[Note]:
        """Every note from `start` on. Raises NotFound, Malformed."""
        try:
            with self._path.open("rb") as file:
                for note in read_notes(_lines(file.readline, self.name), self.name):
                    if note.checkpoint.height >= start:
                        yield note
        except OSError as error:
            raise NotFound(f"{self._path}: {error.strerror}") from error


class UrlFeed:
    """The same at an http(s) address that ends in .txt."""

    def __init__(self, url: str, *, timeout: float = 60.0) -> None:
        base, _, name = url.rpartition("/")
        self._transport, self._path = Transport(base, timeout), f"/{name}"
        self._url = url

    @property
    def name(self) -> str:
        return self._url

    def notes(self, start: int) -> Iterator[Note]:
        """See FileFeed.notes."""
        body = self._transport.get(self._path, MAX_FOREIGN_FEED, "text/plain").body
        lines = iter(body.splitlines(keepends=True))
        for note in read_notes(_lines(lambda _: next(lines, b""), self.name), self.name):
            if note.checkpoint.height >= start:
                yield note


def _lines(read: Callable[[int], bytes], name: str) -> Iterator[str]:
    """Lines without LF, up to the end or a last one that has none."""
    while (raw := read(MAX_LINE * 4 + 2)).endswith(b"\n"):
        try:
            yield raw[:-1].decode("utf-8")
        except UnicodeDecodeError as error:
            raise Malformed("not UTF-8", field=name) from error
    if len(raw) > MAX_LINE * 4:
        raise Malformed("a line without end", field=name)


def feed_at(address: str) -> NoteFeed:
    """What stands at an address: a server, or a published feed (a path, or an address that ends in .txt)."""
    if urlsplit(address).scheme not in ("http", "https"):
        return FileFeed(Path(address))
    return UrlFeed(address) if address.endswith(".txt") else Server(address)
