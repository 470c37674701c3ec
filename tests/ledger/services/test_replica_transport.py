"""HTTP to a hostile server: sizes, deadlines and connections are ours to decide, whatever comes back."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ledger.errors import Malformed, NotFound, Unavailable
from ledger.services.replica import transport
from ledger.services.replica.chains import Ahead
from ledger.services.replica.transport import Transport

OK = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server of raw bytes: `answer` gets each connection after one request was read."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_sockets: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_sockets.append(connection)
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    def one(connection: socket.socket) -> None:
        try:
            with connection:
                if connection.recv(65536):
                    answer(connection)
        except OSError:
            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for each in open_sockets:
            each.close()


@contextmanager
def client(answer: Callable[[socket.socket], None], timeout: float = 5) -> Iterator[Transport]:
    """A transport to a server that answers like this."""
    with server(answer) as url:
        asked = Transport(url, timeout)
        try:
            yield asked
        finally:
            asked.close()


def sends(data: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(data)


def drips(head: bytes, part: bytes) -> Callable[[socket.socket], None]:
    """Sends `head`, then `part` again and again, often enough that no single read ever times out."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            connection.sendall(part)
            time.sleep(0.02)

    return answer


def test_answer_is_taken_when_it_is_whole_and_small_enough() -> None:
    with client(sends(OK + b"Content-Length: 5\r\n\r\nhello")) as asked:
        assert asked.get("/x", 5).body == b"hello"
    with client(sends(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")) as asked:
        assert asked.get("/x", 5).body == b"hello"
    with client(sends(OK + b"Connection: close\r\n\r\nhello")) as asked:
        assert asked.post("/x", b"{}", 5).body == b"hello"


@pytest.mark.parametrize(
    "data",
    [
        OK + b"Content-Length: 6\r\n\r\nhello!",
        OK + b"Connection: close\r\n\r\nhello!",
        OK + b"Transfer-Encoding: chunked\r\n\r\n6\r\nhello!\r\n0\r\n\r\n",
        OK + b"Content-Length: 99999999999999\r\n\r\n" + b"x" * 1000,
    ],
)
def test_answer_is_malformed_when_it_is_over_the_limit(data: bytes) -> None:
    with client(sends(data)) as asked, pytest.raises(Malformed):
        asked.get("/x", 5)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"hello\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        OK + b"Content-Length: 9\r\n\r\nhello",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello",
        OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhello",
        OK + b"A: " + b"x" * 70_000 + b"\r\n\r\n",
        OK + b"A: b\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 429 Slow\r\nRetry-After: 999999999999\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_server_is_unavailable_when_its_answer_is_broken_or_no_success(data: bytes) -> None:
    with client(sends(data)) as asked, pytest.raises(Unavailable) as caught:
        asked.get("/x", 100)
    assert caught.value.retry_after is not None
    assert caught.value.retry_after <= transport.MAX_WAIT


def test_missing_thing_is_not_found() -> None:
    with client(sends(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")) as asked, pytest.raises(NotFound):
        asked.get("/x", 5)


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (OK + b"Content-Length: 100000\r\n\r\n", b"x"),
        (OK, b"A: b\r\n"),
        (b"", b"H"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["body", "headers", "status", "chunks"],
)
def test_dripping_server_gains_nothing_beyond_one_deadline(head: bytes, part: bytes) -> None:
    with client(drips(head, part), 0.3) as asked:
        with pytest.raises(Unavailable) as caught:
            asked.get("/x", 1_000_000)
        assert "no whole answer" in caught.value.message or "HTTPException" in caught.value.message


def test_silent_server_is_unavailable() -> None:
    hold = threading.Event()
    with client(lambda connection: bool(hold.wait(20)), 0.2) as asked:
        with pytest.raises(Unavailable):
            asked.get("/x", 5)
        hold.set()


def test_kept_connection_that_was_closed_meanwhile_is_opened_again() -> None:
    served: list[int] = []

    def answer(connection: socket.socket) -> None:
        served.append(1)
        connection.sendall(OK + b"Content-Length: 2\r\n\r\nok")  # says nothing about closing, and closes

    with client(answer) as asked:
        assert [asked.get("/x", 5).body for _ in range(3)] == [b"ok"] * 3
    assert len(served) == 3


@pytest.mark.parametrize(
    "url",
    ["http://host:99999", "http://host:x", "http://host:0", "http://[::1", "http://\u2100", "http://host/\r\nX: y"],
)
def test_address_is_malformed_when_it_is_no_address(url: str) -> None:
    with pytest.raises(Malformed):
        Transport(url)


def test_whoever_waits_for_blocks_is_told_when_fetching_fails_in_an_unforeseen_way() -> None:
    class Broken:
        def raw_blocks(self, first: int, count: int) -> list[bytes]:
            raise RuntimeError("unforeseen")

        def close(self) -> None:
            pass

    ahead = Ahead(Broken(), 1, 9, threading.Event())  # type: ignore[arg-type]  # a source by what it does
    with pytest.raises(RuntimeError, match="unforeseen"), ahead as blocks:
        next(blocks)
