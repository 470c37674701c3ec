"""The ledger's contracts as pages: code on the chain against code of this release, and accounts in general."""

from __future__ import annotations

from typing import Any

import contracts
from ledger.chain.abi import Abi
from ledger.crypto.keccak import keccak256
from ledger.domain import action as act
from ledger.errors import NotFound, VerificationFailed
from ledger.services.explorer import contract_code
from ledger.services.explorer.access import Access
from ledger.services.explorer.state_views import (
    AccountPage,
    ContractLine,
    ContractList,
    ContractPage,
    Immutable,
    SourceFile,
    StorageEntry,
)
from ledger.services.explorer.transactions import contract_at
from ledger.services.explorer.views import Check, Request
from ledger.services.explorer.wording import Name


def contract_list(access: Access) -> ContractList:
    """All contracts of the deployment, each compared now."""
    head, deployment = access.head(), access.chain.deployment
    return ContractList(
        head=head,
        chain_id=deployment.chain_id,
        genesis="0x" + deployment.genesis.hex(),
        items=tuple(_compared(access, c.name, head)[0] for c in deployment.contracts),
        commands=contract_code.COMMANDS,
        requests=tuple(_code_request(c.name, c.address, head, f"code-{c.name}") for c in deployment.contracts),
    )


def _compared(access: Access, name: str, head: int) -> tuple[ContractLine, tuple[Immutable, ...]]:
    deployment = access.chain.deployment
    address = deployment.address(name)
    code = access.code(address, head)
    domain = act.domain(deployment.chain_id, deployment.address("Submissions"))
    known = {bytes(12) + c.address: c.name for c in deployment.contracts} | {domain: "DOMAIN"}
    immutables: tuple[Immutable, ...] = ()
    problem = ""
    try:
        immutables = contract_code.verify_code(name, code, known).immutables
        if keccak256(code) != deployment[name].code_hash:
            raise VerificationFailed(f"the code of {name} is not the one recorded at deployment", step="code-hash")
    except VerificationFailed as error:
        problem = error.message
    line = ContractLine(
        name, "0x" + address.hex(), f"keccak256:{keccak256(code).hex()}", len(code), not problem, problem
    )
    return line, immutables


def contract_page(access: Access, name: str) -> ContractPage:
    """One contract by its name. Raises NotFound."""
    _known(access, name)
    head, deployed, artifact = access.head(), access.chain.deployment[name], contracts.artifact(name)
    line, immutables = _compared(access, name, head)
    proven = access.state(deployed.address, [], head, name).account.code_hash
    abi = Abi(artifact.abi)
    recomputed = contract_code.recomputed_source_hash(name)
    checks = [
        Check(
            "artifact",
            line.verified,
            Name(
                "链上代码与随附的编译产物逐字节相同（不可变量除外）",
                "The code on chain is the artifact's, byte for byte but for the immutables",
            ),
            line.problem or f"{line.code_bytes} bytes",
            f"{len(artifact.deployed_bytecode)} bytes",
        ),
        _check("recorded", "链上代码的哈希与部署时记录的一致", "The hash of the code on chain is the one recorded at "
               "deployment", line.code_hash, f"keccak256:{deployed.code_hash.hex()}"),
        _check("state", "状态证明中的代码哈希与链上代码一致", "The code hash proven from the state is that of the code",
               line.code_hash, f"keccak256:{proven.hex()}"),
    ]  # fmt: skip
    if recomputed is not None:
        checks.append(
            _check("sources", "由本版本源文件重算的源码哈希与编译产物所记一致", 
                   "The hash recomputed over the sources is the artifact's", recomputed, artifact.source_hash)
        )  # fmt: skip
    return ContractPage(
        line=line,
        recorded_code_hash=f"keccak256:{deployed.code_hash.hex()}",
        artifact_code_hash=f"keccak256:{keccak256(artifact.deployed_bytecode).hex()}",
        proven_at=head,
        immutables=immutables,
        compiler=f"{artifact.compiler['name']} {artifact.compiler['version']}",
        settings=artifact.compiler["settings"],
        source=artifact.source,
        source_hash=artifact.source_hash,
        recomputed_source_hash=recomputed,
        sources=contract_code.sources(name),
        storage=_storage(artifact.storage_layout),
        functions=tuple(sorted(f.text for f in abi.functions.values())),
        events=tuple(sorted(e.text for e in abi.events.values())),
        errors=tuple(sorted(e.text for e in abi.errors.values())),
        abi=tuple(artifact.abi),
        commands=contract_code.COMMANDS,
        checks=tuple(checks),
        requests=(
            _code_request(name, deployed.address, head, "code"),
            Request(
                "state",
                "eth_getProof",
                ("0x" + deployed.address.hex(), [], hex(head)),
                Name("账户（含代码哈希）的状态证明", "proof of the account, its code hash included"),
            ),
        ),
    )


def contract_source(access: Access, name: str, path: str) -> SourceFile:
    """One source file of a contract. Raises NotFound."""
    _known(access, name)
    return contract_code.source(name, path)


def account_page(access: Access, address: bytes) -> AccountPage:
    """An account in the head's state. Raises NotFound when there is none."""
    head = access.head()
    state = access.state(address, [], head, contract_at(access, address) or "")
    return AccountPage(
        address="0x" + address.hex(),
        contract=contract_at(access, address),
        has_code=state.account.code_hash != keccak256(b""),
        nonce=state.account.nonce,
        balance=str(state.account.balance),
        code_hash="0x" + state.account.code_hash.hex(),
        storage_root="0x" + state.account.storage_root.hex(),
        proof=state.proof,
        requests=(
            Request(
                "state",
                "eth_getProof",
                ("0x" + address.hex(), [], hex(head)),
                Name("账户的状态证明", "proof of the account's state"),
            ),
        ),
    )


def _known(access: Access, name: str) -> None:
    names = [c.name for c in access.chain.deployment.contracts]
    if name not in names:
        raise NotFound("this ledger has no contract of this name", field="/name", hint="one of " + ", ".join(names))


def _code_request(name: str, address: bytes, head: int, id: str) -> Request:
    return Request(
        id, "eth_getCode", ("0x" + address.hex(), hex(head)), Name(f"{name} 的链上代码", f"the code of {name} on chain")
    )


def _check(id: str, zh: str, en: str, found: str, expected: str) -> Check:
    return Check(id, found == expected, Name(zh, en), found, expected)


def _storage(layout: dict[str, Any]) -> tuple[StorageEntry, ...]:
    types = layout.get("types") or {}
    return tuple(
        StorageEntry(e["label"], e["slot"], e["offset"], types.get(e["type"], {}).get("label", e["type"]))
        for e in layout.get("storage", ())
    )
