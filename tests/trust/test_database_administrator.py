"""Who can write to every database file but holds no key: rows changed places, times moved, old copies put back.

Changed, added and removed rows of every table are tests/ledger/services/test_audit.py; here is what leaves each value
in itself right.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from replica_source import source_of

from ledger.errors import OriginSealError
from ledger.services.audit import audit
from ledger.services.ledger import Ledger
from ledger.services.replica import start
from tests.small_ledger import PASSPHRASE, SmallLedger, found_small

FILES = ("chain.sqlite", "ledger.sqlite", "index.sqlite")


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> SmallLedger:
    small = found_small(tmp_path_factory.mktemp("administered") / "data")
    small.register_lot()
    for _ in range(2):
        small.ledger.submit(small.event_wire())
    small.ledger.close()
    return small


@pytest.fixture
def folder(master: SmallLedger, tmp_path: Path) -> Path:
    return Path(shutil.copytree(master.data, tmp_path / "data"))


def run(folder: Path, name: str, *statements: str) -> None:
    db = sqlite3.connect(folder / name)
    try:
        for statement in statements:
            assert db.execute(statement).rowcount != 0, statement
        db.commit()
    finally:
        db.close()


SWAPS = {  # two rows' contents exchanged: every value in the file was there before
    "blocks": (
        "chain.sqlite",
        (
            "UPDATE block SET number = -1 WHERE number = 4",
            "UPDATE block SET number = 4 WHERE number = 5",
            "UPDATE block SET number = 5 WHERE number = -1",
        ),
        "chain.block-link",
    ),
    "records": (
        "ledger.sqlite",
        (
            "UPDATE records SET seq = -1 WHERE seq = 3",
            "UPDATE records SET seq = 3 WHERE seq = 4",
            "UPDATE records SET seq = 4 WHERE seq = -1",
        ),
        "payload.record",
    ),
    "events of a lot": (
        "index.sqlite",
        (
            "UPDATE lot_records SET sequence = -1 WHERE sequence = 1",
            "UPDATE lot_records SET sequence = 1 WHERE sequence = 2",
            "UPDATE lot_records SET sequence = 2 WHERE sequence = -1",
        ),
        "index.row",
    ),
}
TIMES = {
    "outbox": (
        "ledger.sqlite",
        ("UPDATE chain_outbox SET block_time = block_time - 86400 WHERE id = 3",),
        "outbox.row",
    ),
    "received": ("ledger.sqlite", ("UPDATE submissions SET received_at = received_at - 86400",), "payload.row"),
    "read model": ("index.sqlite", ("UPDATE submissions SET sealed_at = sealed_at - 86400",), "index.row"),
}
CLONES = {
    "a record under another submission": (
        "ledger.sqlite",
        (
            "INSERT INTO records SELECT seq - 1, idx + 1, digest, kind, author, lots, wrapped_key, body, evidence_idx, "
            "erased_at, erased_by, seal FROM records WHERE seq = 4",
        ),
        "payload.record-missing",
    ),
    "a lot in the read model": (
        "index.sqlite",
        ("INSERT INTO lot_records SELECT lot, sequence + 100, submission, idx FROM lot_records LIMIT 1",),
        "index.row",
    ),
}


@pytest.mark.parametrize(("name", "change"), [*SWAPS.items(), *TIMES.items(), *CLONES.items()])
def test_audit_notices_when_rows_change_places_times_or_owners(
    folder: Path, name: str, change: tuple[str, tuple[str, ...], str]
) -> None:
    file, statements, kind = change
    run(folder, file, *statements)
    report = audit(folder, passphrase=PASSPHRASE)
    assert kind in report.by_kind, f"{name}: {dict(report.by_kind)}"


def test_untouched_folder_is_sound(folder: Path) -> None:
    assert audit(folder, passphrase=PASSPHRASE).sound


def old_copy(small: SmallLedger, folder: Path, tmp_path: Path) -> Path:
    """A copy of the folder, after which the ledger went on by two events."""
    copy = Path(shutil.copytree(folder, tmp_path / "old"))
    with Ledger.open(folder, passphrase=PASSPHRASE) as ledger:
        again = SmallLedger(folder, ledger, small.keys)
        for _ in range(2):
            ledger.submit(again.event_wire())
    return copy


def put_back(old: Path, folder: Path, *names: str) -> None:
    for name in names:
        for suffix in ("", "-wal", "-shm"):
            (folder / f"{name}{suffix}").unlink(missing_ok=True)
            if (old / f"{name}{suffix}").exists():
                shutil.copy(old / f"{name}{suffix}", folder / f"{name}{suffix}")


def test_audit_notices_when_only_the_chain_is_an_old_copy(master: SmallLedger, folder: Path, tmp_path: Path) -> None:
    old = old_copy(master, folder, tmp_path)
    put_back(old, folder, "chain.sqlite")
    kinds = audit(folder, passphrase=PASSPHRASE).by_kind
    assert {"checkpoint.chain", "outbox.row"} & set(kinds), dict(kinds)


@pytest.fixture
def following(master: SmallLedger, folder: Path, tmp_path: Path) -> Iterator[Path]:
    """A replica's folder that has followed the ledger to its newest block; beside it the old copy."""
    old_copy(master, folder, tmp_path)
    with (
        Ledger.open(folder, passphrase=PASSPHRASE) as ledger,
        source_of(ledger) as source,
        start(tmp_path / "replica", source=source.url, anchors=folder / "anchors.json")[0] as replica,
    ):
        assert replica.poll().state == "following"
    yield tmp_path / "replica"


def test_replica_notices_when_every_file_is_an_old_copy(
    master: SmallLedger, folder: Path, tmp_path: Path, following: Path
) -> None:
    """All files agree with each other, so no look at the folder can tell; who followed before can."""
    put_back(tmp_path / "old", folder, *FILES)
    assert audit(folder, passphrase=PASSPHRASE).sound
    with Ledger.open(folder, passphrase=PASSPHRASE) as ledger, source_of(ledger) as source:
        with start(following, source=source.url)[0] as replica:
            assert replica.poll().state == "withholding", "less than it signed before"
        again = SmallLedger(folder, ledger, master.keys)
        ledger.submit(again.event_wire())  # sealing goes on: a second history of a height that was promised
        with start(following, source=source.url)[0] as replica:
            status = replica.poll()
    assert status.state == "refused" and status.refusal is not None
    assert status.refusal.kind in ("rewritten-history", "two-promises", "contradicting-checkpoint"), status.refusal.kind


def test_server_does_not_start_when_the_newest_blocks_were_edited(folder: Path) -> None:
    run(folder, "chain.sqlite", "UPDATE block SET body = receipts WHERE number = (SELECT max(number) FROM block)")
    with pytest.raises(OriginSealError):
        Ledger.open(folder, passphrase=PASSPHRASE)
