"""SM2Verifier: the standard's example, crafted and random cases, cross-checked with independent implementations.

The judges: plain integers (plain_sm2), OpenSSL (through ledger.crypto), GmSSL (gmssl-pyx) and gmalg.
"""

from __future__ import annotations

from random import Random
from typing import Any

import gmalg
import pytest
from crafted import FILE as CRAFTED
from crafted import Case, document
from direct_evm import DirectCode, committed_cases, published
from eth_utils import function_signature_to_4byte_selector
from plain_sm2 import G, N, P, multiply, on_curve, sign, verify, word, z
from plain_sm2 import sm3 as plain_sm3

from contracts import artifact
from ledger.crypto.sm2 import PrivateKey, PublicKey, der_to_raw, raw_to_der
from ledger.errors import BadKey, SignatureRejected

CASES = committed_cases()
GROUPS = sorted({case.group for case in CASES})


def _halves(raw: bytes) -> tuple[int, int]:
    return int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")


def _published() -> tuple[int, int, int, int, int]:
    (vector,) = published("sm2")
    return (
        int(vector["e"], 16),
        *_halves(bytes.fromhex(vector["signature"])),
        int(vector["x"], 16),
        int(vector["y"], 16),
    )


def test_example_is_accepted_when_it_is_the_standard_one(verifier_on_chain: Any) -> None:
    (vector,) = published("sm2")
    e, r, s, x, y = _published()
    assert z((x, y)).hex() == vector["z"]
    assert plain_sm3(z((x, y)) + bytes.fromhex(vector["message"])) == word(e)
    assert verifier_on_chain.functions.verify(*map(word, (e, r, s, x, y))).call() is True


@pytest.mark.parametrize("changed", range(5), ids="ersxy")
def test_example_is_rejected_when_one_bit_of_it_is_flipped(changed: int, verifier_on_chain: Any) -> None:
    for bit in (0, 100, 255):
        numbers = list(_published())
        numbers[changed] ^= 1 << bit
        assert verifier_on_chain.functions.verify(*map(word, numbers)).call() is False


def test_crafted_cases_are_those_of_their_generator_when_made_again() -> None:
    assert CRAFTED.read_text(encoding="utf-8") == document()


@pytest.mark.parametrize("group", GROUPS)
def test_answer_is_right_when_the_case_is_crafted(group: str, verifier: DirectCode) -> None:
    wrong = [case.desc for case in CASES if case.group == group and verifier.verify(*case.numbers()) is not case.valid]
    assert wrong == []


def test_answer_is_right_when_called_on_a_chain(verifier_on_chain: Any) -> None:
    for group in GROUPS:
        for valid in (True, False):
            some = [case for case in CASES if case.group == group and case.valid is valid][:2]
            for case in some:
                got = verifier_on_chain.functions.verify(*map(word, case.numbers())).call()
                assert got is valid, case.desc


def _openssl_accepts(case: Case) -> bool:
    e, r, s, x, y = case.numbers()
    try:
        PublicKey(x, y).verify_digest(word(e), word(r) + word(s))
    except (BadKey, SignatureRejected):
        return False
    return True


def test_openssl_agrees_when_the_case_is_crafted() -> None:
    # OpenSSL takes e as a digest of 32 bytes; an e of n or more counts modulo n there as well.
    assert [case.desc for case in CASES if _openssl_accepts(case) is not case.valid] == []


def test_gmssl_agrees_when_the_case_is_crafted_and_the_key_is_a_point() -> None:
    gmssl_pyx = pytest.importorskip("gmssl_pyx", reason="gmssl-pyx has wheels for Linux on x86-64 only")
    checked, wrong = 0, []
    for case in CASES:
        e, r, s, x, y = case.numbers()
        # What GmSSL's interface cannot be given: keys that are no points, and DER of a zero or too large number.
        if not (on_curve(x, y) and 0 < r < N and 0 < s < N):
            continue
        # GmSSL 3 takes the abscissa of O for 0, so it accepts e = r there; the standard knows no such abscissa.
        if case.group == "infinity" and e == r:
            continue
        checked += 1
        got = gmssl_pyx.sm2_verify_sm3_digest(word(x) + word(y), word(e), raw_to_der(word(r) + word(s)))
        if bool(got) is not case.valid:
            wrong.append(case.desc)
    assert checked > 100 and wrong == []


