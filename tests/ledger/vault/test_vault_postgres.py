"""The same store on PostgreSQL, when ORIGINSEAL_TEST_POSTGRES names a server to make scratch schemas on.

For instance ORIGINSEAL_TEST_POSTGRES=postgresql+psycopg://postgres@127.0.0.1/postgres
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text
from test_vault_store import checkpoint
from vault_world import MASTER, record, store, submission

from ledger.errors import BadKey, NonceUsed
from ledger.vault import Vault, open_engine
from ledger.vault.examine import examine

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


def test_everything_comes_back_on_postgresql_when_stored(engine: Engine) -> None:
    vault = Vault(engine, MASTER)
    items = [submission(record(evidence=b"<m/>"), record()) for _ in range(5)]
    store(vault, *items[:3])
    store(vault, *items[3:])
    again = Vault(engine, MASTER)
    assert [each.submission_id for each, _ in again.everything()] == [item.submission_id for item in items]
    assert [row.evidence for row in again.records(items[0].submission_id)] == [b"<m/>", None]
    assert again.record(items[4].records[1].digest).payload == items[4].records[1].payload
    with vault.transaction() as connection:
        vault.erase(connection, items[1].submission_id, 0, at=5)
    vault.scrub()
    vault.put_checkpoint(checkpoint(4))
    vault.put_checkpoint(checkpoint(4))
    vault.put_setting("a", 1)
    vault.put_setting("a", 2)
    assert (vault.counts().erased, vault.setting("a")) == (1, 2)
    assert list(examine(vault)) == []
    with pytest.raises(BadKey):
        Vault(engine, bytes(16))


def test_damage_is_named_on_postgresql_when_a_row_was_edited(engine: Engine) -> None:
    vault = Vault(engine, MASTER)
    store(vault, submission(), submission())
    with vault.transaction() as connection:
        connection.execute(text("UPDATE records SET kind = 'lot.origin' WHERE seq = 2"))
    (found,) = examine(vault)
    assert found.table == "records"


def test_one_writer_wins_on_postgresql_when_two_threads_use_one_nonce(engine: Engine) -> None:
    vault = Vault(engine, MASTER)
    ready = threading.Barrier(4)
    outcomes: list[str] = []

    def run(nonce: int) -> None:
        checked = submission(nonce=nonce)
        ready.wait()
        try:
            store(vault, checked)
            outcomes.append("stored")
        except NonceUsed:
            outcomes.append("refused")

    threads = [threading.Thread(target=run, args=(nonce,)) for nonce in (1, 1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "stored", "stored", "stored"]
    assert [each.sequence for each, _ in vault.everything()] == [1, 2, 3]
