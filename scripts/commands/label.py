"""`originseal label`: the QR label of one lot as SVG, PNG or PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ledger.errors import Malformed
from scripts.commands.output import console, emit


def label(
    gtin: Annotated[str, typer.Argument(help="GTIN-8, -12, -13 or -14")],
    lot: Annotated[str, typer.Argument(help="lot number 批号")],
    output: Annotated[Path, typer.Option("--output", "-o", help="file ending in .svg, .png or .pdf")],
    base_url: Annotated[
        str, typer.Option("--base-url", help="address that the code carries")
    ] = "http://127.0.0.1:8000",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Write a label whose QR code is the lot's GS1 Digital Link 生成批次二维码标签."""
    from ledger.services.labels import FORMATS, render_label

    format_ = output.suffix.lower().lstrip(".")
    if format_ not in FORMATS:
        raise Malformed(f"the file must end in one of {', '.join('.' + f for f in FORMATS)}", field="--output")
    rendered = render_label(gtin, lot, base_url=base_url, format_=format_)
    output.write_bytes(rendered.data)
    if as_json:
        emit({"file": str(output), "url": rendered.url})
    else:
        console.print(f"{output}  {rendered.url}", markup=False, soft_wrap=True)
