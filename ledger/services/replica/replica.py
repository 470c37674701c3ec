"""One replica: its folder, its chain and what it serves. `start` makes or opens it; `Replica` is the facade.

DATA/config.json      role replica, engine, source, where the contracts are
DATA/anchors.json     the trust anchors it holds everything against
DATA/chain.sqlite     (embedded engine) its own blocks and state
DATA/replica.sqlite   kept checkpoints, co-signatures, public records, progress, refusal
DATA/evidence/        one file per refusal

The folder is usable from the moment config.json is there; everything before can be repeated after a crash.
"""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from eth_utils import keccak

from ledger.chain.contracts import ORDER, DeployedContract, Deployment
from ledger.chain.embedded import EmbeddedEngine
from ledger.chain.engine import Engine
from ledger.chain.finality import Finality
from ledger.chain.jsonrpc import JsonRpcEngine
from ledger.chain.reader import ChainReader
from ledger.chain.rpcserver import handle_json
from ledger.crypto.digest import Digest
from ledger.crypto.ports import Signer
from ledger.errors import BlockRefused, Conflict, Malformed, NotFound, OriginSealError, Untrusted, VerificationFailed
from ledger.proof.anchors import Anchors, parse_anchors
from ledger.proof.checkpoint import SignedCheckpoint
from ledger.services.bundles import BundleBuilder
from ledger.services.config import REPLICA, Config, DataFolder, load_config, save_config, write_json
from ledger.services.explorer import Explorer, LotName
from ledger.services.public_records import published
from ledger.services.replica.chains import EmbeddedCopy, NodeCopy, OwnChain, open_embedded
from ledger.services.replica.feed import KeptFeed
from ledger.services.replica.following import Follower
from ledger.services.replica.holdings import Holdings
from ledger.services.replica.kept import Kept
from ledger.services.replica.source import Source
from ledger.services.replica.status import IN_AGREEMENT, ReplicaStatus
from ledger.services.replica.verifying import Verdict, judge
from ledger.services.replica.vouching import Vouching

FILE = "replica.sqlite"


class _SignedPart(ChainReader):
    """Our own chain up to its newest block that the source signed: no bundle can stand on a later one."""

    def __init__(self, engine: Engine, deployment: Deployment, kept: Kept, own: OwnChain) -> None:
        super().__init__(engine, deployment)
        self._kept, self._own = kept, own

    def final_height(self) -> int:
        newest = self._kept.newest_checkpoint(at_most=self._own.height(), agreed=True)
        return -1 if newest is None else newest.checkpoint.height


