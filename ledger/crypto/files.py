"""Writing a file whole and durably: a reader finds the old file, the new one, or none, also after a loss of power."""

from __future__ import annotations

import os
import tempfile

from ledger.errors import Conflict, StorageUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

PRIVATE, PUBLIC = 0o600, 0o644


def write_whole(path: Path, data: bytes, *, mode: int = PRIVATE, replace: bool = False) -> None:
    """Write `data` to `path` with `mode`, which it has from the first byte on.

    Raises Conflict when the file exists and `replace` is False, StorageUnavailable when the disk refuses.
    """
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600 from the start
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(temporary, path)
            temporary = None
        else:
            os.link(temporary, path)  # unlike rename, fails when the file exists
        _sync_folder(path.parent)
    except FileExistsError as error:
        raise Conflict(f"{path.name} exists already", hint="choose another name, or replace it on purpose") from error
    except OSError as error:
        raise StorageUnavailable(f"cannot write {path.name}: {error.strerror}") from error
    finally:
        if temporary is not None:
            os.unlink(temporary)


def _sync_folder(folder: Path) -> None:
    """Make the new name durable, where the system lets a folder be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
