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
    from ledger.domain.gs1 import Gtin, digital_link
    from ledger.services.labels import MEDIA_TYPES, render_label

    form = output.suffix.lower().lstrip(".")
    if form not in MEDIA_TYPES:
        raise Malformed(f"the file must end in one of {', '.join('.' + f for f in MEDIA_TYPES)}", field="--output")
    url = digital_link(gtin, lot, base_url)
    output.write_bytes(render_label(Gtin.parse(gtin), lot, base_url, form))
    if as_json:
        emit({"file": str(output), "url": url})
    else:
        console.print(f"{output}  {url}", markup=False, soft_wrap=True)
