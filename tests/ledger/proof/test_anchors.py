"""The anchors file: everything a verifier takes for granted is read strictly."""

from __future__ import annotations

import contextlib
import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.crypto.sm2 import PrivateKey
from ledger.errors import Malformed, Untrusted
from ledger.proof.anchors import CONTRACTS, parse_anchors

KEY = PrivateKey.generate().public
CUSTOMS, MARKET = PrivateKey.generate().public, PrivateKey.generate().public


def witness(key, zh, en, agency):
    return {
        "keyId": f"sm3:{key.key_id.hex()}",
        "publicKey": key.point.hex(),
        "name": {"zh": zh, "en": en},
        "agency": agency,
    }


GOOD = {
    "format": "originseal-anchors/v1",
    "chainId": 20250,
    "genesis": "0x" + "ab" * 32,
    "contracts": {
        name: {"address": "0x" + f"{i:02x}" * 20, "codeHash": "keccak256:" + f"{i:02x}" * 32}
        for i, name in enumerate(CONTRACTS)
    },
    "checkpointKeys": [{"keyId": f"sm3:{KEY.key_id.hex()}", "publicKey": KEY.point.hex(), "name": "运营方 operator"}],
    "authorities": [{"zone": 6, "memberId": "sm3:" + "cd" * 32, "name": {"zh": "茂名", "en": "Maoming"}}],
    "witnesses": [
        witness(CUSTOMS, "拱北海关", "Gongbei Customs", "customs"),
        witness(MARKET, "茂名市监局", "Maoming AMR", "market-supervision"),
    ],
    "witnessQuorum": 2,
}


def changed(pointer, value):
    result = copy.deepcopy(GOOD)
    *path, last = [int(p) if p.isdigit() else p for p in pointer.split("/")[1:]]
    target = result
    for step in path:
        target = target[step]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return result


def test_anchors_survive_when_read_and_written():
    for source in (GOOD, json.dumps(GOOD), json.dumps(GOOD).encode()):
        anchors = parse_anchors(source)
        assert anchors.to_dict() == GOOD
    assert anchors.contracts["Lots"].address == bytes([2]) * 20
    assert anchors.checkpoint_keys[KEY.key_id].public == KEY


