"""A replica's co-signature: it executed every block itself, so it can say more than that the blocks link."""

from __future__ import annotations

from ledger.chain.reader import ChainReader
from ledger.crypto.ports import Signer
from ledger.errors import VerificationFailed
from ledger.proof.checkpoint import SignedCheckpoint
from ledger.proof.cosignature import EXECUTION, Cosignature, cosign


def cosign_checkpoint(signed: SignedCheckpoint, own_chain: ChainReader, signer: Signer, now: int) -> Cosignature:
    """Co-sign a checkpoint whose block the caller's own, executed chain holds. `now` is Unix seconds.

    The caller has verified the operator's signature, keeps the first co-signature of a height before it hands it out,
    and never asks for another of that height. Raises VerificationFailed when the own chain says anything else, NotFound
    when it does not reach so far.
    """
    point, deployment = signed.checkpoint, own_chain.deployment
    if (point.chain_id, point.genesis) != (deployment.chain_id, deployment.genesis):
        raise VerificationFailed("the checkpoint is of another chain", field="genesis")
    block = own_chain.block(point.height)
    if (point.block, point.state_root, point.time) != (block.hash, block.state_root, block.time):
        raise VerificationFailed(f"the own chain has another block at height {point.height}", field="block")
    return cosign(point, signer, now, EXECUTION)
