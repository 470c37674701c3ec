"""Runs runtime code in py-evm without a chain, a transaction or web3: one computation, its answer and its gas."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crafted import FILE, Case
from eth_abi import encode
from eth_tester import PyEVMBackend
from eth_utils import function_signature_to_4byte_selector
from plain_sm2 import word

CALL_GAS = 10_000_000
_ADDRESS, _SENDER = b"\xc0" * 20, b"\x5e" * 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call returned (or reverted with) and the gas that its code burnt."""

    output: bytes
    gas: int
    reverted: bool


class DirectCode:
    """Runtime code to call."""

    def __init__(self, code: bytes) -> None:
        self.code = code
        self._vm: Any = PyEVMBackend().chain.get_vm()

    def call(self, signature: str, *arguments: Any, value: int = 0) -> Answer:
        """Calls `signature`, for example "hash(bytes)"."""
        types = signature[signature.index("(") + 1 : -1].split(",")
        return self.raw(function_signature_to_4byte_selector(signature) + encode(types, arguments), value)

    def raw(self, data: bytes, value: int = 0) -> Answer:
        """Calls with any calldata."""
        done = self._vm.execute_bytecode(
            origin=_SENDER,
            gas_price=0,
            gas=CALL_GAS,
            to=_ADDRESS,
            sender=_SENDER,
            value=value,
            data=data,
            code=self.code,
        )
        return Answer(bytes(done.output), CALL_GAS - done.get_gas_remaining(), bool(done.is_error))

    def verify(self, e: int, r: int, s: int, x: int, y: int) -> bool:
        """SM2Verifier's answer; AssertionError unless it is a clean boolean."""
        answer = self.call("verify(bytes32,bytes32,bytes32,bytes32,bytes32)", *map(word, (e, r, s, x, y)))
        assert not answer.reverted and answer.output in (word(0), word(1)), answer
        return answer.output == word(1)

    def verify_gas(self, e: int, r: int, s: int, x: int, y: int) -> int:
        """Gas of one verification, selector and ABI included."""
        return self.call("verify(bytes32,bytes32,bytes32,bytes32,bytes32)", *map(word, (e, r, s, x, y))).gas


def committed_cases() -> list[Case]:
    """The cases of tests/vectors/sm2/verifier_cases.json."""
    return [Case(**fields) for fields in json.loads(FILE.read_text(encoding="utf-8"))["cases"]]


def published(kind: str) -> list[dict[str, Any]]:
    """The standards' own examples: tests/vectors/<kind>/published.json."""
    text = (Path(__file__).parents[2] / "vectors" / kind / "published.json").read_text(encoding="utf-8")
    vectors: list[dict[str, Any]] = json.loads(text)["vectors"]
    return vectors
