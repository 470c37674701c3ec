"""The explorer over a real chain: every operation, event and refusal in words, pages at their edges, hostile names."""

from __future__ import annotations

from typing import Any

import pytest

import contracts
from ledger.domain.codes import OperationKind
from ledger.domain.members import member_id
from ledger.domain.operations import OPERATION_CLASSES
from ledger.errors import Malformed, NotFound
from ledger.services.explorer import Explorer
from ledger.services.explorer.events import EVENTS
from ledger.services.explorer.operations import OPERATIONS
from ledger.services.explorer.refusals import REASONS, words_of
from ledger.services.explorer.wording import quantity, roles, say
from tests.explorer_world import EVERYBODY, LOT, LOTS, NAMES, World
from tests.small_ledger import AUTHORITY

MEMBER = "sm3:" + EVERYBODY.hex()
LOT_ID = "sm3:" + LOT.hex()
BOSS = "sm3:" + member_id(AUTHORITY.uscc).hex()
ACCEPTED = ("admit", "register", "child", "trade", "custody", "office", "raised", "decided", "govern")


@pytest.fixture
def world(explored: World) -> World:
    return explored


@pytest.fixture
def explorer(explored: World) -> Explorer:
    return explored.explorer()


# ------------------------------------------------------------------------------------------------------- words


def test_every_operation_event_and_error_has_words() -> None:
    names = {entry["name"] for name in contracts.names() for entry in contracts.artifact(name).abi
             if entry["type"] == "error"}  # fmt: skip
    assert names | {"Reverted"} == set(REASONS)
    events = {entry["name"] for name in contracts.names() for entry in contracts.artifact(name).abi
              if entry["type"] == "event"}  # fmt: skip
    assert events == set(EVENTS)
    assert set(OPERATIONS) == set(OPERATION_CLASSES.values())


def test_every_kind_of_operation_is_decoded_into_words(world: World, explorer: Explorer) -> None:
    said = {}
    for name in ACCEPTED:
        for operation in explorer.transaction(world.hash(name)).submission.operations:
            said[name, operation.index] = operation
    assert {operation.name for operation in said.values()} == {kind.name for kind in OperationKind}
    en = " | ".join(operation.words.text("en") for operation in said.values())
    zh = " | ".join(operation.words.text("zh") for operation in said.values())
    for part in (
        "Register lot A-1: 5,000 kg",
        "1,500 kg, origin record sm3:5555555555…, drawn from A-1 2,000 kg",
        "Hand lot sm3:1212121212… over to ",
        "Change the state of lot A-1 to on hold",
        "Seal an order, record sm3:3131313131…",
        "Seal a declaration list",
        "Record the result for trade sm3:7777777777…: matched (4 documents, rules version 1), exporting base units: "
        "A-1 1,000,000",
        "Admit member Jack & all trades: roles Producer, Packhouse",
        "zone Maoming, key sm3:",
        "kept by the operator",
        "Suspend member Jack & all trades",
        "Change the roles of member Jack & all trades to Producer, Matcher",
        "Give member Jack & all trades another key sm3:",
        "Revoke key sm3:",
        "Take up office as an authority: Jack & all trades",
        "Let 2 authorities decide together",
        "Suspend member Jack & all trades at once (to be confirmed within three days)",
    ):
        assert part in en
    for part in (
        "登记批次 A-1：5,000 千克",
        "取自 A-1 2,000 千克",
        "移交给",
        "将批次 A-1 的状态改为扣留",
        "封存订单 sm3:3131313131…",
        "封存申报清单",
        "的三单比对结果：一致（4 份单证，规则版本 1），出口 A-1 1,000,000（基本单位）",
        "准入成员 万事通<b>：角色 生产者、包装厂",
        "茂名综试区",
        "由平台代管",
        "暂停成员 万事通<b>",
        "增加密钥",
        "吊销密钥 sm3:",
        "万事通<b> 就任管理机构",
        "改为须由 2 个管理机构共同决定",
        "紧急暂停成员 万事通<b>（须在三日内确认）",
    ):
        assert part in zh


def test_every_event_of_the_contracts_is_decoded_into_words(world: World, explorer: Explorer) -> None:
    events = [event for name in ACCEPTED for event in explorer.transaction(world.hash(name)).events]
    assert {event.name for event in events} == set(EVENTS)
    en = " | ".join(event.words.text("en") for event in events)
    for part in (
        "The contract verified the SM2 signature of Jack & all trades and accepted 1 record",
        "2,000,000 base units of lot A-1 went into lot sm3:1212121212…; 3,000,000 are left",
        "1,000,000 base units of lot A-1 left with trade sm3:7777777777…; 2,000,000 are left",
        "matched (1 independent signers",
        "Jack & all trades changed the state of lot A-1 to on hold",
        "proposed (round 1): Let 2 authorities decide together",
        "Jack & all trades approved proposal keccak256:",
        ": 2 of 2",
        "had enough approvals and was carried out",
        "From now on 2 authorities decide together",
        "Jack & all trades took up office as an authority",
        "suspended Jack & all trades at once; unconfirmed it lapses after 20",
    ):
        assert part in en


