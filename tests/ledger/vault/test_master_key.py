from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from ledger.errors import BadKey, StorageUnavailable
from ledger.vault import load_or_create_master_key
from ledger.vault.masterkey import MAX_SCRYPT_N, load_master_key


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    path = tmp_path_factory.mktemp("keys") / "sub" / "master.json"
    return path, load_or_create_master_key(path, "correct horse 马")


def test_master_key_is_the_same_when_loaded_again(made: tuple[Path, bytes]) -> None:
    path, key = made
    assert len(key) == 16 and load_or_create_master_key(path, "correct horse 马") == key


def test_master_key_file_is_private_and_encrypted_when_created(made: tuple[Path, bytes]) -> None:
    path, key = made
    assert path.stat().st_mode & 0o777 == 0o600
    assert key.hex() not in path.read_text() and key not in path.read_bytes()
    assert [file.name for file in path.parent.iterdir()] == ["master.json"]


def test_master_key_is_refused_when_the_password_is_wrong(made: tuple[Path, bytes]) -> None:
    with pytest.raises(BadKey) as caught:
        load_or_create_master_key(made[0], "correct horse")
    assert made[1].hex() not in str(caught.value)


def test_master_key_is_refused_when_others_can_read_it(made: tuple[Path, bytes], tmp_path: Path) -> None:
    copy = tmp_path / "master.json"
    copy.write_bytes(made[0].read_bytes())
    copy.chmod(0o640)
    with pytest.raises(BadKey, match="others can read"):
        load_master_key(copy, "correct horse 马")


@pytest.mark.parametrize("change", ["n", "p", "salt", "sealed", "huge-n", "format", "truncate", "list", "long", "deep"])
def test_master_key_is_refused_when_its_file_is_changed(made: tuple[Path, bytes], tmp_path: Path, change: str) -> None:
    content = json.loads(made[0].read_text())
    text = made[0].read_text()
    match change:
        case "n":
            content["kdf"]["n"] = 2
        case "p":
            content["kdf"]["p"] = 1
        case "salt":
            content["kdf"]["salt"] = "00" * 16
        case "sealed":
            content["sealed"] = content["sealed"][:-2] + ("00" if content["sealed"][-2:] != "00" else "01")
        case "huge-n":
            content["kdf"]["n"] = MAX_SCRYPT_N * 2
        case "format":
            content["format"] = "originseal-master-key/v2"
    changed = {"truncate": text[:40], "list": "[]", "long": text + " " * 5000, "deep": "[" * 4000}
    copy = tmp_path / "master.json"
    copy.write_text(changed.get(change, json.dumps(content)))
    copy.chmod(0o600)
    with pytest.raises(BadKey):
        load_master_key(copy, "correct horse 马")


def test_master_key_is_not_made_when_the_password_is_empty(tmp_path: Path) -> None:
    with pytest.raises(BadKey):
        load_or_create_master_key(tmp_path / "master.json", "")
    assert not list(tmp_path.iterdir())


def test_master_key_is_unavailable_when_its_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnavailable):
        load_or_create_master_key(tmp_path / "file" / "master.json", "x")


def test_all_get_one_key_when_many_create_it_at_once(tmp_path: Path) -> None:
    path, start, keys = tmp_path / "master.json", threading.Barrier(4), []

    def run() -> None:
        start.wait()
        keys.append(load_or_create_master_key(path, "x"))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 4 and len(set(keys)) == 1
