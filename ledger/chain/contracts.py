"""Deploying the ledger's contracts, and checking that what answers at their addresses is the committed code.

Order: SM3Hasher, SM2Verifier, Members, Lots, Trades, Submissions. The parts are built with the address that
Submissions is going to have, so nobody ever holds a right to wire them; Submissions' constructor checks the wiring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils import keccak

import contracts
from ledger.chain.abi import Abi, encode
from ledger.chain.engine import Engine
from ledger.chain.relayer import Relayer, SignedTransaction
from ledger.chain.reverts import decode_revert, reverted
from ledger.chain.sending import Receipt, send, transaction_count, wait
from ledger.errors import (
    EngineUnavailable,
    Malformed,
    RevertedOnChain,
    RpcError,
    Unavailable,
    VerificationFailed,
)

ORDER = ("SM3Hasher", "SM2Verifier", "Members", "Lots", "Trades", "Submissions")
DEPLOY_GAS = 7_000_000  # the largest (Members and Submissions, 10 kB each) need under 4 million
DEPLOY_TIMEOUT = 120.0  # seconds for each receipt on a remote chain


@dataclass(frozen=True, slots=True)
class GenesisAuthority:
    """An authority that exists from construction: member id (32 bytes), zone, SM2 public key."""

    member_id: bytes
    zone: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class DeployedContract:
    """One contract: its address (20 bytes) and keccak256 of the code there."""

    name: str
    address: bytes
    code_hash: bytes


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the ledger's contracts are: chain, first block to read events from, and the contracts in ORDER."""

    chain_id: int
    genesis: bytes
    block: int
    contracts: tuple[DeployedContract, ...]

    def __getitem__(self, name: str) -> DeployedContract:
        for contract in self.contracts:
            if contract.name == name:
                return contract
        raise KeyError(name)

    def address(self, name: str) -> bytes:
        """The address of contract `name`, 20 bytes."""
        return self[name].address

    def to_json(self) -> dict[str, Any]:
        """JSON form; `contracts` is also the member of that name in an anchors file."""
        return {
            "chainId": self.chain_id,
            "genesis": "0x" + self.genesis.hex(),
            "block": self.block,
            "contracts": {
                c.name: {"address": "0x" + c.address.hex(), "codeHash": "keccak256:" + c.code_hash.hex()}
                for c in self.contracts
            },
        }

    @classmethod
    def from_json(cls, raw: Any) -> Deployment:
        """The inverse of `to_json`; raises Malformed."""
        try:
            found = []
            for name, entry in raw["contracts"].items():
                algorithm, _, digest = entry["codeHash"].partition(":")
                address, code_hash = bytes.fromhex(entry["address"].removeprefix("0x")), bytes.fromhex(digest)
                if algorithm != "keccak256" or len(address) != 20 or len(code_hash) != 32:
                    raise ValueError(f"contract {name}")
                found.append(DeployedContract(str(name), address, code_hash))
            genesis = bytes.fromhex(raw["genesis"].removeprefix("0x"))
            if len(genesis) != 32:
                raise ValueError("genesis")
            return cls(int(raw["chainId"]), genesis, int(raw["block"]), tuple(found))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Malformed(f"not a deployment: {error}", field="contracts") from error


def genesis_hash(engine: Engine) -> bytes:
    """Hash of the engine's block 0."""
    block = engine.request("eth_getBlockByNumber", ["0x0", False])
    try:
        return bytes.fromhex(block["hash"][2:])
    except (KeyError, TypeError, ValueError) as error:
        raise EngineUnavailable("the engine has no block 0") from error


def deploy(
    engine: Engine,
    relayer: Relayer,
    authorities: Sequence[GenesisAuthority],
    *,
    threshold: int = 1,
    gas_price: int = 0,
) -> Deployment:
    """Deploy all contracts from `relayer` and check them; `threshold` authorities are to decide together.

    A crash half-way leaves unused contracts behind and nothing else; deploy again. Raises RevertedOnChain when a
    constructor refuses (bad authority key, no authority, a threshold above their number), Unavailable when the chain
    cannot take it.
    """
    nonce = transaction_count(engine, relayer.address)
    addresses = {name: relayer.creates(nonce + i) for i, name in enumerate(ORDER)}
    arguments: dict[str, list[Any]] = {
        "Members": [
            addresses["Submissions"],
            addresses["SM3Hasher"],
            [(a.member_id, a.zone, a.x, a.y) for a in authorities],
            threshold,
        ],
        "Lots": [addresses["Submissions"]],
        "Trades": [addresses["Submissions"]],
        "Submissions": [addresses[name] for name in ORDER[:-1]],
    }
    codes = [creation_code(name, arguments.get(name, [])) for name in ORDER]
    signed = [
        relayer.sign(nonce=nonce + i, to=b"", data=code, gas=DEPLOY_GAS, gas_price=gas_price, chain_id=engine.chain_id)
        for i, code in enumerate(codes)
    ]
    first = _send_all(engine, relayer, signed, codes)
    deployment = Deployment(
        engine.chain_id,
        genesis_hash(engine),
        first.block,
        tuple(
            DeployedContract(name, addresses[name], keccak(_code(engine, addresses[name], "latest"))) for name in ORDER
        ),
    )
    check(deployment, engine)
    return deployment


