"""The audit page's history and the filed reports over HTTP: inert, cached, under their own names and no others."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from ledger.services import audit_archive
from tests.report_facts import facts_with, signer, sound_facts

HTML = {"accept": "text/html", "accept-language": "en"}


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    data = tmp_path_factory.mktemp("audits") / "data"
    data.mkdir()
    (data / "config.json").write_text("{}")
    bad = facts_with(("payload.record", "record <b>7</b>"), startedAt=1_790_086_400)
    return data, [audit_archive.file(data, sound_facts(), 5, signer()), audit_archive.file(data, bad, 5)]


@pytest.fixture
def filed(master: tuple[Path, list[str]], tmp_path: Path) -> list[str]:
    shutil.copytree(master[0], tmp_path / "data")
    return master[1]


@pytest.fixture
def client(tmp_path: Path, ledger: Any, filed: list[str]) -> Iterator[TestClient]:
    settings = Settings(
        data=tmp_path / "data", base_url="https://trace.example", read_rate=0, write_rate=0, log_level="CRITICAL"
    )
    with TestClient(create_app(settings, ledger), raise_server_exceptions=False) as client:
        yield client


def test_audit_page_lists_filed_reports_newest_first(client: TestClient, filed: list[str]) -> None:
    text = client.get("/audit", headers=HTML).text
    first, second = (text.index(f"/audit/reports/{name}.html") for name in reversed(filed))
    assert first < second
    assert "1 finding" in text and "Nothing found" in text and "PDF (signed)" in text
    assert "ago)" in text, "the age of the last audit"
    chinese = client.get("/audit?lang=zh", headers=HTML).text
    assert "审计报告" in chinese and "全量" in chinese


def test_audit_page_has_no_list_when_nothing_was_filed(client: TestClient, tmp_path: Path) -> None:
    for path in (tmp_path / "data" / "audits").iterdir():
        path.unlink()
    assert "/audit/reports/" not in client.get("/audit", headers=HTML).text


@pytest.mark.parametrize(
    ("form", "media_type", "start"),
    [
        ("html", "text/html", b"<!doctype html>"),
        ("json", "application/json", b"{"),
        ("pdf", "application/pdf", b"%PDF-"),
    ],
)
def test_filed_report_is_served_as_it_was_filed(
    client: TestClient, filed: list[str], tmp_path: Path, form: str, media_type: str, start: bytes
) -> None:
    url = f"/audit/reports/{filed[1]}.{form}"
    answer = client.get(url)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith(media_type)
    assert answer.content == (tmp_path / "data" / "audits" / f"{filed[1]}.{form}").read_bytes()
    assert answer.content.startswith(start) and b"0badc0de" not in answer.content
    assert answer.headers["cache-control"] == "public, max-age=86400"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get(url, headers={"if-none-match": answer.headers["etag"]}).status_code == 304
    head = client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == answer.headers["etag"]


def test_report_page_may_run_nothing(client: TestClient, filed: list[str]) -> None:
    answer = client.get(f"/audit/reports/{filed[1]}.html")
    policies = answer.headers.get_list("content-security-policy")
    assert len(policies) == 1 and policies[0].startswith("default-src 'none'") and policies[0].endswith("sandbox")
    assert "script-src" not in policies[0] and "<b>7</b>" not in answer.text
    pdf = client.get(f"/audit/reports/{filed[1]}.pdf")
    assert pdf.headers["content-disposition"] == f'attachment; filename="originseal-audit-{filed[1]}.pdf"'
    assert "sandbox" not in pdf.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "../config.json",
        "..%2fconfig.json",
        "%2e%2e%2fconfig.json",
        "..%252fconfig.json",
        "config.json",
        "x.html",
        "{name}.whole.json",
        "{name}.sqlite",
        "{name}.json.html",
        "{name}%00.json",
        "{name}%0a.json",
        "{name}",
        "",
        "20200101T000000Z-full.json",
    ],
)
def test_nothing_else_is_served_from_the_folder(client: TestClient, filed: list[str], path: str) -> None:
    answer = client.get(f"/audit/reports/{path.format(name=filed[1])}", headers={"accept": "application/json"})
    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert "detail of" not in answer.text


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_reports_cannot_be_written(client: TestClient, filed: list[str], method: str) -> None:
    assert getattr(client, method)(f"/audit/reports/{filed[0]}.json").status_code == 405


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ({"head": 9, "records": 3, "findings": [], "mode": "full"}, "Walked from genesis to height 9"),
        (
            {"head": 9, "records": 3, "findings": [], "mode": "incremental", "from": 5},
            "Walked from block 5 to height 9",
        ),
        ({"head": 9, "records": 3, "findings": [], "mode": "sample"}, "A sample up to height 9"),
        ({"head": 9, "records": 3, "findings": [], "mode": "<new>"}, "A sample up to height 9"),
        ({"head": 9, "records": 3, "findings": [{}], "findingsByKind": {"index.row": 2500}}, "2500 findings"),
    ],
)
def test_audit_page_says_no_more_than_was_audited(client: TestClient, ledger: Any, report: Any, said: str) -> None:
    ledger.audit_status = lambda: report
    assert said in client.get("/audit", headers=HTML).text
