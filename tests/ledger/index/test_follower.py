from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from index_world import PRIVATE, World, answers, fill, open_world
from sqlalchemy import delete, select, update

from ledger.errors import EngineUnavailable, StorageUnavailable
from ledger.index import Cursor, Follower, Queries, ReadModel, audit_index
from ledger.index import tables as t
from ledger.index.projector import EVENTS
from ledger.vault import Vault, open_engine
from ledger.vault.engine import scrub
from ledger.vault.tables import records as vault_records


class Interrupted(Exception):
    """Stands for a crash between two chunks."""


def test_every_event_of_the_contracts_is_projected_and_happens_in_the_story(world: World) -> None:
    import contracts

    declared = {
        entry["name"]
        for name in ("Submissions", "Members", "Lots", "Trades")
        for entry in contracts.artifact(name).abi
        if entry["type"] == "event"
    }
    happened = {event.name for event in world.gateway.events(0, world.gateway.height())}
    assert declared == EVENTS
    # A revoked key needs an authority with two keys, an approval several authorities; tests of their own cover them.
    proposals = {"ProposalOpened", "ProposalApproved", "ProposalExecuted", "OfficeAccepted"}
    assert declared - happened == {"KeyRevoked", "EmergencySuspension", *proposals}


@pytest.mark.parametrize("chunk", [1, 2, 3, 500])
def test_answers_are_the_same_when_followed_in_any_chunks(
    world: World, followed: ReadModel, tmp_path: Path, chunk: int
) -> None:
    model = ReadModel.open(tmp_path / "index.sqlite")
    assert world.follower(model, chunk=chunk).catch_up() == world.gateway.height()
    assert answers(model) == answers(followed)


def test_follower_resumes_with_the_same_answers_when_stopped_at_every_chunk(
    world: World, followed: ReadModel, tmp_path: Path
) -> None:
    model = ReadModel.open(tmp_path / "index.sqlite")

    def stop(_reached: int, _goal: int) -> None:
        raise Interrupted

    stops = 0
    while model.height() < world.gateway.height():
        with pytest.raises(Interrupted):
            Follower(ReadModel.open(tmp_path / "index.sqlite"), world.gateway, world.vault, chunk=1).catch_up(stop)
        stops += 1
    assert stops == world.gateway.height() - world.deployment.block + 1
    assert answers(model) == answers(followed)


def test_nothing_of_a_chunk_stays_when_it_fails_half_way(world: World, tmp_path: Path, monkeypatch: Any) -> None:
    model = ReadModel.open(tmp_path / "index.sqlite")
    follower = world.follower(model, chunk=4)
    follower.catch_up(to=4)
    before, height = answers(model), model.height()
    from ledger.index import model as module

    real = module.insert_rows

    def fail_at_lots(connection: Any, table: Any, columns: Any, rows: Any) -> None:
        real(connection, table, columns, rows)
        if table.name == "trades":
            raise Interrupted

    monkeypatch.setattr(module, "insert_rows", fail_at_lots)
    with pytest.raises(Interrupted):
        follower.catch_up()
    assert (answers(model), model.height()) == (before, height)
    monkeypatch.undo()
    follower.catch_up()
    assert list(audit_index(model, world.gateway, world.vault)) == []


def test_rebuild_gives_byte_equal_answers_when_the_index_was_ruined(world: World, model: ReadModel) -> None:
    before, version = answers(model), model.version()
    with model.engine.begin() as connection:
        connection.execute(delete(t.lots))
        connection.execute(update(t.members).values(name_zh="别人"))
    assert answers(model) != before
    world.follower(model).rebuild()
    assert answers(model) == before
    assert model.version() > version


def test_nothing_changes_when_there_is_nothing_new(world: World, model: ReadModel) -> None:
    version = model.version()
    reports: list[tuple[int, int]] = []
    world.follower(model).catch_up(lambda *report: reports.append(report))
    assert (model.version(), reports) == (version, [])


