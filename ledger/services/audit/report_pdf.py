"""An audit report as a PDF: A4, Chinese and English, every glyph embedded, the same input giving the same bytes.

Text is set in subsets of Noto Sans CJK SC (fonts/OFL.txt). A Han character outside them is set in the reader's own
STSong-Light; anything else outside is written as its number, so that no character of a finding is silently lost.
Does not sign: see `report_signing`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, KeepTogether, PageTemplate, Paragraph, Spacer
from reportlab.platypus import Table as PdfTable

from ledger.services.audit.report_content import Broken, Content, Item, Row, content
from ledger.services.audit.report_file import read_report
from ledger.services.audit.report_words import HEADINGS, LABELS, NO_FINDINGS, Text

MARGIN, FOOT = 20 * mm, 24 * mm
WIDTH = A4[0] - 2 * MARGIN
REGULAR, BOLD, MONO, RARE = "originseal", "originseal-bold", "originseal-mono", "STSong-Light"
INK, SOFT, LINE, SEAL = HexColor("#1d2421"), HexColor("#56605b"), HexColor("#cfc7b8"), HexColor("#8f1f17")
TONES = {
    "sound": (HexColor("#1c6b3f"), HexColor("#e4f1e7")),
    "partial": (HexColor("#7a4d00"), HexColor("#fcf0d6")),
    "stores": (HexColor("#7a4d00"), HexColor("#fcf0d6")),
    "broken": (HexColor("#a01b1b"), HexColor("#fbe5e1")),
}
SEVERITY_TONE = {"critical": "broken", "error": "stores", "warning": "stores"}
HAN = re.compile("[\u2e80-\u9fff\uf900-\ufaff]")


def _style(name: str, size: float, **more: Any) -> ParagraphStyle:
    return ParagraphStyle(
        name, **{"fontName": REGULAR, "fontSize": size, "leading": size * 1.5, "textColor": INK, **more}
    )


ZH = _style("zh", 10, wordWrap="CJK")
EN = _style("en", 9, textColor=SOFT, spaceAfter=3 * mm)
LABEL = _style("label", 8, textColor=SOFT)
CODE = _style("code", 7.6, fontName=MONO, wordWrap="CJK", leading=11)
TITLE_ZH = _style("title-zh", 22, fontName=BOLD, wordWrap="CJK")
TITLE_EN = _style("title-en", 13, textColor=SOFT, spaceAfter=5 * mm)
HEAD = _style("head", 13, fontName=BOLD, wordWrap="CJK", textColor=SEAL, spaceBefore=6 * mm)
HEAD_EN = _style("head-en", 10, textColor=SOFT, spaceAfter=2.5 * mm)
STRONG = _style("strong", 10.5, fontName=BOLD, wordWrap="CJK")


@cache
def _fonts() -> dict[str, frozenset[int]]:
    """Register the fonts, once; the characters that each has."""
    folder = resources.files("ledger.services.audit").joinpath("fonts")
    known = {}
    for name, file in ((REGULAR, "regular"), (BOLD, "bold"), (MONO, "mono")):
        font = TTFont(name, io.BytesIO(folder.joinpath(f"report-{file}.ttf").read_bytes()))
        pdfmetrics.registerFont(font)
        known[name] = frozenset(font.face.charToGlyph)
    pdfmetrics.registerFont(UnicodeCIDFont(RARE))
    return known


def render_pdf(facts: dict[str, Any], signer: str = "") -> bytes:
    """The report in `facts` (the JSON value) as a PDF; `signer` is the id of the key that will sign it.

    Raises Malformed where the JSON is not a report.
    """
    made = content(read_report(facts), signer)
    _fonts()
    out = io.BytesIO()
    document = BaseDocTemplate(
        out,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=FOOT,
        title=f"{made.title.zh} {made.title.en}",
        subject=made.report_id,
        creator="OriginSeal",
        author="OriginSeal",
        lang="zh-CN",
        invariant=1,
    )
    frame = Frame(
        MARGIN, FOOT, WIDTH, A4[1] - MARGIN - FOOT, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0
    )
    document.addPageTemplates(PageTemplate("page", [frame]))

    def canvas(*arguments: Any, **options: Any) -> _NumberedCanvas:
        return _NumberedCanvas(*arguments, report_id=made.report_id, **options)

    document.build(_story(made), canvasmaker=canvas)
    return out.getvalue()


class _NumberedCanvas(Canvas):  # type: ignore[misc]  # reportlab has no types
    """Writes the foot of every page when their number is known: report id, page n of N."""

    def __init__(self, *arguments: Any, report_id: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._report_id = report_id
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, state in enumerate(self._pages, 1):
            self.__dict__.update(state)
            self._foot(number, len(self._pages))
            super().showPage()
        super().save()

    def _foot(self, number: int, total: int) -> None:
        self.setStrokeColor(LINE)
        self.line(MARGIN, FOOT - 4 * mm, A4[0] - MARGIN, FOOT - 4 * mm)
        self.setFillColor(SOFT)
        self.setFont(REGULAR, 7.5)
        label = LABELS["report"]
        self.drawString(MARGIN, FOOT - 8 * mm, f"OriginSeal 源印 · {label.zh} {label.en}")
        self.drawRightString(A4[0] - MARGIN, FOOT - 8 * mm, f"{number} / {total}")
        self.setFont(MONO, 7)
        self.drawString(MARGIN, FOOT - 12 * mm, self._report_id)


# ----------------------------------------------------------------------------------------------------------- text


def _markup(text: str, font: str) -> str:
    """Text as a Paragraph's markup: escaped, and each run in a font that has its characters."""
    known = _fonts()
    runs: list[tuple[str, str]] = []
    for char in text:
        if char in "\n\t":
            char = " "
        if ord(char) in known[font]:
            chosen, shown = font, char
        elif ord(char) in known[REGULAR]:
            chosen, shown = REGULAR, char
        elif HAN.match(char):
            chosen, shown = RARE, char
        else:
            chosen, shown = font, f"\\u{{{ord(char):x}}}"
        if runs and runs[-1][0] == chosen:
            runs[-1] = (chosen, runs[-1][1] + shown)
        else:
            runs.append((chosen, shown))
    return "".join(
        escape(run) if chosen == font else f'<font name="{chosen}">{escape(run)}</font>' for chosen, run in runs
    )