@pytest.mark.parametrize(
    ("pointer", "value", "field"),
    [
        ("/format", "originseal-anchors/v2", "/format"),
        ("/format", None, "/format"),
        ("/chainId", "20250", "/chainId"),
        ("/chainId", True, "/chainId"),
        ("/chainId", -1, "/chainId"),
        ("/chainId", 20250.0, "/chainId"),
        ("/chainId", ..., "/chainId"),
        ("/genesis", "ab" * 32, "/genesis"),
        ("/genesis", "0x" + "AB" * 32, "/genesis"),
        ("/contracts/Lots", ..., "/contracts/Lots"),
        ("/contracts/More", {}, "/contracts/More"),
        ("/contracts/Lots/address", "0x" + "00" * 20, "/contracts"),
        ("/contracts/Lots/address", "0x" + "00" * 19, "/contracts/Lots/address"),
        ("/contracts/Lots/codeHash", "sm3:" + "00" * 32, "/contracts/Lots/codeHash"),
        ("/contracts/Lots/code", "x", "/contracts/Lots/code"),
        ("/checkpointKeys", [], "/checkpointKeys"),
        ("/checkpointKeys", GOOD["checkpointKeys"] * 2, "/checkpointKeys/1/keyId"),
        ("/checkpointKeys", GOOD["checkpointKeys"] * 65, "/checkpointKeys"),
        ("/checkpointKeys/0/keyId", "sm3:" + "00" * 32, "/checkpointKeys/0/keyId"),
        ("/checkpointKeys/0/publicKey", "04" + "01" * 64, "/checkpointKeys/0/publicKey"),
        ("/checkpointKeys/0/publicKey", "02" + "01" * 32, "/checkpointKeys/0/publicKey"),
        ("/checkpointKeys/0/name", "x" * 2000, "/checkpointKeys/0/name"),
        ("/authorities", [], "/authorities"),
        ("/authorities/0/zone", 300, "/authorities/0/zone"),
        ("/authorities/0/memberId", "sm3:00", "/authorities/0/memberId"),
        ("/authorities/0/name", "茂名", "/authorities/0/name"),
        ("/authorities/0/name/zh", 1, "/authorities/0/name/zh"),
        ("/unknown", 1, "/unknown"),
        ("/witnesses", None, "/witnesses"),
        ("/witnesses", {}, "/witnesses"),
        ("/witnesses", [], "/witnessQuorum"),
        ("/witnesses", [GOOD["witnesses"][0]] * 2, "/witnesses/1/keyId"),
        ("/witnesses", GOOD["witnesses"] * 33, "/witnesses"),
        ("/witnesses/0", witness(KEY, "运营方", "Operator", "customs"), "/witnesses/0/keyId"),
        ("/witnesses/0/agency", "coast-guard", "/witnesses/0/agency"),
        ("/witnesses/0/agency", ["customs"], "/witnesses/0/agency"),
        pytest.param("/witnesses/0/keyId", GOOD["witnesses"][1]["keyId"], "/witnesses/0/keyId", id="another's key id"),
        ("/witnesses/0/publicKey", "04" + "01" * 64, "/witnesses/0/publicKey"),
        ("/witnesses/0/name", "拱北海关", "/witnesses/0/name"),
        ("/witnesses/0/name/en", ..., "/witnesses/0/name/en"),
        ("/witnesses/0/since", 1, "/witnesses/0/since"),
        ("/witnessQuorum", 3, "/witnessQuorum"),
        ("/witnessQuorum", -1, "/witnessQuorum"),
        ("/witnessQuorum", True, "/witnessQuorum"),
        ("/witnessQuorum", "2", "/witnessQuorum"),
    ],
)
def test_anchors_are_refused_naming_the_field_when_a_member_is_wrong(pointer, value, field):
    with pytest.raises(Malformed) as caught:
        parse_anchors(changed(pointer, value))
    assert caught.value.field == field


def test_anchors_name_no_witness_when_they_are_from_before_there_were_any():
    old = {name: value for name, value in GOOD.items() if not name.startswith("witness")}
    anchors = parse_anchors(old)
    assert anchors.witnesses == {}
    assert anchors.witness_quorum == 0
    assert anchors.to_dict() == old | {"witnesses": [], "witnessQuorum": 0}


def test_anchors_refuse_a_quorum_when_one_office_would_have_to_count_twice():
    twice = [
        witness(CUSTOMS, "拱北海关", "Gongbei Customs", "customs"),
        witness(MARKET, "拱北海关", "Gongbei Customs", "customs"),
    ]
    with pytest.raises(Malformed) as caught:
        parse_anchors(changed("/witnesses", twice))
    assert caught.value.field == "/witnessQuorum"
    assert len(parse_anchors(changed("/witnesses", twice) | {"witnessQuorum": 1}).offices) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '{"format":"originseal-anchors/v1","format":"originseal-anchors/v1"}',
        '{"chainId":NaN}',
        "[" * 100_000,
        json.dumps(GOOD) + "x",
        b"\xff\xfe",
        json.dumps(GOOD).encode("utf-16"),
        b" " * (1024 * 1024 + 1),
    ],
)
def test_anchors_are_refused_when_the_file_is_not_strict_json(text):
    with pytest.raises(Malformed):
        parse_anchors(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from(
        ["/" + name for name in GOOD] + ["/contracts/Lots", "/checkpointKeys/0", "/authorities/0/name", "/witnesses/0"]
    ),
    json_values,
)
def test_parse_anchors_raises_only_untrusted_when_a_member_is_garbage(pointer, value):
    with contextlib.suppress(Untrusted):
        parse_anchors(changed(pointer, value))
