"""The walk from genesis: every block checked against its header and its parent, every submission carried out again.

For each block
  1 the header's hash, number, parent, time and ommers; 2 the transaction root and 3 the receipt root, from raw bytes;
  4 for each accepted call of Submissions: its calldata decodes, 5 the shadow of the contracts accepts it too,
  6 the receipt's events are exactly the ones it causes, 7 the author's SM2 signature verifies.
At the head: 8 the contracts' code is this release's and 9 their storage is exactly the shadow's.

SM2 is nine tenths of the work and runs in a pool of threads (OpenSSL releases the GIL) beside the hashing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import contracts
from ledger.chain.contracts import ORDER, Deployment
from ledger.crypto.sm2 import PublicKey
from ledger.domain import action as act
from ledger.domain.abi import Reader
from ledger.errors import Malformed, SignatureRejected
from ledger.proof.header import EMPTY_OMMERS, Header, parse_header
from ledger.proof.transaction import STATUS_SUCCESS, TransactionReceipt, parse_receipt, parse_transaction
from ledger.proof.trie_build import ordered_root
from ledger.services.audit.chainfile import ChainFile
from ledger.services.audit.findings import Findings
from ledger.services.audit.shadow import Shadow
from ledger.services.audit.shadow_types import Emitted, Violation
from ledger.services.audit.sources import RawBlock, Source, hashed

PENDING_SIGNATURES = 512  # under way at once: bounds memory, keeps all threads busy


@dataclass(frozen=True, slots=True)
class Accepted:
    """One submission that the chain accepted. `time` is its block's, in Unix seconds."""

    submission_id: bytes
    member_id: bytes
    call: act.SubmitCall
    block: int
    block_hash: bytes
    time: int
    index: int
    transaction_hash: bytes

    @property
    def name(self) -> str:
        """How findings call it."""
        return f"submission keccak256:{self.submission_id.hex()}"


