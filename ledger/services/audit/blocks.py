"""Ranges of blocks, checked by whoever is free: everything about a block that needs no earlier state.

For each block
  1 the header's hash, number, parent, time and ommers; 2 the transaction root and 3 the receipt root, from raw bytes;
  4 the chain file's index rows and 5 the state nodes that it adds; for each accepted call of Submissions: 6 its
  calldata decodes, 7 the author's SM2 signature verifies under the key with the signer's key id.
A key id is Z of the point, so any point with that Z will do: it is taken from the chain's own events and checked.
Whether that key was registered, not revoked and allowed to do this is the shadow's question (history).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import contracts
from ledger.chain.contracts import ORDER, Deployment
from ledger.crypto.sm2 import PublicKey
from ledger.domain import action as act
from ledger.domain.abi import Reader
from ledger.errors import Malformed, OriginSealError, SignatureRejected
from ledger.proof.header import EMPTY_OMMERS, Header, parse_header
from ledger.proof.transaction import STATUS_SUCCESS, TransactionReceipt, parse_receipt, parse_transaction
from ledger.proof.trie import EMPTY_ROOT
from ledger.proof.trie_build import ordered_root
from ledger.services.audit.chainfile import ChainFile
from ledger.services.audit.findings import Findings
from ledger.services.audit.nodes import Growth
from ledger.services.audit.shadow_types import topic
from ledger.services.audit.sources import RawBlock, Source
from ledger.services.audit.spans import Accepted, Creation, Logs, Seen, Span

ACCEPTED_EVENT = "Accepted(bytes32,bytes32,bytes32,bytes32,uint32,uint64,bytes32)"
ACCEPTED = topic(ACCEPTED_EVENT)
MAX_KEYS = 1024  # public keys kept between submissions


@dataclass(frozen=True, slots=True)
class Transaction:
    """One successful transaction of a block, for whoever projects the read model."""

    block: int
    block_hash: bytes
    time: int
    hash: bytes
    index: int
    logs: Logs
    first_log: int
    seen: Seen | None


class Keys:
    """Public keys by key id, from the chain's events; None where they do not give the key with this id."""

    def __init__(self, source: Source, members: bytes) -> None:
        self._source = source
        self._members = members
        self._known: dict[bytes, PublicKey] = {}

    def get(self, key_id: bytes) -> PublicKey | None:
        """The point whose Z is `key_id`."""
        known = self._known.get(key_id)
        if known is None:
            point = self._source.point(self._members, key_id)
            try:
                found = None if point is None else PublicKey(*point)
            except OriginSealError:
                return None
            if found is None or found.key_id != key_id:
                return None
            if len(self._known) >= MAX_KEYS:
                self._known.clear()
            known = self._known[key_id] = found
        return known


