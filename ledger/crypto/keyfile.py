"""SM2 keys on disk: standard encrypted PKCS#8 (RFC 5958; PBES2, PBKDF2-HMAC-SHA256 with 600,000 rounds, AES-256-CBC).

That form, rather than SM4 with an SM3 derivation, because the `openssl` command and every HSM vendor's import tool
read it; see docs/adr/0002-national-crypto-library.md. A file is written atomically with mode 0600 and never
overwritten silently; one that group or others may read is refused, not repaired: who could read it has read it.
"""

from __future__ import annotations

import os
import stat

from ledger.crypto._pem import MAX_PEM_BYTES
from ledger.crypto.files import write_whole
from ledger.crypto.sm2 import PrivateKey, PublicKey
from ledger.errors import BadKey, NotFound, StorageUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def write_key(path: Path, key: PrivateKey, password: bytes | str, *, replace: bool = False) -> None:
    """Write `key` encrypted, mode 0600, all or nothing and durably.

    Raises BadKey for an empty password, Conflict when the file exists and `replace` is False, StorageUnavailable when
    the disk refuses.
    """
    write_whole(path, key.to_pkcs8_pem(_password(password)).encode("ascii"), replace=replace)


def read_key(path: Path, password: bytes | str) -> PrivateKey:
    """The key in an encrypted file.

    Raises NotFound, BadKey (wrong password, not exactly one encrypted PKCS#8 block, excessive rounds, or a file that
    others may read) or StorageUnavailable.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise BadKey(f"{path.name} is not a regular file")
            if os.name == "posix" and facts.st_mode & _OTHERS:
                raise BadKey(
                    f"{path.name} can be read or changed by other users",
                    hint="treat the key as known to them; if that is not so, `chmod 600` the file",
                )
            pem = file.read(MAX_PEM_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFound(f"there is no key file {path.name}") from error
    except OSError as error:
        raise StorageUnavailable(f"cannot read the key file {path.name}: {error.strerror}") from error
    return PrivateKey.from_pkcs8_pem(pem, _password(password))


class FileSigner:
    """A Signer whose key was read from a file (or made in memory); the key stays inside OpenSSL."""

    __slots__ = ("_custodial", "_key")

    def __init__(self, key: PrivateKey, *, custodial: bool = False) -> None:
        self._key = key
        self._custodial = custodial

    @classmethod
    def open(cls, path: Path, password: bytes | str, *, custodial: bool = False) -> FileSigner:
        """The signer for a key file; raises what `read_key` raises."""
        return cls(read_key(path, password), custodial=custodial)

    @property
    def public(self) -> PublicKey:
        """The key that verifies what this signer signs."""
        return self._key.public

    @property
    def custodial(self) -> bool:
        """True when the ledger's operator holds this key for a member."""
        return self._custodial

    def sign(self, message: bytes) -> bytes:
        """64 bytes r‖s over SM3(Z ‖ message) with the default user ID."""
        return self._key.sign(message)

    def __repr__(self) -> str:
        return f"FileSigner(sm3:{self.public.key_id.hex()}, custodial={self._custodial})"


def _password(password: bytes | str) -> bytes:
    data = password.encode("utf-8") if isinstance(password, str) else password
    if not data:
        raise BadKey("an empty password protects nothing")
    return data
