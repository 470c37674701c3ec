"""One id from the HTTP header to the log line of sealing, in one process and across a kill."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from serving import READY_SECONDS, free_port

from api.app import create_app
from api.logs import ROOTS, JsonFormatter, configure_logging
from api.settings import Settings
from ledger import correlation
from ledger.errors import Malformed
from ledger.services.ledger import Ledger
from tests.small_ledger import PASSPHRASE, SmallLedger

ID = "till-7.4711_a"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that our loggers would write to standard error."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in ROOTS]
    for logger, _ in before:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    yield stream
    for logger, level in before:
        logger.removeHandler(handler)
        logger.setLevel(level)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def client_of(small: SmallLedger) -> TestClient:
    client = TestClient(create_app(Settings(read_rate=0, write_rate=0, log_level="DEBUG"), small.ledger))
    for name in ROOTS:
        logging.getLogger(name).setLevel(logging.DEBUG)
    return client


def test_one_id_leads_from_header_to_block_when_a_submission_is_sealed(small: SmallLedger, log: io.StringIO) -> None:
    small.register_lot()
    with client_of(small) as client:
        receipt = client.post("/api/v1/submissions", json=small.event_wire(), headers={"x-request-id": ID}).json()
    mine = [line for line in lines(log.getvalue()) if line.get("id") == ID]
    assert [line["event"] for line in mine] == ["accepted", "queued", "signed", "sealed", "request"]
    assert {line["submission"] for line in mine[:4]} == {receipt["submissionId"]}
    sealed = mine[3]
    assert (sealed["block"], sealed["transaction"]) == (receipt["block"], receipt["transaction"])
    assert sealed["gas"] == small.ledger.gateway.receipt(bytes.fromhex(sealed["transaction"][2:])).gas_used  # type: ignore[union-attr]
    assert mine[2]["transaction"] == sealed["transaction"]


def test_refusal_has_the_id_and_the_reason_when_the_contract_says_no(small: SmallLedger, log: io.StringIO) -> None:
    small.register_lot()
    part = small.authority.part("lot.origin", small.ledger.index.lot("09521002000115", "GZ-FZX-0901").origin)
    wire = small.authority.compose([part]).to_wire()
    with client_of(small) as client:
        answer = client.post("/api/v1/submissions", json=wire, headers={"x-request-id": ID}).json()
    assert answer["instance"].endswith(ID)
    refused = [line for line in lines(log.getvalue()) if line.get("id") == ID and line["event"] == "refused"]
    assert [(line["reason"], line["error"]) for line in refused] == [(answer["code"], answer.get("error", ""))]


def test_sealing_has_the_id_of_whoever_queued_it_when_another_request_seals_it(
    small: SmallLedger, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.register_lot()
    with client_of(small) as client:
        monkeypatch.setattr(small.ledger.gateway, "seal_pending", list)
        first = client.post("/api/v1/submissions", json=small.event_wire(), headers={"x-request-id": "first"}).json()
        monkeypatch.undo()
        second = client.post("/api/v1/submissions", json=small.event_wire(), headers={"x-request-id": "second"}).json()
    sealed = {line["submission"]: line["id"] for line in lines(log.getvalue()) if line["event"] == "sealed"}
    assert sealed[first["submissionId"]] == "first"
    assert sealed[second["submissionId"]] == "second"


def test_nothing_of_what_was_sent_is_logged_when_every_field_holds_a_mark(small: SmallLedger, log: io.StringIO) -> None:
    small.register_lot()
    mark = "MARK7f3a"
    good = small.event_wire()
    marked = json.loads(
        json.dumps(good), object_hook=lambda o: {k: mark if isinstance(v, str) else v for k, v in o.items()}
    )
    unknown = {**good, mark: mark, "records": [{**record, mark: mark} for record in good["records"]]}
    headers = {"authorization": mark, "cookie": mark, "x-request-id": mark + " " + mark, "user-agent": mark}
    event = small.producer.part(
        "epcis.event", {**good["records"][0]["payload"], "disposition": "in_transit", "originseal:vehicle": mark}
    )
    sealed = small.producer.compose([event]).to_wire()
    with client_of(small) as client:
        assert client.post("/api/v1/submissions", json=sealed, headers=headers).status_code == 201
        for body in (marked, unknown, mark, [mark]):
            assert client.post(f"/api/v1/submissions?q={mark}", json=body, headers=headers).status_code >= 400
        client.post(
            "/customs/check", content=f"<{mark}>{mark}</{mark}>", headers={**headers, "content-type": "application/xml"}
        )
        client.get(f"/find?q={mark}", headers=headers)
        client.post("/rpc", json={"jsonrpc": "2.0", "id": mark, "method": mark, "params": [mark]}, headers=headers)
    assert len(lines(log.getvalue())) > 8
    assert mark not in log.getvalue()
    assert PASSPHRASE not in log.getvalue()


def test_id_is_the_first_requests_when_the_server_was_killed_in_between(small: SmallLedger) -> None:
    """The server dies after the bytes are durable and before they are sent; the next one seals them under the id."""
    small.register_lot()
    wire = small.event_wire()
    small.ledger.close()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            from ledger.chain import gateway

            def die(*_: object) -> None:
                os.write(writer, b"stored\n")
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)

            gateway.send = die  # type: ignore[assignment]
            with correlation.bind(ID), Ledger.open(small.data, passphrase=PASSPHRASE) as ledger:
                ledger.submit(wire)
        finally:
            os._exit(7)  # never return into pytest
    os.close(writer)
    with os.fdopen(reader) as said:
        assert said.readline() == "stored\n"
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status)

    port = free_port()
    command = [sys.executable, "-m", "scripts.originseal", "serve", "--data", str(small.data), "--port", str(port)]
    environment = os.environ | {"ORIGINSEAL_LOG_LEVEL": "INFO", "ORIGINSEAL_PASSPHRASE": PASSPHRASE}
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, bufsize=1
    )
    assert server.stdout is not None
    try:
        assert server.stdout.readline().startswith("READY ")
        answer = httpx.post(f"http://127.0.0.1:{port}/api/v1/submissions", json=wire, timeout=READY_SECONDS)
    finally:
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=READY_SECONDS)
    receipt = answer.json()
    assert (answer.status_code, receipt["duplicate"]) == (200, True)
    mine = [line for line in lines(errors) if line.get("id") == ID]
    assert [line["event"] for line in mine] == ["retried", "sealed"]
    assert mine[1]["transaction"] == receipt["transaction"]
    assert mine[1]["submission"] == receipt["submissionId"]


# -------------------------------------------------------------------------------------------------- ids themselves


@pytest.mark.parametrize("level", ["", "LOUD", "10", "info\n"])
def test_log_level_is_refused_when_there_is_none_of_that_name(level: str) -> None:
    with pytest.raises(Malformed, match="log level"):
        configure_logging(level)


@pytest.mark.parametrize("value", ["", "a b", "a" * 65, "ä", "a\n", "<x>", "a/b", 7, None, b"a"])
def test_value_is_no_id_when_it_has_another_form(value: object) -> None:
    assert not correlation.valid(value)
    with pytest.raises(RuntimeError), correlation.bind(value):  # type: ignore[arg-type]
        raise AssertionError("bound")


def test_id_is_bound_within_its_block_only() -> None:
    assert correlation.current() is None
    with correlation.bind("outer"):
        with correlation.bind("inner"):
            assert correlation.current() == "inner"
        assert correlation.current() == "outer"
    assert correlation.current() is None
    assert correlation.valid(correlation.fresh())
    assert correlation.fresh() != correlation.fresh()


def test_outbox_gains_the_column_when_it_is_of_an_older_version(small: SmallLedger) -> None:
    import sqlite3

    from ledger.services.audit import audit

    small.register_lot()
    small.ledger.close()
    path: Path = small.data / "ledger.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("ALTER TABLE chain_outbox DROP COLUMN correlation")
    assert audit(small.data, passphrase=PASSPHRASE).sound
    with Ledger.open(small.data, passphrase=PASSPHRASE) as ledger, correlation.bind(ID):
        receipt = ledger.submit(SmallLedger(small.data, ledger, small.keys).event_wire())
        entry = ledger.gateway.entry(bytes.fromhex(receipt.submission_id.partition(":")[2]))
        assert entry is not None and entry.correlation == ID
    assert audit(small.data, passphrase=PASSPHRASE).sound


@pytest.mark.parametrize("value", ["<script>", "a b", "a" * 65, "", b"bytes"])
def test_audit_names_the_row_when_its_id_has_another_form(small: SmallLedger, value: object) -> None:
    import sqlite3

    from ledger.services.audit import audit

    small.register_lot()
    small.ledger.close()
    with sqlite3.connect(small.data / "ledger.sqlite") as db:
        assert db.execute("UPDATE chain_outbox SET correlation = ? WHERE id = 1", (value,)).rowcount == 1
    assert [finding.id for finding in audit(small.data, passphrase=PASSPHRASE).findings] == ["outbox.row"]