def test_another_chain_is_refused_when_the_index_has_followed_one(model: ReadModel, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = open_world(tmp_path / "other")
    with pytest.raises(EngineUnavailable, match="follows the chain"):
        other.follower(model).catch_up()


@pytest.mark.parametrize("change", ["hash", "height"])
def test_changed_history_is_refused_when_the_cursor_does_not_fit(world: World, model: ReadModel, change: str) -> None:
    cursor = model.cursor()
    assert cursor is not None
    wrong = {"hash": {"block_hash": bytes(32)}, "height": {"height": cursor.height + 5}}[change]
    assert model.apply((), cursor, dataclasses.replace(cursor, **wrong))
    with pytest.raises(EngineUnavailable):
        world.follower(model).catch_up()


def test_damaged_cursor_is_unavailable_when_read(model: ReadModel) -> None:
    with model.engine.begin() as connection:
        connection.execute(update(t.facts).where(t.facts.c.name == "cursor").values(value='{"height": 1}'))
    with pytest.raises(EngineUnavailable, match="damaged"):
        model.cursor()


def test_chunk_is_left_alone_when_another_follower_was_faster(model: ReadModel) -> None:
    cursor = model.cursor()
    assert cursor is not None
    stale = Cursor(cursor.chain, cursor.height - 1, bytes(32), 0)
    assert not model.apply((), stale, dataclasses.replace(cursor, height=99))
    assert model.cursor() == cursor


def test_older_format_is_dropped_and_filled_again_when_opened(
    world: World, model: ReadModel, followed: ReadModel
) -> None:
    with model.engine.begin() as connection:
        connection.execute(update(t.facts).where(t.facts.c.name == "format").values(value="0"))
    again = ReadModel(model.engine)
    assert again.height() == -1
    world.follower(again).catch_up()
    assert answers(again) == answers(followed)


def test_index_is_unavailable_when_its_file_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    path.write_bytes(b"rubbish " * 1000)
    with pytest.raises(StorageUnavailable):
        ReadModel.open(path)


# ------------------------------------------------------------------------------------------------- missing payloads


def empty_vault(tmp_path: Path) -> Vault:
    return Vault(open_engine(tmp_path / "empty.sqlite"), bytes(16))


def test_follower_goes_on_when_the_payload_store_holds_nothing(world: World, tmp_path: Path) -> None:
    model = ReadModel.open(tmp_path / "index.sqlite")
    Follower(model, world.gateway, empty_vault(tmp_path)).catch_up()
    with model.engine.connect() as connection:
        assert set(connection.execute(select(t.submissions.c.payloads)).scalars()) == {"missing"}
        assert set(connection.execute(select(t.lot_entries.c.status)).scalars()) == {"missing"}
        assert connection.execute(select(t.records)).all() == []
    queries = Queries(model)
    (summary, *_) = queries.lots().items
    assert (summary.gtin, summary.product_zh) == ("", "")
    from index_world import GTIN

    view = queries.lot(GTIN, "L3")
    assert (view.summary.gtin, view.summary.lot, view.origin, view.events) == (GTIN, "L3", {}, ())
    assert view.accumulator_total == 6
    (trade, _) = queries.trades().items
    assert trade.rules == () and trade.matcher.name_zh == ""


def test_one_missing_payload_is_named_when_the_rest_is_there(tmp_path: Path) -> None:
    world = fill(open_world(tmp_path))
    target = next(each for each in world.sealed if each.records[0].kind == "epcis.event")
    digest = target.records[1].digest
    with world.vault.engine.begin() as connection:
        gone = update(vault_records).where(vault_records.c.digest == digest).values(body=None, wrapped_key=None)
        connection.execute(gone)
    model = world.model()
    world.follower(model).catch_up()
    with model.engine.connect() as connection:
        statuses = dict(map(tuple, connection.execute(select(t.records.c.digest, t.records.c.status))))
    from ledger.crypto.digest import sm3_text

    assert statuses.pop(sm3_text(digest)) == "damaged"
    assert set(statuses.values()) == {"ok"}
    from index_world import GTIN

    events = Queries(model).lot(GTIN, "L1").events
    lost = next(event for event in events if event.anchored.record == sm3_text(digest))
    assert lost.payload == {} and lost.event_time is None
    assert [event.sequence for event in events] == list(range(len(events)))


def test_no_private_value_is_in_the_file_when_everything_was_followed(world: World, model: ReadModel) -> None:
    path = Path(str(model.engine.url.database).removeprefix("file:").partition("?")[0])
    scrub(model.engine)
    held = b"".join(file.read_bytes() for file in path.parent.glob("index.sqlite*"))
    assert "妃子笑".encode() in held  # what is public is there
    clear = b"".join(file.read_bytes() for file in world.folder.glob("ledger.sqlite*"))
    assert len(clear) > 10_000
    for value in PRIVATE.values():
        for encoding in ("utf-8", "utf-16-le"):
            assert value.encode(encoding) not in held
            assert value.encode(encoding) not in clear
