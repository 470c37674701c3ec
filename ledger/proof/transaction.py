"""Transactions and receipts, as the tries of a block hold them: only the parts that the ledger relies on.

The transaction's own secp256k1 signature is not checked: whoever pays the postage is nobody here, and the block's
transaction root already says which bytes were executed. Standards: Ethereum Yellow Paper, sections 4.2 and 4.3.1;
EIP-2718, EIP-2930, EIP-1559.
"""

from __future__ import annotations

from ledger.crypto.keccak import keccak256
from ledger.errors import Malformed
from ledger.proof.rlp import as_bytes, as_int, as_list, decode_list
from ledger.values import dataclass

# Per type: number of fields, position of `to`, position of `data`. 0 stands for a transaction without a type.
_SHAPES = {0: (9, 3, 5), 1: (11, 4, 6), 2: (12, 5, 7)}
MAX_LOGS = 65_536
STATUS_SUCCESS = 1


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction: its hash, whom it calls (None when it creates a contract) and with what."""

    hash: bytes
    type: int
    to: bytes | None
    data: bytes


@dataclass(frozen=True, slots=True)
class Log:
    """An event: the contract that said it, its topics and its data."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class TransactionReceipt:
    """What came of a transaction; `status` 1 is success."""

    type: int
    status: int
    cumulative_gas: int
    logs: tuple[Log, ...]


def parse_transaction(raw: bytes, field: str = "transaction") -> Transaction:
    """The transaction that `raw` encodes. Raises Malformed."""
    kind, body = _split(raw, field)
    count, to_at, data_at = _SHAPES[kind]
    parts = decode_list(body, field, count)
    to = as_bytes(parts[to_at], field)
    if len(to) not in (0, 20):
        raise Malformed("an address has 20 bytes", field=field)
    return Transaction(keccak256(raw), kind, to or None, as_bytes(parts[data_at], field))


def parse_receipt(raw: bytes, field: str = "receipt") -> TransactionReceipt:
    """The receipt that `raw` encodes (status form, EIP-658). Raises Malformed."""
    kind, body = _split(raw, field)
    status, gas, bloom, logs = decode_list(body, field, 4)
    as_bytes(bloom, field, 256)
    entries = as_list(logs, field)
    if len(entries) > MAX_LOGS:
        raise Malformed(f"a receipt with {len(entries)} logs", field=field)
    parsed = []
    for entry in entries:
        address, topics, data = as_list(entry, field, 3)
        parsed.append(
            Log(
                as_bytes(address, field, 20),
                tuple(as_bytes(topic, field, 32) for topic in as_list(topics, field)),
                as_bytes(data, field),
            )
        )
    return TransactionReceipt(kind, as_int(status, field, 8), as_int(gas, field, 64), tuple(parsed))


def _split(raw: bytes, field: str) -> tuple[int, bytes]:
    """The type and the RLP part of a transaction or receipt (EIP-2718)."""
    if not raw:
        raise Malformed("empty bytes", field=field)
    if raw[0] >= 0xC0:
        return 0, raw
    if raw[0] not in (1, 2):
        raise Malformed(f"type {raw[0]} is not one this ledger uses", field=field)
    return raw[0], raw[1:]
