"""What the chain tests share: keys, valid signed submissions, engines (embedded and anvil), a deployed ledger."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_utils import keccak

from ledger.chain.contracts import Deployment, GenesisAuthority
from ledger.chain.embedded import EmbeddedEngine, GenesisParams
from ledger.chain.engine import Engine
from ledger.chain.gateway import Gateway
from ledger.chain.jsonrpc import JsonRpcEngine
from ledger.chain.relayer import Relayer
from ledger.crypto.sm2 import PrivateKey
from ledger.domain.action import Action, Meta, domain, encode_submit_calldata, message, submission_id
from ledger.vault.engine import open_engine

REPOSITORY = Path(__file__).resolve().parents[3]
CHAIN_ID = 20250
GENESIS = GenesisParams(timestamp=1_700_000_000, extra_data=b"chain tests", chain_id=CHAIN_ID)
RELAYER = Relayer.from_secret(b"\x11" * 32)
AUTHORITY = PrivateKey.from_scalar(0x1234567890ABCDEF)
MEMBER = hashlib.sha256(b"authority of zone 6").digest()
AUTHORITIES = [GenesisAuthority(MEMBER, 6, AUTHORITY.public.x, AUTHORITY.public.y)]

ENGINES = ("embedded", "anvil")


@dataclass(frozen=True)
class Submission:
    """A signed submission ready to be queued."""

    id: bytes
    nonce: int
    root: bytes
    calldata: bytes


def submission(deployment: Deployment, nonce: int, *, expiry: int | None = None, signer: Any = AUTHORITY) -> Submission:
    """A valid submission of one record without lots or operations, signed by the authority."""
    root = hashlib.sha256(b"record %d" % nonce).digest()
    action = Action(root, 1, (), ())
    meta = Meta(nonce, int(time.time()) + 86_400 if expiry is None else expiry, 1)
    place = domain(deployment.chain_id, deployment.address("Submissions"))
    signature = signer.sign(message(place, action.digest, meta))
    key = AUTHORITY.public.key_id
    calldata = encode_submit_calldata(key, action, meta, signature[:32], signature[32:])
    return Submission(submission_id(key, nonce, action.digest), nonce, root, calldata)


def binary(name: str) -> str:
    """The path of a Foundry tool from the top-level package.json, or a skipped test."""
    found = sorted(REPOSITORY.glob(f"node_modules/@foundry-rs/{name}-*/bin/{name}"))
    path = shutil.which(name) or (str(found[0]) if found else None)
    if path is None:
        pytest.skip(f"{name} is not installed (make node)")
    return path


class Anvil:
    """A disposable node in a child process."""

    def __init__(self, *arguments: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        fixed = ["--chain-id", str(CHAIN_ID), "--hardfork", "shanghai", "--base-fee", "0", "--gas-price", "0"]
        self._process = subprocess.Popen(
            [binary("anvil"), "--port", str(self.port), "--silent", "--accounts", "1", *fixed, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.01)
        raise RuntimeError("anvil did not start")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class FaultyEngine:
    """An engine whose answers go wrong on demand: `faults` maps a method to functions, used up one per call.

    A fault gets the real request as a function of no arguments, so that it can let it through and then lie.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.faults: dict[str, list[Callable[[Callable[[], Any]], Any]]] = {}
        self.calls: list[str] = []

    @property
    def chain_id(self) -> int:
        return self._engine.chain_id

    def request(self, method: str, params: Sequence[Any] = ()) -> Any:
        self.calls.append(method)
        waiting = self.faults.get(method)
        if waiting:
            return waiting.pop(0)(lambda: self._engine.request(method, params))
        return self._engine.request(method, params)

    def close(self) -> None:
        self._engine.close()


def open_embedded(folder: Path, **options: Any) -> EmbeddedEngine:
    return EmbeddedEngine.open(folder / "chain.sqlite", GENESIS, **options)


def open_anvil(node: Anvil) -> JsonRpcEngine:
    return JsonRpcEngine(node.url, 20.0)


def keccak_hex(data: bytes) -> str:
    return "0x" + keccak(data).hex()


@dataclass
class Ledger:
    """One deployed ledger."""

    engine: Any
    deployment: Deployment
    folder: Path
    anvil: Anvil | None = None

    def gateway(self, engine: Engine | None = None, **options: Any) -> Gateway:
        """A gateway over this folder's outbox (several in a row see the same rows, as after a restart)."""
        database = open_engine(self.folder / "ledger.sqlite")
        return Gateway(engine or self.engine, self.deployment, RELAYER, database, **options)
