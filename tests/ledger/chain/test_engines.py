"""One conformance suite over every engine: what the ledger relies on must hold on each of them alike."""

from __future__ import annotations

import time
from typing import Any

import pytest
import rlp
from chain_world import AUTHORITY, CHAIN_ID, MEMBER, RELAYER, Ledger, keccak_hex, submission
from eth_utils import keccak
from trie import HexaryTrie

from ledger.chain.contracts import ORDER, Deployment, check
from ledger.chain.finality import Finality
from ledger.chain.outbox import writing
from ledger.chain.sending import transaction_count
from ledger.crypto.sm2 import PrivateKey
from ledger.errors import EngineUnavailable, NotFound, RevertedOnChain, RpcError

ZERO = bytes(32)
# The last one signs for a key that is not his.
SIGNERS = ((1, AUTHORITY), (2, AUTHORITY), (3, PrivateKey.from_scalar(77)))


def anchor(ledger: Any, *nonces: int, **options: Any) -> list[Any]:
    """Queue submissions and bring them to the chain."""
    gateway = ledger.gateway(**options)
    batch = [submission(ledger.deployment, nonce) for nonce in nonces]
    with writing(gateway._database) as connection:
        for item in batch:
            assert gateway.enqueue(connection, item.id, item.calldata)
    sealed = gateway.seal_pending()
    assert [s.submission_id for s in sealed] == [item.id for item in batch]
    return sealed


def test_engine_names_its_chain(ledger: Any) -> None:
    assert ledger.engine.chain_id == CHAIN_ID
    assert ledger.engine.request("eth_chainId") == hex(CHAIN_ID)
    assert ledger.engine.request("net_version") == str(CHAIN_ID)
    assert ledger.engine.request("eth_getBlockByNumber", ["0x0", False])["hash"] == (
        "0x" + ledger.engine.genesis_hash.hex()
    )


def test_deployment_checks_out_and_survives_json(ledger: Any) -> None:
    again = Deployment.from_json(ledger.deployment.to_json())
    assert again == ledger.deployment
    assert tuple(name for name, _ in check(again, ledger.engine).code_hashes) == ORDER


def test_submission_is_sealed_with_block_facts(ledger: Any) -> None:
    sealed = anchor(ledger, 1)[0]
    gateway = ledger.gateway()
    block = gateway.block(sealed.block)
    assert (block.hash, block.time) == (sealed.block_hash, sealed.block_time)
    assert block.transactions[sealed.transaction_index] == sealed.transaction_hash
    assert abs(block.time - time.time()) < 60
    receipt = gateway.receipt(sealed.transaction_hash)
    assert receipt is not None and receipt.success and receipt.block == sealed.block


def test_submission_is_remembered_by_the_contract(ledger: Any) -> None:
    gateway = ledger.gateway()
    before = gateway.height()
    item = submission(ledger.deployment, 7)
    anchor(ledger, 7)
    key = AUTHORITY.public.key_id
    assert gateway.call("Submissions", "submissionOf", key, 7) == item.id
    assert gateway.call("Submissions", "submissionOf", key, 7, block=before) == ZERO
    assert gateway.call("Submissions", "submissionOf", key, 8) == ZERO


def test_call_returns_named_struct(ledger: Any) -> None:
    member = ledger.gateway().call("Members", "member", MEMBER)
    assert member["zone"] == 6 and member["latestKeyId"] == AUTHORITY.public.key_id


def test_events_are_typed_and_ordered(ledger: Any) -> None:
    items = [submission(ledger.deployment, nonce) for nonce in (1, 2, 3)]
    anchor(ledger, 1, 2, 3)
    gateway = ledger.gateway()
    events = gateway.events(ledger.deployment.block, gateway.height())
    accepted = [event for event in events if event.name == "Accepted"]
    assert [event.args["submissionId"] for event in accepted] == [item.id for item in items]
    assert [event.args["root"] for event in accepted] == [item.root for item in items]
    assert accepted[0].args["memberId"] == MEMBER and accepted[0].contract == "Submissions"
    assert [(e.block, e.log_index) for e in events] == sorted((e.block, e.log_index) for e in events)
    assert gateway.events(gateway.height() + 1, gateway.height() + 5) == []


def test_events_can_be_asked_by_topic(ledger: Any) -> None:
    anchor(ledger, 1, 2, 3)
    gateway = ledger.gateway()
    wanted = submission(ledger.deployment, 2)
    topics = [keccak_hex(b"Accepted(bytes32,bytes32,bytes32,bytes32,uint32,uint64,bytes32)"), "0x" + wanted.id.hex()]
    found = gateway.events(0, gateway.height(), topics)
    assert [event.args["nonce"] for event in found] == [2]
    assert gateway.events(0, gateway.height(), [topics[0], "0x" + "77" * 32]) == []


