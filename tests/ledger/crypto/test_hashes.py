"""SM3, HMAC-SM3, Keccak-256 and the text form of digests."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from typing import Any

import plain_oracle as oracle
import pytest
from eth_utils import keccak as eth_keccak

from ledger.crypto import keccak, sm3
from ledger.crypto.digest import Digest, keccak256_text, parse_sm3, sm3_text
from ledger.errors import Malformed


def test_sm3_equals_the_published_digests(vectors: Any) -> None:
    for case in vectors("sm3/published.json")["vectors"]:
        message = bytes.fromhex(case["message"])
        assert sm3.sm3(message).hex() == case["digest"], case["desc"]
        assert oracle.sm3(message).hex() == case["digest"], case["desc"]


def test_sm3_equals_two_other_implementations_when_the_length_crosses_blocks() -> None:
    gmalg = pytest.importorskip("gmalg")
    rng = random.Random(1)
    for length in (0, 1, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000):
        message = rng.randbytes(length)
        other = gmalg.SM3()
        other.update(message)
        assert sm3.sm3(message) == oracle.sm3(message) == other.value(), length


def test_sm3_context_keeps_its_prefix_when_copied() -> None:
    context = sm3.new(b"ab")
    one, two = context.copy(), context.copy()
    one.update(b"c")
    two.update(b"d")
    assert one.digest() == sm3.sm3(b"abc") and two.digest() == sm3.sm3(b"abd")


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 200])
def test_hmac_sm3_follows_its_definition_when_the_key_is_short_or_long(length: int) -> None:
    key, data = random.Random(length).randbytes(length), b"data"
    padded = (oracle.sm3(key) if length > 64 else key).ljust(64, b"\0")
    inner = oracle.sm3(bytes(b ^ 0x36 for b in padded) + data)
    assert sm3.hmac_sm3(key, data) == oracle.sm3(bytes(b ^ 0x5C for b in padded) + inner)


@pytest.mark.parametrize("length", [0, 1, 31, 32, 135, 136, 137, 272, 5000])
def test_keccak256_equals_another_implementation_when_the_length_crosses_the_rate(length: int) -> None:
    data = random.Random(length).randbytes(length)
    assert keccak.keccak256(data) == eth_keccak(data)
    assert keccak._packaged()(data) == eth_keccak(data)


def test_keccak256_is_right_when_threads_hash_at_once() -> None:
    wrong: list[bytes] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(300):
            data = rng.randbytes(rng.randrange(300))
            if keccak.keccak256(data) != eth_keccak(data):
                wrong.append(data)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_keccak256_is_not_sha3() -> None:
    assert keccak.keccak256(b"abc").hex() == "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"


def test_keccak256_uses_the_compiled_module_so_that_the_verifier_starts_fast() -> None:
    assert keccak._compiled() is not None
    code = "import sys, ledger.crypto.keccak, ledger.crypto.sm2; print([m for m in sys.modules if m in {HEAVY}])"
    heavy = {"cffi", "dataclasses", "typing", "inspect", "json", "cryptography"}
    command = [sys.executable, "-c", code.replace("{HEAVY}", repr(heavy))]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "[]"


def test_digest_text_reads_back_as_itself() -> None:
    value = bytes(range(32))
    assert sm3_text(value) == "sm3:" + value.hex()
    assert parse_sm3(sm3_text(value)) == value
    assert Digest.parse(keccak256_text(value)) == Digest("keccak256", value)
    assert Digest("sha-256", value).text == "sha-256:" + value.hex()
    assert Digest("sm3", value) != Digest("sha-256", value)


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        b"sm3:" + b"0" * 64,
        "",
        "0" * 64,
        "sm3" + "0" * 64,
        "SM3:" + "0" * 64,
        "sm3:" + "0" * 63,
        "sm3:" + "0" * 65,
        "sm3:" + "0" * 66,
        "sm3:" + "A" * 64,
        "sm3:" + " " + "0" * 63,
        "sm3:" + "0x" + "0" * 62,
        "sm3:" + "٠" * 64,
        "sha256:" + "0" * 64,
        "md5:" + "0" * 32,
    ],
)
def test_digest_is_malformed_when_the_text_is_not_exactly_the_canonical_form(text: object) -> None:
    with pytest.raises(Malformed) as caught:
        Digest.parse(text, field="/digest")
    assert caught.value.field == "/digest"


def test_digest_is_malformed_when_another_algorithm_was_required() -> None:
    with pytest.raises(Malformed):
        parse_sm3(keccak256_text(bytes(32)))


@pytest.mark.parametrize("value", [b"", bytes(31), bytes(33), bytearray(32)])
def test_digest_is_malformed_when_it_has_not_32_bytes(value: bytes) -> None:
    with pytest.raises(Malformed):
        Digest("sm3", value)
