"""The chain: what each engine sustains, what one signature over many records saves, start-up of a long chain."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import Floors, Result, cpu_seconds
from benchmarks.intake import Signer, event
from ledger.chain.contracts import GenesisAuthority, deploy
from ledger.chain.embedded import EmbeddedEngine, GenesisParams
from ledger.chain.engine import Engine
from ledger.chain.gateway import Gateway
from ledger.chain.jsonrpc import JsonRpcEngine
from ledger.chain.relayer import Relayer
from ledger.documents.statement import commit
from ledger.documents.submission import SignedSubmission, build, check
from ledger.domain.action import domain, encode_submit_calldata
from ledger.vault import Vault, open_engine

MEMBER = b"\x01" * 32
GENESIS = GenesisParams(timestamp=1_764_000_000, extra_data=b"benchmark")
SHORT, LONG = 100, 10_000  # blocks
SINGLE = "one record per transaction, end to end"


def run(floors: Floors) -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as folder:
        yield from _submissions(Path(folder))
        yield from _verifications(Path(folder))
        yield from _opening(Path(folder))


class Bench:
    """A deployed ledger that takes signed submissions as a server does: check, simulate, store, queue, seal."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.signer = Signer()
        authority = GenesisAuthority(MEMBER, 6, self.signer.public.x, self.signer.public.y)
        relayer = Relayer.generate()
        self.deployment = deploy(engine, relayer, [authority])
        database = open_engine(folder / f"{secrets.token_hex(4)}.sqlite")
        self.vault = Vault(database, bytes(16))
        self.gateway = Gateway(engine, self.deployment, relayer, database)
        self.domain = domain(engine.chain_id, self.deployment.address("Submissions"))

    def signed(self, records: int) -> SignedSubmission:
        said = [commit("epcis.event", MEMBER, [], event(secrets.token_hex(32))) for _ in range(records)]
        nonce, expiry = secrets.randbits(63), int(time.time()) + 86_400
        return build(said, [], self.signer, self.domain, nonce=nonce, expiry=expiry)

    def calldata(self, signed: SignedSubmission) -> tuple[Any, bytes]:
        checked = check(signed, self.domain, self.signer.public, MEMBER)
        r, s = checked.signature[:32], checked.signature[32:]
        return checked, encode_submit_calldata(checked.key_id, checked.action, checked.meta, r, s)

    def take(self, submissions: list[SignedSubmission]) -> None:
        for signed in submissions:
            checked, calldata = self.calldata(signed)
            self.gateway.simulate(calldata)
            with self.vault.transaction() as connection:
                self.vault.store(connection, checked, int(time.time()))
                self.gateway.enqueue(connection, checked.submission_id, calldata)
        assert len(self.gateway.seal_pending()) == len(submissions)

    def seconds(self, submissions: int, records: int) -> float:
        """CPU seconds to take so many submissions of so many records, signed beforehand."""
        ready = [self.signed(records) for _ in range(submissions)]
        return cpu_seconds(lambda: self.take(ready))


def _submissions(folder: Path) -> Iterator[Result]:
    with EmbeddedEngine.open(folder / "chain.sqlite", GENESIS) as engine:
        bench = Bench(engine, folder)
        for _ in range(8):  # the contracts' code is translated when it has been used a few times
            bench.take([bench.signed(1)])
        single = 1 / min(bench.seconds(1, 1) for _ in range(10))
        yield Result(SINGLE, single, "records/cpu-s", note="embedded, one transaction per block")
        many = 100 / min(bench.seconds(1, 100) for _ in range(5))
        yield Result(
            "100 records under one signature, end to end",
            many,
            "records/cpu-s",
            SINGLE,
            many / single,
            20,
            note="embedded",
        )
        together = 25 / min(bench.seconds(25, 1) for _ in range(2))
        yield Result("25 submissions per block, end to end", together, "/cpu-s", SINGLE, together / single)


def _verifications(folder: Path) -> Iterator[Result]:
    """A submission's simulation is dominated by the contract's SM2 and SM3."""
    with EmbeddedEngine.open(folder / "chain.sqlite", GENESIS) as engine:
        rate = _simulations(Bench(engine, folder), 20)
        yield Result("submissions checked by the contracts, embedded", rate, "/s wall")
    anvil = shutil.which("anvil") or next(
        map(str, Path(__file__).resolve().parents[1].glob("node_modules/@foundry-rs/anvil-*/bin/anvil")), None
    )
    if anvil is None:
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    node = subprocess.Popen([anvil, "--port", port, "--chain-id", "20250", "--silent", "--base-fee", "0"])
    try:
        with JsonRpcEngine(f"http://127.0.0.1:{port}", 20, rounds=12) as remote:
            rate = _simulations(Bench(remote, folder), 60)
            yield Result("submissions checked by the contracts, anvil", rate, "/s wall", note="over HTTP")
    finally:
        node.kill()
        node.wait()


def _simulations(bench: Bench, count: int) -> float:
    calls = [bench.calldata(bench.signed(1))[1] for _ in range(count)]
    for calldata in calls[:8]:
        bench.gateway.simulate(calldata)
    start = time.perf_counter()
    for calldata in calls:
        bench.gateway.simulate(calldata)
    return count / (time.perf_counter() - start)


def _opening(folder: Path) -> Iterator[Result]:
    relayer = Relayer.generate()
    seconds: dict[int, float] = {}
    for length in (SHORT, LONG):
        path = folder / f"{length}.sqlite"
        with EmbeddedEngine.open(path, GENESIS) as engine:
            with warnings.catch_warnings(action="ignore"):
                engine.node.store.unsafe_without_sync()  # only to build the file quickly; it is opened anew below
            for nonce in range(length):
                tx = relayer.sign(
                    nonce=nonce, to=bytes(20), data=b"", gas=21_000, gas_price=0, chain_id=engine.chain_id
                )
                engine.seal([tx.raw])
    for _ in range(15):
        for length in (SHORT, LONG):
            path = folder / f"{length}.sqlite"
            taken = cpu_seconds(partial(_open_and_close, path))
            seconds[length] = min(taken, seconds.get(length, taken))
    yield Result(
        f"open a chain of {LONG} blocks", seconds[LONG] * 1000, "ms cpu", f"a chain of {SHORT}",
        seconds[LONG] / seconds[SHORT], 1.2, at_least=False,
    )  # fmt: skip


def _open_and_close(path: Path) -> None:
    EmbeddedEngine.open(path).close()
