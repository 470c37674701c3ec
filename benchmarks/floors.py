"""The bare operations that bound everything else.

V  one SM2 verification by OpenSSL's EVP interface through ctypes, a key made once, the digest given
H  one SM3 of 65 bytes (a Merkle node) by hashlib with a copied context
D  one row of a 1,000-row commit to SQLite with WAL and synchronous=FULL, two indexes, 600 bytes
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from pathlib import Path

from benchmarks.harness import cpu_rate
from ledger.crypto import _openssl
from ledger.crypto.sm2 import PrivateKey

V = "SM2 verify (OpenSSL EVP)"
H = "SM3 of 65 bytes (hashlib)"
D = "SQLite row, 1000 per commit"


def sm2_verify() -> float:
    """V, with one key and different messages."""
    private = PrivateKey.generate()
    key = _openssl.public_key(private.public.point)
    signed = []
    for n in range(300):
        message = b"message %d" % n
        signed.append((private.public.digest(message), private.sign_der(message)))

    def work() -> None:
        for e, signature in signed:
            assert _openssl.verifies(key, e, signature)

    return cpu_rate(work, len(signed))


def sm3_node() -> float:
    """H."""
    copy = hashlib.new("sm3").copy
    data = [os.urandom(65) for _ in range(20_000)]

    def work() -> None:
        for each in data:
            context = copy()
            context.update(each)
            context.digest()

    return cpu_rate(work, len(data))


def sqlite_rows() -> float:
    """D."""
    rows = [(os.urandom(32), os.urandom(32), os.urandom(536)) for _ in range(5_000)]

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            database = sqlite3.connect(Path(folder) / "floor.sqlite")
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a BLOB UNIQUE, b BLOB, c BLOB)")
            database.execute("CREATE INDEX t_b ON t (b)")
            for start in range(0, len(rows), 1000):
                database.executemany("INSERT INTO t (a, b, c) VALUES (?, ?, ?)", rows[start : start + 1000])
                database.commit()
            database.close()

    return cpu_rate(work, len(rows), rounds=3)


FLOORS = {V: sm2_verify, H: sm3_node, D: sqlite_rows}
