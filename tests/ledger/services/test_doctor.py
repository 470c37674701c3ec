"""Damaged folders, each with the right diagnosis and the next step; never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from replica_source import source_of

from ledger.crypto.sm2 import PrivateKey
from ledger.services import doctor
from ledger.services.audit import audit
from ledger.services.backup.create import create_backup
from ledger.services.backup.restore import restore
from ledger.services.config import write_json
from ledger.services.doctor import environment, examine, files, render_text
from ledger.services.doctor.words import CHECKS
from ledger.services.ledger import Ledger
from ledger.services.operator_keys import OperatorKeys
from ledger.services.replica import start
from tests.small_ledger import PASSPHRASE, SmallLedger, found_small

SOUND = {"ok", "skipped"}
# not of the folder: what the machine of the tests is like
MACHINE = {"python", "openssl", "sqlite", "packages", "open-files", "disk", "port"}


@pytest.fixture(autouse=True, scope="module")
def opened_once() -> Iterator[None]:
    """Deriving keys is slow on purpose: the same files under the same passphrase are opened once."""
    real, opened = files.open_operator_keys, {}

    def remembered(keys: Path, passphrase: str) -> OperatorKeys:
        paths = [keys / "operator.json", keys / "checkpoint.pem"]
        state = (passphrase, *((path.read_bytes(), path.stat().st_mode) for path in paths if path.exists()))
        if state not in opened:
            opened[state] = real(keys, passphrase)
        return opened[state]

    files.open_operator_keys = remembered
    yield
    files.open_operator_keys = real


@pytest.fixture
def folder(small_master: SmallLedger, tmp_path: Path) -> Path:
    """A whole ledger that nobody has open, audited and backed up."""
    data = Path(shutil.copytree(small_master.data, tmp_path / "data"))
    report = {"startedAt": int(time.time()), "head": 2, "result": "sound", "findingsByKind": {}}
    write_json(data / "audit.json", report)
    create_backup(data, tmp_path / "b.tar", program="test", passphrase=PASSPHRASE)
    return data


def statuses(data: Path, passphrase: str | None = PASSPHRASE, **more: object) -> dict[str, str]:
    diagnosis = examine(data, passphrase=passphrase, **more)  # type: ignore[arg-type]
    json.dumps(diagnosis.to_json())
    text = render_text(diagnosis)
    for answer in diagnosis.answers:
        assert "Traceback" not in answer.found
        if answer.status in ("failed", "warning"):
            assert CHECKS[answer.check].next_en in text and CHECKS[answer.check].next_zh in text
    return {answer.check: answer.status for answer in diagnosis.answers}


def found(data: Path, check: str) -> str:
    return next(a.found for a in examine(data, passphrase=PASSPHRASE).answers if a.check == check)


def failing(data: Path) -> set[str]:
    return {name for name, status in statuses(data).items() if status == "failed"} - MACHINE


def change(path: Path, statement: str, *arguments: object) -> None:
    db = sqlite3.connect(path)
    with db:
        assert db.execute(statement, arguments).rowcount, "nothing was changed"
    db.close()


def edit(path: Path, change: Callable[[dict], object]) -> None:  # type: ignore[type-arg]
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


# ------------------------------------------------------------------------------------------------------ whole ones


def test_everything_is_well_when_nothing_is_wrong(folder: Path) -> None:
    answers = statuses(folder)
    assert {name: status for name, status in answers.items() if status not in SOUND and name not in MACHINE} == {}
    assert set(answers) == set(CHECKS)
    assert all(answers[name] == "ok" for name in ("python", "openssl", "sqlite", "chain", "contracts", "store", "keys"))


def test_everything_is_well_beside_a_running_server(folder: Path) -> None:
    with Ledger.open(folder, passphrase=PASSPHRASE):
        assert failing(folder) == set()
        assert "has the ledger open" in found(folder, "writer")
    assert found(folder, "writer") == "nobody"


def test_nothing_is_changed_when_a_folder_is_examined(folder: Path) -> None:
    def state() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and "-" not in path.name}

    before = state()
    examine(folder, passphrase=PASSPHRASE)
    assert state() == before


def test_keys_are_not_tried_when_no_passphrase_is_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORIGINSEAL_PASSPHRASE", raising=False)
    answers = statuses(folder, passphrase=None)
    assert (answers["keys"], answers["checkpoint-key"], answers["store"]) == ("warning", "skipped", "warning")
    assert not examine(folder).failed


def test_replica_is_examined_as_one(small: SmallLedger, tmp_path: Path) -> None:
    small.register_lot()
    with source_of(small.ledger) as source:
        opened, _ = start(tmp_path / "replica", source=source.url, anchors=small.data / "anchors.json")
        with opened:
            opened.poll()
    answers = statuses(tmp_path / "replica")
    assert {name for name, status in answers.items() if status == "failed"} - MACHINE == set()
    assert (answers["replica"], answers["chain"], answers["store"], answers["keys"]) == (
        "ok",
        "ok",
        "skipped",
        "skipped",
    )
    refusal = {"kind": "other-chain", "height": 3, "detail": "x", "time": 1, "evidence": "e.json"}
    change(tmp_path / "replica" / "replica.sqlite", "INSERT INTO meta VALUES ('refusal', ?)", json.dumps(refusal))
    assert failing(tmp_path / "replica") == {"replica"}
    (tmp_path / "replica" / "replica.sqlite").write_bytes(b"x" * 5000)
    assert failing(tmp_path / "replica") == {"replica"}


# ---------------------------------------------------------------------------------------------------- damaged ones


def test_folder_is_named_when_it_is_not_there(tmp_path: Path) -> None:
    assert failing(tmp_path / "nothing") == {"folder"}
    (tmp_path / "file").write_text("x")
    assert failing(tmp_path / "file") == {"folder"}


def test_configuration_is_named_when_the_folder_is_empty(tmp_path: Path) -> None:
    assert {"config", "anchors", "keys"} <= failing(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not JSON"), ("[]", "format"), ("[" * 200_000, "nested"), ("{}", "format"), ("\udcff", "not JSON"),
        ('{"format": "originseal-config/v1", "king": 1}', "unknown"),
        ('{"format": "originseal-config/v1", "role": "king"}', "role"),
        ('{"format": "originseal-config/v1", "engine": {"type": "steam"}}', "engine"),
        ('{"format": "originseal-config/v1", "engine": []}', "engine"),
        ('{"format": "originseal-config/v1", "deployment": {"contracts": 3}}', "deployment"),
    ],
)  # fmt: skip
def test_configuration_is_named_when_it_is_damaged(folder: Path, content: str, said: str) -> None:
    (folder / "config.json").write_text(content, errors="surrogateescape")
    assert "config" in failing(folder)
    assert said in found(folder, "config")


def test_anchors_are_named_when_they_are_of_another_ledger(folder: Path) -> None:
    edit(folder / "anchors.json", lambda anchors: anchors.update(genesis="0x" + "11" * 32))
    assert failing(folder) == {"anchors"}
    (folder / "anchors.json").write_text("[" * 200_000)
    assert failing(folder) == {"anchors"}
    (folder / "anchors.json").unlink()
    assert failing(folder) == {"anchors"}


def test_checkpoint_key_is_named_when_it_is_not_anchored(folder: Path) -> None:
    stranger = PrivateKey.generate().public

    def other(anchors: dict) -> None:  # type: ignore[type-arg]
        anchors["checkpointKeys"][0] |= {"keyId": f"sm3:{stranger.key_id.hex()}", "publicKey": stranger.point.hex()}

    edit(folder / "anchors.json", other)
    assert failing(folder) == {"checkpoint-key"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_permissions_are_named_when_others_can_read_a_key(folder: Path, mode: int) -> None:
    (folder / "keys" / "operator.json").chmod(mode)
    assert {"permissions", "keys"} <= failing(folder)
    assert "operator.json" in found(folder, "permissions")


def test_permissions_are_named_when_others_can_write_or_a_link_is_there(folder: Path) -> None:
    (folder / "config.json").chmod(0o646)
    assert failing(folder) == {"permissions"}
    (folder / "config.json").chmod(0o644)
    (folder / "more").symlink_to("/etc")
    assert failing(folder) == {"permissions"}


def test_keys_are_named_when_they_do_not_open(folder: Path) -> None:
    assert statuses(folder, "not the passphrase")["keys"] == "failed"
    (folder / "keys" / "operator.json").write_text("[" * 200_000)
    (folder / "keys" / "operator.json").chmod(0o600)
    assert "keys" in failing(folder)
    (folder / "keys" / "operator.json").unlink()
    assert "keys" in failing(folder)


def test_chain_is_named_when_its_file_is_gone(folder: Path) -> None:
    (folder / "chain.sqlite").unlink()
    assert failing(folder) == {"chain", "engine"}
    assert "missing" in found(folder, "chain")


@pytest.mark.parametrize("content", [b"", b"x" * 9000, b"SQLite format 3\0" + b"\xff" * 9000])
def test_chain_is_named_when_its_file_is_no_chain(folder: Path, content: bytes) -> None:
    (folder / "chain.sqlite").write_bytes(content)
    assert {"chain", "engine"} <= failing(folder)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE block SET header = x'c0' WHERE number = 2",
        "UPDATE block SET body = x'80' WHERE number = 2",
        "UPDATE block SET receipts = x'ff' WHERE number = 2",
        "UPDATE block SET hash = zeroblob(32) WHERE number = 2",
        "UPDATE block SET number = 9 WHERE number = 2",
        "UPDATE meta SET value = '{' WHERE name = 'genesis'",
        "UPDATE meta SET value = 'another' WHERE name = 'format'",
        "UPDATE node SET value = x'00'",
        "DELETE FROM node",
        "DELETE FROM block WHERE number = 1",
    ],
)
def test_chain_is_named_when_its_newest_blocks_are_altered(folder: Path, statement: str) -> None:
    change(folder / "chain.sqlite", statement)
    assert failing(folder) & {"chain", "contracts"}


def test_engine_is_named_when_the_node_does_not_answer(folder: Path) -> None:
    edit(
        folder / "config.json", lambda config: config.update(engine={"type": "jsonrpc", "urls": ["http://127.0.0.1:9"]})
    )
    answers = statuses(folder)
    assert (answers["chain"], answers["engine"], answers["contracts"]) == ("skipped", "failed", "skipped")
    assert "127.0.0.1:9" in found(folder, "engine")


def test_chain_is_named_when_it_is_another_one(folder: Path, tmp_path: Path) -> None:
    other = found_small(tmp_path / "other")
    other.ledger.close()
    shutil.copy(other.data / "chain.sqlite", folder / "chain.sqlite")
    assert "contracts" in failing(folder)


def test_outbox_is_named_when_the_chain_was_exchanged_for_an_older_one(small: SmallLedger, tmp_path: Path) -> None:
    create_backup(small.data, tmp_path / "b.tar", program="test", passphrase=PASSPHRASE)
    small.register_lot()
    small.ledger.close()
    old = restore(tmp_path / "b.tar", tmp_path / "old").data
    shutil.copy(old / "chain.sqlite", small.data / "chain.sqlite")
    assert "outbox-chain" in failing(small.data)
    assert failing(old) == {"restored"}


@pytest.mark.parametrize("content", [b"", b"x" * 9000, b"SQLite format 3\0" + b"\xff" * 9000, None])
def test_store_is_named_when_it_cannot_be_read(folder: Path, content: bytes | None) -> None:
    path = folder / "ledger.sqlite"
    path.unlink() if content is None else path.write_bytes(content)
    assert "store" in failing(folder)


def test_store_is_named_when_a_page_is_damaged(folder: Path) -> None:
    path = folder / "ledger.sqlite"
    data = bytearray(path.read_bytes())
    data[8192:12288] = os.urandom(4096)
    path.write_bytes(data)
    assert failing(folder)


def test_store_is_named_when_its_keys_are_another_ledgers(folder: Path, tmp_path: Path) -> None:
    other = found_small(tmp_path / "other")
    other.ledger.close()
    shutil.rmtree(folder / "keys")
    shutil.copytree(other.data / "keys", folder / "keys")
    assert {"checkpoint-key", "store"} <= failing(folder)


def test_outbox_is_named_when_a_submission_is_stuck(small: SmallLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    small.register_lot()
    monkeypatch.setattr(small.ledger.gateway, "seal_pending", list)
    small.ledger.submit(small.event_wire())
    small.ledger.close()
    assert statuses(small.data)["outbox"] == "warning"
    assert statuses(small.data, clock=lambda: time.time() + 4000)["outbox"] == "failed"


def test_index_is_named_when_it_is_gone_damaged_or_ahead(folder: Path) -> None:
    (folder / "index.sqlite").write_bytes(b"x" * 9000)
    assert failing(folder) == {"index"}
    (folder / "index.sqlite").unlink()
    assert statuses(folder)["index"] == "warning"


def test_clock_is_named_when_the_head_is_in_the_future(folder: Path) -> None:
    assert statuses(folder, clock=lambda: time.time() - 100_000)["clock"] == "failed"


def test_audit_and_backup_are_named_when_they_are_old_or_bad(folder: Path) -> None:
    late = statuses(folder, clock=lambda: time.time() + 30 * 86400)
    assert (late["audit"], late["backup"]) == ("warning", "warning")
    edit(folder / "audit.json", lambda report: report.update(result="findings", findingsByKind={"outbox.row": 2}))
    assert failing(folder) == {"audit"}
    assert "2 error" in found(folder, "audit")
    (folder / "audit.json").write_text("[" * 200_000)
    (folder / "backup.json").write_text("{")
    answers = statuses(folder)
    assert (answers["audit"], answers["backup"]) == ("warning", "warning")
    assert "cannot be read" in found(folder, "audit") and "cannot be read" in found(folder, "backup")


def test_machine_is_named_when_something_of_it_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "MIN_PYTHON", (9, 0))
    monkeypatch.setattr(environment, "MIN_SQLITE", (9, 0, 0))
    monkeypatch.setattr(environment, "MIN_OPEN_FILES", 1 << 62)
    monkeypatch.setattr(environment, "SM3_ABC", "00" * 32)
    monkeypatch.setattr(files, "NO_SPACE", 1 << 62)
    monkeypatch.setattr(environment.metadata, "version", lambda name: "0")
    answers = statuses(folder)
    assert [answers[name] for name in ("python", "openssl", "sqlite", "disk")] == ["failed"] * 4
    assert [answers[name] for name in ("packages", "open-files")] == ["warning"] * 2


def test_port_is_named_when_somebody_holds_it(folder: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        assert statuses(folder, port=holder.getsockname()[1])["port"] == "warning"


def test_every_damage_gets_an_answer_when_files_are_filled_with_noise(folder: Path, tmp_path: Path) -> None:
    """Whatever is in the files: a diagnosis, and something in it that fails."""
    names = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    for name in names:
        if name.name in ("audit.json", "backup.json") or name.name.endswith((".lock", "-shm", "-wal")):
            continue
        broken = Path(shutil.copytree(folder, tmp_path / "broken"))
        size = (broken / name).stat().st_size
        (broken / name).write_bytes(os.urandom(size))
        (broken / name).chmod(0o600)
        assert failing(broken), name
        shutil.rmtree(broken)


def test_a_fault_of_ours_is_an_answer_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> tuple[str, str]:
        raise ZeroDivisionError("made for a test")

    questions = tuple((name, broken if name == "disk" else ask) for name, ask in doctor._QUESTIONS)
    monkeypatch.setattr(doctor, "_QUESTIONS", questions)
    assert statuses(folder)["disk"] == "failed"
    assert "ZeroDivisionError" in found(folder, "disk")


def test_audit_of_the_examined_folder_is_sound(folder: Path) -> None:
    examine(folder, passphrase=PASSPHRASE)
    assert audit(folder, passphrase=PASSPHRASE).sound
