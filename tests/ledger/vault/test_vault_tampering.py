"""Whoever can write the file but lacks the master key: every change of a stored value must be found."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, create_engine, delete, insert, select, text, type_coerce, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import NullType
from test_vault_store import checkpoint
from vault_world import MASTER, record, store, submission

from ledger.errors import BadCiphertext, StorageUnavailable
from ledger.proof.cosignature import Cosignature
from ledger.vault import UnreadableRecord, Vault, cosigned, open_engine
from ledger.vault.engine import storage_errors
from ledger.vault.examine import examine
from ledger.vault.tables import checkpoints, cosignatures, evidence, metadata, records, submissions
from ledger.vault.tables import settings as settings_table

TABLES = (submissions, records, evidence, checkpoints, cosignatures, settings_table)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with every kind of row: shared evidence, an erased record, checkpoints, settings."""
    path = tmp_path_factory.mktemp("original") / "ledger.sqlite"
    engine = open_engine(path)
    vault = Vault(engine, MASTER)
    message = b"<message/>"
    first = submission(record(evidence=message), record(evidence=message), record())
    store(vault, first, submission(record(kind="lot.origin")), submission(record(lots=())))
    second = submission(record(evidence=b"<other/>"), record())
    store(vault, second)
    with vault.transaction() as connection:
        vault.erase(connection, second.submission_id, 0, at=1_764_000_500, by=first.submission_id)
    vault.put_checkpoint(checkpoint(1))
    vault.put_checkpoint(checkpoint(2))
    cosigned.put(vault, 2, Cosignature(b"\x11" * 32, 1_764_000_600, "headers", b"\x22" * 64))
    vault.put_setting("operator", {"zh": "源印"})
    vault.scrub()
    engine.dispose()
    return path


@pytest.fixture
def tampered(original: Path, tmp_path: Path) -> Iterator[Vault]:
    copy = tmp_path / "ledger.sqlite"
    shutil.copy(original, copy)
    engine = open_engine(copy)
    yield Vault(engine, MASTER)
    engine.dispose()


def findings(vault: Vault) -> list[str]:
    return [f"{each.table} {each.key}: {each.reason}" for each in examine(vault)]


def file_of(vault: Vault) -> Path:
    return Path(str(vault.engine.url.database).removeprefix("file:").partition("?")[0])


def change(vault: Vault, *statements: Any) -> None:
    """As an intruder with the file would: no foreign keys, no rules but the file's own."""
    intruder = create_engine(f"sqlite:///{file_of(vault)}")
    with intruder.begin() as connection:
        for statement in statements:
            connection.execute(statement)
    intruder.dispose()


def test_examination_finds_nothing_when_nothing_was_changed(tampered: Vault) -> None:
    assert findings(tampered) == []


