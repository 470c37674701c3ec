"""Audits in several processes, resumed, and built on earlier ones: what they find and what they refuse."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger.crypto.keccak import keccak256
from ledger.crypto.keyfile import FileSigner
from ledger.crypto.sm2 import PrivateKey
from ledger.proof.rlp import decode_list, encode
from ledger.services.audit import audit, pool
from ledger.services.audit.findings import AuditReport
from ledger.services.audit.pool import Pool
from ledger.services.audit.scratch import Scratch
from ledger.services.audit.tasks import Setup, Task
from ledger.services.audit.workfile import state_digest
from ledger.services.config import DataFolder, load_config
from ledger.services.operator_keys import find_passphrase, open_checkpoint_key, open_reading_keys
from tests.small_ledger import LOT, PASSPHRASE, SmallLedger


def facts(report: AuditReport) -> dict[str, Any]:
    """The report without what differs from one run to the next."""
    return {name: value for name, value in report.to_json().items() if name not in ("startedAt", "seconds", "notes")}


def change(folder: Path, file: str, statement: str, *arguments: object) -> None:
    with closing(sqlite3.connect(folder / file)) as db, db:
        assert db.execute(statement, arguments).rowcount, "nothing was changed"


TAMPERINGS: list[tuple[str, str]] = [
    ("ledger.sqlite", "DELETE FROM records WHERE rowid = 5"),
    ("ledger.sqlite", "UPDATE records SET body = zeroblob(64) WHERE rowid = 2"),
    ("ledger.sqlite", "UPDATE submissions SET received_at = received_at + 1 WHERE seq = 4"),
    ("ledger.sqlite", "UPDATE chain_outbox SET block_time = block_time + 1 WHERE id = 6"),
    ("ledger.sqlite", "DELETE FROM trade_documents WHERE sequence = 1"),
    ("ledger.sqlite", "UPDATE checkpoints SET text = replace(text, 'height: 7', 'height: 8') WHERE height = 7"),
    ("chain.sqlite", "DELETE FROM log WHERE block = 5 AND idx = 0"),
    ("chain.sqlite", "DELETE FROM node WHERE hash = (SELECT max(hash) FROM node)"),
    ("chain.sqlite", "UPDATE block SET receipts = x'c0' WHERE number = 9"),
    ("index.sqlite", "UPDATE lots SET remaining = remaining || '0'"),
    ("index.sqlite", "UPDATE records SET payload = '{}' WHERE rowid = 3"),
]


def tamper(folder: Path) -> None:
    for file, statement in TAMPERINGS:
        change(folder, file, statement)


# ------------------------------------------------------------------------------------------------ several processes


def test_findings_are_the_same_when_two_processes_share_the_work(folder: Path) -> None:
    tamper(folder)
    alone, shared = audit(folder, workers=1), audit(folder, workers=2)
    assert facts(alone) == facts(shared)
    assert {"payload.record-missing", "payload.record", "payload.row", "outbox.row", "register.row", "chain.index",
            "chain.node-missing", "chain.receipts-root", "index.row"} <= set(alone.by_kind)  # fmt: skip


def test_worker_that_is_killed_is_a_finding_and_its_work_is_done_by_another(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def enter(self: Pool) -> Pool:
        os.kill(self.processes[0], signal.SIGKILL)
        return self

    monkeypatch.setattr(Pool, "__enter__", enter)
    report = audit(folder, workers=2)
    assert dict(report.by_kind) == {"audit.incomplete": 1}
    assert "signal 9; another did it again" in report.findings[0].detail
    assert report.coverage["blocks"] == report.head + 1


def test_task_is_given_up_when_every_worker_dies_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_BOOT", "import os; os._exit(7)")
    report = audit(folder, workers=2)
    assert {finding.id for finding in report.findings} >= {"audit.incomplete"}
    assert any("exit code 7; it was given up" in finding.detail for finding in report.findings)


def test_master_key_stands_in_no_argument_and_no_environment_of_a_worker(folder: Path, tmp_path: Path) -> None:
    if not Path("/proc/self/environ").exists():
        pytest.skip("no /proc on this system")
    data = DataFolder(folder)
    tag, master = open_reading_keys(data.keys, find_passphrase(data.keys))
    setup = Setup(folder, load_config(data), 0, tmp_path / "work.sqlite", -1, master, tag)
    assert master.hex() not in repr(setup) and repr(master) not in repr(setup)
    with Pool(setup, 2) as workers:
        list(workers.ordered([Task("settings", (), "chain.sqlite")]))
        for process in workers.processes:
            said = Path(f"/proc/{process}/cmdline").read_bytes() + Path(f"/proc/{process}/environ").read_bytes()
            assert master not in said and master.hex().encode() not in said


# ------------------------------------------------------------------------------------------------ killed and resumed

KILLED = """
import os, signal, sys
from pathlib import Path
import ledger.services.audit.walk as walk
from ledger.services.audit import audit
walk.SAVE_SECONDS, walk.BLOCKS = 0, 4
def progress(done, total, what):
    if "blocks" in what and done >= 2 * walk.BLOCKS:
        os.kill(os.getpid(), signal.SIGKILL)
