"""The tables of the payload store. It is NOT disposable: what is lost here cannot be recomputed from the chain.

Ids and digests are raw 32-byte columns (SM3, except submission ids, which are keccak256). `nonce` is 8 bytes
big-endian: an unsigned 64-bit number fits no SQL integer. `seal` is a MAC over the row (`ledger.vault.sealing`).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

_SEQUENCE = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER becomes SQLite's row id

submissions = Table(
    "submissions",
    metadata,
    Column("seq", _SEQUENCE, primary_key=True, autoincrement=False),
    Column("submission_id", LargeBinary(32), nullable=False, unique=True),
    Column("key_id", LargeBinary(32), nullable=False),
    Column("member_id", LargeBinary(32), nullable=False),
    Column("nonce", LargeBinary(8), nullable=False),
    Column("meta", LargeBinary(23), nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("entries", LargeBinary, nullable=False),  # (lot id ‖ root ‖ u32 count)*
    Column("operations", LargeBinary, nullable=False),  # (u8 kind ‖ u32 length ‖ data)*
    Column("received_at", BigInteger, nullable=False),  # Unix seconds
    Column("seal", LargeBinary(32), nullable=False),
    UniqueConstraint("key_id", "nonce", name="submissions_key_nonce"),
)

records = Table(
    "records",
    metadata,
    Column("seq", _SEQUENCE, ForeignKey("submissions.seq"), nullable=False),
    Column("idx", Integer, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("kind", Text, nullable=False),
    Column("author", LargeBinary(32), nullable=False),
    Column("lots", LargeBinary, nullable=False),  # lot ids, 32 bytes each, ascending
    Column("wrapped_key", LargeBinary),  # NULL when erased
    Column("body", LargeBinary),  # NULL when erased
    Column("evidence_idx", Integer),  # which evidence row of this submission, NULL when none
    Column("erased_at", BigInteger),
    Column("erased_by", LargeBinary(32)),  # the submission that ordered it
    Column("seal", LargeBinary(32)),  # only erased rows need one: others are bound by their ciphertext
    PrimaryKeyConstraint("seq", "idx"),
)
# Not unique: an expired submission's records may be signed again in another.
Index("records_digest", records.c.digest)

evidence = Table(
    "evidence",
    metadata,
    Column("seq", _SEQUENCE, ForeignKey("submissions.seq"), nullable=False),
    Column("idx", Integer, nullable=False),  # index of the first record that came in this message
    Column("wrapped_key", LargeBinary),  # NULL when erased with one of its records
    Column("body", LargeBinary),
    Column("erased_at", BigInteger),
    Column("seal", LargeBinary(32)),
    PrimaryKeyConstraint("seq", "idx"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("height", BigInteger, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    Column("key_id", LargeBinary(32), nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
    Column("seal", LargeBinary(32), nullable=False),
)

# One row per witness and height, for ever: the first co-signature is the one that counts.
cosignatures = Table(
    "cosignatures",
    metadata,
    Column("height", BigInteger, nullable=False),
    Column("key_id", LargeBinary(32), nullable=False),
    Column("time", BigInteger, nullable=False),  # by the witness's clock, Unix seconds
    Column("method", Text, nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
    Column("seal", LargeBinary(32), nullable=False),
    PrimaryKeyConstraint("height", "key_id"),
)

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("seal", LargeBinary(32), nullable=False),
)
