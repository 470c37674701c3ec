"""The archive's container: a plain tar that any `tar` reads, written by Python's, read by a stricter reader of our own.

Reading takes regular files in one flat order and nothing else: no links, no devices, no extended headers, no prefix, no
sparse files. So a hostile archive can name no path but those that the manifest's reader allows, and can cost no more
memory than one block. Truncated or trailing bytes are refused.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ledger.crypto import sm3
from ledger.errors import Malformed

BLOCK = 512
CHUNK = 1 << 20
RECORD = 20 * BLOCK  # what tar pads its end to
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"


class Writer:
    """Writes members in order into an open file; `digest` is of all bytes written."""

    def __init__(self, out: BinaryIO, time: int) -> None:
        self._tar = tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT)  # noqa: SIM115 - closed by `close`
        self._time = time

    def add_bytes(self, name: str, data: bytes) -> None:
        """A member from memory."""
        self._tar.addfile(self._info(name, len(data)), io.BytesIO(data))

    def add_file(self, name: str, path: Path, size: int) -> None:
        """A member from a file of exactly `size` bytes."""
        with path.open("rb") as source:
            self._tar.addfile(self._info(name, size), source)

    def _info(self, name: str, size: int) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, self._time
        return info

    def close(self) -> None:
        """Write the end."""
        self._tar.close()


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive: read all of `chunks` before asking for the next member."""

    name: str
    size: int
    chunks: Iterator[bytes]


def read_members(source: BinaryIO) -> Iterator[Member]:
    """The members of an archive, in order, to its proper end. Raises Malformed."""
    while True:
        header = _exactly(source, BLOCK)
        if not any(header):
            break
        name, size = _header(header)
        left = [size]
        yield Member(name, size, _chunks(source, name, left))
        if left[0]:
            raise RuntimeError("a member must be read to its end")
        if any(_exactly(source, -size % BLOCK)):
            raise Malformed("bytes between two files", field=name)
    rest = source.read(RECORD + 1)
    if any(rest) or len(rest) > RECORD or len(rest) < BLOCK:
        raise Malformed("the archive does not end as a tar does", field="archive")


def _chunks(source: BinaryIO, name: str, left: list[int]) -> Iterator[bytes]:
    while left[0]:
        data = source.read(min(CHUNK, left[0]))
        if not data:
            raise Malformed("the archive ends inside this file", field=name)
        left[0] -= len(data)
        yield data


def _exactly(source: BinaryIO, count: int) -> bytes:
    data = source.read(count) if count else b""
    if len(data) != count:
        raise Malformed("the archive is cut off", field="archive")
    return data


def _header(block: bytes) -> tuple[str, int]:
    """(name, size) of a regular file's header (POSIX ustar, or GNU's with a binary size)."""
    if block[257:263] not in (b"ustar\0", b"ustar "):
        raise Malformed("not a tar archive", field="archive")
    if _octal(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * 0x20:
        raise Malformed("a header's checksum is wrong", field="archive")
    name, _, rest = block[:100].partition(b"\0")
    if block[156:157] not in (b"0", b"\0") or any(block[157:257]) or any(block[345:500]) or any(rest) or not name:
        raise Malformed("only plain files with plain names belong into a backup", field="archive")
    try:
        text = name.decode("ascii")
    except UnicodeDecodeError as error:
        raise Malformed("a file name is not ASCII", field="archive") from error
    raw = block[124:136]
    size = int.from_bytes(raw[4:], "big") if raw[0] == 0x80 and not any(raw[1:4]) else _octal(raw)
    return text, size


def _octal(field: bytes) -> int:
    digits = field.strip(b" \0")
    if not digits or not all(0x30 <= digit <= 0x37 for digit in digits):
        raise Malformed("a header's number is not octal", field="archive")
    return int(digits, 8)


def small(member: Member, limit: int) -> bytes:
    """The whole of a small member. Raises Malformed over the limit."""
    if member.size > limit:
        raise Malformed(f"{member.size} bytes are over the limit of {limit}", field=member.name)
    return b"".join(member.chunks)


def file_digest(path: Path) -> bytes:
    """SM3 of a file, in bounded memory."""
    context = sm3.new()
    with path.open("rb") as source:
        while data := source.read(CHUNK):
            context.update(data)
    return context.digest()
