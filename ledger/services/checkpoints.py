"""The operator's signed checkpoints: one promise per height, kept, never contradicted.

A checkpoint is signed only for a block that this ledger's own engine holds and that is final; it is stored before it
is handed out, and the store refuses a second, different one of the same height.
"""

from __future__ import annotations

import threading

from ledger.chain.reader import ChainReader
from ledger.crypto.ports import Signer
from ledger.errors import NotFound
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint, sign
from ledger.vault import Vault


class Checkpoints:
    """Signs with `signer` what `chain` holds, keeps it in `vault`."""

    def __init__(self, chain: ChainReader, vault: Vault, signer: Signer) -> None:
        self._chain = chain
        self._vault = vault
        self._signer = signer
        self._lock = threading.Lock()

    @property
    def signer(self) -> Signer:
        return self._signer

    def at(self, height: int) -> SignedCheckpoint:
        """The checkpoint of exactly this height, signed now if it was not before. Raises NotFound when not final."""
        try:
            return self._vault.checkpoint(height)
        except NotFound:
            pass
        with self._lock:
            if height > self._chain.final_height():
                raise NotFound(f"block {height} is not final yet", hint="ask again after the next block")
            block = self._chain.block(height)
            deployment = self._chain.deployment
            statement = Checkpoint(
                chain_id=deployment.chain_id,
                genesis=deployment.genesis,
                height=height,
                block=block.hash,
                state_root=block.state_root,
                time=block.time,
            )
            signed = sign(statement, self._signer)
            self._vault.put_checkpoint(signed)
            # Another process may have stored its own signature of the same text first: hand out what is stored.
            return self._vault.checkpoint(height)

    def latest(self) -> SignedCheckpoint:
        """The checkpoint of the newest final block."""
        return self.at(self._chain.final_height())
