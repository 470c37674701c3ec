"""JSON-RPC methods of the embedded engine: an explicit table, each method with its parameter counts.

A name that is not in the table does not exist (-32601); a wrong count or form is -32602; unknown blocks are -32001
for state questions and null for look-ups, as geth answers. Bounds are named constants.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.chain.embedded import wire
from ledger.chain.embedded.logs import LogFilter, find
from ledger.chain.embedded.machine import Header, Message, revert_error
from ledger.chain.embedded.node import Node, StoredBlock
from ledger.chain.engine import INVALID_PARAMS, LIMIT_EXCEEDED, METHOD_NOT_FOUND
from ledger.errors import RpcError

CLIENT_VERSION = "OriginSeal-embedded/1"
MAX_LOG_BLOCKS = 100_000  # the index makes the range cheap; this bounds what an unindexed filter can scan
MAX_LOGS = 10_000  # about 5 MB of JSON
MAX_FILTER_OPTIONS = 100  # addresses, or values of one topic
MAX_PROOF_SLOTS = 256
MAX_FEE_BLOCKS = 256
RESOURCE_NOT_FOUND = -32001  # EIP-1474
ESTIMATE_TOLERANCE = 64  # an estimate is at most 1/64 above the least gas that works


@dataclass(frozen=True, slots=True)
class Method:
    """One entry of the table."""

    run: Callable[..., Any]
    least: int = 0
    most: int = 0
    writes: bool = False


def handle(node: Node, method: str, params: Sequence[Any]) -> Any:
    """The result of one request; raises RpcError, EngineUnavailable or StorageUnavailable."""
    entry = METHODS.get(method)
    if entry is None or (entry.writes and node.read_only):
        raise RpcError(f"the method {method[:64]} does not exist or is not available", rpc_code=METHOD_NOT_FOUND)
    if not isinstance(params, (list, tuple)) or not entry.least <= len(params) <= entry.most:
        raise RpcError(f"{method} takes {entry.least} to {entry.most} parameters in a list", rpc_code=INVALID_PARAMS)
    return entry.run(node, *params)


# ------------------------------------------------------------------------------------------- naming a block


def _number(node: Node, tag: Any) -> int:
    """A block number from a tag, a quantity or an EIP-1898 object. May lie above the head."""
    if isinstance(tag, dict):
        if "blockHash" in tag:
            found = node.block_number(wire.data(tag["blockHash"], "blockHash", 32))
            if found is None:
                raise RpcError("unknown block", rpc_code=RESOURCE_NOT_FOUND)
            return found
        tag = tag.get("blockNumber")
    if isinstance(tag, str) and tag in wire.TAGS:
        # One writer, no forks: what is on disk is final, so "safe" and "finalized" are the head as well.
        return 0 if tag == "earliest" else int(node.head().block_number)
    return wire.quantity(tag, "block")


def _context(node: Node, tag: Any) -> Header:
    """The header whose state and context a question is about."""
    if tag == "pending":
        return node.pending()
    if tag == "latest":
        return node.head()
    header = node.header(_number(node, tag))
    if header is None:
        raise RpcError("unknown block", rpc_code=RESOURCE_NOT_FOUND)
    return header


def _by_hash(node: Node, block_hash: Any) -> StoredBlock | None:
    number = node.block_number(wire.data(block_hash, "block hash", 32))
    return None if number is None else node.block(number)


def _stored(node: Node, tag: Any) -> StoredBlock:
    is_hash = isinstance(tag, str) and len(tag) == 66
    block = _by_hash(node, tag) if is_hash else node.block(_number(node, tag))
    if block is None:
        raise RpcError("unknown block", rpc_code=RESOURCE_NOT_FOUND)
    return block


# ------------------------------------------------------------------------------------------- blocks


def _get_block(node: Node, tag: Any, full: Any = False) -> Any:
    block = node.block(_number(node, tag))
    full = wire.boolean(full, "the second parameter")
    return None if block is None else wire.block_json(block, full)


def _get_block_by_hash(node: Node, block_hash: Any, full: Any = False) -> Any:
    block = _by_hash(node, block_hash)
    full = wire.boolean(full, "the second parameter")
    return None if block is None else wire.block_json(block, full)


def _block_receipts(node: Node, tag: Any) -> Any:
    try:
        block = _stored(node, tag)
    except RpcError as error:
        if error.rpc_code == RESOURCE_NOT_FOUND:
            return None
        raise
    return [wire.receipt_json(block, i) for i in range(len(block.transactions))]


def _count_in(block: StoredBlock | None) -> str | None:
    return None if block is None else hex(len(block.transactions))


# ------------------------------------------------------------------------------------------- transactions


def _find(node: Node, tx_hash: Any) -> tuple[StoredBlock, int] | None:
    position = node.position(wire.data(tx_hash, "transaction hash", 32))
    if position is None:
        return None
    block = node.block(position[0])
    return None if block is None else (block, position[1])


def _transaction(node: Node, tx_hash: Any) -> Any:
    found = _find(node, tx_hash)
    return None if found is None else wire.transaction_json(*found)


def _transaction_in(block: StoredBlock | None, index: Any) -> Any:
    i = wire.quantity(index, "index")
    return None if block is None or i >= len(block.transactions) else wire.transaction_json(block, i)


def _receipt(node: Node, tx_hash: Any) -> Any:
    found = _find(node, tx_hash)
    return None if found is None else wire.receipt_json(*found)


def _send_raw(node: Node, raw: Any) -> str:
    tx = node.machine.decode(wire.data(raw, "raw transaction"))
    outcome = node.seal([tx])[0]
    if outcome.error is not None:
        raise RpcError(outcome.error.message, rpc_code=outcome.error.rpc_code)
    return wire.hexed(outcome.transaction_hash)


# ------------------------------------------------------------------------------------------- state


def _balance(node: Node, who: Any, tag: Any = "latest") -> str:
    return hex(node.state(_context(node, tag)).get_balance(wire.address(who)))


def _code(node: Node, who: Any, tag: Any = "latest") -> str:
    return wire.hexed(node.state(_context(node, tag)).get_code(wire.address(who)))


def _nonce(node: Node, who: Any, tag: Any = "latest") -> str:
    return hex(node.state(_context(node, tag)).get_nonce(wire.address(who)))


def _storage(node: Node, who: Any, slot: Any, tag: Any = "latest") -> str:
    value: int = node.state(_context(node, tag)).get_storage(wire.address(who), wire.slot(slot))
    return wire.hexed(value.to_bytes(32, "big"))


def _call(node: Node, call: Any, tag: Any = "latest") -> str:
    computation = node.call(_context(node, tag), wire.message(call))
    if computation.is_error:
        raise revert_error(computation)
    return wire.hexed(bytes(computation.output))


def _estimate(node: Node, call: Any, tag: Any = "pending") -> str:
    """The least gas that works, within 1/64: run once with all the gas, then search only if that run's own use is
    not enough (the 63/64 rule and refunds make a transaction need more than it uses)."""
    header, message = _context(node, tag), wire.message(call)
    most = min(message.gas or header.gas_limit, header.gas_limit)

    def run(gas: int) -> Any:
        return node.call(header, Message(message.to, message.data, message.sender, message.value, gas))

    computation = run(most)
    if computation.is_error:
        raise revert_error(computation)
    intrinsic = most - computation.msg.gas
    low = intrinsic + computation.get_gas_used()
    guess = min(most, low + computation.get_gas_refund() + low // ESTIMATE_TOLERANCE)
    if not run(guess).is_error:
        return hex(guess)
    low, high = guess, most
    while high - low > low // ESTIMATE_TOLERANCE:
        middle = (low + high) // 2
        low, high = (middle, high) if run(middle).is_error else (low, middle)
    return hex(high)


def _proof(node: Node, who: Any, slots: Any, tag: Any = "latest") -> dict[str, Any]:
    if not isinstance(slots, list) or len(slots) > MAX_PROOF_SLOTS:
        raise wire.bad(f"storage keys must be a list of at most {MAX_PROOF_SLOTS}")
    owner = wire.address(who)
    proof = node.proof(_context(node, tag), owner, [wire.slot(s) for s in slots])
    return {
        "address": wire.hexed(owner),
        "accountProof": [wire.hexed(n) for n in proof.nodes],
        "balance": hex(proof.account.balance),
        "nonce": hex(proof.account.nonce),
        "codeHash": wire.hexed(proof.account.code_hash),
        "storageHash": wire.hexed(proof.account.storage_root),
        "storageProof": [
            {"key": asked, "value": hex(value), "proof": [wire.hexed(n) for n in nodes]}
            for asked, (_, value, nodes) in zip(slots, proof.slots, strict=True)
        ],
    }


# ------------------------------------------------------------------------------------------- logs and fees


def _options(value: Any, size: int, what: str) -> tuple[bytes, ...]:
    if value is None:
        return ()
    listed = value if isinstance(value, list) else [value]
    if len(listed) > MAX_FILTER_OPTIONS:
        raise RpcError(f"{what}: more than {MAX_FILTER_OPTIONS} values", rpc_code=LIMIT_EXCEEDED)
    return tuple(wire.data(item, what, size) for item in listed)


def _logs(node: Node, wanted: Any) -> list[dict[str, Any]]:
    if not isinstance(wanted, dict):
        raise wire.bad("the filter must be an object")
    if wanted.get("blockHash") is not None:
        if wanted.get("fromBlock") is not None or wanted.get("toBlock") is not None:
            raise wire.bad("blockHash excludes fromBlock and toBlock")
        lo = hi = _number(node, {"blockHash": wanted["blockHash"]})
    else:
        lo = _number(node, wanted.get("fromBlock") or "latest")
        hi = _number(node, wanted.get("toBlock") or "latest")
        if lo > hi:
            raise wire.bad("fromBlock is above toBlock")
        hi = min(hi, int(node.head().block_number))
    topics = wanted.get("topics") or []
    if not isinstance(topics, list) or len(topics) > 4:
        raise wire.bad("topics must be a list of at most 4")
    if hi - lo >= MAX_LOG_BLOCKS:
        raise RpcError(f"at most {MAX_LOG_BLOCKS} blocks in one eth_getLogs", rpc_code=LIMIT_EXCEEDED)
    rows = find(
        node.store,
        LogFilter(
            lo,
            hi,
            _options(wanted.get("address"), 20, "address"),
            tuple(_options(topic, 32, "topic") for topic in topics),
        ),
        MAX_LOGS + 1,
    )
    if len(rows) > MAX_LOGS:
        raise RpcError(f"more than {MAX_LOGS} logs: ask for fewer blocks", rpc_code=LIMIT_EXCEEDED)
    out: list[dict[str, Any]] = []
    for r in rows:
        block = node.block_ids(r.block)
        out.append(
            wire.log_json(
                r.block, block.hash, block.transactions[r.position], r.position, r.idx, r.address, r.topics, r.data
            )
        )
    return out


def _fee_history(node: Node, count: Any, newest: Any, percentiles: Any = None) -> dict[str, Any]:
    wanted = count if isinstance(count, int) and not isinstance(count, bool) else wire.quantity(count, "block count")
    if not 0 < wanted <= MAX_FEE_BLOCKS:
        raise wire.bad(f"block count must be 1 to {MAX_FEE_BLOCKS}")
    if percentiles is not None and (not isinstance(percentiles, list) or len(percentiles) > 100):
        raise wire.bad("percentiles must be a list of at most 100")
    last = min(_number(node, newest), int(node.head().block_number))
    first = max(0, last - wanted + 1)
    headers = [h for h in map(node.header, range(first, last + 1)) if h is not None]
    out: dict[str, Any] = {
        "oldestBlock": hex(first),
        "baseFeePerGas": ["0x0"] * (len(headers) + 1),
        "gasUsedRatio": [h.gas_used / h.gas_limit for h in headers],
    }
    if percentiles:
        out["reward"] = [["0x0"] * len(percentiles) for _ in headers]
    return out


def _raw_receipts(node: Node, tag: Any) -> list[str]:
    return [wire.hexed(raw) for raw in _stored(node, tag).raw_receipts]


def _raw_transaction(node: Node, tx_hash: Any) -> str | None:
    found = _find(node, tx_hash)
    return None if found is None else wire.hexed(found[0].raw_transactions[found[1]])


def _head_number(node: Node) -> str:
    return hex(node.head().block_number)


METHODS: dict[str, Method] = {
    "web3_clientVersion": Method(lambda node: CLIENT_VERSION),
    "net_version": Method(lambda node: str(node.genesis.chain_id)),
    "net_listening": Method(lambda node: False),
    "eth_chainId": Method(lambda node: hex(node.genesis.chain_id)),
    "eth_blockNumber": Method(_head_number),
    "eth_syncing": Method(lambda node: False),
    "eth_accounts": Method(lambda node: []),
    "eth_gasPrice": Method(lambda node: "0x0"),
    "eth_maxPriorityFeePerGas": Method(lambda node: "0x0"),
    "eth_feeHistory": Method(_fee_history, 2, 3),
    "eth_getBlockByNumber": Method(_get_block, 1, 2),
    "eth_getBlockByHash": Method(_get_block_by_hash, 1, 2),
    "eth_getBlockReceipts": Method(_block_receipts, 1, 1),
    "eth_getBlockTransactionCountByNumber": Method(lambda node, tag: _count_in(node.block(_number(node, tag))), 1, 1),
    "eth_getBlockTransactionCountByHash": Method(lambda node, h: _count_in(_by_hash(node, h)), 1, 1),
    "eth_getTransactionByHash": Method(_transaction, 1, 1),
    "eth_getTransactionByBlockNumberAndIndex": Method(
        lambda node, tag, i: _transaction_in(node.block(_number(node, tag)), i), 2, 2
    ),
    "eth_getTransactionByBlockHashAndIndex": Method(lambda node, h, i: _transaction_in(_by_hash(node, h), i), 2, 2),
    "eth_getTransactionReceipt": Method(_receipt, 1, 1),
    "eth_getTransactionCount": Method(_nonce, 1, 2),
    "eth_getBalance": Method(_balance, 1, 2),
    "eth_getCode": Method(_code, 1, 2),
    "eth_getStorageAt": Method(_storage, 2, 3),
    "eth_call": Method(_call, 1, 2),
    "eth_estimateGas": Method(_estimate, 1, 2),
    "eth_getProof": Method(_proof, 2, 3),
    "eth_getLogs": Method(_logs, 1, 1),
    "debug_getRawHeader": Method(lambda node, tag: wire.hexed(_stored(node, tag).row.header), 1, 1),
    "debug_getRawBlock": Method(lambda node, tag: wire.hexed(wire.raw_block(_stored(node, tag))), 1, 1),
    "debug_getRawReceipts": Method(_raw_receipts, 1, 1),
    "debug_getRawTransaction": Method(_raw_transaction, 1, 1),
    "eth_sendRawTransaction": Method(_send_raw, 1, 1, writes=True),
}
