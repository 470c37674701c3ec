"""/rpc speaks JSON-RPC 2.0; probes and metrics tell operators the truth."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import pytest
from fake_ledger import FakeLedger
from fastapi.testclient import TestClient

from api.context import OutboxWatch
from api.logs import JsonFormatter
from api.observability import shortened
from api.routers import rpc as rpc_router
from ledger.errors import EngineUnavailable

CALL = {"jsonrpc": "2.0", "id": 5, "method": "eth_chainId"}


def test_single_call_and_batch_are_answered(client: TestClient) -> None:
    assert client.post("/rpc", json=CALL).json() == {"jsonrpc": "2.0", "id": 5, "result": "0x4f1a"}
    batch = client.post("/rpc", json=[CALL, {**CALL, "id": 6}]).json()
    assert [answer["id"] for answer in batch] == [5, 6]


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"{", -32700), (b"[]", -32600), (b"7", -32600), (b'"x"', -32600), (b"[" * 9000, -32700), (b"\xff", -32700)],
)
def test_broken_call_gets_a_json_rpc_error(client: TestClient, body: bytes, code: int) -> None:
    answer = client.post("/rpc", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code
    assert answer.json()["id"] is None


def test_batch_over_the_limit_is_refused_before_any_call(client: TestClient, ledger: FakeLedger) -> None:
    answer = client.post("/rpc", json=[CALL] * 101)
    assert answer.json()["error"]["code"] == -32600
    assert ledger.calls == 0


def test_too_many_requests_at_once_are_asked_to_come_back(client: TestClient) -> None:
    for _ in range(rpc_router.MAX_AT_ONCE):
        assert rpc_router._slots.acquire(blocking=False)
    try:
        answer = client.post("/rpc", json=CALL)
    finally:
        rpc_router._slots.release(rpc_router.MAX_AT_ONCE)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert client.post("/rpc", json=CALL).status_code == 200


def test_get_explains_what_to_do(client: TestClient) -> None:
    answer = client.get("/rpc")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert "cast" in answer.json()["hint"]


def test_health_needs_no_ledger(client: TestClient, ledger: FakeLedger) -> None:
    ledger.failure = EngineUnavailable("down")
    assert client.get("/healthz").json() == {"status": "ok"}


def test_ready_when_everything_is_well(client: TestClient) -> None:
    body = client.get("/readyz").json()
    assert body["ready"] is True
    assert set(body["checks"].values()) == {"ok"}


def test_not_ready_when_the_chain_is_down_or_the_index_lags(client: TestClient, ledger: FakeLedger) -> None:
    status = ledger.status()
    ledger.status = lambda: replace(status, indexed=100)  # type: ignore[method-assign]
    lagging = client.get("/readyz")
    assert (lagging.status_code, lagging.json()["checks"]["index"]) == (503, "23 blocks behind")

    def down() -> None:
        raise EngineUnavailable("secret path")

    ledger.status = down  # type: ignore[method-assign,assignment]
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "checks": {"chain": "engine-unavailable"}}


def test_outbox_is_stuck_only_when_nothing_moves() -> None:
    now = [0.0]
    watch = OutboxWatch(lambda: now[0])
    assert watch.waiting(3, 10) == 0
    now[0] = 60
    assert watch.waiting(9, 10) == 60
    assert watch.waiting(9, 11) == 0
    now[0] = 90
    assert watch.waiting(1, 11) == 30
    assert watch.waiting(0, 11) == 0
    assert watch.waiting(1, 11) == 0


def test_metrics_count_requests_refusals_and_ledger_numbers(client: TestClient) -> None:
    client.get("/api/v1/lots/09521003000183/P-FZX-240A")
    client.get("/api/v1/lots/09521003000183/NOPE")
    client.get("/made/up/path")
    text = client.get("/metrics").text
    route = 'route="/api/v1/lots/{gtin}/{lot}"'
    assert f'originseal_http_requests_total{{method="GET",{route},status="200"}} 1.0' in text
    assert 'originseal_refusals_total{code="not-found"} 1.0' in text
    assert "originseal_height 123.0" in text
    assert "originseal_index_lag_blocks 0.0" in text
    assert "originseal_outbox_depth 0.0" in text
    assert "/made/up" not in text
    assert "P-FZX" not in text


def test_metrics_survive_a_dead_chain(client: TestClient, ledger: FakeLedger) -> None:
    ledger.failure = EngineUnavailable("down")
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert "originseal_up 0.0" in answer.text


def test_metrics_labels_stay_bounded_when_methods_are_invented(client: TestClient) -> None:
    for i in range(20):
        client.request(f"M{i}", "/")
    assert 'method="M' not in client.get("/metrics").text


def test_log_line_is_json_without_query_or_address(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(JsonFormatter().format(record))

    logger = logging.getLogger("originseal.api")
    monkeypatch.setattr(logger, "handlers", [Keep()])
    monkeypatch.setattr(logger, "level", logging.INFO)
    logger.manager._clear_cache()  # type: ignore[attr-defined]
    client.get("/find?q=secret-number", headers={"x-request-id": "abc-1", "authorization": "Bearer hidden"})
    logger.manager._clear_cache()  # type: ignore[attr-defined]
    facts = json.loads(lines[-1])
    assert (facts["id"], facts["path"], facts["status"], facts["route"]) == ("abc-1", "/find", 400, "/find")
    assert "secret" not in lines[-1]
    assert "hidden" not in lines[-1]


@pytest.mark.parametrize(
    ("address", "expected"),
    [("203.0.113.77", "203.0.113.0/24"), ("2001:db8:1:2::/64", "2001:db8:1::/48"), ("unknown", "unknown")],
)
def test_logged_address_is_shortened(address: str, expected: str) -> None:
    assert shortened(address) == expected


@pytest.mark.parametrize("sent", ["ok-1.2_3", "a" * 64])
def test_good_correlation_id_is_kept(client: TestClient, sent: str) -> None:
    assert client.get("/healthz", headers={"x-request-id": sent}).headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["", "a" * 65, "a b", "x\\n", "<script>"])
def test_bad_correlation_id_is_replaced(client: TestClient, sent: str) -> None:
    assert client.get("/healthz", headers={"x-request-id": sent}).headers["x-request-id"] != sent
