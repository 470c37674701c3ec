"""A replica: importing blocks over local HTTP, against executing the very same blocks with everything in memory.

Import is everything that a replica does for a block: fetching (a server in another process), RLP, header rules, the
senders' signatures, execution, comparing, and the durable write. The floor is `Machine.build` alone, on transactions
that are decoded already. Both run in turn, best of several rounds.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.chain import GENESIS, Bench
from benchmarks.harness import Floors, Result
from ledger.chain import jsontext
from ledger.chain.embedded import EmbeddedEngine
from ledger.chain.embedded.nodes import NodeCache, NodeDB
from ledger.chain.rpcserver import handle_json
from ledger.services.replica.chains import EmbeddedCopy
from ledger.services.replica.source import Source

BLOCKS = 48  # of one submission each, as an operator seals them
WARM = 8  # before: the contracts' code is translated when it has been used a few times
ROUNDS = 4
EXECUTION = "executing the same blocks in memory"


def run(floors: Floors) -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, head = _make(folder)
        process, url = _serve(folder / "chain.sqlite")
        try:
            _execute(folder, first, head)
            executed, imported = [], []
            for number in range(ROUNDS):
                executed.append(_execute(folder, first, head))
                imported.append(_import(folder / f"copy{number}", folder / "base.sqlite", url, head))
        finally:
            process.terminate()
            process.join()
    count = head - first + 1
    build_cpu, build_wall = (count / min(each) for each in zip(*executed, strict=True))
    import_cpu, import_wall = (count / min(each) for each in zip(*imported, strict=True))
    yield Result(EXECUTION, build_cpu, "blocks/cpu-s", note=f"{build_wall:,.1f} blocks/s wall")
    yield Result("replica import, over HTTP and durable", import_cpu, "blocks/cpu-s", EXECUTION,
                 import_cpu / build_cpu, 0.9, note="blocks of one submission")  # fmt: skip
    yield Result("replica import, wall", import_wall, "blocks/s wall", EXECUTION, import_wall / build_wall,
                 note="the server runs beside it")  # fmt: skip


def _make(folder: Path) -> tuple[int, int]:
    """A chain of submissions, and the copy of its beginning that every round starts from."""
    with EmbeddedEngine.open(folder / "chain.sqlite", GENESIS) as engine:
        bench = Bench(engine, folder)
        for _ in range(WARM):
            bench.take([bench.signed(1)])
        first = engine.node.head().block_number + 1
    shutil.copy(folder / "chain.sqlite", folder / "base.sqlite")
    with EmbeddedEngine.open(folder / "chain.sqlite", GENESIS) as engine:
        bench.gateway.engine = engine
        for _ in range(BLOCKS):
            bench.take([bench.signed(1)])
        return first, engine.node.head().block_number


def _execute(folder: Path, first: int, head: int) -> tuple[float, float]:
    """(CPU, wall) seconds of `Machine.build` over all blocks; reading the states from disk counts."""
    with EmbeddedEngine.open(folder / "chain.sqlite", read_only=True) as engine:
        node = engine.node
        blocks = [node.block(number) for number in range(first - 1, head + 1)]
        cache = NodeCache(node.store.node)
        began, wall = time.process_time(), time.perf_counter()
        for parent, block in pairwise(blocks):
            assert parent is not None and block is not None
            nodes = NodeDB(cache)
            built = node.machine.build(parent.header, block.transactions, block.header.timestamp, nodes)
            assert built.header.hash == block.header.hash
            for key, value in nodes.buffer.items():
                cache.put(key, value)
        return time.process_time() - began, time.perf_counter() - wall


def _import(folder: Path, base: Path, url: str, head: int) -> tuple[float, float]:
    """(CPU, wall) seconds of catching up from `base`; the server's CPU is its own process's."""
    folder.mkdir()
    shutil.copy(base, folder / "chain.sqlite")
    source = Source(url)
    with EmbeddedEngine.open(folder / "chain.sqlite", GENESIS) as engine:
        copy = EmbeddedCopy(engine)
        began, wall = time.process_time(), time.perf_counter()
        copy.catch_up(source, head, lambda height, block: None, threading.Event(), lambda height, target: None)
        taken = time.process_time() - began, time.perf_counter() - wall
        assert copy.height() == head
    source.close()
    return taken


def _serve(path: Path) -> tuple[multiprocessing.Process, str]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_server, args=(path, there), daemon=True)
    process.start()
    return process, f"http://127.0.0.1:{here.recv()}"  # type: ignore[return-value]  # a SpawnProcess is one


def _server(path: Path, ready: Connection) -> None:
    engine = EmbeddedEngine.open(path, read_only=True)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            call: Any = jsontext.loads(self.rfile.read(int(self.headers["Content-Length"])), 16)
            body = json.dumps(handle_json(engine, call)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ready.send(server.server_port)
    server.serve_forever()
