"""A real `originseal serve` process on a free port, stopped when the test ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

READY_SECONDS = 90


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def originseal(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    command = [sys.executable, "-m", "scripts.originseal", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=check, timeout=600)


@contextmanager
def serving(data: Path) -> Iterator[str]:
    """The base URL of a server over `data`."""
    port = free_port()
    command = [sys.executable, "-m", "scripts.originseal", "serve", "--data", str(data), "--port", str(port)]
    environment = os.environ | {
        "ORIGINSEAL_LOG_LEVEL": "ERROR",
        "ORIGINSEAL_READ_RATE": "0",
        "ORIGINSEAL_WRITE_RATE": "0",
    }
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("READY "):
                break
        else:
            raise AssertionError(f"the server ended with {process.wait(READY_SECONDS)} before READY")
        assert line.split() == ["READY", f"http://127.0.0.1:{port}"]
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            process.kill()
            process.stdout.close()


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The base URL of an application in a thread of this process."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        end = time.monotonic() + READY_SECONDS
        while not server.started:
            assert time.monotonic() < end and thread.is_alive(), "the server does not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(READY_SECONDS)
