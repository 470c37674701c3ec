"""The faster instruction loop against py-evm's own: random programs, edge values, limits, the ledger's contracts."""

from __future__ import annotations

from typing import Any

import pytest
from chain_world import AUTHORITY, CHAIN_ID, RELAYER, Ledger, submission
from eth.constants import BLANK_ROOT_HASH
from eth.db.account import AccountDB
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ledger.chain.embedded import interpreter, translation
from ledger.chain.embedded.machine import Machine, Message, genesis_header
from ledger.chain.embedded.nodes import NodeCache, NodeDB
from ledger.errors import RpcError

TARGET, OTHER = b"\xaa" * 20, b"\xbb" * 20
EDGES = [0, 1, 2, 31, 32, 33, 64, 255, 256, 257, 2**128, 2**255 - 1, 2**255, 2**255 + 1, 2**256 - 2, 2**256 - 1]


def run(plain: bool, code: bytes, data: bytes = b"", gas: int = 200_000, other: bytes = b"") -> dict[str, Any]:
    """Everything that can be observed of running `code`."""
    db = NodeDB(NodeCache(lambda key: None))
    accounts = AccountDB(db, BLANK_ROOT_HASH)
    accounts.set_code(TARGET, code)
    accounts.set_code(OTHER, other)
    accounts.set_balance(RELAYER.address, 10**18)
    accounts.persist()
    header = genesis_header(1_700_000_000, b"", 10**9, accounts.state_root)
    machine = Machine(CHAIN_ID, lambda _: iter(()), plain=plain)
    computation = machine.call(header, Message(TARGET, data, RELAYER.address, 7, gas), db)
    return {
        "error": computation.is_error,
        "burns": computation.is_error and computation.error.burns_gas,
        "output": bytes(computation.output),
        "gas": computation.get_gas_used(),
        "refund": computation.get_gas_refund(),
        "logs": computation.get_log_entries(),
        "state": computation.state.make_state_root(),
    }


def assert_same(code: bytes, **options: Any) -> dict[str, Any]:
    fast, plain = run(False, code, **options), run(True, code, **options)
    assert fast == plain
    return plain