class Blocks:
    """Reads ranges of one chain. Use `read` for each range, in any order."""

    def __init__(self, source: Source, deployment: Deployment, file: ChainFile | None) -> None:
        self._source = source
        self._file = file
        self._deployment = deployment
        self._addresses = {c.address for c in deployment.contracts}
        self._door = deployment.address("Submissions")
        self._domain = act.domain(deployment.chain_id, self._door)
        self._keys = Keys(source, deployment.address("Members"))
        self._findings = Findings("")
        self._growth = None if file is None else Growth(file.node, self._missing)
        self._again = False
        self._last: Header | None = None

    def read(self, span: Span, findings: Findings, *, again: bool = False) -> Iterator[Transaction]:
        """Check the blocks of `span`, fill it in, and give their transactions in order.

        `again`: without signatures and state nodes, which an earlier audit has checked.
        """
        self._findings, self._again = findings, again
        self._last = self._before(span.first)
        root = EMPTY_ROOT if self._last is None else self._last.state_root
        if self._last is None and span.first > 0 and self._file is not None:
            root = self._file.state_before(span.first)
        growth = None if again else self._growth
        if growth is not None:
            growth.reached = set()
        for number in range(span.first, span.last + 1):
            raw = self._source.block(number, findings)
            if raw is None:
                self._last = None
                continue
            span.totals["blocks"] += 1
            header = self._header(raw)
            if header is None:
                continue
            span.headers.append((number, header.hash, header.state_root, header.time))
            if growth is not None:
                growth.visit_state(header.state_root, root)
                root = header.state_root
            yield from self._block(raw, header, span)
        if growth is not None:
            span.nodes = b"".join(sorted(growth.reached))

    def _missing(self, key: bytes, what: str) -> None:
        self._findings.add("chain.node-missing", f"node {key.hex()}", what)

    def _before(self, first: int) -> Header | None:
        """The header that block `first` must link to; whether it is right is another range's finding."""
        if first == 0:
            return None
        raw = self._source.block(first - 1, Findings(""))
        try:
            return None if raw is None else parse_header(raw.header, f"block {first - 1}")
        except Malformed:
            return None

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
        return header

    def _block(self, raw: RawBlock, header: Header, span: Span) -> Iterator[Transaction]:
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
            return
        if len(sent) != len(got) or (got and got[-1].cumulative_gas != header.gas_used):
            add("chain.block-header", where, "receipts do not fit the transactions or the gas used")
        if self._file is not None:
            self._file.check_index(raw, [transaction.hash for transaction in sent], got, self._findings)
        span.totals["transactions"] += len(raw.transactions)
        n_logs = 0
        for index, (transaction, receipt) in enumerate(zip(sent, got, strict=False)):
            logs = tuple((log.address, log.topics, log.data) for log in receipt.logs)
            seen = None
            if receipt.status != STATUS_SUCCESS:
                self._findings.count("refused transactions")
            elif transaction.to == self._door:
                seen = self._submission(header, index, transaction.hash, transaction.data, logs)
                if seen is not None:
                    span.steps.append(seen)
            elif transaction.to is None:
                if transaction.data.startswith(contracts.artifact(ORDER[0]).bytecode):
                    span.first_blocks.append(raw.number)
                self._creation(header, transaction.data, receipt, logs, f"{where} transaction {index}", span)
            else:
                self._findings.count("other transactions")
            yield Transaction(raw.number, header.hash, header.time, transaction.hash, index, logs, n_logs, seen)
            n_logs += len(logs)
        span.totals["logs"] += sum(len(receipt.logs) for receipt in got)

    def _creation(
        self, header: Header, data: bytes, receipt: TransactionReceipt, logs: Logs, where: str, span: Span
    ) -> None:
        """Members names its genesis authorities when it is created; the other contracts start empty."""
        code = contracts.artifact("Members").bytecode
        if not data.startswith(code) or not any(log.address in self._addresses for log in receipt.logs):
            return
        try:
            (authorities, threshold), problem = _genesis(data[len(code) :]), ""
        except Malformed as error:
            authorities, threshold, problem = (), 0, error.message
        span.steps.append(Creation(where, header.time, authorities, threshold, problem, logs))

    def _submission(self, header: Header, index: int, tx_hash: bytes, data: bytes, logs: Logs) -> Seen | None:
        try:
            call = act.decode_submit_calldata(data)
            nonce = act.Meta.decode(call.meta).nonce
        except Malformed as error:
            self._findings.add("submission.malformed", f"block {header.number} transaction {index}", error.message)
            return None
        digest = call.action.digest
        identity = act.submission_id(call.key_id, nonce, digest)
        key = None if self._again else self._keys.get(call.key_id)
        verified = None
        if key is not None:
            verified = verifies(key, act.message(self._domain, digest, call.meta), call.signature)
        member_id = next(
            (topics[2] for address, topics, _ in logs if address == self._door and len(topics) == 4
             and topics[:2] == (ACCEPTED, identity)), bytes(32)
        )  # fmt: skip
        accepted = Accepted(identity, member_id, call, header.number, header.hash, header.time, index, tx_hash)
        return Seen(accepted, digest, logs, verified)


def verifies(public: PublicKey, message: bytes, signature: bytes) -> bool:
    """Whether an SM2 signature holds: an answer, because a wrong one is a finding and not an error."""
    try:
        public.verify(message, signature)
    except SignatureRejected:
        return False
    return True


def _genesis(arguments: bytes) -> tuple[tuple[tuple[bytes, int, int, int], ...], int]:
    """The last two arguments of Members' constructor: (bytes32 memberId, uint8 zone, uint256 x, uint256 y)[] and the
    threshold."""
    reader = Reader(arguments, "constructor")
    reader.word()
    reader.word()
    reader.expect(128, "offset of the authorities")
    threshold = reader.uint(32)
    found = tuple((reader.word(), reader.uint(8), reader.uint(), reader.uint()) for _ in range(reader.count(4)))
    reader.finish()
    return found, threshold
