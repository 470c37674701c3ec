"""Whoever changes the stored read model is found, and the row is named."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_world import World
from sqlalchemy import Table, create_engine, delete, insert, select, text, type_coerce, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import NullType

from ledger.index import Difference, ReadModel, audit_index, compare
from ledger.index import tables as t
from ledger.vault.engine import scrub


def file_of(model: ReadModel) -> Path:
    return Path(str(model.engine.url.database).removeprefix("file:").partition("?")[0])


def change(model: ReadModel, *statements: Any) -> None:
    """As an intruder with the file would."""
    intruder = create_engine(f"sqlite:///{file_of(model)}")
    with intruder.begin() as connection:
        for statement in statements:
            connection.execute(statement)
    intruder.dispose()


@pytest.fixture(scope="session")
def fresh(world: World) -> ReadModel:
    model = ReadModel.open(":memory:")
    world.follower(model).catch_up()
    return model


def test_audit_finds_nothing_when_nothing_was_changed(world: World, model: ReadModel) -> None:
    assert list(audit_index(model, world.gateway, world.vault)) == []
    unopened = ReadModel.open(file_of(model), read_only=True)
    assert list(audit_index(unopened, world.gateway, world.vault)) == []


def test_audit_finds_nothing_when_the_index_is_behind_the_chain(world: World, tmp_path: Path) -> None:
    model = ReadModel.open(tmp_path / "index.sqlite")
    world.follower(model, chunk=1).catch_up(to=5)
    assert list(audit_index(model, world.gateway, world.vault)) == []


def edited(value: object, data: Any) -> object:
    """Any value that a single edit could leave in this place instead."""
    if isinstance(value, str):
        flip = st.integers(0, max(len(value) - 1, 0)).map(
            lambda at: value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]
        )
        edits = [st.text(max_size=8), st.just(value + " "), st.just(value.encode()), st.integers(0, 9), st.none()]
        options = st.one_of([flip, *edits] if value else edits)
    elif isinstance(value, int):
        numbers = st.integers(-(2**63), 2**63 - 1)
        options = st.one_of(numbers, st.integers(0, 3), st.just(f"{value}x"), st.just(value + 0.5), st.none())
    else:
        options = st.one_of(st.integers(), st.text(max_size=5))
    return data.draw(options.filter(lambda other: type(other) is not type(value) or other != value))


@given(data=st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_comparison_names_the_row_when_any_single_value_is_edited(
    followed: ReadModel, fresh: ReadModel, tmp_path: Path, data: Any
) -> None:
    scrub(followed.engine)
    copy = Path(tempfile.mkdtemp(dir=tmp_path)) / "index.sqlite"
    shutil.copy(file_of(followed), copy)
    table: Table = data.draw(st.sampled_from(t.PROJECTED))
    with fresh.engine.connect() as connection:
        rows = connection.execute(select(table).order_by(*table.primary_key)).mappings().all()
    row = data.draw(st.sampled_from(rows))
    column = data.draw(st.sampled_from(list(table.columns)))
    value = row[column.name]
    value = int(value) if isinstance(value, bool) else value
    changed = edited(value, data)
    model = ReadModel.open(copy)
    here = [table.c[key.name] == row[key.name] for key in table.primary_key]
    try:
        change(model, update(table).where(*here).values({column: type_coerce(changed, NullType())}))
    except (IntegrityError, OverflowError, UnicodeEncodeError):
        return  # the file itself cannot hold this edit
    with model.engine.connect() as connection:
        stored = connection.execute(text(f'SELECT "{column.name}" FROM "{table.name}"')).scalars().all()
    found = list(compare(model, fresh))
    model.close()
    if not found:  # SQLite's column affinity turned the edit back into the very value that was there
        assert sorted(map(repr, stored)) == sorted(repr(int(r[column.name]) if isinstance(r[column.name], bool)
                                                        else r[column.name]) for r in rows)  # fmt: skip
        return
    assert {each.table for each in found} == {table.name}


@pytest.mark.parametrize("table", t.PROJECTED, ids=lambda table: table.name)
def test_comparison_names_the_row_when_it_is_deleted(model: ReadModel, fresh: ReadModel, table: Table) -> None:
    with model.engine.connect() as connection:
        row = connection.execute(select(table)).mappings().first()
    assert row is not None
    change(model, delete(table).where(*(table.c[key.name] == row[key.name] for key in table.primary_key)))
    (found,) = compare(model, fresh)
    assert (found.table, found.stored) == (table.name, "nothing")
    assert found.key == "/".join(str(row[key.name]) for key in table.primary_key)


@pytest.mark.parametrize("table", t.PROJECTED, ids=lambda table: table.name)
def test_comparison_names_the_row_when_it_was_added(model: ReadModel, fresh: ReadModel, table: Table) -> None:
    with model.engine.connect() as connection:
        row = dict(connection.execute(select(table)).mappings().first() or {})
    last = list(table.primary_key)[-1].name
    row[last] = "sm3:" + "00" * 32 if isinstance(row[last], str) else 2**40
    change(model, insert(table).values(row))
    (found,) = compare(model, fresh)
    assert (found.table, found.expected) == (table.name, "no row")


def test_comparison_names_both_rows_when_two_change_places(model: ReadModel, fresh: ReadModel) -> None:
    with model.engine.connect() as connection:
        one, two = connection.execute(select(t.lot_records).limit(2)).mappings().all()
    places = [(one, two), (two, one)]
    change(
        model,
        *(
            update(t.lot_records)
            .where(t.lot_records.c.lot == there["lot"], t.lot_records.c.sequence == there["sequence"])
            .values(submission=here["submission"], idx=here["idx"])
            for here, there in places
        ),
    )
    assert {each.key for each in compare(model, fresh)} == {f"{row['lot']}/{row['sequence']}" for row in (one, two)}


def test_audit_finds_it_when_the_cursor_was_moved(world: World, model: ReadModel) -> None:
    for value in ('{"blockHash": "00", "chain": "x", "height": 3, "time": 1}', "[]", '"', "null"):
        change(model, update(t.facts).where(t.facts.c.name == "cursor").values(value=value))
        assert list(audit_index(model, world.gateway, world.vault))


def test_audit_finds_it_when_the_format_was_changed(world: World, model: ReadModel) -> None:
    change(model, update(t.facts).where(t.facts.c.name == "format").values(value="7"))
    unopened = ReadModel.open(file_of(model), read_only=True)
    assert [each.key for each in audit_index(unopened, world.gateway, world.vault)] == ["format"]


@pytest.mark.parametrize(
    "planted",
    [
        "CREATE TABLE notes (text)",
        "CREATE VIEW best_lots AS SELECT * FROM lots",
        "CREATE TRIGGER t AFTER INSERT ON lots BEGIN DELETE FROM lots; END",
        "DROP TABLE keys",
        "UPDATE members SET name_zh = CAST(x'ff' AS TEXT)",
    ],
)
def test_comparison_finds_it_when_something_was_planted(model: ReadModel, fresh: ReadModel, planted: str) -> None:
    change(model, text(planted))
    assert list(compare(model, fresh))


def test_difference_reads_as_a_sentence_when_printed() -> None:
    found = Difference("lots", "sm3:00", "state", "3", "1")
    assert str(found) == "lots sm3:00 state: holds 3, should be 1"
