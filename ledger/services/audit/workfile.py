"""Work files beside the reports: an audit that was killed goes on, and a finished one can be built on.

    DATA/audit-work/work.sqlite    an audit under way, or killed; with work-model.sqlite
    DATA/audit-work/base.sqlite    what a sound audit ended with; with base-model.sqlite
    DATA/audit-work/base.json      the signed statement about it: height, block, SM3 of everything in it

A work file goes on only for the program, chain and history that it was begun for. A base is believed only when one of
the expected keys signed exactly this state for a block that is in the chain: it decides what is not checked again.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger import __version__
from ledger.chain.contracts import Deployment
from ledger.crypto.keccak import keccak256
from ledger.crypto.ports import Signer
from ledger.crypto.sm2 import PublicKey
from ledger.crypto.sm3 import new
from ledger.errors import Conflict, Malformed, NotFound, OriginSealError, StorageUnavailable, VerificationFailed
from ledger.index.tables import PROJECTED
from ledger.services.audit.findings import Findings
from ledger.services.audit.scratch import CARRIED, FORMAT, Scratch, remove, rows_in_order
from ledger.services.audit.sources import Source
from ledger.services.config import write_json

if TYPE_CHECKING:
    from ledger.crypto.sm3 import Hasher

HEADING = "originseal-audit-base/v1"
PROGRAM = f"{__version__} {FORMAT}"
# Settings of a work file that a later audit goes on from, beside the tables.
SETTINGS = ("first blocks", "founders", "identity", "records", "totals")
MAX_BASE = 4096  # bytes of base.json; it has about 700


@dataclass(frozen=True, slots=True)
class Base:
    """A verified base: the block up to which an earlier audit found everything sound, and who says so."""

    height: int
    block: bytes
    key_id: bytes

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Base:
        """The inverse of `to_json`, for what this program wrote itself."""
        block, key = value["block"].removeprefix("0x"), value["keyId"].removeprefix("sm3:")
        return cls(value["height"], bytes.fromhex(block), bytes.fromhex(key))

    def to_json(self) -> dict[str, Any]:
        """As the report names it."""
        return {"height": self.height, "block": f"0x{self.block.hex()}", "keyId": f"sm3:{self.key_id.hex()}"}


def identity(deployment: Deployment, role: str) -> dict[str, Any]:
    """What a work file belongs to."""
    return {"program": PROGRAM, "role": role, "deployment": deployment.to_json()}


class WorkFolder:
    """DATA/audit-work, held by one audit at a time. Raises Conflict when another has it, StorageUnavailable when others
    can write in it: a work file is believed, so nobody else may have put it there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            root.mkdir(mode=0o700, exist_ok=True)
            _require_private(root)
            self._lock = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StorageUnavailable(f"no work file can be kept in {root}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise Conflict("another audit of this folder is under way") from error

    def close(self) -> None:
        """Let others have it."""
        os.close(self._lock)

    def begin(self, facts: Mapping[str, Any]) -> Scratch:
        """A new work file; an older one is deleted."""
        self.forget()
        scratch = Scratch(self._work)
        scratch.put("identity", dict(facts))
        scratch.commit()
        return scratch

    def go_on(self, facts: Mapping[str, Any], source: Source) -> Scratch:
        """The work file of an audit that was killed.

        Raises NotFound when there is none, VerificationFailed when it is another program's or chain's, or when the
        blocks that it had seen are no longer the chain's.
        """
        if not self._work.exists():
            raise NotFound("there is no audit to go on with", hint="start one without --resume")
        scratch = _opened(self._work)
        try:
            _require(scratch, facts)
            head, following = scratch.get("head"), scratch.get("next", 0)
            if type(head) is not int or type(following) is not int or not 0 <= following <= head + 1:
                raise VerificationFailed("the work file does not say how far it came", step="work file")
            if head > source.head:
                raise VerificationFailed(f"it was begun for {head} blocks, the chain has {source.head}", step="chain")
            for number, said in ((following - 1, scratch.header(following - 1)), (head, None)):
                expected = scratch.get("head hash") if said is None else said[0].hex()
                if number >= 0 and expected is not None and hash_of(source, number).hex() != expected:
                    raise VerificationFailed(
                        f"the chain has another block {number} than the audit had seen", step="chain"
                    )
        except BaseException:
            scratch.close()
            raise
        return scratch

    def from_base(
        self, facts: Mapping[str, Any], keys: Mapping[bytes, PublicKey], source: Source
    ) -> tuple[Scratch, Base]:
        """A new work file that begins with the base's state.

        Raises NotFound when there is no base, VerificationFailed when it is not believed.
        """
        signed = _read_statement(self.root / "base.json")
        base = _verified(signed["text"], signed, keys, facts)
        if base.height > source.head or hash_of(source, base.height) != base.block:
            raise VerificationFailed(f"block {base.height} of the base is not in the chain", step="chain")
        self.forget()
        try:
            shutil.copyfile(self._base, self._work)
            shutil.copyfile(_model(self._base), _model(self._work))
        except OSError as error:
            raise NotFound("the base's state is missing", hint="run a full audit") from error
        scratch = _opened(self._work)
        try:
            _require(scratch, facts)
            if state_digest(scratch) != bytes.fromhex(_value(signed["text"], "state").removeprefix("sm3:")):
                raise VerificationFailed("the base's state does not have the signed digest", step="state")
            scratch.keep_settings(SETTINGS)
            header = scratch.header(base.height)
            if header is None or header[0] != base.block:
                raise VerificationFailed("the base's state is of another block", step="state")
        except BaseException:
            scratch.close()
            self.forget()
            raise
        return scratch, base

    def keep_base(self, scratch: Scratch, head: int, deployment: Deployment, signer: Signer) -> Base:
        """Make what this audit ended with the base of later ones: closes the work file, signs, moves it."""
        header = scratch.header(head)
        if header is None:
            raise Malformed("the head was not walked", field="head")
        digest = state_digest(scratch)
        lines = {
            "program": PROGRAM, "chain-id": str(deployment.chain_id), "genesis": f"0x{deployment.genesis.hex()}",
            "height": str(head), "block": f"0x{header[0].hex()}", "state": f"sm3:{digest.hex()}",
        }  # fmt: skip
        text = HEADING + "\n" + "".join(f"{name}: {value}\n" for name, value in lines.items())
        scratch.commit()
        scratch.close()
        (self.root / "base.json").unlink(missing_ok=True)
        remove(self._base)
        remove(_model(self._base))
        os.replace(self._work, self._base)
        os.replace(_model(self._work), _model(self._base))
        key = signer.public
        write_json(
            self.root / "base.json",
            {"text": text, "keyId": f"sm3:{key.key_id.hex()}", "signature": signer.sign(text.encode()).hex()},
        )
        return Base(head, header[0], key.key_id)

    def forget(self) -> None:
        """Delete the work file."""
        remove(self._work)
        remove(_model(self._work))

    @property
    def _work(self) -> Path:
        return self.root / "work.sqlite"

    @property
    def _base(self) -> Path:
        return self.root / "base.sqlite"


def hash_of(source: Source, number: int) -> bytes:
    """The hash of a block's header as the source has it now; empty when there is none."""
    raw = source.block(number, Findings(""))
    return b"" if raw is None else keccak256(raw.header)


def state_digest(scratch: Scratch) -> bytes:
    """SM3 over every value of the carried tables and settings and of the projected rows beside them, in order."""
    assert scratch.path is not None
    context = new(HEADING.encode())
    _add_schema(context, scratch.db)
    for table in CARRIED:
        context.update(_part(table))
        for row in rows_in_order(scratch.db, table):
            context.update(b"".join(map(_part, row)))
    for name in SETTINGS:
        context.update(_part(name) + _part(json.dumps(scratch.get(name), sort_keys=True)))
    with closing(sqlite3.connect(_model(scratch.path))) as model:
        _add_schema(context, model)
        for projected in PROJECTED:
            order = ", ".join(f'"{column.name}"' for column in projected.primary_key)
            context.update(_part(projected.name))
            query = f"SELECT * FROM {projected.name} ORDER BY {order}"  # noqa: S608 - our own names
            for found in model.execute(query):
                context.update(b"".join(map(_part, found)))
    return context.digest()


def _add_schema(context: Hasher, db: sqlite3.Connection) -> None:
    """Tables, indexes and above all triggers: they decide what becomes of the rows."""
    for row in db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"):
        context.update(b"".join(map(_part, row)))


def _part(value: Any) -> bytes:
    """Type, length, bytes: no two rows share an encoding."""
    if value is None:
        return b"n\x00\x00\x00\x00"
    if isinstance(value, bytes):
        tag, data = b"b", value
    elif isinstance(value, str):
        tag, data = b"s", value.encode()
    else:
        tag, data = type(value).__name__[:1].encode(), repr(value).encode()  # i: a whole number, f: no other is written
    return tag + len(data).to_bytes(4, "big") + data


def _require_private(root: Path) -> None:
    found = root.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise StorageUnavailable(
            f"others than this user can write in {root.name}", hint="delete it, or audit as the user whose folder it is"
        )


def _opened(path: Path) -> Scratch:
    try:
        return Scratch(path)
    except Exception as error:  # sqlite3's errors: not a database, damaged
        raise VerificationFailed(f"the work file cannot be opened: {error}", step="work file") from error


def _require(scratch: Scratch, facts: Mapping[str, Any]) -> None:
    try:
        found = scratch.get("identity")
    except Exception as error:
        raise VerificationFailed(f"the work file cannot be read: {error}", step="work file") from error
    for name, value in facts.items():
        if not isinstance(found, dict) or found.get(name) != value:
            raise VerificationFailed(f"the work file is of another {name}", step="work file")


def _model(path: Path) -> Path:
    return path.with_name(path.stem + "-model.sqlite")


def _read_statement(path: Path) -> dict[str, str]:
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound("there is no audit to build on", hint="run a full audit first") from error
    except OSError as error:
        raise StorageUnavailable(f"{path.name} cannot be read: {error.strerror}") from error
    try:
        value = json.loads(raw[: MAX_BASE + 1]) if len(raw) <= MAX_BASE else None
        if not isinstance(value, dict) or set(value) != {"text", "keyId", "signature"}:
            raise ValueError("other members")
        return {name: str(part) for name, part in value.items()}
    except ValueError as error:
        raise VerificationFailed(f"base.json is damaged: {error}", step="statement") from error


def _verified(text: str, signed: Mapping[str, str], keys: Mapping[bytes, PublicKey], facts: Mapping[str, Any]) -> Base:
    try:
        key_id, signature = bytes.fromhex(signed["keyId"].removeprefix("sm3:")), bytes.fromhex(signed["signature"])
    except ValueError as error:
        raise VerificationFailed("base.json is damaged", step="statement") from error
    key = keys.get(key_id)
    if key is None:
        raise VerificationFailed(f"it is signed by sm3:{key_id.hex()}, which is not an expected key", step="signature")
    try:
        key.verify(text.encode(), signature)
        if not text.startswith(HEADING + "\n") or _value(text, "program") != facts["program"]:
            raise VerificationFailed("it is of another program version", step="program")
        made = facts["deployment"]
        if (_value(text, "chain-id"), _value(text, "genesis")) != (str(made["chainId"]), made["genesis"]):
            raise VerificationFailed("it is of another chain", step="chain")
        return Base(int(_value(text, "height")), bytes.fromhex(_value(text, "block").removeprefix("0x")), key_id)
    except VerificationFailed:
        raise
    except (OriginSealError, ValueError) as error:
        raise VerificationFailed(f"its signature does not verify: {error}", step="signature") from error


def _value(text: str, name: str) -> str:
    for line in text.split("\n"):
        if line.startswith(f"{name}: "):
            return line[len(name) + 2 :]
    raise VerificationFailed(f"the statement has no {name}", step="statement")
