"""The embedded chain's file, row by row: nothing altered, nothing missing, nothing that does not belong.

Reads SQLite itself, not through the engine, because the engine is part of what is audited. Rows are of two kinds.
Content-addressed ones (nodes, blocks) must have the hash they are stored under; derived ones (indexes of
transactions and logs, settings) are derived again and compared. Every node must be reached from some block's state.
What a byte of the file outside all values says (free pages, page headers) is left to SQLite's integrity check.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ledger.chain.embedded.genesis import GenesisParams
from ledger.chain.embedded.machine import genesis_header
from ledger.chain.embedded.store import FORMAT, SCHEMA
from ledger.crypto.keccak import keccak256
from ledger.errors import Malformed, OriginSealError
from ledger.proof.header import parse_header
from ledger.proof.rlp import as_bytes, as_int, as_list, decode, decode_list
from ledger.proof.transaction import Log, TransactionReceipt
from ledger.proof.trie import EMPTY_ROOT, parse_account
from ledger.services.audit.findings import Findings
from ledger.services.audit.nodes import Growth, leaves, lookup
from ledger.services.audit.shadow_types import topic
from ledger.services.audit.sources import ContractState, RawBlock

KEY_ADDED = topic("KeyAdded(bytes32,bytes32,bytes32,uint256,uint256,bool)")
MAX_DEFECTS = 100  # lines of SQLite's own complaint


class ChainFile:
    """The chain file at `path`, opened for reading only. Also the audit's source of blocks and state."""

    def __init__(self, path: Path, head: int | None = None) -> None:
        self._db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
        self._db.execute("PRAGMA busy_timeout=5000")
        self._db.execute("PRAGMA cache_size=-4096")
        self._db.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        self._db.execute("BEGIN")  # one snapshot for the whole audit, even beside a running server
        row = self._db.execute("SELECT max(number) FROM block").fetchone()
        self.newest: int = row[0] if row and isinstance(row[0], int) else -1
        self.head = self.newest if head is None else head  # a server may have added blocks since the audit began

    def close(self) -> None:
        self._db.close()

    # ------------------------------------------------------------------------------------------------ as a source

    def block(self, number: int, findings: Findings) -> RawBlock | None:
        where = f"block {number}"
        rows: list[tuple[Any, ...]] = []
        with _noted(findings, where):
            rows = self._db.execute("SELECT hash,header,body,receipts FROM block WHERE number=?", (number,)).fetchall()
        if not rows:
            findings.add("chain.block-missing", where)
            return None
        block_hash, header, body, receipts = rows[0]
        if not all(isinstance(value, bytes) for value in rows[0]):
            findings.add("chain.block-malformed", where, "a column holds no bytes")
            return None
        if keccak256(header) != block_hash:
            findings.add("chain.block-hash", where, stored=block_hash, computed=keccak256(header))
        try:
            transactions = _byte_strings(body, "body")
            return RawBlock(number, header, transactions, _byte_strings(receipts, "receipts"))
        except Malformed as error:
            findings.add("chain.block-malformed", where, str(error))
            return None

    def contract(
        self, address: bytes, state_root: bytes, slots: Iterator[tuple[bytes, bytes]], findings: Findings
    ) -> ContractState | None:
        where = f"contract 0x{address.hex()}"
        try:
            value = lookup(state_root, keccak256(address), self.node)
            if value is None:
                raise Malformed("there is no such account", field="account")
            account = parse_account(value)
        except OriginSealError as error:
            findings.add("state.value", where, error.message)
            return None
        words = leaves(account.storage_root, self.node)
        return ContractState(account.code_hash, ((slot, as_int(decode(word), "value")) for slot, word in words))

    def slot(self, address: bytes, state_root: bytes, slot: int) -> int:
        value = lookup(state_root, keccak256(address), self._sound_node)
        account = parse_account(b"" if value is None else value)
        found = lookup(account.storage_root, keccak256(slot.to_bytes(32, "big")), self._sound_node)
        return 0 if found is None else as_int(decode(found), "value")

    def _sound_node(self, key: bytes) -> bytes | None:
        """A node that has its hash; one that has not is as good as none."""
        value = self.node(key)
        return value if value is not None and keccak256(value) == key else None

    def point(self, members: bytes, key_id: bytes) -> tuple[int, int] | None:
        try:
            row = self._db.execute(
                "SELECT data FROM log WHERE t1=? AND t0=? AND address=? LIMIT 1", (key_id, KEY_ADDED, members)
            ).fetchone()
        except sqlite3.Error:
            return None
        if row is None or not isinstance(row[0], bytes) or len(row[0]) != 96:
            return None
        return int.from_bytes(row[0][:32], "big"), int.from_bytes(row[0][32:64], "big")

    def state_before(self, number: int) -> bytes:
        """The state root of the nearest readable block below `number`: what that block's own walk went through."""
        try:
            rows = self._db.execute("SELECT header FROM block WHERE number < ? ORDER BY number DESC", (number,))
            for (header,) in rows:
                with suppress(OriginSealError, TypeError):
                    return parse_header(header, "block").state_root
        except sqlite3.Error:
            pass  # reported with the blocks themselves
        return EMPTY_ROOT

    def code(self, code_hash: bytes) -> bytes | None:
        """The code with this hash."""
        return self.node(code_hash)

    def node(self, key: bytes) -> bytes | None:
        try:
            row = self._db.execute("SELECT value FROM node WHERE hash=?", (key,)).fetchone()
        except sqlite3.Error:
            return None
        return row[0] if row and isinstance(row[0], bytes) else None

    # ------------------------------------------------------------------------------------------------ as a file

    def check_structure(self, findings: Findings) -> None:
        """What SQLite itself finds wrong with the file."""
        with _noted(findings, "chain.sqlite"):
            answers = [row[0] for row in self._db.execute(f"PRAGMA integrity_check({MAX_DEFECTS})")]
            for answer in answers if answers != ["ok"] else []:
                findings.add("file.damaged", "chain.sqlite", str(answer))

    def check_settings(self, findings: Findings, chain_id: int) -> None:
        """Schema and settings. Blocks and their index rows come with the walk, nodes with `check_nodes`."""
        with _noted(findings, "chain.sqlite"):
            for kind, name in _schema(self._db) ^ _expected_schema():
                findings.add("file.schema", f"chain.sqlite {kind} {name}")
        with _noted(findings, "chain.sqlite meta"):
            self._check_meta(findings, chain_id)

    def _check_meta(self, findings: Findings, chain_id: int) -> None:
        rows = dict(self._db.execute("SELECT name, value FROM meta").fetchall())
        if set(rows) != {"format", "genesis"} or rows.get("format") != FORMAT:
            findings.add("chain.meta", "meta", "the settings are not exactly format and genesis")
        try:
            genesis = GenesisParams.from_json(str(rows.get("genesis")))
        except OriginSealError as error:
            findings.add("chain.meta", "meta genesis", error.message)
            return
        if genesis.to_json() != rows.get("genesis") or genesis.chain_id != chain_id:
            findings.add("chain.meta", "meta genesis", "not the parameters that the chain was founded with")
        first = self.block(0, findings)
        if first is None:
            return
        with _noted(findings, "block 0"):
            header = parse_header(first.header, "block 0")
            made = genesis_header(genesis.timestamp, genesis.extra_data, genesis.gas_limit, header.state_root)
            if made.hash != header.hash:
                findings.add("chain.meta", "meta genesis", "block 0 does not follow from it")
            balances = self._balances(header.state_root)
            if balances != {keccak256(address): wei for address, wei in genesis.alloc if wei}:
                findings.add("chain.meta", "meta genesis", "the state of block 0 does not follow from it")

    def _balances(self, root: bytes) -> dict[bytes, int]:
        found = {}
        for key, value in leaves(root, self.node):
            _, balance, _, _ = decode_list(value, "account", 4)
            found[key] = as_int(balance, "balance")
        return found

    def check_nodes(self, findings: Findings, prefix: int, reached: set[bytes]) -> None:
        """Nodes whose hash begins with the byte `prefix`: they have their hashes, and are exactly those `reached`."""
        stored, missing = 0, set(reached)
        bounds = (bytes((prefix,)), bytes((prefix + 1,))) if prefix < 255 else (b"\xff",)
        query = "SELECT hash, value FROM node WHERE hash >= ? AND hash < ?"
        if prefix == 255:
            query = "SELECT hash, value FROM node WHERE hash >= ?"
        with _noted(findings, "chain.sqlite node"):
            for key, value in self._db.execute(query, bounds):
                stored += 1
                missing.discard(key)
                where = f"node {key.hex() if isinstance(key, bytes) else key!r}"
                if not isinstance(key, bytes) or not isinstance(value, bytes) or keccak256(value) != key:
                    findings.add("chain.node-altered", where)
                elif key not in reached:
                    findings.add("chain.node-unknown", where)
            for key in sorted(missing):
                findings.add("chain.node-missing", f"node {key.hex()}", "a state node is missing")
        findings.count("state nodes", stored)

    def check_odd_nodes(self, findings: Findings) -> None:
        """Rows whose key lies in no prefix: it is empty, or no bytes at all (SQLite orders bytes last)."""
        with _noted(findings, "chain.sqlite node"):
            for (key,) in self._db.execute("SELECT hash FROM node WHERE hash < x'00'"):
                findings.add("chain.node-altered", f"node {key.hex() if isinstance(key, bytes) else key!r}")

    def later_nodes(self) -> set[bytes]:
        """Nodes of blocks beyond the audit's head, which a server has added since."""
        growth = Growth(self.node, lambda key, what: None)
        root = self.state_before(self.head + 1)
        for number in range(self.head + 1, self.newest + 1):
            raw = self.block(number, Findings(""))
            with suppress(OriginSealError):
                if raw is not None:
                    state_root = parse_header(raw.header, "block").state_root
                    growth.visit_state(state_root, root)
                    root = state_root
        return growth.reached

    def check_index(
        self, raw: RawBlock, hashes: list[bytes], receipts: list[TransactionReceipt], findings: Findings
    ) -> None:
        """The index rows of one block against what its transactions and receipts say."""
        where = f"block {raw.number}"
        with _noted(findings, where):
            rows = self._db.execute("SELECT hash,block,position FROM tx WHERE block=? ORDER BY position", (raw.number,))
            if rows.fetchall() != [(h, raw.number, at) for at, h in enumerate(hashes)]:
                findings.add("chain.index", where, "table tx")
        expected: list[tuple[Any, ...]] = []
        for position, receipt in enumerate(receipts):
            for log in receipt.logs:
                expected.append((raw.number, len(expected), position, log.address, *_four(log), log.data))
        with _noted(findings, where):
            query = "SELECT block,idx,position,address,t0,t1,t2,t3,data FROM log WHERE block=? ORDER BY idx"
            if self._db.execute(query, (raw.number,)).fetchall() != expected:
                findings.add("chain.index", where, "table log")
        findings.count("logs", len(expected))

    def check_totals(self, blocks: int, transactions: int, logs: int, findings: Findings) -> None:
        """No row beyond those of the blocks that were walked."""
        for table, expected in (("block", blocks), ("tx", transactions), ("log", logs)):
            with _noted(findings, f"chain.sqlite {table}"):
                number = "number" if table == "block" else "block"
                query = f"SELECT count(*) FROM {table} WHERE NOT ({number} > ? AND {number} <= ?)"  # noqa: S608
                (found,) = self._db.execute(query, (self.head, self.newest)).fetchone()
                if found != expected:
                    findings.add("chain.index", f"table {table}", f"{found} rows, {expected} expected")


@contextmanager
def _noted(findings: Findings, where: str) -> Iterator[None]:
    """SQLite's errors and unparsable bytes inside become findings."""
    try:
        yield
    except sqlite3.Error as error:
        findings.add("file.unreadable", where, str(error))
    except OriginSealError as error:
        findings.add("chain.block-malformed", where, error.message)


def _byte_strings(raw: bytes, field: str) -> tuple[bytes, ...]:
    return tuple(as_bytes(item, field) for item in as_list(decode(raw, field), field))


def _four(log: Log) -> tuple[bytes | None, ...]:
    return (*log.topics, None, None, None, None)[:4]


def _schema(db: sqlite3.Connection) -> set[tuple[str, str]]:
    rows = db.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    return {(f"{kind}", f"{name} {' '.join(str(sql).split())}") for kind, name, sql in rows}


def _expected_schema() -> set[tuple[str, str]]:
    memory = sqlite3.connect(":memory:")
    try:
        memory.executescript(SCHEMA)
        return _schema(memory)
    finally:
        memory.close()
