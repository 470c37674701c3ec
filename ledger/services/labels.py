"""Labels: the QR code of a lot's GS1 Digital Link with its human-readable text, as SVG, PNG or PDF.

The code holds the absolute link and nothing else; the text below it repeats GTIN and lot with their application
identifiers, so that a person can type what a camera cannot read (GS1 General Specifications, 4.14).
Quiet zone: 4 modules, as ISO/IEC 18004 section 9.1 asks. Error correction: Q (25 %), since boxes get wet and scratched.
Does not know HTTP and does not check that the lot exists.
"""

from __future__ import annotations

import io
from typing import Any
from xml.sax.saxutils import escape

import segno
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from ledger.domain.gs1 import digital_link
from ledger.errors import Malformed

QUIET_ZONE = 4
ERROR_CORRECTION = "q"
PNG_SCALE = 12  # pixels per module: 300 dpi at one millimetre per module
LABEL_WIDTH_MM = 50
MEDIA_TYPES = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf"}


def label_text(gtin: str, lot: str) -> tuple[str, str]:
    """The two lines under the code: (01)GTIN and (10)lot."""
    return f"(01) {gtin}", f"(10) {lot}"


def render_label(gtin: str, lot: str, base_url: str, form: str) -> bytes:
    """One label in `form` svg, png or pdf. Raises Malformed for a bad GTIN or lot, or another form."""
    if form not in MEDIA_TYPES:
        raise Malformed(f"labels come as {', '.join(MEDIA_TYPES)}", field="form")
    link = digital_link(gtin, lot, base_url)
    code = segno.make(link, error=ERROR_CORRECTION, micro=False, boost_error=True)
    lines = label_text(gtin, lot)
    return {"svg": _svg, "png": _png, "pdf": _pdf}[form](code, link, lines)


def _rows(code: Any) -> list[list[bool]]:
    return [[bool(cell) for cell in row] for row in code.matrix_iter(scale=1, border=QUIET_ZONE)]


def _svg(code: Any, link: str, lines: tuple[str, str]) -> bytes:
    rows = _rows(code)
    size = len(rows)
    path = "".join(f"M{x} {y}h{length}v1h-{length}z" for y, row in enumerate(rows) for x, length in _runs(row))
    texts = "".join(
        f'<text x="{size / 2:g}" y="{size + 2 + 3.4 * i:g}" text-anchor="middle" font-size="2.9" '
        f'font-family="monospace">{escape(line)}</text>'
        for i, line in enumerate(lines)
    )
    height = size + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {height}" width="{LABEL_WIDTH_MM}mm" '
        f'height="{LABEL_WIDTH_MM * height / size:.2f}mm" role="img"><title>{escape(link)}</title>'
        f'<path fill="#fff" d="M0 0h{size}v{height}H0z"/><path fill="#000" shape-rendering="crispEdges" d="{path}"/>'
        f"{texts}</svg>\n"
    ).encode()


def _runs(row: list[bool]) -> list[tuple[int, int]]:
    """(start, length) of every run of dark modules in a row."""
    runs: list[tuple[int, int]] = []
    for x, dark in enumerate(row):
        if dark and runs and runs[-1][0] + runs[-1][1] == x:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        elif dark:
            runs.append((x, 1))
    return runs


def _png(code: Any, link: str, lines: tuple[str, str]) -> bytes:
    """A grey-scale PNG at 300 dpi, the link in its metadata too."""
    rows = _rows(code)
    size = len(rows) * PNG_SCALE
    line_height = 4 * PNG_SCALE
    image = Image.new("L", (size, size + line_height * len(lines)), 255)
    draw = ImageDraw.Draw(image)
    for y, row in enumerate(rows):
        for x, length in _runs(row):
            left, top = x * PNG_SCALE, y * PNG_SCALE
            draw.rectangle((left, top, left + length * PNG_SCALE - 1, top + PNG_SCALE - 1), fill=0)
    for i, line in enumerate(lines):
        font = ImageFont.load_default(3.2 * PNG_SCALE)
        draw.text((size / 2, size + line_height * i), line, fill=0, font=font, anchor="ma")
    facts = PngInfo()
    facts.add_text("Comment", link)
    out = io.BytesIO()
    image.save(out, "PNG", dpi=(300, 300), pnginfo=facts, optimize=True)
    return out.getvalue()


def _pdf(code: Any, link: str, lines: tuple[str, str]) -> bytes:
    """A one-label PDF page, 50 mm wide, drawn as vectors; the same input gives the same bytes."""
    rows = _rows(code)
    module = LABEL_WIDTH_MM * mm / len(rows)
    line_height = 4 * module
    height = (len(rows) + 1) * module + line_height * len(lines)
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(LABEL_WIDTH_MM * mm, height), invariant=True, pageCompression=1)
    canvas.setTitle(link)
    canvas.setCreator("OriginSeal")
    drawing = canvas.beginPath()
    for y, row in enumerate(rows):
        for x, length in _runs(row):
            drawing.rect(x * module, height - (y + 1) * module, length * module, module)
    canvas.drawPath(drawing, stroke=0, fill=1)
    canvas.setFont("Courier", 3.2 * module)
    for i, line in enumerate(lines):
        canvas.drawCentredString(LABEL_WIDTH_MM * mm / 2, line_height * (len(lines) - i - 0.7) + module / 2, line)
    canvas.showPage()
    canvas.save()
    return out.getvalue()
