"""Deployment and its check: refuses any chain, address or code that is not what was deployed and committed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chain_world import AUTHORITIES, RELAYER, Ledger, open_embedded
from eth_utils import keccak

from contracts import artifact
from ledger.chain.contracts import DeployedContract, Deployment, GenesisAuthority, check, creation_code, deploy
from ledger.chain.sending import transaction_count
from ledger.errors import Malformed, RevertedOnChain, VerificationFailed


def put(deployment: Deployment, name: str, **change: Any) -> Deployment:
    return replace(
        deployment, contracts=tuple(replace(c, **change) if c.name == name else c for c in deployment.contracts)
    )


def deploy_code(ledger: Ledger, runtime: bytes) -> bytes:
    """Put any runtime code on the chain: PUSH2 size, DUP1, PUSH1 12, PUSH1 0, CODECOPY, PUSH1 0, RETURN."""
    size = len(runtime).to_bytes(2, "big")
    creation = b"\x61" + size + b"\x80\x60\x0c\x60\x00\x39\x60\x00\xf3" + runtime
    nonce = transaction_count(ledger.engine, RELAYER.address)
    tx = RELAYER.sign(nonce=nonce, to=b"", data=creation, gas=10_000_000, gas_price=0, chain_id=ledger.engine.chain_id)
    assert ledger.engine.seal([tx.raw])[0].success
    return RELAYER.creates(nonce)


def test_contracts_know_each_other_and_the_authority(embedded: Ledger) -> None:
    gateway = embedded.gateway()
    submissions = "0x" + embedded.deployment.address("Submissions").hex()
    for part in ("Members", "Lots", "Trades"):
        assert gateway.call(part, "submissions") == submissions
    key = gateway.call("Members", "key", gateway.call("Members", "member", AUTHORITIES[0].member_id)["latestKeyId"])
    assert (key["x"], key["y"]) == (AUTHORITIES[0].x, AUTHORITIES[0].y)


def test_deployment_is_one_block_on_the_embedded_engine(embedded: Ledger) -> None:
    assert embedded.deployment.block == 1
    assert embedded.engine.request("eth_blockNumber") == "0x1"


def test_second_deployment_gets_its_own_addresses(embedded: Ledger) -> None:
    again = deploy(embedded.engine, RELAYER, AUTHORITIES)
    assert not {c.address for c in again.contracts} & {c.address for c in embedded.deployment.contracts}
    check(again, embedded.engine)
    mixed = put(embedded.deployment, "Lots", address=again.address("Lots"), code_hash=again["Lots"].code_hash)
    with pytest.raises(VerificationFailed) as caught:
        check(mixed, embedded.engine)
    assert caught.value.step == "wiring"


@pytest.mark.parametrize(
    ("authorities", "error"),
    [
        ([], "MembersNoAuthorities"),
        ([replace(AUTHORITIES[0], y=AUTHORITIES[0].y ^ 1)], "MembersBadKey"),
        ([replace(AUTHORITIES[0], zone=99)], "MembersUnknownZone"),
        ([AUTHORITIES[0], AUTHORITIES[0]], "MembersAlreadyAdmitted"),
    ],
)
def test_bad_authorities_are_refused_by_the_constructor(
    tmp_path: Path, authorities: list[GenesisAuthority], error: str
) -> None:
    with open_embedded(tmp_path) as engine, pytest.raises(RevertedOnChain) as caught:
        deploy(engine, RELAYER, authorities)
    assert caught.value.error == error


def test_authority_that_does_not_fit_its_type_is_malformed(tmp_path: Path) -> None:
    with open_embedded(tmp_path) as engine, pytest.raises(Malformed):
        deploy(engine, RELAYER, [replace(AUTHORITIES[0], zone=256)])
    with pytest.raises(Malformed):
        creation_code("Lots", ["0x12"])


def test_check_refuses_another_chain(embedded: Ledger) -> None:
    for change in ({"chain_id": 1}, {"genesis": bytes(32)}):
        with pytest.raises(VerificationFailed) as caught:
            check(replace(embedded.deployment, **change), embedded.engine)
        assert caught.value.step == "chain"


def test_check_refuses_a_missing_or_extra_contract(embedded: Ledger) -> None:
    some = embedded.deployment.contracts
    for changed in (some[:-1], (*some, replace(some[0], name="Backdoor"))):
        with pytest.raises(VerificationFailed) as caught:
            check(replace(embedded.deployment, contracts=changed), embedded.engine)
        assert caught.value.step == "contracts"


@pytest.mark.parametrize("name", ["SM3Hasher", "SM2Verifier", "Members", "Lots", "Trades", "Submissions"])
def test_check_refuses_another_code_hash_or_address(embedded: Ledger, name: str) -> None:
    for change in ({"code_hash": bytes(32)}, {"address": b"\x09" * 20}):
        with pytest.raises(VerificationFailed) as caught:
            check(put(embedded.deployment, name, **change), embedded.engine)
        assert caught.value.step == "code-hash"


def test_check_refuses_code_that_differs_from_the_artifact(embedded: Ledger) -> None:
    code = bytearray(artifact("SM2Verifier").deployed_bytecode)
    for changed in (bytes(code[:-1] + b"\x00"), bytes(code) + b"\x00", bytes([code[0] ^ 1]) + bytes(code[1:]), b"\x00"):
        address = deploy_code(embedded, changed)
        forged = put(embedded.deployment, "SM2Verifier", address=address, code_hash=keccak(changed))
        with pytest.raises(VerificationFailed) as caught:
            check(forged, embedded.engine)
        assert caught.value.step == "artifact"


def test_check_lets_immutables_differ_and_nothing_beside_them(embedded: Ledger) -> None:
    code = bytearray(
        bytes.fromhex(embedded.engine.request("eth_getCode", ["0x" + embedded.deployment.address("Lots").hex()])[2:])
    )
    references = artifact("Lots").immutable_references
    place = next(iter(references.values()))[0]["start"]
    inside, beside = bytearray(code), bytearray(code)
    inside[place + 31] ^= 1
    beside[place + 32] ^= 1
    for changed, step in ((inside, "wiring"), (beside, "artifact")):
        address = deploy_code(embedded, bytes(changed))
        forged = put(embedded.deployment, "Lots", address=address, code_hash=keccak(bytes(changed)))
        with pytest.raises(VerificationFailed) as caught:
            check(forged, embedded.engine)
        assert caught.value.step == step


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: None,
        lambda raw: [],
        lambda raw: {**raw, "chainId": "x"},
        lambda raw: {**raw, "genesis": "0x12"},
        lambda raw: {**raw, "contracts": {"Lots": {"address": "0x12", "codeHash": "keccak256:" + "00" * 32}}},
        lambda raw: {**raw, "contracts": {"Lots": {"address": "0x" + "00" * 20, "codeHash": "sm3:" + "00" * 32}}},
        lambda raw: {**raw, "contracts": {"Lots": {}}},
        lambda raw: {k: v for k, v in raw.items() if k != "block"},
    ],
)
def test_damaged_deployment_file_is_malformed(embedded: Ledger, damage: Any) -> None:
    with pytest.raises(Malformed):
        Deployment.from_json(damage(embedded.deployment.to_json()))


def test_unknown_contract_is_a_key_error(embedded: Ledger) -> None:
    with pytest.raises(KeyError):
        embedded.deployment["Nothing"]
    assert isinstance(embedded.deployment["Lots"], DeployedContract)