class History:
    """One walk over `source`. Use `walk` to the end, then `check_state`."""

    def __init__(
        self, source: Source, deployment: Deployment, findings: Findings, pool: Executor, file: ChainFile | None
    ) -> None:
        self._source = source
        self._file = file
        self._findings = findings
        self._pool = pool
        self._deployment = deployment
        self._names = {c.address: c.name for c in deployment.contracts}
        self._door = deployment.address("Submissions")
        self._domain = act.domain(deployment.chain_id, self._door)
        self.shadow = Shadow(self._domain)
        self.founders: list[tuple[bytes, int, int, int]] = []  # member id, zone, x, y of the genesis authorities
        self.first_blocks: set[int] = set()  # in which the first contract of a deployment was created
        self.headers: dict[int, tuple[bytes, bytes, int]] = {}  # height: hash, state root, time
        self._signatures: deque[tuple[str, Future[bool]]] = deque()
        self._last: Header | None = None

    # ------------------------------------------------------------------------------------------------ blocks

    def walk(self) -> Iterator[tuple[int, list[Accepted]]]:
        """Each block's number with the submissions that it accepted."""
        transactions = logs = blocks = 0
        for number in range(self._source.head + 1):
            raw = self._source.block(number, self._findings)
            accepted: list[Accepted] = []
            if raw is not None:
                blocks += 1
                header = self._header(raw)
                if header is not None:
                    accepted, n_logs = self._block(raw, header)
                    transactions += len(raw.transactions)
                    logs += n_logs
            else:
                self._last = None
            self._settle(PENDING_SIGNATURES)
            yield number, accepted
        self._settle(0)
        if self._file is not None:
            self._file.check_totals(blocks, transactions, logs, self._findings)
        for what, n in (("blocks", blocks), ("transactions", transactions)):
            self._findings.count(what, n)

    def _header(self, raw: RawBlock) -> Header | None:
        where, add = f"block {raw.number}", self._findings.add
        try:
            header = parse_header(raw.header, where)
        except Malformed as error:
            add("chain.block-malformed", where, error.message)
            self._last = None
            return None
        before, self._last = self._last, header
        if header.number != raw.number or header.ommers_hash != EMPTY_OMMERS:
            add("chain.block-header", where, "another number, or ommers")
        if raw.number == 0:
            if header.hash != self._deployment.genesis or header.parent_hash != bytes(32):
                add("chain.other", where, "another genesis block", found=header.hash, expected=self._deployment.genesis)
        elif before is not None:
            if header.parent_hash != before.hash:
                add("chain.block-link", where, found=header.parent_hash, expected=before.hash)
            if header.time < before.time:
                add("chain.block-header", where, "its time is before its parent's")
        self.headers[raw.number] = header.hash, header.state_root, header.time
        return header

    def _block(self, raw: RawBlock, header: Header) -> tuple[list[Accepted], int]:
        where, add = f"block {raw.number}", self._findings.add
        if ordered_root(raw.transactions) != header.transactions_root:
            add("chain.transactions-root", where)
        if ordered_root(raw.receipts) != header.receipts_root:
            add("chain.receipts-root", where)
        try:
            sent = [parse_transaction(each, where) for each in raw.transactions]
            got = [parse_receipt(each, where) for each in raw.receipts]
        except Malformed as error:
            add("chain.block-malformed", where, error.message)
            return [], 0
        if len(sent) != len(got) or (got and got[-1].cumulative_gas != header.gas_used):
            add("chain.block-header", where, "receipts do not fit the transactions or the gas used")
        if self._file is not None:
            self._file.check_index(raw, [transaction.hash for transaction in sent], self._findings)
        accepted = []
        for index, (transaction, receipt) in enumerate(zip(sent, got, strict=False)):
            if receipt.status != STATUS_SUCCESS:
                self._findings.count("refused transactions")
            elif transaction.to == self._door:
                found = self._submission(raw, header, index, transaction.hash, transaction.data, receipt)
                accepted += [found] if found is not None else []
            elif transaction.to is None:
                if transaction.data.startswith(contracts.artifact(ORDER[0]).bytecode):
                    self.first_blocks.add(raw.number)
                self._creation(header, transaction.data, receipt, f"{where} transaction {index}")
            else:
                self._findings.count("other transactions")
        return accepted, sum(len(receipt.logs) for receipt in got)

    def _creation(self, header: Header, data: bytes, receipt: TransactionReceipt, where: str) -> None:
        """Members names its genesis authorities when it is created; the other contracts start empty."""
        code = contracts.artifact("Members").bytecode
        if not data.startswith(code) or not any(log.address in self._names for log in receipt.logs):
            return
        try:
            authorities = _genesis_authorities(data[len(code) :])
            self.founders = authorities
            self._compare(self.shadow.found(authorities, header.time), receipt, where)
        except (Malformed, Violation) as error:
            self._findings.add("submission.rule", where, str(error))

    # ------------------------------------------------------------------------------------------------ submissions

    def _submission(
        self, raw: RawBlock, header: Header, index: int, tx_hash: bytes, data: bytes, receipt: TransactionReceipt
    ) -> Accepted | None:
        where = f"block {raw.number} transaction {index}"
        try:
            call = act.decode_submit_calldata(data)
            nonce = act.Meta.decode(call.meta).nonce
        except Malformed as error:
            self._findings.add("submission.malformed", where, error.message)
            return None
        identity = act.submission_id(call.key_id, nonce, call.action.digest)
        name = f"submission keccak256:{identity.hex()}"
        self._findings.count("submissions")
        member_id, public = bytes(32), None
        try:
            applied = self.shadow.apply(call, header.time)
            member_id, public = applied.member_id, applied.key
            self._compare(list(applied.events), receipt, name)
        except Violation as violation:
            self._findings.add("submission.rule", name, str(violation), block=raw.number)
            known = self.shadow.people.keys.get(call.key_id)
            if known is not None:
                member_id, public = known.member_id, known.public
        if public is not None:
            message = act.message(self._domain, call.action.digest, call.meta)
            self._signatures.append((name, self._pool.submit(_verifies, public, message, call.signature)))
        return Accepted(identity, member_id, call, raw.number, header.hash, header.time, index, tx_hash)

    def _compare(self, expected: list[Emitted], receipt: TransactionReceipt, where: str) -> None:
        said = [Emitted(self._names.get(log.address, "?"), log.topics, log.data) for log in receipt.logs]
        if said != expected:
            at = next((i for i, pair in enumerate(zip(said, expected, strict=False)) if pair[0] != pair[1]), len(said))
            self._findings.add("submission.events", where, f"event {at} of {len(said)}, {len(expected)} expected")

    def _settle(self, leave: int) -> None:
        """Take the answers of signatures until at most `leave` are under way."""
        while len(self._signatures) > leave:
            name, answer = self._signatures.popleft()
            self._findings.count("signatures")
            if not answer.result():
                self._findings.add("submission.signature", name)

    # ------------------------------------------------------------------------------------------------ state

    def check_state(self) -> None:
        """The contracts at the head: code and every storage slot."""
        if self._source.head not in self.headers:
            self._findings.add("audit.incomplete", f"block {self._source.head}", "the head cannot be read")
            return
        _, root, _ = self.headers[self._source.head]
        expected: dict[str, dict[int, tuple[int, str]]] = {c.name: {} for c in self._deployment.contracts}
        for contract, slot, value, label in self.shadow.slots():
            expected[contract][slot] = value, label
        for deployed in self._deployment.contracts:
            wanted = expected[deployed.name]
            state = self._source.contract(deployed.address, root, list(wanted), self._findings)
            if state is None:
                continue
            if state.code_hash != deployed.code_hash:
                self._findings.add("chain.code", f"contract {deployed.name}", found=state.code_hash)
            labels = {hashed(slot): (value, label) for slot, (value, label) in wanted.items()}
            for key, (value, label) in labels.items():
                if state.storage.get(key, 0) != value:
                    found = f"{state.storage.get(key, 0):#x}"
                    self._findings.add("state.value", f"{deployed.name}: {label}", found=found, expected=f"{value:#x}")
            for key in state.storage.keys() - labels.keys():
                self._findings.add("state.unknown", f"{deployed.name}: slot hash {key.hex()}")
            self._findings.count("storage slots", len(state.storage))


def _verifies(public: PublicKey, message: bytes, signature: bytes) -> bool:
    try:
        public.verify(message, signature)
    except SignatureRejected:
        return False
    return True


def _genesis_authorities(arguments: bytes) -> list[tuple[bytes, int, int, int]]:
    """The last argument of Members' constructor: (bytes32 memberId, uint8 zone, uint256 x, uint256 y)[]."""
    reader = Reader(arguments, "constructor")
    reader.word()
    reader.word()
    reader.expect(96, "offset of the authorities")
    found = [(reader.word(), reader.uint(8), reader.uint(), reader.uint()) for _ in range(reader.count(4))]
    reader.finish()
    return found
