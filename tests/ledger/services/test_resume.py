"""A restored operator seals again only on the history that the outside holds; otherwise it stays suspended."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from replica_source import Source, source_of

from ledger.crypto.keyfile import FileSigner
from ledger.crypto.sm2 import PrivateKey
from ledger.errors import (
    Conflict,
    Malformed,
    NotFound,
    OriginSealError,
    SealingSuspended,
    StorageUnavailable,
    Unavailable,
    Untrusted,
    VerificationFailed,
)
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint, sign
from ledger.proof.note import Note
from ledger.services.audit import audit
from ledger.services.backup import resume as resuming
from ledger.services.backup.create import create_backup
from ledger.services.backup.marks import RESTORED_MARK, require_sealing, restored_mark, sealing_suspended
from ledger.services.backup.restore import restore
from ledger.services.backup.resume import resume_sealing
from ledger.services.ledger import Ledger
from tests.small_ledger import PASSPHRASE, SmallLedger

LATER = 3  # blocks that the operator sealed after its backup


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """One try: a source that is down in a test stays down."""
    monkeypatch.setattr(resuming, "Source", lambda url: resuming_source(url, tries=1))


resuming_source = resuming.Source


@pytest.fixture(scope="module")
def operator(small_master: SmallLedger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallLedger]:
    """The operator that went on after its backup; shared, so nobody changes it."""
    base = tmp_path_factory.mktemp("operator")
    data = Path(shutil.copytree(small_master.data, base / "data"))
    with Ledger.open(data, passphrase=PASSPHRASE) as ledger:
        made = SmallLedger(data, ledger, dict(small_master.keys))
        made.register_lot()
        create_backup(data, base / "b.tar", program="test", passphrase=PASSPHRASE)
        for _ in range(LATER):
            ledger.submit(made.event_wire())
        restore(base / "b.tar", base / "restored")
        yield made


@pytest.fixture
def old(operator: SmallLedger, tmp_path: Path) -> Path:
    """A restored folder of the moment before the operator sealed LATER more blocks."""
    return Path(shutil.copytree(operator.data.parent / "restored", tmp_path / "restored"))


@pytest.fixture
def source(operator: SmallLedger) -> Iterator[Source]:
    """What the outside holds: all that the operator sealed."""
    with source_of(operator.ledger) as made:
        yield made


def stays_suspended(old: Path, source: str, kind: type[OriginSealError]) -> OriginSealError:
    with pytest.raises(kind) as caught:
        resume_sealing(old, source)
    assert sealing_suspended(old)
    with pytest.raises(SealingSuspended):  # what the ledger asks before it takes anything
        require_sealing(old)
    return caught.value


def sealed_by(old: Path, small: SmallLedger) -> int:
    """The block of one more submission through the restored folder."""
    with Ledger.open(old, passphrase=PASSPHRASE) as ledger:
        receipt = ledger.submit(SmallLedger(old, ledger, small.keys).event_wire())
        assert receipt.sealed is not None
        return receipt.sealed.block


def test_missing_blocks_are_fetched_when_the_source_is_ahead(operator: SmallLedger, old: Path, source: Source) -> None:
    head = operator.ledger.gateway.height()
    resumed = resume_sealing(old, source.url)
    assert (resumed.head, resumed.fetched) == (head, LATER)
    assert resumed.outside is not None and resumed.outside.height == head
    assert not sealing_suspended(old)
    mark = restored_mark(old)
    assert mark is not None and mark.confirmed_by == source.url and mark.head == head - LATER
    assert sealed_by(old, operator) == head + 1
    with Ledger.open(old, passphrase=PASSPHRASE) as ledger:
        for height in range(head + 1):
            assert ledger.gateway.block(height).hash == operator.ledger.gateway.block(height).hash
    kinds = {finding.id for finding in audit(old, passphrase=PASSPHRASE).findings}
    assert kinds == {"payload.submission-missing"}  # replicas have no payloads: said, not hidden


def test_sealing_goes_on_when_the_source_holds_exactly_this_history(small: SmallLedger, tmp_path: Path) -> None:
    small.register_lot()
    create_backup(small.data, tmp_path / "b.tar", program="test", passphrase=PASSPHRASE)
    old = restore(tmp_path / "b.tar", tmp_path / "restored").data
    with source_of(small.ledger) as source:
        resumed = resume_sealing(old, source.url)
        assert resumed.fetched == 0
    assert sealed_by(old, small) == resumed.head + 1
    assert audit(old, passphrase=PASSPHRASE).sound


def test_queued_submission_is_sealed_once_when_sealing_goes_on(small: SmallLedger, tmp_path: Path) -> None:
    small.register_lot()
    real = small.ledger.gateway.seal_pending
    small.ledger.gateway.seal_pending = list  # type: ignore[method-assign]
    pending = small.ledger.submit(small.event_wire())
    create_backup(small.data, tmp_path / "b.tar", program="test", passphrase=PASSPHRASE)
    small.ledger.gateway.seal_pending = real  # type: ignore[method-assign]
    small.ledger._seal()  # sealed by the old server after the backup
    old = restore(tmp_path / "b.tar", tmp_path / "restored").data
    with source_of(small.ledger) as source:
        resume_sealing(old, source.url)
    with Ledger.open(old, passphrase=PASSPHRASE) as ledger:
        assert ledger.receipt(pending.submission_id).sealed == small.ledger.receipt(pending.submission_id).sealed
        assert ledger.gateway.height() == small.ledger.gateway.height() + 1  # the refused second try, and nothing more
        accepted = [e for e in ledger.gateway.events(0, ledger.gateway.height()) if e.name == "Accepted"]
        assert len({e.args["submissionId"] for e in accepted}) == len(accepted)


def test_sealing_stays_suspended_when_the_outside_holds_another_history(
    operator: SmallLedger, old: Path, source: Source
) -> None:
    shutil.move(old / RESTORED_MARK, old / "mark")
    sealed_by(old, operator)  # what must not happen: another block under a height that the outside knows
    shutil.move(old / "mark", old / RESTORED_MARK)
    error = stays_suspended(old, source.url, Untrusted)
    assert "parent" in error.message or "two histories" in error.message


def test_sealing_stays_suspended_when_this_history_is_longer_and_other(
    operator: SmallLedger, old: Path, source: Source
) -> None:
    shutil.move(old / RESTORED_MARK, old / "mark")
    for _ in range(LATER + 1):
        sealed_by(old, operator)
    shutil.move(old / "mark", old / RESTORED_MARK)
    assert "two histories" in stays_suspended(old, source.url, VerificationFailed).message


def test_sealing_stays_suspended_when_the_checkpoint_is_no_operators(old: Path, source: Source) -> None:
    stranger = FileSigner(PrivateKey.generate())
    source.lies.feed = lambda notes: [Note(sign(notes[-1].checkpoint, stranger), ())]
    assert "none of" in stays_suspended(old, source.url, VerificationFailed).message


def test_sealing_stays_suspended_when_the_checkpoint_is_altered(old: Path, source: Source) -> None:
    def older(notes: list[Note]) -> list[Note]:
        said = notes[-1].checkpoint
        lower = Checkpoint(said.chain_id, said.genesis, 1, said.block, said.state_root, said.time)
        return [Note(SignedCheckpoint(lower, notes[-1].signed.key_id, notes[-1].signed.signature), ())]

    source.lies.feed = older
    assert "does not verify" in stays_suspended(old, source.url, VerificationFailed).message


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b"\xff" * 99, b"originseal-checkpoint/v1\n" * 7])
def test_sealing_stays_suspended_when_the_answer_is_no_checkpoint(old: Path, source: Source, body: bytes) -> None:
    source.lies.body = lambda path, honest: body
    stays_suspended(old, source.url, Malformed)


def test_sealing_stays_suspended_when_the_source_is_of_another_chain(old: Path, tmp_path: Path) -> None:
    from tests.small_ledger import found_small

    other = found_small(tmp_path / "other")
    with source_of(other.ledger) as source:
        stays_suspended(old, source.url, VerificationFailed)
    other.ledger.close()


@pytest.mark.parametrize(
    "alter",
    [
        lambda params, raw: raw[:-2] + ("00" if raw[-2:] != "00" else "01"),
        lambda params, raw: "0x",
        lambda params, raw: None,
        lambda params, raw: "0xc0",
    ],
)
def test_sealing_stays_suspended_when_a_block_is_not_what_it_says(
    old: Path, source: Source, alter: Callable[[object, str], object]
) -> None:
    source.lies.rpc["debug_getRawBlock"] = alter
    stays_suspended(old, source.url, Untrusted)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense", "file:///etc/passwd", "http://u:p@127.0.0.1/"])
def test_sealing_stays_suspended_when_the_source_cannot_be_asked(old: Path, url: str) -> None:
    stays_suspended(old, url, (Unavailable, Malformed))  # type: ignore[arg-type]


def test_operators_own_word_is_kept_when_nobody_is_outside(operator: SmallLedger, old: Path) -> None:
    resumed = resume_sealing(old, "none")
    assert resumed.outside is None and not sealing_suspended(old)
    mark = restored_mark(old)
    assert mark is not None and mark.confirmed_by == "none" and mark.resumed_at is not None
    assert sealed_by(old, operator) == resumed.head + 1
    with pytest.raises(Conflict, match="not suspended"):
        resume_sealing(old, "none")


def test_own_word_is_not_enough_when_the_store_has_promised_more(
    operator: SmallLedger, old: Path, source: Source
) -> None:
    """The newer payload store under the older chain: its checkpoints convict whoever seals other blocks."""
    for name in ("ledger.sqlite", "ledger.sqlite-wal"):
        if (operator.data / name).exists():
            shutil.copy(operator.data / name, old / name)
    error = stays_suspended(old, "none", Conflict)
    assert "has promised" in error.message
    assert resume_sealing(old, source.url).fetched == LATER  # with the missing blocks it is whole again
    assert sealed_by(old, operator) == operator.ledger.gateway.height() + 1
    assert audit(old, passphrase=PASSPHRASE).sound


@pytest.mark.parametrize("content", ["", "{}", "[", '{"format": "originseal-restored/v1"}', "x" * 99999])
def test_sealing_stays_suspended_when_the_mark_cannot_be_read(old: Path, content: str) -> None:
    (old / RESTORED_MARK).write_text(content)
    stays_suspended(old, "none", Conflict)


def test_nothing_is_resumed_when_there_is_no_restored_ledger(operator: SmallLedger, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="not suspended"):
        resume_sealing(operator.data, "none")
    with pytest.raises(NotFound):
        resume_sealing(tmp_path / "nothing", "none")


def test_nothing_is_resumed_while_a_server_has_the_folder(old: Path) -> None:
    with Ledger.open(old, passphrase=PASSPHRASE), pytest.raises(StorageUnavailable, match="another process"):
        resume_sealing(old, "none")
    assert sealing_suspended(old)


def test_suspended_folder_is_not_changed_when_it_is_served(old: Path) -> None:
    with sqlite3.connect(old / "chain.sqlite") as db:
        before = db.execute("SELECT count(*), max(number) FROM block").fetchone()
    with Ledger.open(old, passphrase=PASSPHRASE) as ledger:
        ledger._seal()
    with sqlite3.connect(old / "chain.sqlite") as db:
        assert db.execute("SELECT count(*), max(number) FROM block").fetchone() == before
