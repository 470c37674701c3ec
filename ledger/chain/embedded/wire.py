"""JSON-RPC forms of blocks, transactions, receipts and logs, and the strict reading of parameters.

Forms follow execution-apis ("eth" namespace) as web3.py, ethers and cast read them. Every parameter error is
`RpcError` -32602 with the reason; nothing here touches state.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import rlp
from eth._utils.address import generate_contract_address

from ledger.chain.embedded.machine import MAX_TRANSACTION, STATUS_GOOD, Header, Message, Transaction
from ledger.chain.embedded.node import StoredBlock
from ledger.chain.engine import INVALID_PARAMS
from ledger.errors import RpcError

MAX_QUANTITY_DIGITS = 64  # 256 bits
TAGS = frozenset({"latest", "safe", "finalized", "pending", "earliest"})
_QUANTITY = re.compile("0x[0-9a-fA-F]+")
_DATA = re.compile("0x(?:[0-9a-fA-F]{2})*")
EMPTY_LIST = rlp.encode([])


def bad(message: str) -> RpcError:
    """A parameter error."""
    return RpcError(message, rpc_code=INVALID_PARAMS)


def hexed(data: bytes) -> str:
    """0x data."""
    return "0x" + data.hex()


def quantity(value: Any, what: str = "quantity") -> int:
    """An integer from its 0x form."""
    if not isinstance(value, str) or len(value) > 2 + MAX_QUANTITY_DIGITS or not _QUANTITY.fullmatch(value):
        raise bad(f"{what} must be a 0x quantity of at most 256 bits")
    return int(value, 16)


def data(value: Any, what: str = "data", size: int | None = None) -> bytes:
    """Bytes from their 0x form, of exactly `size` bytes when given."""
    if not isinstance(value, str) or len(value) > 2 + 2 * MAX_TRANSACTION or not _DATA.fullmatch(value):
        raise bad(f"{what} must be 0x data of whole bytes, at most {MAX_TRANSACTION}")
    raw = bytes.fromhex(value[2:])
    if size is not None and len(raw) != size:
        raise bad(f"{what} must have {size} bytes, not {len(raw)}")
    return raw


def address(value: Any, what: str = "address") -> bytes:
    """A 20-byte address; the EIP-55 spelling is not looked at."""
    return data(value, what, 20)


def boolean(value: Any, what: str) -> bool:
    """A JSON boolean."""
    if not isinstance(value, bool):
        raise bad(f"{what} must be true or false")
    return value


def slot(value: Any) -> int:
    """A storage slot: a 32-byte key or a quantity, as clients differ."""
    if isinstance(value, str) and len(value) == 66:
        return int.from_bytes(data(value, "storage key", 32), "big")
    return quantity(value, "storage key")


def message(value: Any) -> Message:
    """The call object of eth_call and eth_estimateGas. Fee fields are accepted and have no effect: gas is free."""
    if not isinstance(value, dict):
        raise bad("the call must be an object")
    if "input" in value and "data" in value and value["input"] != value["data"]:
        raise bad("input and data differ")
    payload = value.get("input", value.get("data"))
    return Message(
        to=address(value["to"], "to") if value.get("to") is not None else b"",
        data=b"" if payload is None else data(payload, "data"),
        sender=address(value["from"], "from") if value.get("from") is not None else bytes(20),
        value=quantity(value["value"], "value") if value.get("value") is not None else 0,
        gas=quantity(value["gas"], "gas") if value.get("gas") is not None else None,
    )


def header_json(h: Header) -> dict[str, Any]:
    """The header members of a block object."""
    return {
        "number": hex(h.block_number),
        "hash": hexed(h.hash),
        "parentHash": hexed(h.parent_hash),
        "nonce": hexed(h.nonce),
        "sha3Uncles": hexed(h.uncles_hash),
        "logsBloom": hexed(h.bloom.to_bytes(256, "big")),
        "transactionsRoot": hexed(h.transaction_root),
        "stateRoot": hexed(h.state_root),
        "receiptsRoot": hexed(h.receipt_root),
        "miner": hexed(h.coinbase),
        "difficulty": hex(h.difficulty),
        "totalDifficulty": "0x0",  # the sum of difficulties that are all 0 after the merge
        "extraData": hexed(h.extra_data),
        "gasLimit": hex(h.gas_limit),
        "gasUsed": hex(h.gas_used),
        "timestamp": hex(h.timestamp),
        "baseFeePerGas": hex(h.base_fee_per_gas),
        "mixHash": hexed(h.mix_hash),
        "withdrawalsRoot": hexed(h.withdrawals_root),
    }


def raw_block(block: StoredBlock) -> bytes:
    """RLP of the whole block: [header, transactions, uncles, withdrawals] (EIP-4895)."""
    transactions = [raw if raw[0] >= 0xC0 else rlp.encode(raw) for raw in block.raw_transactions]
    return _rlp_list([block.row.header, _rlp_list(transactions), EMPTY_LIST, EMPTY_LIST])


def _rlp_list(encoded: Sequence[bytes]) -> bytes:
    payload = b"".join(encoded)
    if len(payload) < 56:
        return bytes([0xC0 + len(payload)]) + payload
    size = len(payload).to_bytes((len(payload).bit_length() + 7) // 8, "big")
    return bytes([0xF7 + len(size)]) + size + payload


def block_json(block: StoredBlock, full: bool) -> dict[str, Any]:
    """A block object with transaction hashes or, when `full`, transaction objects."""
    transactions: list[Any] = (
        [transaction_json(block, i) for i in range(len(block.transactions))]
        if full
        else [hexed(tx.hash) for tx in block.transactions]
    )
    return {
        **header_json(block.header),
        "size": hex(len(raw_block(block))),
        "transactions": transactions,
        "uncles": [],
        "withdrawals": [],
    }


def transaction_json(block: StoredBlock, index: int) -> dict[str, Any]:
    """A transaction object."""
    tx: Transaction = block.transactions[index]
    kind = tx.type_id or 0
    out: dict[str, Any] = {
        "hash": hexed(tx.hash),
        "blockHash": hexed(block.row.hash),
        "blockNumber": hex(block.row.number),
        "transactionIndex": hex(index),
        "type": hex(kind),
        "nonce": hex(tx.nonce),
        "from": hexed(tx.sender),
        "to": hexed(tx.to) if tx.to else None,
        "value": hex(tx.value),
        "gas": hex(tx.gas),
        "gasPrice": hex(gas_price(tx)),
        "input": hexed(tx.data),
        "chainId": hex(tx.chain_id),
        "v": hex(tx.v if kind == 0 else tx.y_parity),
        "r": hex(tx.r),
        "s": hex(tx.s),
    }
    if kind:
        out["yParity"] = hex(tx.y_parity)
        out["accessList"] = [
            {"address": hexed(who), "storageKeys": [hexed(key.to_bytes(32, "big")) for key in keys]}
            for who, keys in tx.access_list
        ]
    if kind >= 2:
        out["maxFeePerGas"] = hex(tx.max_fee_per_gas)
        out["maxPriorityFeePerGas"] = hex(tx.max_priority_fee_per_gas)
    return out


def gas_price(tx: Transaction) -> int:
    """What the sender really paid per gas: the tip, as the base fee is 0 (EIP-1559)."""
    return int(min(tx.max_fee_per_gas, tx.max_priority_fee_per_gas))


def receipt_json(block: StoredBlock, index: int) -> dict[str, Any]:
    """A receipt object."""
    tx, receipt = block.transactions[index], block.receipts[index]
    before = block.receipts[index - 1].gas_used if index else 0
    first_log = sum(len(r.logs) for r in block.receipts[:index])
    return {
        "transactionHash": hexed(tx.hash),
        "transactionIndex": hex(index),
        "blockHash": hexed(block.row.hash),
        "blockNumber": hex(block.row.number),
        "from": hexed(tx.sender),
        "to": hexed(tx.to) if tx.to else None,
        "cumulativeGasUsed": hex(receipt.gas_used),
        "gasUsed": hex(receipt.gas_used - before),
        "effectiveGasPrice": hex(gas_price(tx)),
        "contractAddress": None if tx.to else hexed(generate_contract_address(tx.sender, tx.nonce)),
        "logs": [
            log_json(
                block.row.number,
                block.row.hash,
                tx.hash,
                index,
                first_log + i,
                log.address,
                [t.to_bytes(32, "big") for t in log.topics],
                log.data,
            )
            for i, log in enumerate(receipt.logs)
        ],
        "logsBloom": hexed(receipt.bloom.to_bytes(256, "big")),
        "status": "0x1" if receipt.state_root == STATUS_GOOD else "0x0",
        "type": hex(tx.type_id or 0),
    }


def log_json(
    number: int,
    block_hash: bytes,
    tx_hash: bytes,
    tx_index: int,
    log_index: int,
    source: bytes,
    topics: Sequence[bytes],
    payload: bytes,
) -> dict[str, Any]:
    """A log object."""
    return {
        "address": hexed(source),
        "topics": [hexed(topic) for topic in topics],
        "data": hexed(payload),
        "blockNumber": hex(number),
        "blockHash": hexed(block_hash),
        "transactionHash": hexed(tx_hash),
        "transactionIndex": hex(tx_index),
        "logIndex": hex(log_index),
        "removed": False,
    }