def creation_code(name: str, arguments: Sequence[Any]) -> bytes:
    """Creation bytecode of artifact `name` with its constructor's arguments; raises Malformed when they do not fit."""
    artifact = contracts.artifact(name)
    return artifact.bytecode + encode(Abi(artifact.abi).constructor, arguments)


def _send_all(engine: Engine, relayer: Relayer, signed: Sequence[SignedTransaction], codes: list[bytes]) -> Receipt:
    """Send the creations in order, as one block where the engine can; returns the first receipt."""
    results = send(engine, [tx.raw for tx in signed])
    receipts = []
    for name, tx, code, result in zip(ORDER, signed, codes, results, strict=True):
        if result.error is not None:
            raise EngineUnavailable(f"the engine refused the deployment of {name}: {result.error.message}")
        found = wait(engine, tx.hash, DEPLOY_TIMEOUT)
        if found is None:
            raise Unavailable(f"no receipt for the deployment of {name} in {DEPLOY_TIMEOUT:.0f} s", retry_after=5.0)
        if not found.success:
            raise _why(engine, relayer, code)
        receipts.append(found)
    return receipts[0]


def _why(engine: Engine, relayer: Relayer, code: bytes) -> RevertedOnChain:
    call = {"from": "0x" + relayer.address.hex(), "data": "0x" + code.hex(), "gas": hex(DEPLOY_GAS)}
    try:
        engine.request("eth_call", [call, "latest"])
    except RpcError as error:
        return reverted(error) or decode_revert(b"")
    return decode_revert(b"")


@dataclass(frozen=True, slots=True)
class CheckedDeployment:
    """What `check` looked at: (contract name, keccak256 of its code) of each."""

    code_hashes: tuple[tuple[str, bytes], ...]


def check(deployment: Deployment, engine: Engine) -> CheckedDeployment:
    """Refuse a chain or a contract that is not what the deployment says and this release was built with.

    1. chain id and genesis; 2. all contracts are named; 3. the code at each address has the recorded hash; 4. it is
    the artifact's code, with immutables (the only bytes a constructor may set) masked; 5. Submissions points at the
    others. Raises VerificationFailed.
    """
    if engine.chain_id != deployment.chain_id or genesis_hash(engine) != deployment.genesis:
        raise VerificationFailed("the engine runs another chain than the contracts were deployed on", step="chain")
    if {c.name for c in deployment.contracts} != set(ORDER):
        raise VerificationFailed("the deployment does not name every contract", step="contracts")
    seen = []
    for contract in deployment.contracts:
        code = _code(engine, contract.address, "latest")
        digest = bytes(keccak(code))
        if digest != contract.code_hash:
            raise VerificationFailed(f"the code of {contract.name} is not the recorded one", step="code-hash")
        _check_artifact(contract.name, code)
        seen.append((contract.name, digest))
    abi = Abi(contracts.artifact("Submissions").abi)
    for getter in ("hasher", "verifier", "members", "lots", "trades"):
        name = {"hasher": "SM3Hasher", "verifier": "SM2Verifier"}.get(getter, getter.capitalize())
        call = {
            "to": "0x" + deployment.address("Submissions").hex(),
            "data": "0x" + abi.encode_call(getter, []).hex(),
        }
        answer = engine.request("eth_call", [call, "latest"])
        if abi.decode_result(getter, bytes.fromhex(answer[2:])) != "0x" + deployment.address(name).hex():
            raise VerificationFailed(f"Submissions does not point at this {name}", step="wiring")
    return CheckedDeployment(tuple(seen))


def _check_artifact(name: str, code: bytes) -> None:
    artifact = contracts.artifact(name)
    expected, found = bytearray(artifact.deployed_bytecode), bytearray(code)
    if len(expected) != len(found):
        raise VerificationFailed(f"the code of {name} is not the one of this release", step="artifact")
    for places in artifact.immutable_references.values():
        for place in places:
            start, end = place["start"], place["start"] + place["length"]
            expected[start:end] = found[start:end] = bytes(place["length"])
    if expected != found:
        raise VerificationFailed(f"the code of {name} is not the one of this release", step="artifact")


def _code(engine: Engine, address: bytes, block: str) -> bytes:
    return bytes.fromhex(str(engine.request("eth_getCode", ["0x" + address.hex(), block]))[2:])
