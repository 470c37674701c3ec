"""The command tree and its one error handler."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ledger import __version__, correlation
from ledger.errors import OriginSealError
from scripts.commands import (
    audit,
    backup,
    certificate,
    demo,
    doctor,
    governance,
    key,
    label,
    member,
    replica,
    serve,
    submit,
    witness,
)
from scripts.commands import report as reports
from scripts.commands.output import emit, report

app = typer.Typer(
    name="originseal",
    help="OriginSeal 源印: a traceability ledger whose contracts verify SM2 signatures themselves.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
app.command("replica")(replica.replica)
app.command("witness")(witness.witness)
app.command("submit")(submit.submit)
app.command("label")(label.label)
app.command("audit")(audit.audit)
app.command("rebuild-index")(audit.rebuild_index)
app.command("doctor")(doctor.doctor)
app.command("restore")(backup.restore)
app.add_typer(backup.app, name="backup")
app.add_typer(key.app, name="key")
app.add_typer(certificate.app, name="certificate")
app.add_typer(member.app, name="member")
app.add_typer(governance.app, name="governance")
app.add_typer(reports.app, name="report")


@app.command("verify", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def verify(context: typer.Context) -> None:
    """Check a proof bundle offline 离线验证证明包 (see `originseal verify --help`)."""
    from ledger.proof.cli import main as run_verify

    raise typer.Exit(run_verify(context.args))


@app.command("version")
def version(as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
    """Print the program's version 版本."""
    if as_json:
        emit({"version": __version__})
    else:
        typer.echo(__version__)


def run() -> int:
    """Run the command line; every error of the ledger becomes a message and an exit code."""
    try:
        with correlation.bind(correlation.fresh()):
            code = app(standalone_mode=False)  # click hands a command's typer.Exit back as its value
    except OriginSealError as error:
        return report(error, as_json="--json" in sys.argv)
    except typer.Exit as stop:
        return int(stop.exit_code)
    except typer.Abort:
        return 130
    except Exception as error:
        # click's own usage errors carry their exit code and message; anything else is a bug and keeps its traceback
        show = getattr(error, "show", None)
        if show is None:
            raise
        show()
        return int(getattr(error, "exit_code", 2))
    return code if isinstance(code, int) else 0
