"""The tables of the read model. Disposable: everything in them can be computed again from chain and payload store.

Public fields only (P7): the projector takes them through `ledger.documents.disclosure`. Digests are text with their
algorithm. Quantities are whole base units as decimal text, because a uint128 fits no SQL integer. `position` orders
what the chain ordered: block number × 2^24 + log index. No foreign keys: the projector writes rows in event order.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

FORMAT = 2  # raise it when a table changes: an older index is then dropped and filled again
metadata = MetaData()

DIGEST = String(80)  # "keccak256:" and 64 hex digits


def _digest(name: str, **options: Any) -> Column[str]:
    return Column(name, DIGEST, nullable=False, **options)


facts = Table("facts", metadata, Column("name", String(40), primary_key=True), Column("value", Text, nullable=False))

members = Table(
    "members",
    metadata,
    _digest("id", primary_key=True),
    Column("roles", BigInteger, nullable=False),
    Column("zone", Integer, nullable=False),
    Column("standing", Integer, nullable=False),
    Column("suspended_until", BigInteger, nullable=False),  # of an emergency suspension that nobody confirmed; or 0
    Column("custodial", Boolean, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("key_id", DIGEST, nullable=False),
    Column("admitted_by", DIGEST, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("uscc", String(18), nullable=False),
    Column("position", BigInteger, nullable=False),
)
Index("members_position", members.c.position)

keys = Table(
    "keys",
    metadata,
    _digest("id", primary_key=True),
    _digest("member"),
    Column("public_key", String(130), nullable=False),  # 04 ‖ X ‖ Y
    Column("custodial", Boolean, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Column("position", BigInteger, nullable=False),
)
Index("keys_member", keys.c.member)

submissions = Table(
    "submissions",
    metadata,
    _digest("id", primary_key=True),
    _digest("member"),
    _digest("key_id"),
    _digest("root"),
    Column("count", BigInteger, nullable=False),
    Column("nonce", String(20), nullable=False),
    _digest("action_digest"),
    Column("transaction", String(66), nullable=False),
    Column("block", BigInteger, nullable=False),
    Column("sealed_at", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("payloads", String(12), nullable=False),  # ok | missing: whether the payload store holds it
)
Index("submissions_position", submissions.c.position)

records = Table(
    "records",
    metadata,
    _digest("submission"),
    Column("idx", Integer, nullable=False),
    Column("digest", DIGEST, nullable=False),  # empty when the payload store lost the row
    Column("kind", String(64), nullable=False),
    Column("author", DIGEST, nullable=False),
    Column("status", String(12), nullable=False),  # ok | erased | missing | damaged | unproven
    Column("event_time", BigInteger),
    Column("biz_step", Text),
    Column("disposition", Text),
    Column("place", Text),
    Column("withheld", Integer, nullable=False),
    Column("payload", Text, nullable=False),  # public fields, as JSON
    PrimaryKeyConstraint("submission", "idx"),
)
Index("records_digest", records.c.digest)

lots = Table(
    "lots",
    metadata,
    _digest("id", primary_key=True),
    Column("gtin", String(14), nullable=False),
    Column("lot", String(20), nullable=False),
    _digest("producer"),
    _digest("custodian"),
    _digest("origin"),
    Column("zone", Integer, nullable=False),  # its producer's
    Column("quantity", String(39), nullable=False),
    Column("remaining", String(39), nullable=False),
    Column("unit", Integer, nullable=False),
    Column("display_unit", String(3), nullable=False),  # as the origin states its quantity
    Column("state", Integer, nullable=False),
    Column("head", String(66), nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("registered_at", BigInteger, nullable=False),
    _digest("submission"),
    Column("product_zh", Text, nullable=False),
    Column("product_en", Text, nullable=False),
    Column("variety_zh", Text, nullable=False),
    Column("variety_en", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
)
Index("lots_position", lots.c.position)
Index("lots_zone", lots.c.zone, lots.c.position)
Index("lots_gtin", lots.c.gtin, lots.c.lot)

lot_entries = Table(
    "lot_entries",
    metadata,
    _digest("lot"),
    Column("position", BigInteger, nullable=False),
    _digest("submission"),
    _digest("root"),
    Column("count", BigInteger, nullable=False),
    Column("head", String(66), nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("status", String(12), nullable=False),  # ok | missing | mismatch: do the records give this root?
    PrimaryKeyConstraint("lot", "position"),
)

lot_records = Table(
    "lot_records",
    metadata,
    _digest("lot"),
    Column("sequence", BigInteger, nullable=False),
    _digest("submission"),
    Column("idx", Integer, nullable=False),
    PrimaryKeyConstraint("lot", "sequence"),
)

lot_links = Table(
    "lot_links",
    metadata,
    _digest("parent"),
    _digest("child"),
    Column("quantity", String(39), nullable=False),
    Column("position", BigInteger, nullable=False),
    PrimaryKeyConstraint("parent", "child"),
)
Index("lot_links_child", lot_links.c.child)

documents = Table(
    "documents",
    metadata,
    _digest("record", primary_key=True),
    Column("kind", Integer, nullable=False),
    _digest("member"),
    _digest("key_id"),
    _digest("submission"),
    Column("position", BigInteger, nullable=False),
)

trades = Table(
    "trades",
    metadata,
    _digest("id", primary_key=True),
    Column("verdict", Integer, nullable=False),
    Column("independence", Integer, nullable=False),
    Column("policy_version", BigInteger, nullable=False),
    Column("matched_at", BigInteger, nullable=False),
    _digest("matcher"),
    Column("order_record", DIGEST, nullable=False),  # empty when absent
    Column("receipt_record", DIGEST, nullable=False),
    Column("waybill_record", DIGEST, nullable=False),
    Column("list_record", DIGEST, nullable=False),
    _digest("result"),
    _digest("submission"),
    Column("position", BigInteger, nullable=False),  # of its latest result
)
Index("trades_position", trades.c.position)

trade_lots = Table(
    "trade_lots",
    metadata,
    _digest("trade"),
    _digest("lot"),
    Column("quantity", String(39), nullable=False),  # stated by the matched lines, in base units
    Column("exported", String(39), nullable=False),  # taken off the lot by the chain; "0" unless MATCHED
    PrimaryKeyConstraint("trade", "lot"),
)
Index("trade_lots_lot", trade_lots.c.lot)

ALL: tuple[Table, ...] = tuple(table for table in metadata.sorted_tables)
# Rows that describe the index itself; everything else is compared and answered from.
PROJECTED: tuple[Table, ...] = tuple(table for table in ALL if table.name != "facts")
