"""A private folder in which something is made before it appears under its real name, all at once.

Always the same name beside the target, locked while in use: what a killed process left behind is cleared by the next.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import Conflict, StorageUnavailable


@contextmanager
def workspace(target: Path) -> Iterator[Path]:
    """An empty folder (0700) beside `target`, removed afterwards unless it was renamed.

    Raises Conflict when another process is making the same target, StorageUnavailable when the disk refuses.
    """
    folder = target.parent / f".{target.name}.partial"
    with disk(f"write beside {target.name}"):
        folder.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Conflict(f"another process is writing {target.name}", hint="wait for it") from error
        with disk(f"clear {folder.name}"):
            for entry in folder.iterdir():
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        try:
            yield folder
        finally:
            if folder.exists() and os.path.samestat(os.stat(folder), os.fstat(handle)):
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)


@contextmanager
def disk(doing: str) -> Iterator[None]:
    """Errors of the file system in the block become StorageUnavailable."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StorageUnavailable(
            f"cannot {doing}: {error.strerror}", hint="free disk space and try again" if full else ""
        ) from error


def sync(path: Path) -> None:
    """Make a file or a folder's entries durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
