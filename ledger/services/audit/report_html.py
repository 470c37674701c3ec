"""An audit report as one HTML file: no script, no request to anywhere, Chinese and English, fit for paper.

Everything that comes from the report is escaped here and nowhere else; the document's own Content-Security-Policy
forbids whatever might still get through.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from ledger.services.audit.report_content import Content, Item, Row, content
from ledger.services.audit.report_file import read_report
from ledger.services.audit.report_words import HEADINGS, LABELS, NO_FINDINGS, Text

CSS = """
:root{--ink:#1d2421;--soft:#56605b;--line:#ddd6c9;--seal:#8f1f17;--ok:#1c6b3f;--ok-bg:#e4f1e7;--warn:#7a4d00;
--warn-bg:#fcf0d6;--bad:#a01b1b;--bad-bg:#fbe5e1}
*{box-sizing:border-box}
body{margin:0 auto;max-width:56rem;padding:1.5rem 1rem 3rem;color:var(--ink);background:#fff;font:1rem/1.6 system-ui,
-apple-system,"Segoe UI","PingFang SC","Microsoft YaHei","Noto Sans CJK SC","Noto Sans SC",sans-serif;
overflow-wrap:anywhere}
h1{font-size:1.8rem;line-height:1.25;margin:0}h1 .en{font-size:1.1rem;font-weight:500}
h2{font-size:1.2rem;margin:2rem 0 .6rem;padding-bottom:.25rem;border-bottom:2px solid var(--seal)}
h2 .en{font-size:1rem;font-weight:500}
h3{font-size:1rem;margin:0}
.zh,.en{display:block}.en{color:var(--soft);font-size:.94em}
p{margin:0 0 .6rem}
dl{margin:0}dt{color:var(--soft);font-size:.88rem}dd{margin:0 0 .6rem}
dt .zh,dt .en{display:inline}dt .zh::after{content:" · "}
code{font-family:ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.86em;overflow-wrap:anywhere}
ol,ul{margin:0;padding-left:1.3rem}li{margin-bottom:.5rem}
.answer{border:2px solid;border-radius:10px;padding:1rem 1.1rem;margin:0 0 1rem}
.answer p:first-child{font-size:1.2rem;font-weight:650}.answer p:last-child{margin:0}
.answer .en{color:inherit}
.sound{color:var(--ok);background:var(--ok-bg)}.stores,.partial{color:var(--warn);background:var(--warn-bg)}
.broken{color:var(--bad);background:var(--bad-bg)}
.group,.finding{border-left:4px solid var(--line);padding:.1rem 0 .1rem .9rem;margin:0 0 1.1rem}
.finding.critical{border-color:var(--bad)}.finding.error{border-color:#b37400}
.finding .number{color:var(--soft);font-weight:500}
.severity{font-size:.88rem;font-weight:600;margin:.1rem 0 .4rem}
.critical .severity{color:var(--bad)}.error .severity,.warning .severity{color:var(--warn)}
.severity .zh,.severity .en{display:inline;color:inherit}.severity .zh::after{content:" · "}
.checked{columns:2;column-gap:2rem}.checked li{break-inside:avoid}
table{border-collapse:collapse;width:100%;font-size:.94rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line)}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;padding-right:0}
footer{margin-top:2rem;color:var(--soft);font-size:.85rem}
@media(min-width:40rem){.facts{display:grid;grid-template-columns:1fr 1fr;gap:0 2rem}.facts .wide{grid-column:1/-1}}
@media screen and (min-width:40rem){
 .finding dl{display:grid;grid-template-columns:9rem 1fr}
 .finding dd{margin-bottom:.2rem}
}
@media(max-width:40rem){.checked{columns:1}}
@media print{body{max-width:none;padding:0;font-size:10pt}
h2,h3,dt{break-after:avoid}.finding,.group,.answer{break-inside:avoid}
@page{size:A4;margin:18mm}}
"""


def render_html(facts: dict[str, Any]) -> str:
    """The report in `facts` (the JSON value) as an HTML document. Raises Malformed where the JSON is not a report."""
    made = content(read_report(facts))
    title = f"{made.title.zh} {made.title.en}"
    body = [
        f"<header><p>OriginSeal 源印</p><h1>{_both(made.title)}</h1></header><main>",
        _section("answer", _answer(made)),
        _section("ledger", '<dl class="facts">' + "".join(map(_row, made.facts)) + "</dl>"),
        _section("checked", _checked(made)),
        _section("findings", _findings(made)),
        _section("limits", f"<ul>{_list(made.limits)}</ul>"),
        _section("method", f"<ol>{_list(made.method)}</ol>"),
        _section("anchors", "<dl>" + "".join(map(_row, made.anchors)) + "</dl>"),
        _section("coverage", _coverage(made.coverage)),
        _section("glossary", "<dl>" + "".join(_term(*entry) for entry in made.glossary) + "</dl>"),
        f"</main><footer><p>{_both(LABELS['report'])}<code>{_safe(made.report_id)}</code></p></footer>",
    ]
    return (
        '<!doctype html>\n<html lang="zh-Hans">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_safe(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _safe(text: str) -> str:
    """Escaped text; characters that HTML forbids (controls) are shown by their number."""
    return escape("".join(char if char.isprintable() or char == "\n" else f"\\u{{{ord(char):x}}}" for char in text))


def _both(text: Text) -> str:
    english = f'<span class="en" lang="en">{_safe(text.en)}</span>' if text.en else ""
    return f'<span class="zh">{_safe(text.zh)}</span>{english}'


def _section(name: str, inner: str) -> str:
    return f'<section aria-labelledby="h-{name}"><h2 id="h-{name}">{_both(HEADINGS[name])}</h2>{inner}</section>'


def _list(texts: Iterable[Text]) -> str:
    return "".join(f"<li>{_both(text)}</li>" for text in texts)


def _row(row: Row) -> str:
    value = "" if row.value is None else _both(row.value)
    codes = "".join(f"<code>{_safe(code)}</code>" for code in row.codes)
    wide = ' class="wide"' if row.codes else ""
    return f"<div{wide}><dt>{_both(row.label)}</dt><dd>{value}{codes}</dd></div>"


def _term(term: Text, meaning: Text) -> str:
    return f"<div><dt>{_both(term)}</dt><dd>{_both(meaning)}</dd></div>"


def _answer(made: Content) -> str:
    lines = "".join(f"<p>{_both(text)}</p>" for text in made.answer)
    groups = "".join(
        f'<div class="group"><h3>{_both(group.promise)}</h3><p>{_both(group.meaning)}</p>'
        f"<p>{group.count:,} {_safe(LABELS['affected'].zh)} {_safe(LABELS['affected'].en)}</p></div>"
        for group in made.broken
    )
    return f'<div class="answer {made.tone}">{lines}</div>{groups}'


def _checked(made: Content) -> str:
    said = "".join(f"<p>{_both(text)}</p>" for text in made.covered)
    return f'{said}<ul class="checked">{_list(made.checked)}</ul>'


def _findings(made: Content) -> str:
    if not made.findings and made.omitted is None:
        return f"<p>{_both(NO_FINDINGS)}</p>"
    omitted = "" if made.omitted is None else f"<p>{_both(made.omitted)}</p>"
    return "".join(map(_finding, made.findings)) + omitted


def _finding(item: Item) -> str:
    lines = [("where", f"<code>{_safe(item.where)}</code>")]
    if item.detail:
        lines.append(("detail", _safe(item.detail)))
    lines += [("evidence", f"{_safe(name)} <code>{_safe(value)}</code>") for name, value in item.evidence]
    if item.reproduce:
        lines.append(("reproduce", f"<code>{_safe(item.reproduce)}</code>"))
    facts = "".join(f"<dt>{_both(LABELS[name])}</dt><dd>{value}</dd>" for name, value in lines)
    return (
        f'<article class="finding {item.severity}"><h3><span class="number">{item.number}.</span> '
        f"<code>{_safe(item.id)}</code> {_both(item.what)}</h3>"
        f'<p class="severity">{_both(item.severity_text)}</p><dl>{facts}</dl></article>'
    )


def _coverage(rows: Iterable[tuple[Text, int]]) -> str:
    body = "".join(f'<tr><td>{_both(name)}</td><td class="n">{count:,}</td></tr>' for name, count in rows)
    return f"<table><tbody>{body}</tbody></table>"
