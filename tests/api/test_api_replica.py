"""A replica's server: state for people and machines, its own bundles, and judging those of others."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger" / "services"))
from replica_source import Source, source_of

from api.replica_app import create_replica_app
from api.settings import Settings
from ledger.services.replica import Replica, start
from tests.small_ledger import LOT, SmallLedger, found_small

BUNDLE = f"/api/v1/lots/{LOT.gtin}/{LOT.lot}/bundle"


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallLedger]:
    small = found_small(tmp_path_factory.mktemp("operator") / "data")
    small.register_lot()
    yield small
    small.ledger.close()


@pytest.fixture(scope="module")
def source(operator: SmallLedger) -> Iterator[Source]:
    with source_of(operator.ledger) as made:
        yield made


@pytest.fixture(scope="module")
def replica(source: Source, operator: SmallLedger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    folder = tmp_path_factory.mktemp("replica") / "data"
    opened, _ = start(folder, source=source.url, anchors=operator.data / "anchors.json")
    with opened:
        opened.poll()
        yield opened


@pytest.fixture
def client(replica: Replica) -> Iterator[TestClient]:
    with TestClient(create_replica_app(Settings(data=replica.folder.root, max_body=200_000), replica)) as made:
        yield made


def test_state_is_shown_to_machines_when_following(client: TestClient, replica: Replica) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"ready": True, "state": "following", "height": 3, "lagBlocks": 0}
    told = client.get("/api/v1/replica").json()
    assert (told["state"], told["head"]["hash"]) == ("following", replica.status().head_hash)
    text = client.get("/metrics").text
    assert 'originseal_replica_state{state="following"} 1.0' in text
    assert "originseal_replica_lag_blocks 0.0" in text
    assert "originseal_height 3.0" in text


@pytest.mark.parametrize(("language", "words"), [("zh", "一致：源的每一个区块"), ("en", "In agreement: every block")])
def test_page_says_in_both_languages_where_the_replica_stands(
    client: TestClient, replica: Replica, language: str, words: str
) -> None:
    page = client.get("/", headers={"accept-language": language})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert words in page.text
    assert replica.status().head_hash in page.text
    for link in ("/lots", "/trades", "/docs", "/problems"):
        assert f'href="{link}"' not in page.text  # a replica has no such pages
    assert client.get("/static/site.css").status_code == client.get("/favicon.ico").status_code == 200
    assert client.get("/static/none.css").status_code == 404


def test_page_and_readiness_say_so_when_the_source_was_refused(
    source: Source, operator: SmallLedger, tmp_path: Path
) -> None:
    opened, _ = start(tmp_path / "replica", source=source.url, anchors=operator.data / "anchors.json")
    with opened, TestClient(create_replica_app(Settings(), opened)) as client:
        assert client.get("/readyz").status_code == 503
        source.lies.rpc["eth_chainId"] = lambda params, honest: "0x1"
        opened.poll()
        source.honest()
        assert client.get("/readyz").json()["state"] == "refused"
        page = client.get("/", headers={"accept-language": "en"}).text
        assert "The source has another chain." in page
        assert "源属于另一条链。" in client.get("/", headers={"accept-language": "zh"}).text
        assert 'originseal_replica_refused{kind="other-chain"} 1.0' in client.get("/metrics").text


def test_bundle_made_here_is_ours_when_given_back(client: TestClient, operator: SmallLedger) -> None:
    made = client.get(BUNDLE)
    assert made.json() == json.loads(json.dumps(operator.ledger.bundle(LOT.gtin, LOT.lot)))
    judged = client.post("/verify", content=made.content).json()
    assert (judged["result"], judged["replica"]["chain"]) == ("holds", "ours")
    changed: dict[str, Any] = made.json()
    changed["submissions"][0]["records"][0]["fields"][0]["salt"] = "7" * 32
    judged = client.post("/verify", content=json.dumps(changed)).json()
    assert (judged["result"], judged["replica"]["chain"]) == ("fails", "not-compared")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"junk", b'{"format": "originseal-bundle/v1"}'])
def test_verify_answers_with_a_problem_when_it_is_no_bundle(client: TestClient, body: bytes) -> None:
    answer = client.post("/verify", content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_verify_refuses_what_is_too_large(client: TestClient) -> None:
    assert client.post("/verify", content=b"x" * 200_001).status_code == 413


def test_shared_routes_answer_as_an_operators_do(client: TestClient, operator: SmallLedger, replica: Replica) -> None:
    assert client.get("/anchors.json").json() == operator.ledger.anchors
    assert client.get("/checkpoints").text == "\n".join(note.text for note in operator.ledger.feed.notes())
    assert client.get("/checkpoints/2").text == operator.ledger.feed.note(2).text
    call = {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}
    assert client.post("/rpc", json=call).json()["result"] == "0x3"
    send = {"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": ["0x00"]}
    assert client.post("/rpc", json=send).json()["error"]["code"] == -32601
    [submission] = {each["id"] for each in replica.bundle(LOT.gtin, LOT.lot)["submissions"]}
    path = f"/api/v1/submissions/{submission}/records"
    assert client.get(path).json() == json.loads(json.dumps(operator.ledger.public_records(submission)))
    assert client.get("/chain").status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/lots/09521002000115/NONE/bundle", 404),
        ("/api/v1/submissions/keccak256:" + "7" * 64 + "/records", 404),
        ("/api/v1/submissions/junk/records", 400),
        ("/checkpoints/9", 404),
        ("/api/v1/lots", 404),
        ("/nothing", 404),
    ],
)
def test_what_a_replica_does_not_have_is_a_problem(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path, headers={"accept": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("path", ["/api/v1/submissions", "/customs/messages", "/epcis/capture"])
def test_nothing_can_be_written_to_a_replica(client: TestClient, path: str) -> None:
    assert client.post(path, json={}).status_code in (404, 405)
