"""The folder and its small files: configuration, anchors, keys, permissions, space, marks."""

from __future__ import annotations

import fcntl
import os
import stat
import time

from ledger.chain.contracts import Deployment
from ledger.crypto.digest import sm3_text
from ledger.errors import NotFound
from ledger.proof.anchors import parse_anchors
from ledger.services.backup.marks import BACKUP_MARK, RESTORED_MARK, last_backup, restored_mark, sealing_suspended
from ledger.services.config import OPERATOR, REPLICA, load_config
from ledger.services.doctor.case import Case, Found, failed, ok, skipped, warning
from ledger.services.operations import AuditReader, disk_space
from ledger.services.operator_keys import find_passphrase, open_operator_keys

LOW_SPACE, NO_SPACE = 1 << 30, 128 << 20  # bytes
OLD_AUDIT, OLD_BACKUP = 8 * 86400, 2 * 86400  # seconds
MAX_FUTURE = 300  # seconds that two clocks may differ
DATABASES = ("postgresql", "sqlite")


def folder(case: Case) -> Found:
    if not case.data.is_dir():
        return failed(f"{case.data} is not a folder" if case.data.exists() else f"there is no {case.data}")
    if not os.access(case.data, os.W_OK):
        return failed(f"{case.data} cannot be written by this user")
    return ok(str(case.data))


def config(case: Case) -> Found:
    read = load_config(case.folder)
    if read.role not in (OPERATOR, REPLICA):
        return failed(f"role {read.role!r} is neither operator nor replica")
    kind = read.engine.get("type")
    if kind not in ("embedded", "jsonrpc") or (kind == "jsonrpc" and not read.engine.get("urls")):
        return failed("engine is neither embedded nor jsonrpc with urls")
    deployment = Deployment.from_json(read.deployment)
    if deployment.chain_id != read.chain_id:
        return failed(f"two chain ids: {read.chain_id} and {deployment.chain_id}")
    case.config, case.deployment = read, deployment
    return ok(f"{read.role}, {kind} engine, chain {read.chain_id}")


def anchors(case: Case) -> Found:
    read = parse_anchors(case.folder.anchors.read_bytes())
    case.anchors = read
    if case.deployment is None:
        return warning("readable; there is no configuration to compare it with")
    same = {c.name: (c.address, c.code_hash) for c in case.deployment.contracts}
    found = {name: (anchor.address, anchor.code_hash) for name, anchor in read.contracts.items()}
    if (read.chain_id, read.genesis) != (case.deployment.chain_id, case.deployment.genesis):
        return failed("the anchors are of another chain than config.json")
    if found != same:
        return failed("the anchors name other contracts than config.json")
    return ok(f"{len(read.checkpoint_keys)} checkpoint key(s), {len(read.witnesses)} witness(es)")


def permissions(case: Case) -> Found:
    """Secrets are for the owner only; nothing in the folder may be changed by others."""
    bad = []
    for path in sorted(case.data.rglob("*")):
        status = path.lstat()
        name = path.relative_to(case.data).as_posix()
        if stat.S_ISLNK(status.st_mode):
            bad.append(f"{name} is a symbolic link")
        elif stat.S_IMODE(status.st_mode) & stat.S_IWOTH:
            bad.append(f"{name} can be changed by others")
        elif name.startswith("keys/") and stat.S_IMODE(status.st_mode) & 0o077 and stat.S_ISREG(status.st_mode):
            bad.append(f"{name} can be read by others ({stat.S_IMODE(status.st_mode):03o})")
    if bad:
        return failed("; ".join(bad[:10]))
    if case.data.stat().st_mode & stat.S_IWOTH:
        return failed("the folder can be changed by others")
    return ok("keys 0600")


def keys(case: Case) -> Found:
    if case.replica:
        return skipped("a replica has no operator's keys")
    try:
        phrase = case.passphrase or find_passphrase(case.folder.keys)
    except NotFound as error:
        if (case.folder.keys / "operator.json").exists() and (case.folder.keys / "checkpoint.pem").exists():
            return warning(f"not tried: {error.message}")
        return failed("keys/operator.json or keys/checkpoint.pem is missing")
    case.keys = open_operator_keys(case.folder.keys, phrase)
    return ok(sm3_text(case.keys.checkpoint.public.key_id))


def checkpoint_key(case: Case) -> Found:
    if case.keys is None or case.anchors is None:
        return skipped("needs the keys and the anchors")
    key_id = case.keys.checkpoint.public.key_id
    if key_id not in case.anchors.checkpoint_keys:
        return failed(f"{sm3_text(key_id)} is none of {len(case.anchors.checkpoint_keys)} anchored key(s)")
    return ok(sm3_text(key_id))


def disk(case: Case) -> Found:
    space = disk_space(case.data)
    if space is None:
        return failed("cannot be told")
    free, whole = space
    text = f"{free >> 20} of {whole >> 20} MiB free"
    return failed(text) if free < NO_SPACE else warning(text) if free < LOW_SPACE else ok(text)


def writer(case: Case) -> Found:
    """Whether somebody holds the chain's lock: not wrong, but good to know."""
    if case.config is not None and not case.embedded:
        return skipped("the chain is not a file here")
    path = case.folder.chain.with_name(case.folder.chain.name + ".lock")
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return ok("nobody")
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return ok("a server (or another command) has the ledger open")
    finally:
        os.close(handle)
    return ok("nobody")


def restored(case: Case) -> Found:
    if not sealing_suspended(case.data):
        mark = restored_mark(case.data)
        return ok("no" if mark is None else f"restored, resumed after comparison with {mark.confirmed_by}")
    mark = restored_mark(case.data)
    if mark is None:
        return failed(f"{RESTORED_MARK} cannot be read, so the ledger does not seal")
    return failed(f"restored up to block {mark.head}; it reads, and refuses submissions")


def audit(case: Case) -> Found:
    facts = AuditReader(case.folder.audit_report).facts()
    if facts is None:
        there = case.folder.audit_report.exists()
        return warning("audit.json cannot be read" if there else "never, or its report was not kept")
    text = f"{_ago(case, facts.started)}, up to block {facts.head}, {facts.mode}"
    if not facts.sound:
        counts = ", ".join(f"{count} {severity}" for severity, count in facts.findings.items() if count)
        return failed(f"{text}: {counts or 'findings'}")
    return warning(text) if case.clock() - facts.started > OLD_AUDIT else ok(text)


def backup(case: Case) -> Found:
    when = last_backup(case.data)
    if when is None:
        there = (case.data / BACKUP_MARK).exists()
        return warning(f"{BACKUP_MARK} cannot be read" if there else "never")
    text = _ago(case, when)
    return warning(text) if case.clock() - when > OLD_BACKUP else ok(text)


def _ago(case: Case, when: int) -> str:
    hours = (case.clock() - when) / 3600
    date = time.strftime("%Y-%m-%d %H:%MZ", time.gmtime(when))
    return f"{date} ({hours:.0f} h ago)" if hours >= 0 else f"{date} (in the future)"
