"""Filed reports: public copies only, the last N of each mode, found under no name but their own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ledger.errors import StorageUnavailable
from ledger.services import audit_archive
from ledger.services.audit.report_signing import verify
from ledger.services.audit_archive import file, folder, history, last_started, leave, read
from tests.report_facts import STARTED, facts_with, signer, sound_facts

NAME = "20260921T141320Z-full"


def test_report_is_filed_in_three_forms_and_listed(tmp_path: Path) -> None:
    key = signer()
    assert file(tmp_path, sound_facts(), 5, key) == NAME
    assert sorted(path.name for path in folder(tmp_path).iterdir()) == [
        f"{NAME}.{form}" for form in ("html", "json", "pdf")
    ]
    (filed,) = history(tmp_path, 10)
    assert (filed.id, filed.mode, filed.started, filed.head, filed.records) == (NAME, "full", STARTED, 115, 301)
    assert filed.sound and filed.signed
    for form in ("json", "pdf"):
        content = read(tmp_path, NAME, form)
        assert content is not None and verify(content).public == key.public
    html = read(tmp_path, NAME, "html")
    assert html is not None and html.startswith(b"<!doctype html>")
    assert last_started(tmp_path, "full") == STARTED and last_started(tmp_path, "sample") is None


def test_public_files_tell_no_detail_and_no_path_when_there_are_findings(tmp_path: Path) -> None:
    facts = facts_with(("file.unreadable", f"{tmp_path}/chain.sqlite"), ("index.row", "lots"))
    name = file(tmp_path, facts, 5)
    for form in audit_archive.FORMS:
        content = read(tmp_path, name, form)
        assert content is not None
        assert str(tmp_path).encode() not in content and b"detail of" not in content and b"0badc0de" not in content
    (filed,) = history(tmp_path, 10)
    assert filed.findings == 2 and not filed.sound and not filed.signed
    whole = folder(tmp_path) / f"{name}.whole.json"
    assert json.loads(whole.read_text())["findings"][0]["detail"].startswith("detail of")
    assert whole.stat().st_mode & 0o077 == 0
    assert read(tmp_path, f"{name}.whole", "json") is None


def test_oldest_reports_of_the_same_mode_are_forgotten(tmp_path: Path) -> None:
    for number in range(4):
        file(tmp_path, sound_facts(startedAt=STARTED + number), 2)
    file(tmp_path, facts_with(("index.row", "x"), mode="sample", startedAt=STARTED - 9), 2)
    assert [(filed.mode, filed.started) for filed in history(tmp_path, 10)] == [
        ("full", STARTED + 3), ("full", STARTED + 2), ("sample", STARTED - 9),
    ]  # fmt: skip
    assert len(list(folder(tmp_path).iterdir())) == 2 * 3 + 4
    assert len(history(tmp_path, 1)) == 1


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("../config", "json"),
        ("..", "json"),
        ("", "json"),
        ("/etc/passwd", "json"),
        (NAME, "sqlite"),
        (NAME, "../json"),
        (f"{NAME}/../{NAME}", "json"),
        (f"{NAME}\n", "json"),
        (f"{NAME}\0", "json"),
        (NAME.lower(), "json"),
        (f"x{NAME}", "json"),
        ("20260921T141320Z-other", "json"),
        ("２0260921T141320Z-full", "json"),
        (f"{NAME}.whole", "json"),
    ],
)
def test_nothing_is_read_under_any_other_name(tmp_path: Path, name: str, form: str) -> None:
    (tmp_path / "config.json").write_text("{}")
    file(tmp_path, facts_with(("index.row", "x")), 5)
    assert read(tmp_path, name, form) is None


def test_link_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    file(tmp_path, sound_facts(), 5)
    (tmp_path / "secret").write_text("secret")
    other = "20260921T141321Z-full"
    os.symlink(tmp_path / "secret", folder(tmp_path) / f"{other}.json")
    assert read(tmp_path, other, "json") is None


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"startedAt": "x"}', '{"startedAt": 1, "head": 1, "records": 1, "findingsByKind": []}']
)
def test_history_leaves_out_what_it_cannot_read(tmp_path: Path, content: str) -> None:
    file(tmp_path, sound_facts(), 5)
    (folder(tmp_path) / "20260922T000000Z-full.json").write_text(content)
    (folder(tmp_path) / "notes.json").write_text("{}")
    assert [filed.id for filed in history(tmp_path, 10)] == [NAME]


def test_history_is_empty_when_nothing_was_filed(tmp_path: Path) -> None:
    assert history(tmp_path, 10) == [] and read(tmp_path, NAME, "json") is None


def test_filing_says_so_when_the_disk_refuses(tmp_path: Path) -> None:
    folder(tmp_path).write_text("a file where the folder should be")
    with pytest.raises(StorageUnavailable):
        file(tmp_path, sound_facts(), 5)


def test_newest_audit_is_found_whichever_of_the_modes_it_had(tmp_path: Path) -> None:
    file(tmp_path, sound_facts(), 5)
    file(tmp_path, sound_facts(mode="incremental", startedAt=STARTED + 60), 5)
    file(tmp_path, sound_facts(mode="sample", startedAt=STARTED + 90), 5)
    assert last_started(tmp_path, "full", "incremental") == STARTED + 60
    assert last_started(tmp_path, "sample") == STARTED + 90 and last_started(tmp_path) is None


def test_sample_without_findings_does_not_hide_a_whole_audit(tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    assert leave(tmp_path, sound_facts(mode="sample")), "better than nothing"
    assert leave(tmp_path, facts_with(("chain.code", "contracts")))
    assert not leave(tmp_path, sound_facts(mode="sample"))
    assert json.loads(path.read_text())["result"] == "findings"
    assert leave(tmp_path, facts_with(("index.row", "x"), mode="sample")), "a finding is always shown"
    assert leave(tmp_path, sound_facts())
    path.write_text("damaged")
    assert leave(tmp_path, sound_facts(mode="sample"))


@pytest.mark.parametrize("mode", ["full", "sample"])
def test_base_is_revoked_when_an_audit_finds_what_an_incremental_one_would_not(tmp_path: Path, mode: str) -> None:
    # Otherwise the next incremental audit finds nothing and takes the finding off the page.
    base = tmp_path / "audit-work" / "base.json"
    base.parent.mkdir()
    base.write_text("{}")
    leave(tmp_path, sound_facts(mode=mode))
    leave(tmp_path, facts_with(("audit.incomplete", "a worker"), mode=mode))
    leave(tmp_path, facts_with(("payload.record", "x"), mode="incremental"))
    assert base.exists(), "none of these says anything about the blocks before the base"
    leave(tmp_path, facts_with(("payload.record", "x"), mode=mode))
    assert not base.exists()
