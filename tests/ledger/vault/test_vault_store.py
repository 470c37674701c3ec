from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from vault_world import DOMAIN, LOT, MASTER, MEMBER, SIGNER, record, store, submission

from ledger.errors import BadKey, Conflict, NonceUsed, NotFound, StorageUnavailable
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint
from ledger.vault import StoredRecord, UnreadableRecord, Vault, open_engine, writing
from ledger.vault.tables import settings, submissions

PRIVATE = ("13800138000", "ORDER-20261124-777", "1299.95")


def test_submission_comes_back_as_signed_when_stored(vault: Vault) -> None:
    checked = submission(record(), record())
    store(vault, checked, at=1_764_000_123)
    found = vault.submission(checked.submission_id)
    assert (found.sequence, found.received_at) == (1, 1_764_000_123)
    assert (found.key_id, found.member_id, found.nonce) == (SIGNER.public.key_id, MEMBER, checked.meta.nonce)
    assert found.action == checked.action
    assert found.meta == checked.meta.encode()
    SIGNER.public.verify(DOMAIN + found.action.digest + found.meta, found.signature)
    assert vault.by_nonce(found.key_id, found.nonce) == found


def test_records_come_back_with_the_same_digests_when_committed_again(vault: Vault) -> None:
    from ledger.documents.statement import commit

    checked = submission(record(), record({"金额": "1.10", "n": [1, 2.5, None, True, []]}, "trade.link", lots=()))
    store(vault, checked)
    found = vault.records(checked.submission_id)
    assert [row.index for row in found] == [0, 1]
    for row, original in zip(found, checked.records, strict=True):
        assert row.payload == original.payload
        assert commit(row.kind, row.author, row.lots, row.payload, row.seed).digest == original.digest == row.digest
        assert vault.record(row.digest) == row


def test_evidence_is_kept_once_when_many_records_came_in_one_message(vault: Vault) -> None:
    message = b"<ceb:CEB303Message/>" * 50
    checked = submission(*(record(evidence=message) for _ in range(3)), record())
    store(vault, checked)
    assert [row.evidence for row in vault.records(checked.submission_id)] == [message] * 3 + [None]
    assert vault.counts().evidence == 1
    assert vault.record(checked.records[1].digest, with_evidence=False).evidence is None


def test_everything_comes_in_order_of_storing_when_stored_in_batches(vault: Vault, monkeypatch: Any) -> None:
    monkeypatch.setattr("ledger.vault.reader._CHUNK", 3)
    items = [submission(*(record() for _ in range(1 + i % 3))) for i in range(8)]
    store(vault, *items[:5])
    store(vault, *items[5:])
    walked = list(vault.everything())
    assert [each.submission_id for each, _ in walked] == [item.submission_id for item in items]
    assert [each.sequence for each, _ in walked] == list(range(1, 9))
    assert [[r.digest for r in rows] for _, rows in walked] == [[r.digest for r in item.records] for item in items]
    assert [each.sequence for each, _ in vault.everything(after=6)] == [7, 8]


def test_counts_are_those_of_the_tables_when_asked(vault: Vault) -> None:
    store(vault, submission(record(), record()), submission())
    counts = vault.counts()
    assert (counts.submissions, counts.records, counts.erased, counts.evidence) == (2, 3, 0, 0)


def test_store_refuses_when_the_nonce_is_used(vault: Vault) -> None:
    store(vault, submission(nonce=7))
    with pytest.raises(NonceUsed):
        store(vault, submission(nonce=7))
    with pytest.raises(NonceUsed):
        store(vault, submission(nonce=8), submission(nonce=8))
    assert vault.counts().submissions == 1
    assert vault.by_nonce(SIGNER.public.key_id, 8) is None


def test_nonce_of_64_bits_is_kept_whole_when_it_is_the_largest(vault: Vault) -> None:
    store(vault, submission(nonce=2**64 - 1), submission(nonce=0))
    found = vault.by_nonce(SIGNER.public.key_id, 2**64 - 1)
    assert found is not None and found.nonce == 2**64 - 1


