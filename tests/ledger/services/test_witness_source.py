"""Where a witness gets headers from: in batches, rebuilt where raw ones are not offered, nonsense refused by name."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from witness_world import FORKED, HEADERS, MARKET, Operator, look

from ledger.crypto.keccak import keccak256
from ledger.errors import Conflict, Malformed, NotAuthorised, NotFound, Unavailable
from ledger.proof.cosignature import Cosignature
from ledger.services.replica.source import Source as Remote
from ledger.services.witness.source import FileFeed, InProcess, Server, UrlFeed, feed_at


class Node:
    """Answers JSON-RPC as an engine would; `results` per method: (height) → result or None for "no such method"."""

    def __init__(self, **results):
        self.results, self.batches = results, []

    def __call__(self, body):
        self.batches.append((body[0]["method"], len(body)))
        return [self._one(call) for call in body]

    def _one(self, call):
        make = self.results.get(call["method"])
        if make is None:
            return {"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32601, "message": "no such method"}}
        answer = make(int(call["params"][0], 16))
        if isinstance(answer, Exception):
            return {"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32005, "message": str(answer)}}
        return {"jsonrpc": "2.0", "id": call["id"], "result": answer}


def raw(height):
    return f"0x{HEADERS[height % 41].hex()}"


def source(node):
    return InProcess("node", None, node)  # type: ignore[arg-type] - its feed is not asked


def test_headers_come_in_bounded_batches_as_they_are_asked_for():
    node = Node(debug_getRawHeader=raw)
    found = source(node).headers(1, 120)
    assert node.batches == []
    assert next(found) == HEADERS[1]
    assert node.batches == [("debug_getRawHeader", 50)]
    assert len(list(found)) == 119
    assert [size for _, size in node.batches] == [50, 50, 20]
    assert list(source(node).headers(5, 4)) == []


def test_headers_are_rebuilt_from_blocks_when_raw_ones_are_not_offered(witnessed):
    ledger = witnessed.ledger
    honest = [ledger.gateway.raw_header(height) for height in range(4)]

    def block(height):
        return ledger.engine.request("eth_getBlockByNumber", [hex(height), False])

    node = Node(eth_getBlockByNumber=block)
    found = source(node)
    assert list(found.headers(0, 3)) == honest
    assert list(found.headers(1, 2)) == honest[1:3]
    assert [method for method, _ in node.batches] == [
        "debug_getRawHeader", "eth_getBlockByNumber", "eth_getBlockByNumber",
    ]  # fmt: skip
    changed = Node(eth_getBlockByNumber=lambda height: block(height) | {"gasUsed": "0x1"})
    with pytest.raises(Malformed):
        list(source(changed).headers(1, 2))
    assert keccak256(honest[3]) == ledger.gateway.block(3).hash


@pytest.mark.parametrize("answer", [None, ValueError("above the head")])
def test_source_is_unavailable_when_it_does_not_give_a_header(answer):
    node = Node(debug_getRawHeader=lambda height: raw(height) if height < 3 else answer)
    found = source(node).headers(1, 5)
    assert [next(found), next(found)] == HEADERS[1:3]
    with pytest.raises(Unavailable, match="block 3"):
        next(found)


@pytest.mark.parametrize("answer", [7, "", "00", "0xzz", "0x" + "00" * 9000, [], True, {}, {"hash": 1}])
def test_header_is_malformed_naming_its_height_when_it_is_none(answer):
    node = Node(debug_getRawHeader=lambda _: answer)
    with pytest.raises(Malformed) as caught:
        list(source(node).headers(4, 4))
    assert caught.value.field == "headers/4"


@pytest.mark.parametrize(("status", "error"), [(403, NotAuthorised), (409, Conflict), (503, Unavailable)])
def test_a_refused_cosignature_is_told_from_a_server_that_is_down(monkeypatch, status, error):
    def refused(self, height, cosignature):
        raise Unavailable("answered", status=status)

    monkeypatch.setattr(Remote, "post_cosignature", refused)
    with pytest.raises(error):
        Server("http://operator.example").hand_in(5, Cosignature(bytes(32), 1, "headers", bytes(64)))


def test_address_says_what_stands_there(tmp_path: Path):
    assert isinstance(feed_at("https://replica.example"), Server)
    assert isinstance(feed_at("https://agency.example/cosigned.txt"), UrlFeed)
    assert isinstance(feed_at(str(tmp_path / "cosigned.txt")), FileFeed)
    with pytest.raises(Malformed):
        feed_at("https://user@replica.example")


@pytest.fixture
def published(tmp_path: Path) -> Iterator[str]:
    """The address of a folder on a real web server."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_another_witnesss_feed_is_read_from_a_static_web_server(tmp_path, published, capsys):
    operator = Operator(head=12)
    look(tmp_path, operator)
    operator.head = 15
    look(tmp_path, operator)
    feed = feed_at(f"{published}/cosigned.txt")
    assert [note.checkpoint.height for note in feed.notes(0)] == [12, 15]
    assert [note.checkpoint.height for note in feed.notes(13)] == [15]
    seen = look(tmp_path / "market", Operator(FORKED, 15), signer=MARKET, also=[feed])
    assert seen.refusal is not None
    (tmp_path / "empty.txt").write_bytes(b"")
    assert list(feed_at(f"{published}/empty.txt").notes(0)) == []
    with pytest.raises(NotFound):
        list(feed_at(f"{published}/nowhere.txt").notes(0))
    capsys.readouterr()
