"""What an archive says about itself: which ledger, which moment, which files with which digests; and who signed it.

    manifest.json  originseal-backup/v1, JSON
    manifest.sig   {"keyId", "publicKey", "signature"}: the operator's checkpoint key, SM2-with-SM3 (default ID) over
                   "originseal-backup/v1\\n" ‖ the bytes of manifest.json; absent where there was no key

The signature shows that an archive was exchanged; that it is the newest one only the head's number can show.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ledger.crypto.ports import Signer
from ledger.crypto.sm2 import PublicKey
from ledger.errors import Malformed, SignatureRejected, VerificationFailed
from ledger.proof.anchors import Anchors, parse_public_key
from ledger.proof.text import boolean, constant, digest, hexadecimal, integer, items, load_json, members, string

FORMAT = "originseal-backup/v1"
MAX_MANIFEST = 1 << 20
MAX_SIGNATURE = 4096
MAX_FILES = 2048  # a demonstration keeps some thirty key files
MAX_FILE = 1 << 42  # 4 TiB
SMALL = {"config.json": 1 << 20, "anchors.json": 1 << 20, "audit.json": 64 << 20}
STORES = ("chain.sqlite", "ledger.sqlite", "replica.sqlite")
KEY_NAME = re.compile(r"keys/(members/)?[A-Za-z0-9][A-Za-z0-9._-]{0,90}")
MAX_KEY_FILE = 64 * 1024
EVIDENCE_NAME = re.compile(r"evidence/[A-Za-z0-9][A-Za-z0-9._-]{0,80}")  # what a replica convicts its source with
MAX_EVIDENCE = 64 << 20
ROLES, ENGINES = ("operator", "replica"), ("embedded", "jsonrpc")


@dataclass(frozen=True, slots=True)
class File:
    """One file of an archive."""

    name: str
    size: int
    sm3: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block in an archive."""

    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of manifest.json. `created` in Unix seconds; `head` None where the chain is not a file."""

    program: str
    created: int
    role: str
    engine: str
    chain_id: int
    genesis: bytes
    head: Head | None
    database: bool
    keys: bool
    files: tuple[File, ...]

    def encode(self) -> bytes:
        """The bytes of manifest.json; parse_manifest reads them back."""
        head = None if self.head is None else {"number": self.head.number, "hash": f"0x{self.head.hash.hex()}"}
        value = {
            "format": FORMAT,
            "program": self.program,
            "createdAt": self.created,
            "role": self.role,
            "engine": self.engine,
            "chainId": self.chain_id,
            "genesis": f"0x{self.genesis.hex()}",
            "head": head,
            "database": self.database,
            "keys": self.keys,
            "files": [{"name": f.name, "size": f.size, "sm3": f"sm3:{f.sm3.hex()}"} for f in self.files],
        }
        return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class SignedBy:
    """Evidence that `key` signed a manifest. `anchored`: it is one of the checkpoint keys of the anchors asked."""

    key: PublicKey
    anchored: bool


def parse_manifest(data: bytes) -> Manifest:
    """The manifest in `data`. Raises Malformed naming the member."""
    names = (
        "format", "program", "createdAt", "role", "engine", "chainId", "genesis", "head", "database", "keys", "files",
    )  # fmt: skip
    top = members(load_json(data, "manifest.json", MAX_MANIFEST), "", names)
    constant(top["format"], "/format", FORMAT)
    head = None
    if top["head"] is not None:
        entry = members(top["head"], "/head", ("number", "hash"))
        number = integer(entry["number"], "/head/number", 63)
        head = Head(number, hexadecimal(entry["hash"], "/head/hash", 32, prefix="0x"))
    files = tuple(_file(item, f"/files/{at}") for at, item in enumerate(items(top["files"], "/files", MAX_FILES)))
    have = [file.name for file in files]
    if len(set(have)) != len(have):
        raise Malformed("a file is listed twice", field="/files")
    manifest = Manifest(
        program=string(top["program"], "/program", 64),
        created=integer(top["createdAt"], "/createdAt", 62),
        role=_one_of(top["role"], "/role", ROLES),
        engine=_one_of(top["engine"], "/engine", ENGINES),
        chain_id=integer(top["chainId"], "/chainId"),
        genesis=hexadecimal(top["genesis"], "/genesis", 32, prefix="0x"),
        head=head,
        database=boolean(top["database"], "/database"),
        keys=boolean(top["keys"], "/keys"),
        files=files,
    )
    _check_complete(manifest, set(have))
    return manifest


def _check_complete(manifest: Manifest, have: set[str]) -> None:
    wanted = {"config.json", "anchors.json"}
    if manifest.engine == "embedded":
        wanted.add("chain.sqlite")
    if manifest.database:
        wanted.add("ledger.sqlite" if manifest.role == "operator" else "replica.sqlite")
    if missing := sorted(wanted - have):
        raise Malformed(f"{', '.join(missing)} should be listed", field="/files")
    if (manifest.head is None) != ("chain.sqlite" not in have):
        raise Malformed("a head belongs to a chain file", field="/head")
    if surplus := sorted(have & set(STORES) - wanted):
        raise Malformed(f"{', '.join(surplus)} does not belong to such a ledger", field="/files")
    if not manifest.keys and any(name.startswith("keys/") for name in have):
        raise Malformed("key files in an archive that says it has none", field="/keys")


def _file(value: Any, field: str) -> File:
    entry = members(value, field, ("name", "size", "sm3"))
    name = string(entry["name"], f"{field}/name", 100)
    limit = _limit(name)
    if not limit:
        raise Malformed("no backup has a file of this name", field=f"{field}/name")
    size = integer(entry["size"], f"{field}/size")
    if size > limit:
        raise Malformed(f"{size} bytes are over the limit of {limit}", field=f"{field}/size")
    return File(name, size, digest(entry["sm3"], f"{field}/sm3"))


def _limit(name: str) -> int:
    """The most bytes that a file of this name may have; 0 for a name that no backup has."""
    if name in STORES:
        return MAX_FILE
    if KEY_NAME.fullmatch(name):
        return MAX_KEY_FILE
    return MAX_EVIDENCE if EVIDENCE_NAME.fullmatch(name) else SMALL.get(name, 0)


def _one_of(value: Any, field: str, allowed: tuple[str, ...]) -> str:
    text = string(value, field, 64)
    if text not in allowed:
        raise Malformed(f"one of {', '.join(allowed)} was expected", field=field)
    return text


def sign(manifest: bytes, signer: Signer) -> bytes:
    """The bytes of manifest.sig."""
    public = signer.public
    value = {
        "keyId": f"sm3:{public.key_id.hex()}",
        "publicKey": public.point.hex(),
        "signature": signer.sign(_message(manifest)).hex(),
    }
    return json.dumps(value, indent=1).encode() + b"\n"


def verify(manifest: bytes, signature: bytes, anchors: Anchors | None) -> SignedBy:
    """Evidence that the key named in `signature` signed `manifest`; with `anchors`, that it is a checkpoint key there.

    Raises Malformed or VerificationFailed.
    """
    entry = members(load_json(signature, "manifest.sig", MAX_SIGNATURE), "", ("keyId", "publicKey", "signature"))
    key = parse_public_key(entry["publicKey"], entry["keyId"], "").public
    try:
        key.verify(_message(manifest), hexadecimal(entry["signature"], "/signature", 64))
    except SignatureRejected as error:
        raise VerificationFailed("the manifest's SM2 signature does not verify", step="signature") from error
    if anchors is not None and key.key_id not in anchors.checkpoint_keys:
        raise VerificationFailed(
            f"the manifest is signed by sm3:{key.key_id.hex()}, which is no checkpoint key of these anchors",
            step="signature",
        )
    return SignedBy(key, anchors is not None)


def _message(manifest: bytes) -> bytes:
    return FORMAT.encode() + b"\n" + manifest
