"""A single bit changed anywhere in a store's file is found, or changes no answer: proved by asking everything."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from index_world import MASTER, World, answers

from ledger.errors import OriginSealError
from ledger.index import ReadModel, compare
from ledger.vault import Vault, open_engine
from ledger.vault.engine import scrub
from ledger.vault.examine import examine

FLIPS = 40
HEADER = 12  # bytes of a page's header, where zeros mean something too


def flipped(data: bytes, chance: random.Random) -> bytes:
    """One bit flipped in a byte that is not plainly unused."""
    used = [at for at, byte in enumerate(data) if byte or at % 4096 < HEADER]
    at = chance.choice(used)
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def vault_answers(vault: Vault) -> list[str]:
    """Everything that a payload store can be asked, as text."""
    found = []
    for stored, rows in vault.everything():
        found += [repr(stored), repr(rows), repr(vault.by_nonce(stored.key_id, stored.nonce))]
        found.append(repr(vault.records(stored.submission_id)))
        found += [repr(vault.record(row.digest)) for row in rows]
    return found


def check(path: Path, original: bytes, found: Callable[[], list[object]], same: Callable[[], bool], seed: int) -> int:
    """How many of FLIPS flips were found; fails for one that was not and still changed an answer."""
    chance, number = random.Random(seed), 0
    for _ in range(FLIPS):
        for leftover in path.parent.glob(path.name + "*"):
            leftover.unlink()
        path.write_bytes(flipped(original, chance))
        try:
            noticed = bool(found())
        except OriginSealError:  # a store that cannot even be opened says so
            noticed = True
        number += noticed
        assert noticed or same()
    return number


@pytest.mark.parametrize("seed", [1, 2])
def test_flip_in_the_read_model_is_found_or_changes_no_answer(
    world: World, followed: ReadModel, tmp_path: Path, seed: int
) -> None:
    scrub(followed.engine)
    fresh = ReadModel.open(":memory:")
    world.follower(fresh).catch_up()
    path, expected = tmp_path / "index.sqlite", answers(followed)

    def found() -> list[object]:
        model = ReadModel.open(path, read_only=True)
        moved: list[object] = [] if model.cursor() == fresh.cursor() else ["cursor"]
        return moved + list(compare(model, fresh))

    def same() -> bool:
        return answers(ReadModel.open(path, read_only=True)) == expected

    assert check(path, (world.folder / "followed.sqlite").read_bytes(), found, same, seed) > FLIPS / 2


@pytest.mark.parametrize("seed", [1, 2])
def test_flip_in_the_payload_store_is_found_or_changes_no_answer(world: World, tmp_path: Path, seed: int) -> None:
    scrub(world.vault.engine)
    path, expected = tmp_path / "ledger.sqlite", vault_answers(world.vault)

    def opened() -> Vault:
        return Vault(open_engine(path, read_only=True), MASTER, read_only=True)

    def same() -> bool:
        return vault_answers(opened()) == expected

    original = (world.folder / "ledger.sqlite").read_bytes()
    assert check(path, original, lambda: list(examine(opened())), same, seed) > FLIPS / 3


def test_store_is_unavailable_when_its_schema_is_not_even_text(world: World, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    scrub(world.vault.engine)
    data = (world.folder / "ledger.sqlite").read_bytes()
    at = data.index(b"CREATE TABLE settings")
    path.write_bytes(data[:at] + b"CREATE TABLE \xce\xff\xff\xff\xff\xff\xff\xff" + data[at + 21 :])
    with pytest.raises(OriginSealError):
        Vault(open_engine(path, read_only=True), MASTER, read_only=True)