def test_one_writer_wins_when_two_threads_use_one_nonce(vault: Vault) -> None:
    both_ready = threading.Barrier(2)
    outcomes: list[str] = []

    def run() -> None:
        checked = submission(nonce=99)
        both_ready.wait()
        try:
            store(vault, checked)
            outcomes.append("stored")
        except NonceUsed:
            outcomes.append("refused")

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "stored"]
    assert vault.counts().submissions == 1


def test_nothing_stays_when_the_transaction_is_rolled_back(vault: Vault) -> None:
    checked = submission(record(evidence=b"<x/>"))
    with pytest.raises(ZeroDivisionError), vault.transaction() as connection:
        vault.store(connection, checked, 1)
        assert vault.by_nonce(checked.key_id, checked.meta.nonce, connection=connection) is not None
        raise ZeroDivisionError
    counts = vault.counts()
    assert (counts.submissions, counts.records, counts.evidence) == (0, 0, 0)
    with pytest.raises(NotFound):
        vault.submission(checked.submission_id)


def test_another_table_commits_with_the_submission_when_it_shares_the_transaction(vault: Vault) -> None:
    with vault.transaction() as connection:
        connection.execute(text("CREATE TABLE outbox (id INTEGER)"))
        vault.store(connection, submission(), 1)
        connection.execute(text("INSERT INTO outbox VALUES (1)"))
    with vault.transaction() as connection:
        assert connection.execute(text("SELECT count(*) FROM outbox")).scalar() == 1


def test_store_is_unavailable_and_unchanged_when_the_disk_is_full(path: Path) -> None:
    vault = Vault(open_engine(path), MASTER)
    store(vault, submission())
    with vault.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

    from sqlalchemy import event

    @event.listens_for(vault.engine, "begin")  # SQLite's own limit: gives SQLITE_FULL as a full disk does
    def limit(connection: Any) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")

    with pytest.raises(StorageUnavailable, match="full"):
        store(vault, submission(*(record({"text": "x" * 5000}) for _ in range(20))))
    event.remove(vault.engine, "begin", limit)
    reopened = Vault(open_engine(path), MASTER)
    assert reopened.counts().submissions == 1
    store(reopened, submission())
    assert reopened.counts().submissions == 2


def test_store_is_unavailable_when_the_file_is_no_database(path: Path) -> None:
    path.write_bytes(b"not a database at all, but long enough to have a header" * 20)
    with pytest.raises(StorageUnavailable):
        Vault(open_engine(path), MASTER)


def test_store_is_unavailable_when_the_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable):
        Vault(open_engine(tmp_path / "nowhere" / "ledger.sqlite"), MASTER)


def test_reader_cannot_write_when_opened_read_only(path: Path, vault: Vault) -> None:
    store(vault, submission())
    reader = Vault(open_engine(path, read_only=True), MASTER, read_only=True)
    assert reader.counts().submissions == 1
    with pytest.raises(StorageUnavailable):
        store(reader, submission())


def test_vault_refuses_when_the_master_key_is_another(path: Path, vault: Vault) -> None:
    store(vault, submission())
    for read_only in (False, True):
        with pytest.raises(BadKey):
            Vault(open_engine(path), bytes(16), read_only=read_only)
    with pytest.raises(BadKey):
        Vault(open_engine(path), b"short")


def test_private_values_are_not_in_the_file_when_stored(tmp_path: Path, vault: Vault) -> None:
    phone, order, price = PRIVATE
    message = f"<Order><no>{order}</no></Order>".encode()
    checked = submission(record({"phone": phone, "orderNo": order, "price": price}, evidence=message))
    store(vault, checked)
    vault.scrub()
    held = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert checked.submission_id in held  # the right files were read
    for value in (*PRIVATE, message.decode()):
        for encoding in ("utf-8", "utf-16-le"):
            assert value.encode(encoding) not in held
    assert checked.records[0].seed not in held


def test_commits_are_durable_and_foreign_keys_hold_when_opened(vault: Vault) -> None:
    with vault.engine.connect() as connection:
        modes = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        ]
    assert modes == ["wal", 2, 1, 1]


