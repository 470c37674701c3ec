"""Reports and schedules through the command line: files, exit codes, and an end when somebody says stop."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from itertools import chain, repeat
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from ledger.crypto.keyfile import write_key
from ledger.crypto.sm2 import PrivateKey
from ledger.errors import Malformed, StorageUnavailable
from ledger.services import audit_archive
from scripts.commands import app
from scripts.commands.schedule import Stop, keep_auditing, plans_for
from tests.e2e.serving import free_port
from tests.report_facts import STARTED, facts_with, sound_facts
from tests.small_ledger import PASSPHRASE, found_small


class Told(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


KEY_PASSPHRASE = "an auditor's passphrase"
DEADLINE = 120.0


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    small = found_small(tmp_path_factory.mktemp("reports") / "data")
    small.ledger.close()
    return small.data


@pytest.fixture
def data(master: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ORIGINSEAL_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("ORIGINSEAL_KEY_PASSPHRASE", KEY_PASSPHRASE)
    return Path(shutil.copytree(master, tmp_path / "data"))


@pytest.fixture
def auditor(tmp_path: Path) -> tuple[Path, PrivateKey]:
    key = PrivateKey.generate()
    write_key(tmp_path / "auditor.pem", key, KEY_PASSPHRASE)
    return tmp_path / "auditor.pem", key


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """The command line in this process: starting Python anew for each command takes longer than the commands."""

    def told(*arguments: str) -> Told:
        monkeypatch.setattr(sys, "argv", ["originseal", *arguments])
        capfd.readouterr()
        code = app.run()
        return Told(code, *capfd.readouterr())

    return told


def test_report_is_written_signed_verified_and_rendered_again(
    data: Path, tmp_path: Path, auditor: tuple[Path, PrivateKey], run: Callable[..., Told]
) -> None:
    path, key = auditor
    names = {form: tmp_path / f"report.{form}" for form in ("json", "html", "pdf")}
    run(
        "audit", "--data", str(data), "--report", str(names["json"]), "--html", str(names["html"]),
        "--pdf", str(names["pdf"]), "--sign-with", str(path), "--keep", "3", "--json",
    )  # fmt: skip
    public = tmp_path / "public.pem"
    public.write_text(key.public.spki_pem)
    for form in ("json", "pdf"):
        told = run("report", "verify", str(names[form]), "--key", str(public), "--json")
        evidence = json.loads(told.out)
        assert (evidence["form"], evidence["vouchedBy"]) == (form, "key")
        assert evidence["report"]["result"] == "sound"
    assert evidence["pagesMatchReport"] is True
    anchored = run("report", "verify", str(names["pdf"]), "--anchors", str(data / "anchors.json"))
    assert anchored.code == 5 and "--key" in anchored.out, "the ledger is right, the key nobody's"
    unknown = run("report", "verify", str(names["pdf"]))
    assert unknown.code == 5
    other = run("report", "verify", str(names["pdf"]), "--key", "sm3:" + "00" * 32)
    assert other.code == 1 and key.public.key_id.hex() in other.err

    again = tmp_path / "again.html"
    run("report", "render", str(names["json"]), "--html", str(again), "--json")
    assert again.read_bytes() == names["html"].read_bytes()
    run("report", "render", str(names["pdf"]), "--html", str(again))
    assert again.read_bytes() == names["html"].read_bytes(), "the PDF carries the report"
    (filed,) = audit_archive.history(data, 5)
    assert filed.sound and filed.signed
    assert json.loads((data / "audit.json").read_text())["signature"]["keyId"] == f"sm3:{key.public.key_id.hex()}"

    spoilt = json.loads(names["json"].read_text())
    spoilt["head"] += 1
    names["json"].write_text(json.dumps(spoilt))
    for command in (["verify", str(names["json"])], ["render", str(names["json"]), "--html", str(again)]):
        refused = run("report", *command, "--json")
        assert refused.code == 1
        assert json.loads(refused.out)["error"]["code"] == "verification-failed"


def test_audit_exits_with_one_when_there_are_findings(data: Path, tmp_path: Path, run: Callable[..., Told]) -> None:
    with sqlite3.connect(data / "ledger.sqlite") as db:
        db.execute("DELETE FROM records WHERE rowid = 1")
    db.close()
    pdf = tmp_path / "report.pdf"
    told = run("audit", "--data", str(data), "--pdf", str(pdf), "--json")
    assert told.code == 1 and json.loads(told.out)["result"] == "findings"
    refused = run("report", "verify", str(pdf), "--json")
    assert refused.code == 1 and "not signed" in refused.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["report", "verify", "missing.pdf"],
        ["report", "render", "missing.json", "--html", "x.html"],
        ["report", "render", "missing.json"],
        ["report", "verify", "missing.pdf", "--key", "sm3:12"],
        ["audit", "--data", "x", "--every", "10s"],
        ["audit", "--data", "x", "--every", "24h", "--html", "x.html"],
        ["serve", "--data", "x", "--audit-every", "soon"],
    ],
)
def test_command_says_what_is_wrong_when_its_arguments_do_not_fit(
    arguments: list[str], run: Callable[..., Told]
) -> None:
    refused = run(*arguments)
    assert refused.code == 1
    assert "Traceback" not in refused.err and "malformed" in refused.err


def test_unit_file_runs_a_command_that_exists() -> None:
    from typer.main import get_command

    unit = Path(__file__).parents[2] / "deploy" / "systemd" / "originseal-audit.service"
    (line,) = [text for text in unit.read_text().splitlines() if text.startswith("ExecStart=")]
    words = line.split("originseal ", 1)[1].split()
    command = get_command(app.app).commands[words[0]]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known
    timer = unit.with_suffix(".timer").read_text()
    assert f"Unit={unit.name}" in timer and "OnCalendar=" in timer


def test_schedule_audits_at_once_and_ends_when_it_is_told_to(data: Path, auditor: tuple[Path, PrivateKey]) -> None:
    command = [sys.executable, "-m", "scripts.originseal", "audit", "--data", str(data), "--every", "24h", "--json"]
    command += ["--sample-every", "1h", "--keep", "2", "--sign-with", str(auditor[0])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = json.loads(process.stdout.readline())
        assert line["findings"] == 0 and line["mode"] == "full"
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert [filed.id for filed in audit_archive.history(data, 5)] == [line["report"]]
    full, sample = plans_for(data, "24h", "1h", time.time())
    assert full.anchor > time.time() and sample.anchor <= time.time(), "a restart does not audit again before it is due"


def test_server_audits_beside_itself_and_ends_its_auditor(data: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "scripts.originseal", "serve", "--data", str(data), "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--audit-every", "24h"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith("READY")
        until = time.monotonic() + DEADLINE
        page = ""
        while "/audit/reports/" not in page:
            assert time.monotonic() < until, "no report was filed"
            time.sleep(0.2)  # polling: an auditor needs the processor that asking takes
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/audit?lang=en") as answer:
                page = answer.read().decode()
        assert "Nothing found" in page
        process.send_signal(signal.SIGTERM)
        process.wait(DEADLINE)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert not [line for line in _processes() if str(data) in line]


def _processes() -> list[str]:
    """The command lines of every process, where the system shows them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