audit(Path(sys.argv[1]), keep=True, workers=1, progress=progress)
"""


def kill_midway(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert (folder / "audit-work" / "work.sqlite").exists()


def test_report_is_the_same_when_the_audit_was_killed_and_resumed(folder: Path, tmp_path: Path) -> None:
    whole = Path(shutil.copytree(folder, tmp_path / "whole"))
    for each in (folder, whole):
        tamper(each)
    kill_midway(folder)
    seen: list[int] = []
    resumed = audit(folder, resume=True, workers=1, progress=lambda done, total, what: seen.append(done))
    uninterrupted = audit(whole, workers=1)
    expected = json.loads(json.dumps(facts(uninterrupted)).replace(str(whole), str(folder)))
    found = facts(resumed)
    for report in (found, expected):
        report["findings"].sort(key=lambda each: (each["id"], each["where"], each["detail"]))
    assert found == expected
    assert min(n for n in seen if n) > 4, "the first blocks were walked again"
    assert not (folder / "audit-work" / "work.sqlite").exists()


def refused(folder: Path, **options: Any) -> str:
    report = audit(folder, workers=1, **options)
    assert report.by_kind["audit.base"] == 1 and not report.sound
    assert report.records == 0 and "blocks" not in report.coverage
    detail = next(finding.detail for finding in report.findings if finding.id == "audit.base")
    assert detail in report.statement["en"]
    return detail


def test_resume_is_refused_when_there_is_nothing_to_go_on_with(folder: Path) -> None:
    assert "no audit to go on with" in refused(folder, resume=True)


def test_resume_is_refused_when_the_work_file_is_another_programs(folder: Path) -> None:
    kill_midway(folder)
    change(folder / "audit-work", "work.sqlite", "UPDATE meta SET value = replace(value, '0.1.0', '9.9') "
           "WHERE name = 'identity'")  # fmt: skip
    assert "another program" in refused(folder, resume=True)


def test_resume_is_refused_when_the_chain_has_another_block_than_was_seen(folder: Path) -> None:
    kill_midway(folder)
    with closing(sqlite3.connect(folder / "chain.sqlite")) as db, db:
        header = decode_list(db.execute("SELECT header FROM block WHERE number = 3").fetchone()[0])
        header[12] = b"rewritten"
        db.execute("UPDATE block SET header = ? WHERE number = 3", (encode(header),))
    assert "another block 3 " in refused(folder, resume=True)


# ------------------------------------------------------------------------------------------------ incremental


@pytest.fixture
def grown(small: SmallLedger) -> Path:
    """A ledger that was audited, has a signed base, and has grown since."""
    small.register_lot()
    assert audit(small.data, passphrase=PASSPHRASE, keep=True).sound
    small.ledger.submit(small.event_wire())
    small.ledger.close()
    return small.data


def again(folder: Path, **options: Any) -> AuditReport:
    return audit(folder, passphrase=PASSPHRASE, incremental=True, workers=1, **options)


def test_incremental_audit_begins_after_the_base_and_covers_what_came_since(grown: Path) -> None:
    whole = audit(grown, passphrase=PASSPHRASE, workers=1)
    report = again(grown)
    assert report.sound and report.mode == "incremental"
    assert report.base is not None and report.first == report.base["height"] + 1 == report.head
    assert (report.coverage["signatures"], report.records) == (1, 1)
    for everything in ("storage slots", "outbox rows", "checkpoints", "state nodes", "read model tables"):
        assert report.coverage[everything] == whole.coverage[everything] > 0
    assert f"blocks 0 to {report.base['height']}" in report.statement["en"]
    following = again(grown)  # and that can be built on in turn
    assert following.sound and following.first == report.head + 1 and "signatures" not in following.coverage


@pytest.mark.parametrize(
    ("file", "statement", "kind"),
    [
        ("index.sqlite", "UPDATE records SET payload = '{}'", "index.row"),
        ("index.sqlite", "UPDATE lots SET state = 3", "index.row"),
        ("ledger.sqlite", "UPDATE chain_outbox SET tx_index = 5", "outbox.row"),
        ("chain.sqlite", "DELETE FROM log WHERE block = 2", "chain.index"),
        ("chain.sqlite", "INSERT INTO node VALUES (zeroblob(32), x'00')", "chain.node-altered"),
        ("chain.sqlite", "DELETE FROM node WHERE hash = (SELECT min(hash) FROM node)", "chain.node-missing"),
    ],
)
def test_incremental_audit_finds_changes_in_what_is_compared_in_full(
    grown: Path, file: str, statement: str, kind: str
) -> None:
    change(grown, file, statement)
    assert kind in again(grown).by_kind


def refused_base(folder: Path, **options: Any) -> str:
    return refused(folder, passphrase=PASSPHRASE, incremental=True, **options)


def test_base_is_refused_when_its_state_was_altered(grown: Path) -> None:
    change(grown / "audit-work", "base.sqlite", "UPDATE accepted SET verdict = 0")
    assert "signed digest" in refused_base(grown)


def test_base_is_refused_when_a_trigger_was_planted_in_it(grown: Path) -> None:
    with closing(sqlite3.connect(grown / "audit-work" / "base.sqlite")) as db, db:
        db.execute("CREATE TRIGGER planted AFTER INSERT ON erasure BEGIN DELETE FROM erasure; END")
    assert "signed digest" in refused_base(grown)


def test_base_is_refused_when_its_statement_was_altered(grown: Path) -> None:
    path = grown / "audit-work" / "base.json"
    path.write_text(path.read_text().replace("height: 3", "height: 2").replace("height: 2", "height: 1"))
    assert "signature does not verify" in refused_base(grown)


def test_base_is_refused_when_another_key_signed_it(grown: Path) -> None:
    stranger = FileSigner(PrivateKey.generate())
    assert "not an expected key" in refused_base(grown, signer=stranger)
    sign_base(grown, stranger)
    assert "not an expected key" in refused_base(grown)


def test_base_of_an_auditor_is_built_on_with_the_auditors_key_only(grown: Path) -> None:
    auditor = FileSigner(PrivateKey.generate())
    assert audit(grown, passphrase=PASSPHRASE, keep=True, signer=auditor).sound
    assert "not an expected key" in refused_base(grown)
    assert again(grown, signer=auditor).mode == "incremental"


def test_base_is_refused_when_its_block_is_not_in_the_chain(grown: Path) -> None:
    with closing(sqlite3.connect(grown / "chain.sqlite")) as db, db:
        number = (
            json.loads((grown / "audit-work" / "base.json").read_text())["text"].split("height: ")[1].split("\n")[0]
        )
        header = decode_list(db.execute("SELECT header FROM block WHERE number = ?", (number,)).fetchone()[0])
        header[12] = b"rewritten"
        raw = encode(header)
        db.execute("UPDATE block SET header = ?, hash = ? WHERE number = ?", (raw, keccak256(raw), number))
    assert "is not in the chain" in refused_base(grown)


def test_base_is_refused_when_there_is_none(folder: Path) -> None:
    assert "no audit to build on" in refused(folder, incremental=True)


def test_no_base_is_kept_when_something_was_found(folder: Path) -> None:
    change(folder, "index.sqlite", "DELETE FROM lots")
    assert not audit(folder, keep=True, workers=1).sound
    assert {each.name for each in (folder / "audit-work").iterdir()} == {"lock"}


def sign_base(folder: Path, signer: Any, edit: Callable[[sqlite3.Connection], None] = lambda db: None) -> None:
    """What a thief of the key can do: change the base's state and sign it again."""
    work = folder / "audit-work"
    scratch = Scratch(work / "base.sqlite")
    edit(scratch.db)
    digest = state_digest(scratch)
    scratch.commit()
    scratch.close()
    text = json.loads((work / "base.json").read_text())["text"]
    text = text[: text.index("state: ")] + f"state: sm3:{digest.hex()}\n"
    value = {"text": text, "keyId": f"sm3:{signer.public.key_id.hex()}", "signature": signer.sign(text.encode()).hex()}
    (work / "base.json").write_text(json.dumps(value))


def test_doctored_base_shows_at_the_head_even_when_it_is_signed(grown: Path) -> None:
    """The whole storage is compared with what base and later blocks give: a lie about the base is a difference."""
    signer = open_checkpoint_key(grown / "keys", PASSPHRASE)
    sign_base(grown, signer)
    assert again(grown).sound

    def edit(db: sqlite3.Connection) -> None:
        key, value = db.execute("SELECT key, value FROM state WHERE kind = 'lot'").fetchone()
        lot = json.loads(value)
        lot[4] += 1  # what is left of it
        db.execute("UPDATE state SET value = ? WHERE key = ?", (json.dumps(lot, separators=(",", ":")).encode(), key))

    sign_base(grown, signer, edit)
    report = again(grown)
    assert "state.value" in report.by_kind
    assert LOT.lot and any("quantity, remaining" in finding.where for finding in report.findings)
