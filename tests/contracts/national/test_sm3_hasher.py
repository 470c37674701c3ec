"""SM3Hasher against GB/T 32905-2016, OpenSSL (hashlib) and the plain reference."""

from __future__ import annotations

import hashlib
from random import Random
from typing import Any

import plain_sm2
import pytest
from direct_evm import DirectCode, published
from plain_sm2 import IV, word


def _openssl(message: bytes) -> bytes:
    return hashlib.new("sm3", message).digest()


@pytest.mark.parametrize("vector", published("sm3"), ids=lambda vector: str(vector["desc"]))
def test_hash_is_the_published_one_when_message_is_a_standard_example(vector: Any, hasher_on_chain: Any) -> None:
    digest = hasher_on_chain.functions.hash(bytes.fromhex(vector["message"])).call()
    assert digest.hex() == vector["digest"]


def test_hash_equals_two_other_implementations_when_length_runs_from_0_to_200(hasher: DirectCode) -> None:
    text = Random(1).randbytes(200)
    for length in range(201):
        message = text[:length]
        digest = hasher.call("hash(bytes)", message).output
        assert digest == _openssl(message) == plain_sm2.sm3(message), length


@pytest.mark.parametrize("fill", [b"\x00", b"\xff", b"\x80"])
def test_hash_equals_openssl_when_message_looks_like_padding(fill: bytes, hasher: DirectCode) -> None:
    for length in (1, 31, 32, 33, 55, 56, 63, 64, 65, 119, 120):
        assert hasher.call("hash(bytes)", fill * length).output == _openssl(fill * length), length


def test_hash_equals_openssl_when_message_is_long(hasher_on_chain: Any) -> None:
    message = Random(2).randbytes(4099)
    assert hasher_on_chain.functions.hash(message).call() == _openssl(message)


def test_hash_ignores_what_stands_behind_the_message_when_calldata_is_longer(hasher: DirectCode) -> None:
    selector = bytes.fromhex("aa1e84de")
    for length in (0, 1, 31, 33, 55, 56, 63):
        data = selector + word(32) + word(length) + bytes(length) + b"\xff" * 96
        assert hasher.raw(data).output == _openssl(bytes(length)), length


def test_hash_differs_when_one_bit_differs(hasher: DirectCode) -> None:
    message = bytearray(Random(3).randbytes(70))
    before = hasher.call("hash(bytes)", bytes(message)).output
    for position in (0, 31, 32, 63, 64, 69):
        message[position] ^= 1
        assert hasher.call("hash(bytes)", bytes(message)).output != before
        message[position] ^= 1


def test_compress_equals_the_reference_when_state_and_block_are_random(hasher: DirectCode) -> None:
    random = Random(4)
    extremes = [(bytes(32), bytes(64)), (b"\xff" * 32, b"\xff" * 64), (IV, bytes(64))]
    for state, block in [*extremes, *((random.randbytes(32), random.randbytes(64)) for _ in range(20))]:
        got = hasher.call("compress(bytes32,bytes32,bytes32)", state, block[:32], block[32:]).output
        assert got == plain_sm2.compress(state, block)


def test_compress_chains_to_the_hash_when_the_caller_pads(hasher_on_chain: Any) -> None:
    message = Random(5).randbytes(119)
    padded = message + b"\x80" + (8 * 119).to_bytes(8, "big")
    state = IV
    for i in range(0, 128, 64):
        state = hasher_on_chain.functions.compress(state, padded[i : i + 32], padded[i + 32 : i + 64]).call()
    assert state == _openssl(message)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes.fromhex("aa1e84de"),
        bytes.fromhex("aa1e84de") + word(32) + word(1),
        bytes.fromhex("aa1e84de") + word(2**255) + word(0),
        bytes.fromhex("aa1e84de") + word(32) + word(2**256 - 1) + bytes(64),
        bytes.fromhex("00000000") + word(32) + word(0),
    ],
    ids=["empty", "no argument", "one byte short", "offset", "length", "selector"],
)
def test_call_reverts_when_calldata_is_malformed(data: bytes, hasher: DirectCode) -> None:
    assert hasher.raw(data).reverted
