"""Consensus encodings (RLP, EIP-2718) of headers, transactions and receipts, rebuilt from an engine's JSON.

For engines without the debug_getRaw* methods. Nothing is believed: a header must have the block's hash, a
transaction its hash, the receipts the header's receiptsRoot; otherwise EngineUnavailable (for example QBFT, whose
header hash leaves out part of extraData).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rlp
from eth_utils import keccak
from trie import HexaryTrie

from ledger.chain.sending import data, number
from ledger.errors import EngineUnavailable

# After the 15 members of the yellow paper, in the order in which forks added them.
_LATER = (
    ("baseFeePerGas", number),  # EIP-1559
    ("withdrawalsRoot", data),  # EIP-4895
    ("blobGasUsed", number),  # EIP-4844
    ("excessBlobGas", number),
    ("parentBeaconBlockRoot", data),  # EIP-4788
    ("requestsHash", data),  # EIP-7685
)


def header(block: dict[str, Any]) -> bytes:
    """RLP header of a block object."""
    fields: list[int | bytes] = [
        data(block, "parentHash"),
        data(block, "sha3Uncles"),
        data(block, "miner"),
        data(block, "stateRoot"),
        data(block, "transactionsRoot"),
        data(block, "receiptsRoot"),
        data(block, "logsBloom"),
        number(block, "difficulty"),
        number(block, "number"),
        number(block, "gasLimit"),
        number(block, "gasUsed"),
        number(block, "timestamp"),
        data(block, "extraData"),
        data(block, "mixHash"),
        data(block, "nonce"),
    ]
    wanted = data(block, "hash")
    for raw in _candidates(fields, block):
        if keccak(raw) == wanted:
            return raw
    raise EngineUnavailable(
        f"the header of block {number(block, 'number')} cannot be rebuilt: its members do not give its hash",
        hint="use an engine with debug_getRawHeader",
    )


def _candidates(fields: list[int | bytes], block: dict[str, Any]) -> list[bytes]:
    # Engines show members of later forks than the one that made the block, so every prefix is tried.
    found = [_list(fields)]
    for name, read in _LATER:
        if block.get(name) is None:
            break
        fields = [*fields, read(block, name)]
        found.append(_list(fields))
    return found[::-1]


def transaction(tx: dict[str, Any]) -> bytes:
    """EIP-2718 bytes of a transaction object of type 0, 1 or 2."""
    kind = number(tx, "type") if tx.get("type") is not None else 0
    to = data(tx, "to") if tx.get("to") else b""
    middle: list[Any] = [number(tx, "gas"), to, number(tx, "value"), data(tx, "input")]
    signature = [number(tx, "r"), number(tx, "s")]
    if kind == 0:
        raw = _list([number(tx, "nonce"), number(tx, "gasPrice"), *middle, number(tx, "v"), *signature])
    elif kind in (1, 2):
        names = ["gasPrice"] if kind == 1 else ["maxPriorityFeePerGas", "maxFeePerGas"]
        accesses = [[data(a, "address"), [bytes.fromhex(k[2:]) for k in a["storageKeys"]]] for a in tx["accessList"]]
        parity = number(tx, "yParity") if tx.get("yParity") is not None else number(tx, "v")
        raw = bytes([kind]) + _list(
            [
                number(tx, "chainId"),
                number(tx, "nonce"),
                *(number(tx, name) for name in names),
                *middle,
                accesses,
                parity,
                *signature,
            ]
        )
    else:
        raise EngineUnavailable(f"transactions of type {kind} are not of this ledger")
    if keccak(raw) != data(tx, "hash"):
        raise EngineUnavailable("a transaction cannot be rebuilt: its members do not give its hash")
    return raw


def receipts(answers: Sequence[dict[str, Any]], root: bytes) -> list[bytes]:
    """EIP-2718 bytes of a block's receipts, in order; together they must have `root`."""
    found = []
    for answer in answers:
        kind = number(answer, "type") if answer.get("type") is not None else 0
        logs = [
            [data(log, "address"), [bytes.fromhex(t[2:]) for t in log["topics"]], data(log, "data")]
            for log in answer["logs"]
        ]
        body = _list([number(answer, "status"), number(answer, "cumulativeGasUsed"), data(answer, "logsBloom"), logs])
        found.append(body if kind == 0 else bytes([kind]) + body)
    if _root(found) != root:
        raise EngineUnavailable("the receipts of a block cannot be rebuilt: they do not give its receiptsRoot")
    return found


def _root(items: Sequence[bytes]) -> bytes:
    trie = HexaryTrie({})
    for index, item in enumerate(items):
        trie[rlp.encode(index)] = item
    return bytes(trie.root_hash)


def _list(fields: Sequence[Any]) -> bytes:
    return bytes(rlp.encode([_item(field) for field in fields]))


def _item(field: Any) -> Any:
    if isinstance(field, int):
        return field.to_bytes((field.bit_length() + 7) // 8, "big")
    return field
