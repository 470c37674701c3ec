"""A source for replicas over real HTTP that tells the truth until a test makes it lie: hooks alter single answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import rlp
from eth_utils import keccak

from ledger.errors import NotFound
from ledger.proof.note import Note, feed_text


class Lies:
    """What to alter: `rpc` per method (params, honest result) → result; `feed` notes → notes; `records`, `anchors`
    JSON → JSON; `body` (path, honest bytes) → bytes of any answer; `down` breaks every connection."""

    def __init__(self) -> None:
        self.rpc: dict[str, Callable[[list[Any], Any], Any]] = {}
        self.feed: Callable[[list[Note]], list[Note]] = lambda notes: notes
        self.records: Callable[[Any], Any] = lambda value: value
        self.anchors: Callable[[Any], Any] = lambda value: value
        self.body: Callable[[str, bytes], bytes | Iterator[bytes]] = lambda path, body: body
        self.status = 200
        self.down = False


class Source:
    """Serves `told`: an operator's Ledger, or a Replica."""

    def __init__(self, told: Any) -> None:
        self.told = told
        self.lies = Lies()
        self.asked: list[str] = []
        self.refuse_cosignatures = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                outer.answer(self, b"")

            def do_POST(self) -> None:
                outer.answer(self, self.rfile.read(int(self.headers["Content-Length"])))

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def honest(self) -> None:
        self.lies = Lies()

    def answer(self, handler: BaseHTTPRequestHandler, sent: bytes) -> None:
        self.asked.append(handler.path)
        if self.lies.down:
            handler.close_connection = True
            return
        try:
            honest, kind, status = self._honest(handler.path, sent), "application/json", self.lies.status
        except NotFound as error:
            honest, kind, status = error.message.encode(), "text/plain", 404
        body = self.lies.body(handler.path, honest)
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        if isinstance(body, bytes):
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
            return
        handler.close_connection = True
        handler.end_headers()
        try:
            for part in body:
                handler.wfile.write(part)
                handler.wfile.flush()
        except OSError:
            pass  # the replica has had enough

    def _honest(self, target: str, sent: bytes) -> bytes:
        path, lies = urlsplit(target), self.lies
        if path.path == "/rpc":
            calls = json.loads(sent)
            answers = self.told.rpc(calls)
            for call, answer in zip(calls, answers, strict=True) if isinstance(calls, list) else [(calls, answers)]:
                alter = lies.rpc.get(call["method"])
                if alter is not None and "result" in answer:
                    answer["result"] = alter(call["params"], answer["result"])
            return json.dumps(answers).encode()
        if path.path == "/anchors.json":
            return json.dumps(lies.anchors(json.loads(json.dumps(self.told.anchors)))).encode()
        if path.path == "/checkpoints":
            query = {name: int(values[0]) for name, values in parse_qs(path.query).items()}
            notes = [note for note in lies.feed(self._notes()) if note.checkpoint.height >= query["from"]]
            return feed_text(notes[: query["limit"]]).encode()
        if path.path.endswith("/cosignatures"):
            if self.refuse_cosignatures:
                raise NotFound("not taken")
            self.told.feed.receive(int(path.path.split("/")[2]), json.loads(sent))
            return b"{}"
        if path.path == "/checkpoints/latest":
            return lies.feed(self._notes())[-1].text.encode()
        if path.path.startswith("/checkpoints/"):
            height = int(path.path.rsplit("/", 1)[1])
            for note in lies.feed([self.told.feed.note(height)]):
                return note.text.encode()
            raise NotFound("withheld")
        if path.path.endswith("/records"):
            return json.dumps(lies.records(self.told.public_records(path.path.split("/")[-2]))).encode()
        raise NotFound(path.path)

    def _notes(self) -> list[Note]:
        return list(self.told.feed.notes(0, 200))


@contextmanager
def source_of(told: Any) -> Iterator[Source]:
    source = Source(told)
    try:
        yield source
    finally:
        source.close()


def forged(told: Any, height: int, change: Callable[[list[Any]], None]) -> dict[int, tuple[bytes, list[bytes]]]:
    """{height: (raw header, raw transactions)} of the chain from `height` on with `change` applied to the header
    fields of that block, and every later header linked again."""
    made: dict[int, tuple[bytes, list[bytes]]] = {}
    head = int(told.rpc({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []})["result"], 16)
    parent: bytes | None = None
    for n in range(height, head + 1):
        raw = bytes.fromhex(
            told.rpc({"jsonrpc": "2.0", "id": 1, "method": "debug_getRawBlock", "params": [hex(n)]})["result"][2:]
        )
        header, transactions, _, _ = rlp.decode(raw)
        if n == height:
            change(header)
        if parent is not None:
            header[0], header[13] = parent, keccak(parent)
        encoded = rlp.encode(header)
        parent = keccak(encoded)
        made[n] = (encoded, [rlp.encode(tx) if isinstance(tx, list) else tx for tx in transactions])
    return made


def show(source: Source, chain: dict[int, tuple[bytes, list[bytes]]]) -> None:
    """Make `source` show these blocks instead of its own."""

    def header(params: list[Any], honest: Any) -> Any:
        found = chain.get(int(params[0], 16))
        return honest if found is None else "0x" + found[0].hex()

    def block(params: list[Any], honest: Any) -> Any:
        found = chain.get(int(params[0], 16))
        if found is None:
            return honest
        parts = [rlp.decode(found[0]), [rlp.decode(tx) if tx[0] >= 0xC0 else tx for tx in found[1]], [], []]
        return "0x" + rlp.encode(parts).hex()

    source.lies.rpc["debug_getRawHeader"] = header
    source.lies.rpc["debug_getRawBlock"] = block
