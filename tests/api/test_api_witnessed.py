"""The provenance page says how many of which agencies co-signed, what that means, and when nobody did."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_ledger import FakeLedger
from fastapi.testclient import TestClient

from api.catalogue import SPEAKERS
from api.vouched import witnessed
from ledger.services.vouched import Voice, Vouching

LOT = "/01/09521003000183/10/P-FZX-240A"
CUSTOMS = Voice("customs", "茂名海关（演示）", "Maoming Customs (demo)", "headers", 1_764_000_100)
MARKET = Voice("market-supervision", "茂名市监局（演示）", "Maoming AMR (demo)", "execution", 1_764_000_200)
TWO = Vouching(1234, 1_764_000_000, 3, 2, (CUSTOMS, MARKET))


def page(client: TestClient, lang: str) -> str:
    answer = client.get(f"{LOT}?lang={lang}")
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        (
            "en",
            ("2 of 3 agencies co-signed", "Maoming Customs (demo), Maoming AMR (demo)", "block 1,234",
             "checked that every block follows", "executed every block again", "market supervision",
             "It does not mean that it inspected the goods"),
        ),
        (
            "zh",
            ("3 家机构中的 2 家会签", "茂名海关（演示）、茂名市监局（演示）", "区块 1,234", "核对了每个区块都接续",
             "从第一个区块起逐块重新执行", "市场监管", "不说明它检查过货物"),
        ),
    ],
)  # fmt: skip
def test_page_names_agencies_methods_and_meaning_when_some_cosigned(
    client: TestClient, ledger: FakeLedger, lang: str, said: tuple[str, ...]
) -> None:
    ledger.vouching_ = TWO
    text = page(client, lang)
    assert [words for words in said if words not in text] == []


@pytest.mark.parametrize(
    ("lang", "none", "unknown"),
    [
        ("en", "None of 3 agencies has co-signed this state yet", "No agency witnesses this ledger"),
        ("zh", "3 家机构均尚未会签这一状态", "本账本没有见证机构"),
    ],
)
def test_page_says_that_only_the_operator_vouches_when_nobody_cosigned(
    client: TestClient, ledger: FakeLedger, lang: str, none: str, unknown: str
) -> None:
    alone = {"en": "only the operator vouches", "zh": "只有运营方担保"}[lang]
    for agencies, title in ((3, none), (0, unknown)):
        ledger.vouching_ = Vouching(1234, 1_764_000_000, agencies, 0, ())
        ledger.version_ += 1
        text = page(client, lang)
        assert title in text and alone in text.lower(), agencies


def test_page_shows_another_answer_when_a_cosignature_arrived(client: TestClient, ledger: FakeLedger) -> None:
    ledger.vouching_ = replace(TWO, voices=())
    before = page(client, "en")
    ledger.vouching_ = TWO
    ledger.version_ += 1
    assert page(client, "en") != before


@pytest.mark.parametrize(
    ("view", "state"),
    [
        (TWO, "ok"),
        (replace(TWO, needed=3), "warn"),
        (replace(TWO, voices=()), "warn"),
        (replace(TWO, voices=(), needed=0), "info"),
        (replace(TWO, voices=(), needed=0, agencies=0), "info"),
    ],
)
def test_answer_warns_when_fewer_agencies_signed_than_the_anchors_want(view: Vouching, state: str) -> None:
    for language in ("zh", "en"):
        made = witnessed(SPEAKERS[language], view)
        assert made.state == state
        assert (("3" in made.text) or ("2" in made.text)) or not view.needed


def test_one_office_with_two_keys_is_named_and_counted_once() -> None:
    twice = replace(TWO, voices=(CUSTOMS, replace(CUSTOMS, time=1_764_000_300)), needed=2)
    made = witnessed(SPEAKERS["en"], twice)
    assert made.title.startswith("1 of 3") and made.state == "warn"
    assert made.text.count("Maoming Customs (demo)") == 1
    assert len(made.lines) == 2
