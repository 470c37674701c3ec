"""Reading the ledger's contracts through any engine: blocks, raw encodings, proofs, typed events, calls.

Knows the contracts' ABIs and addresses, not what they mean. Everything from an engine is checked for form before it
is handed on (EngineUnavailable otherwise); who needs certainty verifies proofs against a signed checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils import keccak

import contracts
from ledger.chain import rawblocks
from ledger.chain.abi import Abi, decode_event
from ledger.chain.contracts import Deployment
from ledger.chain.engine import METHOD_NOT_FOUND, Engine
from ledger.chain.finality import INSTANT, Finality
from ledger.chain.reverts import reverted
from ledger.chain.sending import Receipt, data, number, receipt
from ledger.errors import EngineUnavailable, Malformed, NotFound, RpcError

LOG_CHUNK = 1000  # blocks per eth_getLogs; the least that current engines allow by default is 5000 (Besu), 1000 is safe
CALL_GAS = 28_000_000  # fits a 30M block


@dataclass(frozen=True, slots=True)
class Block:
    """A block's identity. `time` is in Unix seconds."""

    number: int
    hash: bytes
    parent_hash: bytes
    state_root: bytes
    receipts_root: bytes
    time: int
    transactions: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SlotProof:
    """EIP-1186 proof of one storage slot."""

    slot: int
    value: int
    nodes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AccountProof:
    """EIP-1186 proof of an account and some of its slots in the state after `block`."""

    address: bytes
    block: int
    balance: int
    nonce: int
    code_hash: bytes
    storage_root: bytes
    nodes: tuple[bytes, ...]
    slots: tuple[SlotProof, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """One decoded event. (block, log_index) orders all events of the chain."""

    contract: str
    name: str
    args: dict[str, Any]
    block: int
    block_hash: bytes
    transaction_hash: bytes
    transaction_index: int
    log_index: int


class ChainReader:
    """Reads through `engine` what `deployment` names."""

    def __init__(self, engine: Engine, deployment: Deployment, finality: Finality = INSTANT) -> None:
        self.engine = engine
        self.deployment = deployment
        self.finality = finality
        self._abis = {c.name: Abi(contracts.artifact(c.name).abi) for c in deployment.contracts}
        self._names = {c.address: c.name for c in deployment.contracts}
        self._raw_methods = True  # until the engine says that it has no debug_getRaw*

    def abi(self, contract: str) -> Abi:
        """The ABI of one of the ledger's contracts."""
        return self._abis[contract]

    # ------------------------------------------------------------------------------------------------ blocks

    def height(self) -> int:
        """Number of the newest block."""
        return number({"height": self.engine.request("eth_blockNumber")}, "height")

    def final_height(self) -> int:
        """Number of the newest block that counts as final; -1 when there is none."""
        return self.finality.height(self.engine)

    def block(self, height: int) -> Block:
        """A block by number; raises NotFound above the head."""
        raw = self._block(height, full=False)
        return Block(
            number(raw, "number"),
            data(raw, "hash"),
            data(raw, "parentHash"),
            data(raw, "stateRoot"),
            data(raw, "receiptsRoot"),
            number(raw, "timestamp"),
            tuple(bytes.fromhex(tx[2:]) for tx in raw["transactions"]),
        )

    def _block(self, height: int, *, full: bool) -> dict[str, Any]:
        raw = self.engine.request("eth_getBlockByNumber", [hex(height), full])
        if raw is None:
            raise NotFound(f"the chain has no block {height}")
        if not isinstance(raw, dict) or number(raw, "number") != height:
            raise EngineUnavailable(f"the engine answered another block for {height}")
        return raw

    @property
    def raw_methods(self) -> bool:
        """Whether the engine has the debug_getRaw* methods, as far as it was asked for one."""
        return self._raw_methods

    def raw_header(self, height: int) -> bytes:
        """RLP header; its keccak256 is the block's hash."""
        raw = self._raw("debug_getRawHeader", hex(height))
        return rawblocks.header(self._block(height, full=False)) if raw is None else _bytes(raw)

    def raw_transactions(self, height: int) -> list[bytes]:
        """EIP-2718 bytes of the block's transactions, in order; each has its hash in the block."""
        block = self._block(height, full=True)
        found = []
        for tx in block["transactions"]:
            raw = self._raw("debug_getRawTransaction", tx["hash"])
            if raw is None:
                found.append(rawblocks.transaction(tx))
            elif keccak(_bytes(raw)) == data(tx, "hash"):
                found.append(_bytes(raw))
            else:
                raise EngineUnavailable("the engine's raw transaction does not have its hash")
        return found

    def raw_receipts(self, height: int) -> list[bytes]:
        """EIP-2718 bytes of the block's receipts, in order."""
        raw = self._raw("debug_getRawReceipts", hex(height))
        if raw is not None:
            return [_bytes(item) for item in raw]
        block = self._block(height, full=False)
        answers = [self.engine.request("eth_getTransactionReceipt", [tx]) for tx in block["transactions"]]
        return rawblocks.receipts(answers, data(block, "receiptsRoot"))

    def _raw(self, method: str, argument: str) -> Any:
        if not self._raw_methods:
            return None
        try:
            return self.engine.request(method, [argument])
        except RpcError as error:
            # Some nodes answer -32600 or -32604 for a method that is switched off.
            if error.rpc_code in (METHOD_NOT_FOUND, -32600, -32604):
                self._raw_methods = False
                return None
            raise NotFound(f"the chain does not have {argument}: {error.message}") from error

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        """The receipt of a transaction; None while there is none."""
        return receipt(self.engine, tx_hash)

    # ------------------------------------------------------------------------------------------------ state

    def proof(self, address: bytes, slots: Sequence[int], block: int) -> AccountProof:
        """State proof (eth_getProof) of an account and `slots` after `block`; raises NotFound when the engine does
        not have that state."""
        keys = ["0x" + slot.to_bytes(32, "big").hex() for slot in slots]
        try:
            raw = self.engine.request("eth_getProof", ["0x" + address.hex(), keys, hex(block)])
        except RpcError as error:
            raise NotFound(f"no proof at block {block}: {error.message}") from error
        try:
            if data(raw, "address") != address or len(raw["storageProof"]) != len(slots):
                raise ValueError("another account or other slots")
            return AccountProof(
                address,
                block,
                number(raw, "balance"),
                number(raw, "nonce"),
                data(raw, "codeHash"),
                data(raw, "storageHash"),
                tuple(_bytes(node) for node in raw["accountProof"]),
                tuple(
                    SlotProof(slot, number(item, "value"), tuple(_bytes(node) for node in item["proof"]))
                    for slot, item in zip(slots, raw["storageProof"], strict=True)
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise EngineUnavailable(f"the engine's proof makes no sense: {error}") from error

    def call(self, contract: str, function: str, *args: Any, block: int | str = "latest") -> Any:
        """The result of a view function after `block`. Raises RevertedOnChain with the contract's error, Malformed
        when the arguments do not fit."""
        abi = self._abis[contract]
        request = {
            "to": "0x" + self.deployment.address(contract).hex(),
            "data": "0x" + abi.encode_call(function, args).hex(),
        }
        raw = self._eth_call(request, hex(block) if isinstance(block, int) else block)
        try:
            return abi.decode_result(function, _bytes(raw))
        except Malformed as error:
            raise EngineUnavailable(f"the answer of {contract}.{function} makes no sense") from error

    def simulate(self, calldata: bytes, sender: bytes = bytes(20)) -> None:
        """Run `calldata` against Submissions as if it were sealed now; raises RevertedOnChain with the typed error
        when it would be refused. Changes nothing."""
        self._eth_call(
            {
                "from": "0x" + sender.hex(),
                "to": "0x" + self.deployment.address("Submissions").hex(),
                "data": "0x" + calldata.hex(),
                "gas": hex(CALL_GAS),
            },
            "pending",
        )

    def _eth_call(self, request: dict[str, str], tag: str) -> Any:
        try:
            return self.engine.request("eth_call", [request, tag])
        except RpcError as error:
            revert = reverted(error)
            if revert is not None:
                raise revert from error
            raise EngineUnavailable(f"the engine refused a call: {error.message}") from error

    # ------------------------------------------------------------------------------------------------ events

    def events(self, from_block: int, to_block: int, topics: Sequence[Any] = ()) -> list[Event]:
        """All events of the ledger's contracts in blocks `from_block`..`to_block` inclusive, in order."""
        return list(self.iter_events(from_block, to_block, topics))

    def iter_events(self, from_block: int, to_block: int, topics: Sequence[Any] = ()) -> Iterator[Event]:
        """Like `events`, chunk by chunk, in bounded memory."""
        addresses = ["0x" + c.address.hex() for c in self.deployment.contracts]
        to_block = min(to_block, self.height())  # some engines refuse a range above the head, some shorten it
        for low in range(from_block, to_block + 1, LOG_CHUNK):
            high = min(low + LOG_CHUNK - 1, to_block)
            wanted: dict[str, Any] = {"fromBlock": hex(low), "toBlock": hex(high), "address": addresses}
            if topics:
                wanted["topics"] = list(topics)
            raw = self.engine.request("eth_getLogs", [wanted])
            if not isinstance(raw, list):
                raise EngineUnavailable("the engine's logs are not a list")
            found = [self.decode_log(log) for log in raw]
            yield from sorted(found, key=lambda event: (event.block, event.log_index))

    def decode_log(self, log: dict[str, Any]) -> Event:
        """A log object as a typed event; raises EngineUnavailable when it is none of the ledger's."""
        name = self._names.get(data(log, "address"))
        topics = [bytes.fromhex(topic[2:]) for topic in log.get("topics", ())]
        event = self._abis[name].events.get(topics[0]) if name and topics else None
        if name is None or event is None:
            raise EngineUnavailable("the engine's log is of no event of this ledger")
        try:
            args = decode_event(event, topics, data(log, "data"))
        except Malformed as error:
            raise EngineUnavailable(f"the engine's {event.name} event cannot be decoded") from error
        return Event(
            name,
            event.name,
            args,
            number(log, "blockNumber"),
            data(log, "blockHash"),
            data(log, "transactionHash"),
            number(log, "transactionIndex"),
            number(log, "logIndex"),
        )


def _bytes(text: Any) -> bytes:
    return data({"value": text}, "value")
