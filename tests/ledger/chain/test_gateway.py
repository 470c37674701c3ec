"""The gateway and its outbox when things go wrong: lost answers, lies, foreign nonces, refusals, restarts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chain_world import AUTHORITY, CHAIN_ID, RELAYER, FaultyEngine, Ledger, open_embedded, submission
from sqlalchemy import update

from ledger.chain import outbox
from ledger.chain.gateway import Gateway
from ledger.chain.outbox import writing
from ledger.chain.relayer import Relayer
from ledger.chain.sending import transaction_count
from ledger.crypto.sm2 import PrivateKey
from ledger.errors import EngineUnavailable, RpcError, StorageUnavailable


def queue(gateway: Gateway, *items: Any) -> None:
    with writing(gateway._database) as connection:
        for item in items:
            assert gateway.enqueue(connection, item.id, item.calldata)


def accepted(gateway: Gateway) -> list[bytes]:
    """Submission ids that the chain has accepted, in order, with repetitions if there were any."""
    return [e.args["submissionId"] for e in gateway.events(0, gateway.height()) if e.name == "Accepted"]


@pytest.fixture
def faulty(embedded: Ledger) -> Iterator[tuple[FaultyEngine, Gateway]]:
    """A gateway over an engine that can be made to fail, and that takes one transaction at a time."""
    engine = FaultyEngine(embedded.engine)
    yield engine, embedded.gateway(engine, receipt_timeout=0.05)


def lost(real: Callable[[], Any]) -> Any:
    """The node did it, but the answer never came."""
    real()
    raise EngineUnavailable("connection lost")


def unreachable(_: Callable[[], Any]) -> Any:
    raise EngineUnavailable("connection refused")


def test_many_queued_submissions_share_a_block(embedded: Ledger) -> None:
    gateway = embedded.gateway()
    items = [submission(embedded.deployment, nonce) for nonce in range(7)]
    height = gateway.height()
    queue(gateway, *items)
    assert gateway.outbox_depth() == 7
    sealed = gateway.seal_pending()
    assert [s.submission_id for s in sealed] == [item.id for item in items]
    assert {s.block for s in sealed} == {height + 1}
    assert [s.transaction_index for s in sealed] == list(range(7))
    assert (gateway.height(), gateway.outbox_depth()) == (height + 1, 0)
    assert gateway.seal_pending() == []


def test_more_than_a_batch_takes_several_blocks(embedded: Ledger) -> None:
    gateway = embedded.gateway(batch=2)
    items = [submission(embedded.deployment, nonce) for nonce in range(5)]
    queue(gateway, *items)
    blocks = [s.block for s in gateway.seal_pending()]
    assert [b - blocks[0] for b in blocks] == [0, 0, 1, 1, 2]


def test_enqueue_is_part_of_the_callers_transaction(embedded: Ledger) -> None:
    gateway = embedded.gateway()
    item = submission(embedded.deployment, 1)
    with pytest.raises(RuntimeError, match="storing failed"), writing(gateway._database) as connection:
        gateway.enqueue(connection, item.id, item.calldata)
        raise RuntimeError("storing failed")
    assert gateway.entry(item.id) is None
    assert gateway.seal_pending() == []


def test_same_submission_is_queued_once(embedded: Ledger) -> None:
    gateway = embedded.gateway()
    item = submission(embedded.deployment, 1)
    queue(gateway, item)
    with writing(gateway._database) as connection:
        assert gateway.enqueue(connection, item.id, b"other") is False
    gateway.seal_pending()
    with writing(gateway._database) as connection:
        assert gateway.enqueue(connection, item.id, item.calldata) is False
    assert gateway.seal_pending() == []
    assert accepted(gateway) == [item.id]


@pytest.mark.parametrize("fault", [lost, unreachable])
@pytest.mark.parametrize("restart", [False, True])
def test_lost_answer_to_a_send_anchors_once(
    embedded: Ledger, faulty: tuple[FaultyEngine, Gateway], fault: Any, restart: bool
) -> None:
    engine, gateway = faulty
    item = submission(embedded.deployment, 1)
    queue(gateway, item)
    engine.faults["eth_sendRawTransaction"] = [fault]
    with pytest.raises(EngineUnavailable):
        gateway.seal_pending()
    before = gateway.entry(item.id)
    assert before is not None and before.state == "signed"
    if restart:
        gateway = embedded.gateway(engine)
    sealed = gateway.recover() if restart else gateway.seal_pending()
    assert [s.submission_id for s in sealed] == [item.id]
    assert sealed[0].transaction_hash == before.transaction_hash  # the very same bytes
    assert accepted(gateway) == [item.id]


GARBAGE: list[Any] = [None, {}, [], "0x", 7, {"blockHash": "0x12", "transactionHash": "0x"}]


@pytest.mark.parametrize(
    "method", ["eth_getTransactionReceipt", "eth_getBlockByHash", "eth_blockNumber", "eth_getTransactionCount"]
)
def test_garbage_answers_change_nothing(embedded: Ledger, faulty: tuple[FaultyEngine, Gateway], method: str) -> None:
    engine, gateway = faulty
    for nonce, answer in enumerate(GARBAGE):
        item = submission(embedded.deployment, nonce)
        queue(gateway, item)
        engine.faults[method] = [lambda _, answer=answer: answer] * 2
        try:
            first = gateway.seal_pending()
        except EngineUnavailable:
            first = []
        engine.faults.clear()
        second = gateway.seal_pending()
        assert [s.submission_id for s in first + second] == [item.id]
        assert accepted(gateway).count(item.id) == 1


def test_failure_at_every_request_in_turn_anchors_once(embedded: Ledger) -> None:
    """For each n: the n-th request fails (after the node did it); then everything is set right by later calls."""
    for n in range(1, 40):
        engine = FaultyEngine(embedded.engine)
        gateway = embedded.gateway(engine, receipt_timeout=0.05)
        item = submission(embedded.deployment, 1000 + n)
        queue(gateway, item)
        count, real = [0], engine.request

        def failing(method: str, params: Any = (), count: Any = count, real: Any = real, n: int = n) -> Any:
            count[0] += 1
            result = real(method, params)
            if count[0] == n:
                raise EngineUnavailable("lost")
            return result

        engine.request = failing  # type: ignore[method-assign]
        done = False
        try:
            gateway.seal_pending()
            done = True
        except EngineUnavailable:
            embedded.gateway().recover()
        entry = embedded.gateway().entry(item.id)
        if entry is not None and entry.state == "queued":
            embedded.gateway().seal_pending()
        entry = embedded.gateway().entry(item.id)
        assert entry is not None and entry.sealed is not None, n
        assert accepted(embedded.gateway()).count(item.id) == 1
        if done:  # fewer requests than n were made
            break
    else:
        pytest.fail("sealing one submission takes more than 40 requests")
    assert n > 5


def test_receipt_without_the_event_is_not_believed(embedded: Ledger, faulty: tuple[FaultyEngine, Gateway]) -> None:
    engine, gateway = faulty
    item = submission(embedded.deployment, 1)
    queue(gateway, item)
    engine.faults["eth_getTransactionReceipt"] = [lambda real: {**real(), "logs": []}]
    with pytest.raises(EngineUnavailable, match="Accepted"):
        gateway.seal_pending()
    entry = gateway.entry(item.id)
    assert entry is not None and entry.state == "signed"
    assert len(gateway.seal_pending()) == 1


def test_receipt_that_comes_late_is_waited_for_later(embedded: Ledger, faulty: tuple[FaultyEngine, Gateway]) -> None:
    engine, gateway = faulty
    items = [submission(embedded.deployment, nonce) for nonce in (1, 2)]
    queue(gateway, *items)
    engine.faults["eth_getTransactionReceipt"] = [lambda _: None] * 200
    assert gateway.seal_pending() == []
    engine.faults.clear()
    assert [s.submission_id for s in gateway.seal_pending()] == [item.id for item in items]
    assert engine.calls.count("eth_sendRawTransaction") == 2


def test_engine_of_another_chain_is_refused(embedded: Ledger, tmp_path_factory: pytest.TempPathFactory) -> None:
    from dataclasses import replace

    with open_embedded(tmp_path_factory.mktemp("other")) as same_genesis_no_contracts:
        embedded.gateway(same_genesis_no_contracts)  # the same genesis: contracts are checked by contracts.check
    other = replace(embedded.deployment, genesis=b"\x07" * 32)
    with pytest.raises(EngineUnavailable, match="another chain"):
        Ledger(embedded.engine, other, embedded.folder).gateway()
    with pytest.raises(EngineUnavailable, match="another chain"):
        Ledger(embedded.engine, replace(embedded.deployment, chain_id=1), embedded.folder).gateway()


def test_nonce_taken_by_somebody_else_is_replaced(embedded: Ledger, faulty: tuple[FaultyEngine, Gateway]) -> None:
    engine, gateway = faulty
    items = [submission(embedded.deployment, nonce) for nonce in (1, 2)]
    queue(gateway, *items)
    engine.faults["eth_sendRawTransaction"] = [unreachable]
    with pytest.raises(EngineUnavailable):
        gateway.seal_pending()
    nonce = transaction_count(embedded.engine, RELAYER.address)
    foreign = RELAYER.sign(nonce=nonce, to=b"\x01" * 20, data=b"", gas=21_000, gas_price=0, chain_id=CHAIN_ID)
    embedded.engine.seal([foreign.raw])  # the relayer's key was used elsewhere
    assert {s.submission_id for s in gateway.seal_pending()} == {item.id for item in items}
    assert sorted(accepted(gateway)) == sorted(item.id for item in items)


def test_submission_sealed_by_another_relayer_is_found_where_it_is(embedded: Ledger) -> None:
    gateway = embedded.gateway()
    item = submission(embedded.deployment, 1)
    other = Relayer.from_secret(b"\x22" * 32)
    tx = other.sign(
        nonce=0, to=embedded.deployment.address("Submissions"), data=item.calldata, gas=5_000_000, gas_price=0,
        chain_id=CHAIN_ID,
    )  # fmt: skip
    assert embedded.engine.seal([tx.raw])[0].success
    queue(gateway, item)
    sealed = gateway.seal_pending()
    assert [(s.submission_id, s.transaction_hash) for s in sealed] == [(item.id, tx.hash)]
    assert accepted(gateway) == [item.id]


def test_nonce_of_another_submission_is_a_refusal(embedded: Ledger) -> None:
    gateway = embedded.gateway()
    first, second = submission(embedded.deployment, 1), submission(embedded.deployment, 1, expiry=2_000_000_000 - 1)
    queue(gateway, first)
    gateway.seal_pending()
    twin = b"\x33" * 32  # the same key and nonce queued under another id
    with writing(gateway._database) as connection:
        gateway.enqueue(connection, twin, second.calldata)
    assert gateway.seal_pending() == []
    entry = gateway.entry(twin)
    assert entry is not None and entry.error is not None
    assert entry.error.error in ("SubmissionsNonceUsed", "SubmissionsExpiryTooFar")
    assert accepted(gateway) == [first.id]


def test_refused_transaction_does_not_hold_up_the_rest(embedded: Ledger, faulty: tuple[FaultyEngine, Gateway]) -> None:
    engine, gateway = faulty
    items = [submission(embedded.deployment, nonce) for nonce in (1, 2, 3)]
    queue(gateway, *items)

    def refuse(_: Any) -> Any:
        raise RpcError("oversized data", rpc_code=-32000)

    engine.faults["eth_sendRawTransaction"] = [refuse]
    assert [s.submission_id for s in gateway.seal_pending()] == [items[1].id, items[2].id]
    entry = gateway.entry(items[0].id)
    assert entry is not None and entry.error is not None and entry.error.error == "EngineRefused"
    assert accepted(gateway) == [items[1].id, items[2].id]


def test_busy_engine_leaves_everything_for_later(embedded: Ledger, faulty: tuple[FaultyEngine, Gateway]) -> None:
    engine, gateway = faulty
    item = submission(embedded.deployment, 1)
    queue(gateway, item)

    def busy(_: Any) -> Any:
        raise RpcError("pool is full", rpc_code=-32005)

    engine.faults["eth_sendRawTransaction"] = [busy]
    with pytest.raises(EngineUnavailable) as caught:
        gateway.seal_pending()
    assert caught.value.retry_after
    assert len(gateway.seal_pending()) == 1


def test_refusal_in_a_batch_leaves_the_others(embedded: Ledger) -> None:
    gateway = embedded.gateway()
    items = [
        submission(embedded.deployment, 1),
        submission(embedded.deployment, 2, signer=PrivateKey.from_scalar(5)),
        submission(embedded.deployment, 3, expiry=1_700_000_001),
        submission(embedded.deployment, 4),
    ]
    queue(gateway, *items)
    assert [s.submission_id for s in gateway.seal_pending()] == [items[0].id, items[3].id]
    errors = [entry.error.error for item in items[1:3] if (entry := gateway.entry(item.id)) and entry.error]
    assert errors == ["SubmissionsWrongSignature", "SubmissionsExpired"]
    expired = gateway.entry(items[2].id)
    assert expired is not None and expired.error is not None and expired.error.args_["expiry"] == 1_700_000_001


def test_full_blocks_are_followed_by_more(embedded: Ledger) -> None:
    gateway = embedded.gateway(gas_limit=45_000_000)  # two fit a 100M block by their limits, then it is full
    items = [submission(embedded.deployment, nonce) for nonce in range(300, 304)]
    oversize = embedded.gateway(gas_limit=99_900_000)
    queue(gateway, *items)
    assert len(oversize.seal_pending()) == 4  # one per block: the first one's use leaves no room for a second's limit
    assert accepted(gateway) == [item.id for item in items]


def test_recover_signs_nothing_new(embedded: Ledger) -> None:
    gateway = embedded.gateway()
    item = submission(embedded.deployment, 1)
    queue(gateway, item)
    assert gateway.recover() == []
    entry = gateway.entry(item.id)
    assert entry is not None and entry.state == "queued"


def test_chain_that_cannot_store_leaves_rows_signed(embedded: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = embedded.gateway()
    item = submission(embedded.deployment, 1)
    queue(gateway, item)

    def full(*_: Any) -> None:
        raise StorageUnavailable("disk full", full=True)

    monkeypatch.setattr(embedded.engine.node.store, "write_blocks", full)
    with pytest.raises(StorageUnavailable):
        gateway.seal_pending()
    monkeypatch.undo()
    assert [s.submission_id for s in embedded.gateway().recover()] == [item.id]


def test_outbox_refuses_impossible_states(embedded: Ledger) -> None:
    gateway = embedded.gateway()
    queue(gateway, submission(embedded.deployment, 1))
    for values in ({"state": "lost"}, {"state": "signed"}, {"state": "sealed"}):
        with pytest.raises(StorageUnavailable), writing(gateway._database) as connection:
            connection.execute(update(outbox.outbox).values(**values))
    with pytest.raises(RuntimeError), writing(gateway._database) as connection:
        gateway.enqueue(connection, b"short", b"")


def test_relayer_key_is_in_no_repr(embedded: Ledger) -> None:
    gateway = embedded.gateway()
    assert "11" * 32 not in repr(RELAYER) and "11" * 32 not in repr(gateway)
    assert AUTHORITY.public.key_id == gateway.call("Members", "computeZ", AUTHORITY.public.x, AUTHORITY.public.y)