def test_numbers_of_unknown_meaning_are_said_not_dropped() -> None:
    assert quantity(7, 9).en == "7 (unknown unit 9)"
    assert [role.en for role in roles(1 | 1 << 31)] == ["Producer", "unknown roles 0x80000000"]
    assert [role.zh for role in roles(0)] == ["无"]
    assert words_of("SomethingNew", {"a": 1}).text("en").endswith("SomethingNew(a = 1)")
    assert quantity(1_234_567, 1).en == "1,234.567 kg" and quantity(1, 2).en == "1 piece"


def test_braces_in_a_name_are_text() -> None:
    assert say("{x}", "{x}", x="{x} {0.__class__}").text("en") == "{x} {0.__class__}"


# ------------------------------------------------------------------------------------------------ transactions


def test_submission_is_shown_with_its_signature_verified_again(world: World, explorer: Explorer) -> None:
    view = explorer.transaction(world.hash("register"))
    said = view.submission
    assert view.success and view.kind == "submission" and view.to_contract == "Submissions"
    assert said.author.id == MEMBER and said.custodial and said.nonce == "1"
    assert said.key_id == f"sm3:{world.keys['all'].public.key_id.hex()}" == f"sm3:{said.signature.z}"
    assert said.signature.holds and said.signature.public_key == world.keys["all"].public.point.hex()
    assert len(said.signature.message) == 2 * 87 and said.signature.message.startswith(said.signature.domain)
    assert [entry.lot.id for entry in said.lots] == [LOT_ID] and said.lots[0].lot.name == LOTS[LOT]
    assert view.sender == "0x" + world.relayer.address.hex() and view.nonce == 1
    assert all(check.holds for check in view.checks)
    assert [check.id for check in view.checks] == ["hash", "accepted", "signature", "state"]
    assert explorer.submission(said.id) == view.hash


@pytest.mark.parametrize(
    ("name", "error", "state"),
    [
        ("again", "SubmissionsNonceUsed", "after"),
        ("suspended", "MembersNotActive", "before"),
        ("forged", "SubmissionsWrongSignature", "before"),
        ("junk", "SubmissionsUnknownOperation", "before"),
    ],
)
def test_refusal_is_decoded_when_the_call_is_executed_again(
    world: World, explorer: Explorer, name: str, error: str, state: str
) -> None:
    view = explorer.transaction(world.hash(name))
    assert not view.success and view.events == ()
    assert (view.refusal.error, view.refusal.state) == (error, state)
    assert REASONS[error][0] in view.refusal.words.text("zh")
    assert REASONS[error][1] in view.refusal.words.text("en")
    assert f"{error}(" in view.refusal.words.text("en")


def test_forged_signature_is_shown_as_one_that_does_not_hold(world: World, explorer: Explorer) -> None:
    view = explorer.transaction(world.hash("forged"))
    assert not view.submission.signature.holds and view.submission.signature.problem
    assert [check.id for check in view.checks if not check.holds] == ["signature"]


def test_bytes_that_are_no_submission_are_shown_as_that(world: World, explorer: Explorer) -> None:
    view = explorer.transaction(world.hash("garbage"))
    assert view.submission is None and view.problem and not view.success
    junk = explorer.transaction(world.hash("junk")).submission.operations[0]
    assert junk.problem and junk.fields == {} and junk.data == "0x" + b"junk".hex()
    assert "kind 99, 4 bytes" in junk.words.text("en")


def test_refusal_is_receipt_only_when_the_engine_keeps_no_old_state(world: World) -> None:
    class Pruned:
        chain_id = world.small.ledger.engine.chain_id

        def request(self, method: str, params: Any = ()) -> Any:
            from ledger.errors import RpcError

            if method == "eth_call" and params[1] != "latest":
                raise RpcError("missing trie node", rpc_code=-32000)
            return world.small.ledger.engine.request(method, params)

        def close(self) -> None: ...

    from ledger.chain.reader import ChainReader

    view = Explorer(ChainReader(Pruned(), world.small.ledger.deployment)).transaction(world.hash("suspended"))
    assert (view.refusal.state, view.refusal.error) == ("none", "")
    assert view.submission is not None and view.submission.signature.holds


