"""Reading a backup: verifying an archive, and restoring one into a new data folder.

Restoring makes everything in a private folder beside the target, checks it there, and renames it when nothing is left
to fail: a crash leaves no target. The argument before the rename:

    1. manifest: form, complete, signed by a checkpoint key of the anchors asked (the archive's own where none are)
    2. every file is listed, in order, with its size and SM3; nothing else is in the archive
    3. configuration, anchors and manifest name one ledger; the chain opens, its newest blocks hold, its head is the
       manifest's, its contracts are this release's
    4. every submission on the copied chain has its payload row; no outbox row claims a block that is not there; each
       signed row is either on the chain or has the bytes to be sent again

An operator's folder is then marked: it may not seal before `resume` (see `marks`).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import contracts
from ledger.chain.abi import Abi
from ledger.chain.contracts import Deployment, check
from ledger.chain.embedded import EmbeddedEngine
from ledger.crypto import sm3
from ledger.crypto.digest import sm3_text
from ledger.errors import Conflict, Malformed, NotFound, StorageUnavailable, VerificationFailed
from ledger.proof.anchors import Anchors, parse_anchors
from ledger.services.backup import manifest as manifests
from ledger.services.backup.archive import MANIFEST, SIGNATURE, Member, read_members, small
from ledger.services.backup.manifest import Manifest, SignedBy
from ledger.services.backup.marks import RestoredMark, write_restored_mark
from ledger.services.backup.snapshot import translated
from ledger.services.backup.workspace import disk, sync, workspace
from ledger.services.config import OPERATOR, DataFolder, load_config

SLACK = 64 << 20  # bytes to leave on the disk


@dataclass(frozen=True, slots=True)
class VerifiedArchive:
    """Evidence: every file of the archive is what its manifest says. `signed_by` None: nobody signed it."""

    manifest: Manifest
    manifest_sm3: bytes
    signed_by: SignedBy | None


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What the restored stores hold: submissions, and outbox rows that the next start settles or sends again."""

    submissions: int
    queued: int
    settled: int
    resent: int


@dataclass(frozen=True, slots=True)
class Restored:
    """A restored folder."""

    data: Path
    archive: VerifiedArchive
    stores: StoreFacts | None
    sealing_suspended: bool


def verify_archive(path: Path, anchors: Anchors | None = None) -> VerifiedArchive:
    """Check an archive without restoring it: form, digests, signature. With `anchors`, it must be signed by a key of
    theirs and be of their chain. Raises NotFound, Malformed, VerificationFailed."""
    with _opened(path) as source:
        reading = read_members(source)
        return _read(reading, anchors, lambda member: None)


def restore(
    path: Path, data: Path, *, anchors: Anchors | None = None, clock: Callable[[], float] = time.time
) -> Restored:
    """Restore the archive `path` into the folder `data`, which must not exist or be empty.

    Raises Conflict (something is there), NotFound (no archive), Malformed or VerificationFailed (the archive does not
    hold), StorageUnavailable (disk full).
    """
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise Conflict(f"{data} is not empty", hint="restore into a new folder, then put it in the old one's place")
    data = data.absolute()
    if not data.parent.is_dir():
        raise NotFound(f"there is no folder {data.parent}")
    with workspace(data) as work, _opened(path) as source:
        archive = _read(read_members(source), anchors, lambda member: _save(work, member))
        stores = _check(work, archive, anchors)
        suspended = archive.manifest.role == OPERATOR and archive.manifest.head is not None
        if suspended:
            head = archive.manifest.head
            assert head is not None
            mark = RestoredMark(int(clock()), head.number, f"0x{head.hash.hex()}", sm3_text(archive.manifest_sm3))
            write_restored_mark(work, mark)
        with disk(f"put {data.name} in place"):
            for folder in (work / "keys" / "members", work / "keys", work / "evidence", work):
                if folder.is_dir():
                    sync(folder)
            os.rename(work, data)  # fails when somebody has put something there meanwhile
            sync(data.parent)
    return Restored(data, archive, stores, suspended)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise NotFound(f"there is no archive {path}") from error
    except OSError as error:
        raise StorageUnavailable(f"cannot read {path.name}: {error.strerror}") from error


def _read(members: Iterator[Member], anchors: Anchors | None, save: Callable[[Member], None]) -> VerifiedArchive:
    """Walk the archive; `save` may consume a member's chunks (through the digest)."""
    first = next(members, None)
    if first is None or first.name != MANIFEST:
        raise Malformed("the first file of a backup is manifest.json", field="archive")
    encoded = small(first, manifests.MAX_MANIFEST)
    manifest = manifests.parse_manifest(encoded)
    if anchors is not None and (anchors.chain_id, anchors.genesis) != (manifest.chain_id, manifest.genesis):
        raise VerificationFailed("the backup is of another chain than the anchors", step="chain")
    signed: SignedBy | None = None
    expected = list(manifest.files)
    for member in members:
        if member.name == SIGNATURE and signed is None and len(expected) == len(manifest.files):
            signed = manifests.verify(encoded, small(member, manifests.MAX_SIGNATURE), anchors)
            continue
        if not expected or member.name != expected[0].name:
            raise Malformed("a file that the manifest does not list here", field=member.name[:100])
        file = expected.pop(0)
        if member.size != file.size:
            raise VerificationFailed(f"{file.name} has {member.size} bytes, not {file.size}", step="size")
        context = sm3.new()
        save(Member(member.name, member.size, _hashed(member.chunks, context.update)))
        for chunk in member.chunks:
            context.update(chunk)
        if context.digest() != file.sm3:
            raise VerificationFailed(f"{file.name} does not have the digest in the manifest", step="digest")
    if expected:
        raise VerificationFailed(f"{expected[0].name} is missing from the archive", step="files")
    if signed is None and anchors is not None:
        raise VerificationFailed("nobody signed this backup", step="signature")
    return VerifiedArchive(manifest, sm3.sm3(encoded), signed)


