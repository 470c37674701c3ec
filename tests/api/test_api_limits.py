"""What one client may cost: rates, sizes, bytes in flight, time. Memory stays bounded whatever is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from fake_ledger import FakeLedger
from fastapi.testclient import TestClient

from api.app import create_app
from api.limits import Limits, RateLimiter, client_address
from api.problems import HttpProblem
from api.settings import Settings
from ledger.errors import RateLimited, TooLarge, Unavailable


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_limiter_allows_a_burst_then_refuses_until_tokens_return() -> None:
    clock = Clock()
    limiter = RateLimiter(2.0, 3, clock=clock)
    for _ in range(3):
        limiter.take("a")
    with pytest.raises(RateLimited) as refused:
        limiter.take("a")
    assert refused.value.detail["retry_after"] == 0.5
    clock.now += 0.5
    limiter.take("a")
    with pytest.raises(RateLimited):
        limiter.take("a")


def test_limiter_keeps_addresses_apart() -> None:
    limiter = RateLimiter(1.0, 1, clock=Clock())
    limiter.take("a")
    limiter.take("b")


def test_limiter_never_gives_more_than_the_burst_after_a_long_rest() -> None:
    clock = Clock()
    limiter = RateLimiter(10.0, 2, clock=clock)
    clock.now += 10_000
    limiter.take("a")
    limiter.take("a")
    with pytest.raises(RateLimited):
        limiter.take("a")


def test_limiter_memory_is_bounded_when_addresses_are_many() -> None:
    limiter = RateLimiter(1.0, 1, capacity=50, clock=Clock())
    for i in range(5000):
        limiter.take(f"10.0.{i >> 8}.{i & 255}")
    assert len(limiter) == 50


def test_limiter_is_off_when_the_rate_is_zero() -> None:
    limiter = RateLimiter(0, 1, clock=Clock())
    for _ in range(1000):
        limiter.take("a")


@pytest.mark.parametrize(
    ("forwarded", "proxies", "expected"),
    [
        ([], 0, "192.0.2.7"),
        (["203.0.113.9"], 0, "192.0.2.7"),
        (["203.0.113.9"], 1, "203.0.113.9"),
        (["6.6.6.6, 203.0.113.9"], 1, "203.0.113.9"),
        (["6.6.6.6", "203.0.113.9, 10.0.0.1"], 2, "203.0.113.9"),
        (["203.0.113.9"], 2, "192.0.2.7"),
        (["not an address" * 40], 1, ("not an address" * 40)[:64]),
        (["2001:db8:1:2:aaaa::1"], 1, "2001:db8:1:2::/64"),
    ],
)
def test_client_address_trusts_only_our_own_proxies(forwarded: list[str], proxies: int, expected: str) -> None:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    assert client_address({"client": ("192.0.2.7", 1), "headers": headers}, proxies) == expected


@pytest.fixture
def tight(ledger: FakeLedger) -> Iterator[TestClient]:
    settings = Settings(
        max_body=1000, max_rpc_body=200, read_rate=0.001, read_burst=3, write_rate=0.001, write_burst=2,
        log_level="CRITICAL",
    )  # fmt: skip
    with TestClient(create_app(settings, ledger), raise_server_exceptions=False) as client:
        yield client


def test_reads_beyond_the_burst_get_429_with_retry_after(tight: TestClient) -> None:
    statuses = [tight.get("/api/v1/lots").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    answer = tight.get("/", headers={"accept": "text/html"})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["code"] == "rate-limited"
    assert answer.headers["content-security-policy"]


def test_writes_are_limited_apart_from_reads_and_probes_are_not(tight: TestClient) -> None:
    for _ in range(2):
        assert tight.post("/api/v1/submissions", content=b"{}").status_code == 400
    assert tight.post("/api/v1/submissions", content=b"{}").status_code == 429
    assert tight.get("/api/v1/lots").status_code == 200
    assert {tight.get("/healthz").status_code for _ in range(20)} == {200}


@pytest.mark.parametrize("path", ["/api/v1/submissions", "/customs/messages", "/epcis/capture"])
def test_declared_oversize_is_refused_before_reading(tight: TestClient, ledger: FakeLedger, path: str) -> None:
    answer = tight.post(path, content=b"x" * 1001, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["field"] == "body"
    assert answer.json()["limit"] == 1000
    assert ledger.calls == 0


def chunks(count: int, size: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b" " * size


def test_streamed_oversize_is_refused_without_content_length(tight: TestClient, ledger: FakeLedger) -> None:
    answer = tight.post("/api/v1/submissions", content=chunks(11, 100))
    assert answer.status_code == 413
    assert answer.json()["code"] == "too-large"
    assert ledger.stored == []


def test_body_of_exactly_the_limit_passes(tight: TestClient) -> None:
    body = b'{"a":"' + b"x" * (1000 - 8) + b'"}'
    assert len(body) == 1000
    assert tight.post("/api/v1/submissions", content=body).json()["field"] == "/format"


def test_rpc_has_its_own_smaller_limit(tight: TestClient) -> None:
    assert tight.post("/rpc", content=b" " * 201).status_code == 413


@pytest.mark.parametrize("value", ["-1", "1e3", "9" * 30, "x", "5, 5"])
def test_nonsense_content_length_is_refused(value: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("must not be reached")

    scope = {"type": "http", "path": "/", "method": "POST", "client": None,
             "headers": [(b"content-length", value.encode())]}  # fmt: skip
    limits = Limits(app, Settings(read_rate=0, write_rate=0))
    with pytest.raises(Exception, match=r"Content-Length|larger") as refused:
        asyncio.run(limits(scope, None, None))  # type: ignore[arg-type]
    assert refused.value.code in ("malformed", "too-large")  # type: ignore[attr-defined]


def run(limits: Limits, messages: list[dict[str, Any]], *, stall: bool = False) -> Any:
    """Feed body messages to a Limits layer; with `stall` the sender then goes silent for ever."""

    async def main() -> None:
        queue = list(messages)

        async def receive() -> dict[str, Any]:
            if queue:
                return queue.pop(0)
            if stall:
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        scope = {"type": "http", "path": "/x", "method": "POST", "client": ("192.0.2.1", 1), "headers": []}
        await limits(scope, receive, None)  # type: ignore[arg-type]

    return asyncio.run(main())


async def read_all(scope: Any, receive: Any, send: Any) -> None:
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)


def test_body_that_never_ends_is_cut_off_after_the_timeout() -> None:
    limits = Limits(read_all, Settings(body_timeout=0.01, read_rate=0, write_rate=0))
    with pytest.raises(HttpProblem) as refused:
        run(limits, [{"type": "http.request", "body": b"{", "more_body": True}], stall=True)
    assert refused.value.fault.status == 408
    assert refused.value.headers["Connection"] == "close"


def test_bodies_in_flight_share_one_budget_and_give_it_back() -> None:
    settings = Settings(max_bodies_in_flight=100, read_rate=0, write_rate=0)
    inner = Limits(read_all, settings)
    part = {"type": "http.request", "body": b"x" * 60, "more_body": True}
    with pytest.raises(Unavailable):
        run(inner, [part, part])
    run(inner, [part])  # the first request's bytes were given back
    run(inner, [{**part, "more_body": False}])


def test_one_chunk_larger_than_the_limit_is_refused() -> None:
    limits = Limits(read_all, Settings(max_body=10, read_rate=0, write_rate=0))
    with pytest.raises(TooLarge):
        run(limits, [{"type": "http.request", "body": b"x" * 11, "more_body": False}])
