"""The OpenAPI document: valid, committed, complete, and true for the answers that the routes give."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fake_ledger import FakeLedger
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from scripts import openapi

LOT = "/api/v1/lots/09521003000183/P-FZX-240A"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.document()


def test_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_committed_copy_equals_the_application(document: dict[str, Any]) -> None:
    assert json.loads(openapi.COPY.read_text(encoding="utf-8")) == document, "run: python -m scripts.openapi"


def test_every_reference_resolves(document: dict[str, Any]) -> None:
    def references(node: Any) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*(references(value) for value in node.values()))
        return set().union(*(references(value) for value in node)) if isinstance(node, list) else set()

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) - known == set()


@pytest.mark.parametrize(
    "path",
    ["/01/{gtin}/10/{lot}", "/api/v1/lots/{gtin}/{lot}", "/api/v1/lots/{gtin}/{lot}/bundle",
     "/api/v1/trades/{trade_id}", "/api/v1/submissions", "/customs/messages", "/epcis/capture", "/rpc",
     "/healthz", "/readyz", "/metrics", "/checkpoints", "/checkpoints/latest", "/checkpoints/{height}",
     "/checkpoints/{height}/cosignatures"],
)  # fmt: skip
def test_document_names_every_path_that_outsiders_rely_on(document: dict[str, Any], path: str) -> None:
    assert path in document["paths"]


def test_every_operation_is_described_and_promises_problems(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation.get("description") or operation.get("summary"), (method, path)
            assert {"429", "500"} <= set(operation["responses"]), (method, path)
            assert "HTTPValidationError" not in json.dumps(operation), (method, path)


@pytest.mark.parametrize(
    ("url", "schema"),
    [
        (LOT, "Lot"),
        ("/api/v1/lots?limit=5", "LotPage"),
        ("/api/v1/trades", "TradePage"),
        ("/api/v1/members", "MemberPage"),
        ("/api/v1/checkpoint", "SignedCheckpoint"),
        ("/api/v1/status", "Status"),
        ("/api/v1/ledger", "LedgerInfo"),
        ("/api/v1/lots/09521003000183/NOPE", "Problem"),
    ],
)
def test_answer_follows_its_schema(client: TestClient, document: dict[str, Any], url: str, schema: str) -> None:
    validate(document, schema, client.get(url).json())


def test_single_answers_follow_their_schemas(client: TestClient, ledger: FakeLedger, document: dict[str, Any]) -> None:
    trade = next(iter(ledger.trades_))
    member = ledger.members_["yuepin"].id
    validate(document, "Trade", client.get(f"/api/v1/trades/{trade}").json())
    validate(document, "Member", client.get(f"/api/v1/members/{member}").json())
    posted = client.post("/api/v1/submissions", json={"format": "originseal-submission/v1", "records": [1]})
    validate(document, "Receipt", posted.json())
    checked = client.post("/customs/messages", content=b"<CEB303Message/>", headers={"content-type": "text/xml"})
    validate(document, "CebResult", checked.json())


def test_schema_check_can_fail(document: dict[str, Any]) -> None:
    assert list(validator(document, "Lot").iter_errors({"gtin": 1}))


def validator(document: dict[str, Any], schema: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": document["components"]})


def validate(document: dict[str, Any], schema: str, answer: Any) -> None:
    errors = [f"{error.json_path}: {error.message}" for error in validator(document, schema).iter_errors(answer)]
    assert errors == []
