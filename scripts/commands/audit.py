"""`originseal audit` and `originseal rebuild-index`: check everything from genesis; make the read model anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from ledger.errors import Malformed
from ledger.services import audit_archive
from ledger.services.config import DataFolder, write_json
from scripts.commands.audit_options import DEFAULT_SAMPLE, Incremental, Resume, SampleSize, Seed, Seen, Workers
from scripts.commands.key import PassphraseFile, open_signer
from scripts.commands.output import EXIT_FINDING, console, emit, stderr
from scripts.commands.report import Html, Pdf, SignWith, write_reports
from scripts.commands.schedule import DEFAULT_KEEP, Every, Keep, Parent, SampleEvery, keep_auditing

Data = Annotated[Path, typer.Option("--data", help="the data folder 数据目录")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


def audit(
    data: Data,
    as_json: AsJson = False,
    report: Annotated[Path | None, typer.Option("--report", help="also write the report as JSON here")] = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="also execute every block again, on py-evm's own loop 重新执行每个区块")
    ] = False,
    workers: Workers = None,
    resume: Resume = False,
    incremental: Incremental = False,
    sample: SampleSize = None,
    seed: Seed = None,
    seen: Seen = None,
    html: Html = None,
    pdf: Pdf = None,
    sign_with: SignWith = None,
    passphrase_file: PassphraseFile = None,
    every: Every = None,
    sample_every: SampleEvery = None,
    keep: Keep = None,
    parent: Parent = None,
) -> None:
    """Audit the chain from genesis against the payload store and the read model; exit 1 on any finding 从创世块审计."""
    from ledger.services.audit import audit as run_audit
    from ledger.services.audit import render_text
    from ledger.services.audit.report_file import describe
    from ledger.services.audit.report_signing import sign_json

    signer = None if sign_with is None else open_signer(sign_with, passphrase_file)
    if every is not None or sample_every is not None:
        if report is not None or html is not None or pdf is not None:
            raise Malformed("a schedule files its reports in DATA/audits", field="--every", hint="leave out file names")

        def run(mode: str) -> dict[str, Any]:
            if mode == "sample":
                options: dict[str, Any] = {"sample": sample or DEFAULT_SAMPLE}
            else:
                options = {"execute": execute, "incremental": incremental, "keep": True, "signer": signer}
            made = describe(DataFolder(data), run_audit(data, workers=workers, **options).to_json())
            return made if signer is None else sign_json(made, signer)

        keep_auditing(
            data, run, every=every, sample_every=sample_every, keep=keep or DEFAULT_KEEP, signer=signer, parent=parent,
            as_json=as_json,
        )  # fmt: skip
    with Progress(console=stderr, transient=True, disable=as_json) as progress:
        task = progress.add_task("auditing 审计", total=None)

        def on_progress(done: int, total: int, what: str) -> None:
            progress.update(task, completed=done, total=total, description=what)

        result = run_audit(
            data,
            progress=on_progress,
            workers=workers,
            execute=execute,
            keep=sample is None,
            resume=resume,
            incremental=incremental,
            signer=signer,
            sample=sample,
            seed=seed,
            seen=seen,
        )
    facts = describe(DataFolder(data), result.to_json())
    if signer is not None:
        facts = sign_json(facts, signer)
    if report is not None:
        write_json(report, facts)
    write_reports(facts, html=html, pdf=pdf, signer=signer)
    if keep is not None:
        audit_archive.file(data, facts, keep, signer)
    try:
        audit_archive.leave(data, facts)  # what the server's audit page shows
    except OSError as error:
        stderr.print(f"the result was not kept in {data}: {error.strerror}", markup=False)
    if as_json:
        emit(facts)
    else:
        console.print(render_text(result), markup=False, soft_wrap=True)
    if facts["findings"]:
        raise typer.Exit(EXIT_FINDING)


def rebuild_index(data: Data, as_json: AsJson = False) -> None:
    """Drop the read model and fill it again from the chain and the payload store 重建读模型."""
    from ledger.services.ledger import Ledger

    folder = DataFolder(data)
    with Progress(console=stderr, transient=True, disable=as_json) as progress:
        task = progress.add_task("rebuilding 重建", total=None)

        def on_progress(done: int, total: int, what: str = "") -> None:
            progress.update(task, completed=done, total=total)

        with Ledger.open(data) as ledger:
            ledger.rebuild_index(progress=on_progress)
            status = ledger.status()
    facts = {
        "index": str(folder.index),
        "height": status.height,
        "indexed": status.indexed,
        "records": status.records,
        "lots": status.lots,
        "trades": status.trades,
    }
    if as_json:
        emit(facts)
    else:
        console.print(json.dumps(facts, ensure_ascii=False), markup=False)
