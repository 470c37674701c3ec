"""The read model on PostgreSQL, when ORIGINSEAL_TEST_POSTGRES names a server to make scratch schemas on."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest
from index_world import World, answers
from sqlalchemy import Engine, create_engine, text

from ledger.index import ReadModel, audit_index
from ledger.vault import open_engine

URL = os.environ.get("ORIGINSEAL_TEST_POSTGRES", "")
pytestmark = pytest.mark.skipif(not URL, reason="ORIGINSEAL_TEST_POSTGRES names no PostgreSQL server")


@pytest.fixture
def engine() -> Iterator[Engine]:
    name = "originseal_" + secrets.token_hex(6)
    admin = create_engine(URL)
    with admin.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    engine = open_engine(f"{URL}{'&' if '?' in URL else '?'}options=-csearch_path%3D{name}")
    yield engine
    engine.dispose()
    with admin.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    admin.dispose()


def test_answers_are_those_of_sqlite_when_followed_on_postgresql(
    world: World, followed: ReadModel, engine: Engine
) -> None:
    model = ReadModel(engine)
    world.follower(model, chunk=3).catch_up()
    assert answers(model) == answers(followed)
    assert list(audit_index(model, world.gateway, world.vault)) == []
    version = model.version()
    world.follower(model).rebuild()
    assert answers(model) == answers(followed)
    assert model.version() > version
    with engine.begin() as connection:
        connection.execute(text("UPDATE lots SET remaining = '0'"))
    assert {each.column for each in audit_index(model, world.gateway, world.vault)} == {"remaining"}
    model.close()
