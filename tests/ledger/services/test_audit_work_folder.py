"""An audit's work files are believed, so they are used only where nobody but the auditor can have put them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.errors import StorageUnavailable
from ledger.services.audit.workfile import WorkFolder


def test_work_folder_is_private_when_it_is_made(tmp_path: Path) -> None:
    root = tmp_path / "audit-work"
    WorkFolder(root).close()
    assert root.stat().st_mode & 0o777 == 0o700
    assert (root / "lock").stat().st_mode & 0o777 == 0o600
    WorkFolder(root).close()  # and is used again


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_work_folder_is_refused_when_others_can_write_in_it(tmp_path: Path, mode: int) -> None:
    root = tmp_path / "audit-work"
    root.mkdir()
    root.chmod(mode)
    with pytest.raises(StorageUnavailable, match="others than this user can write in audit-work"):
        WorkFolder(root)


def test_work_folder_is_refused_when_it_is_another_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "audit-work"
    root.mkdir(mode=0o700)
    owner = root.stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: owner + 1)
    with pytest.raises(StorageUnavailable, match="others than this user"):
        WorkFolder(root)


def test_work_folder_is_refused_when_it_is_a_link_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o700)
    (tmp_path / "audit-work").symlink_to(tmp_path / "mine")
    with pytest.raises(StorageUnavailable, match="others than this user"):
        WorkFolder(tmp_path / "audit-work")


def test_lock_is_not_followed_when_it_is_a_link_elsewhere(tmp_path: Path) -> None:
    root = tmp_path / "audit-work"
    root.mkdir(mode=0o700)
    (root / "lock").symlink_to(tmp_path / "made")
    with pytest.raises(StorageUnavailable):
        WorkFolder(root)
    assert not (tmp_path / "made").exists()
