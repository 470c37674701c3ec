"""Co-signatures against checkpoints and chain: each is an anchored witness's, over exactly what this ledger signed."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import inspect, select

from ledger.errors import OriginSealError, VerificationFailed
from ledger.proof.anchors import Anchors
from ledger.proof.cosignature import verify
from ledger.services.audit.findings import Findings
from ledger.vault import cosigned, reading
from ledger.vault.engine import lenient_text
from ledger.vault.reader import VaultReader
from ledger.vault.tables import cosignatures


class Headers(Protocol):
    """(block hash, state root, time) by height."""

    def get(self, height: int, /) -> tuple[bytes, bytes, int] | None: ...


def check_cosignatures(vault: VaultReader, anchors: Anchors, headers: Headers, head: int, findings: Findings) -> None:
    """Every stored co-signature: the witness's key, its signature, the checkpoint of that height, the block on chain.

    A row that is not what was written is the payload store's own finding (ledger.vault.examine); here it is passed by.
    """
    with reading(vault.engine) as connection, lenient_text(connection):
        if not inspect(connection).has_table(cosignatures.name):
            return
        for row in connection.execute(select(cosignatures)).mappings():
            try:
                height, cosignature = cosigned.decode(row, vault.sealer)
            except OriginSealError:
                continue
            where = f"co-signature of checkpoint {height} by sm3:{cosignature.key_id.hex()}"
            findings.count("co-signatures")
            if height > head:
                findings.add("checkpoint.cosignature", where, f"the chain ends at {head}")
                continue
            try:
                point = vault.checkpoint(height).checkpoint
                verify(cosignature, point, anchors.witnesses)
            except VerificationFailed as error:
                findings.add("checkpoint.cosignature", where, error.message)
                continue
            except OriginSealError as error:
                findings.add("checkpoint.cosignature", where, f"its checkpoint: {error.message}")
                continue
            if headers.get(height) != (point.block, point.state_root, point.time):
                findings.add("checkpoint.cosignature", where, "the chain has another block at this height")
