"""`originseal doctor`: what is wrong with this machine or data folder, and what to do next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.commands.output import EXIT_FINDING, console, emit


def doctor(
    data: Annotated[Path, typer.Option("--data", help="the data folder 数据目录")],
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="also ask whether this port is free 端口")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Examine machine, folder, chain and stores; exit 1 when something has to be repaired 体检."""
    from ledger.services.doctor import examine, render_text

    diagnosis = examine(data, port=port)
    if as_json:
        emit(diagnosis.to_json())
    else:
        console.print(render_text(diagnosis), markup=False, soft_wrap=True)
    if diagnosis.failed:
        raise typer.Exit(EXIT_FINDING)