# ------------------------------------------------------------------------------------------------------------ erasure


def test_erased_record_is_gone_for_good_when_scrubbed(tmp_path: Path, vault: Vault) -> None:
    message = b"<secret/>"
    checked = submission(record(evidence=message), record(evidence=message), record())
    store(vault, checked)
    with vault.engine.connect() as connection:
        kept = [*connection.execute(text("SELECT wrapped_key, body FROM records WHERE idx = 0")).one()]
        kept += connection.execute(text("SELECT wrapped_key, body FROM evidence")).one()
    with vault.transaction() as connection:
        vault.erase(connection, checked.submission_id, 0, at=1_764_100_000, by=b"\x77" * 32)
    vault.engine.dispose()
    vault.scrub()
    held = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for secret in kept:
        assert secret not in held
    first, second, third = vault.rows(checked.submission_id)
    assert isinstance(first, UnreadableRecord) and first.erasure is not None
    assert (first.erasure.at, first.erasure.by) == (1_764_100_000, b"\x77" * 32)
    assert (first.digest, first.lots, first.kind) == (checked.records[0].digest, (LOT,), "epcis.event")
    assert isinstance(second, StoredRecord) and isinstance(third, StoredRecord)
    assert vault.record(second.digest).evidence is None
    assert vault.counts().erased == 1
    with pytest.raises(NotFound, match="erased"):
        vault.records(checked.submission_id)
    with pytest.raises(NotFound, match="erased"):
        vault.record(first.digest)


def test_erase_refuses_when_there_is_nothing_to_erase(vault: Vault) -> None:
    checked = submission()
    store(vault, checked)
    with vault.transaction() as connection:
        vault.erase(connection, checked.submission_id, 0, at=1)
    for submission_id, index in ((checked.submission_id, 0), (checked.submission_id, 1), (bytes(32), 0)):
        with pytest.raises(NotFound), vault.transaction() as connection:
            vault.erase(connection, submission_id, index, at=2)


# ------------------------------------------------------------------------------------------- checkpoints and settings


def checkpoint(height: int, time: int = 1_764_000_000) -> SignedCheckpoint:
    made = Checkpoint(20250, b"\x01" * 32, height, b"\x02" * 32, b"\x03" * 32, time)
    return SignedCheckpoint(made, SIGNER.public.key_id, SIGNER.sign(made.text.encode()))


def test_checkpoints_are_found_by_height_when_stored(vault: Vault) -> None:
    assert vault.latest_checkpoint() is None
    kept = {height: checkpoint(height) for height in (3, 1, 7)}
    for each in kept.values():
        vault.put_checkpoint(each)
    vault.put_checkpoint(kept[3])
    assert vault.checkpoint(3) == kept[3]
    assert vault.latest_checkpoint() == kept[7]
    assert vault.checkpoint_from(4) == kept[7]
    assert vault.checkpoint_from(8) is None
    assert [each.checkpoint.height for each in vault.all_checkpoints()] == [1, 3, 7]
    with pytest.raises(NotFound):
        vault.checkpoint(2)


def test_second_checkpoint_of_a_height_is_refused_when_it_says_something_else(vault: Vault) -> None:
    vault.put_checkpoint(checkpoint(5))
    with pytest.raises(Conflict):
        vault.put_checkpoint(checkpoint(5, time=1_764_000_001))


def test_setting_is_replaced_when_put_again(vault: Vault) -> None:
    assert vault.setting("operator", "none") == "none"
    vault.put_setting("operator", {"zh": "源印"})
    vault.put_setting("operator", {"zh": "源印", "n": 2})
    assert vault.setting("operator") == {"zh": "源印", "n": 2}
    with writing(vault.engine) as connection:
        assert connection.execute(select(settings.c.name)).scalars().all().count("operator") == 1


def test_broken_constraint_stays_an_integrity_error_when_it_is_our_own_misuse(vault: Vault) -> None:
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError), vault.transaction() as connection:
        connection.execute(insert(submissions).values(seq=1))
