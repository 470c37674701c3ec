"""Reports for people: both forms say the same, in both languages, whatever a finding contains."""

from __future__ import annotations

import html.parser
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from ledger.documents.canonical import jcs
from ledger.errors import Malformed, OriginSealError, TooLarge
from ledger.services.audit import audit, report_file, report_reading, report_words
from ledger.services.audit.findings import KINDS
from ledger.services.audit.report_content import MAX_SHOWN, MAX_TEXT, content
from ledger.services.audit.report_file import describe, load_report, plain, public_copy, read_report, report_id
from ledger.services.audit.report_html import render_html
from ledger.services.audit.report_pdf import HAN, _fonts, render_pdf
from ledger.services.config import DataFolder
from tests.report_facts import GENESIS, HASH, HOSTILE, facts_with, many_facts, sound_facts
from tests.small_ledger import PASSPHRASE, SmallLedger


def pages_of(pdf: bytes) -> list[str]:
    """The text of every page, without white space: lines break where the page ends, not where words do."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        texts = []
        for number in range(len(document)):
            page = document[number]
            text = page.get_textpage()
            texts.append(re.sub(r"\s", "", text.get_text_bounded()))
            text.close()
            page.close()
        return texts
    finally:
        document.close()


def packed(text: str) -> str:
    return re.sub(r"\s", "", text)


class Reader(html.parser.HTMLParser):
    """The text of a document and every element and attribute in it; fails on markup that does not nest."""

    VOID = ("meta", "br", "link", "img")

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(document)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.text += data


# ------------------------------------------------------------------------------------------------------ what is said


def test_both_forms_give_the_answer_in_both_languages_when_the_ledger_is_sound() -> None:
    facts = sound_facts()
    pdf, text = "".join(pages_of(render_pdf(facts))), packed(Reader(render_html(facts)).text)
    for said in (*report_words.ANSWER_SOUND, "广东源印", GENESIS, report_id(facts), "OriginSeal0.1.0", "116", "114"):
        assert packed(said) in pdf, said
        assert packed(said) in text, said
    for each in (
        *report_reading.LIMITS,
        *report_reading.METHOD,
        *[text for entry in report_reading.GLOSSARY for text in entry],
    ):
        for language in each:
            assert packed(language) in pdf, language
            assert packed(language) in text, language


def test_both_forms_name_every_finding_with_place_and_command_when_there_are_ten() -> None:
    facts = many_facts()
    pdf, text = "".join(pages_of(render_pdf(facts))), packed(Reader(render_html(facts)).text)
    assert len(facts["findings"]) == 10
    for finding in facts["findings"][:-1]:
        for said in (finding["id"], finding["where"], *finding["what"].values(), finding["reproduce"], "0badc0de"):
            assert packed(said) in text, said
            assert packed(said) in pdf or packed(said)[:40] in pdf, said
    broken = report_words.MEANINGS["payload"]
    for said in (*broken.promise, *broken.meaning):
        assert packed(said) in pdf and packed(said) in text


def test_worst_findings_come_first_when_a_report_mixes_severities() -> None:
    made = content(read_report(facts_with(("index.row", "a"), ("chain.block-hash", "block 3"), ("outbox.row", "b"))))
    assert [item.severity for item in made.findings] == ["critical", "error", "error"]
    assert made.tone == "broken"


@pytest.mark.parametrize(
    ("facts", "tone", "said"),
    [
        (sound_facts(), "sound", "From genesis to block 115"),
        (sound_facts(mode="incremental", **{"from": 90}), "sound", "From block 90 to block 115"),
        (sound_facts(mode="sample"), "sound", "About what was not drawn"),
        (sound_facts(role="replica"), "sound", "A replica has no payloads"),
        (sound_facts(role="replica", mode="sample"), "sound", "About what was not drawn"),
        (sound_facts(mode="of a later version"), "sound", "About what was not drawn"),
        (facts_with(("index.row", "lots")), "stores", "none of which breaks a promise"),
        (facts_with(("audit.incomplete", "engine")), "partial", "neither that they are sound nor"),
        (facts_with(("audit.incomplete", "engine"), ("index.row", "x")), "stores", "neither that they are sound nor"),
        (sound_facts(mode="incremental", **{"from": 116}), "sound", "No block has been added since"),
        (facts_with(("file.unreadable", "chain.sqlite")), "broken", "1 break a promise"),
    ],
)  # fmt: skip
def test_answer_claims_no_more_than_was_checked_when_the_audit_was_partial(facts: Any, tone: str, said: str) -> None:
    made = content(read_report(facts))
    assert made.tone == tone
    assert said in " ".join(text.en for text in made.answer)
    if facts["mode"] != "full" or facts["role"] != "operator":
        assert "From genesis" not in " ".join(text.en for text in made.answer)
        assert "keeps what it promises" not in made.answer[0].en


@pytest.mark.parametrize("mode", ["sample", "of a later version"])
def test_sample_report_does_not_claim_to_have_read_everything(mode: str) -> None:
    made = content(read_report(sound_facts(mode=mode)))
    assert "drawn at random" in " ".join(text.en for text in made.method)
    assert "whole storage" not in " ".join(text.en for text in made.method)


def test_statement_and_notes_of_the_audit_are_in_both_forms() -> None:
    facts = sound_facts(statement={"zh": "覆盖了什么", "en": "what was covered"}, notes=["a note"])
    pdf, text = "".join(pages_of(render_pdf(facts))), packed(Reader(render_html(facts)).text)
    for said in ("覆盖了什么", "whatwascovered", "anote"):
        assert said in pdf and said in text


def test_replica_report_does_not_claim_to_have_read_payloads() -> None:
    made = content(read_report(sound_facts(role="replica")))
    assert "decrypted" not in " ".join(text.en for text in made.method)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_finding_has_a_meaning_for_evidence(kind: str) -> None:
    made = content(read_report(facts_with((kind, "somewhere"))))
    assert [group.count for group in made.broken] == [1]
    assert (made.broken[0].promise.en == "The operator's stores") <= (KINDS[kind][0] != "critical"), (
        "a critical one is no mere store"
    )


def test_findings_beyond_the_bound_are_counted_when_there_are_many() -> None:
    facts = facts_with(*[("index.row", f"row {number}") for number in range(MAX_SHOWN + 5)])
    facts["findingsByKind"]["index.row"] += 3000
    text = packed(Reader(render_html(facts)).text)
    assert packed(report_words.OMITTED.en.format(n="3,005")) in text
    assert f"{MAX_SHOWN}." in text and "row204" not in text


@pytest.mark.parametrize(
    "where", ["node '0176'", "'; rm -rf ~; '", '" | error #', "\\(env)", "$(id) `id` \n\u202e 龘", HOSTILE]
)
def test_command_runs_nothing_but_the_audit_whatever_a_place_is_called(where: str) -> None:
    command = facts_with(("index.row", where))["findings"][0]["reproduce"]
    assert "\n" not in command and command.isprintable()
    words = shlex.split(command)
    assert words[:-1] == ["originseal", "audit", "--data", "/srv/secret-place/data", "--json", "|", "jq"]
    literal = words[-1].removeprefix(".findings[] | select(.where == ").removesuffix(")")
    assert json.loads(literal) == where


# ---------------------------------------------------------------------------------------------------------- the forms


def test_html_is_inert_and_self_contained_when_a_finding_is_hostile() -> None:
    document = render_html(facts_with(("index.row", HOSTILE), ("outbox.row", '" onload="x')))
    read = Reader(document)
    assert "script" not in read.elements and "img" not in read.elements and "link" not in read.elements
    names = {name for name, _ in read.attributes}
    assert not {name for name in names if name.startswith("on")} | names & {"src", "href", "style"}
    assert "<script>alert('x')</script>" in read.text, "escaped, not dropped"
    assert "\u202e" not in document and "\u0007" not in document and "\\u{202e}" in read.text
    assert "default-src 'none'" in document and "url(" not in document and "@import" not in document


def test_pdf_shows_every_character_of_a_finding_or_its_number_when_no_font_has_it() -> None:
    text = "".join(pages_of(render_pdf(facts_with(("index.row", HOSTILE)))))
    for said in ("<script>alert('x')</script>", "\\u{202e}", "\\u{7}", "\\u{1f600}"):
        assert packed(said) in text
    assert "龘" in text


def test_pdf_is_the_same_when_made_twice_and_from_canonical_json() -> None:
    facts = plain(many_facts())
    assert render_pdf(facts) == render_pdf(facts) == render_pdf(load_report(jcs(facts)))
    assert render_pdf(facts) != render_pdf(facts, "sm3:" + "00" * 32)


def test_pdf_carries_id_and_page_numbers_on_every_page_and_nothing_leaves_the_margins() -> None:
    facts = many_facts()
    pdf = render_pdf(facts)
    pages = pages_of(pdf)
    assert len(pages) > 3
    for number, text in enumerate(pages, 1):
        assert report_id(plain(facts)) in text
        assert f"{number}/{len(pages)}" in text
    document = pypdfium2.PdfDocument(pdf)
    try:
        for number in range(len(document)):
            page = document[number]
            width, height = page.get_size()
            for item in page.get_objects():
                left, bottom, right, top = item.get_bounds()
                assert left >= 50 and right <= width - 50 and bottom >= 25 and top <= height - 25, (number, item)
            page.close()
    finally:
        document.close()


def test_fonts_hold_every_character_of_our_own_texts() -> None:
    known = _fonts()["originseal"]
    texts: list[str] = [text for entry in report_reading.GLOSSARY for pair in entry for text in pair]
    texts += [
        text
        for pair in (*report_reading.LIMITS, *report_reading.METHOD_INCREMENTAL, *report_reading.METHOD_SAMPLE)
        for text in pair
    ]
    texts += [text for meaning in report_words.MEANINGS.values() for pair in meaning for text in pair]
    texts += [text for _, *pair in KINDS.values() for text in pair]
    for table in (
        report_words.HEADINGS,
        report_words.LABELS,
        report_words.MODES,
        report_words.ROLES,
        report_words.COVERAGE,
    ):
        texts += [text for pair in table.values() for text in pair]
    assert {char for text in texts for char in text if ord(char) not in known} == set()
    assert {char for text in texts for char in text if HAN.match(char)}, "there is Chinese in it"


def test_report_of_a_real_audit_renders_when_the_ledger_is_small(small: SmallLedger) -> None:
    small.ledger.close()
    facts = describe(DataFolder(small.data), audit(small.data, passphrase=PASSPHRASE).to_json())
    assert facts["ledger"]["operator"] == {"zh": "测试", "en": "test"} and len(facts["ledger"]["contracts"]) == 6
    text = "".join(pages_of(render_pdf(facts)))
    assert packed(report_words.ANSWER_SOUND.zh) in text
    assert all(name in report_words.COVERAGE for name in facts["coverage"]), "every counter has words"


# ------------------------------------------------------------------------------------------------- reading and hiding


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"format": "originseal-audit/v2"}, "/format"),
        ({"chainId": "20250"}, "/chainId"),
        ({"chainId": True}, "/chainId"),
        ({"head": -2}, "/head"),
        ({"seconds": -1}, "/seconds"),
        ({"seconds": None}, "/seconds"),
        ({"genesis": 5}, "/genesis"),
        ({"result": "findings"}, "/findingsByKind"),
        ({"findingsByKind": {"chain.code": 1}}, "/findingsByKind"),
        ({"findingsByKind": {"chain.code": -1}}, "/findingsByKind/chain.code"),
        ({"findings": {}}, "/findings"),
        ({"findings": [5]}, "/findings/0"),
        ({"findings": [{"id": "x"}]}, "/findings/0/severity"),
        ({"findings": [{"id": "x", "severity": "error", "where": "", "what": {"en": ""}}]}, "/findings/0/what/zh"),
        ({"findings": [{"id": "x", "severity": "error", "where": "", "what": []}]}, "/findings/0/what"),
        ({"coverage": {"blocks": "many"}}, "/coverage/blocks"),
        ({"coverage": []}, "/coverage"),
        ({"notes": [1]}, "/notes/0"),
        ({"notes": [""] * 1025}, "/notes"),
        ({"coverage": {str(number): 1 for number in range(1025)}}, "/coverage"),
        ({"ledger": []}, "/ledger"),
        ({"ledger": {"contracts": {"Lots": 5}}}, "/ledger/contracts/Lots"),
        ({"ledger": {"checkpointKeys": [{}]}}, "/ledger/checkpointKeys/0/keyId"),
    ],
)  # fmt: skip
def test_report_is_refused_by_name_when_a_member_is_wrong(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Malformed) as refused:
        read_report(sound_facts(**change))
    assert refused.value.field == field


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"format": "originseal-audit/v1", "format": 1}', b"[" * 100, b'{"format":"x"}', b"\xff"],
)
def test_report_file_is_refused_when_it_is_no_report(data: bytes) -> None:
    with pytest.raises(OriginSealError):
        load_report(data)


def test_report_file_is_refused_when_it_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_file, "MAX_REPORT_BYTES", 100)
    with pytest.raises(TooLarge):
        load_report(jcs(sound_facts()))


def test_hostile_lengths_are_bounded_when_a_report_comes_from_elsewhere() -> None:
    made = content(read_report(facts_with(("index.row", "x" * 100_000))))
    assert len(made.findings[0].where) < MAX_TEXT + 20


def test_pdf_is_laid_out_when_every_text_is_as_long_as_it_may_be() -> None:
    facts = facts_with(("index.row", "x" * 5000), ("outbox.row", "宽" * 5000), ("chain.code", "a b " * 2000))
    for finding in facts["findings"]:
        finding["evidence"] = {f"value {number}": "y" * 2000 for number in range(32)}
    facts["statement"] = {"zh": "长" * 5000, "en": "long " * 1000}
    facts["notes"] = ["note " * 500] * 20
    facts["ledger"]["operator"] = {"zh": "名" * 900, "en": "name " * 200}
    assert len(pages_of(render_pdf(facts))) > 10
    facts["findings"][0]["evidence"]["one more"] = ""
    with pytest.raises(Malformed):
        read_report(facts)


def test_time_that_no_calendar_has_is_shown_as_a_number() -> None:
    assert str(2**52) in Reader(render_html(sound_facts(startedAt=2**52))).text


def test_public_copy_keeps_kinds_and_places_but_no_path_and_no_detail(tmp_path: Path) -> None:
    data = tmp_path / "a folder"
    facts = facts_with(
        ("payload.record", f"record 0 of submission {HASH}"), ("file.unreadable", f"{data}/chain.sqlite")
    )
    facts["notes"] = [f"resumed from {data.resolve()}"]
    facts["signature"] = {"keyId": "sm3:00"}
    for finding in facts["findings"]:
        finding["reproduce"] = finding["reproduce"].replace("/srv/secret-place/data", shlex.quote(str(data)))
    copy = public_copy(facts, data)
    said = jcs(plain(copy)).decode()
    assert str(data) not in said and str(data.parent) not in said
    assert "detail of" not in said and "0badc0de" not in said and "signature" not in copy
    assert [finding["where"] for finding in copy["findings"]] == [f"record 0 of submission {HASH}", "DATA/chain.sqlite"]
    assert "originseal audit --data DATA --json" in copy["findings"][0]["reproduce"]
    assert copy["findingsByKind"] == facts["findingsByKind"]
    assert packed(report_words.PUBLIC_COPY.en) in packed(Reader(render_html(copy)).text)
    assert facts["findings"][0]["detail"], "the report itself is as it was"


def test_public_copy_spares_words_when_the_folder_is_called_like_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    facts = facts_with(("index.row", "data in metadata, ./data"), ("file.unreadable", "data/chain.sqlite"))
    facts["notes"] = ["the data are data", f"see {tmp_path}/data/keys", "'data/x'"]
    facts["findings"][0]["reproduce"] = "originseal audit --data data --json"
    copy = public_copy(facts, Path("data"))
    assert copy["notes"] == ["the data are data", "see DATA/keys", "'DATA/x'"]
    assert [finding["where"] for finding in copy["findings"]] == ["data in metadata, ./data", "DATA/chain.sqlite"]
    assert copy["findings"][0]["reproduce"] == "originseal audit --data DATA --json"


def test_values_without_canonical_bytes_are_made_plain() -> None:
    made = plain({"big": 2**64, "half": "a\ud800b", "list": (1, True, None, 0.5), 7: "key"})
    assert made == {"big": str(2**64), "half": "a?b", "list": [1, True, None, 0.5], "7": "key"}
    assert jcs(made)


def test_description_stays_empty_when_configuration_and_anchors_cannot_be_read(tmp_path: Path) -> None:
    facts = describe(DataFolder(tmp_path), sound_facts(ledger=None))
    assert facts["ledger"]["contracts"] == {}
    assert content(read_report(facts)).facts[0].value == report_words.LABELS["unknown"]
