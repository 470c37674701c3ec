"""The explorer's addresses over a real chain: pages and JSON of one form, evidence that answers, hostile requests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from explorer_pages import CHILD_ID, JSON, LOT_ID, MEMBER, PAGES, SETTINGS, filled
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator
from page_reading import HTML, parsed

from api.app import create_app
from api.explorer_json import to_json
from ledger.crypto.keccak import keccak256
from ledger.services.explorer.wording import Part, Sentence
from scripts import openapi
from tests.explorer_world import LABEL, World
from tests.small_ledger import LOT as LYCHEE
from tests.small_ledger import SmallLedger


@pytest.fixture(scope="module")
def client(explored: World) -> Iterator[TestClient]:
    ledger: Any = explored.small.ledger
    own, ledger.explorer = ledger.explorer, explored.explorer()  # with names that are hostile
    with TestClient(create_app(SETTINGS, ledger), raise_server_exceptions=False) as made:
        yield made
    ledger.explorer = own


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.document()


# ------------------------------------------------------------------------------------------------ pages and JSON


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_page_is_complete_in_both_languages(client: TestClient, explored: World, path: str, language: str) -> None:
    answer = client.get(filled(explored, path), headers={**HTML, "accept-language": language})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-language"] == language and answer.headers["etag"]
    links = parsed(answer.text)
    assert links.blocked == []
    assert len(links.ids) == len(set(links.ids))
    assert {item["id"] for item in links.inputs} <= set(links.labels)
    for url in links.urls:
        assert url.startswith(("/", "#", "https://trace.example/")) and not url.startswith("//"), url
    for anchor in (url[1:] for url in links.urls if url.startswith("#")):
        assert anchor in links.ids, f"a figure points at evidence that is not there: {anchor}"
    total = len(answer.content) + sum(len(client.get(url).content) for url in set(links.loaded))
    assert total <= 100_000
    assert "genuine" not in answer.text.lower()
    assert "<b>" not in answer.text


def test_page_names_its_own_json(client: TestClient) -> None:
    text = client.get("/chain/blocks?limit=2&before=4&lang=en", headers=HTML).text
    assert "accept: application/json&#39; &#39;https://trace.example/chain/blocks?before=4&amp;limit=2&#39;" in text


def test_pages_of_the_ledger_lead_to_the_chain(small: SmallLedger) -> None:
    small.register_lot()
    small.ledger.submit(small.event_wire())
    with TestClient(create_app(SETTINGS, small.ledger)) as client:
        links: set[str] = set()
        for path in (f"/01/{LYCHEE.gtin}/10/{LYCHEE.lot}", "/members", "/audit"):
            links |= {url for url in parsed(client.get(path, headers=HTML).text).urls if url.startswith("/chain/")}
        for url in links:
            assert client.get(url, headers=HTML).status_code == 200, url
        kinds = {url.split("/")[2] for url in links}
        assert kinds == {"blocks", "transactions", "keys", "members", "lots", "contracts"}
        named = client.get("/chain/governance", headers={**HTML, "accept-language": "en"}).text
        assert "Gaozhou Lingtou Lychee Cooperative" in named


@pytest.mark.parametrize("path", PAGES)
def test_json_has_the_form_that_openapi_promises(
    client: TestClient, explored: World, document: dict[str, Any], path: str
) -> None:
    answer = client.get(filled(explored, path), headers=JSON)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    schema = {"$ref": f"#/components/schemas/Explorer{PAGES[path]}", "components": document["components"]}
    validator = Draft202012Validator(schema)
    assert [f"{e.json_path}: {e.message}" for e in validator.iter_errors(answer.json())] == []
    assert list(validator.iter_errors({**answer.json(), "more": 1}))
    route = next(p for p in document["paths"] if re.fullmatch(re.sub(r"{path}", ".+", re.sub(
        r"{(?!path)\w+}", "[^/]+", p)), filled(explored, path).partition("?")[0]))  # fmt: skip
    offered = document["paths"][route]["get"]["responses"]["200"]["content"]
    assert offered["application/json"]["schema"]["$ref"].endswith(f"/Explorer{PAGES[path]}")


def requests_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if {"method", "params", "shows"} <= value.keys():
            yield value
        for item in value.values():
            yield from requests_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from requests_in(item)


@pytest.mark.parametrize("path", [path for path, view in PAGES.items() if view != "SourceFile"])
def test_every_piece_of_evidence_answers_over_rpc(client: TestClient, explored: World, path: str) -> None:
    view = client.get(filled(explored, path), headers=JSON).json()
    asked = list(requests_in(view))
    assert asked
    assert len({each["id"] for each in asked}) == len(asked)
    page = client.get(filled(explored, path), headers=HTML).text
    for each in asked:
        assert f'id="e-{each["id"]}"' in page
        assert f"&#34;method&#34;:&#34;{each['method']}&#34;" in page
        body = {"jsonrpc": "2.0", "id": 1, "method": each["method"], "params": each["params"]}
        answer = client.post("/rpc", json=body).json()
        assert answer.get("result") is not None, answer


def test_every_link_leads_somewhere(client: TestClient) -> None:
    seen: set[str] = set()
    queue = ["/chain?lang=en"]
    while queue:
        path = queue.pop().partition("#")[0].removeprefix("https://trace.example")
        if not path.startswith("/chain") or path in seen or "lang=zh" in path:
            continue
        seen.add(path)
        answer = client.get(path, headers=HTML)
        assert answer.status_code == 200 or path.startswith("/chain/search"), (path, answer.text[:300])
        if answer.headers["content-type"].startswith("text/html"):
            queue += parsed(answer.text).urls
    assert len(seen) > 80
    assert {"/chain/governance?kind=standing&lang=en", f"/chain/lots/{CHILD_ID}?lang=en"} <= seen


def test_words_on_the_page_are_links_to_what_they_name(client: TestClient, explored: World) -> None:
    text = client.get(filled(explored, "/chain/transactions/{child}?lang=en"), headers=HTML).text
    assert f'<a href="/chain/lots/{LOT_ID}?lang=en" title="{LOT_ID}">A-1</a> 2,000 kg' in text
    assert "Jack &amp; all trades" in text
    lot = client.get(f"/chain/lots/{LOT_ID}", headers=HTML).text
    assert f'href="/01/{LABEL.gtin}/10/{LABEL.lot}"' in lot


def test_refusal_is_said_before_anything_else(client: TestClient, explored: World) -> None:
    text = client.get(filled(explored, "/chain/transactions/{again}"), headers={**HTML, "accept-language": "en"}).text
    assert text.index("the key has used this nonce already") < text.index("What was said")
    assert "a transaction in front of this one" in text
    chinese = client.get(filled(explored, "/chain/transactions/{suspended}"), headers={**HTML, "accept-language": "zh"})
    assert "合约拒绝：成员不处于正常状态" in chinese.text


def test_contract_page_says_what_verified_means_and_how_to_recompile(client: TestClient) -> None:
    text = client.get("/chain/contracts/Lots", headers={**HTML, "accept-language": "en"}).text
    assert "byte for byte, except for the immutables" in text
    assert "This page does not compile anything" in text
    assert "python -m scripts.compile_contracts --check --require" in text


def test_sentence_is_its_two_texts_and_what_it_names() -> None:
    sentence = Sentence((Part("甲", "member", "sm3:1"), Part("。")), (Part("A", "member", "sm3:1"), Part(".")))
    assert to_json(sentence) == {"zh": "甲。", "en": "A.", "refs": [{"kind": "member", "id": "sm3:1"}]}


# ------------------------------------------------------------------------------------------------------ raw data


def test_raw_bytes_have_the_hash_of_what_they_are(client: TestClient, explored: World) -> None:
    block = client.get("/chain/blocks/3", headers=JSON).json()
    raw = client.get("/chain/blocks/3/header.rlp")
    assert "0x" + keccak256(raw.content).hex() == block["hash"]
    assert raw.headers["content-type"] == "application/octet-stream"
    assert raw.headers["content-disposition"] == 'attachment; filename="block-3-header.rlp"'
    assert client.get("/chain/blocks/3/header.hex").text == f"0x{raw.content.hex()}\n"
    name = explored.hash("trade")
    sent = client.get(f"/chain/transactions/{name}/transaction.rlp").content
    assert "0x" + keccak256(sent).hex() == name
    assert client.get(f"/chain/transactions/{name}/transaction.hex").text == f"0x{sent.hex()}\n"
    line = client.get("/chain/contracts/Members", headers=JSON).json()["line"]
    assert f"keccak256:{keccak256(client.get('/chain/contracts/Members/code.bin').content).hex()}" == line["codeHash"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/chain/blocks/3/header.json", 404),
        ("/chain/blocks/99/header.rlp", 404),
        ("/chain/blocks/x/header.rlp", 400),
        ("/chain/contracts/Members/code.exe", 404),
        ("/chain/contracts/Nobody/code.hex", 404),
        ("/chain/transactions/0x00/transaction.rlp", 400),
    ],
)
def test_raw_data_that_are_not_there_are_refused(client: TestClient, path: str, status: int) -> None:
    assert client.get(path).status_code == status


# -------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/chain/blocks/99999", 404),
        ("/chain/blocks/abc", 400),
        ("/chain/blocks/0x" + "ab" * 32, 404),
        ("/chain/blocks/" + "9" * 90, 400),
        ("/chain/blocks/1?page=2", 404),
        ("/chain/blocks/1?page=0", 400),
        ("/chain/blocks?before=0", 400),
        ("/chain/blocks?before=x", 400),
        ("/chain/blocks?limit=101", 400),
        ("/chain/blocks?limit=0", 400),
        ("/chain/transactions/0x" + "ab" * 32, 404),
        ("/chain/transactions/0xzz", 400),
        ("/chain/members/sm3:" + "ab" * 32, 404),
        ("/chain/members/" + "ab" * 32, 400),
        ("/chain/members/x?before=1", 400),
        (f"/chain/members/{MEMBER}?before=abc", 400),
        (f"/chain/members/{MEMBER}?before={'1' * 41}", 400),
        ("/chain/keys/sm3:" + "ab" * 32, 404),
        ("/chain/keys/1", 400),
        ("/chain/submissions/keccak256:" + "ab" * 32, 404),
        ("/chain/submissions/sm3:" + "ab" * 32, 400),
        ("/chain/lots/sm3:" + "ab" * 32, 404),
        ("/chain/lots/..%2F..%2Fetc", 400),
        ("/chain/governance?kind=everything", 400),
        ("/chain/governance?member=me", 400),
        ("/chain/contracts/Nobody", 404),
        ("/chain/contracts/%2e%2e", 404),
        ("/chain/accounts/0x" + "ab" * 20, 404),
        ("/chain/accounts/0x12", 400),
        ("/chain/search?q=", 400),
        ("/chain/search?q=hello", 400),
        ("/chain/search?q=" + "a" * 2001, 400),
        ("/chain/search?q=" + "ab" * 32, 404),
        ("/chain/nothing", 404),
    ],
)
def test_bad_request_gets_a_problem_for_programs_and_a_page_for_people(
    client: TestClient, path: str, status: int
) -> None:
    problem = client.get(path, headers=JSON)
    assert problem.status_code == status, problem.text
    assert problem.headers["content-type"] == "application/problem+json"
    page = client.get(path, headers=HTML)
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert parsed(page.text).blocked == []


def test_failed_search_says_what_can_be_searched(client: TestClient) -> None:
    text = client.get("/chain/search?q=hello", headers={**HTML, "accept-language": "en"}).text
    assert "a block number" in text and "a unified social credit code" in text and 'name="q"' in text
    hostile = client.get("/chain/search?q=<script>alert(1)</script>&lang=zh", headers=HTML)
    assert hostile.status_code == 400 and "可以查找" in hostile.text
    assert "<script>alert" not in hostile.text and parsed(hostile.text).blocked == []
    assert 'href="/chain/search?q=%3Cscript%3Ealert%281%29%3C%2Fscript%3E&amp;lang=en"' in hostile.text
    assert client.get("/chain/search?q=hello", headers=JSON).json()["hint"].startswith("try a block number")


@pytest.mark.parametrize(
    "path",
    [
        "../../../../etc/passwd",
        "..%2f..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/pyproject.toml",
        "contracts/src/../../pyproject.toml",
        "contracts%2Fsrc%2F..%2F..%2Fpyproject.toml",
        "/etc/passwd",
        "contracts/src/Lots.sol%00",
        "contracts/src/Trades.sol",
        "contracts/artifacts/Lots.json",
        "%252e%252e/pyproject.toml",
    ],
)
def test_source_path_leads_to_no_other_file(client: TestClient, path: str) -> None:
    answer = client.get(f"/chain/contracts/Lots/source/{path}", headers=JSON)
    assert answer.status_code == 404
    assert "root:" not in answer.text and "[project]" not in answer.text and "pragma" not in answer.text


def test_other_forms_are_not_acceptable(client: TestClient) -> None:
    assert client.get("/chain", headers={"accept": "image/png"}).status_code == 406
    assert client.get("/chain", headers={"accept": "application/json;q=0.1, text/html;q=0"}).json()["chainId"]
    assert client.post("/chain").status_code == 405


def test_search_redirects_and_keeps_the_chosen_language(client: TestClient, explored: World) -> None:
    answer = client.get("/chain/search?q=3&lang=en", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/chain/blocks/3?lang=en")
    key = f"sm3:{explored.keys['second'].public.key_id.hex()}"
    answer = client.get(f"/chain/keys/{key}", follow_redirects=False)
    assert answer.headers["location"] == f"/chain/members/{MEMBER}#k-{key[-16:]}"
    view = client.get(filled(explored, "/chain/transactions/{trade}"), headers=JSON).json()
    answer = client.get(f"/chain/submissions/{view['submission']['id']}", follow_redirects=False)
    assert answer.headers["location"] == f"/chain/transactions/{view['hash']}"


def test_unchanged_page_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/chain/governance", headers=HTML)
    again = client.get("/chain/governance", headers={**HTML, "if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
