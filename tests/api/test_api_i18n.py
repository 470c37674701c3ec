"""The catalogues: same keys and places in every language, every key that is used exists, and none is dead."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import api
from api.catalogue import CATALOGUES, SPEAKERS, iso
from api.negotiation import LANGUAGES
from ledger.domain.members import ZONES

FOLDER = Path(api.__file__).parent


def test_every_language_has_the_same_keys() -> None:
    keys = {language: set(CATALOGUES[language]) for language in LANGUAGES}
    first = keys[LANGUAGES[0]]
    for language in LANGUAGES:
        assert keys[language] == first, keys[language] ^ first


def test_every_file_is_a_language() -> None:
    assert {path.stem for path in (FOLDER / "i18n").glob("*.json")} == set(LANGUAGES)


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_texts_are_filled_and_have_the_same_places() -> None:
    for key in CATALOGUES["en"]:
        texts = [CATALOGUES[language][key] for language in LANGUAGES]
        assert all(text.strip() for text in texts), key
        wanted = [places(text) - {"n"} for text in texts]
        assert all(found == wanted[0] for found in wanted) or key.endswith(".one"), key


def test_chinese_is_chinese_and_english_is_not() -> None:
    for key, text in CATALOGUES["en"].items():
        if key != "lang.zh":
            assert not re.search(r"[\u4e00-\u9fff]", text), key


def used() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in [*FOLDER.rglob("*.py"), *FOLDER.rglob("*.html")]:
        for key in re.findall(r"\bs\(\s*[\"']([a-z_0-9.]+[a-z0-9])[\"']\s*[,)]", path.read_text(encoding="utf-8")):
            found[key] = path.name
    return found


def test_every_key_in_use_exists() -> None:
    keys = set(CATALOGUES["en"])
    missing = {key: name for key, name in used().items() if key not in keys and f"{key}.other" not in keys}
    assert missing == {}
    assert len(used()) > 100


def test_no_key_is_dead() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in [*FOLDER.rglob("*.py"), *FOLDER.rglob("*.html")])
    dead = []
    for key in CATALOGUES["en"]:
        group, _, last = key.removesuffix(".one").removesuffix(".other").rpartition(".")
        whole = f"{group}.{last}"
        dynamic = re.search(
            rf"""term\(["']{re.escape(group)}["']|["']{re.escape(group)}\.["'{{]\s*~|{group}\.{{""", sources
        )
        prefix = any(f"'{whole[:n]}' ~" in sources for n in range(len(group), len(whole)))
        if f'"{whole}"' not in sources and f"'{whole}'" not in sources and not dynamic and not prefix:
            dead.append(key)
    assert dead == [], " ".join(dead)


def test_terms_fall_back_to_the_code_itself() -> None:
    assert SPEAKERS["en"].term("step", "void_shipping") == "void shipping"
    assert SPEAKERS["zh"].term("step", "shipping") == "发运"
    assert SPEAKERS["en"].term("step", None) == ""


def test_unknown_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        SPEAKERS["en"]("no.such.key")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9000", "9,000"),
        ("1250.50", "1,250.5"),
        (9000.0, "9,000"),
        ("0.1", "0.1"),
        ("NaN", "NaN"),
        ("abc", "abc"),
        (0, "0"),
    ],
)
def test_numbers_are_grouped_without_losing_digits(text: object, expected: str) -> None:
    assert SPEAKERS["en"].number(text) == expected


def test_times_are_china_standard_time() -> None:
    moment = 1_764_000_000  # 2025-11-24T16:00:00Z
    assert iso(moment) == "2025-11-24T16:00:00Z"
    assert SPEAKERS["en"].time(moment) == "25 Nov 2025, 00:00"
    assert SPEAKERS["zh"].time(moment) == "2025年11月25日 00:00"
    assert SPEAKERS["en"].date(None) == "time unknown"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "less than a minute"), (60, "1 minute"), (7300, "2 hours"), (86400, "1 day"), (-172800, "2 days")],
)
def test_spans_use_their_largest_unit(seconds: int, expected: str) -> None:
    assert SPEAKERS["en"].span(seconds) == expected


def test_zone_names_need_no_catalogue() -> None:
    assert {SPEAKERS["zh"].pair(zone.zh, zone.en) for zone in ZONES.values()} >= {"梅州", "茂名", "肇庆"}


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("303.list.qty", "订单的数量", "order quantity"),
        ("603.list.qty×price", "申报清单的数量 × 单价", "customs list quantity × unit price"),
        ("303.goodsValue+freight", "订单的商品总额 + 运费", "order goods value + freight"),
        ("603.Σlist.qty(kg)", "申报清单的各项数量合计", "customs list sum of quantity"),
        ("505.somethingNew", "运单的somethingNew", "waybill somethingNew"),
        ("order 1303.5 and 303", "order 1303.5 and 303", "order 1303.5 and 303"),
    ],
)
def test_reasons_are_put_into_plain_words(text: str, zh: str, en: str) -> None:
    assert SPEAKERS["zh"].plain(f"x {text} y") == f"x {zh} y"
    assert SPEAKERS["en"].plain(f"x {text} y") == f"x {en} y"
