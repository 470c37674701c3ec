"""The operator's secrets: right passphrase only, nothing readable by others, nothing in a repr."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ledger.errors import BadKey, Malformed, NotFound
from ledger.services.operator_keys import create_operator_keys, find_passphrase, open_operator_keys

GOOD = "correct horse battery staple"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("operator") / "keys"
    create_operator_keys(folder, GOOD)
    return folder


def copy(keys: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(keys, tmp_path / "keys"))


def test_secrets_come_back_when_the_passphrase_is_right(keys: Path) -> None:
    first, second = open_operator_keys(keys, GOOD), open_operator_keys(keys, GOOD)
    assert (first.relayer, first.tag, first.master) == (second.relayer, second.tag, second.master)
    assert len({first.relayer, first.tag, first.master}) == 3
    assert first.relayer.hex() not in repr(first) and first.master.hex() not in repr(first)


def test_files_are_private_when_created(keys: Path) -> None:
    for path in keys.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path.name
        text = path.read_bytes()
        secrets = open_operator_keys(keys, GOOD)
        assert secrets.relayer.hex().encode() not in text and secrets.master.hex().encode() not in text


def test_opening_is_refused_when_the_passphrase_is_wrong(keys: Path) -> None:
    with pytest.raises(BadKey) as caught:
        open_operator_keys(keys, GOOD + "!")
    assert GOOD not in str(caught.value)


def test_creation_is_refused_when_the_passphrase_is_weak_or_keys_exist(keys: Path, tmp_path: Path) -> None:
    with pytest.raises(BadKey):
        create_operator_keys(tmp_path / "keys", "short")
    assert not (tmp_path / "keys").exists()
    with pytest.raises(FileExistsError):
        create_operator_keys(keys, GOOD)


@pytest.mark.parametrize("name", ["relayer", "tag", "master"])
def test_opening_is_refused_when_a_sealed_secret_was_altered(keys: Path, tmp_path: Path, name: str) -> None:
    path = copy(keys, tmp_path) / "operator.json"
    document = json.loads(path.read_text())
    sealed = bytearray.fromhex(document["sealed"][name])
    sealed[-1] ^= 1
    document["sealed"][name] = sealed.hex()
    path.write_text(json.dumps(document))
    with pytest.raises(BadKey):
        open_operator_keys(path.parent, GOOD)


def test_opening_is_refused_when_secrets_were_swapped(keys: Path, tmp_path: Path) -> None:
    path = copy(keys, tmp_path) / "operator.json"
    document = json.loads(path.read_text())
    sealed = document["sealed"]
    sealed["relayer"], sealed["tag"] = sealed["tag"], sealed["relayer"]
    path.write_text(json.dumps(document))
    with pytest.raises(BadKey):
        open_operator_keys(path.parent, GOOD)


def test_opening_is_refused_when_others_can_read_the_file(keys: Path, tmp_path: Path) -> None:
    path = copy(keys, tmp_path) / "operator.json"
    path.chmod(0o640)
    with pytest.raises(BadKey, match="others can read"):
        open_operator_keys(path.parent, GOOD)


def test_cost_is_ours_when_the_file_asks_for_another(keys: Path, tmp_path: Path) -> None:
    path = copy(keys, tmp_path) / "operator.json"
    document = json.loads(path.read_text())
    document["kdf"]["n"] = 2**30
    path.write_text(json.dumps(document))
    with pytest.raises(Malformed):
        open_operator_keys(path.parent, GOOD)


def test_passphrase_is_asked_for_when_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORIGINSEAL_PASSPHRASE", raising=False)
    with pytest.raises(NotFound, match="passphrase"):
        find_passphrase(tmp_path)
    monkeypatch.setenv("ORIGINSEAL_PASSPHRASE", GOOD)
    assert find_passphrase(tmp_path) == GOOD
    with pytest.raises(NotFound):
        open_operator_keys(tmp_path, GOOD)
