"""`originseal report`: check a signed audit report, and render one again from its JSON."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.errors import Malformed
from scripts.commands.key import AsJson, PassphraseFile, open_signer
from scripts.commands.output import console, emit

EXIT_UNVOUCHED = 5  # the signature holds, but nobody said whose key it is
app = typer.Typer(no_args_is_help=True, help="Audit reports 审计报告.")

SignWith = Annotated[
    Path | None, typer.Option("--sign-with", help="the auditor's SM2 key file: sign JSON and PDF 签名密钥")
]
Html = Annotated[Path | None, typer.Option("--html", help="also write the report as one HTML file here")]
Pdf = Annotated[Path | None, typer.Option("--pdf", help="also write the report as a PDF here")]


@app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="a signed report, PDF or JSON")],
    key: Annotated[
        str | None, typer.Option("--key", help="the auditor's public key (PEM file) or key id sm3:… 审计人公钥")
    ] = None,
    anchors: Annotated[
        Path | None, typer.Option("--anchors", help="the ledger's anchors.json: the report must be about it 信任锚")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a signed report. Exit 0: it holds and the key is known; 5: it holds, nobody vouched for the key; 1: it
    does not hold 验证审计报告."""
    from ledger.proof.anchors import parse_anchors
    from ledger.services.audit import report_signing, report_trust

    trusted = None
    if key is not None:
        trusted = report_trust.parse_key(key, None if key.startswith("sm3:") else _read(Path(key)))
    known = None if anchors is None else parse_anchors(_read(anchors))
    evidence = report_trust.vouch(report_signing.verify(_read(file)), trusted, known)
    if as_json:
        emit(evidence.to_json())
    else:
        _say(evidence.to_json())
    if not evidence.by:
        raise typer.Exit(EXIT_UNVOUCHED)


@app.command("render")
def render(
    file: Annotated[Path, typer.Argument(help="a report: its JSON, or a signed PDF")],
    html: Html = None,
    pdf: Pdf = None,
    sign_with: SignWith = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Write a report again as HTML or PDF from its JSON, or from the JSON inside a signed PDF; a signature that it has
    must hold 重新生成报告."""
    from ledger.services.audit import report_signing
    from ledger.services.audit.report_file import load_report, report_id

    if html is None and pdf is None:
        raise Malformed("nothing to write", field="--html", hint="name a file with --html or --pdf")
    data = _read(file)
    if data.startswith(b"%PDF-"):
        facts = report_signing.verify_pdf(data).report
    else:
        facts = load_report(data)
        if "signature" in facts:
            report_signing.verify_json(facts)
    written = write_reports(
        facts, html=html, pdf=pdf, signer=None if sign_with is None else open_signer(sign_with, passphrase_file)
    )
    if as_json:
        emit({"report": report_id(facts), "written": written})
    else:
        for path in written:
            console.print(path, markup=False, soft_wrap=True)


def write_reports(
    facts: dict[str, Any], *, html: Path | None = None, pdf: Path | None = None, signer: Any = None
) -> list[str]:
    """Write the forms that were asked for; a PDF is signed when there is a signer. The files' names."""
    written = []
    if html is not None:
        from ledger.services.audit.report_html import render_html

        write_bytes(html, render_html(facts).encode())
        written.append(str(html))
    if pdf is not None:
        from ledger.services.audit.report_pdf import render_pdf
        from ledger.services.audit.report_signing import sign_pdf

        made = render_pdf(facts, "" if signer is None else f"sm3:{signer.public.key_id.hex()}")
        write_bytes(pdf, made if signer is None else sign_pdf(made, facts, signer, int(time.time())))
        written.append(str(pdf))
    return written


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file at once: a reader sees the old one or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise Malformed(f"cannot write {path}: {error.strerror}", field=str(path)) from error


def _read(path: Path) -> bytes:
    from ledger.services.audit.report_signing import MAX_PDF_BYTES

    try:
        with path.open("rb") as handle:
            return handle.read(MAX_PDF_BYTES + 1)
    except OSError as error:
        raise Malformed(f"cannot read {path}: {error.strerror}", field=str(path)) from error


def _say(facts: dict[str, Any]) -> None:
    from ledger.services.audit.report_content import utc

    report = facts["report"]
    lines = [
        f"签名有效 the signature holds   {facts['keyId']}",
        f"报告 report                   {report['id']}",
        f"结论 result                   {report['result']}, {report['findings']} findings, "
        f"chain {report['chainId']} to block {report['head']}",
    ]
    if facts["signedAt"] is not None:
        lines.append(f"签名时间（签名人自述） signed at, by the signer's own clock   {utc(facts['signedAt'])}")
    if facts["pagesMatchReport"] is False:
        lines.append(
            "页面并非由本版本程序从所附报告生成，请以所附 report.json 为准 "
            "the pages are not what this version makes of the attached report: go by the attached report.json"
        )
    by = {
        "key": "密钥即所给密钥 it is the key that was given",
        "anchors": f"密钥在信任锚中 the key is in the anchors: {facts['name']}",
        None: "无人证明该密钥属于谁：请向审计人索取公钥，用 --key 指定 "
        "nobody vouched for this key: get the public key from the auditor and name it with --key",
    }
    for line in [*lines, by[facts["vouchedBy"]]]:
        console.print(line, markup=False, soft_wrap=True)
