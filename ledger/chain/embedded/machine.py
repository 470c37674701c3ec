"""The EVM itself: py-evm's Shanghai rules, run on a header and a node database, without py-evm's chain classes.

Three rules are the embedded chain's own, part of its genesis identity (ADR 0006): the base fee is 0 for ever (there
is no currency), the gas limit is constant, and a block's time is not before its parent's (mainnet wants it strictly
later, which at more than one block a second would drive the chain's time ahead of the clock). Everything else is
Ethereum as in execution-specs "shanghai". Nothing here writes to disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import rlp
from eth.db.trie import make_trie_root_and_nodes
from eth.exceptions import UnrecognizedTransactionType
from eth.vm.chain_context import ChainContext
from eth.vm.forks.shanghai import ShanghaiVM
from eth.vm.forks.shanghai.blocks import ShanghaiBlock, ShanghaiBlockHeader
from eth.vm.forks.shanghai.state import ShanghaiState, ShanghaiTransactionExecutor
from eth.vm.spoof import SpoofTransaction
from eth_utils import ValidationError, keccak
from rlp.exceptions import DecodingError, DeserializationError, SerializationError

from ledger.chain.embedded.interpreter import LedgerComputation
from ledger.chain.embedded.nodes import NodeDB
from ledger.chain.engine import BLOCK_FULL, EXECUTION_REVERTED, INVALID_PARAMS, SERVER_ERROR
from ledger.errors import RpcError

MAX_TRANSACTION = 512 * 1024  # bytes; geth's pool takes 128 KiB, a submission of many lots needs more
POST_MERGE_NONCE = bytes(8)
STATUS_GOOD = b"\x01"  # EIP-658

Header = Any  # eth.vm.forks.shanghai.blocks.ShanghaiBlockHeader; py-evm ships no types
Transaction = Any
Computation = Any


@dataclass(frozen=True, slots=True)
class Message:
    """What eth_call and eth_estimateGas execute; `gas` None means the block's limit."""

    to: bytes
    data: bytes
    sender: bytes = bytes(20)
    value: int = 0
    gas: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a transaction cannot be in this block (JSON-RPC code and message)."""

    rpc_code: int
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one transaction: refused with `error`, or sealed with its status and return data."""

    transaction_hash: bytes
    error: Refusal | None = None
    success: bool = False
    output: bytes = b""


@dataclass(frozen=True, slots=True)
class Built:
    """A finished block before it is stored."""

    header: Header
    transactions: tuple[Transaction, ...]
    receipts: tuple[Any, ...]
    outcomes: list[Outcome]


class _Executor(ShanghaiTransactionExecutor):  # type: ignore[misc]
    def validate_transaction(self, transaction: Transaction) -> None:
        """`Machine.decode` has checked the transaction by itself; here it is checked against the state."""
        self.vm_state.validate_transaction(transaction)


class _PlainState(ShanghaiState):  # type: ignore[misc]
    transaction_executor_class = _Executor


class _State(_PlainState):
    computation_class = LedgerComputation


class _LedgerVM(ShanghaiVM):  # type: ignore[misc]  # py-evm ships no types
    _state_class = _State
    ancestors: Iterator[bytes] = iter(())

    @property
    def previous_hashes(self) -> Iterator[bytes]:
        return self.ancestors

    @classmethod
    def validate_receipt(cls, receipt: Any) -> None:
        """The receipt was made by this same VM one line earlier; its bloom is not looked at twice."""


class _PlainVM(_LedgerVM):
    _state_class = _PlainState


class _Database:
    """The only part of py-evm's chain database that executing transactions touches."""

    def __init__(self, db: NodeDB) -> None:
        self.db = db