@pytest.fixture(autouse=True)
def translate_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Translate a run when it is reached for the first time, so that short programs are translated at all."""
    monkeypatch.setattr(interpreter, "HOT", 1)
    interpreter.program.cache_clear()


def push(value: int) -> bytes:
    size = max(1, (value.bit_length() + 7) // 8)
    return bytes([0x5F + size]) + value.to_bytes(size, "big")


RETURN_TOP = bytes.fromhex("60005260206000f3")  # MSTORE at 0, RETURN 32 bytes
ARITHMETIC = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, *range(0x10, 0x1E)]


@pytest.mark.parametrize("opcode", ARITHMETIC)
def test_every_pair_of_edge_values_gives_the_same_result(opcode: int) -> None:
    for a in EDGES:
        code = b""
        for slot, b in enumerate(EDGES):
            code += push(97) + push(b) + push(a) + bytes([opcode]) + push(32 * slot) + b"\x52"
        result = assert_same(code + push(32 * len(EDGES)) + push(0) + b"\xf3", gas=2_000_000)
        assert not result["error"]


ops = st.sampled_from(
    [
        *translation.SIMPLE - {0x56, 0x57} - set(range(0x60, 0x80)),
        0x05, 0x07, 0x0A, 0x0B, 0x1D, 0x20, 0x30, 0x32, 0x33, 0x34, 0x37, 0x39, 0x3D, 0x3E, 0x42, 0x43, 0x46, 0x53,
        0x54, 0x55, 0x55, 0x59, 0x5A, 0x5A, 0xA0, 0xA1, 0xA2,
    ]
)  # fmt: skip
values = st.sampled_from(EDGES) | st.integers(0, 2**256 - 1) | st.integers(0, 200)
piece = st.one_of(
    st.tuples(st.just("push"), values),
    st.tuples(st.just("push"), st.integers(0, 96)),
    st.tuples(st.just("op"), ops),
    st.tuples(st.just("op"), ops),
    st.tuples(st.just("op"), st.sampled_from([*range(0x80, 0xA0)])),
    st.tuples(st.sampled_from(["label", "jump", "jumpi", "call", "dynamic"]), st.integers(0, 6)),
    st.tuples(st.just("op"), st.sampled_from([0x00, 0xF3, 0xFD, 0xFE, 0x0C, 0x5F])),
)


def assemble(pieces: list[tuple[str, int]]) -> bytes:
    """Bytes of a program; jumps name labels by number, and sometimes nothing at all."""
    code, labels, patches = bytearray(), [], []
    for kind, value in pieces:
        if kind == "push":
            code += push(value)
        elif kind == "op":
            code.append(value)
        elif kind == "label":
            labels.append(len(code))
            code.append(0x5B)
        elif kind == "call":  # call OTHER with some gas, one word in and out
            code += push(32) + push(0) + push(32) + push(0) + push(0) + b"\x73" + OTHER + push(3000 * value) + b"\xf1"
        else:
            if kind == "dynamic":  # a destination that is not a constant
                code += b"\x61\0\0" + push(1) + b"\x01"
                patches.append((len(code) - 5, value, -1))
            else:
                code += b"\x61\0\0"
                patches.append((len(code) - 2, value, 0))
            code.append(0x57 if kind == "jumpi" else 0x56)
    for place, value, shift in patches:
        target = labels[value % len(labels)] if labels else value
        code[place : place + 2] = max(0, target + shift).to_bytes(2, "big")
    return bytes(code)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(piece, min_size=1, max_size=60),
    filling=st.lists(values, max_size=20),
    data=st.binary(max_size=80),
    gas=st.sampled_from([21_000, 22_000, 25_000, 60_000, 200_000]) | st.integers(21_000, 40_000),
    other=st.lists(piece, max_size=15),
)
@example(pieces=[("label", 0), ("push", 1), ("jumpi", 0), ("jump", 0)], filling=[], data=b"", gas=60_000, other=[])
def test_random_programs_do_the_same(
    pieces: list[tuple[str, int]], filling: list[int], data: bytes, gas: int, other: list[tuple[str, int]]
) -> None:
    code = b"".join(map(push, filling)) + assemble(pieces)
    gas += 16 * len(data)
    assert_same(code, data=data, gas=gas, other=assemble(other))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(code=st.binary(min_size=1, max_size=120), data=st.binary(max_size=40))
def test_random_bytes_do_the_same(code: bytes, data: bytes) -> None:
    assert_same(code, data=data, gas=60_000, other=code[::-1])


@pytest.mark.parametrize("depth", [1022, 1023, 1024, 1025])
def test_stack_limit_is_the_same(depth: int) -> None:
    result = assert_same(push(1) * depth + b"\x80\x50\x00")
    assert result["error"] == (depth >= 1024)


@pytest.mark.parametrize(
    "code", ["01", "600101", "80", "6001818150", "90", "600190", "50", "51", "52", "600052", "56", "57"]
)
def test_stack_underflow_is_the_same(code: str) -> None:
    assert assert_same(bytes.fromhex(code) + b"\x00")["error"]


def test_gas_is_counted_exactly_for_every_amount_given() -> None:
    """A loop that stores GAS in memory: every gas value from too little to enough, one by one."""
    loop = bytes.fromhex("60055b5a8160200252600190038060025760c06000f3")
    enough = assert_same(loop, gas=60_000)
    assert not enough["error"]
    need = 21_000 + enough["gas"]
    errors = [assert_same(loop, gas=gas)["error"] for gas in range(need - 120, need + 2)]
    assert errors[0] and not errors[-1]
    with pytest.raises(RpcError):
        run(False, loop, gas=20_999)


@pytest.mark.parametrize(
    "code",
    [
        "6004565b00",  # into the push's own data
        "600456605b00",  # a JUMPDEST that is data
        "6003565b00",
        "7f" + "ff" * 32 + "565b",
        "60ff60ff57",
        "600060ff5700",
        "5b6000",
        "61",  # a push without its data
        "6001600156",
        "5b5b5b00",
    ],
)
def test_jumps_and_ends_of_code_are_the_same(code: str) -> None:
    assert_same(bytes.fromhex(code))


def test_long_straight_code_is_split_and_the_same() -> None:
    body = push(3) + (push(7) + b"\x02" + push(2**256 - 5) + b"\x90\x06") * 400
    assert not assert_same(body + RETURN_TOP)["error"]


def test_translations_stay_bounded_and_results_the_same_when_a_code_has_very_many_runs() -> None:
    code = b"\x5b" * 3000 + RETURN_TOP  # every JUMPDEST begins a run of its own
    assert_same(push(3) + code)
    assert len(interpreter.program(push(3) + code).runs) == interpreter.MAX_RUNS


def test_code_of_a_creation_is_not_kept() -> None:
    db = NodeDB(NodeCache(lambda key: None))
    header = genesis_header(1_700_000_000, b"", 10**9, BLANK_ROOT_HASH)
    before = interpreter.program.cache_info().currsize
    computation = Machine(CHAIN_ID, lambda _: iter(())).call(
        header, Message(b"", bytes.fromhex("60006000f3"), gas=200_000), db
    )
    assert not computation.is_error
    assert interpreter.program.cache_info().currsize == before


def test_memory_growth_costs_the_same() -> None:
    for offset in (0, 1, 31, 32, 1000, 2**20, 2**64, 2**256 - 1):
        assert_same(push(5) + push(offset) + b"\x52" + push(offset) + b"\x51" + RETURN_TOP, gas=500_000)


def test_ledger_contracts_do_the_same(embedded: Ledger) -> None:
    """Whole submissions, good and refused, on the deployed contracts: return data, gas and state root."""
    node = embedded.engine.node
    plain = node.plain_machine()
    target, header = embedded.deployment.address("Submissions"), node.pending()
    good = submission(embedded.deployment, 1).calldata
    spoiled = bytearray(good)
    spoiled[70] ^= 1
    key = AUTHORITY.public.key_id
    gateway = embedded.gateway()
    calls = [good, bytes(spoiled), submission(embedded.deployment, 2, expiry=5).calldata, good[:100], b"\x12\x34"]
    calls += [gateway.abi("Submissions").encode_call("submissionOf", [key, 1])]
    for data in calls * 4:  # cold, then translated
        results = []
        for machine in (node.machine, plain):
            computation = machine.call(
                header, Message(target, data, RELAYER.address), NodeDB(NodeCache(node.store.node))
            )
            results.append(
                (computation.is_error, bytes(computation.output), computation.get_gas_used(),
                 computation.get_log_entries(), computation.state.make_state_root())
            )  # fmt: skip
        assert results[0] == results[1]
