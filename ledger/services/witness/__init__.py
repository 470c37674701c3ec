"""Witnesses: agencies that co-sign the operator's checkpoints, and keep what they co-signed for others to compare."""

from ledger.services.witness.execution import cosign_checkpoint
from ledger.services.witness.source import FileFeed, InProcess, Server, feed_at
from ledger.services.witness.state import Memory, Refusal
from ledger.services.witness.witness import Round, Witness

__all__ = [
    "FileFeed",
    "InProcess",
    "Memory",
    "Refusal",
    "Round",
    "Server",
    "Witness",
    "cosign_checkpoint",
    "feed_at",
]
