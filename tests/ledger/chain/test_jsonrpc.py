"""The JSON-RPC engine against nodes that fail, lie or change: failover, identity, bounds, and no foreign exceptions."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ledger.chain import jsonrpc
from ledger.chain.jsonrpc import JsonRpcEngine
from ledger.errors import EngineUnavailable, RpcError

GENESIS = "0x" + "aa" * 32


class FakeNode:
    """A node whose next raw answers can be replaced; otherwise it is a tiny honest chain."""

    def __init__(self, genesis: str = GENESIS, chain_id: int = 7) -> None:
        self.genesis, self.chain_id = genesis, chain_id
        self.broken: list[Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]] = []
        self.asked: list[str] = []
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                node.asked.append(request["method"])
                if node.broken and request["method"] == "eth_blockNumber":
                    node.broken.pop(0)(self, request)
                else:
                    reply(self, {"jsonrpc": "2.0", "id": request["id"], "result": node.answer(request)})

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def answer(self, request: dict[str, Any]) -> Any:
        return {
            "eth_chainId": hex(self.chain_id),
            "eth_getBlockByNumber": {"hash": self.genesis},
            "eth_blockNumber": "0x5",
        }[request["method"]]

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def reply(handler: BaseHTTPRequestHandler, answer: Any, status: int = 200) -> None:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def nodes() -> Iterator[tuple[FakeNode, FakeNode]]:
    pair = FakeNode(), FakeNode()
    yield pair
    for node in pair:
        node.stop()


def engine(*nodes: FakeNode, **options: Any) -> JsonRpcEngine:
    return JsonRpcEngine([node.url for node in nodes], 1.0, sleep=lambda _: None, **options)


def drop(handler: BaseHTTPRequestHandler, _: Any) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def hang(handler: BaseHTTPRequestHandler, _: Any) -> None:
    handler.connection.settimeout(10)
    handler.connection.recv(1)  # until the client gives up and closes
    handler.close_connection = True


FAULTS: dict[str, Callable[[BaseHTTPRequestHandler, Any], None]] = {
    "dropped": drop,
    "hanging": hang,
    "server error": lambda h, _: reply(h, b"<html>bad gateway</html>", 502),
    "empty": lambda h, _: reply(h, b""),
    "garbage": lambda h, _: reply(h, b"\xff\xfe{"),
    "deep": lambda h, _: reply(h, b"[" * 100_000),
    "no answer in it": lambda h, r: reply(h, {"jsonrpc": "2.0", "id": r["id"]}),
    "a list": lambda h, r: reply(h, [{"id": r["id"], "result": "0x9"}]),
    "another request's": lambda h, r: reply(h, {"jsonrpc": "2.0", "id": r["id"] + 1, "result": "0x9"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_next_endpoint_answers_when_one_is_faulty(nodes: tuple[FakeNode, FakeNode], fault: str) -> None:
    with engine(*nodes) as both:
        nodes[0].broken = [FAULTS[fault]] * 2
        assert both.request("eth_blockNumber") == "0x5"
        assert nodes[1].asked.count("eth_blockNumber") == 1
        assert both.request("eth_blockNumber") == "0x5"  # and it stays with the one that works
        assert nodes[1].asked.count("eth_blockNumber") == 2


@pytest.mark.parametrize("fault", FAULTS)
def test_same_endpoint_is_tried_again_a_bounded_number_of_times(nodes: tuple[FakeNode, FakeNode], fault: str) -> None:
    with engine(nodes[0], rounds=2) as one:
        nodes[0].broken = [FAULTS[fault]]
        assert one.request("eth_blockNumber") == "0x5"
        asked = nodes[0].asked.count("eth_blockNumber")
        nodes[0].broken = [FAULTS[fault]] * 8
        with pytest.raises(EngineUnavailable) as caught:
            one.request("eth_blockNumber")
        assert nodes[0].asked.count("eth_blockNumber") - asked <= 4  # 2 rounds, an idle connection each
        assert caught.value.retry_after


def test_pauses_between_rounds_are_random_and_grow(nodes: tuple[FakeNode, FakeNode]) -> None:
    pauses: list[float] = []
    one = JsonRpcEngine(nodes[0].url, 1.0, rounds=5, sleep=pauses.append)
    nodes[0].broken = [FAULTS["garbage"]] * 99
    with pytest.raises(EngineUnavailable):
        one.request("eth_blockNumber")
    one.close()
    assert len(pauses) == 4 and len(set(pauses)) == 4
    assert all(0 <= pause <= jsonrpc.FIRST_PAUSE * 2**i for i, pause in enumerate(pauses))


def test_node_that_lost_its_data_is_not_used_again(nodes: tuple[FakeNode, FakeNode]) -> None:
    with engine(nodes[0], rounds=2) as one:
        nodes[0].genesis = "0x" + "bb" * 32  # restarted with another genesis
        nodes[0].broken = [FAULTS["dropped"]]
        with pytest.raises(EngineUnavailable, match="another genesis"):
            one.request("eth_blockNumber")


def test_endpoint_of_another_chain_is_never_used() -> None:
    first, other = FakeNode(), FakeNode(chain_id=8)
    try:
        with engine(first, other) as both:
            first.broken = [FAULTS["dropped"]] * 99
            with pytest.raises(EngineUnavailable, match="chain id 8"):
                both.request("eth_blockNumber")
            assert "eth_blockNumber" not in other.asked
    finally:
        first.stop()
        other.stop()


def test_nobody_listening_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://user:secret@127.0.0.1:{unused.getsockname()[1]}/key"
        with pytest.raises(EngineUnavailable) as caught:
            JsonRpcEngine(url, 1.0, sleep=lambda _: None)
    assert "secret" not in str(caught.value) and "key" not in str(caught.value)


@pytest.mark.parametrize("urls", [[], "ftp://x", "127.0.0.1:8545", "http://"])
def test_unusable_urls_are_refused(urls: Any) -> None:
    with pytest.raises(EngineUnavailable):
        JsonRpcEngine(urls)


@pytest.mark.parametrize(
    ("error", "code", "data"),
    [
        ({"code": 3, "message": "execution reverted", "data": "0x1234"}, 3, "0x1234"),
        ({"code": -32000, "message": "reverted", "data": {"data": "0x12"}}, -32000, "0x12"),
        ({"code": -32015, "message": "m" * 9999, "data": {"x": 1}}, -32015, None),
        ({"message": "no code"}, -32000, None),
        ("text", -32000, None),
        (5, -32000, None),
    ],
)
def test_errors_of_the_node_become_rpc_errors(
    nodes: tuple[FakeNode, FakeNode], error: Any, code: int, data: str | None
) -> None:
    with engine(nodes[0]) as one:
        for status in (200, 400, 500):
            nodes[0].broken = [
                lambda h, r, status=status: reply(h, {"jsonrpc": "2.0", "id": r["id"], "error": error}, status)
            ]
            with pytest.raises(RpcError) as caught:
                one.request("eth_blockNumber")
            assert (caught.value.rpc_code, caught.value.data) == (code, data)
            assert len(caught.value.message) <= jsonrpc.MAX_MESSAGE


def test_answer_above_the_limit_is_not_read(nodes: tuple[FakeNode, FakeNode], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonrpc, "MAX_ANSWER", 1000)
    with engine(nodes[0], rounds=1) as one:
        nodes[0].broken = [lambda h, r: reply(h, b'"' + b"x" * 2000 + b'"')]
        with pytest.raises(EngineUnavailable, match="longer"):
            one.request("eth_blockNumber")
