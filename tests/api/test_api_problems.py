"""Errors become problem+json: the map is total, says where and why, and never shows our insides."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest
from fake_ledger import FakeLedger
from fastapi.testclient import TestClient

from api import problems
from ledger import errors


def classes(root: type[errors.OriginSealError]) -> Iterator[type[errors.OriginSealError]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from classes(child)


def test_map_is_total() -> None:
    missing = {cls.__name__ for cls in classes(errors.OriginSealError)} - {cls.__name__ for cls in problems.STATUS}
    assert missing == set(), "give each error a status in api/problems.py"


def test_map_holds_no_class_that_is_gone() -> None:
    known = {cls for _, cls in inspect.getmembers(errors, inspect.isclass)}
    assert set(problems.STATUS) <= known


def test_codes_are_unique() -> None:
    codes = [cls.code for cls in classes(errors.OriginSealError)]
    assert len(codes) == len(set(codes))


def instance(cls: type[errors.OriginSealError]) -> errors.OriginSealError:
    if cls is errors.RecordsRefused:
        return errors.RecordsRefused("m", [{"record": 3, "code": "malformed", "field": "/a", "reason": "r"}])
    if cls is errors.RevertedOnChain:
        return errors.RevertedOnChain("LotsUnknown", {"lotId": b"\x01" * 32})
    if cls is errors.RpcError:
        return errors.RpcError("secret", rpc_code=-32000)
    if issubclass(cls, errors.Unavailable):
        return cls("secret /var/lib path")
    return cls("m", field="/f", hint="h")


@pytest.mark.parametrize("cls", list(classes(errors.OriginSealError)), ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_error_answers_with_its_code_and_both_titles(
    client: TestClient, ledger: FakeLedger, cls: type[errors.OriginSealError], language: str
) -> None:
    ledger.failure = instance(cls)
    answer = client.get("/api/v1/lots", headers={"accept-language": language})
    body = answer.json()
    assert answer.status_code == problems.STATUS[cls] == body["status"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert body["code"] == cls.code
    assert body["title"] == (cls.title_zh if language == "zh" else cls.title)
    assert body["titles"] == {"zh": cls.title_zh, "en": cls.title}
    assert body["type"] == f"/problems#{cls.code}"
    assert body["instance"].endswith(answer.headers["x-request-id"])
    if answer.status_code >= 500:
        assert "secret" not in answer.text
        assert "field" not in body
    if issubclass(cls, errors.Unavailable):
        assert int(answer.headers["retry-after"]) >= 1
    if answer.status_code == 401:
        assert "OriginSeal-Envelope" in answer.headers["www-authenticate"]


def test_refused_submission_names_each_bad_record(client: TestClient) -> None:
    answer = client.post("/api/v1/submissions", json={"format": "originseal-submission/v1", "records": []})
    assert answer.status_code == 422
    assert answer.json()["problems"] == [{"record": 0, "code": "malformed", "field": "/x", "reason": "bad"}]


def test_contract_refusal_shows_its_error_and_arguments(client: TestClient, ledger: FakeLedger) -> None:
    ledger.failure = instance(errors.RevertedOnChain)
    body = client.get("/api/v1/lots").json()
    assert body["error"] == "LotsUnknown"
    assert body["arguments"] == {"lotId": "0x" + "01" * 32}


def test_unknown_exception_becomes_a_bare_500(
    client: TestClient, ledger: FakeLedger, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.failure = ZeroDivisionError("the password is 1234")
    answer = client.get("/api/v1/lots", headers={"accept-language": "en"})
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "1234" not in answer.text
    assert "Zero" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_facts_in_a_problem_are_bounded_and_json(client: TestClient, ledger: FakeLedger) -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    ledger.failure = errors.Malformed("x" * 100_000, field="f" * 9000, nan=float("nan"), deep=deep, lone="\ud800")
    answer = client.get("/api/v1/lots")
    assert answer.status_code == 400
    assert len(answer.content) < 10_000
    assert answer.json()["nan"] == "nan"


def test_page_visitor_gets_a_page_that_explains_the_error(client: TestClient) -> None:
    answer = client.get("/01/09521003000183/10/NOPE", headers={"accept": "text/html", "accept-language": "en"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "The ledger holds no such lot" in answer.text
    assert "/problems#not-found" in answer.text


def test_wrong_check_digit_is_explained_with_its_field(client: TestClient) -> None:
    answer = client.get("/01/09521003000184/10/X", headers={"accept": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["field"] == "/gtin"
    assert "check digit" in answer.json()["detail"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_problem_list_names_every_code(client: TestClient, language: str) -> None:
    text = client.get(f"/problems?lang={language}").text
    for code, *_ in problems.catalogue():
        assert f'id="{code}"' in text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing/here", 404, "no-such-path"),
        ("DELETE", "/api/v1/lots", 405, "method-not-allowed"),
        ("PUT", "/rpc", 405, "method-not-allowed"),
        ("GET", "/rpc", 405, "method-not-allowed"),
        ("GET", "/api/v1/lots?limit=0", 400, "malformed"),
        ("GET", "/api/v1/lots?limit=x", 400, "malformed"),
        ("GET", "/api/v1/lots?zone=8", 400, "malformed"),
        ("GET", "/api/v1/lots?cursor=zz", 400, "malformed"),
        ("GET", "/api/v1/trades/sm3:00", 404, "not-found"),
        ("GET", "/api/v1/submissions/keccak256:00", 404, "not-found"),
        ("GET", "/labels/09521003000183/P-FZX-240A.gif", 400, "malformed"),
        ("GET", "/labels/09521003000183/NOPE.svg", 404, "not-found"),
        ("GET", "/static/../settings.py", 404, "no-such-path"),
        ("GET", "/static/%2e%2e%2fsettings.py", 404, "no-such-path"),
    ],
)
def test_http_faults_are_problems_too(client: TestClient, method: str, path: str, status: int, code: str) -> None:
    answer = client.request(method, path, headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
