"""The verifier in the browser and the one in Python say the same of every bundle: step, outcome, field and reason."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from forge import Forge
from proof_world import LONGAN, LYCHEE, PACKED, Signer
from test_forged import FORGERIES
from test_verifier import STEP_MUTATIONS, containers, leaves
from test_verifier import changed as other_value

from api.catalogue import CATALOGUES
from ledger.crypto.sm2 import PrivateKey
from ledger.proof import bundle as bundle_format
from ledger.proof.anchors import Witness
from ledger.proof.bundle import parse_bundle
from ledger.proof.cosignature import cosign
from ledger.proof.records import _commitment
from ledger.proof.report import STEPS
from tests.web.agreement import changed, python_says

MODULES = Path(__file__).parents[2] / "api" / "static" / "verify"


def disagreements(node: Any, files: dict[str, Any], cases: list[dict[str, Any]]) -> tuple[list[Any], list[str]]:
    """Cases of which the two verifiers say different things, and where each case ended."""
    answers = node([{"load": files}, *cases])[1:]
    assert len(answers) == len(cases)
    differ, ends = [], []
    for case, answer in zip(cases, answers, strict=True):
        wanted = case["verify"]
        text = wanted.get("text") or json.dumps(changed(files[wanted["base"]], wanted.get("change", [])))
        named = case["anchors"]
        expected = python_says(text, None if named is None else files[named], case.get("witnesses", 0))
        if answer != expected:
            differ.append((wanted.get("change"), answer, expected))
        failing = [step["id"] for step in expected.get("steps", ()) if step["outcome"] == "failed"]
        ends.append("malformed" if "malformed" in expected else failing[0] if failing else expected["result"])
    return differ, ends


def case(base: str, change: list[Any] | None = None, anchors: str | None = "anchors", **more: Any) -> dict[str, Any]:
    return {"verify": {"base": base, "change": change or []}, "anchors": anchors, **more}


def whole(value: Any, anchors: str | None = "anchors", **more: Any) -> dict[str, Any]:
    return {"verify": {"text": json.dumps(value)}, "anchors": anchors, **more}


# ------------------------------------------------------------------------------------------------ what holds


def test_both_verifiers_report_the_same_evidence_when_bundles_hold(node, bundles, anchors):
    files = {**bundles, "anchors": anchors.to_dict()}
    cases = [case(lot, anchors=named) for lot in (LYCHEE, LONGAN, PACKED) for named in ("anchors", None)]
    differ, ends = disagreements(node, files, cases)
    assert differ == []
    assert ends == ["holds", "holds-under-assumptions"] * 3


def test_both_verifiers_agree_when_fields_are_withheld_or_records_erased(node, bundle, anchors):
    record = parse_bundle(bundle).submissions[0].records[0]
    fields = bundle["submissions"][0]["records"][0]["fields"]
    for at in range(0, len(fields), 2):
        fields[at] = {"commitment": f"sm3:{_commitment(record.fields[at], '').hex()}"}
    gone = bundle["submissions"][0]["records"][1]
    bundle["submissions"][0]["records"][1] = {
        "digest": gone["digest"], "erased": True, "inclusion": gone["inclusion"],
    }  # fmt: skip
    half = {**copy.deepcopy(bundle)}
    half["submissions"][0]["records"][1]["erased"] = False
    differ, ends = disagreements(node, {"anchors": anchors.to_dict()}, [whole(bundle), whole(half)])
    assert differ == []
    assert ends == ["holds", "malformed"]


def test_both_verifiers_agree_when_the_bundle_is_of_an_earlier_height(node, world, anchors):
    earlier = world.bundle(LYCHEE, height=world.chain.height() - 3)
    differ, ends = disagreements(node, {"anchors": anchors.to_dict()}, [whole(earlier)])
    assert differ == []
    assert ends == ["holds"]


# ------------------------------------------------------------------------------------------------ what must not


def test_both_verifiers_agree_when_any_single_value_changes(node, bundles, anchors):
    files = {"base": bundles[LONGAN], "anchors": anchors.to_dict()}
    cases = [
        case("base", [[list(path[:-1]), "set", path[-1], other_value(value)]]) for path, value in leaves(files["base"])
    ]
    differ, ends = disagreements(node, files, cases)
    assert differ == []
    assert "holds" not in ends
    assert len(set(ends)) >= 10, "the changes reach most steps"


def rearranged(value: Any) -> list[list[Any]]:
    """Every part added, removed, repeated or swapped with its neighbour, as lists of changes."""
    made: list[list[Any]] = []
    for where, part in containers(value):
        path = list(where)
        if isinstance(part, dict):
            made.append([[path, "set", "more", 1]])
            made += [[[path, "pop", key, None]] for key in part if key != "cosignatures"]
        else:
            made.append([[path, "insert", len(part), part[-1] if part else "0x"]])
            for at in range(len(part)):
                made.append([[path, "pop", at, None]])
                made.append([[path, "insert", at, part[at]]])
                if at and part[at] != part[at - 1]:
                    made.append([[path, "set", at - 1, part[at]], [path, "set", at, part[at - 1]]])
    return made


def test_both_verifiers_agree_when_any_part_is_removed_repeated_swapped_or_added(node, bundles, anchors):
    files = {"base": bundles[LONGAN], "anchors": anchors.to_dict()}
    differ, ends = disagreements(node, files, [case("base", change) for change in rearranged(files["base"])])
    assert differ == []
    assert not {"holds", "holds-under-assumptions"} & set(ends)


@pytest.mark.parametrize("name", STEP_MUTATIONS)
def test_both_verifiers_name_the_step_when_one_part_is_wrong(node, bundle, anchors, name):
    step, mutate = STEP_MUTATIONS[name]
    mutate(bundle)
    differ, ends = disagreements(node, {"anchors": anchors.to_dict()}, [whole(bundle), whole(bundle, None)])
    assert differ == []
    assert ends[0] == step


def test_both_verifiers_name_the_check_when_a_forger_with_every_key_fits_the_rest(node, world, bundles, anchors):
    cases, expected = [], []
    for step, field, reason, change in FORGERIES.values():
        forged = Forge(world, bundles[LYCHEE])
        change(forged)
        cases.append(whole(forged.bundle()))
        expected.append((step, field, reason))
    unforged = whole(Forge(world, bundles[LYCHEE]).bundle())
    files = {"anchors": anchors.to_dict()}
    differ, ends = disagreements(node, files, [*cases, unforged])
    assert differ == []
    assert ends == [step for step, _, _ in expected] + ["holds"]


def test_both_verifiers_agree_when_the_anchors_are_others(node, bundles, anchors):
    real = anchors.to_dict()
    files: dict[str, Any] = {"base": bundles[LYCHEE]}
    for path, value in leaves(real):
        files[f"anchors {path}"] = changed(real, [[list(path[:-1]), "set", path[-1], other_value(value)]])
    for at, change in enumerate(rearranged(real)):
        files[f"anchors {at}"] = changed(real, change)
    cases = [case("base", anchors=name) for name in files if name != "base"]
    differ, ends = disagreements(node, files, cases)
    assert differ == []
    assert {"holds", "malformed", "anchors", "checkpoint", "contracts"} <= set(ends)


# ------------------------------------------------------------------------------------------------ co-signatures


def test_both_verifiers_count_the_same_witnesses(node, bundle, anchors):
    signers = [Signer(PrivateKey.generate()) for _ in range(4)]
    names = (
        ("customs", "拱北海关", "Gongbei Customs"),
        ("customs", "拱北海关", "Gongbei Customs"),
        ("market-supervision", "茂名市监局", "Maoming AMR"),
    )
    known = {
        s.public.key_id: Witness(s.public.key_id, s.public, *names_)
        for s, names_ in zip(signers[:3], names, strict=True)
    }
    files: dict[str, Any] = {}
    for quorum in (0, 1, 2):
        value = anchors.to_dict()
        made = [
            {
                "keyId": f"sm3:{w.key_id.hex()}", "publicKey": w.public.point.hex(),
                "name": {"zh": w.name_zh, "en": w.name_en}, "agency": w.agency,
            }
            for w in known.values()
        ]  # fmt: skip
        files[f"anchors {quorum}"] = {**value, "witnesses": made, "witnessQuorum": quorum}
    files["anchors 3"] = {**files["anchors 0"], "witnessQuorum": 3}
    point = parse_bundle(bundle).checkpoint.checkpoint
    given = {s.public.key_id: cosign(point, s, 1_764_100_000, "headers").to_dict() for s in signers}
    cases = []
    for chosen in ((), (0,), (0, 1), (2,), (0, 2), (3,), (0, 1, 2, 3)):
        value = copy.deepcopy(bundle)
        value["state"]["cosignatures"] = [given[k] for k in sorted(signers[at].public.key_id for at in chosen)]
        cases += [whole(value, name, witnesses=wanted) for name in (*files, None) for wanted in (0, 2)]
        for key, wrong in (("time", 1), ("method", "execution"), ("method", "other"), ("time", 2**53 - 1)):
            if chosen:
                bad = copy.deepcopy(value)
                bad["state"]["cosignatures"][0][key] = wrong
                cases.append(whole(bad, "anchors 1"))
        for order in (value["state"]["cosignatures"][::-1], value["state"]["cosignatures"] * 2, None, {}):
            bad = copy.deepcopy(value)
            bad["state"]["cosignatures"] = order
            cases.append(whole(bad, "anchors 1"))
    differ, ends = disagreements(node, files, cases)
    assert differ == []
    assert {"holds", "checkpoint", "malformed", "holds-under-assumptions"} <= set(ends)


# ------------------------------------------------------------------------------------------------ hostile files


def test_both_verifiers_refuse_any_part_of_another_type(node, bundles, anchors):
    base = bundles[LONGAN]
    paths = [path for path, _ in containers(base) if path] + [path for path, _ in leaves(base)]
    cases = [
        case("base", [[list(path[:-1]), "set", path[-1], value]])
        for path in paths[:: max(1, len(paths) // 40)]
        for value in (None, True, 0, -1, 1.5, "", "x", "0x", [], {}, [[]], 2**53 - 1)
    ]
    differ, ends = disagreements(node, {"base": base, "anchors": anchors.to_dict()}, cases)
    assert differ == []
    assert ends.count("malformed") > len(ends) / 2


@pytest.mark.parametrize(
    "spoil",
    [
        "", "{}", "[]", "null", "1", "{", '{"a":1,}', "[1 2]", '{"format":"originseal-bundle/v1"}', "[" * 30 + "]" * 30,
        "\ufeffWHOLE", "WHOLE x", "[WHOLE", "\u00a0WHOLE",
        'WHOLE:"chainId":=>"chainId":1,"chainId":', 'WHOLE:"gtin":=>"gtin":"","gtin":',
        'WHOLE:"custodial":=>"custodial":tru,"x":', 'WHOLE:"index": 0=>"index":-0.0', 'WHOLE:"index": 0=>"index":00',
        'WHOLE:"index": 0=>"index":0e5', 'WHOLE:"index": 0=>"index":0.5e1', 'WHOLE:"index": 0=>"index":1e400',
        'WHOLE:"chainId": 20250=>"chainId":9007199254740993', 'WHOLE:"chainId": 20250=>"chainId":20250.0',
        'WHOLE:"chainId": 20250=>"chainId":2.025e4', 'WHOLE:"chainId": 20250=>"chainId":1e21',
        'WHOLE:"chainId": 20250=>"chainId":NaN', 'WHOLE:"chainId": 20250=>"chainId":0.1000000000000000055',
        'WHOLE:"format": "=>"format": "\\u006f', 'WHOLE:"lot": "GZ=>"lot": "\\ud800GZ',
        'WHOLE:"lot": "GZ=>"lot": "\tGZ',
        'WHOLE:"lot": "GZ=>"lot": "\\x47Z', 'WHOLE:"lot": "GZ=>"lot": "\\u004', 'WHOLE:"lot": "GZ=>"lot": "\\u0047Z',
        'WHOLE:"lot": "GZ-FZX-0901"=>"lot": "' + "\U0001f352" * 20 + '"',
        'WHOLE:"lot": "GZ-FZX-0901"=>"lot": "' + "\U0001f352" * 21 + '"',
        'WHOLE:"signature": "=>"signature": "A', 'WHOLE:"raw": "0x=>"raw": "0X',
        'WHOLE:"format"=>"__proto__":1,"format"',
    ],
)  # fmt: skip
def test_both_verifiers_read_a_file_the_same_way_to_the_letter(node, bundle, anchors, spoil):
    text = spoil.replace("WHOLE", json.dumps(bundle, ensure_ascii=False))
    if spoil.startswith("WHOLE:"):
        old, _, new = spoil.removeprefix("WHOLE:").partition("=>")
        text = json.dumps(bundle, ensure_ascii=False)
        assert old in text or old + " " in text
        text = text.replace(old, new, 1)
    value = anchors.to_dict()
    (answer,) = node([{"load": {"anchors": value}}, {"verify": {"text": text}, "anchors": "anchors"}])[1:]
    expected = python_says(text, value)
    if "malformed" in expected:  # of a text that is no JSON, each reader has its own words
        assert answer.get("malformed") is True
    else:
        assert answer == expected


def test_field_values_are_hashed_alike_when_they_are_strange(node, bundle, anchors):
    values = [
        "e\u0301", "\u00e9", "\u2028\u007f\u0000\"\\/\b\f\n\r\t\u001f", "\U0001f352", "\ud7ff\ue000", 0, -0.0, 1.0,
        1e21, 1.5e-7, 123456789.125, 5e-324, 2**53 - 1, True, None, [], {}, "", "荔枝",
    ]  # fmt: skip
    cases = []
    for value in values:
        fields = [{"path": ["k"], "salt": "00" * 16, "value": value}]
        record = bundle["submissions"][0]["records"][0] | {"fields": fields, "leafCount": 1}
        cases.append(case("base", [[["submissions", 0, "records"], "set", 0, record]]))
    paths: list[list[Any]] = [
        [["a"], ["b"]], [["b"], ["a"]], [["a"], ["a"]], [["a", 0], ["a", 1]], [["a", 1], ["a", 0]],
        [["a", 10], ["a", 9]],
        [["a", 0], ["a", "0"]], [["a"], ["a", 0]], [["\uffff"], ["\U0001f352"]], [["\U0001f352"], ["\uffff"]],
        [["a", -1], ["b"]], [["a", 2**32], ["b"]], [["a", 1.5], ["b"]], [[True], ["b"]], [["e\u0301"], ["f"]],
        [[], ["b"]],
    ]  # fmt: skip
    for pair in paths:
        fields = [{"path": path, "salt": "00" * 16, "value": 1} for path in pair]
        record = bundle["submissions"][0]["records"][0] | {"fields": fields, "leafCount": 2}
        cases.append(case("base", [[["submissions", 0, "records"], "set", 0, record]]))
    differ, ends = disagreements(node, {"base": bundle, "anchors": anchors.to_dict()}, cases)
    assert differ == []
    assert set(ends) == {"records", "malformed"}


# ------------------------------------------------------------------------------------------------ the modules


def test_bounds_on_hostile_input_are_those_of_the_python_reader():
    text = (MODULES / "bundle.mjs").read_text(encoding="utf-8")
    names = {"MAX_SUBMISSIONS", "MAX_RECORDS", "MAX_FIELDS", "MAX_LOTS", "MAX_OPERATIONS", "MAX_DEPTH"}
    found = {name: int(number.replace("_", "")) for name, number in re.findall(r"(MAX_[A-Z]+) = ([0-9_]+);", text)}
    assert names <= found.keys()
    assert {name: found[name] for name in names} == {name: getattr(bundle_format, name) for name in names}
    assert found["MAX_PATH"] == bundle_format.MAX_TREE.bit_length()


def test_steps_have_the_ids_and_order_of_the_python_verifier():
    text = (MODULES / "verifier.mjs").read_text(encoding="utf-8")
    listed = re.search(r"STEPS = \[(.*?)\]", text, re.DOTALL)
    assert listed is not None
    assert re.findall(r'"(\w+)"', listed[1]) == [name for name, _, _ in STEPS]


def test_modules_need_nothing_from_elsewhere_and_stay_small():
    whole_size = 0
    for path in MODULES.glob("*.mjs"):
        text = path.read_text(encoding="utf-8")
        whole_size += len(text.encode())
        for source in re.findall(r'(?:from|import\() ?["\']([^"\']+)', text):
            assert re.fullmatch(r"\./\w+\.mjs", source), (path.name, source)
            assert (MODULES / source).exists()
        assert not re.search(r"\beval\b|new Function|innerHTML|https?://|localStorage|document\.cookie", text), (
            path.name
        )
        assert len(text.splitlines()) < 400
    assert whole_size <= 110_000


def test_page_names_the_steps_as_the_command_does():
    for name, zh, en in STEPS:
        assert (CATALOGUES["zh"][f"browser.step.{name}"], CATALOGUES["en"][f"browser.step.{name}"]) == (zh, en)
