"""Blocks that another node made: taken only when executing them here gives exactly their own header.

The argument for one block: 1. the header and every transaction are in their one canonical encoding; 2. the header
continues our head (number, parent) under the chain's rules; 3. each transaction carries a valid signature for this
chain; 4. executing them on our own state gives, byte for byte, this header: state, receipts, gas and bloom are
therefore right. Nothing of what the maker claims is believed, so it does not matter who sent the block. Whether this
is the chain that everybody else sees is another question: checkpoints and their witnesses answer it.

Does not store anything (that is `Node.import_blocks`) and does not fetch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import rlp
from eth.constants import BLANK_ROOT_HASH
from eth.db.trie import make_trie_root_and_nodes

from ledger.chain.embedded.genesis import GenesisParams
from ledger.chain.embedded.machine import (
    Built,
    Header,
    Machine,
    Transaction,
    decode_header,
    genesis_header,
    pending_header,
)
from ledger.chain.embedded.nodes import NodeDB, Nodes
from ledger.errors import BlockRefused, EngineUnavailable, RpcError

MAX_HEADER = 1024  # bytes: a header of these rules has about 540
MAX_BLOCK = 32 << 20  # bytes: 100 million gas buy at most 25 MB of call data
MAX_TIME = (1 << 63) - 1  # Unix seconds: what readers of headers, checkpoints and SQLite take
GAS_PER_TRANSACTION = 21_000  # the least that a transaction takes (yellow paper, appendix G)

# Header fields that follow from the parent and the block's time alone, in the order of the header.
_RULES = (
    "parent_hash", "uncles_hash", "coinbase", "difficulty", "block_number", "gas_limit", "extra_data", "mix_hash",
    "nonce", "base_fee_per_gas", "withdrawals_root",
)  # fmt: skip
# What executing must give.
_RESULTS = ("state_root", "transaction_root", "receipt_root", "bloom", "gas_used")
_NAMES = {"uncles_hash": "ommers-hash", "block_number": "number", "transaction_root": "transactions-root",
          "receipt_root": "receipts-root", "base_fee_per_gas": "base-fee", "bloom": "logs-bloom"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RawBlock:
    """A block as it came: RLP header and EIP-2718 transactions. A claim until it was executed."""

    header: bytes
    transactions: tuple[bytes, ...]


class PendingNodes:
    """State nodes of executed blocks that are not stored yet, over those that are."""

    def __init__(self, stored: Nodes) -> None:
        self._stored = stored
        self.nodes: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """The node, from a pending block or from the store."""
        value = self.nodes.get(key)
        return self._stored.get(key) if value is None else value


def refuse(number: int, what: str, message: str, **detail: Any) -> NoReturn:
    """Raise the refusal of block `number`; `what` names what is wrong with it."""
    raise BlockRefused(f"block {number}: {message}", step=what, number=number, **detail)


def split_block(number: int, raw: bytes) -> RawBlock:
    """The parts of a raw block (debug_getRawBlock): [header, transactions, uncles, withdrawals], the last two empty.

    Strict RLP on the two levels that are looked at. Raises BlockRefused.
    """
    if len(raw) > MAX_BLOCK:
        refuse(number, "encoding", f"it has {len(raw)} bytes, over the limit of {MAX_BLOCK}")
    start, end, is_list = _item(number, raw, 0)
    if not is_list or end != len(raw):
        refuse(number, "encoding", "it is not one RLP list")
    parts: list[tuple[int, int, int]] = []  # where each begins, its payload begins, it ends
    at = start
    while at < end and len(parts) < 5:
        inner, after, listed = _item(number, raw, at)
        if not listed or after > end:
            refuse(number, "encoding", "a block is a list of lists")
        parts.append((at, inner, after))
        at = after
    if len(parts) != 4 or at != end or any(inner != after for _, inner, after in parts[2:]):
        refuse(number, "encoding", "a block has a header, transactions, no uncles and no withdrawals")
    transactions = []
    at, last = parts[1][1], parts[1][2]
    while at < last:
        inner, after, listed = _item(number, raw, at)
        if after > last:
            refuse(number, "encoding", "a transaction reaches beyond its list")
        transactions.append(raw[at:after] if listed else raw[inner:after])  # legacy: a list; typed: a string
        at = after
    return RawBlock(raw[parts[0][0] : parts[0][2]], tuple(transactions))


def _item(number: int, raw: bytes, at: int) -> tuple[int, int, bool]:
    """(start of the payload, end, whether it is a list) of the RLP item at `at` (yellow paper, appendix B)."""
    if at >= len(raw):
        refuse(number, "encoding", "it ends too early")
    first = raw[at]
    if first < 0x80:
        return at, at + 1, False
    is_list = first >= 0xC0
    short = first - (0xC0 if is_list else 0x80)
    if short <= 55:
        start, size = at + 1, short
        if not is_list and size == 1 and raw[start : start + 1] < b"\x80":
            refuse(number, "encoding", "not in canonical RLP")
    else:
        start = at + 1 + short - 55
        digits = raw[at + 1 : start]
        size = int.from_bytes(digits, "big")
        if len(digits) != short - 55 or digits[:1] == b"\x00" or size <= 55:
            refuse(number, "encoding", "not in canonical RLP")
    if start + size > len(raw):
        refuse(number, "encoding", "it ends too early")
    return start, start + size, is_list


def read_header(number: int, raw: bytes) -> Header:
    """The header that `raw` encodes, which must be its only encoding. Raises BlockRefused."""
    if not 0 < len(raw) <= MAX_HEADER:
        refuse(number, "header", f"a header has 1 to {MAX_HEADER} bytes, not {len(raw)}")
    try:
        header = decode_header(raw)
        canonical = rlp.encode(header) == raw
    except Exception as error:  # whatever hostile bytes make a decoder raise
        refuse(number, "header", f"its header cannot be decoded ({type(error).__name__})")
    if not canonical:
        refuse(number, "header", "its header is not in its canonical encoding")
    return header


def execute(machine: Machine, parent: Header, block: RawBlock, db: NodeDB) -> Built:
    """`block`, executed on the state of `parent`; its new state nodes are in `db`. Raises BlockRefused naming what
    differs."""
    number = parent.block_number + 1
    header = read_header(number, block.header)
    _check_rules(number, parent, header)
    if len(block.transactions) * GAS_PER_TRANSACTION > header.gas_used:
        refuse(number, "gas-used", "its transactions take more gas than its header says")
    transactions = _decode(number, machine, block.transactions)
    if (found := make_trie_root_and_nodes(tuple(transactions))[0]) != header.transaction_root:
        _differs(number, "transaction_root", header.transaction_root, found)
    built = machine.build(parent, transactions, header.timestamp, db)
    for index, outcome in enumerate(built.outcomes):
        if outcome.error is not None:
            refuse(number, "transaction", f"transaction {index} cannot be in it: {outcome.error.message}", index=index)
    for name in _RESULTS:
        if getattr(built.header, name) != getattr(header, name):
            _differs(number, name, getattr(header, name), getattr(built.header, name))
    if rlp.encode(built.header) != block.header:
        refuse(number, "header", "executing it gives another header")
    return built


def _check_rules(number: int, parent: Header, header: Header) -> None:
    wanted = pending_header(parent, header.timestamp)
    for name in _RULES:
        if getattr(header, name) != getattr(wanted, name):
            _differs(number, name, getattr(header, name), getattr(wanted, name))
    if header.timestamp < parent.timestamp:
        refuse(
            number, "time", "it is dated before its parent", expected=str(parent.timestamp), found=str(header.timestamp)
        )
    if header.timestamp > MAX_TIME:
        refuse(number, "time", "its time is beyond 2^63 - 1 seconds", expected=str(MAX_TIME),
               found=_shown(header.timestamp))  # fmt: skip
    if header.gas_used > header.gas_limit:
        refuse(number, "gas-used", "it uses more gas than its limit")


def _decode(number: int, machine: Machine, raws: tuple[bytes, ...]) -> list[Transaction]:
    decoded = []
    for index, raw in enumerate(raws):
        try:
            decoded.append(machine.decode(raw))
        except RpcError as error:
            refuse(number, "transaction", f"transaction {index}: {error.message}", index=index)
    return decoded


def _differs(number: int, name: str, claimed: Any, ours: Any) -> NoReturn:
    what = _NAMES.get(name, name.replace("_", "-"))
    refuse(
        number, what, f"its {what} is {_shown(claimed)}, ours is {_shown(ours)}", expected=_shown(ours),
        found=_shown(claimed),
    )  # fmt: skip


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value) if value < 1 << 64 else f"0x{value:x}"


def genesis_of(raw: bytes, chain_id: int) -> GenesisParams:
    """The parameters from which the embedded engine's block 0 with this raw header follows.

    Only a genesis without balances can be told from its header. Raises BlockRefused when block 0 does not follow: it
    is then no chain of this engine's rules.
    """
    header = read_header(0, raw)
    try:
        params = GenesisParams(
            timestamp=header.timestamp, extra_data=header.extra_data, chain_id=chain_id, gas_limit=header.gas_limit
        )
    except EngineUnavailable as error:
        refuse(0, "genesis", error.message)
    follows = genesis_header(params.timestamp, params.extra_data, params.gas_limit, BLANK_ROOT_HASH)
    if rlp.encode(follows) != raw:
        refuse(0, "genesis", "it does not follow from its parameters: other rules, or accounts that have balances")
    return params
