"""The explorer over an engine that lies: wrong code, state, headers and receipts show; searches stay bounded."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

import contracts
from ledger.chain.reader import ChainReader
from ledger.errors import EngineUnavailable, NotFound, OriginSealError, RpcError, VerificationFailed
from ledger.services.explorer import Explorer, history
from ledger.services.explorer.contract_code import recomputed_source_hash, source, sources, verify_code
from ledger.services.explorer.envelopes import open_envelope
from tests.explorer_world import CHILD, EVERYBODY, LOT, World

MEMBER = "sm3:" + EVERYBODY.hex()


@pytest.fixture
def world(explored: World) -> World:
    return explored


class Between:
    """An engine behind somebody who changes answers; counts requests by method."""

    def __init__(self, world: World, change: Callable[[str, Any, Any], Any]) -> None:
        self._engine = world.small.ledger.engine
        self.chain_id = self._engine.chain_id
        self._change = change
        self.asked: list[tuple[str, Any]] = []

    def request(self, method: str, params: Any = ()) -> Any:
        self.asked.append((method, params))
        return self._change(method, params, lambda: self._engine.request(method, params))

    def close(self) -> None: ...


def over(world: World, change: Callable[[str, Any, Any], Any]) -> tuple[Explorer, Between]:
    engine = Between(world, change)
    return Explorer(ChainReader(engine, world.small.ledger.deployment)), engine


def flipped(data: str, at: int) -> str:
    """0x data with one bit changed in byte `at`."""
    raw = bytearray.fromhex(data[2:])
    raw[at] ^= 1
    return "0x" + raw.hex()


# ------------------------------------------------------------------------------------------------------- code


def lots_code(world: World) -> bytes:
    address = world.small.ledger.deployment.address("Lots")
    return bytes.fromhex(world.small.ledger.engine.request("eth_getCode", ["0x" + address.hex(), "latest"])[2:])


def test_code_is_verified_with_its_immutables_named(world: World) -> None:
    page = world.explorer().contract("Submissions")
    assert page.line.verified and all(check.holds for check in page.checks)
    means = {item.means for item in page.immutables}
    assert means == {"SM3Hasher", "SM2Verifier", "Members", "Lots", "Trades", "DOMAIN"}
    assert [line.verified for line in world.explorer().contracts().items] == [True] * 6
    assert page.recomputed_source_hash is None  # SafeCast comes from an npm package
    assert (
        world.explorer().contract("SM2Verifier").recomputed_source_hash == contracts.artifact("SM2Verifier").source_hash
    )


@pytest.mark.parametrize("at", [0, 100, -1])
def test_code_is_not_verified_when_one_bit_differs(world: World, at: int) -> None:
    def change(method: str, params: Any, ask: Any) -> Any:
        answer = ask()
        address = "0x" + world.small.ledger.deployment.address("Lots").hex()
        return flipped(answer, at) if method == "eth_getCode" and params[0] == address else answer

    explorer, _ = over(world, change)
    page = explorer.contract("Lots")
    assert not page.line.verified and "differs from the artifact at byte" in page.line.problem
    assert {check.id: check.holds for check in page.checks} == {"artifact": False, "recorded": False, "state": False}
    assert [line.name for line in explorer.contracts().items if not line.verified] == ["Lots"]
    assert not next(line for line in explorer.overview().contracts if line.name == "Lots").verified


def test_other_immutables_are_not_the_recorded_code(world: World) -> None:
    """Another Submissions behind Lots: the artifact's code, yet not what was deployed."""
    places = next(iter(contracts.artifact("Lots").immutable_references.values()))
    code = bytearray(lots_code(world))
    for place in places:
        code[place["start"] + place["length"] - 1] ^= 1
    assert verify_code("Lots", bytes(code)).immutables[0].means == ""

    def change(method: str, params: Any, ask: Any) -> Any:
        address = "0x" + world.small.ledger.deployment.address("Lots").hex()
        return "0x" + code.hex() if method == "eth_getCode" and params[0] == address else ask()

    page = over(world, change)[0].contract("Lots")
    assert not page.line.verified and "recorded" in page.line.problem
    code[places[0]["start"]] ^= 1
    with pytest.raises(VerificationFailed, match="several values"):
        verify_code("Lots", bytes(code))


