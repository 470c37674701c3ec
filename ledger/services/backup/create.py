"""Making a backup of a data folder, beside the server that is writing to it.

    1. one moment of chain and store is copied (see `snapshot`) and each copy's structure checked
    2. configuration, anchors, encrypted keys and the last audit's report are taken as they are
    3. a manifest with each file's size and SM3 is signed with the checkpoint key, where its passphrase is at hand
    4. everything goes into one tar, which appears under its name when it is durably complete

The read model is not in it: it is made again. Secrets go in only as the encrypted files they are; a file under keys/
that is not recognisably encrypted (a demonstration's passphrase) is left out and named.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ledger.chain import jsontext
from ledger.chain.contracts import Deployment
from ledger.crypto.digest import sm3_text
from ledger.crypto.ports import Signer
from ledger.crypto.sm3 import sm3
from ledger.errors import Conflict, Malformed, NotFound, StorageUnavailable
from ledger.services.backup import manifest as manifests
from ledger.services.backup.archive import MANIFEST, SIGNATURE, Writer, file_digest
from ledger.services.backup.manifest import KEY_NAME, MAX_KEY_FILE, File, Head, Manifest
from ledger.services.backup.marks import BackupMark, write_backup_mark
from ledger.services.backup.snapshot import Progress, one_moment
from ledger.services.backup.workspace import disk, sync, workspace
from ledger.services.config import REPLICA, Config, DataFolder, load_config
from ledger.services.operator_keys import FORMAT as KEYS_FORMAT
from ledger.services.operator_keys import find_passphrase, open_checkpoint_key

ENCRYPTED_PEM = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
HEAD = "SELECT number FROM block ORDER BY number DESC LIMIT 1"
HEAD_HASH = "SELECT hash FROM block ORDER BY number DESC LIMIT 1"
SLACK = 64 << 20  # bytes to leave on the disk


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished archive. `manifest_sm3` names it: the manifest holds every file's digest. `left_out` names files under
    keys/ that are not in it."""

    path: Path
    manifest: Manifest
    size: int
    manifest_sm3: bytes
    signed_by: bytes | None
    left_out: tuple[str, ...] = field(default=())


def create_backup(
    data: Path,
    target: Path,
    *,
    program: str,
    with_keys: bool = True,
    with_database: bool = True,
    passphrase: str | None = None,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.time,
) -> Backup:
    """Back up the folder `data` into the new file `target`.

    Raises NotFound (no ledger), Conflict (`target` exists), Malformed (the store is in another database and
    `with_database` was not switched off; an unreadable configuration), StorageUnavailable (disk full, damaged store).
    """
    folder = DataFolder(data)
    config = load_config(folder)
    if config.database_url is not None and with_database:
        raise Malformed(
            "the payload store is in another database, which its own tools back up (pg_dump)",
            field="--without-database",
            hint="see “Backup” in docs/operations.md, then say --without-database",
        )
    if target.exists():
        raise Conflict(f"{target.name} exists already", hint="choose another name")
    keys, left_out = _key_files(folder) if with_keys else ([], [])
    signer = _signer(folder, config, passphrase)
    with workspace(target) as work:
        created = int(clock())
        files, head, database = _stores(folder, config, work, progress)
        files += [("config.json", folder.config), ("anchors.json", folder.anchors)]
        if folder.audit_report.exists():
            files.append(("audit.json", folder.audit_report))
        files += [(f"keys/{path.relative_to(folder.keys).as_posix()}", path) for path in keys]
        files += [(f"evidence/{path.name}", path) for path in sorted((folder.root / "evidence").glob("*.json"))]
        copies = [_copy_small(work, name, path) for name, path in files]
        # Small files first: a reader knows early whose backup it is.
        listed = tuple(sorted((file for file, _ in copies), key=lambda file: file.name.endswith(".sqlite")))
        deployment = Deployment.from_json(config.deployment)
        manifest = Manifest(
            program=program,
            created=created,
            role=config.role,
            engine="embedded" if config.engine.get("type") == "embedded" else "jsonrpc",
            chain_id=config.chain_id,
            genesis=deployment.genesis,
            head=head,
            database=database,
            keys=bool(keys),
            files=listed,
        )
        sources = {file.name: path for file, path in copies}
        archive = work / "archive"
        _write(archive, manifest, signer, sources)
        size, digest = archive.stat().st_size, sm3(manifest.encode())
        with disk(f"write {target.name}"):
            os.link(archive, target)  # unlike rename, never replaces a file
            sync(target.parent)
    write_backup_mark(data, BackupMark(created, None if head is None else head.number, sm3_text(digest)))
    signed_by = None if signer is None else signer.public.key_id
    return Backup(target, manifest, size, digest, signed_by, tuple(left_out))