@pytest.mark.parametrize("case", ["signature", "expired", "nonce"])
def test_simulation_names_the_refusal(ledger: Any, case: str) -> None:
    gateway = ledger.gateway()
    if case == "signature":
        bad = submission(ledger.deployment, 1, signer=PrivateKey.from_scalar(99))
        expected = "SubmissionsWrongSignature"
    elif case == "expired":
        bad, expected = submission(ledger.deployment, 1, expiry=1_000_000), "SubmissionsExpired"
    else:
        anchor(ledger, 1)
        bad, expected = submission(ledger.deployment, 1), "SubmissionsNonceUsed"
    with pytest.raises(RevertedOnChain) as caught:
        gateway.simulate(bad.calldata)
    assert caught.value.error == expected
    if case == "nonce":
        assert caught.value.args_["nonce"] == 1


def test_simulation_is_silent_for_a_good_submission(ledger: Any) -> None:
    gateway = ledger.gateway()
    height = gateway.height()
    gateway.simulate(submission(ledger.deployment, 1).calldata)
    assert gateway.height() == height


def test_refusal_on_chain_is_stored_with_its_error(ledger: Any) -> None:
    gateway = ledger.gateway()
    bad = submission(ledger.deployment, 5, signer=PrivateKey.from_scalar(99))
    good = submission(ledger.deployment, 6)
    with writing(gateway._database) as connection:
        gateway.enqueue(connection, bad.id, bad.calldata)
        gateway.enqueue(connection, good.id, good.calldata)
    assert [s.submission_id for s in gateway.seal_pending()] == [good.id]
    entry = gateway.entry(bad.id)
    assert entry is not None and entry.state == "refused" and entry.error is not None
    assert entry.error.error == "SubmissionsWrongSignature"
    assert gateway.outbox_depth() == 0


def test_view_function_error_is_typed(ledger: Any) -> None:
    with pytest.raises(RevertedOnChain) as caught:
        ledger.gateway().call("Members", "signer", b"\x01" * 32)
    assert caught.value.error == "MembersUnknownKey"
    assert caught.value.args_ == {"keyId": "0x" + "01" * 32}


def test_proof_verifies_against_the_header_of_its_block(ledger: Any) -> None:
    gateway = ledger.gateway()
    old = gateway.height()
    item = submission(ledger.deployment, 9)
    anchor(ledger, 9)
    inner = keccak(AUTHORITY.public.key_id + bytes(32))
    slot = int.from_bytes(keccak((9).to_bytes(32, "big") + inner), "big")
    address = ledger.deployment.address("Submissions")
    for height, value in ((gateway.height(), int.from_bytes(item.id, "big")), (old, 0)):
        proof = gateway.proof(address, [slot], height)
        header = rlp.decode(gateway.raw_header(height))
        account = rlp.decode(
            HexaryTrie.get_from_proof(header[3], keccak(address), [rlp.decode(n) for n in proof.nodes])
        )
        assert account[2] == proof.storage_root and account[3] == proof.code_hash
        assert proof.slots[0].value == value
        stored = (
            HexaryTrie.get_from_proof(
                account[2], keccak(slot.to_bytes(32, "big")), [rlp.decode(n) for n in proof.slots[0].nodes]
            )
            if proof.slots[0].nodes
            else b""
        )
        assert (int.from_bytes(rlp.decode(stored), "big") if stored else 0) == value


def test_raw_encodings_give_hash_and_roots(ledger: Any) -> None:
    sealed = anchor(ledger, 1, 2)
    gateway = ledger.gateway()
    for height in {0, sealed[0].block, sealed[1].block}:
        block, header = gateway.block(height), gateway.raw_header(height)
        assert keccak(header) == block.hash
        fields = rlp.decode(header)
        assert fields[0] == block.parent_hash and fields[3] == block.state_root
        transactions, receipts = gateway.raw_transactions(height), gateway.raw_receipts(height)
        assert [keccak(raw) for raw in transactions] == list(block.transactions)
        for items, root in ((transactions, fields[4]), (receipts, fields[5])):
            tree = HexaryTrie({})
            for i, item in enumerate(items):
                tree[rlp.encode(i)] = item
            assert tree.root_hash == root


