"""Co-signatures in the payload store: kept beside the checkpoints that they vouch for, read back checked.

Verifies no signature (ledger.services.checkpoint_feed does before it stores one, an audit again); the seal only shows
whether a row is what was written. Rows are never changed and never removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import RowMapping, func, insert, select

from ledger.errors import BadCiphertext
from ledger.proof.checkpoint import SignedCheckpoint
from ledger.proof.cosignature import METHODS, Cosignature
from ledger.vault import codec
from ledger.vault.engine import queue_writers, reading, storage_errors
from ledger.vault.reader import VaultReader
from ledger.vault.sealing import Sealer
from ledger.vault.store import Vault
from ledger.vault.tables import checkpoints, cosignatures


def put(vault: Vault, height: int, given: Cosignature) -> Cosignature:
    """Keep a co-signature and return what is kept: the first one of this key and height, whatever comes later."""
    same = (cosignatures.c.height == height) & (cosignatures.c.key_id == given.key_id)
    with vault.transaction() as connection, storage_errors("the payload store cannot be written"):
        queue_writers(connection)
        row = connection.execute(select(cosignatures).where(same)).mappings().first()
        if row is not None:
            return decode(row, vault.sealer)[1]
        facts = (height, given.key_id, given.time, given.method, given.signature)
        values = dict(zip(("height", "key_id", "time", "method", "signature"), facts, strict=True))
        connection.execute(insert(cosignatures), values | {"seal": vault.sealer.mac("cosignatures", *facts)})
        return given


def of_height(vault: VaultReader, height: int) -> tuple[Cosignature, ...]:
    """The co-signatures of one height, by ascending key id. Raises BadCiphertext for an altered row."""
    return of_heights(vault, height, height).get(height, ())


def of_heights(vault: VaultReader, first: int, last: int) -> dict[int, tuple[Cosignature, ...]]:
    """The co-signatures of the heights `first`..`last` that have any. Raises BadCiphertext for an altered row."""
    query = select(cosignatures).where(cosignatures.c.height >= first, cosignatures.c.height <= last)
    with reading(vault.engine) as connection:
        rows = connection.execute(query.order_by(cosignatures.c.height)).mappings().all()
    found: dict[int, list[Cosignature]] = {}
    for row in rows:
        height, cosignature = decode(row, vault.sealer)
        found.setdefault(height, []).append(cosignature)
    return {height: tuple(sorted(each, key=lambda one: one.key_id)) for height, each in found.items()}


def count(vault: VaultReader) -> int:
    """How many are kept."""
    with reading(vault.engine) as connection:
        return int(connection.execute(select(func.count()).select_from(cosignatures)).scalar() or 0)


def heights(vault: VaultReader, at_least: int, most: int) -> Iterator[int]:
    """Up to `most` heights with `at_least` co-signatures or more, newest first."""
    query = (
        select(cosignatures.c.height)
        .group_by(cosignatures.c.height)
        .having(func.count() >= at_least)
        .order_by(cosignatures.c.height.desc())
        .limit(most)
    )
    with reading(vault.engine) as connection:
        found = connection.execute(query).scalars().all()
    yield from found


def page(vault: VaultReader, first: int, limit: int) -> Sequence[SignedCheckpoint]:
    """Up to `limit` signed checkpoints from height `first` on, ascending. Raises BadCiphertext for an altered row."""
    query = select(checkpoints).where(checkpoints.c.height >= first).order_by(checkpoints.c.height).limit(limit)
    with reading(vault.engine) as connection:
        rows = connection.execute(query).mappings().all()
    return [codec.decode_checkpoint(row, vault.sealer) for row in rows]


def decode(row: RowMapping, sealer: Sealer) -> tuple[int, Cosignature]:
    """(height, co-signature). Raises BadCiphertext when any column differs from what was written."""
    height, key_id, time, method, signature = (
        row["height"], row["key_id"], row["time"], row["method"], row["signature"],
    )  # fmt: skip
    name = f"co-signature of height {height!r:.20}"
    if type(height) is not int or type(time) is not int or method not in METHODS:
        raise BadCiphertext(f"{name}: a column has another type or value than was written")
    if not isinstance(key_id, bytes) or not isinstance(signature, bytes) or (len(key_id), len(signature)) != (32, 64):
        raise BadCiphertext(f"{name}: a column has another type or length than was written")
    sealer.check_mac(row["seal"], "cosignatures", height, key_id, time, method, signature)
    return height, Cosignature(key_id, time, method, signature)
