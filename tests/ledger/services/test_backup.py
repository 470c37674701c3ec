"""A backup beside a writer is of one moment; restored, it is sound and lacks nothing that was acknowledged before."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import tarfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from replica_source import source_of

from ledger.crypto.sm2 import PrivateKey
from ledger.errors import (
    BadKey,
    Conflict,
    Malformed,
    NotFound,
    SealingSuspended,
    StorageUnavailable,
    VerificationFailed,
)
from ledger.proof.anchors import CheckpointKey, parse_anchors
from ledger.services.audit import audit
from ledger.services.backup import create as creating
from ledger.services.backup import restore as restoring
from ledger.services.backup.create import create_backup
from ledger.services.backup.marks import last_backup, sealing_suspended
from ledger.services.backup.restore import restore, verify_archive
from ledger.services.backup.snapshot import one_moment
from ledger.services.ledger import Ledger
from ledger.services.replica import start
from tests.small_ledger import PASSPHRASE, SmallLedger

DEADLINE = 60.0  # seconds until a thread of a test must have got somewhere


def back_up(small: SmallLedger, target: Path, **more: object) -> Path:
    create_backup(small.data, target, program="test", passphrase=PASSPHRASE, **more)  # type: ignore[arg-type]
    return target


@pytest.fixture
def archive(small: SmallLedger, tmp_path: Path) -> Path:
    small.register_lot()
    return back_up(small, tmp_path / "b.tar")


def test_nothing_acknowledged_before_is_lost_when_a_server_writes_meanwhile(small: SmallLedger, tmp_path: Path) -> None:
    small.register_lot()
    acknowledged: list[str] = []
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            acknowledged.append(small.ledger.submit(small.event_wire()).submission_id)

    def wait_for(count: int) -> None:
        end = time.monotonic() + DEADLINE
        while len(acknowledged) < count:
            assert time.monotonic() < end and writer.is_alive(), "the writer does not get on"
            time.sleep(0.005)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        promises = []
        for n in range(3):
            wait_for(3 * n + 2)
            promises.append((list(acknowledged), back_up(small, tmp_path / f"{n}.tar")))
        wait_for(len(acknowledged) + 2)
    finally:
        stop.set()
        writer.join(DEADLINE)
    for n, (before, made) in enumerate(promises):
        restored = restore(made, tmp_path / f"restored-{n}")
        assert restored.sealing_suspended
        with Ledger.open(restored.data, passphrase=PASSPHRASE) as ledger:
            for name in before:
                assert ledger.receipt(name).state == "sealed"
            assert ledger.index.lot("09521002000115", "GZ-FZX-0901").accumulator_total >= len(before)
        report = audit(restored.data, passphrase=PASSPHRASE)
        assert report.sound, [(f.where, f.detail) for f in report.findings]


def test_snapshots_are_of_one_moment_when_both_files_change_all_the_time(tmp_path: Path) -> None:
    """The writer puts each number into the first file, then into the second: a copy may never have it only there."""
    paths = [tmp_path / "second.sqlite", tmp_path / "first.sqlite"]
    for path in paths:
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, filler BLOB)")
    stop = threading.Event()

    def write() -> None:
        second, first = (sqlite3.connect(path, isolation_level=None, timeout=30) for path in paths)
        n = 0
        while not stop.is_set():
            n += 1
            first.execute("INSERT INTO t VALUES (?, zeroblob(3000))", (n,))
            second.execute("INSERT INTO t VALUES (?, zeroblob(3000))", (n,))
        first.close()
        second.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = 0
        for turn in range(12):
            with one_moment(paths, paths[1]) as moment:
                head = moment.scalar("second.sqlite", "SELECT max(n) FROM t") or 0
                for path in paths:
                    moment.copy(path.name, tmp_path / f"{turn}-{path.name}")
            counts = []
            for path in paths:
                copy = sqlite3.connect(tmp_path / f"{turn}-{path.name}")
                counts.append(copy.execute("SELECT count(*), coalesce(max(n), 0) FROM t").fetchone())
                copy.close()
            (held, last), (put, newest) = counts
            assert held == last == head and put == newest
            assert last <= newest <= last + 1  # at most the number that the writer had in hand
            seen = max(seen, newest)
        assert seen > 12
    finally:
        stop.set()
        writer.join(DEADLINE)


def test_signed_row_is_settled_by_its_receipt_when_the_moment_fell_between(small: SmallLedger, tmp_path: Path) -> None:
    small.register_lot()
    gateway = small.ledger.gateway
    real = gateway._settle
    try:
        gateway._settle = lambda *_: ([], 0)  # type: ignore[method-assign]  # sealed on the chain, not noted yet
        pending = small.ledger.submit(small.event_wire())
    finally:
        gateway._settle = real  # type: ignore[method-assign]
    assert pending.state == "pending"
    restored = restore(back_up(small, tmp_path / "b.tar"), tmp_path / "new")
    assert restored.stores is not None
    assert (restored.stores.settled, restored.stores.resent, restored.stores.queued) == (1, 0, 0)


def test_archive_is_private_signed_and_a_plain_tar_when_made(small: SmallLedger, archive: Path) -> None:
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        assert all(info.isreg() and info.mode == 0o600 for info in tar)
    assert names[:2] == ["manifest.json", "manifest.sig"]
    assert set(names[2:]) == {
        "config.json", "anchors.json", "keys/operator.json", "keys/checkpoint.pem", "chain.sqlite", "ledger.sqlite",
    }  # fmt: skip
    found = verify_archive(archive, parse_anchors(small.ledger.folder.anchors.read_bytes()))
    assert found.signed_by is not None and found.signed_by.anchored
    assert found.manifest.head is not None and found.manifest.head.number == small.ledger.gateway.height()
    assert abs((last_backup(small.data) or 0) - time.time()) < 600
    assert not list(archive.parent.glob(".*.partial"))


def test_no_secret_is_readable_when_a_demonstration_is_backed_up(small: SmallLedger, tmp_path: Path) -> None:
    (small.data / "keys" / "passphrase").write_text(PASSPHRASE)
    (small.data / "keys" / "plain.pem").write_text(PrivateKey.generate().public.spki_pem)
    (small.data / "keys" / "link.pem").symlink_to(small.data / "keys" / "checkpoint.pem")
    made = create_backup(small.data, tmp_path / "b.tar", program="test")
    assert made.left_out == ("keys/link.pem", "keys/passphrase", "keys/plain.pem")
    assert PASSPHRASE.encode() not in (tmp_path / "b.tar").read_bytes()


def test_archive_has_no_keys_when_they_are_not_wanted(small: SmallLedger, tmp_path: Path) -> None:
    found = verify_archive(back_up(small, tmp_path / "b.tar", with_keys=False))
    assert not found.manifest.keys and found.signed_by is not None
    assert not [file for file in found.manifest.files if file.name.startswith("keys/")]
    assert not (restore(tmp_path / "b.tar", tmp_path / "new").data / "keys").exists()


def test_archive_is_unsigned_when_no_passphrase_is_there(small: SmallLedger, tmp_path: Path) -> None:
    anchors = parse_anchors(small.ledger.folder.anchors.read_bytes())
    made = create_backup(small.data, tmp_path / "b.tar", program="test")
    assert made.signed_by is None and verify_archive(tmp_path / "b.tar").signed_by is None
    with pytest.raises(VerificationFailed, match="nobody signed"):
        verify_archive(tmp_path / "b.tar", anchors)


def test_backup_is_refused_when_the_passphrase_is_wrong(small: SmallLedger, tmp_path: Path) -> None:
    with pytest.raises(BadKey):
        create_backup(small.data, tmp_path / "b.tar", program="test", passphrase="not the passphrase")
    assert not (tmp_path / "b.tar").exists()


def test_backup_is_refused_when_there_is_no_ledger_or_the_target_exists(small: SmallLedger, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        create_backup(tmp_path / "nothing", tmp_path / "b.tar", program="test")
    (tmp_path / "b.tar").write_text("precious")
    with pytest.raises(Conflict):
        back_up(small, tmp_path / "b.tar")
    assert (tmp_path / "b.tar").read_text() == "precious"


def test_backup_asks_for_pg_dump_when_the_store_is_in_postgresql(small: SmallLedger, tmp_path: Path) -> None:
    path = small.data / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"database_url": "postgresql+psycopg://nowhere.invalid/x"}))
    with pytest.raises(Malformed, match="pg_dump"):
        back_up(small, tmp_path / "b.tar")
    made = verify_archive(back_up(small, tmp_path / "b.tar", with_database=False))
    assert not made.manifest.database and "ledger.sqlite" not in [file.name for file in made.manifest.files]
    restored = restore(tmp_path / "b.tar", tmp_path / "new")
    assert restored.stores is None and restored.sealing_suspended


def test_backup_is_refused_when_a_store_is_damaged(small: SmallLedger, tmp_path: Path) -> None:
    small.ledger.close()
    path = small.data / "ledger.sqlite"
    data = bytearray(path.read_bytes())
    data[4096:8192] = bytes(4096)
    path.write_bytes(data)
    with pytest.raises(StorageUnavailable):
        back_up(small, tmp_path / "b.tar")
    assert not (tmp_path / "b.tar").exists() and last_backup(small.data) is None


@pytest.mark.parametrize("name", ["chain.sqlite", "ledger.sqlite"])
def test_backup_is_refused_when_a_store_is_missing(small: SmallLedger, tmp_path: Path, name: str) -> None:
    small.ledger.close()
    (small.data / name).unlink()
    with pytest.raises(StorageUnavailable, match="missing"):
        back_up(small, tmp_path / "b.tar")


def test_nothing_is_left_when_the_disk_is_full(
    small: SmallLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(creating, "SLACK", 1 << 60)
    with pytest.raises(StorageUnavailable, match="MiB"):
        back_up(small, tmp_path / "b.tar")
    monkeypatch.undo()
    archive = back_up(small, tmp_path / "b.tar")
    monkeypatch.setattr(restoring, "SLACK", 1 << 60)
    with pytest.raises(StorageUnavailable, match="no room"):
        restore(archive, tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "data"]


def test_error_says_the_disk_is_full_when_writing_fails(
    small: SmallLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(creating.os, "fsync", full)
    with pytest.raises(StorageUnavailable, match="No space") as caught:
        back_up(small, tmp_path / "b.tar")
    assert "free disk space" in caught.value.hint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


# ---------------------------------------------------------------------------------------------------- restoring


def test_restored_ledger_reads_and_refuses_to_seal(small: SmallLedger, archive: Path, tmp_path: Path) -> None:
    small.ledger.close()
    restored = restore(archive, tmp_path / "new")
    assert stat.S_IMODE(restored.data.stat().st_mode) == 0o700
    assert all(not stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (restored.data / "keys").rglob("*.json"))
    assert sealing_suspended(restored.data) and not sealing_suspended(small.data)
    with Ledger.open(restored.data, passphrase=PASSPHRASE) as ledger:
        head = ledger.gateway.height()
        assert ledger.lot("09521002000115", "GZ-FZX-0901").summary.lot == "GZ-FZX-0901"
        assert ledger.operations().sealing_suspended
        with pytest.raises(SealingSuspended):
            ledger.submit(SmallLedger(restored.data, ledger, small.keys).event_wire())
        assert ledger.gateway.height() == head and ledger.gateway.outbox_depth() == 0


def test_restored_ledger_does_not_send_what_was_queued_when_it_opens(small: SmallLedger, tmp_path: Path) -> None:
    small.register_lot()
    real = small.ledger.gateway.seal_pending
    small.ledger.gateway.seal_pending = list  # type: ignore[method-assign]
    small.ledger.submit(small.event_wire())
    small.ledger.gateway.seal_pending = real  # type: ignore[method-assign]
    restored = restore(back_up(small, tmp_path / "b.tar"), tmp_path / "new")
    assert restored.stores is not None and restored.stores.queued == 1
    with Ledger.open(restored.data, passphrase=PASSPHRASE) as ledger:
        assert ledger.gateway.outbox_depth() == 1
        assert ledger.gateway.height() == small.ledger.gateway.height()


def test_restoring_is_refused_when_the_target_holds_anything(archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "new"
    target.mkdir()
    (target / "file").write_text("precious")
    with pytest.raises(Conflict):
        restore(archive, target)
    assert (target / "file").read_text() == "precious"
    with pytest.raises(Conflict):
        restore(archive, target / "file")
    with pytest.raises(NotFound):
        restore(tmp_path / "no.tar", tmp_path / "other")
    with pytest.raises(NotFound):
        restore(archive, tmp_path / "no" / "such" / "folder")


def test_empty_folder_is_filled_when_it_is_the_target(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    assert (restore(archive, tmp_path / "new").data / "config.json").exists()


def test_leftovers_of_a_killed_process_are_cleared_when_restoring_again(archive: Path, tmp_path: Path) -> None:
    left = tmp_path / ".new.partial" / "keys"
    left.mkdir(parents=True)
    (left / "half").write_text("x")
    restored = restore(archive, tmp_path / "new")
    assert not (tmp_path / ".new.partial").exists() and not (restored.data / "keys" / "half").exists()


def test_other_anchors_refuse_when_the_archive_was_exchanged(small: SmallLedger, archive: Path, tmp_path: Path) -> None:
    own = parse_anchors(small.ledger.folder.anchors.read_bytes())
    stranger = PrivateKey.generate().public
    keys = {stranger.key_id: CheckpointKey(stranger.key_id, stranger, "somebody else")}
    changes: list[dict[str, object]] = [{"checkpoint_keys": keys}, {"genesis": bytes(32)}, {"chain_id": 1}]
    for change in changes:
        anchors = SimpleNamespace(
            **{"checkpoint_keys": own.checkpoint_keys, "genesis": own.genesis, "chain_id": own.chain_id} | change
        )
        with pytest.raises(VerificationFailed):
            verify_archive(archive, anchors)
        with pytest.raises(VerificationFailed):
            restore(archive, tmp_path / "new", anchors=anchors)
    assert not (tmp_path / "new").exists()


def test_replica_folder_is_backed_up_and_goes_on_when_restored(small: SmallLedger, tmp_path: Path) -> None:
    small.register_lot()
    with source_of(small.ledger) as source:
        opened, _ = start(tmp_path / "replica", source=source.url, anchors=small.data / "anchors.json")
        with opened:
            opened.poll()
            made = create_backup(tmp_path / "replica", tmp_path / "r.tar", program="test")
        assert made.manifest.role == "replica" and made.signed_by is None and not made.manifest.keys
        small.ledger.submit(small.event_wire())
        restored = restore(tmp_path / "r.tar", tmp_path / "back")
        assert not restored.sealing_suspended and restored.stores is None
        opened, _ = start(tmp_path / "back", source=source.url, anchors=small.data / "anchors.json")
        with opened:
            status = opened.poll()
        assert status.refusal is None and status.height == small.ledger.gateway.height()