class Replica:
    """An open replica. A context manager. Thread-safe: one thread polls, the others read."""

    def __init__(
        self,
        folder: DataFolder,
        config: Config,
        engine: Engine,
        anchors: dict[str, Any],
        *,
        plain: bool = False,
        stop: threading.Event | None = None,
    ) -> None:
        self.folder, self.config, self.engine, self.anchors = folder, config, engine, anchors
        self.stop = stop or threading.Event()
        self.trust = parse_anchors(anchors)
        self.deployment = Deployment.from_json(config.deployment)
        self.kept = Kept(folder.root / FILE)
        self.chain = ChainReader(engine, self.deployment, Finality.parse(config.finality))
        self.own: OwnChain = (
            EmbeddedCopy(engine, plain=plain) if isinstance(engine, EmbeddedEngine) else NodeCopy(self.chain, self.kept)
        )
        if not config.source:
            raise Malformed("the folder names no source", field="source")
        self.source = Source(config.source, stop=self.stop)
        self.holdings = Holdings(self.chain, self.kept)
        self.feed = KeptFeed(self.kept, self.trust)
        self.follower = Follower(
            folder.root, self.source, self.own, self.kept, self.trust, self.holdings, stop=self.stop
        )
        self._signed = _SignedPart(engine, self.deployment, self.kept, self.own)
        self._bundles = BundleBuilder(
            self._signed,
            self.holdings,
            self._checkpoint_at,
            [key.public for key in self.trust.checkpoint_keys.values()],
            self.feed,
        )
        self._vouching: Vouching | None = None
        self.explorer = Explorer(self.chain, None, self._lot_name)

    # ------------------------------------------------------------------------------------------------ following

    def poll(self) -> ReplicaStatus:
        """One look at the source. See `Follower.poll`."""
        self._compare_anchors()
        status = self.follower.poll()
        if status.code_checked and self.deployment.block == 0:
            self._find_deployment(status.height)
        if self._vouching is not None and status.state in IN_AGREEMENT:
            self.follower.warn("witness", self._vouching.vouch(self.source))
        return self.follower.status

    @property
    def executes(self) -> bool:
        """Whether blocks are executed here, not by an own node."""
        return isinstance(self.own, EmbeddedCopy)

    def witness(self, signer: Signer) -> None:
        """From now on co-sign, after each agreement, what was executed here. Raises NotAuthorised for a key that the
        anchors do not name, Conflict on an own node (which executes in our place)."""
        if not self.executes:
            raise Conflict(
                "only a replica that executes every block itself co-signs by execution",
                hint="beside an own node use `originseal witness`",
            )
        self._vouching = Vouching(self.chain, self.kept, self.trust, signer)

    def _find_deployment(self, head: int) -> None:
        """Remember in which block the first contract appeared: reading events begins there."""
        low, high = 0, head  # at block 0 there is no contract, at the head there is
        where = "0x" + self.deployment.address(ORDER[0]).hex()
        try:
            while high - low > 1:
                middle = (low + high) // 2
                found = self.engine.request("eth_getCode", [where, hex(middle)]) != "0x"
                low, high = (low, middle) if found else (middle, high)
        except OriginSealError:  # a node that forgets old states: reading begins at block 0
            return
        self.deployment = self.chain.deployment = self._signed.deployment = replace(self.deployment, block=high)
        self.config = replace(self.config, deployment=self.deployment.to_json())
        save_config(self.folder, self.config)

    def run(self, interval: float) -> None:
        """Poll until `stop` is set; a refusal ends polling, not serving."""
        try:
            while not self.stop.is_set():
                status = self.poll()
                if status.refusal is not None:
                    return
                self.stop.wait(0 if self.follower.busy else interval)
        except BaseException as error:
            self.follower.stopped(error)
            raise
        finally:
            self.source.close()  # this thread's connection

    def _compare_anchors(self) -> None:
        """Anchors are never taken over later; that the source now publishes others is worth a warning."""
        try:
            differs = parse_anchors(self.source.anchors()) != self.trust
        except Untrusted as error:
            self.follower.warn("anchors", f"the source's anchors.json cannot be read: {error.message}")
        except OriginSealError:  # the source is down: polling says so
            return
        else:
            self.follower.warn(
                "anchors", "the source now publishes other trust anchors than those kept here" if differs else ""
            )

    # ------------------------------------------------------------------------------------------------ reading

    def status(self) -> ReplicaStatus:
        """Where this replica stands."""
        return self.follower.status

    def version(self) -> int:
        """A number that changes whenever an answer may change."""
        return self.kept.revision + self.own.height()

    def witnesses(self) -> list[dict[str, Any]]:
        """Each anchored witness and the highest block of ours that it co-signed, None when there is none."""
        heights = self.kept.cosigned_heights()
        return [
            {"zh": witness.name_zh, "en": witness.name_en, "height": heights.get(key_id)}
            for key_id, witness in self.trust.witnesses.items()
        ]

    def rpc(self, body: Any) -> Any:
        """Read-only JSON-RPC 2.0 over our own chain."""
        return handle_json(self.engine, body)

    def public_records(self, submission_id: str) -> dict[str, Any]:
        """The public records of a submission, as verified and kept here. Raises NotFound."""
        identity = Digest.parse(submission_id, "keccak256", field="submissionId").value
        return published(identity, self.kept.records(identity))

    def bundle(self, gtin: str, lot: str) -> dict[str, Any]:
        """A lot's proof bundle, made from our own chain and records, as of a signed block that is ours."""
        if self._signed.final_height() < 0:
            raise NotFound("no signed checkpoint is kept here yet", hint="wait until the replica has caught up")
        return self._bundles.build(gtin, lot)

    def verify(self, bundle: bytes) -> Verdict:
        """What a bundle is worth against our anchors and our own chain. Raises Untrusted when it is no bundle."""
        return judge(bundle, self.trust, self.own)

    def _lot_name(self, lot_id: bytes) -> LotName | None:
        found = self.kept.lot_name(lot_id)
        return None if found is None else LotName(*found)

    def _checkpoint_at(self, height: int) -> SignedCheckpoint:
        signed = self.kept.checkpoint(height)
        if signed is None:
            raise NotFound(f"no checkpoint of height {height} is kept here yet", hint="ask again later")
        return signed

    def close(self) -> None:
        """Release files and locks."""
        self.stop.set()
        self.source.close()
        self.kept.close()
        self.engine.close()

    def __enter__(self) -> Replica:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# ---------------------------------------------------------------------------------------------------- starting