@pytest.mark.parametrize(("cut", "words"), [(slice(0, 0), "no code"), (slice(0, -1), "bytes, the artifact")])
def test_missing_or_shorter_code_is_refused(world: World, cut: slice, words: str) -> None:
    with pytest.raises(VerificationFailed, match=words):
        verify_code("Lots", lots_code(world)[cut])


def test_sources_are_those_of_the_compiler_script() -> None:
    from scripts.compile_contracts import LIBRARIES, closure, source_hash

    for name in contracts.names():
        listed = sources(name)
        assert listed[0].path == contracts.artifact(name).source
        if all(file.included for file in listed):
            found = closure(listed[0].path, {})
            assert set(found) == {file.path for file in listed}
            assert source_hash(found) == recomputed_source_hash(name) == contracts.artifact(name).source_hash
        elif (LIBRARIES / "@openzeppelin").is_dir():
            assert set(closure(listed[0].path, {})) == {file.path for file in listed}
        for file in listed:
            assert file.included == file.path.startswith("contracts/src/") and file.text == ""
            if file.included:
                assert source(name, file.path).text.startswith("// SPDX-License-Identifier")


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../../pyproject.toml", "contracts/src/../../pyproject.toml", "contracts/src/Lots.sol\x00",
     "contracts/src/Trades.sol", "contracts/artifacts/Lots.json", "@openzeppelin/../../x", "contracts/src"],
)  # fmt: skip
def test_path_that_is_no_source_of_the_contract_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        source("Lots", path)


# ------------------------------------------------------------------------------------------------------ blocks


def test_block_check_fails_when_the_header_has_another_hash(world: World) -> None:
    def change(method: str, params: Any, ask: Any) -> Any:
        return flipped(ask(), -1) if method == "debug_getRawHeader" else ask()

    view = over(world, change)[0].block("3")
    assert [check.id for check in view.checks if not check.holds] == ["hash"]


def test_block_check_fails_when_a_receipt_is_altered(world: World) -> None:
    def change(method: str, params: Any, ask: Any) -> Any:
        answer = ask()
        return [flipped(answer[0], -1), *answer[1:]] if method == "debug_getRawReceipts" else answer

    view = over(world, change)[0].block("3")
    assert [check.id for check in view.checks if not check.holds] == ["receipts"]


def test_block_check_fails_when_a_transaction_is_left_out(world: World) -> None:
    def change(method: str, params: Any, ask: Any) -> Any:
        answer = ask()
        if method == "eth_getBlockByNumber" and params[0] == "0x5":
            return {**answer, "transactions": answer["transactions"][:1]}
        return answer[:1] if method == "debug_getRawReceipts" else answer

    view = over(world, change)[0].block("5")
    assert [check.id for check in view.checks if not check.holds] == ["transactions", "receipts"]


def test_altered_transaction_is_no_answer(world: World) -> None:
    def change(method: str, params: Any, ask: Any) -> Any:
        answer = ask()
        return {**answer, "input": answer["input"] + "00"} if method == "eth_getTransactionByHash" else answer

    with pytest.raises(EngineUnavailable):
        over(world, change)[0].transaction(world.hash("admit"))


def test_accepted_event_that_says_something_else_shows(world: World) -> None:
    def change(method: str, params: Any, ask: Any) -> Any:
        answer = ask()
        if method == "eth_getTransactionReceipt":
            first = answer["logs"][0]
            answer = {**answer, "logs": [{**first, "data": flipped(first["data"], 0)}, *answer["logs"][1:]]}
        return answer

    view = over(world, change)[0].transaction(world.hash("register"))
    assert [check.id for check in view.checks if not check.holds] == ["accepted"]


