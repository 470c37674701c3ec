"""The machine: interpreter, libraries, limits. Needs no folder."""

from __future__ import annotations

import re
import resource
import sqlite3
import ssl
import sys
from importlib import metadata
from pathlib import Path

from ledger.crypto import sm2, sm3, sm4
from ledger.errors import SignatureRejected
from ledger.services.doctor.case import Case, Found, failed, ok, port_is_free, skipped, warning

MIN_PYTHON = (3, 11)
MIN_SQLITE = (3, 37, 0)  # STRICT tables, and the fixes to WAL since
MIN_OPEN_FILES = 1024
ROOT = Path(__file__).parents[3]
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
SM3_ABC = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"  # GB/T 32905-2016, A.1


def python(case: Case) -> Found:
    text = ".".join(map(str, sys.version_info[:3]))
    return ok(text) if sys.version_info >= MIN_PYTHON else failed(text)


def openssl(case: Case) -> Found:
    """Known answer of SM3, a signature made and verified, and one that must not verify."""
    sm2.ensure_available()
    if sm3.sm3(b"abc").hex() != SM3_ABC:
        return failed(f"{ssl.OPENSSL_VERSION}: SM3 gives a wrong answer")
    key = sm2.PrivateKey.generate()
    signature = key.sign(b"originseal doctor")
    key.public.verify(b"originseal doctor", signature)
    try:
        key.public.verify(b"originseal Doctor", signature)
    except SignatureRejected:  # any other error is a finding: the check could not be made
        sealed = sm4.seal(bytes(16), b"originseal", aad=b"doctor")
        if sm4.unseal(bytes(16), sealed, aad=b"doctor") == b"originseal":
            return ok(ssl.OPENSSL_VERSION)
        return failed(f"{ssl.OPENSSL_VERSION}: SM4 does not give back what it sealed")
    return failed(f"{ssl.OPENSSL_VERSION}: SM2 accepts a signature of something else")


def sqlite(case: Case) -> Found:
    enough = sqlite3.sqlite_version_info >= MIN_SQLITE
    return ok(sqlite3.sqlite_version) if enough else failed(sqlite3.sqlite_version)


def packages(case: Case) -> Found:
    """Compared with the lock file of the source folder that this program runs from."""
    try:
        pinned = dict(PINNED.findall((ROOT / "requirements.lock").read_text(encoding="utf-8")))
    except OSError:
        return skipped("no requirements.lock beside this program")
    other = []
    for name, version in pinned.items():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # a development package, or one of another platform
        if found != version:
            other.append(f"{name} {found} (locked: {version})")
    return warning("; ".join(other[:10])) if other else ok(f"{len(pinned)} packages")


def open_files(case: Case) -> Found:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    text = "unlimited" if soft == resource.RLIM_INFINITY else str(soft)
    return ok(text) if soft == resource.RLIM_INFINITY or soft >= MIN_OPEN_FILES else warning(text)


def port(case: Case) -> Found:
    if case.port is None:
        return skipped("not asked: --port")
    return ok(str(case.port)) if port_is_free(case.port) else warning(f"{case.port} is taken")
