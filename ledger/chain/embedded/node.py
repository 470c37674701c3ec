"""The embedded chain: genesis, sealing, and every read at any height, over the store and the machine.

Speaks bytes and headers, not JSON (that is `rpc`). One writer at a time; readers take no lock, because all that they
read is either content-addressed or belongs to a block that is already whole.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import rlp
from eth.constants import BLANK_ROOT_HASH
from eth.db.account import AccountDB
from eth.exceptions import UnrecognizedTransactionType
from eth.rlp.accounts import Account
from eth_utils import ValidationError, keccak
from rlp.exceptions import RLPException
from trie import HexaryTrie

from ledger.chain.embedded.genesis import GenesisParams
from ledger.chain.embedded.importing import PendingNodes, RawBlock, execute
from ledger.chain.embedded.machine import (
    Built,
    Header,
    Machine,
    Message,
    Outcome,
    Refusal,
    Transaction,
    decode_header,
    decode_receipt,
    decode_stored_transaction,
    genesis_header,
    pending_header,
    roots,
)
from ledger.chain.embedded.nodes import NodeCache, NodeDB
from ledger.chain.embedded.store import BlockRow, LogRow, Store
from ledger.chain.engine import SERVER_ERROR
from ledger.errors import EngineUnavailable, StorageUnavailable

CHECKED_BLOCKS = 4  # verified whenever the file is opened: what a torn write could have touched
MAX_ANCESTORS = 256  # BLOCKHASH looks no further back (yellow paper, appendix H)


@dataclass(frozen=True, slots=True)
class StateProof:
    """EIP-1186 proof of one account and some of its slots in the state after one block."""

    account: Any
    nodes: tuple[bytes, ...]
    slots: tuple[tuple[int, int, tuple[bytes, ...]], ...]


@dataclass(frozen=True, slots=True)
class BlockIds:
    """Hashes of one block and of its transactions, in order."""

    hash: bytes
    transactions: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A block with its transactions and receipts decoded."""

    row: BlockRow
    header: Header
    transactions: tuple[Transaction, ...]
    receipts: tuple[Any, ...]
    raw_transactions: tuple[bytes, ...]
    raw_receipts: tuple[bytes, ...]