def test_refused_call_is_executed_again_only_once(world: World) -> None:
    explorer, engine = over(world, lambda method, params, ask: ask())
    first = explorer.transaction(world.hash("again"))
    executed = [params for method, params in engine.asked if method == "eth_call" and params[1] != "latest"]
    assert len(executed) == 2  # before the block, which accepts it, and after it
    assert explorer.transaction(world.hash("again")) == first
    assert [params for method, params in engine.asked if method == "eth_call" and params[1] != "latest"] == executed


@pytest.mark.parametrize("raw", [b"", b"\x00", b"\x03\xc0", b"\xc0", b"\xff" * 40, b"\x02" + b"\xc1\x80"])
def test_bytes_that_are_no_transaction_are_no_answer(raw: bytes) -> None:
    with pytest.raises(EngineUnavailable):
        open_envelope(raw)


# ------------------------------------------------------------------------------------------------------- state


def test_altered_state_is_refused_by_its_proof(world: World) -> None:
    def change(method: str, params: Any, ask: Any) -> Any:
        answer = ask()
        if method == "eth_getProof" and answer["storageProof"]:
            nodes = answer["storageProof"][0]["proof"]
            nodes[-1] = flipped(nodes[-1], -1)
        return answer

    explorer, _ = over(world, change)
    for ask in (lambda: explorer.member(MEMBER), lambda: explorer.lot("sm3:" + LOT.hex())):
        with pytest.raises(VerificationFailed):
            ask()


def test_stated_value_that_the_proof_does_not_show_is_not_shown(world: World) -> None:
    def change(method: str, params: Any, ask: Any) -> Any:
        answer = ask()
        if method == "eth_getProof":
            for item in answer["storageProof"]:
                item["value"] = "0x1"
        return answer

    assert over(world, change)[0].member(MEMBER) == Explorer(world.chain).member(MEMBER)


def test_hidden_key_shows_in_the_count_of_usable_keys(world: World) -> None:
    added = "0x" + world.chain.abi("Members").event("KeyAdded").digest.hex()

    def change(method: str, params: Any, ask: Any) -> Any:
        answer = ask()
        if method == "eth_getLogs":
            return [log for log in answer if log["topics"][0] != added]
        return answer

    checks = {check.id: check.holds for check in over(world, change)[0].member("sm3:" + boss(world)).checks}
    assert checks["usable-keys"]  # the latest key is in the state, whatever events say

    def hide_latest(method: str, params: Any, ask: Any) -> Any:
        answer = ask()
        latest = "0x" + world.keys["second"].public.key_id.hex()
        return [log for log in answer if latest not in log["topics"]] if method == "eth_getLogs" else answer

    checks = {check.id: check.holds for check in over(world, hide_latest)[0].member(MEMBER).checks}
    assert not checks["usable-keys"]


def boss(world: World) -> str:
    from ledger.domain.members import member_id
    from tests.small_ledger import AUTHORITY

    return member_id(AUTHORITY.uscc).hex()


def test_hidden_entry_of_a_lot_shows_in_its_accumulator(world: World) -> None:
    extended = "0x" + world.chain.abi("Lots").event("LotExtended").digest.hex()

    def change(method: str, params: Any, ask: Any) -> Any:
        answer = ask()
        if method == "eth_getLogs":
            found = [log for log in answer if log["topics"][0] == extended]
            return [log for log in answer if not found or log is not found[0]]
        return answer

    checks = {check.id: check.holds for check in over(world, change)[0].lot("sm3:" + LOT.hex()).checks}
    assert checks == {"newest": True, "folded": False, "entries": False}


