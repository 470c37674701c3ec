"""One opened ledger: the facade that the API and the command line use. Wires the parts; the rules live in them.

Writes go one way: intake check → simulation by the contract → ONE database transaction (payloads, trade register,
outbox row) → sealing → read model → checkpoint → receipt. A crash anywhere leaves either nothing, or a queued
submission that the next start seals exactly once.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ledger.chain.contracts import Deployment, check
from ledger.chain.finality import Finality
from ledger.chain.gateway import Gateway
from ledger.chain.outbox import REFUSED, Sealed
from ledger.chain.relayer import Relayer
from ledger.chain.rpcserver import handle_json
from ledger.crypto.digest import Digest, parse_sm3
from ledger.crypto.sm2 import PublicKey
from ledger.documents.canonical import MAX_DEPTH, loads_strict
from ledger.documents.ceb import parse_message
from ledger.documents.statement import commit
from ledger.documents.submission import CheckedSubmission
from ledger.domain.action import encode_submit_calldata
from ledger.domain.events import parse_document
from ledger.errors import NonceUsed, NotFound, OriginSealError, Unavailable, UnknownMember
from ledger.index.follower import Follower
from ledger.index.model import ReadModel
from ledger.index.queries import Queries
from ledger.index.views import LedgerStatus, LotSummary, LotView, MemberView, Page, TradeView
from ledger.proof.anchors import parse_anchors
from ledger.services import customs
from ledger.services.backup.marks import require_sealing, sealing_suspended
from ledger.services.bundles import BundleBuilder
from ledger.services.checkpoint_feed import CheckpointFeed
from ledger.services.checkpoints import Checkpoints
from ledger.services.compose import Network
from ledger.services.config import Config, DataFolder, load_config
from ledger.services.consortium import open_engine
from ledger.services.explorer import Explorer
from ledger.services.intake import check_submission
from ledger.services.kinds import demand
from ledger.services.measures import Measures, reason
from ledger.services.names import IndexedNames
from ledger.services.operations import OperationFacts, Operations
from ledger.services.operator_keys import OperatorKeys, find_passphrase, open_operator_keys
from ledger.services.public_records import VaultRecords, published
from ledger.services.receipts import Receipt
from ledger.services.trade_register import TradeRegister
from ledger.services.trades import Matcher, open_matcher
from ledger.services.vouched import Vouching, vouching
from ledger.vault import StoreCounts, Vault
from ledger.vault import open_engine as open_database

MAX_DOCUMENT_LEAVES = 250_000  # scalars of one EPCIS document
log = logging.getLogger(__name__)
Progress = Callable[[int, int], None]


class Ledger:
    """Use `Ledger.open`; a context manager. Thread-safe: writes are serialised, reads run beside them."""

    def __init__(self, folder: DataFolder, config: Config, keys: OperatorKeys, anchors: dict[str, Any]) -> None:
        self.folder = folder
        self.config = config
        self.anchors = anchors
        self.deployment = Deployment.from_json(config.deployment)
        self.engine = open_engine(folder, config)
        try:
            check(self.deployment, self.engine)
            self._wire(keys)
        except BaseException:
            self.engine.close()
            raise

    def _wire(self, keys: OperatorKeys) -> None:
        folder, config = self.folder, self.config
        self._database = open_database(config.database_url or folder.ledger)
        self.vault = Vault(self._database, keys.master)
        self.gateway = Gateway(
            self.engine,
            self.deployment,
            Relayer.from_secret(keys.relayer),
            self._database,
            finality=Finality.parse(config.finality),
        )
        self.register = TradeRegister(keys.tag)
        self.register.create_tables(self._database)
        self.model = ReadModel.open(config.index_url or folder.index)
        self.index = Queries(self.model)
        names = IndexedNames(self.index)
        self.explorer = Explorer(self.gateway, names.member, names.lot)
        self.checkpoints = Checkpoints(self.gateway, self.vault, keys.checkpoint)
        self.feed = CheckpointFeed(self.checkpoints, self.vault, parse_anchors(self.anchors))
        self.network = Network(self.deployment.chain_id, "0x" + self.deployment.address("Submissions").hex())
        self._domain = self.network.domain
        self._follower = Follower(self.model, self.gateway, self.vault)
        self._records = VaultRecords(self.vault)
        self._bundles = BundleBuilder(
            self.gateway, self._records, self.checkpoints.at, [self.checkpoints.signer.public], self.feed
        )
        self._keys: dict[bytes, tuple[PublicKey, bytes]] = {}
        self._writing = threading.Lock()
        self._counted: tuple[tuple[int, int], dict[str, int], StoreCounts] | None = None
        self._measures = Measures()
        self._operations = Operations(
            folder, parse_anchors(self.anchors), self.gateway, self.vault, self.model, self._measures
        )
        self.matcher: Matcher | None = None

    @classmethod
    def open(cls, data: Path, *, passphrase: str | None = None) -> Ledger:
        """Open the ledger in a data folder and finish what an earlier process left open.

        Raises NotFound when there is none, BadKey for a wrong passphrase, StorageUnavailable when another process
        writes to it, EngineUnavailable when the chain is another one.
        """
        folder = DataFolder(data)
        config = load_config(folder)
        keys = open_operator_keys(folder.keys, passphrase or find_passphrase(folder.keys))
        anchors = json.loads(folder.anchors.read_text(encoding="utf-8"))
        ledger = cls(folder, config, keys, anchors)
        try:
            ledger._recover()
            if config.matcher is not None:
                ledger._open_matcher(config.matcher, passphrase or find_passphrase(folder.keys))
        except BaseException:
            ledger.close()
            raise
        return ledger

    def _open_matcher(self, settings: Mapping[str, str], passphrase: str) -> None:
        self.matcher = open_matcher(
            settings,
            self.folder.keys,
            passphrase,
            self.network,
            self.register,
            self.vault,
            self.gateway,
            self.submit,
        )

    def _recover(self) -> None:
        try:
            if not sealing_suspended(self.folder.root):
                self._count(self.gateway.recover())
            self._seal()
        except Unavailable as error:
            # A consortium's node may be down when we start: reading goes on, sealing is tried again on each write.
            log.warning("sealing waits", extra={"facts": {"reason": error.code}})

    def close(self) -> None:
        """Release files and locks."""
        self.engine.close()
        self._database.dispose()
        self.model.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ----------------------------------------------------------------------------------------------------- writing

    def submit(self, wire: Mapping[str, Any]) -> Receipt:
        """Check, store and seal one submission in wire form; a repeated one gets its first receipt.

        Raises what intake raises, RevertedOnChain with the contract's own error, NonceUsed, Unavailable.
        """
        with self._refusing():
            return self._take(wire, customs.Messages())

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Whatever refuses a submission inside the block is counted and logged, by reason only."""
        try:
            yield
        except OriginSealError as error:
            self._measures.refused(error)
            log.warning("refused", extra={"facts": dict(zip(("reason", "error"), reason(error), strict=True))})
            raise

    def _take(self, wire: Mapping[str, Any], messages: customs.Messages) -> Receipt:
        require_sealing(self.folder.root)
        checked = check_submission(wire, self._domain, self._lookup, now=int(time.time()))
        messages.require(checked.records)
        for record in checked.records:
            customs.require_issuer(record)
        with self._writing:
            known = self._known(checked)
            if known is not None:
                return known
            self._log("accepted", checked, records=len(checked.records))
            self._store(checked)
            self._log("queued", checked)
            self._seal()
        receipt = self.receipt_of(checked.submission_id)
        if self.matcher is not None:
            self.matcher.after(checked.records)
        return receipt

    def _known(self, checked: CheckedSubmission) -> Receipt | None:
        stored = self.vault.by_nonce(checked.key_id, checked.meta.nonce)
        if stored is None:
            return None
        if stored.submission_id != checked.submission_id:
            raise NonceUsed("this key has used this nonce for another submission", field="/meta")
        self._seal()
        return replace(self.receipt_of(checked.submission_id), duplicate=True)

    def _store(self, checked: CheckedSubmission) -> None:
        signature = checked.signature
        calldata = encode_submit_calldata(checked.key_id, checked.action, checked.meta, signature[:32], signature[32:])
        self.gateway.simulate(calldata)
        with self.vault.transaction() as connection:
            self.vault.store(connection, checked, int(time.time()))
            self.register.add(connection, checked.records)
            self.gateway.enqueue(connection, checked.submission_id, calldata)
        self._measures.accepted(checked.submission_id)

    @staticmethod
    def _log(event: str, checked: CheckedSubmission, **facts: Any) -> None:
        log.info(event, extra={"facts": {"submission": f"keccak256:{checked.submission_id.hex()}", **facts}})

    def _count(self, sealed: list[Sealed]) -> None:
        self._measures.sealed([s.submission_id for s in sealed], lambda known: self.vault.submission(known).received_at)

    def _seal(self) -> None:
        """Bring queued submissions to the chain, the read model up to it, and promise its head."""
        if not sealing_suspended(self.folder.root):
            self._count(self.gateway.seal_pending())
        self._follower.catch_up()
        if self.gateway.final_height() >= 0:
            self.checkpoints.latest()

    def _lookup(self, key_id: bytes) -> tuple[PublicKey, bytes]:
        """A key's public half and its member: both immutable on chain. Standing is judged by the contract."""
        known = self._keys.get(key_id)
        if known is None:
            key = self.gateway.call("Members", "key", key_id)
            if not key["since"]:
                raise UnknownMember("no member of this ledger has this key", field="/keyId")
            known = PublicKey(key["x"], key["y"]).expect_many(), key["memberId"]
            self._keys[key_id] = known
        return known

    # ------------------------------------------------------------------------------------------- foreign messages

    def check_ceb(self, data: bytes) -> customs.CebReport:
        """What a customs message is worth; nothing is stored."""
        return customs.check_message(data)

    def submit_ceb(self, data: bytes, envelope: Mapping[str, Any]) -> tuple[customs.CebReport, Receipt]:
        """Seal every business node of a customs message under its issuer's signature (strict parsing)."""
        with self._refusing():
            message = parse_message(data, mode="strict")
            records = [(node.kind, node.payload()) for node in message.nodes]
            evidence = base64.b64encode(data).decode("ascii")
            wire = customs.envelope_wire(records, [()] * len(records), envelope, evidence)
            receipt = self._take(wire, customs.Messages({data: message}))
        return customs.report(message, now=time.time()).sealed_with(receipt.submission_id), receipt

    def submit_epcis(self, document: bytes, envelope: Mapping[str, Any]) -> Receipt:
        """Seal every event of an EPCIS document under the capturing member's signature."""
        with self._refusing():
            _, member = self._lookup(parse_sm3(envelope["keyId"], field="OriginSeal-Envelope#/keyId"))
            # A document holds many records: whoever read it bounds its size, each record's where it is committed.
            events = parse_document(
                loads_strict(document, max_bytes=len(document), max_depth=MAX_DEPTH + 4, max_leaves=MAX_DOCUMENT_LEAVES)
            )
            records = [("epcis.event", event) for event in events]
            lots = [demand(commit("epcis.event", member, (), event), event).lots for event in events]
            return self._take(customs.envelope_wire(records, lots, envelope, None), customs.Messages())

    # ----------------------------------------------------------------------------------------------------- reading

    def receipt(self, submission_id: str) -> Receipt:
        """The receipt of a submission by its text id. Raises NotFound."""
        return self.receipt_of(Digest.parse(submission_id, "keccak256", field="submissionId").value)

    def receipt_of(self, submission_id: bytes) -> Receipt:
        """The receipt of a submission. Raises NotFound, or the contract's refusal when it was refused after all."""
        stored = self.vault.submission(submission_id)
        entry = self.gateway.entry(submission_id)
        if entry is None:
            raise NotFound(f"submission keccak256:{submission_id.hex()} never reached the outbox")
        if entry.state == REFUSED and entry.error is not None:
            raise entry.error
        rows = self.vault.rows(submission_id)
        note = None if entry.sealed is None else self.feed.note(entry.sealed.block)
        return Receipt(stored, tuple((row.kind, row.digest) for row in rows), entry.sealed, note)

    def public_records(self, submission_id: str) -> dict[str, Any]:
        """The public part of a sealed submission's records, for replicas. Raises NotFound."""
        identity = Digest.parse(submission_id, "keccak256", field="submissionId").value
        entry = self.gateway.entry(identity)
        if entry is None or entry.sealed is None:
            raise NotFound(f"no sealed submission {submission_id}")
        return published(identity, self._records.of(identity))

    def lot(self, gtin: str, lot: str) -> LotView:
        return self.index.lot(gtin, lot)

    def lots(self, cursor: str | None = None, limit: int = 50, zone: int | None = None) -> Page[LotSummary]:
        return self.index.lots(cursor, limit, zone)

    def trade(self, trade_id: str) -> TradeView:
        return self.index.trade(trade_id)

    def trades(self, cursor: str | None = None, limit: int = 50) -> Page[TradeView]:
        return self.index.trades(cursor, limit)

    def member(self, member_id: str) -> MemberView:
        return self.index.member(member_id)

    def members(self, cursor: str | None = None, limit: int = 50) -> Page[MemberView]:
        return self.index.members(cursor, limit)

    def bundle(self, gtin: str, lot: str) -> dict[str, Any]:
        """The proof bundle of a lot, public fields only."""
        return self._bundles.build(gtin, lot)

    def vouching(self, lot: LotView) -> Vouching:
        """Who stands behind the state that the bundle of this lot shows."""
        key_ids = [parse_sm3(event.anchored.key_id) for event in lot.events]
        member_of = self._bundles.member_of
        return vouching(self.gateway, self.feed, parse_sm3(lot.summary.id), key_ids, member_of)

    def checkpoint(self) -> dict[str, Any]:
        """The signed checkpoint of the newest final block."""
        return self.checkpoints.latest().to_dict()

    def version(self) -> int:
        """A number that changes whenever an answer may change."""
        return self.model.version() + self.feed.revision

    def status(self) -> LedgerStatus:
        """Numbers for operators and for the front page."""
        head = self.gateway.block(self.gateway.height())
        depth = self.gateway.outbox_depth()
        state = (self.model.version(), depth)  # counting takes longer the more there is: only when it may have changed
        if self._counted is None or self._counted[0] != state:
            self._counted = (state, self.model.counts(), self.vault.counts())
        _, counts, stored = self._counted
        return LedgerStatus(
            chain_id=self.deployment.chain_id,
            genesis="0x" + self.deployment.genesis.hex(),
            height=head.number,
            head_time=head.time,
            indexed=self.model.height(),
            records=stored.records,
            submissions=stored.submissions,
            lots=counts["lots"],
            trades=counts["trades"],
            members=counts["members"],
            outbox_depth=depth,
            extra={"demo": self.config.demo, "operator": self.config.operator},
        )

    def operations(self) -> OperationFacts:
        """What the people who run this ledger watch."""
        return self._operations.facts()

    def audit_status(self) -> dict[str, Any] | None:
        """What anybody may know of the last audit of this folder, or None: no path of this machine, no stored value."""
        try:
            report = json.loads(self.folder.audit_report.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        if not isinstance(report, dict):
            return None
        named = ("id", "severity", "where", "what")
        findings = [{name: finding.get(name) for name in named} for finding in report.get("findings", ())]
        shown = {name: value for name, value in report.items() if name != "signature"}  # which is over the whole report
        return {**shown, "findings": findings}

    def rpc(self, body: Any) -> Any:
        """Read-only JSON-RPC 2.0 over the chain."""
        return handle_json(self.engine, body)

    def rebuild_index(self, progress: Progress | None = None) -> None:
        """Forget the read model and fill it again from the chain and the payload store."""
        with self._writing:
            self.model.clear()
            self._follower.catch_up(progress)
