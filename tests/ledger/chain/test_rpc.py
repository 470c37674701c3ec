"""The embedded engine's JSON-RPC surface: every method, every kind of bad parameter, the bounds, the JSON server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rlp
from chain_world import CHAIN_ID, MEMBER, RELAYER, FaultyEngine, Ledger, open_embedded, submission
from eth_utils import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.chain import rpcserver
from ledger.chain.embedded import EmbeddedEngine, rpc
from ledger.chain.outbox import writing
from ledger.chain.rpcserver import READ_COSTS, handle_json
from ledger.errors import EngineUnavailable, RpcError

HASH, ADDRESS = "0x" + "ab" * 32, "0x" + "cd" * 20


@pytest.fixture
def sealed(embedded: Ledger) -> Ledger:
    """A ledger with three submissions, in one block."""
    gateway = embedded.gateway()
    with writing(gateway._database) as connection:
        for nonce in (1, 2, 3):
            item = submission(embedded.deployment, nonce)
            gateway.enqueue(connection, item.id, item.calldata)
    assert len(gateway.seal_pending()) == 3
    return embedded


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    with open_embedded(tmp_path_factory.mktemp("empty")) as engine:
        yield engine


def code(engine: Any, method: str, params: Any) -> int:
    with pytest.raises(RpcError) as caught:
        engine.request(method, params)
    return caught.value.rpc_code


# ------------------------------------------------------------------------------------------- answers


def test_block_forms_agree_with_each_other(sealed: Ledger) -> None:
    ask = sealed.engine.request
    full, brief = ask("eth_getBlockByNumber", ["latest", True]), ask("eth_getBlockByNumber", ["latest", False])
    assert ask("eth_getBlockByHash", [full["hash"], True]) == full
    assert [tx["hash"] for tx in full["transactions"]] == brief["transactions"]
    raw = bytes.fromhex(ask("debug_getRawBlock", ["latest"])[2:])
    assert int(full["size"], 16) == len(raw)
    header, transactions, uncles, withdrawals = rlp.decode(raw)
    assert "0x" + keccak(rlp.encode(header)).hex() == full["hash"]
    assert (len(transactions), uncles, withdrawals) == (3, [], [])
    assert ask("debug_getRawHeader", [full["hash"]]) == "0x" + rlp.encode(header).hex()
    for i, tx in enumerate(full["transactions"]):
        assert ask("eth_getTransactionByHash", [tx["hash"]]) == tx
        assert ask("eth_getTransactionByBlockNumberAndIndex", [full["number"], hex(i)]) == tx
        assert ask("eth_getTransactionByBlockHashAndIndex", [full["hash"], hex(i)]) == tx
        assert ask("debug_getRawTransaction", [tx["hash"]]) == "0x" + rlp.encode(transactions[i]).hex()
        assert (tx["from"], tx["gasPrice"], tx["type"]) == ("0x" + RELAYER.address.hex(), "0x0", "0x0")
    assert ask("eth_getTransactionByBlockNumberAndIndex", [full["number"], "0x3"]) is None
    assert ask("eth_getBlockTransactionCountByNumber", ["latest"]) == "0x3"
    assert ask("eth_getBlockTransactionCountByHash", [full["hash"]]) == "0x3"


def test_receipts_agree_with_each_other_and_the_logs(sealed: Ledger) -> None:
    ask = sealed.engine.request
    receipts = ask("eth_getBlockReceipts", ["latest"])
    assert receipts == [ask("eth_getTransactionReceipt", [r["transactionHash"]]) for r in receipts]
    used = [int(r["gasUsed"], 16) for r in receipts]
    assert [int(r["cumulativeGasUsed"], 16) for r in receipts] == [sum(used[: i + 1]) for i in range(3)]
    assert [log for r in receipts for log in r["logs"]] == ask("eth_getLogs", [{"blockHash": receipts[0]["blockHash"]}])
    assert [int(log["logIndex"], 16) for r in receipts for log in r["logs"]] == [0, 1, 2]
    assert {r["effectiveGasPrice"] for r in receipts} == {"0x0"}
    assert len(ask("debug_getRawReceipts", ["latest"])) == 3


def test_log_filters_select_by_address_topic_and_range(sealed: Ledger) -> None:
    ask = sealed.engine.request
    submissions = "0x" + sealed.deployment.address("Submissions").hex()
    members = "0x" + sealed.deployment.address("Members").hex()
    everything = ask("eth_getLogs", [{"fromBlock": "earliest", "toBlock": "latest"}])
    accepted = everything[-1]["topics"]

    def count(**wanted: Any) -> int:
        return len(ask("eth_getLogs", [{"fromBlock": "0x0", "toBlock": "latest", **wanted}]))

    assert count(address=submissions) == 3
    assert count(address=[submissions, members]) == len(everything)
    assert count(address=ADDRESS) == 0
    assert count(topics=[accepted[0]]) == 3
    assert count(topics=[None, accepted[1]]) == 1
    assert count(topics=[accepted[0], [accepted[1], everything[-2]["topics"][1]]]) == 2
    assert count(topics=[None, None, "0x" + MEMBER.hex()]) >= 3
    assert count(topics=[[], None, None, accepted[3]]) == 3
    assert count(topics=[accepted[1]]) == 0
    assert count(address=members, topics=[accepted[0]]) == 0
    assert count(toBlock="0x0") == 0
    assert ask("eth_getLogs", [{}]) == everything[-3:]


def test_state_questions_take_every_way_to_name_a_block(sealed: Ledger) -> None:
    ask = sealed.engine.request
    who = "0x" + RELAYER.address.hex()
    head = ask("eth_getBlockByNumber", ["latest", False])
    for tag in ("latest", "safe", "finalized", "pending", head["number"], {"blockNumber": head["number"]},
                {"blockHash": head["hash"]}):  # fmt: skip
        assert ask("eth_getTransactionCount", [who, tag]) == "0x9"
    assert ask("eth_getTransactionCount", [who]) == "0x9"
    assert ask("eth_getTransactionCount", [who, "earliest"]) == "0x0"
    contract = "0x" + sealed.deployment.address("Submissions").hex()
    assert len(ask("eth_getCode", [contract])) > 1000
    assert ask("eth_getCode", [contract, "0x0"]) == "0x"
    assert ask("eth_getStorageAt", [contract, "0x0"]) == "0x" + "00" * 32


def test_estimate_is_enough_and_close(sealed: Ledger) -> None:
    item = submission(sealed.deployment, 20)
    call = {"to": "0x" + sealed.deployment.address("Submissions").hex(), "data": "0x" + item.calldata.hex()}
    gas = int(sealed.engine.request("eth_estimateGas", [call]), 16)
    sealed.engine.request("eth_call", [{**call, "gas": hex(gas)}, "pending"])
    with pytest.raises(RpcError):
        sealed.engine.request("eth_call", [{**call, "gas": hex(gas * 15 // 16)}, "pending"])
    with pytest.raises(RpcError) as caught:
        sealed.engine.request("eth_estimateGas", [{**call, "data": call["data"].replace(item.root.hex(), "77" * 32)}])
    assert caught.value.rpc_code == 3 and caught.value.data


def test_fee_questions_say_that_gas_is_free(sealed: Ledger) -> None:
    ask = sealed.engine.request
    assert (ask("eth_gasPrice"), ask("eth_maxPriorityFeePerGas")) == ("0x0", "0x0")
    history = ask("eth_feeHistory", ["0x2", "latest", [25, 75]])
    assert history["baseFeePerGas"] == ["0x0"] * 3
    assert history["reward"] == [["0x0", "0x0"]] * 2
    assert all(0 < ratio < 1 for ratio in history["gasUsedRatio"])


def test_typed_transactions_are_taken_and_shown(sealed: Ledger) -> None:
    from eth_account import Account

    key = Account.from_key("0x" + "44" * 32)
    fields = {"chainId": CHAIN_ID, "nonce": 0, "to": "0x" + "01" * 20, "gas": 60_000, "value": 0, "data": "0x"}
    accesses = [{"address": "0x" + "02" * 20, "storageKeys": ["0x" + "03" * 32]}]
    for extra in ({"type": 2, "maxFeePerGas": 7, "maxPriorityFeePerGas": 0}, {"type": 1, "gasPrice": 0}):
        raw = key.sign_transaction({**fields, **extra, "accessList": accesses}).raw_transaction
        tx_hash = sealed.engine.request("eth_sendRawTransaction", ["0x" + bytes(raw).hex()])
        tx = sealed.engine.request("eth_getTransactionByHash", [tx_hash])
        assert (tx["type"], tx["accessList"][0]["storageKeys"]) == (hex(extra["type"]), ["0x" + "03" * 32])
        assert sealed.engine.request("eth_getTransactionReceipt", [tx_hash])["effectiveGasPrice"] == "0x0"
        assert sealed.engine.request("debug_getRawTransaction", [tx_hash]) == "0x" + bytes(raw).hex()
        block = sealed.engine.request("debug_getRawBlock", ["latest"])
        assert rlp.decode(bytes.fromhex(block[2:]))[1] == [bytes(raw)]
        fields["nonce"] += 1


# ------------------------------------------------------------------------------------------- refusals

BAD_PARAMETERS = [
    ("eth_getBlockByNumber", []),
    ("eth_getBlockByNumber", ["latest", False, 1]),
    ("eth_getBlockByNumber", [5, False]),
    ("eth_getBlockByNumber", ["10", False]),
    ("eth_getBlockByNumber", ["0x", False]),
    ("eth_getBlockByNumber", ["0xzz", False]),
    ("eth_getBlockByNumber", ["0x1_0", False]),
    ("eth_getBlockByNumber", ["newest", False]),
    ("eth_getBlockByNumber", ["latest", "yes"]),
    ("eth_getBlockByHash", ["0x12", False]),
    ("eth_getBlockByHash", [None, False]),
    ("eth_getTransactionReceipt", ["ab" * 32]),
    ("eth_getTransactionReceipt", [HASH + "0"]),
    ("eth_getTransactionByBlockNumberAndIndex", ["latest", 0]),
    ("eth_getBalance", ["0x" + "00" * 19]),
    ("eth_getBalance", [{"address": ADDRESS}]),
    ("eth_getBalance", [ADDRESS, {}]),
    ("eth_getStorageAt", [ADDRESS, "slot"]),
    ("eth_call", ["0x"]),
    ("eth_call", [{"to": "0x12"}]),
    ("eth_call", [{"to": ADDRESS, "data": "0x0"}]),
    ("eth_call", [{"to": ADDRESS, "data": "0x00", "input": "0x01"}]),
    ("eth_call", [{"to": ADDRESS, "gas": 5}]),
    ("eth_call", [{"to": ADDRESS, "value": "0x" + "f" * 65}]),
    ("eth_getLogs", [[]]),
    ("eth_getLogs", [{"topics": "0x"}]),
    ("eth_getLogs", [{"topics": [None] * 5}]),
    ("eth_getLogs", [{"topics": [["0x12"]]}]),
    ("eth_getLogs", [{"address": [ADDRESS, 3]}]),
    ("eth_getLogs", [{"fromBlock": "0x5", "toBlock": "0x4"}]),
    ("eth_getLogs", [{"blockHash": HASH, "fromBlock": "0x0"}]),
    ("eth_getProof", [ADDRESS, "0x0"]),
    ("eth_getProof", [ADDRESS, ["0x0"] * 257]),
    ("eth_feeHistory", ["0x0", "latest"]),
    ("eth_feeHistory", [True, "latest"]),
    ("eth_feeHistory", ["0x1", "latest", "x"]),
    ("eth_sendRawTransaction", ["0x"]),
    ("eth_sendRawTransaction", [5]),
    ("eth_sendRawTransaction", ["0x " + "00" * 20]),
    ("eth_chainId", [1]),
    ("eth_chainId", {"a": 1}),
]


@pytest.mark.parametrize(("method", "params"), BAD_PARAMETERS)
def test_bad_parameters_are_named_as_such(empty: EmbeddedEngine, method: str, params: Any) -> None:
    assert code(empty, method, params) == -32602


@pytest.mark.parametrize(
    "method", ["eth_sign", "_number", "handle", "__class__", "", "eth_getblockbynumber", "a" * 999]
)
def test_methods_outside_the_table_do_not_exist(empty: EmbeddedEngine, method: str) -> None:
    assert code(empty, method, []) == -32601


def test_unknown_blocks_are_named_as_such_for_state(empty: EmbeddedEngine) -> None:
    for tag in ("0x63", hex(1 << 70), {"blockHash": HASH}):
        assert code(empty, "eth_getBalance", [ADDRESS, tag]) == -32001
        assert code(empty, "eth_call", [{"to": ADDRESS}, tag]) == -32001
    assert empty.request("eth_getBlockByNumber", [hex(1 << 70), False]) is None
    assert empty.request("eth_getBlockReceipts", ["0x63"]) is None


@pytest.mark.parametrize("raw", [b"\xc0", b"\x02\xc0", b"\x03" + bytes(50), b"\x80", bytes(600), b"\xf8\x01\x00"])
def test_raw_bytes_that_are_no_transaction_are_refused(empty: EmbeddedEngine, raw: bytes) -> None:
    assert code(empty, "eth_sendRawTransaction", ["0x" + raw.hex()]) == -32000


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(raw=st.binary(min_size=1, max_size=300))
def test_random_bytes_are_refused_and_change_nothing(empty: EmbeddedEngine, raw: bytes) -> None:
    with pytest.raises(RpcError):
        empty.request("eth_sendRawTransaction", ["0x" + raw.hex()])
    assert empty.request("eth_blockNumber") == "0x0"


def test_altered_transaction_is_not_the_senders(empty: EmbeddedEngine) -> None:
    raw = RELAYER.sign(nonce=0, to=b"\x01" * 20, data=b"", gas=21_000, gas_price=0, chain_id=CHAIN_ID, value=1).raw
    assert code(empty, "eth_sendRawTransaction", ["0x" + raw.hex()]) == -32000  # no balance to send from
    padded = rlp.encode([b"\0" * 0, *rlp.decode(raw)[1:-1], b"\0" + rlp.decode(raw)[-1]])
    assert code(empty, "eth_sendRawTransaction", ["0x" + padded.hex()]) == -32000


def test_log_limits_are_named_as_such(sealed: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "MAX_LOGS", 2)
    wanted = {"fromBlock": "0x0", "toBlock": "latest", "address": "0x" + sealed.deployment.address("Submissions").hex()}
    assert code(sealed.engine, "eth_getLogs", [wanted]) == -32005
    monkeypatch.setattr(rpc, "MAX_LOG_BLOCKS", 2)
    assert code(sealed.engine, "eth_getLogs", [wanted]) == -32005
    assert code(sealed.engine, "eth_getLogs", [{"address": [ADDRESS] * 101}]) == -32005


# ------------------------------------------------------------------------------------------- the JSON server


def ask(engine: Any, method: str, params: Any = (), **extra: Any) -> Any:
    return handle_json(engine, {"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params), **extra})


def test_server_answers_one_a_batch_and_a_notification(empty: EmbeddedEngine) -> None:
    assert ask(empty, "eth_chainId") == {"jsonrpc": "2.0", "id": 7, "result": hex(CHAIN_ID)}
    batch = [
        {"jsonrpc": "2.0", "id": "a", "method": "eth_blockNumber"},
        {"jsonrpc": "2.0", "method": "eth_blockNumber"},
        {"jsonrpc": "2.0", "id": 1, "method": "eth_nothing", "params": []},
        17,
    ]
    answers = handle_json(empty, json.dumps(batch).encode())
    assert [(a["id"], a.get("result"), a.get("error", {}).get("code")) for a in answers] == [
        ("a", "0x0", None),
        (1, None, -32601),
        (None, None, -32600),
    ]
    assert handle_json(empty, {"jsonrpc": "2.0", "method": "eth_blockNumber"}) is None


def test_server_passes_revert_data_on(sealed: Ledger) -> None:
    call = {"to": "0x" + sealed.deployment.address("Submissions").hex(), "data": "0x12345678"}
    error = ask(sealed.engine, "eth_call", [call])["error"]
    assert (error["code"], error["data"]) == (3, "0x")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b'{"jsonrpc":"2.0","id":NaN,"method":"eth_chainId"}', -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b'"eth_chainId"', -32600),
        (b'{"id":1,"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":5}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":{"a":1}}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[' + b"[" * 40 + b"]" * 40 + b"]}", -32700),
        (b" " * ((1 << 20) + 1), -32005),
        (json.dumps([{"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}] * 101).encode(), -32005),
    ],
)
def test_server_refuses_bad_requests(empty: EmbeddedEngine, body: bytes, expected: int) -> None:
    assert handle_json(empty, body)["error"]["code"] == expected


def test_server_refuses_deep_parameters_that_somebody_else_parsed(empty: EmbeddedEngine) -> None:
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    assert ask(empty, "eth_call", [deep])["error"]["code"] == -32602


def test_server_reads_brackets_in_strings_as_text(empty: EmbeddedEngine) -> None:
    request = {"jsonrpc": "2.0", "id": '["' + "[{" * 100, "method": "eth_chainId"}
    assert handle_json(empty, json.dumps(request).encode())["result"] == hex(CHAIN_ID)


def test_server_cannot_write(empty: EmbeddedEngine) -> None:
    raw = RELAYER.sign(nonce=0, to=b"\x01" * 20, data=b"", gas=21_000, gas_price=0, chain_id=CHAIN_ID).raw
    assert ask(empty, "eth_sendRawTransaction", ["0x" + raw.hex()])["error"]["code"] == -32601
    assert empty.request("eth_blockNumber") == "0x0"
    assert {name for name, method in rpc.METHODS.items() if method.writes} & set(READ_COSTS) == set()
    assert {name for name, method in rpc.METHODS.items() if not method.writes} == set(READ_COSTS)


def test_server_bounds_what_a_batch_costs(empty: EmbeddedEngine) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [{"to": ADDRESS}, "latest"]}
    answers = handle_json(empty, [call] * 12)
    allowed = rpcserver.MAX_COST // READ_COSTS["eth_call"]
    assert ["result" in answer for answer in answers] == [True] * allowed + [False] * (12 - allowed)
    assert answers[-1]["error"]["code"] == -32005


def test_server_caps_the_gas_of_a_call(empty: EmbeddedEngine) -> None:
    seen: list[Any] = []

    class Spy:
        chain_id = CHAIN_ID

        def request(self, method: str, params: Any = ()) -> Any:
            seen.append(params[0].get("gas"))
            return "0x"

        def close(self) -> None: ...

    for gas in (None, hex(10**9), hex(50_000)):
        ask(Spy(), "eth_call", [{"to": ADDRESS, **({} if gas is None else {"gas": gas})}])
    assert seen == [hex(rpcserver.MAX_CALL_GAS)] * 2 + [hex(50_000)]
    assert ask(empty, "eth_call", [{"to": ADDRESS, "gas": "lots"}])["error"]["code"] == -32602


def test_server_reports_an_engine_that_is_down(tmp_path: Path) -> None:
    engine = FaultyEngine(open_embedded(tmp_path))

    def down(_: Any) -> Any:
        raise EngineUnavailable("down")

    engine.faults["eth_blockNumber"] = [down]
    assert ask(engine, "eth_blockNumber")["error"] == {"code": -32603, "message": "down"}
    assert ask(engine, "eth_blockNumber")["result"] == "0x0"
    engine.close()


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    method=st.sampled_from(sorted(READ_COSTS)),
    params=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from([HASH, ADDRESS, "latest"]),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["to", "data", "address", "topics", "fromBlock", "blockHash", "x"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    ),
)
def test_server_never_raises_for_any_parameters(empty: EmbeddedEngine, method: str, params: Any) -> None:
    answer = handle_json(empty, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    assert "result" in answer or answer["error"]["code"] in (-32602, -32001, -32000, -32005, 3)
    json.dumps(answer)


CALL_NOTHING = {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [{"to": ADDRESS}, "latest"]}


def test_server_begins_no_more_calls_when_a_batch_has_used_its_time(
    empty: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpcserver, "MAX_SECONDS", 0.0)
    clock = iter([0.0, 0.0, 0.1])  # start of the request, first call, second call
    monkeypatch.setattr(rpcserver.time, "thread_time", lambda: next(clock))
    first, second = handle_json(empty, [CALL_NOTHING, CALL_NOTHING])
    assert first["result"] == "0x"
    assert second["error"]["code"] == -32005


def test_server_refuses_to_execute_when_enough_is_being_executed(
    empty: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpcserver, "EXECUTION_WAIT", 0.0)
    for _ in range(rpcserver.MAX_EXECUTIONS):
        assert rpcserver._executions.acquire(blocking=False)
    try:
        first, second = handle_json(empty, [CALL_NOTHING, {**CALL_NOTHING, "method": "eth_chainId", "params": []}])
        assert first["error"]["code"] == second["error"]["code"] == -32005, "a refused batch went on"
        assert "result" in handle_json(empty, {**CALL_NOTHING, "method": "eth_blockNumber", "params": []})
    finally:
        rpcserver._executions.release(rpcserver.MAX_EXECUTIONS)
    assert handle_json(empty, CALL_NOTHING)["result"] == "0x"
