"""`originseal backup` and `originseal restore`: one archive of a data folder, and a data folder from an archive."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from ledger import __version__
from ledger.crypto.digest import sm3_text
from ledger.errors import Malformed
from ledger.proof.anchors import Anchors, parse_anchors
from scripts.commands.output import console, emit, stderr

app = typer.Typer(invoke_without_command=True, help="Back up a data folder beside its server 备份数据目录.")
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
AnchorsFile = Annotated[
    Path | None,
    typer.Option("--anchors", help="anchors from elsewhere: the signing key must be in them 另行取得的信任锚"),
]


@app.callback()
def backup(
    context: typer.Context,
    data: Annotated[Path | None, typer.Option("--data", help="the data folder 数据目录")] = None,
    to: Annotated[Path | None, typer.Option("--to", help="the archive to write 备份文件")] = None,
    without_keys: Annotated[bool, typer.Option("--without-keys", help="leave the keys out 不含密钥")] = False,
    without_database: Annotated[
        bool, typer.Option("--without-database", help="the store is in PostgreSQL and backed up there 不含原文库")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write one consistent, signed archive of chain, payload store, configuration, anchors and encrypted keys."""
    if context.invoked_subcommand is not None:
        return
    if data is None or to is None:
        raise Malformed("--data and --to are needed", field="--data" if data is None else "--to")
    from ledger.services.backup.create import create_backup

    with Progress(console=stderr, transient=True, disable=as_json) as progress:
        task = progress.add_task("copying 复制", total=None)

        def on_progress(done: int, total: int, what: str) -> None:
            progress.update(task, completed=done, total=total, description=what)

        made = create_backup(
            data, to, program=__version__, with_keys=not without_keys, with_database=not without_database,
            progress=on_progress,
        )  # fmt: skip
    head = made.manifest.head
    facts: dict[str, Any] = {
        "archive": str(made.path),
        "bytes": made.size,
        "manifest": sm3_text(made.manifest_sm3),
        "head": None if head is None else {"number": head.number, "hash": f"0x{head.hash.hex()}"},
        "signedBy": None if made.signed_by is None else sm3_text(made.signed_by),
        "database": made.manifest.database,
        "leftOut": list(made.left_out),
    }
    if as_json:
        emit(facts)
        return
    _say("archive 备份文件", f"{made.path} ({made.size:,} bytes)")
    _say("manifest 清单", facts["manifest"])
    _say("head 链头", "-" if head is None else f"{head.number} 0x{head.hash.hex()}")
    _say("signed by 签名密钥", facts["signedBy"] or "nobody: no passphrase at hand 无（没有口令）")
    if not made.manifest.database:
        _say("note 注意", "the payload store is NOT in it: back it up with pg_dump 不含原文库，请用 pg_dump 备份")
    for name in made.left_out:
        _say("left out 未收入", f"{name}: not an encrypted key file 不是加密的密钥文件")
    _say("note 注意", "keep the passphrase elsewhere: without it no payload can be read 口令须另行保管")


@app.command("verify")
def verify(
    archive: Annotated[Path, typer.Argument(help="the archive 备份文件")],
    anchors: AnchorsFile = None,
    as_json: AsJson = False,
) -> None:
    """Check an archive's files and signature without restoring it 校验备份."""
    from ledger.services.backup.restore import verify_archive

    found = verify_archive(archive, _anchors(anchors))
    facts = _archive_facts(found)
    if as_json:
        emit(facts)
        return
    _say("files 文件", f"{len(found.manifest.files)}, all as the manifest says 均与清单一致")
    _show_archive(facts)