class Node:
    """One open chain. `clock` gives Unix seconds."""

    def __init__(self, store: Store, genesis: GenesisParams, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.RLock()
        self._cache = NodeCache(store.node)
        self.genesis = genesis
        self.machine = Machine(genesis.chain_id, self._ancestors)
        self.read_only = store.read_only
        self._head: Header = self._load_head()
        # Old blocks never change, so decoded ones are kept; a handful covers a page or a follower's step.
        self._decoded = lru_cache(maxsize=16)(self._decode_block)
        self._ids = lru_cache(maxsize=2048)(self._load_ids)
        self.genesis_hash: bytes = _make_genesis(genesis)[0].hash

    @classmethod
    def open(cls, path: Path, genesis: GenesisParams | None, *, read_only: bool, clock: Callable[[], float]) -> Node:
        """Open or create the chain in `path` and verify its last blocks.

        Raises EngineUnavailable when it is another chain than `genesis` says, StorageUnavailable when it is damaged
        or open for writing elsewhere.
        """
        store = Store.open(path, read_only=read_only, create=genesis is not None)
        try:
            if not read_only and store.is_empty():
                if genesis is None:
                    raise EngineUnavailable(f"there is no chain in {path.name}")
                row, nodes = _make_genesis(genesis)
                store.create({"genesis": genesis.to_json()}, row, nodes)
            stored = GenesisParams.from_json(store.meta("genesis") or "")
            if genesis is not None and (names := stored.differences(genesis)):
                raise EngineUnavailable(
                    f"{path.name} holds another chain: {', '.join(names)} differ", hint="check the data folder"
                )
            if store.header(0) != _make_genesis(stored)[0].header:
                raise StorageUnavailable("block 0 does not follow from the stored genesis parameters")
            node = cls(store, stored, clock)
            node.verify_tail()
            return node
        except BaseException:
            store.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._store.close()

    def plain_machine(self) -> Machine:
        """A machine on py-evm's own instruction loop, for checking what the faster one did."""
        return Machine(self.genesis.chain_id, self._ancestors, plain=True)

    @property
    def store(self) -> Store:
        """The rows, for audits and tests."""
        return self._store

    # ------------------------------------------------------------------------------------------------ writing

    def seal(self, transactions: Sequence[Transaction]) -> list[Outcome]:
        """Build one block from `transactions` and store it; no block when none can be included."""
        with self._lock:
            parent = self._head
            nodes = NodeDB(self._cache)
            fresh, outcomes = self._drop_known(transactions)
            built = self.machine.build(parent, fresh, int(self._clock()), nodes)
            for i, outcome in zip([i for i, o in enumerate(outcomes) if o is None], built.outcomes, strict=True):
                outcomes[i] = outcome
            if built.transactions:
                self._append([built], nodes.buffer)
            return [outcome for outcome in outcomes if outcome is not None]

    def _drop_known(self, transactions: Sequence[Transaction]) -> tuple[list[Transaction], list[Outcome | None]]:
        fresh: list[Transaction] = []
        outcomes: list[Outcome | None] = []
        for tx in transactions:
            if self._store.position(tx.hash) is not None:
                outcomes.append(Outcome(tx.hash, Refusal(SERVER_ERROR, "already known")))
            else:
                fresh.append(tx)
                outcomes.append(None)
        return fresh, outcomes

    def import_blocks(self, blocks: Iterable[RawBlock], *, plain: bool = False) -> int:
        """Execute `blocks`, made elsewhere, on the head; keep them in one durable transaction; returns their number.

        Raises BlockRefused at the first that does not give its own header (those before it are kept), and
        StorageUnavailable (none is kept). `plain` uses py-evm's own instruction loop.
        """
        with self._lock:
            done: dict[bytes, Built] = {}

            def ancestors(block_hash: bytes) -> Iterator[bytes]:
                while block_hash in done:
                    yield block_hash
                    block_hash = done[block_hash].header.parent_hash
                yield from self._ancestors(block_hash)

            machine = Machine(self.genesis.chain_id, ancestors, plain=plain)
            pending, head = PendingNodes(self._cache), self._head
            try:
                for block in blocks:
                    nodes = NodeDB(pending)
                    built = execute(machine, head, block, nodes)
                    pending.nodes.update(nodes.buffer)
                    head = built.header
                    done[head.hash] = built
            finally:
                if done:
                    self._append(list(done.values()), pending.nodes)
            return len(done)

    def _append(self, blocks: Sequence[Built], nodes: dict[bytes, bytes]) -> None:
        self._store.write_blocks([_rows(built) for built in blocks], nodes)
        for key, value in nodes.items():
            self._cache.put(key, value)
        self._head = blocks[-1].header

    # ------------------------------------------------------------------------------------------------ reading

    def head(self) -> Header:
        """The newest block's header. A reader looks again each time; the writer knows."""
        if self.read_only:
            self._head = self._load_head()
        return self._head

    def _load_head(self) -> Header:
        raw = self._store.head_header()
        if raw is None:
            raise StorageUnavailable("the chain file has no blocks")
        return decode_header(raw)

    def pending(self) -> Header:
        """The context in which a transaction sent now would run (state: the head's)."""
        return pending_header(self.head(), int(self._clock()))

    def header(self, number: int) -> Header | None:
        """Header by number; None above the head."""
        raw = self._store.header(number) if 0 <= number < 1 << 63 else None
        return None if raw is None else decode_header(raw)

    def block_number(self, block_hash: bytes) -> int | None:
        """Number of a block, None when unknown."""
        return self._store.block_number(block_hash)

    def block(self, number: int) -> StoredBlock | None:
        """A whole block; None above the head."""
        if not 0 <= number < 1 << 63:
            return None
        try:
            return self._decoded(number)
        except LookupError:
            return None

    def _decode_block(self, number: int) -> StoredBlock:
        row = self._store.block(number)
        if row is None:
            raise LookupError(number)  # raised, so that the cache never remembers an absence
        try:
            raw_txs, raw_receipts = tuple(rlp.decode(row.body)), tuple(rlp.decode(row.receipts))
            return StoredBlock(
                row,
                decode_header(row.header),
                tuple(decode_stored_transaction(raw) for raw in raw_txs),
                tuple(decode_receipt(raw) for raw in raw_receipts),
                raw_txs,
                raw_receipts,
            )
        except (RLPException, ValidationError, UnrecognizedTransactionType, TypeError, ValueError) as error:
            raise StorageUnavailable(
                f"block {number} of the chain file cannot be decoded", hint="run `originseal audit`"
            ) from error

    def block_ids(self, number: int) -> BlockIds:
        """Hashes of a block and its transactions, without decoding it."""
        return self._ids(number)

    def _load_ids(self, number: int) -> BlockIds:
        block = self._store.query("SELECT hash FROM block WHERE number=?", number)
        rows = self._store.query("SELECT hash FROM tx WHERE block=? ORDER BY position", number)
        return BlockIds(block[0][0], tuple(row[0] for row in rows))

    def position(self, tx_hash: bytes) -> tuple[int, int] | None:
        """(block number, index) of a transaction."""
        return self._store.position(tx_hash)

    def state(self, header: Header) -> Any:
        """py-evm state after the block of `header`: get_balance, get_nonce, get_code, get_storage."""
        return self.machine.state(header, NodeDB(self._cache))

    def call(self, header: Header, message: Message) -> Any:
        """Execute `message` on the state and in the context of `header`."""
        return self.machine.call(header, message, NodeDB(self._cache))

    def proof(self, header: Header, address: bytes, slots: Sequence[int]) -> StateProof:
        """EIP-1186 proof in the state of `header`."""
        db = NodeDB(self._cache)
        state_trie = HexaryTrie(db, header.state_root)
        key = keccak(address)
        raw = state_trie[key]
        account = rlp.decode(raw, Account) if raw else Account()
        storage = HexaryTrie(db, account.storage_root)
        proven = []
        for slot in slots:
            slot_key = keccak(slot.to_bytes(32, "big"))
            value = storage[slot_key]
            nodes = () if account.storage_root == BLANK_ROOT_HASH else _encoded(storage.get_proof(slot_key))
            proven.append((slot, int.from_bytes(rlp.decode(value), "big") if value else 0, nodes))
        return StateProof(account, _encoded(state_trie.get_proof(key)), tuple(proven))

    def _ancestors(self, block_hash: bytes) -> Iterator[bytes]:
        number = self._store.block_number(block_hash)
        for _ in range(MAX_ANCESTORS):
            if number is None or number < 0:
                return
            raw = self._store.header(number)
            if raw is None:
                return
            yield keccak(raw)
            number -= 1

    # ------------------------------------------------------------------------------------------------ checking

    def verify_tail(self, count: int = CHECKED_BLOCKS) -> int:
        """Check the newest `count` blocks (cost does not depend on the chain's length); returns the head's number.

        1. each row's hash is its header's, 2. each links to its parent, 3. bodies and receipts have the header's
        roots, 4. the state root's node is there and right. Raises StorageUnavailable at the first that fails.
        """
        head = self.head()
        number: int = head.block_number
        for n in range(number, max(-1, number - count), -1):
            block = self.block(n)
            if block is None:
                raise StorageUnavailable(f"block {n} is missing from the chain file")
            header = block.header
            if keccak(block.row.header) != block.row.hash or header.block_number != n:
                raise StorageUnavailable(f"block {n} does not have its hash")
            if n > 0 and keccak(self._store.header(n - 1) or b"") != header.parent_hash:
                raise StorageUnavailable(f"block {n} does not follow block {n - 1}")
            if roots(block.transactions, block.receipts) != (header.transaction_root, header.receipt_root):
                raise StorageUnavailable(f"block {n}: transactions or receipts do not have the header's roots")
            root = header.state_root
            if root != BLANK_ROOT_HASH and keccak(self._store.node(root) or b"") != root:
                raise StorageUnavailable(f"block {n}: the state is missing from the chain file")
        return number


def _rows(built: Built) -> tuple[BlockRow, list[bytes], list[LogRow]]:
    """A finished block as the store keeps it."""
    header, number = built.header, built.header.block_number
    logs: list[LogRow] = []
    for position, receipt in enumerate(built.receipts):
        for log in receipt.logs:
            topics = tuple(t.to_bytes(32, "big") for t in log.topics)
            logs.append(LogRow(number, len(logs), position, log.address, topics, log.data))
    row = BlockRow(
        number,
        header.hash,
        rlp.encode(header),
        rlp.encode([tx.encode() for tx in built.transactions]),
        rlp.encode([receipt.encode() for receipt in built.receipts]),
    )
    return row, [tx.hash for tx in built.transactions], logs


def _encoded(nodes: Sequence[Any]) -> tuple[bytes, ...]:
    # A proof of absence may end in py-evm's blank node, which no verifier expects and EIP-1186 does not have.
    return tuple(rlp.encode(node) for node in nodes if node)


def _make_genesis(params: GenesisParams) -> tuple[BlockRow, dict[bytes, bytes]]:
    db = NodeDB(NodeCache(lambda key: None))
    accounts = AccountDB(db, BLANK_ROOT_HASH)
    for address, wei in params.alloc:
        accounts.set_balance(address, wei)
    accounts.persist()
    header = genesis_header(params.timestamp, params.extra_data, params.gas_limit, accounts.state_root)
    empty = rlp.encode([])
    return BlockRow(0, header.hash, rlp.encode(header), empty, empty), db.buffer
