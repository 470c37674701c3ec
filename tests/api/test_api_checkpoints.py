"""/checkpoints: stable text and JSON, pages, and co-signatures from anchored witnesses only."""

from __future__ import annotations

from typing import Any

import pytest
from fake_feed import CUSTOMS, HEAD, MARKET, STRANGER, checkpoint
from fake_ledger import FakeLedger
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from ledger.proof.cosignature import cosign
from ledger.proof.note import feed_of, note_of, parse_feed, parse_note
from scripts import openapi

JSON = {"accept": "application/json"}


def heights(text: str) -> list[int]:
    return [note.checkpoint.height for note in parse_feed(text)]


def given(
    height: int = 12, signer: Any = CUSTOMS, time: int = 1_764_000_500, method: str = "headers"
) -> dict[str, Any]:
    return cosign(checkpoint(height), signer, time, method).to_dict()


def test_feed_is_text_in_ascending_height_with_every_height_ever_signed(client: TestClient) -> None:
    answer = client.get("/checkpoints")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert heights(answer.text) == [3, 4, 7, HEAD]
    assert [len(note.cosignatures) for note in parse_feed(answer.text)] == [0, 2, 1, 0]


def test_feed_comes_in_pages_when_it_is_long(client: TestClient) -> None:
    first = client.get("/checkpoints?limit=2")
    assert heights(first.text) == [3, 4]
    assert first.links["next"]["url"] == "/checkpoints?from=5&limit=2"
    second = client.get(first.links["next"]["url"])
    assert heights(second.text) == [7, HEAD]
    last = client.get(second.links["next"]["url"])
    assert (last.text, "link" in last.headers) == ("", False)


def test_feed_is_json_when_asked_for(client: TestClient) -> None:
    document = openapi.document()
    page = client.get("/checkpoints?limit=3", headers=JSON).json()
    note = client.get("/checkpoints/4", headers=JSON).json()
    for schema, value in (("CheckpointFeed", page), ("CheckpointNote", note)):
        Draft202012Validator({"$ref": f"#/components/schemas/{schema}", **document}).validate(value)
    assert feed_of(page["notes"]) == parse_feed(client.get("/checkpoints?limit=3").text)
    assert page["next"] == 8
    assert note_of(note) == parse_note(client.get("/checkpoints/4").text)
    assert client.get("/checkpoints", headers=JSON).json()["next"] is None


def test_latest_is_the_head_or_the_newest_that_enough_agencies_cosigned(client: TestClient) -> None:
    found = [heights(client.get(f"/checkpoints/latest?witnessed={count}").text) for count in (0, 1, 2)]
    assert found == [[HEAD], [7], [4]]
    missing = client.get("/checkpoints/latest?witnessed=3")
    assert (missing.status_code, missing.json()["code"]) == (404, "not-found")


def test_answer_is_304_until_a_cosignature_arrives(client: TestClient) -> None:
    etag = client.get("/checkpoints/12").headers["etag"]
    assert client.get("/checkpoints/12", headers={"if-none-match": etag}).status_code == 304
    assert client.post("/checkpoints/12/cosignatures", json=given()).status_code == 200
    changed = client.get("/checkpoints/12", headers={"if-none-match": etag})
    assert (changed.status_code, len(parse_note(changed.text).cosignatures)) == (200, 1)


def test_a_height_is_signed_when_it_is_asked_for_and_stays_in_the_feed(client: TestClient) -> None:
    assert heights(client.get("/checkpoints/5").text) == [5]
    assert heights(client.get("/checkpoints").text) == [3, 4, 5, 7, HEAD]


def test_cosignature_is_kept_and_named_when_an_anchored_witness_hands_it_in(
    client: TestClient, ledger: FakeLedger
) -> None:
    document, before = openapi.document(), ledger.feed.revision
    answer = client.post("/checkpoints/12/cosignatures", json=given(signer=MARKET))
    assert answer.status_code == 200
    Draft202012Validator({"$ref": "#/components/schemas/CosignatureEvidence", **document}).validate(answer.json())
    assert answer.json()["agency"] == "market-supervision"
    assert ledger.feed.revision == before + 1
    assert heights(client.get("/checkpoints/latest?witnessed=1").text) == [12]


def test_cosignature_is_kept_once_when_it_is_handed_in_again_or_signed_again(
    client: TestClient, ledger: FakeLedger
) -> None:
    first = client.post("/checkpoints/12/cosignatures", json=given())
    revision, text = ledger.feed.revision, client.get("/checkpoints/12").text
    again = client.post("/checkpoints/12/cosignatures", json=given(time=1_764_000_999, method="execution"))
    assert (again.status_code, again.json()) == (200, first.json())
    assert first.json()["time"] == 1_764_000_500
    assert (ledger.feed.revision, client.get("/checkpoints/12").text) == (revision, text)


@pytest.mark.parametrize(
    ("value", "status", "field"),
    [
        (given(signer=STRANGER), 403, "/keyId"),
        (given(height=7), 409, "/signature"),
        (given(height=11), 409, "/signature"),
        (given() | {"time": 1}, 409, "/signature"),
        (given() | {"method": "execution"}, 409, "/signature"),
        (given() | {"keyId": given(signer=MARKET)["keyId"]}, 409, "/signature"),
        (given() | {"time": 1 << 53}, 400, "/time"),
        (given() | {"signature": "00" * 64}, 409, "/signature"),
        (given() | {"signature": "00"}, 400, "/signature"),
        (given() | {"method": "trust"}, 400, "/method"),
        (given() | {"text": "x"}, 400, "/text"),
        ({}, 400, "/keyId"),
        ([], 400, ""),
    ],
)
def test_cosignature_is_refused_and_nothing_kept_when_it_is_not_a_witnesss_over_this_checkpoint(
    client: TestClient, ledger: FakeLedger, value: Any, status: int, field: str
) -> None:
    before = client.get("/checkpoints/12").text, ledger.feed.revision
    answer = client.post("/checkpoints/12/cosignatures", json=value)
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert (client.get("/checkpoints/12").text, ledger.feed.revision) == before


def test_cosignature_is_refused_when_its_height_was_never_signed(client: TestClient) -> None:
    assert client.post("/checkpoints/11/cosignatures", json=given(height=11)).status_code == 404
    assert heights(client.get("/checkpoints").text) == [3, 4, 7, HEAD]


def test_a_second_post_of_a_stranger_is_refused_when_the_height_has_cosignatures(client: TestClient) -> None:
    answer = client.post("/checkpoints/4/cosignatures", json=given(height=4, signer=STRANGER))
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/checkpoints?limit=201", 400),
        ("/checkpoints?limit=0", 400),
        ("/checkpoints?from=-1", 400),
        ("/checkpoints?from=99999999999999999999", 400),
        ("/checkpoints?from=x", 400),
        ("/checkpoints/-1", 400),
        ("/checkpoints/99999999999999999999", 400),
        ("/checkpoints/newest", 400),
        ("/checkpoints/latest?witnessed=65", 400),
        ("/checkpoints/13", 404),
    ],
)
def test_request_is_refused_when_it_is_out_of_bounds(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_other_representations_are_refused_when_they_alone_are_accepted(client: TestClient) -> None:
    assert client.get("/checkpoints", headers={"accept": "text/html"}).status_code == 406
    assert client.get("/checkpoints/4", headers={"accept": "image/png"}).status_code == 406
