"""The relayer: the secp256k1 account that pays nothing and carries submissions to the chain.

It has no say in the ledger: contracts believe SM2 signatures inside, not the sender. Losing its key lets somebody
else relay; it cannot forge. Signs legacy transactions with EIP-155 (every engine takes them). The key is in a 0600
file, plain or as Web3 Secret Storage v3 when a password is given; it is never logged and has no repr.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

import rlp
from eth_keys.datatypes import PrivateKey
from eth_utils import ValidationError, keccak

from ledger.errors import BadKey, StorageUnavailable

MAX_KEY_FILE = 16 * 1024


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """Signed bytes, ready to send, and their hash."""

    raw: bytes
    hash: bytes
    nonce: int


@dataclass(frozen=True, slots=True)
class Relayer:
    """An account that signs. Make with `generate`, `create` or `open`."""

    _key: PrivateKey = field(repr=False, compare=False)

    @classmethod
    def generate(cls) -> Relayer:
        """A new random account, kept nowhere."""
        return cls.from_secret(secrets.token_bytes(32))

    @classmethod
    def from_secret(cls, secret: bytes) -> Relayer:
        """From the 32 secret bytes; raises BadKey when they are not a private key."""
        try:
            key = PrivateKey(secret)
            key.public_key.to_canonical_address()
        except (ValidationError, ValueError) as error:
            raise BadKey("not a secp256k1 private key") from error
        return cls(key)

    @classmethod
    def create(cls, path: Path, password: str | None = None) -> Relayer:
        """A new account in a new file, mode 0600, on disk when this returns; raises StorageUnavailable when the file
        exists or cannot be written."""
        secret = secrets.token_bytes(32)
        relayer = cls.from_secret(secret)
        if password is None:
            text = secret.hex() + "\n"
        else:
            from eth_keyfile.keyfile import create_keyfile_json  # on use: it loads a pairing library

            text = json.dumps(create_keyfile_json(secret, password.encode(), kdf="scrypt"))
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            os.link(part, path)  # unlike rename, never replaces an existing key
        except OSError as error:
            raise StorageUnavailable(f"cannot write the relayer key {path.name}: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)
        return relayer

    @classmethod
    def open(cls, path: Path, password: str | None = None) -> Relayer:
        """The account in `path`. Raises StorageUnavailable when it cannot be read, BadKey when its mode lets others
        read it, the password is wrong, or it holds no key."""
        try:
            status = path.stat()
            text = path.read_text(encoding="ascii")[:MAX_KEY_FILE]
        except (OSError, UnicodeDecodeError) as error:
            raise StorageUnavailable(f"cannot read the relayer key {path.name}") from error
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise BadKey(f"{path.name} can be read by others", hint="chmod 600")
        if not text.lstrip().startswith("{"):
            try:
                return cls.from_secret(bytes.fromhex(text.strip()))
            except ValueError:
                raise BadKey(f"{path.name} holds no key") from None  # the text may be most of a key: do not chain
        if password is None:
            raise BadKey(f"{path.name} is encrypted", hint="give its password")
        from eth_keyfile.keyfile import decode_keyfile_json  # on use: it loads a pairing library

        try:
            return cls.from_secret(decode_keyfile_json(json.loads(text), password.encode()))
        except (ValueError, KeyError, TypeError) as error:
            raise BadKey(f"{path.name}: wrong password or damaged") from error

    @property
    def address(self) -> bytes:
        """20 bytes."""
        return bytes(self._key.public_key.to_canonical_address())

    def sign(
        self, *, nonce: int, to: bytes, data: bytes, gas: int, gas_price: int, chain_id: int, value: int = 0
    ) -> SignedTransaction:
        """A legacy transaction (EIP-155). `to` empty creates a contract. Deterministic (RFC 6979): the same
        arguments give the same bytes."""
        fields: list[int | bytes] = [nonce, gas_price, gas, to, value, data]
        unsigned = rlp.encode([*map(_item, fields), _item(chain_id), b"", b""])
        v, r, s = self._key.sign_msg_hash(keccak(unsigned)).vrs
        raw = rlp.encode([*map(_item, fields), _item(v + 35 + 2 * chain_id), _item(r), _item(s)])
        return SignedTransaction(raw, keccak(raw), nonce)

    def creates(self, nonce: int) -> bytes:
        """The address of the contract that this account's transaction `nonce` creates (yellow paper, section 7)."""
        return bytes(keccak(rlp.encode([self.address, _item(nonce)]))[12:])


def _item(value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
