"""Archives that somebody prepared or that broke on the way: each is refused, with its reason, and leaves nothing."""

from __future__ import annotations

import io
import json
import os
import signal
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.crypto.keyfile import FileSigner
from ledger.crypto.sm2 import PrivateKey
from ledger.crypto.sm3 import sm3
from ledger.errors import Conflict, OriginSealError, Untrusted
from ledger.services.backup import manifest as manifests
from ledger.services.backup import restore as restoring
from ledger.services.backup.create import create_backup
from ledger.services.backup.restore import restore, verify_archive
from ledger.services.backup.workspace import workspace
from tests.small_ledger import PASSPHRASE, SmallLedger

Members = list[tuple[str, bytes]]


@pytest.fixture(scope="module")
def good(small_master: SmallLedger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good archive; do not change it."""
    path = tmp_path_factory.mktemp("backup") / "good.tar"
    create_backup(small_master.data, path, program="test", passphrase=PASSPHRASE)
    return path


def contents(path: Path) -> Members:
    with tarfile.open(path) as tar:
        found = []
        for info in tar:
            member = tar.extractfile(info)
            assert member is not None
            found.append((info.name, member.read()))
    return found


def packed(path: Path, members: Members) -> Path:
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def refused(path: Path, tmp_path: Path, *, verifies: bool = False) -> str:
    """The archive is neither verified nor restored, and nothing is left; returns the reason."""
    target = tmp_path / "target"
    if not verifies:
        with pytest.raises(Untrusted):
            verify_archive(path)
    with pytest.raises(OriginSealError) as caught:
        restore(path, target)
    assert not target.exists() and not (tmp_path / ".target.partial").exists()
    return f"{caught.value.message} [{caught.value.field}]"


def listed(members: Members, change: Callable[[dict[str, Any]], None] | None = None) -> Members:
    """The members with an honest, unsigned manifest: whoever prepares an archive can write one."""
    manifest = json.loads(dict(members)["manifest.json"])
    rest = [(name, data) for name, data in members if name not in ("manifest.json", "manifest.sig")]
    manifest["files"] = [{"name": n, "size": len(d), "sm3": f"sm3:{sm3(d).hex()}"} for n, d in rest]
    if change is not None:
        change(manifest)
    return [("manifest.json", json.dumps(manifest).encode()), *rest]


def test_repacked_archive_is_accepted_when_nothing_was_changed(good: Path, tmp_path: Path) -> None:
    packed(tmp_path / "same.tar", contents(good))
    restore(tmp_path / "same.tar", tmp_path / "one")
    packed(tmp_path / "honest.tar", listed(contents(good)))
    assert restore(tmp_path / "honest.tar", tmp_path / "two").archive.signed_by is None


def test_archive_is_refused_when_one_byte_of_any_file_differs(good: Path, tmp_path: Path) -> None:
    members = contents(good)
    for at, (name, data) in enumerate(members):
        changed = bytes([data[len(data) // 2] ^ 1])
        altered = data[: len(data) // 2] + changed + data[len(data) // 2 + 1 :]
        packed(tmp_path / "x.tar", [*members[:at], (name, altered), *members[at + 1 :]])
        with pytest.raises(Untrusted):
            verify_archive(tmp_path / "x.tar")
    assert "digest" in refused(tmp_path / "x.tar", tmp_path)


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/evil", "keys/../evil", "keys/members/../../evil", "config.json/x", "evil", "keys/.hidden",
     "evidence/../evil", "keys/members/a/b", "chain.sqlite-wal", "restored.json", "index.sqlite", "keys//x", "KEYS/x"],
)  # fmt: skip
def test_archive_is_refused_when_it_names_another_file(good: Path, tmp_path: Path, name: str) -> None:
    members = [*contents(good), (name, b"evil")]
    packed(tmp_path / "x.tar", listed(members))
    assert "name" in refused(tmp_path / "x.tar", tmp_path)
    packed(tmp_path / "y.tar", members)  # not even listed
    assert "manifest" in refused(tmp_path / "y.tar", tmp_path)
    assert not (tmp_path.parent / "evil").exists() and not Path("/etc/evil").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_archive_is_refused_when_it_holds_more_than_files(good: Path, tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in contents(good):
            info = tarfile.TarInfo(name)
            if name == "config.json":
                info.type, info.linkname = kind, "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
                tar.addfile(info)
            else:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    assert "plain files" in refused(tmp_path / "x.tar", tmp_path)


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_archive_is_refused_when_names_come_in_extended_headers(good: Path, tmp_path: Path, form: int) -> None:
    long = "keys/" + "x" * 120
    with tarfile.open(tmp_path / "x.tar", "w", format=form) as tar:
        for name, data in [*contents(good), (long, b"")]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    assert "plain files" in refused(tmp_path / "x.tar", tmp_path)


def test_archive_is_refused_wherever_it_is_cut(good: Path, tmp_path: Path) -> None:
    data = good.read_bytes()
    ends = [0, 1, 511, 512, 513, 1024, len(data) // 3, len(data) // 2, len(data) - 10240, len(data) - 9000]
    for end in ends:
        (tmp_path / "x.tar").write_bytes(data[:end])
        if any(data[end:]):  # what follows the last file is zeros: there the end of the archive is only shorter
            refused(tmp_path / "x.tar", tmp_path)


def test_archive_is_refused_when_something_follows_it(good: Path, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(good.read_bytes() + b"more")
    assert "end" in refused(tmp_path / "x.tar", tmp_path)
    (tmp_path / "x.tar").write_bytes(good.read_bytes() + bytes(1 << 20))
    assert "end" in refused(tmp_path / "x.tar", tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", bytes(512), bytes(20480), b"\xff" * 1024, b"manifest.json" + bytes(600)]
)
def test_archive_is_refused_when_it_is_no_tar(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.tar").write_bytes(content)
    refused(tmp_path / "x.tar", tmp_path)


def test_archive_is_refused_when_files_are_missing_doubled_or_in_another_order(good: Path, tmp_path: Path) -> None:
    members = contents(good)
    backwards, swapped = list(reversed(members[2:])), [members[1], members[0]]
    orders = [members[1:], members[:-1], members[:1], [*members, members[-1]], [*members[:2], *backwards]]
    for wrong in (*orders, [*swapped, *members[2:]], [*members[:3], members[1], *members[3:]]):
        packed(tmp_path / "x.tar", wrong)
        refused(tmp_path / "x.tar", tmp_path)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), "originseal-backup/v2"), (("chainId",), 1), (("chainId",), "20250"),
        (("genesis",), "0x" + "00" * 32),
        (("head", "number"), 0), (("head", "hash"), "0x" + "11" * 32), (("head",), None), (("role",), "replica"),
        (("role",), "king"), (("engine",), "jsonrpc"), (("database",), False), (("keys",), False), (("createdAt",), -1),
        (("files",), []), (("files", 0, "size"), 1 << 50), (("files", 0, "size"), -1), (("files", 0, "size"), True),
        (("files", 0, "sm3"), "sm3:00"), (("program",), "x" * 100), (("surplus",), 1),
    ],
)  # fmt: skip
def test_archive_is_refused_when_its_manifest_says_something_else(
    good: Path, tmp_path: Path, path: tuple[Any, ...], value: object
) -> None:
    def change(manifest: dict[str, Any]) -> None:
        where: Any = manifest
        for step in path[:-1]:
            where = where[step]
        where[path[-1]] = value

    packed(tmp_path / "x.tar", listed(contents(good), change))
    refused(tmp_path / "x.tar", tmp_path, verifies=True)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"format": 1, "format": 2}', b"[" * 5000, b"\xff"])
def test_archive_is_refused_when_its_manifest_makes_no_sense(good: Path, tmp_path: Path, raw: bytes) -> None:
    packed(tmp_path / "x.tar", [("manifest.json", raw), *contents(good)[1:]])
    refused(tmp_path / "x.tar", tmp_path)


def test_archive_is_refused_when_a_stranger_signed_it(good: Path, tmp_path: Path) -> None:
    members = contents(good)
    signature = manifests.sign(members[0][1], FileSigner(PrivateKey.generate()))
    packed(tmp_path / "x.tar", [members[0], ("manifest.sig", signature), *members[2:]])
    assert verify_archive(tmp_path / "x.tar").signed_by is not None  # said, with the key: compare it
    assert "anchors" in refused(tmp_path / "x.tar", tmp_path, verifies=True)


def test_archive_is_refused_when_the_signature_is_of_another_manifest(good: Path, tmp_path: Path) -> None:
    members = contents(good)
    other = listed(members)[0][1]
    packed(tmp_path / "x.tar", [("manifest.json", other), *members[1:]])
    assert "signature" in refused(tmp_path / "x.tar", tmp_path)


def test_archive_is_refused_when_chain_and_store_are_of_different_moments(
    small: SmallLedger, good: Path, tmp_path: Path
) -> None:
    """Two honest backups, put together: an older chain under a newer store, and the other way round."""
    small.register_lot()
    create_backup(small.data, tmp_path / "later.tar", program="test", passphrase=PASSPHRASE)
    old, new = dict(contents(good)), dict(contents(tmp_path / "later.tar"))

    def joined(chain: dict[str, bytes], store: dict[str, bytes]) -> Path:
        members = [(name, data) for name, data in chain.items() if name != "ledger.sqlite"]
        return packed(tmp_path / "x.tar", listed([*members, ("ledger.sqlite", store["ledger.sqlite"])]))

    assert "no payload" in refused(joined(new, old), tmp_path, verifies=True)
    assert "sealed in blocks that are not there" in refused(joined(old, new), tmp_path, verifies=True)


def test_restoring_is_refused_when_another_process_is_at_it(good: Path, tmp_path: Path) -> None:
    with workspace(tmp_path / "target"), pytest.raises(Conflict, match="another process"):
        restore(good, tmp_path / "target")
    restore(good, tmp_path / "target")


@pytest.mark.parametrize("step", ["_save", "_check", "write_restored_mark"])
def test_no_target_exists_when_restoring_is_killed(good: Path, tmp_path: Path, step: str) -> None:
    pid = os.fork()
    if pid == 0:
        try:

            def die(*_: object, **__: object) -> None:
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)

            setattr(restoring, step, die)
            restore(good, tmp_path / "target")
        finally:
            os._exit(7)  # never return into pytest
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status)
    assert not (tmp_path / "target").exists() and (tmp_path / ".target.partial").exists()
    assert restore(good, tmp_path / "target").sealing_suspended
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("chain.sqlite", b""), ("chain.sqlite", b"garbage" * 1000), ("ledger.sqlite", b""),
        ("ledger.sqlite", b"\0" * 8192),
        ("ledger.sqlite", b"SQLite format 3\0" + b"\xff" * 8000), ("config.json", b"{}"), ("config.json", b"[" * 99999),
        ("config.json", b'{"format": "originseal-config/v1", "engine": 5}'), ("config.json", b"\xff\xfe"),
        ("config.json", b'{"format": "originseal-config/v1", "deployment": {"contracts": 7}}'),
        ("anchors.json", b"{}"), ("anchors.json", b"not json"), ("anchors.json", b""),
    ],
)  # fmt: skip
def test_archive_is_refused_when_an_honest_manifest_lists_nonsense(
    good: Path, tmp_path: Path, name: str, data: bytes
) -> None:
    packed(tmp_path / "x.tar", listed([(n, data if n == name else d) for n, d in contents(good)]))
    refused(tmp_path / "x.tar", tmp_path, verifies=True)


def test_archive_is_refused_when_an_honest_manifest_lists_a_flipped_chain(good: Path, tmp_path: Path) -> None:
    members = contents(good)
    chain = dict(members)["chain.sqlite"]
    for page in range(0, len(chain), 16384):
        flipped = bytearray(chain)
        flipped[page : page + 4096] = bytes(b ^ 0x5A for b in chain[page : page + 4096])
        packed(tmp_path / "x.tar", listed([(n, bytes(flipped) if n == "chain.sqlite" else d) for n, d in members]))
        try:
            restore(tmp_path / "x.tar", tmp_path / f"whole-{page}")  # what the ends do not show is the audit's to find
        except OriginSealError:
            assert not (tmp_path / f"whole-{page}").exists()
