"""Labels: what a scanner reads is the absolute Digital Link, also after rough handling."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter

from ledger.errors import Malformed
from ledger.services.labels import ERROR_CORRECTION, QUIET_ZONE, label_text, render_label

GTIN, LOT, BASE = "09521003000183", "P-FZX-240A", "https://trace.example"
LINK = f"{BASE}/01/{GTIN}/10/{LOT}"


def picture(form: str = "png", lot: str = LOT) -> Image.Image:
    data = render_label(GTIN, lot, BASE, form)
    if form == "png":
        return Image.open(io.BytesIO(data)).convert("L")
    document = pypdfium2.PdfDocument(data)
    image = document[0].render(scale=5).to_pil().convert("L")
    document.close()
    return image


def read(image: Image.Image) -> list[str]:
    return [code.text for code in zxingcpp.read_barcodes(image)]


@pytest.mark.parametrize("form", ["png", "pdf"])
def test_label_is_read_by_zxing(form: str) -> None:
    assert read(picture(form)) == [LINK]


@pytest.mark.parametrize("form", ["png", "pdf"])
def test_label_is_read_by_zbar(form: str, tmp_path: Path) -> None:
    if shutil.which("zbarimg") is None:
        pytest.skip("zbarimg is not installed (Debian: zbar-tools)")
    file = tmp_path / "label.png"
    picture(form).save(file)
    run = subprocess.run(["zbarimg", "--raw", "-q", str(file)], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == LINK


@pytest.mark.parametrize("lot", ["A/B", "50%", "(1)&x=y", "x" * 20])
def test_label_of_awkward_lot_carries_the_encoded_link(lot: str) -> None:
    from urllib.parse import quote

    assert read(picture(lot=lot)) == [f"{BASE}/01/{GTIN}/10/{quote(lot, safe='')}"]


@pytest.mark.parametrize("angle", [13, 45, 90, 180, 271])
def test_label_is_read_when_turned(angle: int) -> None:
    assert read(picture().rotate(angle, expand=True, fillcolor=255)) == [LINK]


@pytest.mark.parametrize("width", [120, 200, 900])
def test_label_is_read_when_scaled(width: int) -> None:
    image = picture()
    assert read(image.resize((width, round(image.height * width / image.width)))) == [LINK]


def test_label_is_read_when_smudged() -> None:
    image = picture()
    draw = ImageDraw.Draw(image)
    side = image.width
    spot = round(side * 0.2)
    draw.ellipse((side * 0.5, side * 0.5, side * 0.5 + spot, side * 0.5 + spot), fill=0)
    assert read(image.filter(ImageFilter.GaussianBlur(2))) == [LINK]


def test_damage_beyond_correction_is_not_read_as_something_else() -> None:
    image = picture()
    ImageDraw.Draw(image).rectangle((0, 0, image.width * 0.6, image.width), fill=255)
    assert read(image) == []


def test_quiet_zone_is_at_least_four_modules() -> None:
    assert QUIET_ZONE >= 4
    image = picture()
    rows = [image.crop((0, y, image.width, y + 1)).getextrema()[0] for y in range(image.height)]
    top = next(y for y, darkest in enumerate(rows) if darkest < 128)
    columns = [image.crop((x, 0, x + 1, image.width)).getextrema()[0] for x in range(image.width)]
    left = next(x for x, darkest in enumerate(columns) if darkest < 128)
    module = 12
    assert top >= 4 * module
    assert left >= 4 * module


def test_error_correction_is_at_least_m() -> None:
    assert ERROR_CORRECTION in "mqh"
    assert zxingcpp.read_barcodes(picture())[0].ec_level in ("M", "Q", "H")


def test_text_names_gtin_and_lot_with_their_identifiers() -> None:
    assert label_text(GTIN, LOT) == (f"(01) {GTIN}", f"(10) {LOT}")
    svg = render_label(GTIN, LOT, BASE, "svg").decode()
    assert f"(01) {GTIN}" in svg
    assert f"(10) {LOT}" in svg
    document = pypdfium2.PdfDocument(render_label(GTIN, LOT, BASE, "pdf"))
    text = document[0].get_textpage().get_text_range()
    document.close()
    assert f"(01) {GTIN}" in text
    assert f"(10) {LOT}" in text


def test_svg_escapes_what_a_lot_may_hold() -> None:
    from xml.etree import ElementTree

    svg = render_label(GTIN, "a<b&\"c'", BASE, "svg")
    texts = [node.text for node in ElementTree.fromstring(svg).iter() if node.text]
    assert "(10) a<b&\"c'" in texts


@pytest.mark.parametrize("form", ["svg", "png", "pdf"])
def test_same_label_has_the_same_bytes(form: str) -> None:
    assert render_label(GTIN, LOT, BASE, form) == render_label(GTIN, LOT, BASE, form)


@pytest.mark.parametrize(
    ("gtin", "lot", "form"),
    [
        ("09521003000184", LOT, "svg"),
        (GTIN, "", "svg"),
        (GTIN, "x" * 21, "svg"),
        (GTIN, "中", "svg"),
        (GTIN, LOT, "gif"),
    ],
)
def test_bad_label_is_refused(gtin: str, lot: str, form: str) -> None:
    with pytest.raises(Malformed):
        render_label(gtin, lot, BASE, form)
