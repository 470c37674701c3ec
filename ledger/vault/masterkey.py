"""The payload store's master key in a file: 16 random bytes, encrypted under a password, mode 0600.

    {"format": "originseal-master-key/v1",
     "kdf": {"name": "scrypt", "n": …, "r": 8, "p": 3, "salt": hex}, "sealed": hex}

Key derivation is scrypt (RFC 7914), encryption SM4-GCM with the other members as additional authenticated data. The
key itself is never printed, logged or put into an error. Losing the file or its password loses every payload.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

from ledger.crypto import sm4
from ledger.errors import BadCiphertext, BadKey, StorageUnavailable
from ledger.vault.sealing import MASTER_KEY_BYTES

FORMAT = "originseal-master-key/v1"
SCRYPT_N = 1 << 15  # with r = 8 and p = 3: 32 MiB and about 0.3 s; one of the equivalent settings OWASP lists
SCRYPT_R = 8
SCRYPT_P = 3
MAX_SCRYPT_N = 1 << 20  # a planted file must not make us allocate more than 1 GiB
MAX_FILE_BYTES = 4096


def load_or_create_master_key(path: Path, password: str) -> bytes:
    """The key in `path`; made, if there is no such file. Two processes that create at once get the same key.

    Raises BadKey for a wrong password, a damaged file or one that others can read; StorageUnavailable for the disk.
    """
    try:
        return load_master_key(path, password)
    except FileNotFoundError:
        create_master_key(path, password)
        return load_master_key(path, password)


def create_master_key(path: Path, password: str) -> None:
    """Write a new random key, unless `path` exists by then. The file appears whole or not at all."""
    if not password:
        raise BadKey("an empty password protects nothing", hint="give the store a password")
    kdf: dict[str, Any] = {
        "name": "scrypt", "n": SCRYPT_N, "r": SCRYPT_R, "p": SCRYPT_P, "salt": secrets.token_hex(16),
    }  # fmt: skip
    head = {"format": FORMAT, "kdf": kdf}
    sealed = sm4.seal(_derive(kdf, password), secrets.token_bytes(MASTER_KEY_BYTES), _aad(head))
    text = json.dumps({**head, "sealed": sealed.hex()}, indent=2) + "\n"
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, path)  # atomic, and refuses to replace a key that somebody else just made
            except FileExistsError:
                return
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise StorageUnavailable(f"the master key cannot be written: {error.strerror}") from error


def load_master_key(path: Path, password: str) -> bytes:
    """Raises FileNotFoundError when there is none, BadKey and StorageUnavailable as load_or_create_master_key."""
    try:
        with path.open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                raise BadKey(f"others can read {path.name}", hint=f"chmod 600 {path.name}")
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageUnavailable(f"the master key cannot be read: {error.strerror}") from error
    kdf, head, sealed = _parse(data)
    try:
        key = sm4.unseal(_derive(kdf, password), sealed, _aad(head))
    except BadCiphertext as error:
        raise BadKey("wrong password for the master key, or its file is damaged") from error
    if len(key) != MASTER_KEY_BYTES:
        raise BadKey("the master key file holds a key of another length")
    return key


def _parse(data: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    try:
        if len(data) > MAX_FILE_BYTES:
            raise ValueError("too long")
        content = json.loads(data)
        kdf, sealed = content["kdf"], bytes.fromhex(content["sealed"])
        n, r, p, salt = kdf["n"], kdf["r"], kdf["p"], bytes.fromhex(kdf["salt"])
        whole = all(type(value) is int for value in (n, r, p))
        if content["format"] != FORMAT or kdf["name"] != "scrypt" or not whole or len(salt) < 16:
            raise ValueError("unknown format")
        if not (1 < n <= MAX_SCRYPT_N and n & (n - 1) == 0 and r == SCRYPT_R and 1 <= p <= 16):
            raise ValueError("scrypt parameters out of bounds")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadKey(f"the master key file is not in the format {FORMAT}") from error
    return kdf, {"format": content["format"], "kdf": kdf}, sealed


def _derive(kdf: dict[str, Any], password: str) -> bytes:
    n, r, p = kdf["n"], kdf["r"], kdf["p"]
    salt = bytes.fromhex(kdf["salt"])
    memory = 128 * r * (n + p + 2) + (1 << 20)
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=MASTER_KEY_BYTES)


def _aad(head: dict[str, Any]) -> bytes:
    return json.dumps(head, sort_keys=True, separators=(",", ":")).encode()