# ------------------------------------------------------------------------------------------------ without a process


def scheduled(data: Path, outcomes: list[Any]) -> int:
    """Run a schedule whose only audit gives the next outcome and then asks to stop; its exit code."""

    def run(mode: str) -> dict[str, Any]:
        signal.raise_signal(signal.SIGTERM)
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return dict(outcome)

    with pytest.raises(typer.Exit) as ended:
        keep_auditing(data, run, every="24h", sample_every=None, keep=3, signer=None)
    return int(ended.value.exit_code)


def test_schedule_ends_with_zero_when_everything_was_sound(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert scheduled(tmp_path, [sound_facts()]) == 0
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    "outcome", [facts_with(("index.row", "x")), StorageUnavailable("the disk is gone"), Malformed("damaged", field="x")]
)
def test_schedule_ends_with_one_when_an_audit_found_something_or_failed(
    tmp_path: Path, outcome: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scheduled(tmp_path, [outcome]) == 1
    line = capsys.readouterr().out
    assert line.count("\n") == 1 and ("findings 问题 1" in line or "not done" in line)


def test_schedule_goes_on_when_an_audit_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two audits are due (the second because the clock is a day on); the first fails."""
    moments = chain([STARTED] * 4, repeat(STARTED + 86_400))
    monkeypatch.setattr("scripts.commands.schedule.time.time", lambda: next(moments))
    waited: list[float] = []
    monkeypatch.setattr(Stop, "wait", lambda self, seconds: waited.append(seconds) or len(waited) > 2)
    outcomes: list[Any] = [StorageUnavailable("busy"), sound_facts()]

    def run(mode: str) -> dict[str, Any]:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return dict(outcome)

    with pytest.raises(typer.Exit) as ended:
        keep_auditing(tmp_path, run, every="24h", sample_every=None, keep=3, signer=None)
    assert ended.value.exit_code == 1 and outcomes == []
    assert len(audit_archive.history(tmp_path, 5)) == 1


def test_schedule_stops_waiting_when_the_server_that_started_it_is_gone() -> None:
    with Stop(parent=os.getpid()) as stop:  # this process's parent is another one
        assert stop.wait(3600)
    with Stop(parent=os.getppid()) as stop:
        assert not stop.wait(0)


def test_schedule_interrupts_an_audit_when_it_is_told_twice() -> None:
    with Stop(parent=None) as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.wait(3600)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