def _stores(
    folder: DataFolder, config: Config, work: Path, progress: Progress | None
) -> tuple[list[tuple[str, Path]], Head | None, bool]:
    """Consistent copies of chain and store: (files, head of the copied chain, whether the store is among them)."""
    embedded = config.engine.get("type") == "embedded"
    store = folder.root / "replica.sqlite" if config.role == REPLICA else folder.ledger
    database = config.role == REPLICA or config.database_url is None
    paths = ([folder.chain] if embedded else []) + ([store] if database else [])
    for path in paths:
        if not path.exists():
            raise StorageUnavailable(f"{path.name} is missing", hint="run `originseal doctor`")
    needed = 2 * sum(path.stat().st_size for path in paths) + SLACK  # the copies, and the archive of them
    status = os.statvfs(work)
    if status.f_bavail * status.f_frsize < needed:
        raise StorageUnavailable(f"a backup needs {needed >> 20} MiB there for a while", hint="free disk space")
    head = None
    with one_moment(paths, store if database else None) as moment:
        if embedded:
            number, block_hash = moment.scalar(folder.chain.name, HEAD), moment.scalar(folder.chain.name, HEAD_HASH)
            if not isinstance(number, int) or not isinstance(block_hash, bytes):
                raise StorageUnavailable("the chain file has no blocks")
            head = Head(number, block_hash)
        for path in paths:
            moment.copy(path.name, work / path.name, progress)
    return [(path.name, work / path.name) for path in paths], head, database


def _copy_small(work: Path, name: str, path: Path) -> tuple[File, Path]:
    """A file's entry. Everything but the stores' copies is copied first: it must not change between digest and tar."""
    if path.parent != work:
        copy = work / name.replace("/", "+")
        with disk(f"read {name}"):
            copy.write_bytes(path.read_bytes())
        path = copy
    return File(name, path.stat().st_size, file_digest(path)), path


def _write(archive: Path, manifest: Manifest, signer: Signer | None, sources: dict[str, Path]) -> None:
    encoded = manifest.encode()
    manifests.parse_manifest(encoded)  # what we write, we can read: a file over its limit is refused now, not later
    with (
        disk("write the archive"),
        os.fdopen(os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out,
    ):
        writer = Writer(out, manifest.created)
        writer.add_bytes(MANIFEST, encoded)
        if signer is not None:
            writer.add_bytes(SIGNATURE, manifests.sign(encoded, signer))
        for file in manifest.files:
            writer.add_file(file.name, sources[file.name], file.size)
        writer.close()
        out.flush()
        os.fsync(out.fileno())


def _key_files(folder: DataFolder) -> tuple[list[Path], list[str]]:
    """(files under keys/ that are encrypted, or empty marks; names of the others)."""
    taken, left = [], []
    for path in sorted(folder.keys.rglob("*")) if folder.keys.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            continue
        name = f"keys/{path.relative_to(folder.keys).as_posix()}"
        if KEY_NAME.fullmatch(name) and not path.is_symlink() and path.is_file() and _is_sealed(path):
            taken.append(path)
        else:
            left.append(name)
    return taken, left


def _is_sealed(path: Path) -> bool:
    with disk(f"read keys/{path.name}"):
        data = path.read_bytes()[: MAX_KEY_FILE + 1]
    if len(data) > MAX_KEY_FILE:
        return False
    if not data or (data.startswith(ENCRYPTED_PEM) and data.count(b"-----BEGIN ") == 1):
        return True
    try:
        value = jsontext.loads(data, 8)
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("format") == KEYS_FORMAT


def _signer(folder: DataFolder, config: Config, passphrase: str | None) -> Signer | None:
    if config.role == REPLICA:
        return None
    try:
        return open_checkpoint_key(folder.keys, passphrase or find_passphrase(folder.keys))
    except NotFound:
        return None  # a backup without a signature is better than none; the caller says so
