"""A real `originseal serve` process on a free port, stopped when the test ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
