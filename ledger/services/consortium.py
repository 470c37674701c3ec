"""Founding a ledger: genesis, contracts with the first authorities, operator's keys, configuration and anchors.

Founding is not restartable half-way: everything is made in the folder, config.json is written last, and a folder
without it holds no ledger.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ledger.chain.contracts import Deployment, GenesisAuthority, check, deploy, genesis_hash
from ledger.chain.embedded import EmbeddedEngine, GenesisParams
from ledger.chain.engine import Engine
from ledger.chain.jsonrpc import JsonRpcEngine
from ledger.chain.relayer import Relayer
from ledger.crypto.sm2 import PublicKey
from ledger.domain.members import member_id
from ledger.errors import Conflict, Malformed
from ledger.proof.anchors import Anchors, Authority, CheckpointKey, ContractAnchor, Witness, parse_anchors
from ledger.services.config import Config, DataFolder, save_config, write_json
from ledger.services.operator_keys import OperatorKeys, create_operator_keys


@dataclass(frozen=True, slots=True)
class Founder:
    """A zone authority that exists from genesis, with the public half of its own key."""

    uscc: str
    zone: int
    zh: str
    en: str
    public: PublicKey


def open_engine(folder: DataFolder, config: Config, *, read_only: bool = False) -> Engine:
    """The engine that the configuration names. Raises EngineUnavailable or StorageUnavailable."""
    kind = config.engine.get("type")
    if kind == "embedded":
        return EmbeddedEngine.open(folder.chain, read_only=read_only)
    if kind == "jsonrpc":
        return JsonRpcEngine(config.engine["urls"])
    raise Malformed("the engine is embedded or jsonrpc", field="engine.type")


def found(
    data: Path,
    founders: Sequence[Founder],
    config: Config,
    passphrase: str,
    operator_name: str,
    witnesses: Sequence[Witness] = (),
    quorum: int = 0,
    threshold: int = 1,
) -> tuple[Config, OperatorKeys]:
    """Create a ledger in `data`, with the agencies that shall witness it and how many of them a reader shall want.

    `threshold` founders decide together about members; it is written into the contracts and changed there only.

    Raises Conflict when there is one already, and whatever deployment raises.
    """
    folder = DataFolder(data)
    if folder.exists() or folder.chain.exists():
        raise Conflict(f"{data} already holds a ledger or its remains", hint="choose an empty folder")
    data.mkdir(parents=True, exist_ok=True)
    keys = create_operator_keys(folder.keys, passphrase)
    if config.engine.get("type") == "embedded":
        genesis = GenesisParams(
            timestamp=int(time.time()),
            extra_data=secrets.token_bytes(32),  # makes this consortium's genesis hash its own
            chain_id=config.chain_id,
        )
        engine: Engine = EmbeddedEngine.open(folder.chain, genesis)
    else:
        engine = open_engine(folder, config)
    try:
        authorities = [GenesisAuthority(member_id(f.uscc), f.zone, f.public.x, f.public.y) for f in founders]
        deployment = deploy(engine, Relayer.from_secret(keys.relayer), authorities, threshold=threshold)
        check(deployment, engine)
        assert deployment.genesis == genesis_hash(engine)
    finally:
        engine.close()
    anchors = anchors_of(deployment, founders, keys, operator_name, witnesses, quorum).to_dict()
    parse_anchors(anchors)  # what no verifier could read must not become a ledger
    write_json(folder.anchors, anchors)
    complete = replace(config, deployment=deployment.to_json())
    save_config(folder, complete)
    return complete, keys


def anchors_of(
    deployment: Deployment,
    founders: Sequence[Founder],
    keys: OperatorKeys,
    operator_name: str,
    witnesses: Sequence[Witness] = (),
    quorum: int = 0,
) -> Anchors:
    """The trust anchors of a fresh ledger."""
    public = keys.checkpoint.public
    return Anchors(
        chain_id=deployment.chain_id,
        genesis=deployment.genesis,
        contracts={c.name: ContractAnchor(c.address, c.code_hash) for c in deployment.contracts},
        checkpoint_keys={public.key_id: CheckpointKey(public.key_id, public, operator_name)},
        authorities=tuple(Authority(f.zone, member_id(f.uscc), f.zh, f.en) for f in founders),
        witnesses={witness.key_id: witness for witness in witnesses},
        witness_quorum=quorum,
    )
