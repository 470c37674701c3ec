"""Two small files in a data folder: when it was last backed up, and that it was restored and may not seal yet.

    DATA/backup.json      written by `originseal backup`: when, up to which block, the manifest's digest
    DATA/restored.json    written by `originseal restore`: the head that came back; "resumedAt" once somebody has
                          compared that head with the outside world

A ledger restored from a backup has forgotten what it sealed after it. If it went on sealing, it would write a second
history beside the one that others hold. So it reads, and refuses to seal, until `originseal restore --resume-sealing`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ledger.chain import jsontext
from ledger.errors import SealingSuspended
from ledger.services.config import write_json

BACKUP_MARK, RESTORED_MARK = "backup.json", "restored.json"
BACKUP_FORMAT, RESTORED_FORMAT = "originseal-backup-mark/v1", "originseal-restored/v1"
MAX_MARK = 16 * 1024


@dataclass(frozen=True, slots=True)
class BackupMark:
    """The last backup of a folder. `time` in Unix seconds, `head` the last block in it (None: no chain file)."""

    time: int
    head: int | None
    manifest: str  # sm3:… of the manifest


@dataclass(frozen=True, slots=True)
class RestoredMark:
    """Where a folder came from. `resumed_at` is None until sealing was allowed again."""

    time: int
    head: int
    head_hash: str
    manifest: str  # sm3:… of the manifest
    resumed_at: int | None = None
    confirmed_by: str | None = None


def write_backup_mark(data: Path, mark: BackupMark) -> None:
    """Note a finished backup."""
    write_json(data / BACKUP_MARK, {"format": BACKUP_FORMAT, **asdict(mark)})


def last_backup(data: Path) -> int | None:
    """When the folder was last backed up, None when never (or nobody can tell)."""
    value = _read(data / BACKUP_MARK, BACKUP_FORMAT)
    when = None if value is None else value.get("time")
    return when if type(when) is int else None


def write_restored_mark(data: Path, mark: RestoredMark) -> None:
    """Note a restoration, or that sealing may go on."""
    write_json(data / RESTORED_MARK, {"format": RESTORED_FORMAT, **asdict(mark)})


def restored_mark(data: Path) -> RestoredMark | None:
    """The mark of a restored folder, None for one that never was. A mark that cannot be read still suspends sealing:
    see `sealing_suspended`."""
    value = _read(data / RESTORED_MARK, RESTORED_FORMAT)
    if value is None:
        return None
    with suppress(TypeError):
        mark = RestoredMark(**{name: item for name, item in value.items() if name != "format"})
        right = type(mark.time) is int and type(mark.head) is int and isinstance(mark.head_hash, str)
        return mark if right else None
    return None


def sealing_suspended(data: Path) -> bool:
    """Whether this folder was restored and nobody has compared its head with the outside yet."""
    if not (data / RESTORED_MARK).exists():
        return False
    mark = restored_mark(data)
    return mark is None or type(mark.resumed_at) is not int


def require_sealing(data: Path) -> None:
    """Raises SealingSuspended where a restored folder may not seal yet."""
    if sealing_suspended(data):
        raise SealingSuspended(
            "this ledger was restored from a backup and may be older than what it has published",
            hint="compare it with a replica first: originseal restore --resume-sealing --data DIR --confirmed-head URL",
        )


def _read(path: Path, form: str) -> dict[str, Any] | None:
    try:
        if path.stat().st_size > MAX_MARK:
            return None
        value = jsontext.loads(path.read_bytes(), 4)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) and value.get("format") == form else None