def _hashed(chunks: Iterator[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for chunk in chunks:
        update(chunk)
        yield chunk


def _save(work: Path, member: Member) -> None:
    """Write one member; its name was checked by the manifest's reader, which knows every name there is."""
    target = work / member.name
    with disk(f"write {member.name}"):
        if shutil.disk_usage(work).free < member.size + SLACK:
            raise StorageUnavailable(f"there is no room for {member.name}", hint="free disk space and try again")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as out:
            for chunk in member.chunks:
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())


def _check(work: Path, archive: VerifiedArchive, given: Anchors | None) -> StoreFacts | None:
    manifest, folder = archive.manifest, DataFolder(work)
    config = load_config(folder)
    anchors = parse_anchors(folder.anchors.read_bytes())
    deployment = Deployment.from_json(config.deployment)
    engine_kind = "embedded" if config.engine.get("type") == "embedded" else "jsonrpc"
    named = (manifest.chain_id, manifest.genesis)
    if (config.chain_id, deployment.genesis) != named or (anchors.chain_id, anchors.genesis) != named:
        raise VerificationFailed("manifest, configuration and anchors name different chains", step="chain")
    if (config.role, engine_kind) != (manifest.role, manifest.engine):
        raise VerificationFailed("manifest and configuration describe different ledgers", step="config")
    if archive.signed_by is not None and given is None and archive.signed_by.key.key_id not in anchors.checkpoint_keys:
        raise VerificationFailed("the signing key is no checkpoint key of the backup's own anchors", step="signature")
    if manifest.head is not None:
        with EmbeddedEngine.open(folder.chain) as engine:
            check(deployment, engine)
            found = engine.node.head()
            if (found.block_number, found.hash) != (manifest.head.number, manifest.head.hash):
                raise VerificationFailed("the chain file does not end at the manifest's head", step="head")
    if manifest.role != OPERATOR or not manifest.database:
        return None
    return _check_stores(folder, manifest.head is not None)


def _check_stores(folder: DataFolder, embedded: bool) -> StoreFacts:
    """Point 4 of the argument, in the databases' own words."""
    with translated("check the restored store"), closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute("PRAGMA trusted_schema=OFF")
        db.execute("ATTACH ? AS store", (str(folder.ledger),))

        def count(name: str, *parameters: object) -> int:
            return int(db.execute(_COUNTS[name], parameters).fetchone()[0])

        submissions, queued, signed = count("submissions"), count("queued"), count("signed")
        if broken := count("without bytes"):
            raise VerificationFailed(f"{broken} signed submissions have lost their bytes", step="outbox")
        if not embedded:
            return StoreFacts(submissions, queued, 0, signed)
        db.execute("ATTACH ? AS chain", (str(folder.chain),))
        if lost := count("without payload", Abi(contracts.artifact("Submissions").abi).event("Accepted").digest):
            raise VerificationFailed(f"{lost} submissions on the chain have no payload in the store", step="payloads")
        if ahead := count("without block"):
            raise VerificationFailed(
                f"{ahead} submissions are called sealed in blocks that are not there", step="outbox"
            )
        settled = count("settled")
        return StoreFacts(submissions, queued, settled, signed - settled)


_COUNTS = {
    "submissions": "SELECT count(*) FROM store.submissions",
    "queued": "SELECT count(*) FROM store.chain_outbox WHERE state = 'queued'",
    "signed": "SELECT count(*) FROM store.chain_outbox WHERE state = 'signed'",
    "without bytes": "SELECT count(*) FROM store.chain_outbox"
    " WHERE state = 'signed' AND (raw IS NULL OR tx_hash IS NULL)",
    "without payload": "SELECT count(*) FROM chain.log AS l WHERE l.t0 = ?"
    " AND NOT EXISTS (SELECT 1 FROM store.submissions AS s WHERE s.submission_id = l.t1)",
    "without block": "SELECT count(*) FROM store.chain_outbox AS o WHERE o.state = 'sealed'"
    " AND NOT EXISTS (SELECT 1 FROM chain.block AS b WHERE b.number = o.block AND b.hash = o.block_hash)",
    "settled": "SELECT count(*) FROM store.chain_outbox"
    " WHERE state = 'signed' AND tx_hash IN (SELECT hash FROM chain.tx)",
}
