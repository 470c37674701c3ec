"""Block headers: the bytes whose Keccak hash is the block's hash, and what they commit to.

Checks the encoding, not the consensus rules: a header is believed because a signed checkpoint (or a child that is
believed) names its hash. Reads headers of London (16 fields) and later forks; fields after the sixteenth are covered
by the hash and otherwise ignored. On engines whose block hash leaves out part of extraData (QBFT leaves out the commit
seals) the hashed form is the one to pass. Standard: Ethereum Yellow Paper, section 4.3, and EIP-1559.
"""

from __future__ import annotations

from ledger.crypto.keccak import keccak256
from ledger.errors import Malformed
from ledger.proof.rlp import as_bytes, as_int, decode_list
from ledger.values import dataclass

MAX_HEADER_BYTES = 8192  # 600 bytes usually; QBFT's extraData grows with the number of validators
MIN_FIELDS, MAX_FIELDS = 15, 21  # before London; Prague
EMPTY_OMMERS = bytes.fromhex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347")  # keccak(rlp([]))


@dataclass(frozen=True, slots=True)
class Header:
    """The parts of a block header that this ledger relies on; `hash` is the Keccak hash of its encoding."""

    hash: bytes
    parent_hash: bytes
    ommers_hash: bytes
    coinbase: bytes
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    bloom: bytes
    difficulty: int
    number: int
    gas_limit: int
    gas_used: int
    time: int  # Unix seconds
    extra_data: bytes


def parse_header(raw: bytes, field: str = "header") -> Header:
    """The header that `raw` (its RLP) encodes. Raises Malformed."""
    if len(raw) > MAX_HEADER_BYTES:
        raise Malformed(f"a header of {len(raw)} bytes is over the limit of {MAX_HEADER_BYTES}", field=field)
    items = decode_list(raw, field)
    if not MIN_FIELDS <= len(items) <= MAX_FIELDS:
        raise Malformed(f"a block header has {MIN_FIELDS} to {MAX_FIELDS} fields, not {len(items)}", field=field)
    as_bytes(items[13], field, 32)
    as_bytes(items[14], field, 8)
    return Header(
        hash=keccak256(raw),
        parent_hash=as_bytes(items[0], field, 32),
        ommers_hash=as_bytes(items[1], field, 32),
        coinbase=as_bytes(items[2], field, 20),
        state_root=as_bytes(items[3], field, 32),
        transactions_root=as_bytes(items[4], field, 32),
        receipts_root=as_bytes(items[5], field, 32),
        bloom=as_bytes(items[6], field, 256),
        difficulty=as_int(items[7], field),
        number=as_int(items[8], field, 64),
        gas_limit=as_int(items[9], field, 64),
        gas_used=as_int(items[10], field, 64),
        time=as_int(items[11], field, 64),
        extra_data=as_bytes(items[12], field),
    )