def test_history_answers_at_old_heights(ledger: Any) -> None:
    gateway = ledger.gateway()
    heights = []
    for nonce in (1, 2, 3):
        anchor(ledger, nonce)
        heights.append(gateway.height())
    for i, height in enumerate(heights):
        known = [
            gateway.call("Submissions", "submissionOf", AUTHORITY.public.key_id, n, block=height) for n in (1, 2, 3)
        ]
        assert [value != ZERO for value in known] == [n <= i for n in range(3)]


def test_relayer_nonce_counts_transactions(ledger: Any) -> None:
    before = transaction_count(ledger.engine, RELAYER.address)
    anchor(ledger, 1, 2, 3)
    assert transaction_count(ledger.engine, RELAYER.address) == before + 3
    assert transaction_count(ledger.engine, RELAYER.address, "pending") == before + 3


def test_used_nonce_is_refused_by_the_engine(ledger: Any) -> None:
    tx = RELAYER.sign(nonce=0, to=b"\x01" * 20, data=b"", gas=21_000, gas_price=0, chain_id=CHAIN_ID)
    with pytest.raises(RpcError) as caught:
        ledger.engine.request("eth_sendRawTransaction", ["0x" + tx.raw.hex()])
    assert "nonce" in caught.value.message.lower()


def test_unknown_things_are_null_or_refused(ledger: Any) -> None:
    nothing = "0x" + "ab" * 32
    assert ledger.engine.request("eth_getTransactionReceipt", [nothing]) is None
    assert ledger.engine.request("eth_getTransactionByHash", [nothing]) is None
    assert ledger.engine.request("eth_getBlockByHash", [nothing, False]) is None
    assert ledger.engine.request("eth_getBlockByNumber", [hex(10**6), False]) is None
    gateway = ledger.gateway()
    with pytest.raises(NotFound):
        gateway.block(10**6)
    with pytest.raises((EngineUnavailable, NotFound)):
        gateway.proof(bytes(20), [0], 10**6)


def test_unknown_method_is_an_rpc_error(ledger: Any) -> None:
    with pytest.raises(RpcError) as caught:
        ledger.engine.request("eth_inventNothing")
    assert caught.value.rpc_code in (-32601, -32602)


def test_finality_by_depth_holds_receipts_back(ledger: Any) -> None:
    gateway = ledger.gateway(finality=Finality.parse("depth:2"), receipt_timeout=1.0)
    item = submission(ledger.deployment, 1)
    with writing(gateway._database) as connection:
        gateway.enqueue(connection, item.id, item.calldata)
    assert gateway.seal_pending() == []
    entry = gateway.entry(item.id)
    assert entry is not None and entry.state == "signed"
    nonce = transaction_count(ledger.engine, RELAYER.address)
    other = type(RELAYER).from_secret(b"\x22" * 32)
    for n in range(2):
        tx = other.sign(nonce=n, to=b"\x01" * 20, data=b"", gas=21_000, gas_price=0, chain_id=CHAIN_ID)
        ledger.engine.request("eth_sendRawTransaction", ["0x" + tx.raw.hex()])
    assert [s.submission_id for s in gateway.seal_pending()] == [item.id]
    assert transaction_count(ledger.engine, RELAYER.address) == nonce


def test_engines_agree_on_gas_logs_and_storage(embedded: Ledger, on_anvil: Ledger) -> None:
    """The same contracts at the same addresses take the same submissions: an independent EVM must do just the same."""
    assert embedded.deployment.contracts == on_anvil.deployment.contracts
    on_anvil.folder = embedded.folder / "anvil"
    on_anvil.folder.mkdir()
    items = [submission(embedded.deployment, nonce, signer=signer) for nonce, signer in SIGNERS]
    outcomes = []
    for ledger in (embedded, on_anvil):
        gateway = ledger.gateway(gas_limit=5_000_000)
        with writing(gateway._database) as connection:
            for item in items:
                gateway.enqueue(connection, item.id, item.calldata)
        gateway.seal_pending()
        seen: list[Any] = []
        for item in items:
            entry = gateway.entry(item.id)
            assert entry is not None and entry.transaction_hash is not None
            receipt = gateway.receipt(entry.transaction_hash)
            assert receipt is not None
            logs = [(log["address"], log["topics"], log["data"]) for log in receipt.logs]
            seen.append((entry.state, entry.error and entry.error.error, receipt.success, receipt.gas_used, logs))
        address = ledger.deployment.address("Submissions")
        seen.append(gateway.proof(address, [], gateway.height()).storage_root)
        outcomes.append(seen)
    assert outcomes[0] == outcomes[1]
    assert [was[0] for was in outcomes[0][:-1]] == ["sealed", "sealed", "refused"]
