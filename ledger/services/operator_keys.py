"""The operator's own secrets, encrypted at rest under one passphrase: none of them can speak for a member (P1).

    relayer     secp256k1, pays the postage of transactions
    checkpoint  SM2, signs what the chain's head was
    tag         HMAC-SM3 key that joins trade documents without readable numbers
    master      SM4 key that wraps the payload store's record keys

The three symmetric or secp256k1 secrets live in keys/operator.json (scrypt, RFC 7914, then SM4-GCM), the checkpoint
key in keys/checkpoint.pem (encrypted PKCS#8). Files are created 0600 and never overwritten.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from ledger.chain import jsontext
from ledger.crypto import sm4
from ledger.crypto.keyfile import FileSigner, write_key
from ledger.crypto.ports import Signer
from ledger.crypto.sm2 import PrivateKey
from ledger.errors import BadCiphertext, BadKey, Malformed, NotFound

FORMAT = "originseal-operator-keys/v1"
UNLOCK_VARIABLE = "ORIGINSEAL_PASSPHRASE"
# RFC 7914 cost: 32 MiB and about 0.1 s; paid once per start.
SCRYPT_N, SCRYPT_R, SCRYPT_P, SCRYPT_MEMORY = 2**15, 8, 1, 64 << 20
MIN_PASSPHRASE = 12
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@dataclass(frozen=True, slots=True)
class OperatorKeys:
    """Opened secrets; none of them shows in a repr."""

    relayer: bytes = field(repr=False)
    tag: bytes = field(repr=False)
    master: bytes = field(repr=False)
    checkpoint: Signer = field(repr=False)


def find_passphrase(keys: Path) -> str:
    """The passphrase: $ORIGINSEAL_PASSPHRASE, else the file keys/passphrase (which a demonstration writes)."""
    if value := os.environ.get(UNLOCK_VARIABLE):
        return value
    try:
        return (keys / "passphrase").read_text(encoding="utf-8").strip()
    except FileNotFoundError as e:
        raise NotFound(
            "no passphrase for the operator's keys", hint=f"set {UNLOCK_VARIABLE} in the server's environment"
        ) from e


def write_demo_passphrase(keys: Path) -> str:
    """A random passphrase kept beside the keys: only a demonstration does this, and its pages say so."""
    value = secrets.token_urlsafe(24)
    _write_private(keys / "passphrase", value.encode())
    return value


def create_operator_keys(keys: Path, passphrase: str) -> OperatorKeys:
    """Make and store fresh secrets; raises BadKey for a weak passphrase, FileExistsError if there are any already."""
    if len(passphrase) < MIN_PASSPHRASE:
        raise BadKey(f"the operator's passphrase needs at least {MIN_PASSPHRASE} characters", field="passphrase")
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    salt = secrets.token_bytes(16)
    wrapping = _derive(passphrase, salt)
    relayer = (secrets.randbelow(SECP256K1_ORDER - 1) + 1).to_bytes(32, "big")
    values = {"relayer": relayer, "tag": secrets.token_bytes(32), "master": secrets.token_bytes(16)}
    sealed = {name: sm4.seal(wrapping, value, aad=name.encode()).hex() for name, value in values.items()}
    document = {
        "format": FORMAT,
        "kdf": {"name": "scrypt", "n": SCRYPT_N, "r": SCRYPT_R, "p": SCRYPT_P, "salt": salt.hex()},
        "cipher": "sm4-gcm",
        "sealed": sealed,
    }
    _write_private(keys / "operator.json", json.dumps(document, indent=1).encode())
    write_key(keys / "checkpoint.pem", PrivateKey.generate(), passphrase)
    return open_operator_keys(keys, passphrase)


def open_operator_keys(keys: Path, passphrase: str) -> OperatorKeys:
    """Open the secrets; raises BadKey when the passphrase is wrong or a file was altered."""
    return OperatorKeys(checkpoint=open_checkpoint_key(keys, passphrase), **_secrets(keys, passphrase))


def open_checkpoint_key(keys: Path, passphrase: str) -> Signer:
    """The key that signs checkpoints. Raises NotFound when it is not here, BadKey as open_operator_keys does."""
    return FileSigner.open(keys / "checkpoint.pem", passphrase)


def open_reading_keys(keys: Path, passphrase: str) -> tuple[bytes, bytes]:
    """Only what an audit needs: the tag key and the master key. Raises as open_operator_keys does."""
    values = _secrets(keys, passphrase)
    return values["tag"], values["master"]


def _secrets(keys: Path, passphrase: str) -> dict[str, bytes]:
    path = keys / "operator.json"
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise BadKey("others can read the operator's keys", field=path.name, hint=f"chmod 600 {path}")
        document = jsontext.loads(path.read_bytes(), 8)
        kdf = document["kdf"]
        # The costs are ours, not the file's: an altered file must not choose how much memory we spend.
        if document["format"] != FORMAT or (kdf["n"], kdf["r"], kdf["p"]) != (SCRYPT_N, SCRYPT_R, SCRYPT_P):
            raise Malformed("unknown format or cost", field="operator.json")
        wrapping = _derive(passphrase, bytes.fromhex(kdf["salt"]))
        return {
            name: sm4.unseal(wrapping, bytes.fromhex(document["sealed"][name]), aad=name.encode())
            for name in ("relayer", "tag", "master")
        }
    except FileNotFoundError as e:
        raise NotFound("the operator's keys are missing", hint=f"expected {path.name} under the data folder") from e
    except BadCiphertext as e:
        raise BadKey("wrong passphrase, or the operator's keys were altered", field="operator.json") from e
    except (ValueError, KeyError, TypeError) as e:
        raise Malformed("operator.json is damaged", field="operator.json") from e


def _derive(passphrase: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        passphrase.encode(), salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, maxmem=SCRYPT_MEMORY, dklen=16
    )


def _write_private(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