def start(
    data: Path,
    *,
    source: str | None = None,
    anchors: Path | None = None,
    node: str | None = None,
    finality: str = "instant",
    plain: bool = False,
    stop: threading.Event | None = None,
) -> tuple[Replica, bool]:
    """Open the replica in `data`, or make one that follows `source`; the second value is True when its anchors were
    just taken from the source itself, which the caller must say loudly.

    `node` is the URL of an own JSON-RPC node to check instead of executing blocks here. Raises NotFound without a
    source, Conflict when the folder holds something else, VerificationFailed when the source has another chain than
    the anchors say, and what the source raises.
    """
    folder = DataFolder(data)
    stop = stop or threading.Event()
    if folder.exists():
        config = load_config(folder)
        if config.role != REPLICA:
            raise Conflict(f"{data} holds an operator's ledger, not a replica", hint="choose another folder")
        if source is not None and source.rstrip("/") != config.source:
            config = replace(config, source=source.rstrip("/"))
            save_config(folder, config)
        if anchors is not None and _read_anchors(anchors) != _read_anchors(folder.anchors):
            raise Conflict("this replica was started with other trust anchors", hint="start in an empty folder")
        engine = _open(folder, config)
        return _opened(folder, config, engine, plain, stop), False
    if source is None:
        raise NotFound(f"no replica in {data}", hint="name the operator to follow: --from URL")
    if folder.ledger.exists() or folder.keys.exists():
        raise Conflict(f"{data} holds an operator's stores", hint="choose an empty folder")
    data.mkdir(parents=True, exist_ok=True)
    asked = Source(source, stop=stop)
    try:
        taken = anchors is None and not folder.anchors.exists()
        if anchors is not None:
            value = _read_anchors(anchors)
        elif folder.anchors.exists():
            value = _read_anchors(folder.anchors)
        else:
            value = asked.anchors()
        trust = parse_anchors(value)
        write_json(folder.anchors, value)
        chain_id, genesis, _, _ = asked.identity([])
    finally:
        asked.close()
    _check_identity(trust, chain_id, genesis)
    deployment = Deployment(
        trust.chain_id,
        trust.genesis,
        0,
        tuple(DeployedContract(n, trust.contracts[n].address, trust.contracts[n].code_hash) for n in ORDER),
    )
    config = Config(
        chain_id=trust.chain_id,
        engine={"type": "embedded"} if node is None else {"type": "jsonrpc", "urls": [node]},
        finality=finality,
        deployment=deployment.to_json(),
        role=REPLICA,
        source=source.rstrip("/"),
    )
    engine = _open(folder, config, genesis)
    try:
        save_config(folder, config)
    except BaseException:
        engine.close()
        raise
    return _opened(folder, config, engine, plain, stop), taken


def _opened(folder: DataFolder, config: Config, engine: Engine, plain: bool, stop: threading.Event) -> Replica:
    try:
        return Replica(folder, config, engine, _read_anchors(folder.anchors), plain=plain, stop=stop)
    except BaseException:
        engine.close()
        raise


def _open(folder: DataFolder, config: Config, genesis: bytes | None = None) -> Engine:
    if config.engine.get("type") == "jsonrpc":
        deployment = Deployment.from_json(config.deployment)
        return JsonRpcEngine(config.engine["urls"], chain_id=deployment.chain_id, genesis_hash=deployment.genesis)
    if genesis is None:
        return EmbeddedEngine.open(folder.chain)
    try:
        return open_embedded(folder.chain, genesis, config.chain_id)
    except BlockRefused as error:
        raise VerificationFailed(
            f"the source's block 0 is not one of the embedded engine: {error.message}", step="genesis",
            hint="for a consortium's chain name an own node: --node URL",
        ) from error  # fmt: skip


def _check_identity(trust: Anchors, chain_id: int, genesis: bytes) -> None:
    if chain_id != trust.chain_id:
        raise VerificationFailed(f"the source has chain id {chain_id}, the anchors say {trust.chain_id}", step="chain")
    if bytes(keccak(genesis)) != trust.genesis:
        raise VerificationFailed("the source's block 0 is not the genesis that the anchors name", step="genesis")


def _read_anchors(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path.name}") from error
    except ValueError as error:
        raise Malformed(f"{path.name} is not JSON", field="anchors") from error
    if not isinstance(value, dict):
        raise Malformed(f"{path.name} holds no JSON object", field="anchors")
    parse_anchors(value)
    return value