class Machine:
    """Executes blocks and calls for one chain id. `ancestors(hash)` yields a block's hash and its ancestors'.

    `plain` runs py-evm's own loop instead of the faster one, for audits and comparisons.
    """

    def __init__(self, chain_id: int, ancestors: Callable[[bytes], Iterator[bytes]], *, plain: bool = False) -> None:
        self._vm_class = _PlainVM if plain else _LedgerVM
        self._context = ChainContext(chain_id)
        self.chain_id = chain_id
        self._ancestors = ancestors

    def _vm(self, header: Header, db: NodeDB) -> Any:
        vm = self._vm_class(header, _Database(db), self._context, None)
        vm.ancestors = self._ancestors(header.parent_hash)
        return vm

    def state(self, header: Header, db: NodeDB) -> Any:
        """The state after the block of `header`, in that block's own context."""
        return self._vm(header, db).state

    def build(self, parent: Header, transactions: Sequence[Transaction], timestamp: int, db: NodeDB) -> Built:
        """Execute `transactions` on `parent`'s state; those that may not be included are left out, with a reason."""
        base = _child(parent, timestamp)
        vm = self._vm(base, db)
        header, bloom = base, 0
        kept: list[Transaction] = []
        receipts: list[Any] = []
        outcomes: list[Outcome] = []
        for tx in transactions:
            refusal = self._refusal(vm.state, header, tx)
            if refusal is not None:
                outcomes.append(Outcome(tx.hash, refusal))
                continue
            try:  # py-evm raises ValidationError before a transaction changes any state
                receipt, computation = vm.apply_transaction(header, tx)
            except ValidationError as error:
                outcomes.append(Outcome(tx.hash, Refusal(SERVER_ERROR, str(error))))
                continue
            header = header.copy(gas_used=receipt.gas_used)
            bloom |= receipt.bloom
            kept.append(tx)
            receipts.append(receipt)
            outcomes.append(Outcome(tx.hash, None, not computation.is_error, bytes(computation.output)))
        vm.state.persist()
        header = header.copy(
            bloom=bloom,
            state_root=vm.state.state_root,
            transaction_root=make_trie_root_and_nodes(tuple(kept))[0],
            receipt_root=make_trie_root_and_nodes(tuple(receipts))[0],
        )
        return Built(header, tuple(kept), tuple(receipts), outcomes)

    @staticmethod
    def _refusal(state: Any, header: Header, tx: Transaction) -> Refusal | None:
        """The refusals a client must be able to tell apart, in geth's words."""
        nonce = state.get_nonce(tx.sender)
        if tx.nonce < nonce:
            return Refusal(SERVER_ERROR, f"nonce too low: next nonce {nonce}, tx nonce {tx.nonce}")
        if tx.nonce > nonce:
            return Refusal(SERVER_ERROR, f"nonce too high: next nonce {nonce}, tx nonce {tx.nonce}")
        if tx.gas > header.gas_limit:
            return Refusal(SERVER_ERROR, f"exceeds block gas limit: {header.gas_limit}, tx gas {tx.gas}")
        if header.gas_used + tx.gas > header.gas_limit:
            return Refusal(BLOCK_FULL, f"the block is full: {header.gas_limit - header.gas_used} gas left")
        return None

    def call(self, header: Header, message: Message, db: NodeDB) -> Computation:
        """Execute without keeping anything; raises RpcError when the message itself is unacceptable."""
        vm = self._vm(header, db)
        state = vm.state
        try:
            unsigned = vm.create_unsigned_transaction(
                nonce=state.get_nonce(message.sender),
                gas_price=0,
                gas=header.gas_limit if message.gas is None else min(message.gas, header.gas_limit),
                to=message.to,
                value=message.value,
                data=message.data,
            )
            if unsigned.intrinsic_gas > unsigned.gas:
                raise RpcError(f"intrinsic gas too low: need {unsigned.intrinsic_gas}", rpc_code=SERVER_ERROR)
            return state.costless_execute_transaction(SpoofTransaction(unsigned, from_=message.sender))
        except ValidationError as error:
            raise RpcError(str(error), rpc_code=SERVER_ERROR) from error

    def decode(self, raw: bytes) -> Transaction:
        """A signed transaction from its EIP-2718 bytes; raises RpcError when it can never be accepted here."""
        if not 0 < len(raw) <= MAX_TRANSACTION:
            raise RpcError(f"a transaction has 1 to {MAX_TRANSACTION} bytes", rpc_code=INVALID_PARAMS)
        try:
            tx = ShanghaiBlock.get_transaction_builder().decode(raw)
            if tx.encode() != raw:
                raise RpcError("the transaction is not in its canonical encoding", rpc_code=INVALID_PARAMS)
            tx.validate()  # fields, intrinsic gas and the signature
            chain_id = tx.chain_id
        except (
            ValidationError, UnrecognizedTransactionType, DecodingError, DeserializationError, SerializationError,
            TypeError, ValueError, IndexError,
        ) as error:  # fmt: skip
            raise RpcError(f"unacceptable transaction: {error}", rpc_code=SERVER_ERROR) from error
        if chain_id != self.chain_id:
            raise RpcError(
                f"the transaction is signed for chain {chain_id}, this is {self.chain_id}", rpc_code=SERVER_ERROR
            )
        return tx


def revert_error(computation: Computation) -> RpcError:
    """The JSON-RPC error for a failed execution: code 3 with the revert data, as geth answers."""
    output = bytes(computation.output)
    if output:
        return RpcError("execution reverted", rpc_code=EXECUTION_REVERTED, data="0x" + output.hex())
    name = type(computation.error).__name__
    if name == "Revert":
        return RpcError("execution reverted", rpc_code=EXECUTION_REVERTED, data="0x")
    return RpcError(f"execution failed: {name}", rpc_code=SERVER_ERROR)


def _child(parent: Header, timestamp: int) -> Header:
    return ShanghaiBlockHeader(
        parent_hash=parent.hash,
        coinbase=bytes(20),
        state_root=parent.state_root,
        difficulty=0,
        block_number=parent.block_number + 1,
        gas_limit=parent.gas_limit,
        gas_used=0,
        timestamp=max(timestamp, parent.timestamp),
        extra_data=b"",
        # prevrandao (EIP-4399): predictable, and no contract of this ledger may use it
        mix_hash=keccak(parent.hash),
        nonce=POST_MERGE_NONCE,
        base_fee_per_gas=0,
    )


pending_header = _child  # the context a transaction sent now would run in


def genesis_header(timestamp: int, extra_data: bytes, gas_limit: int, state_root: bytes) -> Header:
    """Block 0."""
    return ShanghaiBlockHeader(
        state_root=state_root,
        difficulty=0,
        block_number=0,
        gas_limit=gas_limit,
        timestamp=timestamp,
        extra_data=extra_data,
        nonce=POST_MERGE_NONCE,
        base_fee_per_gas=0,
    )


@lru_cache(maxsize=512)
def decode_header(raw: bytes) -> Header:
    """A stored header; its hash is keccak256 of `raw`."""
    return rlp.decode(raw, ShanghaiBlockHeader)


def decode_receipt(raw: bytes) -> Any:
    """A stored receipt (EIP-2718)."""
    return ShanghaiBlock.get_receipt_builder().decode(raw)


def decode_stored_transaction(raw: bytes) -> Transaction:
    """A transaction from a stored body: it was checked when it was sealed."""
    return ShanghaiBlock.get_transaction_builder().decode(raw)


def roots(transactions: Sequence[Transaction], receipts: Sequence[Any]) -> tuple[bytes, bytes]:
    """(transactionsRoot, receiptsRoot)."""
    return make_trie_root_and_nodes(tuple(transactions))[0], make_trie_root_and_nodes(tuple(receipts))[0]
