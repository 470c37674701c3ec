"""A full disk: a clean error, no partial block, reads go on, and writing goes on when there is room again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from chain_world import CHAIN_ID, RELAYER, open_embedded

from ledger.chain.embedded import integrity
from ledger.errors import StorageUnavailable

BULK = 60_000  # bytes of calldata per transaction


def bulky(nonce: int) -> bytes:
    data = nonce.to_bytes(2, "big") * (BULK // 2)
    return RELAYER.sign(nonce=nonce, to=b"\x01" * 20, data=data, gas=2_000_000, gas_price=0, chain_id=CHAIN_ID).raw


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True)
    if mount.returncode != 0:
        pytest.skip("this environment does not allow mounting")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_is_a_clean_error_and_writing_resumes(small_disk: Path) -> None:
    with open_embedded(small_disk) as engine:
        nonce = 0
        with pytest.raises(StorageUnavailable) as caught:
            for nonce in range(200):
                engine.request("eth_sendRawTransaction", ["0x" + bulky(nonce).hex()])
        assert nonce > 2 and caught.value.retry_after
        for _ in range(3):
            with pytest.raises(StorageUnavailable):
                engine.request("eth_sendRawTransaction", ["0x" + bulky(nonce).hex()])
        assert engine.request("eth_blockNumber") == hex(nonce)
        assert engine.request("eth_getTransactionCount", ["0x" + RELAYER.address.hex()]) == hex(nonce)
        assert engine.node.verify_tail() == nonce
        subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
        engine.request("eth_sendRawTransaction", ["0x" + bulky(nonce).hex()])
        assert engine.request("eth_blockNumber") == hex(nonce + 1)
    with open_embedded(small_disk) as engine:
        assert list(integrity.check(engine.node, execute=True)) == []


LIMITED = """
import json, resource, sys
from pathlib import Path
from chain_world import open_embedded
from test_disk import bulky
from ledger.errors import StorageUnavailable
engine = open_embedded(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
sealed, errors = 0, 0
for _ in range(40):
    try:
        engine.request("eth_sendRawTransaction", ["0x" + bulky(sealed).hex()])
        sealed += 1
    except StorageUnavailable:
        errors += 1
print(json.dumps({"sealed": sealed, "errors": errors, "head": engine.request("eth_blockNumber")}))
engine.close()
"""


def test_file_size_limit_is_a_clean_error(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LIMITED, str(tmp_path)],
        capture_output=True, text=True, timeout=120, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["sealed"] > 2 and answer["errors"] == 40 - answer["sealed"] > 0
    assert answer["head"] == hex(answer["sealed"])
    with open_embedded(tmp_path) as engine:
        # After an I/O error a written block may have reached the disk although it was reported as failed; never less.
        assert int(engine.request("eth_blockNumber"), 16) >= answer["sealed"]
        assert list(integrity.check(engine.node)) == []
