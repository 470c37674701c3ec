"""Runs every part of an audit over one data folder, opened for reading only, and gathers what they find.

Nothing in the folder is changed or repaired, and no damage stops the audit: a part that cannot be read is a finding,
and the other parts go on. What is missing altogether (no ledger, no keys) is an error of the caller's and is raised.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from ledger.chain.contracts import Deployment, check
from ledger.chain.embedded import EmbeddedEngine, integrity
from ledger.chain.engine import Engine
from ledger.chain.reader import ChainReader
from ledger.errors import BadCiphertext, NotFound, OriginSealError, VerificationFailed
from ledger.index.model import ReadModel
from ledger.proof.anchors import Anchors, parse_anchors
from ledger.services.audit import stores
from ledger.services.audit.chainfile import ChainFile
from ledger.services.audit.findings import AuditReport, Findings
from ledger.services.audit.history import Accepted, History
from ledger.services.audit.matches import Matches
from ledger.services.audit.payloads import Payloads
from ledger.services.audit.sources import EngineSource, Source
from ledger.services.config import Config, DataFolder, load_config
from ledger.services.consortium import open_engine
from ledger.services.operator_keys import find_passphrase, open_checkpoint_key, open_reading_keys
from ledger.services.trade_register import TradeRegister
from ledger.vault import open_engine as open_database
from ledger.vault.reader import VaultReader

BATCH = 32  # submissions whose records are in memory at once
Progress = Callable[[int, int, str], None]  # done, total, what


def audit(
    data: Path,
    *,
    progress: Progress | None = None,
    passphrase: str | None = None,
    workers: int | None = None,
    execute: bool = False,
) -> AuditReport:
    """Audit the ledger in a data folder from genesis.

    `execute` also runs every block of an embedded chain again on py-evm's own loop, which nothing else here trusts or
    uses: about 0.1 s for each submission.

    Raises NotFound when there is no ledger or no key to read it with, BadKey for a wrong passphrase, Malformed for an
    unreadable configuration; everything else that is wrong is a finding.
    """
    folder = DataFolder(data)
    config = load_config(folder)
    tag, master = open_reading_keys(folder.keys, passphrase or find_passphrase(folder.keys))
    findings = Findings(f"originseal audit --data {shlex.quote(str(data))}")
    run = _Run(folder, config, findings, progress or (lambda done, total, what: None), execute=execute)
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        run.check_operator(passphrase or find_passphrase(folder.keys))
        return run.all(pool, master, TradeRegister(tag))


class _Run:
    """One audit under way."""

    def __init__(
        self, folder: DataFolder, config: Config, findings: Findings, progress: Progress, *, execute: bool
    ) -> None:
        self._execute = execute
        self._folder = folder
        self._config = config
        self._findings = findings
        self._progress = progress
        self._deployment = Deployment.from_json(config.deployment)
        self._started = time.time()
        self._head = -1
        self._records = 0
        self._anchored = self._anchors()

    def all(self, pool: ThreadPoolExecutor, master: bytes, register: TradeRegister) -> AuditReport:
        """Every part, in order; each on its own."""
        anchors = self._anchored
        with self._part("chain"):
            file = self._open_file()
            engine: Engine | None = None
            with self._part("engine"):
                engine = open_engine(self._folder, self._config, read_only=True)
                self._check_code(engine)
                if self._execute:
                    self._execute_again(engine)
            chain = None if engine is None else ChainReader(engine, self._deployment)
            source: Source | None = file or (EngineSource(chain) if chain is not None else None)
            try:
                if source is not None:
                    self._chain_and_stores(source, file, chain, anchors, pool, master, register)
            finally:
                if file is not None:
                    file.close()
                if engine is not None:
                    engine.close()
        return self._report()

    def check_operator(self, passphrase: str) -> None:
        """The operator's checkpoint key is an anchored one. An auditor need not hold it: then nothing is asked."""
        try:
            public = open_checkpoint_key(self._folder.keys, passphrase).public
        except NotFound:
            return
        except OriginSealError as error:
            self._findings.add("config.file", "keys/checkpoint.pem", error.message)
            return
        if self._anchored is not None and public.key_id not in self._anchored.checkpoint_keys:
            self._findings.add("config.file", "anchors.json", "the operator's checkpoint key is not among the keys")
        self._findings.count("operator's checkpoint key")

    def _execute_again(self, engine: Engine) -> None:
        if not isinstance(engine, EmbeddedEngine):
            self._findings.add("audit.incomplete", "engine", "only an embedded chain can be executed again")
            return
        self._progress(0, 0, "executing 重新执行")
        for damage in integrity.check(engine.node, execute=True):
            where = "chain.sqlite" if damage.block is None else f"block {damage.block}"
            self._findings.add("chain.execution", where, damage.what)
        self._findings.count("blocks executed again", engine.node.head().block_number)

    def _check_code(self, engine: Engine) -> None:
        """The contracts are wired as deployed and are this release's code."""
        try:
            check(self._deployment, engine)
        except VerificationFailed as error:
            self._findings.add("chain.code" if error.step != "chain" else "chain.other", "contracts", error.message)

    def _open_file(self) -> ChainFile | None:
        if self._config.engine.get("type") != "embedded":
            return None
        try:
            return ChainFile(self._folder.chain)
        except sqlite3.Error as error:
            self._findings.add("file.unreadable", "chain.sqlite", str(error))
            return None

    def _chain_and_stores(
        self,
        source: Source,
        file: ChainFile | None,
        chain: ChainReader | None,
        anchors: Anchors | None,
        pool: ThreadPoolExecutor,
        master: bytes,
        register: TradeRegister,
    ) -> None:
        findings, self._head = self._findings, source.head
        history = History(source, self._deployment, findings, pool, file)
        database = open_database(self._config.database_url or self._folder.ledger, read_only=True)
        # The plain reader: an altered key check is one of the findings, not a reason to stop.
        vault = VaultReader(database, master)
        sealed: dict[bytes, Accepted] = {}
        payloads = Payloads(vault, Matches(vault, findings), findings)
        with self._part("blocks"):
            self._walk(history, payloads, sealed, source.head)
        self._records = payloads.records
        findings.count("records", self._records)
        with self._part("state"):
            history.check_state()
        if file is not None:
            with self._part("chain.sqlite"):
                self._progress(0, 0, "chain file 链文件")
                file.check(findings, self._config.chain_id)
        self._stores(vault, sealed, history, anchors, register, payloads.known, chain)
        if self._deployment.block not in history.first_blocks:
            findings.add("config.file", "config.json", "the contracts were not deployed in the block that it names")
        if anchors is not None:
            self._check_authorities(anchors, history)
        if chain is not None:
            with self._part("index.sqlite"):
                self._progress(0, 0, "read model 读模型")
                model = ReadModel.inspect(self._config.index_url or self._folder.index)
                stores.check_index(model, chain, vault, payloads.sound, findings)
                model.engine.dispose()
        database.dispose()

    def _check_authorities(self, anchors: Anchors, history: History) -> None:
        """The anchored authorities are those that Members was created with; their names are words only."""
        anchored = sorted((authority.zone, authority.member_id) for authority in anchors.authorities)
        if anchored != sorted((zone, member_id) for member_id, zone, _, _ in history.founders):
            self._findings.add("config.file", "anchors.json", "the authorities are not those of genesis")

    def _walk(self, history: History, payloads: Payloads, sealed: dict[bytes, Accepted], head: int) -> None:
        batch: list[Accepted] = []
        for number, accepted in history.walk():
            batch += accepted
            for each in accepted:
                sealed[each.submission_id] = each
            if len(batch) >= BATCH or number == head:
                payloads.check(batch)
                batch = []
                self._progress(number + 1, head + 1, "blocks 区块")
        payloads.finish()

    def _stores(
        self,
        vault: VaultReader,
        sealed: dict[bytes, Accepted],
        history: History,
        anchors: Anchors | None,
        register: TradeRegister,
        decoded: set[bytes],
        chain: ChainReader | None,
    ) -> None:
        findings = self._findings
        self._progress(0, 0, "stores 数据库")
        with self._part("ledger.sqlite"):
            stores.check_vault(vault, decoded, findings)
        with self._part("ledger.sqlite submissions"):
            stores.check_submissions(vault, sealed, findings)
        with self._part("ledger.sqlite outbox"):
            stores.check_outbox(vault, sealed, self._head, chain, findings)
        with self._part("ledger.sqlite trade register"):
            stores.check_register(vault, register, sealed, findings)
        if anchors is not None:
            with self._part("ledger.sqlite checkpoints"):
                stores.check_checkpoints(vault, anchors, history.headers, self._head, findings)

    def _anchors(self) -> Anchors | None:
        """The folder's anchors file, which must be of the configured chain and contracts."""
        try:
            anchors = parse_anchors(self._folder.anchors.read_bytes())
        except (OSError, OriginSealError) as error:
            self._findings.add("config.file", "anchors.json", str(error))
            return None
        deployment = self._deployment
        same = {c.name: (c.address, c.code_hash) for c in deployment.contracts}
        found = {name: (anchor.address, anchor.code_hash) for name, anchor in anchors.contracts.items()}
        if (anchors.chain_id, anchors.genesis) != (deployment.chain_id, deployment.genesis) or found != same:
            self._findings.add("config.file", "anchors.json", "the anchors are not those of config.json")
        if deployment.chain_id != self._config.chain_id:
            self._findings.add("config.file", "config.json", "two chain ids")
        return anchors

    @contextmanager
    def _part(self, what: str) -> Iterator[None]:
        """Whatever stops one part of the audit is a finding, and the rest goes on."""
        try:
            yield
        except OriginSealError as error:
            kind = "payload.row" if isinstance(error, BadCiphertext) else "audit.incomplete"
            self._findings.add(kind, what, error.message)
        except sqlite3.Error as error:
            self._findings.add("file.unreadable", what, str(error))
        except Exception as error:
            # A planted value may break code that trusts its own files (the engine, the read model's projector). That
            # is a finding about the data, never a reason to hide the others.
            self._findings.add("audit.incomplete", what, f"{type(error).__name__}: {error}"[:500])

    def _report(self) -> AuditReport:
        findings = self._findings
        return AuditReport(
            chain_id=self._deployment.chain_id,
            genesis=f"0x{self._deployment.genesis.hex()}",
            head=self._head,
            started=int(self._started),
            seconds=time.time() - self._started,
            records=self._records,
            findings=tuple(findings.found),
            by_kind=dict(findings.by_kind),
            coverage=dict(findings.coverage),
        )
