"""The gateway: carries queued submissions to the chain exactly once, and reads the chain for everybody else.

Job: sign with the relayer's next nonce, store the signed bytes, send, and take the receipt as the only truth. After
a crash or a lost answer the same bytes are looked up and sent again. The contract is the second lock: a submission
that is there already reverts with its own id, and is then recorded where it really is (ADR 0007).
It does not check signatures or roles; the contract does, and `simulate` asks it before anything is queued.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection
from sqlalchemy import Engine as Database

from ledger.chain import outbox
from ledger.chain.contracts import Deployment, genesis_hash
from ledger.chain.engine import BLOCK_FULL, BatchSealing, Engine
from ledger.chain.finality import INSTANT, Finality
from ledger.chain.outbox import Entry, Sealed
from ledger.chain.reader import CALL_GAS, ChainReader
from ledger.chain.relayer import Relayer, SignedTransaction
from ledger.chain.reverts import decode_revert, reverted
from ledger.chain.sending import (
    Receipt,
    SendResult,
    data,
    is_nonce_problem,
    number,
    send,
    transaction_count,
    wait,
)
from ledger.errors import EngineUnavailable, RevertedOnChain, RpcError, Unavailable

log = logging.getLogger(__name__)

BATCH = 100  # submissions in one block: about 10 s of py-evm at the worst, and one fsync for all
MAX_STALLED = 5  # rounds in which no submission is finished, before leaving it to the next call
NOOP_GAS = 21_000


class Gateway(ChainReader):
    """One relayer account on one chain. Thread-safe; one gateway per outbox.

    `gas_price` is in wei. `receipt_timeout` (seconds) bounds how long one call waits for a remote chain.
    Raises EngineUnavailable when `engine` is not the deployment's chain.
    """

    def __init__(
        self,
        engine: Engine,
        deployment: Deployment,
        relayer: Relayer,
        database: Database,
        *,
        finality: Finality = INSTANT,
        gas_price: int = 0,
        gas_limit: int = CALL_GAS,
        receipt_timeout: float = 60.0,
        batch: int = BATCH,
    ) -> None:
        super().__init__(engine, deployment, finality)
        if engine.chain_id != deployment.chain_id or genesis_hash(engine) != deployment.genesis:
            raise EngineUnavailable(
                "the engine runs another chain than the ledger's contracts are on",
                hint="check the engine setting and the data folder",
            )
        self._relayer, self._database = relayer, database
        self._gas_price, self._gas_limit = gas_price, gas_limit
        self._timeout, self._batch = receipt_timeout, batch
        self._lock = threading.Lock()
        self._target = deployment.address("Submissions")
        self._accepted = "0x" + self.abi("Submissions").event("Accepted").digest.hex()
        outbox.create_tables(database)

    @property
    def relayer(self) -> bytes:
        """The relayer's address, 20 bytes."""
        return self._relayer.address

    # ------------------------------------------------------------------------------------------------ queueing

    def enqueue(self, connection: Connection, submission_id: bytes, calldata: bytes) -> bool:
        """Queue a submission in the caller's own transaction; False when it is known already."""
        return outbox.enqueue(connection, submission_id, calldata)

    def entry(self, submission_id: bytes) -> Entry | None:
        """How far a submission is: queued, signed, sealed (with `sealed`) or refused (with `error`)."""
        with outbox.reading(self._database) as connection:
            return outbox.entry(connection, submission_id)

    def outbox_depth(self) -> int:
        """Submissions that are not finished."""
        with outbox.reading(self._database) as connection:
            return outbox.count(connection, outbox.QUEUED, outbox.SIGNED)

    # ------------------------------------------------------------------------------------------------ sending

    def recover(self) -> list[Sealed]:
        """Settle what an earlier process had signed: by its receipt, else by sending the same bytes again. Call at
        start, before anything is queued. Raises Unavailable when the chain cannot be asked."""
        with self._lock:
            return self._run(new=False)

    def seal_pending(self) -> list[Sealed]:
        """Bring every queued submission to the chain; returns those that became final in this call.

        Refused ones are not in the list: see `entry(...).error`. Raises Unavailable; then everything stays as
        stored, and a later call goes on from there.
        """
        with self._lock:
            return self._run(new=True)

    def _run(self, *, new: bool) -> list[Sealed]:
        done: list[Sealed] = []
        stalled = 0
        while stalled < MAX_STALLED:
            with outbox.reading(self._database) as connection:
                rows = outbox.in_state(connection, outbox.SIGNED, self._batch)
            fresh = not rows
            if fresh and new:
                rows = self._sign()
            if not rows:
                break
            sealed, finished, moved = self._advance(rows, fresh)
            done += sealed
            if not moved:
                break  # a remote chain has not sealed or finalised them yet
            stalled = 0 if finished else stalled + 1
        return done

    def _sign(self) -> list[Entry]:
        """Sign the next queued submissions and store the bytes. Only when nothing signed is open, so the chain's
        count and our own history agree on the next nonce; the higher one is right when an engine lags."""
        with outbox.reading(self._database) as connection:
            rows = outbox.in_state(connection, outbox.QUEUED, self._batch)
            highest = outbox.highest_nonce(connection, self.relayer)
        if not rows:
            return []
        nonce = transaction_count(self.engine, self.relayer, "pending")
        if highest is not None:
            nonce = max(nonce, highest + 1)
        signed = [
            (row.submission_id, self._transaction(nonce + i, row.calldata, self._gas(row.calldata)))
            for i, row in enumerate(rows)
        ]
        with outbox.writing(self._database) as connection:
            outbox.mark_signed(connection, self.relayer, signed)
        for row, (_, tx) in zip(rows, signed, strict=True):
            log.info("signed", extra=_facts(row, transaction="0x" + tx.hash.hex(), nonce=tx.nonce))
        return [
            replace(row, state=outbox.SIGNED, nonce=tx.nonce, raw=tx.raw, transaction_hash=tx.hash)
            for row, (_, tx) in zip(rows, signed, strict=True)
        ]

    def _gas(self, calldata: bytes) -> int:
        """Gas to allow. Gas is free, but a remote pool counts limits, so there it is estimated; a submission that
        depends on one not sent yet cannot be, and gets the most."""
        if isinstance(self.engine, BatchSealing):
            return self._gas_limit
        call = {
            "from": "0x" + self.relayer.hex(),
            "to": "0x" + self._target.hex(),
            "data": "0x" + calldata.hex(),
            "gas": hex(self._gas_limit),
        }
        try:
            estimate = number({"gas": self.engine.request("eth_estimateGas", [call])}, "gas")
        except RpcError:
            return self._gas_limit
        return min(self._gas_limit, estimate + estimate // 4)

    def _transaction(self, nonce: int, calldata: bytes, gas: int, to: bytes | None = None) -> SignedTransaction:
        return self._relayer.sign(
            nonce=nonce,
            to=self._target if to is None else to,
            data=calldata,
            gas=gas,
            gas_price=self._gas_price,
            chain_id=self.engine.chain_id,
        )

    # ------------------------------------------------------------------------------------------------ settling

    def _advance(self, rows: Sequence[Entry], fresh: bool) -> tuple[list[Sealed], int, bool]:
        """One step for signed rows: (sealed ones, number finished, whether anything changed at all).

        1. what has a receipt is not sent again; 2. missing nonces below are filled; 3. the rest is sent, same bytes,
        in order; 4. refusals are sorted out; 5. receipts are waited for and, when final, stored.
        """
        receipts = {} if fresh else self._known(rows)
        missing = [row for row in rows if row.submission_id not in receipts]
        outputs: dict[bytes, bytes | None] = {}
        moved, finished = False, 0
        if missing:
            if not fresh:
                self._fill_gaps(missing)
                for row in missing:
                    log.info("retried", extra=_facts(row, transaction=_hash(row), nonce=row.nonce))
            for row, result in zip(missing, send(self.engine, [row.raw or b"" for row in missing]), strict=True):
                outputs[row.submission_id] = result.output
                if result.error is not None:
                    change = self._sort_out(row, result)
                    moved, finished = moved or change != "kept", finished + (change == "refused")
                    outputs.pop(row.submission_id)
            for row in missing:
                if row.submission_id in outputs:
                    found = wait(self.engine, row.transaction_hash or b"", self._timeout)
                    if found is None:
                        break  # later nonces cannot be sealed before this one
                    receipts[row.submission_id] = found
        sealed, refused = self._settle(rows, receipts, outputs)
        return sealed, finished + len(sealed) + refused, moved or bool(sealed) or refused > 0

    def _known(self, rows: Sequence[Entry]) -> dict[bytes, Receipt]:
        found = ((row.submission_id, self.receipt(row.transaction_hash or b"")) for row in rows)
        return {submission_id: receipt for submission_id, receipt in found if receipt is not None}

    def _fill_gaps(self, rows: Sequence[Entry]) -> None:
        """Send nothing to ourselves for each nonce below that no stored transaction has: an engine that lost a
        transaction, or a refused one, must not hold up the rest. Deterministic bytes, so repeating is harmless."""
        have = {row.nonce for row in rows}
        count = transaction_count(self.engine, self.relayer)
        top = max(row.nonce or 0 for row in rows)
        for nonce in range(count, top):
            if nonce not in have:
                log.warning("nonce filled", extra={"facts": {"relayer": "0x" + self.relayer.hex(), "nonce": nonce}})
                send(self.engine, [self._transaction(nonce, b"", NOOP_GAS, self.relayer).raw])

    def _sort_out(self, row: Entry, result: SendResult) -> str:
        """A transaction that the engine would not take: "kept" (try later), "requeued" or "refused"."""
        error = result.error
        assert error is not None
        if error.rpc_code == BLOCK_FULL:
            return "moved"  # what was before it is sealed; the next round goes on from here
        if is_nonce_problem(error):
            count = transaction_count(self.engine, self.relayer)
            if count <= (row.nonce or 0):
                return "moved" if isinstance(self.engine, BatchSealing) else "kept"  # a gap below: filled next round
            if self.receipt(row.transaction_hash or b"") is not None:
                return "moved"  # it was there all along; the next round settles it
            # Its nonce is used up and it is not on the chain: these bytes are dead. Sign the submission anew.
            log.warning("queued again", extra=_facts(row, nonce=row.nonce, reason="nonce used by another transaction"))
            with outbox.writing(self._database) as connection:
                outbox.mark_queued(connection, row.submission_id)
            return "requeued"
        if error.rpc_code in (-32005, -32004, -32003):  # limits, balance, rejected by a full pool: not for ever
            raise EngineUnavailable(f"the engine does not take transactions now: {error.message}", retry_after=5.0)
        with outbox.writing(self._database) as connection:
            refusal = RevertedOnChain("EngineRefused", {"message": error.message, "code": error.rpc_code})
            outbox.mark_refused(connection, row.submission_id, refusal, nonce_used=False)
        log.warning("refused", extra=_facts(row, transaction=_hash(row), reason=refusal.error, rpcCode=error.rpc_code))
        return "refused"

    def _settle(
        self, rows: Sequence[Entry], receipts: dict[bytes, Receipt], outputs: dict[bytes, bytes | None]
    ) -> tuple[list[Sealed], int]:
        """Store the outcome of every row whose receipt is final, in one transaction."""
        if not receipts:
            return [], 0
        final = self.final_height()
        results: list[tuple[Entry, Receipt | RevertedOnChain]] = []
        for row in rows:
            receipt = receipts.get(row.submission_id)
            if receipt is None or receipt.block > final or not self._is_canonical(receipt):
                continue
            results.append((row, self._outcome(row, receipt, outputs.get(row.submission_id))))
        sealed: list[Sealed] = []
        with outbox.writing(self._database) as connection:
            for row, outcome in results:
                if isinstance(outcome, Receipt):
                    sealed.append(outbox.mark_sealed(connection, row.submission_id, outcome))
                else:
                    outbox.mark_refused(connection, row.submission_id, outcome, nonce_used=True)
        for row, outcome in results:  # only what is committed is said
            if isinstance(outcome, Receipt):
                place = {"block": outcome.block, "transaction": "0x" + outcome.transaction_hash.hex()}
                log.info("sealed", extra=_facts(row, **place, gas=outcome.gas_used))
            else:
                log.warning("refused", extra=_facts(row, transaction=_hash(row), reason=outcome.error))
        return sealed, len(results) - len(sealed)

    def _is_canonical(self, receipt: Receipt) -> bool:
        # With instant finality a block that was sealed stays; otherwise the depth was counted on this very block.
        return self.finality.kind == "instant" or self.block(receipt.block).hash == receipt.block_hash

    def _outcome(self, row: Entry, receipt: Receipt, output: bytes | None) -> Receipt | RevertedOnChain:
        if receipt.success:
            wanted = [self._accepted, "0x" + row.submission_id.hex()]
            if any(data(entry, "address") == self._target and entry["topics"][:2] == wanted for entry in receipt.logs):
                return receipt
            # The checked contract cannot succeed silently: the receipt is false, or of other calldata.
            raise EngineUnavailable("the engine's receipt shows success without the Accepted event of the submission")
        error = self._revert_of(row, receipt, output)
        if error.error == "SubmissionsNonceUsed" and error.args_.get("submissionId") == "0x" + row.submission_id.hex():
            return self._where_accepted(row.submission_id) or error
        return error

    def _revert_of(self, row: Entry, receipt: Receipt, output: bytes | None) -> RevertedOnChain:
        if output:
            return decode_revert(output)
        call = {
            "from": "0x" + self.relayer.hex(),
            "to": "0x" + self._target.hex(),
            "data": "0x" + row.calldata.hex(),
            "gas": hex(self._gas_limit),
        }
        try:
            self.engine.request("eth_call", [call, hex(receipt.block)])
        except RpcError as error:
            return reverted(error) or RevertedOnChain("Reverted", message=error.message)
        return RevertedOnChain("Reverted", message="the transaction failed, and does not fail any more when repeated")

    def _where_accepted(self, submission_id: bytes) -> Receipt | None:
        """The receipt in which the submission really was accepted (by an earlier transaction, or another relayer)."""
        wanted = [self._accepted, "0x" + submission_id.hex()]
        for event in self.iter_events(self.deployment.block, self.height(), wanted):
            found = self.receipt(event.transaction_hash)
            if found is None:
                raise Unavailable("the engine has the event of a transaction but not its receipt", retry_after=1.0)
            return found
        return None


def _facts(row: Entry, **facts: Any) -> dict[str, Any]:
    """What a log line says about a row: under the id of the request that queued it, whoever seals it."""
    named = {"id": row.correlation, "submission": f"keccak256:{row.submission_id.hex()}"}
    return {"facts": {**named, **facts}}


def _hash(row: Entry) -> str | None:
    return None if row.transaction_hash is None else "0x" + row.transaction_hash.hex()