def _paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(_markup(text, style.fontName), style)


def _both(text: Text, zh: ParagraphStyle = ZH, en: ParagraphStyle = EN) -> list[Flowable]:
    made = [_paragraph(text.zh, zh)]
    if text.en:
        made.append(_paragraph(text.en, en))
    return made


def _section(name: str, blocks: Iterable[list[Flowable]]) -> list[Flowable]:
    """A heading and what stands under it, block by block: no block is torn apart, no heading is left alone."""
    story: list[Flowable] = []
    pending = _both(HEADINGS[name], HEAD, HEAD_EN)
    for block in blocks:
        story.append(KeepTogether([*pending, *block]))
        pending = []
    return story + pending


# ------------------------------------------------------------------------------------------------------- the parts


def _story(made: Content) -> list[Flowable]:
    story: list[Flowable] = [_paragraph("OriginSeal 源印", LABEL), *_both(made.title, TITLE_ZH, TITLE_EN)]
    story += _section("answer", [[_answer(made), Spacer(0, 4 * mm)], *map(_broken, made.broken)])
    story += _section("ledger", _table(made.facts))
    story += _section("checked", [*[_both(text) for text in made.covered], [Spacer(0, 2 * mm), _columns(made.checked)]])
    story += _section("findings", _findings(made))
    story += _section("limits", _bullets(made.limits, "•"))
    story += _section("method", _bullets(made.method, None))
    story += _section("anchors", _table(made.anchors))
    story += _section("coverage", _numbers(made.coverage))
    terms = [[_paragraph(f"{term.zh} · {term.en}", STRONG), *_both(meaning)] for term, meaning in made.glossary]
    return story + _section("glossary", terms)


def _broken(group: Broken) -> list[Flowable]:
    affected = f"{group.count:,} {LABELS['affected'].zh} {LABELS['affected'].en}"
    return [*_both(group.promise, STRONG), *_both(group.meaning), _paragraph(affected, LABEL), Spacer(0, 3 * mm)]