def test_random_signatures_are_judged_as_by_integers_when_bits_are_flipped(verifier: DirectCode) -> None:
    random = Random(7)
    for _ in range(12):
        d, e = random.randrange(1, N - 1), random.getrandbits(256)
        r, s = sign(e, d, random.randrange(1, N))
        key = multiply(d, G)
        assert key is not None
        numbers = [e, r, s, *key]
        assert verifier.verify(*numbers) is True
        numbers[random.randrange(5)] ^= 1 << random.randrange(256)
        assert verifier.verify(*numbers) is verify(*numbers) is False


def test_signature_is_accepted_when_openssl_made_it(verifier: DirectCode) -> None:
    for user_id in (b"1234567812345678", b"ALICE123@YAHOO.COM"):
        private = PrivateKey.generate()
        key = private.public
        message = b"lot 6901234567892/L1, " + user_id
        e = int.from_bytes(plain_sm3(z((key.x, key.y), user_id) + message), "big")
        r, s = _halves(private.sign(message, user_id))
        assert verifier.verify(e, r, s, key.x, key.y) is True
        assert verifier.verify(e ^ 1, r, s, key.x, key.y) is False


def test_signature_is_accepted_when_gmssl_made_it(verifier: DirectCode) -> None:
    gmssl_pyx = pytest.importorskip("gmssl_pyx", reason="gmssl-pyx has wheels for Linux on x86-64 only")
    for _ in range(3):
        public, private = gmssl_pyx.sm2_key_generate()
        x, y = _halves(public)
        e = Random(8).randbytes(32)
        r, s = _halves(der_to_raw(gmssl_pyx.sm2_sign_sm3_digest(private, e)))
        assert verifier.verify(int.from_bytes(e, "big"), r, s, x, y) is True
        assert verifier.verify(int.from_bytes(e, "big"), r, s, x, P - y) is False


def test_signature_is_accepted_when_gmalg_made_it(verifier: DirectCode) -> None:
    private = word(Random(9).randrange(1, N - 1))
    signer = gmalg.SM2(private, b"1234567812345678")
    x, y = _halves(signer.generate_pk(private)[1:])
    r, s = (int.from_bytes(part, "big") for part in signer.sign(b"waybill"))
    e = int.from_bytes(plain_sm3(z((x, y)) + b"waybill"), "big")
    assert verifier.verify(e, r, s, x, y) is True
    assert verifier.verify(e, s, r, x, y) is False


@pytest.mark.parametrize("length", [0, 3, 4, 4 + 32, 4 + 159])
def test_call_reverts_when_calldata_is_too_short(length: int, verifier: DirectCode) -> None:
    selector = bytes.fromhex("11ef4b81")
    assert verifier.raw((selector + b"".join(map(word, _published())))[:length]).reverted


def test_call_reverts_when_value_is_sent(verifier_on_chain: Any, chain: Any) -> None:
    data = verifier_on_chain.encode_abi("verify", [word(n) for n in _published()])
    transaction = {"to": verifier_on_chain.address, "data": data, "value": 1, "gas": 500_000}
    assert chain.receipt(chain.w3.eth.send_transaction(transaction))["status"] == 0


def test_call_reverts_when_the_chain_has_no_modexp(verifier: DirectCode, monkeypatch: pytest.MonkeyPatch) -> None:
    computation = verifier._vm.state.computation_class
    rest = {address: code for address, code in computation._precompiles.items() if address[-1] != 5}
    monkeypatch.setattr(computation, "_precompiles", rest)
    answer = verifier.call("verify(bytes32,bytes32,bytes32,bytes32,bytes32)", *map(word, _published()))
    assert answer.reverted
    assert answer.output == function_signature_to_4byte_selector("ModExpUnavailable()")


@pytest.mark.parametrize("name", ["SM2Verifier", "SM3Hasher"])
def test_code_reaches_no_state_when_disassembled(name: str) -> None:
    code, used, i = artifact(name).deployed_bytecode, set(), 0
    while i < len(code):
        used.add(code[i])
        i += code[i] - 0x5E if 0x60 <= code[i] <= 0x7F else 1
    state = {"SLOAD": 0x54, "SSTORE": 0x55, "CREATE": 0xF0, "CALL": 0xF1, "CALLCODE": 0xF2, "DELEGATECALL": 0xF4}
    forbidden = {**state, "CREATE2": 0xF5, "SELFDESTRUCT": 0xFF, "PUSH0": 0x5F, "MCOPY": 0x5E, "TLOAD": 0x5C}
    assert {mnemonic for mnemonic, opcode in forbidden.items() if opcode in used} == set()
    assert (0xFA in used) is (name == "SM2Verifier")  # STATICCALL, of ModExp
