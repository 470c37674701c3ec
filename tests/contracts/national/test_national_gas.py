"""Gas and code size of the national contracts: bounds that the project promises, and the committed measurements."""

from __future__ import annotations

from typing import Any

import pytest
from crafted import solve
from direct_evm import DirectCode, committed_cases, published
from ladder_model import scalar_of
from plain_sm2 import G, multiply, word
from snapshot import compare

from contracts import artifact

SM2_BOUND = 140_000
SM3_BLOCK_BOUND = 25_000


def _example() -> tuple[int, int, int, int, int]:
    (vector,) = published("sm2")
    numbers = (vector["e"], vector["signature"][:64], vector["signature"][64:], vector["x"], vector["y"])
    e, r, s, x, y = (int(number, 16) for number in numbers)
    return e, r, s, x, y


def _dearest() -> tuple[int, int, int, int, int]:
    """A valid signature for which the ladder makes all of its 128 additions."""
    key = multiply(0xC0FFEE, G)
    assert key is not None
    s, t = scalar_of([1] * 64), scalar_of([6, *[7] * 63])
    e, r = solve(key, s, t)
    return e, r, s, *key


def _exceptional() -> tuple[int, int, int, int, int]:
    """A valid signature that takes the complete way."""
    return next(case for case in committed_cases() if case.group == "exceptional" and case.valid).numbers()


def test_verification_stays_below_its_bound_when_every_digit_counts(verifier: DirectCode) -> None:
    numbers = _dearest()
    assert verifier.verify(*numbers) is True
    assert verifier.verify_gas(*_example()) <= verifier.verify_gas(*numbers) <= SM2_BOUND


def test_a_block_stays_below_its_bound_when_hashed(hasher: DirectCode) -> None:
    one, two = (hasher.call("hash(bytes)", bytes(length)).gas for length in (55, 119))
    assert one <= SM3_BLOCK_BOUND and two - one <= SM3_BLOCK_BOUND
    assert hasher.call("compress(bytes32,bytes32,bytes32)", *[word(1)] * 3).gas <= SM3_BLOCK_BOUND


def test_gas_is_the_committed_one_when_measured(hasher: DirectCode, verifier: DirectCode) -> None:
    compare(
        {
            "SM2Verifier.verify, all digits": verifier.verify_gas(*_dearest()),
            "SM2Verifier.verify, complete way": verifier.verify_gas(*_exceptional()),
            "SM2Verifier.verify, r = 0": verifier.verify_gas(1, 0, 1, *G),
            "SM2Verifier.verify, standard example": verifier.verify_gas(*_example()),
            "SM3Hasher.compress": hasher.call("compress(bytes32,bytes32,bytes32)", *[word(1)] * 3).gas,
            "SM3Hasher.hash, 1 block": hasher.call("hash(bytes)", bytes(55)).gas,
            "SM3Hasher.hash, 2 blocks": hasher.call("hash(bytes)", bytes(119)).gas,
        }
    )


def test_gas_on_a_chain_is_that_of_the_code_when_measured(
    verifier: DirectCode, verifier_on_chain: Any, chain: Any
) -> None:
    on_chain = chain.call_gas(verifier_on_chain.functions.verify(*map(word, _example())))
    assert on_chain == verifier.verify_gas(*_example())


@pytest.mark.parametrize("name", ["SM2Verifier", "SM3Hasher"])
def test_size_is_the_committed_one_when_compiled(name: str) -> None:
    size = len(artifact(name).deployed_bytecode)
    assert size <= 24_576  # EIP-170
    compare({f"{name}, bytes of code": size})