def test_altered_step_of_a_lot_shows_on_a_page_of_its_entries(world: World) -> None:
    """Also where only some entries are on the page: each must follow from the one before."""
    extended = "0x" + world.chain.abi("Lots").event("LotExtended").digest.hex()
    child = "0x" + CHILD.hex()

    def change(method: str, params: Any, ask: Any) -> Any:
        answer = ask()
        if method != "eth_getLogs":
            return answer
        # the root is the first of the event's words
        return [{**log, "data": flipped(log["data"], 0)} if log["topics"][0] == extended else log for log in answer]

    checks = {check.id: check.holds for check in over(world, change)[0].lot("sm3:" + LOT.hex(), None, 5).checks}
    assert checks == {"newest": True, "folded": False}
    assert world.explorer().lot("sm3:" + child[2:]).checks[1].holds


# ---------------------------------------------------------------------------------------------- a poor engine


def test_engine_without_raw_methods_gives_the_same_answers(world: World) -> None:
    def change(method: str, params: Any, ask: Any) -> Any:
        if method.startswith("debug_"):
            raise RpcError("the method does not exist", rpc_code=-32601)
        return ask()

    def bare(view: Any) -> Any:
        return dataclasses.replace(view, requests=())

    plain, rich = over(world, change)[0], Explorer(world.chain)
    for name in ("0", "1", "5", "8"):
        assert bare(plain.block(name)) == bare(rich.block(name))
        assert plain.header(name) == rich.header(name)
    for name in world.sent:
        assert bare(plain.transaction(world.hash(name))) == bare(rich.transaction(world.hash(name)))
    assert plain.member(MEMBER) == rich.member(MEMBER)
    for view in (plain.block("5"), plain.transaction(world.hash("trade"))):
        for each in view.requests:
            assert not each.method.startswith("debug_")
            assert world.chain.engine.request(each.method, each.params) is not None


# ------------------------------------------------------------------------------------------------------ search


def test_windows_shrink_when_the_engine_refuses_a_range(world: World) -> None:
    def change(method: str, params: Any, ask: Any) -> Any:
        if method == "eth_getLogs" and int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) >= 3:
            raise RpcError("query returned more than 3 blocks", rpc_code=-32005)
        return ask()

    explorer, engine = over(world, change)
    assert explorer.governance(size=100).items == Explorer(world.chain).governance(size=100).items
    assert explorer.blocks(None, 50) == Explorer(world.chain).blocks(None, 50)
    assert len(engine.asked) < 100


def test_engine_that_refuses_every_log_is_unavailable(world: World) -> None:
    def change(method: str, params: Any, ask: Any) -> Any:
        if method == "eth_getLogs":
            raise RpcError("no logs here", rpc_code=-32601)
        return ask()

    explorer, engine = over(world, change)
    with pytest.raises(EngineUnavailable):
        explorer.governance()
    with pytest.raises(EngineUnavailable):
        explorer.blocks()
    assert sum(method == "eth_getLogs" for method, _ in engine.asked) < 2 * history.MAX_STEPS


def test_search_ends_within_its_steps_on_a_chain_of_any_length(world: World) -> None:
    def change(method: str, params: Any, ask: Any) -> Any:
        return [] if method == "eth_getLogs" else ask()

    engine = Between(world, change)
    access = history.Access(ChainReader(engine, world.small.ledger.deployment))
    wanted = [history.Filter("Members", [history.topic(access, "Members", "RolesChanged")])]
    found = history.search(access, wanted, 10, 10**9)
    assert found.events == () and sum(method == "eth_getLogs" for method, _ in engine.asked) == history.MAX_STEPS
    assert found.before is not None and found.searched_from == found.before.block
    assert 10**9 - found.searched_from > 800_000
    following = history.search(access, wanted, 10, 10**9, found.before)
    assert following.searched_from < found.searched_from


@pytest.mark.parametrize("answer", [None, {}, "0x", [1], [{}], [{"address": "0x00", "topics": []}]])
def test_nonsense_logs_are_no_answer(world: World, answer: Any) -> None:
    def change(method: str, params: Any, ask: Any) -> Any:
        return answer if method == "eth_getLogs" else ask()

    with pytest.raises(OriginSealError):
        over(world, change)[0].governance()
