"""From an empty folder: a replica catches up with a real operator over HTTP, also when it is killed again and again."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from serving import free_port, originseal, serving

from ledger.chain.embedded import EmbeddedEngine, integrity
from ledger.services.replica import start
from tests.small_ledger import LOT, PASSPHRASE, found_small

EVENTS = 12
ROUNDS = 5  # of kill -9


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small operator's folder of some fifteen blocks."""
    small = found_small(tmp_path_factory.mktemp("operator") / "data")
    small.register_lot()
    for _ in range(EVENTS):
        small.ledger.submit(small.event_wire())
    small.ledger.close()
    return small.data


@pytest.fixture(scope="module", autouse=True)
def passphrase() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORIGINSEAL_PASSPHRASE", PASSPHRASE)
        yield


def head_of(data: Path) -> bytes:
    with EmbeddedEngine.open(data / "chain.sqlite", read_only=True) as engine:
        return bytes(engine.node.head().hash)


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:  # our own server
        return bytes(answer.read())


@contextmanager
def following(data: Path, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A running `originseal replica` and its address."""
    port = free_port()
    command = [sys.executable, "-m", "scripts.originseal", "replica", "--data", str(data), "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--interval", "0.2", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"ORIGINSEAL_READ_RATE": "0", "ORIGINSEAL_LOG_LEVEL": "ERROR"},
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.split() == ["READY", f"http://127.0.0.1:{port}"], line
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        finally:
            process.kill()
            process.stdout.close()


def until(url: str, state: str) -> dict[str, object]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        told: dict[str, object] = json.loads(get(f"{url}/api/v1/replica"))
        if told["state"] == state:
            return told
        time.sleep(0.1)
    raise AssertionError(f"not {state}: {told}")


@pytest.fixture(scope="module")
def served(operator: Path, passphrase: None) -> Iterator[str]:
    with serving(operator) as url:
        yield url


@pytest.fixture(scope="module")
def caught_up(served: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A replica's folder that caught up from nothing, and what the command printed."""
    data = tmp_path_factory.mktemp("replica") / "r"
    done = originseal("replica", "--from", served, "--data", str(data), "--once", "--json")
    return data, done.stdout, done.stderr


def test_replica_catches_up_from_nothing_and_serves_a_bundle_that_verifies(
    operator: Path, caught_up: tuple[Path, str, str], tmp_path: Path
) -> None:
    data, said, warned = caught_up
    told = json.loads(said)
    assert (told["state"], told["lagBlocks"], told["codeChecked"]) == ("following", 0, True)
    assert "taken from the source itself" in warned
    assert head_of(data) == head_of(operator)
    with following(data) as (own, process):
        assert until(own, "following")["head"] == told["head"]
        bundle = get(f"{own}/api/v1/lots/{LOT.gtin}/{LOT.lot}/bundle")
        request = urllib.request.Request(f"{own}/verify", bundle, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert json.loads(answer.read())["replica"]["chain"] == "ours"
    assert process.returncode == 0
    (tmp_path / "bundle.json").write_bytes(bundle)
    anchors = operator / "anchors.json"
    verified = originseal("verify", str(tmp_path / "bundle.json"), "--anchors", str(anchors), "--json")
    assert json.loads(verified.stdout)["result"] == "holds"
    with EmbeddedEngine.open(data / "chain.sqlite") as engine:
        assert list(integrity.check(engine.node)) == []


def test_replica_ends_with_4_when_the_source_is_down_and_it_was_asked_once(
    operator: Path, caught_up: tuple[Path, str, str], tmp_path: Path
) -> None:
    shutil.copytree(caught_up[0], tmp_path / "r")
    nowhere = f"http://127.0.0.1:{free_port()}"
    done = originseal("replica", "--from", nowhere, "--data", str(tmp_path / "r"), "--once", "--json", check=False)
    assert (done.returncode, json.loads(done.stdout)["state"]) == (4, "waiting")
    assert head_of(tmp_path / "r") == head_of(operator)


def test_rewritten_history_is_shown_and_ends_the_command_with_1(
    operator: Path, caught_up: tuple[Path, str, str], tmp_path: Path
) -> None:
    shutil.copytree(operator, tmp_path / "other")
    shutil.copytree(caught_up[0], tmp_path / "r")
    _rewrite(operator, tmp_path / "other")
    with serving(tmp_path / "other") as url, following(tmp_path / "r", "--from", url) as (own, process):
        told = until(own, "refused")
        assert told["refusal"]["kind"] == "rewritten-history"  # type: ignore[index]
    assert process.returncode == 1
    [proof] = (tmp_path / "r" / "evidence").glob("*-equivocation.json")
    done = originseal("verify", "--equivocation", str(proof), "--anchors", str(operator / "anchors.json"), check=False)
    assert done.returncode == 0, done.stderr
    assert "PROVEN" in done.stdout or "成立" in done.stdout


def _rewrite(original: Path, folder: Path) -> None:
    """The operator's last block, sealed again a second later: valid, signed with the same checkpoint key."""
    import sqlite3

    from ledger.services.ledger import Ledger

    with EmbeddedEngine.open(original / "chain.sqlite", read_only=True) as engine:
        head = engine.node.head()
        last = engine.node.block(head.block_number)
        assert last is not None
    with sqlite3.connect(folder / "chain.sqlite") as database:
        for table, column in (("block", "number"), ("tx", "block"), ("log", "block")):
            database.execute(f"DELETE FROM {table} WHERE {column}=?", (head.block_number,))
    database.close()
    with EmbeddedEngine.open(folder / "chain.sqlite", clock=lambda: head.timestamp + 1) as engine:
        assert engine.seal(last.raw_transactions)[0].success
    with sqlite3.connect(folder / "ledger.sqlite") as database:
        database.execute("DELETE FROM checkpoints WHERE height=?", (head.block_number,))
    database.close()
    with Ledger.open(folder, passphrase=PASSPHRASE) as ledger:
        assert ledger.checkpoints.latest().checkpoint.height == head.block_number


@pytest.mark.slow
def test_replica_ends_up_with_the_same_head_when_killed_again_and_again(
    operator: Path, served: str, tmp_path: Path
) -> None:
    """kill -9 at a random moment of every round: whole blocks are left, and the next start goes on from them."""
    rng = random.Random(7)
    heights = [0]
    for _ in range(ROUNDS):
        pid = os.fork()
        if pid == 0:
            try:
                opened, _ = start(tmp_path / "r", source=served, anchors=operator / "anchors.json")
                opened.poll()
            finally:
                os._exit(0)
        time.sleep(rng.uniform(0.05, 0.6))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        if (tmp_path / "r" / "config.json").exists():
            with EmbeddedEngine.open(tmp_path / "r" / "chain.sqlite") as engine:
                assert list(integrity.check(engine.node)) == []
                heights.append(int(engine.node.head().block_number))
    opened, _ = start(tmp_path / "r", source=served, anchors=operator / "anchors.json")
    with opened:
        assert opened.poll().state == "following"
        assert opened.bundle(LOT.gtin, LOT.lot)
    assert heights == sorted(heights)
    assert head_of(tmp_path / "r") == head_of(operator)