def other(value: object, data: st.DataObject) -> object:
    """Any value that a single edit could leave in this place instead."""
    if isinstance(value, bytes):
        flips = st.integers(0, max(len(value) * 8 - 1, 0)).map(
            lambda bit: value[: bit // 8] + bytes([value[bit // 8] ^ 1 << bit % 8]) + value[bit // 8 + 1 :]
        )
        edits = [st.just(value + b"\0"), st.none(), st.just("text"), st.binary(max_size=40)]
        edits += [flips, st.just(value[:-1])] if value else []
        return data.draw(st.one_of(edits).filter(lambda edited: edited != value))
    if isinstance(value, str):
        return data.draw(st.one_of(st.text(max_size=20), st.just(value + " ")).filter(lambda edited: edited != value))
    numbers = st.integers(-(2**63), 2**63 - 1)
    return data.draw(st.one_of(numbers, st.integers(0, 5)).filter(lambda edited: edited != value))


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_examination_names_the_row_when_any_single_value_is_edited(original: Path, tmp_path: Path, data: Any) -> None:
    copy = Path(tempfile.mkdtemp(dir=tmp_path)) / "edited.sqlite"
    shutil.copy(original, copy)
    engine = open_engine(copy)
    vault = Vault(engine, MASTER)
    table: Table = data.draw(st.sampled_from(TABLES))
    column = data.draw(st.sampled_from(list(table.columns)))
    with engine.connect() as connection:
        rows = connection.execute(select(table)).mappings().all()
    row = data.draw(st.sampled_from(rows))
    value = other(row[column.name], data)
    here = [table.c[key.name] == row[key.name] for key in table.primary_key]
    try:
        change(vault, update(table).where(*here).values({column: type_coerce(value, NullType())}))
    except IntegrityError:
        return  # the schema itself refuses this edit
    found = findings(vault)
    engine.dispose()
    assert found, f"{table.name}.{column.name} {row[column.name]!r} -> {value!r}"
    assert any(line.startswith(table.name) or "records" in line or "evidence" in line for line in found)


@pytest.mark.parametrize("table", [submissions, records, evidence], ids=lambda table: table.name)
def test_examination_finds_it_when_a_row_is_deleted(tampered: Vault, table: Table) -> None:
    change(tampered, delete(table).where(table.c.seq == 1))
    assert findings(tampered)


def test_examination_finds_it_when_the_key_check_is_deleted(tampered: Vault) -> None:
    change(tampered, delete(settings_table).where(settings_table.c.name == "master-key-check"))
    assert findings(tampered) == ["settings master-key-check: the row is missing"]


def test_examination_finds_the_gap_when_a_submission_is_deleted_with_all_it_had(tampered: Vault) -> None:
    change(tampered, *(delete(table).where(table.c.seq == 2) for table in (submissions, records, evidence)))
    assert findings(tampered) == ["submissions sequence 2: the row is missing"]


def test_examination_finds_both_when_two_submissions_change_places(tampered: Vault) -> None:
    moves = [
        update(table).where(table.c.seq == old).values(seq=new)
        for old, new in ((2, 90), (3, 2), (90, 3))
        for table in (submissions, records)
    ]
    change(tampered, *moves)
    assert len(findings(tampered)) == 2


def test_examination_finds_both_when_two_records_swap_their_ciphertexts(tampered: Vault) -> None:
    with tampered.engine.connect() as connection:
        rows = connection.execute(select(records).where(records.c.seq == 1, records.c.idx < 2)).mappings().all()
    for row, from_row in ((rows[0], rows[1]), (rows[1], rows[0])):
        change(
            tampered,
            update(records)
            .where(records.c.seq == 1, records.c.idx == row["idx"])
            .values(wrapped_key=from_row["wrapped_key"], body=from_row["body"]),
        )
    assert len(findings(tampered)) == 2
    submission_id = next(tampered.everything())[0].submission_id
    with pytest.raises(BadCiphertext, match="record 0 of submission keccak256:"):
        tampered.records(submission_id)


def test_examination_finds_it_when_a_record_is_copied_to_another_place(tampered: Vault) -> None:
    with tampered.engine.connect() as connection:
        row = dict(connection.execute(select(records).where(records.c.seq == 2)).mappings().one())
    change(tampered, insert(records).values({**row, "idx": 1}))
    assert any("no such record" in line for line in findings(tampered))


def test_examination_names_the_row_when_its_text_is_not_utf8(tampered: Vault) -> None:
    change(tampered, text("UPDATE records SET kind = CAST(x'ff' AS TEXT) WHERE seq = 2"))
    (finding,) = findings(tampered)
    assert finding.startswith("records keccak256:")
    with pytest.raises(StorageUnavailable):
        list(tampered.everything())


def test_payload_that_vanished_is_damage_when_no_erasure_explains_it(tampered: Vault) -> None:
    change(tampered, update(records).where(records.c.seq == 2).values(wrapped_key=None, body=None))
    (finding,) = findings(tampered)
    assert "no erasure explains it" in finding


def test_erasure_is_damage_when_it_was_written_without_the_master_key(tampered: Vault) -> None:
    forged = {"wrapped_key": None, "body": None, "erased_at": 5, "seal": bytes(32)}
    change(tampered, update(records).where(records.c.seq == 2).values(**forged))
    (finding,) = findings(tampered)
    assert "altered" in finding


def test_other_records_stay_readable_when_one_is_damaged(tampered: Vault) -> None:
    change(tampered, update(records).where(records.c.seq == 1, records.c.idx == 1).values(body=bytes(64)))
    submission_id = next(tampered.everything())[0].submission_id
    kinds = [type(row).__name__ for row in tampered.rows(submission_id)]
    assert kinds == ["StoredRecord", "UnreadableRecord", "StoredRecord"]


def test_missing_row_shows_as_unreadable_when_records_are_listed(tampered: Vault) -> None:
    change(tampered, delete(records).where(records.c.seq == 1, records.c.idx == 2))
    submission_id = next(tampered.everything())[0].submission_id
    last = tampered.rows(submission_id)[-1]
    assert isinstance(last, UnreadableRecord) and last.index == 2 and "missing" in str(last.error)


def test_damaged_index_is_named_when_a_page_of_the_file_is_overwritten(tampered: Vault) -> None:
    path = file_of(tampered)
    tampered.engine.dispose()
    with storage_errors("read"), tampered.engine.connect() as connection:
        page = connection.exec_driver_sql(
            "SELECT rootpage FROM sqlite_master WHERE name = 'records_digest'"
        ).scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    tampered.engine.dispose()
    data = bytearray(path.read_bytes())
    start = (page - 1) * size
    data[start + size - 20] ^= 0xFF
    path.write_bytes(data)
    assert any(line.startswith("database") for line in findings(tampered))


def test_metadata_names_every_table_that_this_file_attacks() -> None:
    assert set(metadata.tables.values()) == set(TABLES)
