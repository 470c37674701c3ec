"""Is every row of the chain file explained by the chain? For audits: any stored byte that was changed is found.

The argument: 1. block 0 follows from the genesis parameters; 2. every header has its row's number and hash and links
to its parent; 3. bodies and receipts give the header's roots; 4. the transaction and log indexes equal what bodies
and receipts say, no row more, no row less; 5. every state node and code has its own hash as key, and every state
root is there. Optionally 6. executing every block again gives the same headers (nothing is then left to believe but
the transactions themselves). Walks the whole file; memory does not grow with its length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

import rlp
from eth.constants import BLANK_ROOT_HASH
from eth_utils import keccak

from ledger.chain.embedded.logs import all_logs
from ledger.chain.embedded.machine import Header, decode_header, decode_receipt, decode_stored_transaction, roots
from ledger.chain.embedded.node import Node
from ledger.chain.embedded.nodes import NodeCache, NodeDB
from ledger.chain.embedded.store import LogRow, Store
from ledger.errors import StorageUnavailable


@dataclass(frozen=True, slots=True)
class Damage:
    """Something in the chain file that does not follow from the chain. `block` is None where none is to blame."""

    block: int | None
    what: str

    def __str__(self) -> str:
        return self.what if self.block is None else f"block {self.block}: {self.what}"


def check(node: Node, *, execute: bool = False) -> Iterator[Damage]:
    """Every damage in the open chain, in order of height; `execute` adds point 7 (slow: minutes per thousand
    submissions)."""
    try:
        yield from _blocks(node, execute)
        yield from _indexes(node.store)
        for key, value in node.store.scan("SELECT hash, value FROM node"):
            if keccak(value) != key:
                yield Damage(None, f"state node {key.hex()} does not have its hash")
        for (answer,) in node.store.scan("PRAGMA integrity_check(10)"):
            if answer != "ok":
                yield Damage(None, f"SQLite: {answer}")
    except StorageUnavailable as error:
        yield Damage(None, f"the file cannot be read further: {error.message}")


def _blocks(node: Node, execute: bool) -> Iterator[Damage]:
    store, previous, expected = node.store, None, 0
    if store.header(0) is None or keccak(store.header(0) or b"") != node.genesis_hash:
        yield Damage(0, "block 0 does not follow from the genesis parameters")
    for number, block_hash, raw, body, raw_receipts in store.scan(
        "SELECT number, hash, header, body, receipts FROM block ORDER BY number"
    ):
        if number != expected:
            yield Damage(expected, "missing")
        expected = number + 1
        try:
            header = decode_header(raw)
            transactions = [decode_stored_transaction(item) for item in rlp.decode(body)]
            receipts = [decode_receipt(item) for item in rlp.decode(raw_receipts)]
            encoded = (rlp.encode([t.encode() for t in transactions]), rlp.encode([r.encode() for r in receipts]))
        except Exception as error:  # whatever a damaged row makes a decoder raise
            yield Damage(number, f"cannot be decoded ({type(error).__name__})")
            previous = None
            continue
        if keccak(raw) != block_hash or header.block_number != number:
            yield Damage(number, "the header does not have its hash and number")
        if previous is not None and header.parent_hash != previous.hash:
            yield Damage(number, f"does not follow block {number - 1}")
        if roots(transactions, receipts) != (header.transaction_root, header.receipt_root):
            yield Damage(number, "transactions or receipts do not have the header's roots")
        elif encoded != (body, raw_receipts):
            yield Damage(number, "transactions or receipts are not stored in their canonical form")
        if header.state_root != BLANK_ROOT_HASH and store.node(header.state_root) is None:
            yield Damage(number, "its state is missing")
        elif execute and previous is not None and not _repeats(node, previous, header, transactions):
            yield Damage(number, "executing it again gives another block")
        previous = header


def repeat(node: Node, first: int, last: int) -> Iterator[Damage]:
    """Point 6 alone, for the blocks `first` … `last` (at least 1): what does not come out again.

    Ranges are independent of one another. A block that cannot be read, or whose parent cannot, is named too.
    """
    store = node.store
    for number in range(max(1, first), last + 1):
        try:
            row, before = store.block(number), store.header(number - 1)
            if row is None or before is None:
                raise StorageUnavailable("the block or its parent is missing")
            header, parent = decode_header(row.header), decode_header(before)
            transactions = [decode_stored_transaction(item) for item in rlp.decode(row.body)]
            again = _repeats(node, parent, header, transactions)
        except Exception as error:  # whatever a damaged row makes a decoder or the machine raise
            yield Damage(number, f"cannot be executed again ({type(error).__name__})")
            continue
        if not again:
            yield Damage(number, "executing it again gives another block")


def _repeats(node: Node, parent: Header, header: Header, transactions: list[object]) -> bool:
    db = NodeDB(NodeCache(node.store.node))
    try:
        built = node.plain_machine().build(parent, transactions, header.timestamp, db)
    except KeyError:  # a state node is missing
        return False
    return bool(built.header.hash == header.hash)


def _indexes(store: Store) -> Iterator[Damage]:
    have_tx = store.scan("SELECT block, position, hash FROM tx ORDER BY block, position")
    for expected, found in zip_longest(_expected_transactions(store), have_tx):
        if expected != found:
            yield Damage((expected or found or (None,))[0], "the transaction index differs from the block's body")
            break
    for wanted, stored in zip_longest(_expected_logs(store), all_logs(store)):
        if wanted != stored:
            yield Damage(
                (wanted or stored or LogRow(0, 0, 0, b"", (), b"")).block, "the log index differs from receipts"
            )
            break


def _expected_transactions(store: Store) -> Iterator[tuple[int, int, bytes]]:
    for number, body in store.scan("SELECT number, body FROM block ORDER BY number"):
        for position, raw in enumerate(_items(body)):
            yield number, position, keccak(raw)


def _expected_logs(store: Store) -> Iterator[LogRow]:
    for number, receipts in store.scan("SELECT number, receipts FROM block ORDER BY number"):
        count = 0
        for position, raw in enumerate(_items(receipts)):
            try:
                logs = decode_receipt(raw).logs
            except Exception:  # reported with its block
                logs = ()
            for log in logs:
                topics = tuple(topic.to_bytes(32, "big") for topic in log.topics)
                yield LogRow(number, count, position, log.address, topics, log.data)
                count += 1


def _items(encoded: bytes) -> list[bytes]:
    try:
        return list(rlp.decode(encoded))
    except Exception:  # reported with its block
        return []
