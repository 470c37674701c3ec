"""Operators' commands as users type them, beside a server that is being written to."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path

import httpx
import pytest
from serving import originseal, served, serving

from api.replica_app import create_replica_app
from api.settings import Settings
from ledger.services.backup.marks import sealing_suspended
from ledger.services.ledger import Ledger
from ledger.services.replica import start
from tests.small_ledger import PASSPHRASE, SmallLedger

DEADLINE = 120.0


@pytest.fixture(autouse=True)
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORIGINSEAL_PASSPHRASE", PASSPHRASE)


def test_ledger_comes_back_when_its_machine_is_lost(small: SmallLedger, tmp_path: Path) -> None:
    """Serve and write; back up beside it; lose the folder; restore; compare with a replica; go on sealing."""
    small.register_lot()
    wires = [small.event_wire() for _ in range(200)]
    small.ledger.close()
    data, archive, new = small.data, tmp_path / "backup.tar", tmp_path / "new"
    acknowledged: list[str] = []
    stop = threading.Event()

    def write(url: str) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            for wire in wires:
                if stop.is_set():
                    return
                acknowledged.append(
                    client.post("/api/v1/submissions", json=wire).raise_for_status().json()["submissionId"]
                )

    def wait_for(count: int) -> None:
        end = time.monotonic() + DEADLINE
        while len(acknowledged) < count:
            assert time.monotonic() < end and writer.is_alive(), "the writer does not get on"
            time.sleep(0.01)

    with serving(data) as url:
        writer = threading.Thread(target=write, args=(url,))
        writer.start()
        try:
            wait_for(2)
            before = list(acknowledged)
            made = json.loads(originseal("backup", "--data", str(data), "--to", str(archive), "--json").stdout)
            wait_for(len(acknowledged) + 1)
        finally:
            stop.set()
            writer.join(DEADLINE)
        replica, _ = start(tmp_path / "replica", source=url, anchors=data / "anchors.json")
        with replica:
            assert replica.poll().refusal is None
        metrics = httpx.get(f"{url}/metrics").text
        assert "originseal_backup_time_seconds 0.0" not in metrics
    assert made["signedBy"] is not None and made["database"]
    shutil.copy(data / "anchors.json", tmp_path / "anchors.json")
    shutil.rmtree(data)

    anchors = ["--anchors", str(tmp_path / "anchors.json")]
    verified = json.loads(originseal("backup", "verify", str(archive), *anchors, "--json").stdout)
    assert verified["anchored"] and verified["head"] == made["head"] and verified["manifest"] == made["manifest"]
    restored = json.loads(originseal("restore", str(archive), "--data", str(new), *anchors, "--json").stdout)
    assert restored["sealingSuspended"]
    found = originseal("doctor", "--data", str(new), "--json", check=False)
    assert found.returncode == 1
    assert [c["check"] for c in json.loads(found.stdout)["checks"] if c["status"] == "failed"] == ["restored"]

    with serving(new) as url:
        for name in before:
            assert httpx.get(f"{url}/api/v1/submissions/{name}").json()["state"] == "sealed"
        refused = httpx.post(f"{url}/api/v1/submissions", json=wires[-1], timeout=60)
        assert (refused.status_code, refused.json()["code"]) == (503, "sealing-suspended")
        assert int(refused.headers["retry-after"]) > 0

    replica, _ = start(tmp_path / "replica", source="http://127.0.0.1:9", anchors=tmp_path / "anchors.json")
    with (
        replica,
        served(create_replica_app(Settings(log_level="CRITICAL", read_rate=0, write_rate=0), replica)) as outside,
    ):
        command = ["restore", "--resume-sealing", "--data", str(new), "--confirmed-head"]
        assert originseal(*command, "http://127.0.0.1:9", check=False).returncode == 4
        assert sealing_suspended(new)
        resumed = json.loads(originseal(*command, outside, "--json").stdout)
    assert resumed["head"] - resumed["fetchedBlocks"] == made["head"]["number"]
    assert resumed["head"] >= made["head"]["number"] + 1
    assert originseal("doctor", "--data", str(new)).returncode == 0
    with Ledger.open(new) as ledger:
        assert ledger.submit(wires[-1]).state == "sealed"
        events = [e for e in ledger.gateway.events(0, ledger.gateway.height()) if e.name == "Accepted"]
        assert {f"keccak256:{e.args['submissionId'].hex()}" for e in events} >= set(acknowledged)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["backup"], 1), (["backup", "--data", "DIR"], 1), (["restore"], 1), (["restore", "--data", "DIR"], 1),
        (["restore", "--resume-sealing", "--data", "DIR"], 1), (["backup", "verify", "DIR/none"], 3),
        (["restore", "DIR/none", "--data", "DIR/new"], 3), (["doctor", "--data", "DIR/none"], 1),
        (["restore", "DIR/x", "--data", "DIR/new", "--confirmed-head", "none"], 1),
        (["backup", "verify", "DIR/x", "--anchors", "DIR/none"], 1),
    ],
)  # fmt: skip
def test_command_explains_itself_when_it_is_used_wrongly(tmp_path: Path, arguments: list[str], code: int) -> None:
    said = originseal(*(a.replace("DIR", str(tmp_path)) for a in arguments), check=False)
    assert said.returncode == code
    assert "Traceback" not in said.stderr + said.stdout and said.stderr + said.stdout