def restore(
    archive: Annotated[Path | None, typer.Argument(help="the archive 备份文件")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="the new data folder 新的数据目录")] = None,
    anchors: AnchorsFile = None,
    resume_sealing: Annotated[
        bool, typer.Option("--resume-sealing", help="let a restored ledger seal again 恢复上链")
    ] = False,
    confirmed_head: Annotated[
        str | None,
        typer.Option("--confirmed-head", help="a replica to compare with, or none 用于比对的副本地址，或 none"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Restore an archive into a new folder; then --resume-sealing compares it with a replica 从备份恢复."""
    if data is None:
        raise Malformed("--data is needed", field="--data")
    if resume_sealing:
        _resume(data, archive, confirmed_head, as_json)
        return
    if archive is None or confirmed_head is not None:
        raise Malformed("name the archive to restore; --confirmed-head goes with --resume-sealing", field="archive")
    from ledger.services.backup.restore import restore as run_restore

    made = run_restore(archive, data, anchors=_anchors(anchors))
    facts = {"data": str(made.data), **_archive_facts(made.archive), "sealingSuspended": made.sealing_suspended}
    if made.stores is not None:
        facts["stores"] = {
            "submissions": made.stores.submissions,
            "queued": made.stores.queued,
            "signedOnChain": made.stores.settled,
            "signedToSend": made.stores.resent,
        }
    if as_json:
        emit(facts)
        return
    _say("restored 已恢复", str(made.data))
    _show_archive(facts)
    if made.sealing_suspended:
        _say(
            "next 下一步",
            "it reads but does not seal yet; compare it with a replica 目前只读，请先与副本比对:\n"
            f"  originseal restore --resume-sealing --data {data} --confirmed-head URL",
        )


def _resume(data: Path, archive: Path | None, source: str | None, as_json: bool) -> None:
    if archive is not None or source is None:
        raise Malformed(
            "--resume-sealing takes --data and --confirmed-head, and no archive", field="--confirmed-head",
            hint="the address of a replica, or none when nobody outside has seen this ledger",
        )  # fmt: skip
    from ledger.services.backup.resume import resume_sealing

    with Progress(console=stderr, transient=True, disable=as_json) as progress:
        task = progress.add_task("comparing 比对", total=None)

        def on_progress(done: int, total: int, what: str) -> None:
            progress.update(task, completed=done, total=total, description=what)

        resumed = resume_sealing(data, source, progress=on_progress)
    outside = resumed.outside
    facts = {
        "head": resumed.head,
        "fetchedBlocks": resumed.fetched,
        "confirmedBy": source,
        "outsideHeight": None if outside is None else outside.height,
    }
    if as_json:
        emit(facts)
        return
    _say("sealing 上链", "may go on 可以继续")
    _say("head 链头", str(resumed.head))
    if resumed.fetched:
        _say(
            "fetched 补齐",
            f"{resumed.fetched} block(s); their payloads are not here: run an audit 区块；原文未补齐，请审计",
        )


def _anchors(path: Path | None) -> Anchors | None:
    if path is None:
        return None
    try:
        return parse_anchors(path.read_bytes())
    except OSError as error:
        raise Malformed(f"cannot read {path}: {error.strerror}", field="--anchors") from error


def _archive_facts(found: Any) -> dict[str, Any]:
    manifest, signed = found.manifest, found.signed_by
    head = manifest.head
    return {
        "manifest": sm3_text(found.manifest_sm3),
        "createdAt": manifest.created,
        "program": manifest.program,
        "role": manifest.role,
        "chainId": manifest.chain_id,
        "genesis": f"0x{manifest.genesis.hex()}",
        "head": None if head is None else {"number": head.number, "hash": f"0x{head.hash.hex()}"},
        "files": len(manifest.files),
        "database": manifest.database,
        "keys": manifest.keys,
        "signedBy": None if signed is None else sm3_text(signed.key.key_id),
        "anchored": signed is not None and signed.anchored,
    }


def _show_archive(facts: dict[str, Any]) -> None:
    head = facts["head"]
    _say("manifest 清单", facts["manifest"])
    _say("chain 链", f"{facts['chainId']} {facts['genesis']}")
    _say("head 链头", "-" if head is None else f"{head['number']} {head['hash']}")
    trust = "" if facts["anchored"] else " — compare the key with your own anchors 请与自存的信任锚核对"
    _say("signed by 签名密钥", f"{facts['signedBy']}{trust}" if facts["signedBy"] else "nobody 无签名")


def _say(label: str, text: str) -> None:
    console.print(f"{label:18} {text}", markup=False, soft_wrap=True)