def test_deployment_is_shown_as_contracts_that_are_created(explorer: Explorer) -> None:
    lines = explorer.block("1").transactions
    assert [line.kind for line in lines] == ["creation"] * 6
    assert lines[2].words[0].text("en") == "Deploys the ledger's contract Members"
    assert "was admitted: roles Zone authority" in lines[2].words[1].text("en")
    view = explorer.transaction(lines[5].hash)
    assert view.created_contract == "Submissions" and view.to is None
    assert {check.id: check.holds for check in view.checks} == {"hash": True, "creates": True}


def test_copy_of_a_contract_is_not_taken_for_the_ledger_s(world: World, explorer: Explorer) -> None:
    view = explorer.transaction(world.hash("creation"))
    assert view.success and view.created_contract is None and view.creates
    line = explorer.block(str(view.block)).transactions[view.index]
    assert line.words[0].text("en") == "Deploys another contract with the code of Lots, not the ledger's"
    account = explorer.account(view.creates)
    assert account.contract is None and account.has_code and account.nonce == 1
    assert explorer.find(view.creates).kind == "account"


@pytest.mark.parametrize("name", ["", "0x", "0x" + "0" * 63, "0x" + "g" * 64, "../etc/passwd", "0x" + "0" * 64 + "\n"])
def test_malformed_transaction_hash_is_refused(explorer: Explorer, name: str) -> None:
    with pytest.raises(Malformed):
        explorer.transaction(name)
    with pytest.raises(Malformed):
        explorer.raw_transaction(name)


def test_unknown_ids_are_not_found(explorer: Explorer) -> None:
    nothing = "ab" * 32
    for ask in (
        lambda: explorer.transaction("0x" + nothing),
        lambda: explorer.raw_transaction("0x" + nothing),
        lambda: explorer.block("0x" + nothing),
        lambda: explorer.block("99999"),
        lambda: explorer.header("99999"),
        lambda: explorer.member("sm3:" + nothing),
        lambda: explorer.member_of_key("sm3:" + nothing),
        lambda: explorer.lot("sm3:" + nothing),
        lambda: explorer.submission("keccak256:" + nothing),
        lambda: explorer.contract("Nothing"),
        lambda: explorer.contract("SM2Curve"),
        lambda: explorer.account("0x" + "ab" * 20),
        lambda: explorer.find(nothing),
        lambda: explorer.find("99999"),
    ):
        with pytest.raises(NotFound):
            ask()


# ------------------------------------------------------------------------------------------------------- blocks


def test_block_is_recomputed_from_raw_bytes(world: World, explorer: Explorer) -> None:
    view = explorer.block("2")
    assert [check.id for check in view.checks] == ["hash", "parent", "transactions", "receipts"]
    assert all(check.holds for check in view.checks)
    assert explorer.block(view.hash) == view
    assert view.header == "0x" + explorer.header("2").hex()
    assert [line.success for line in explorer.block(str(explorer.head())).transactions] == [True] + [False] * 5


def test_block_list_pages_to_the_first_block_and_back(explorer: Explorer) -> None:
    head, seen, before, pages = explorer.head(), [], None, 0
    while True:
        page = explorer.blocks(before, 3)
        seen += [line.number for line in page.items]
        pages += 1
        assert page.newer == (None if before is None else min(head + 1, before + 3))
        if page.before is None:
            break
        before = page.before
    assert seen == list(range(head, -1, -1)) and pages == -(-(head + 1) // 3)
    assert explorer.blocks(head + 500, 3) == explorer.blocks(None, 3)
    line = next(line for line in explorer.blocks(None, 50).items if line.submissions == 2)
    assert (line.transactions, line.records) == (2, 2)
    assert [author.name for author in line.authors] == [NAMES[EVERYBODY]]
    with pytest.raises(NotFound):
        explorer.blocks(0, 3)
    for size in (0, -1, 101):
        with pytest.raises(Malformed):
            explorer.blocks(None, size)


@pytest.mark.parametrize("name", ["", "-1", "1.0", "01", "0x1", "latest", "1e3", "٣", "9" * 40, "1\n"])
def test_malformed_block_name_is_refused(explorer: Explorer, name: str) -> None:
    with pytest.raises(Malformed):
        explorer.block(name)


def test_page_of_a_block_that_it_does_not_have_is_not_found(explorer: Explorer) -> None:
    assert explorer.block("0").pages == 1
    for page in (0, 2):
        with pytest.raises(NotFound):
            explorer.block("0", page)