def _answer(made: Content) -> Flowable:
    ink, ground = TONES[made.tone]
    strong = _style("answer", 12.5, fontName=BOLD, wordWrap="CJK", textColor=ink)
    strong_en = _style("answer-en", 10.5, fontName=BOLD, textColor=ink, spaceAfter=3 * mm)
    zh, en = ZH.clone("answer-more", textColor=ink), EN.clone("answer-more-en", textColor=ink)
    inner = _both(made.answer[0], strong, strong_en)
    for text in made.answer[1:]:
        inner += _both(text, zh, en)
    box = [("BACKGROUND", (0, 0), (-1, -1), ground), ("LINEBEFORE", (0, 0), (0, -1), 3, ink)]
    padding = [(f"{side}PADDING", (0, 0), (-1, -1), 9) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")]
    return PdfTable([[part] for part in inner], colWidths=[WIDTH], style=[*box, *padding[:2], *_tight(len(inner))])


def _tight(rows: int) -> list[tuple[Any, ...]]:
    """Padding of a box that is one column of paragraphs: only above the first and below the last."""
    return [
        ("TOPPADDING", (0, 0), (-1, -1), 1),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
        ("TOPPADDING", (0, 0), (-1, 0), 8),
        ("BOTTOMPADDING", (0, rows - 1), (-1, rows - 1), 6),
    ]


def _table(rows: Iterable[Row]) -> list[list[Flowable]]:
    """A table of facts; each row is a table of its own, so that a page may end between any two."""
    style = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
    ]
    blocks: list[list[Flowable]] = []
    for row in rows:
        value = [] if row.value is None else _both(row.value, ZH, EN.clone("cell-en", spaceAfter=0))
        value += [_paragraph(code, CODE) for code in row.codes]
        cells = [[_both(row.label, ZH, LABEL), value]]
        blocks.append([PdfTable(cells, colWidths=[46 * mm, WIDTH - 46 * mm], style=style)])
    return blocks


def _columns(texts: Iterable[Text]) -> Flowable:
    """Short bilingual lines in two columns."""
    cells = [_both(text, ZH, LABEL) for text in texts]
    half = (len(cells) + 1) // 2
    right = [*cells[half:], *[[] for _ in range(2 * half - len(cells))]]
    style = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 1),
    ]
    return PdfTable(list(zip(cells[:half], right, strict=True)), colWidths=[WIDTH / 2] * 2, style=style)


def _bullets(texts: Iterable[Text], mark: str | None) -> list[list[Flowable]]:
    made: list[list[Flowable]] = []
    zh, en = ZH.clone("bullet", leftIndent=6 * mm, bulletIndent=0), EN.clone("bullet-en", leftIndent=6 * mm)
    for number, text in enumerate(texts, 1):
        shown = f'<bullet><font name="{REGULAR}">{mark or f"{number}."}</font></bullet>'
        made.append([Paragraph(shown + _markup(text.zh, REGULAR), zh), _paragraph(text.en, en)])
    return made


def _findings(made: Content) -> list[list[Flowable]]:
    blocks = [_finding(item) for item in made.findings]
    if made.omitted is not None:
        blocks.append([Spacer(0, 4 * mm), *_both(made.omitted)])
    return blocks or [_both(NO_FINDINGS)]


def _finding(item: Item) -> list[Flowable]:
    ink, _ = TONES[SEVERITY_TONE[item.severity]]
    severity = LABEL.clone("severity", textColor=ink, fontSize=8.5)
    head = [
        _paragraph(f"{item.number}. {item.what.zh}", STRONG.clone("finding", spaceBefore=4 * mm)),
        _paragraph(item.what.en, EN.clone("finding-en", spaceAfter=0)),
        _paragraph(f"{item.id} · {item.severity_text.zh} · {item.severity_text.en}", severity),
    ]
    lines: list[tuple[Text, Paragraph]] = [(LABELS["where"], _paragraph(item.where, CODE))]
    if item.detail:
        lines.append((LABELS["detail"], _paragraph(item.detail, CODE.clone("detail", fontName=REGULAR))))
    lines += [(LABELS["evidence"], _paragraph(f"{name} {value}", CODE)) for name, value in item.evidence]
    if item.reproduce:
        lines.append((LABELS["reproduce"], _paragraph(item.reproduce, CODE)))
    label = LABEL.clone("finding-label", leading=11)
    table = PdfTable(
        [[_paragraph(f"{name.zh} {name.en}", label), value] for name, value in lines],
        colWidths=[34 * mm, WIDTH - 34 * mm],
        style=[
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEBEFORE", (0, 0), (0, -1), 2, ink),
            ("TOPPADDING", (0, 0), (-1, -1), 1),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
            ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ],
    )
    return [*head, Spacer(0, 1 * mm), table]


def _numbers(rows: Iterable[tuple[Text, int]]) -> list[list[Flowable]]:
    right = ZH.clone("number", alignment=2)
    style = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
    blocks: list[list[Flowable]] = []
    for name, count in rows:
        label = f"{name.zh} · {name.en}" if name.en != name.zh else name.zh
        cells = [[_paragraph(label, ZH), _paragraph(f"{count:,}", right)]]
        blocks.append([PdfTable(cells, colWidths=[WIDTH - 35 * mm, 35 * mm], style=style)])
    return blocks or [_both(NO_FINDINGS)]
