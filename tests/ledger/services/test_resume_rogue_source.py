"""A rogue replica cannot spoil a restored operator: what does not lead to the signed checkpoint is never taken in."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from replica_source import source_of

from ledger.errors import VerificationFailed
from ledger.services.backup.create import create_backup
from ledger.services.backup.marks import sealing_suspended
from ledger.services.backup.restore import restore
from ledger.services.backup.resume import resume_sealing
from ledger.services.ledger import Ledger
from tests.small_ledger import PASSPHRASE, SmallLedger


@pytest.mark.parametrize("lied", [("debug_getRawBlock",), ("debug_getRawBlock", "debug_getRawHeader")])
def test_chain_is_left_as_it_was_when_a_source_gives_blocks_beside_its_checkpoint(
    small: SmallLedger, tmp_path: Path, lied: tuple[str, ...]
) -> None:
    small.register_lot()
    create_backup(small.data, tmp_path / "b.tar", program="test", passphrase=PASSPHRASE)
    old = restore(tmp_path / "b.tar", tmp_path / "restored").data
    fork = Path(shutil.copytree(old, tmp_path / "fork"))
    for _ in range(2):
        small.ledger.submit(small.event_wire())
    resume_sealing(fork, "none")
    with Ledger.open(fork, passphrase=PASSPHRASE) as ledger:
        ledger.submit(SmallLedger(fork, ledger, small.keys).event_wire())
        number = ledger.gateway.height()
        other = {method: ledger.rpc(call(method, number))["result"] for method in lied}
    before = head(old)
    with source_of(small.ledger) as source:
        for method in lied:
            source.lies.rpc[method] = lambda params, honest, method=method: (
                other[method] if params == [hex(number)] else honest
            )
        with pytest.raises(VerificationFailed):
            resume_sealing(old, source.url)
        assert sealing_suspended(old) and head(old) == before
        source.honest()
        assert resume_sealing(old, source.url).fetched == 2


def call(method: str, number: int) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": [hex(number)]}


def head(data: Path) -> tuple[int, bytes]:
    with Ledger.open(data, passphrase=PASSPHRASE) as ledger:
        block = ledger.gateway.block(ledger.gateway.height())
        return block.number, block.hash
