"""A real checkpoint feed over invented blocks: signatures, store and rules are the real ones."""

from __future__ import annotations

import hashlib

from ledger.crypto.keyfile import FileSigner
from ledger.crypto.sm2 import PrivateKey
from ledger.errors import NotFound
from ledger.proof.anchors import Anchors, CheckpointKey, Witness
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint, sign
from ledger.proof.cosignature import cosign
from ledger.services.checkpoint_feed import CheckpointFeed
from ledger.vault import Vault, open_engine

GENESIS = bytes.fromhex("ab" * 32)
OPERATOR, CUSTOMS, MARKET, STRANGER = (FileSigner(PrivateKey.generate()) for _ in range(4))
WITNESSES = {
    signer.public.key_id: Witness(signer.public.key_id, signer.public, agency, zh, en)
    for signer, agency, zh, en in (
        (CUSTOMS, "customs", "茂名海关（演示）", "Maoming Customs (demo)"),
        (MARKET, "market-supervision", "茂名市监局（演示）", "Maoming AMR (demo)"),
    )
}
HEAD = 12


def checkpoint(height: int) -> Checkpoint:
    block, root = (hashlib.sha256(f"{what}{height}".encode()).digest() for what in ("block", "root"))
    return Checkpoint(20250, GENESIS, height, block, root, 1_764_000_000 + height)


class Blocks:
    """In the place of ledger.services.checkpoints.Checkpoints: blocks 0 to HEAD, signed when asked for."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def at(self, height: int) -> SignedCheckpoint:
        if height > HEAD:
            raise NotFound(f"block {height} is not final yet")
        try:
            return self._vault.checkpoint(height)
        except NotFound:
            self._vault.put_checkpoint(sign(checkpoint(height), OPERATOR))
            return self._vault.checkpoint(height)

    def latest(self) -> SignedCheckpoint:
        return self.at(HEAD)


def fake_feed() -> CheckpointFeed:
    """Heights 3, 4, 7 and the head are signed; customs has co-signed 4 and 7, market supervision 4."""
    vault = Vault(open_engine(":memory:"), bytes(16))
    blocks = Blocks(vault)
    key = OPERATOR.public
    anchors = Anchors(20250, GENESIS, {}, {key.key_id: CheckpointKey(key.key_id, key, "demo")}, (), WITNESSES, 0)
    feed = CheckpointFeed(blocks, vault, anchors)  # type: ignore[arg-type] - a Checkpoints by what it does
    for height in (7, 3, 4, HEAD):
        blocks.at(height)
    for height, signer in ((4, CUSTOMS), (4, MARKET), (7, CUSTOMS)):
        feed.receive(height, cosign(checkpoint(height), signer, 1_764_000_100 + height, "headers").to_dict())
    return feed
