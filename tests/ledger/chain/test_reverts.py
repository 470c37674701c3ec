"""Revert data and ABI coding: typed where known, never a crash where not."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi import encode as eth_encode
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st

from contracts import artifact, names
from ledger.chain.abi import Abi, Parameter, decode_event, encode
from ledger.chain.finality import Finality
from ledger.chain.reverts import decode_revert, registry, reverted
from ledger.errors import Malformed, RpcError


def test_every_error_of_every_artifact_is_decoded_with_its_arguments() -> None:
    samples: dict[str, Any] = {
        "address": "0x" + "0a" * 20, "bytes32": b"\x01" * 32, "bytes23": b"\x02" * 23, "bytes": b"\x03", "string": "s",
        "bool": True,
    }  # fmt: skip
    seen = 0
    for name in names():
        for error in Abi(artifact(name).abi).errors.values():
            values = [samples.get(p.type, 5) for p in error.inputs]
            revert = decode_revert(error.digest[:4] + eth_encode([p.type for p in error.inputs], values))
            assert revert.error == error.name
            assert list(revert.args_) == [p.name for p in error.inputs]
            for parameter in error.inputs:
                value = samples.get(parameter.type, 5)
                shown = "0x" + value.hex() if isinstance(value, bytes) else value
                assert revert.args_[parameter.name] == shown
            seen += 1
    assert seen > 40


def test_solidity_reasons_are_decoded() -> None:
    revert = decode_revert(keccak(text="Error(string)")[:4] + eth_encode(["string"], ["不可以"]))
    assert (revert.error, revert.args_) == ("Error", {"message": "不可以"})
    revert = decode_revert(keccak(text="Panic(uint256)")[:4] + eth_encode(["uint256"], [0x11]))
    assert (revert.error, revert.args_) == ("Panic", {"code": 0x11})


@given(data=st.binary(max_size=200))
def test_any_revert_data_gives_some_error(data: bytes) -> None:
    assert decode_revert(data).error
    for selector in (b"", keccak(text="SubmissionsNonceUsed(bytes32,uint64,bytes32)")[:4]):
        assert decode_revert(selector + data[:95]).error in ("Reverted", "UnknownError", decode_revert(data).error)


def test_unknown_selector_keeps_the_data() -> None:
    revert = decode_revert(b"\xde\xad\xbe\xef\x01")
    assert (revert.error, revert.args_) == ("UnknownError", {"data": "0xdeadbeef01"})


@pytest.mark.parametrize(
    ("code", "message", "data", "expected"),
    [
        (3, "execution reverted", "0x", "Reverted"),
        (-32000, "VM execution error: revert", None, "Reverted"),
        (-32015, "x", "0xdeadbeef", "UnknownError"),
        (3, "execution reverted", "0xzz", "Reverted"),
        (-32000, "nonce too low", None, None),
        (-32601, "no such method", None, None),
    ],
)
def test_reverts_are_told_from_other_refusals(code: int, message: str, data: str | None, expected: str | None) -> None:
    found = reverted(RpcError(message, rpc_code=code, data=data))
    assert (found.error if found else None) == expected


def test_two_errors_with_one_selector_are_a_build_mistake() -> None:
    clash = [{"type": "error", "name": "Error", "inputs": [{"type": "string", "name": "message"}]}]
    assert registry([clash, clash])
    # The classic collision: both selectors are 0x42966c68.
    first, second = "burn(uint256)", "collate_propagate_storage(bytes16)"
    assert keccak(text=first)[:4] == keccak(text=second)[:4]
    pair = [
        {"type": "error", "name": "burn", "inputs": [{"type": "uint256", "name": "x"}]},
        {"type": "error", "name": "collate_propagate_storage", "inputs": [{"type": "bytes16", "name": "x"}]},
    ]
    with pytest.raises(RuntimeError, match="same selector"):
        registry([pair[:1], pair[1:]])


NESTED = {
    "type": "function", "name": "f", "inputs": [], "outputs": [
        {"type": "tuple[]", "name": "rows", "components": [
            {"type": "uint8", "name": "a"},
            {"type": "tuple", "name": "b", "components": [{"type": "bytes32[2]", "name": "c"}]},
        ]},
        {"type": "address", "name": "who"},
    ],
}  # fmt: skip


def test_nested_tuples_become_dicts() -> None:
    abi = Abi([NESTED])
    value = ([(1, ((b"\x01" * 32, b"\x02" * 32),))], "0x" + "0b" * 20)
    data = eth_encode(["(uint8,(bytes32[2]))[]", "address"], value)
    assert abi.decode_result("f", data) == {
        "rows": [{"a": 1, "b": {"c": [b"\x01" * 32, b"\x02" * 32]}}],
        "who": "0x" + "0b" * 20,
    }
    for cut in (0, 31, len(data) - 1):
        with pytest.raises(Malformed):
            abi.decode_result("f", data[:cut])


def test_selector_of_submit_is_the_domain_layers() -> None:
    from ledger.domain.action import SUBMIT_SELECTOR

    assert Abi(artifact("Submissions").abi).functions["submit"].digest[:4] == SUBMIT_SELECTOR


def test_arguments_that_do_not_fit_are_malformed() -> None:
    parameter = Parameter("x", "uint8", (), False)
    for value in (256, -1, "a", None, b""):
        with pytest.raises(Malformed):
            encode([parameter], [value])
    with pytest.raises(Malformed):
        encode([parameter], [1, 2])


def test_event_with_wrong_topics_or_data_is_malformed() -> None:
    event = Abi(artifact("Submissions").abi).event("Accepted")
    topics = [event.digest, b"\x01" * 32, b"\x02" * 32, b"\x03" * 32]
    data = eth_encode(["bytes32", "uint32", "uint64", "bytes32"], [b"\x04" * 32, 1, 2, b"\x05" * 32])
    assert decode_event(event, topics, data)["nonce"] == 2
    for bad_topics, bad_data in ((topics[:-1], data), (topics + topics[-1:], data), (topics, data[:-1]), (topics, b"")):
        with pytest.raises(Malformed):
            decode_event(event, bad_topics, bad_data)
    with pytest.raises(KeyError):
        Abi(artifact("Submissions").abi).event("Nothing")


@pytest.mark.parametrize("text", ["", "instantly", "depth", "depth:", "depth:0", "depth:-1", "depth:1e3", "depth:99999",
                                  "tag:latest", "tag:"])  # fmt: skip
def test_unknown_finality_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        Finality.parse(text)


def test_finality_settings_are_parsed() -> None:
    assert Finality.parse("instant").kind == "instant"
    assert Finality.parse("depth:12").depth == 12
    assert Finality.parse("tag:finalized").tag == "finalized"
