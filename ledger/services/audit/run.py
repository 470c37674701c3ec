"""Runs an audit over one data folder, opened for reading only, and gathers what its parts find.

The walk over blocks is divided among workers (`tasks`, `pool`); what needs the blocks before is done here, in order
(`walk`); then the stores and files are examined, again by whoever is free. Nothing in the folder is changed or
repaired, and no damage stops the audit: a part that cannot be read is a finding, and the other parts go on. What is
missing altogether (no ledger, no keys) is an error of the caller's and is raised.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path

from ledger.chain.contracts import Deployment, check
from ledger.chain.engine import Engine
from ledger.chain.reader import ChainReader
from ledger.errors import NotFound, OriginSealError, VerificationFailed
from ledger.proof.anchors import Anchors, parse_anchors
from ledger.services.audit import plan, statement
from ledger.services.audit.chainfile import ChainFile
from ledger.services.audit.findings import AuditReport, Findings
from ledger.services.audit.history import History
from ledger.services.audit.pool import Answer, Pool
from ledger.services.audit.readmodel import StoredIndex
from ledger.services.audit.scratch import Scratch
from ledger.services.audit.sources import EngineSource, Source
from ledger.services.audit.spans import Part
from ledger.services.audit.tasks import Setup, Task, noted
from ledger.services.audit.walk import Walk
from ledger.services.config import REPLICA, Config, DataFolder, load_config
from ledger.services.consortium import open_engine
from ledger.services.operator_keys import find_passphrase, open_checkpoint_key, open_reading_keys
from ledger.vault import open_engine as open_database
from ledger.vault.reader import VaultReader

Progress = Callable[[int, int, str], None]  # done, total, what
WORTH_A_PROCESS = 8 << 20  # bytes of chain and payloads below which starting workers takes longer than it saves


def audit(
    data: Path,
    *,
    progress: Progress | None = None,
    passphrase: str | None = None,
    workers: int | None = None,
    execute: bool = False,
) -> AuditReport:
    """Audit the ledger in a data folder from genesis.

    `workers` processes share the work (1: all of it in this process; None: as many as there are cores, when the ledger
    is large enough). `execute` also runs every block of an embedded chain again on py-evm's own loop, which nothing
    else here trusts or uses: about 0.1 s for each submission.

    Raises NotFound when there is no ledger or no key to read it with, BadKey for a wrong passphrase, Malformed for an
    unreadable configuration; everything else that is wrong is a finding.
    """
    folder = DataFolder(data)
    config = load_config(folder)
    run = Run(folder, config, progress or (lambda done, total, what: None), execute=execute)
    if config.role != REPLICA:
        run.unlock(passphrase or find_passphrase(folder.keys))
    return run.all(workers)


class Run:
    """One audit under way."""

    def __init__(self, folder: DataFolder, config: Config, progress: Progress, *, execute: bool = False) -> None:
        self.folder = folder
        self.config = config
        self.findings = Findings(f"originseal audit --data {shlex.quote(str(folder.root))}")
        self.deployment = Deployment.from_json(config.deployment)
        self.head = -1
        self.records = 0
        self._execute = execute
        self._progress = progress
        self._started = time.time()
        self._keys: tuple[bytes, bytes] | None = None
        self._engine: Engine | None = None
        self._open = ExitStack()
        self.anchors = self._anchors()

    def unlock(self, passphrase: str) -> None:
        """Open the operator's keys that an audit reads with, and look whether its checkpoint key is an anchored one.

        An auditor need not hold the checkpoint key: then nothing is asked.
        """
        self._keys = open_reading_keys(self.folder.keys, passphrase)
        try:
            public = open_checkpoint_key(self.folder.keys, passphrase).public
        except NotFound:
            return
        except OriginSealError as error:
            self.findings.add("config.file", "keys/checkpoint.pem", error.message)
            return
        if self.anchors is not None and public.key_id not in self.anchors.checkpoint_keys:
            self.findings.add("config.file", "anchors.json", "the operator's checkpoint key is not among the keys")
        self.findings.count("operator's checkpoint key")

    def all(self, workers: int | None) -> AuditReport:
        """Every part, in order; each on its own."""
        with self._open, self.part("chain"):
            file = self._open_file()
            with self.part("engine"):
                self._engine = self._open.enter_context(closing(open_engine(self.folder, self.config, read_only=True)))
                self._check_code(self._engine)
            source: Source | None = file
            if source is None and self._engine is not None:
                source = EngineSource(ChainReader(self._engine, self.deployment))
            if source is not None:
                self.head = source.head
                self._audit(source, file, self._workers(workers))
        return self._report()

    def _audit(self, source: Source, file: ChainFile | None, workers: int) -> None:
        scratch = Scratch()
        self._open.callback(scratch.close)
        index = None
        if self._keys is not None:
            index = StoredIndex(self.config, self.folder, self.deployment, self.head)
            self._open.callback(index.close)
        setup = self._setup(scratch, -1 if index is None else index.height)
        pool = self._open.enter_context(Pool(setup, workers))
        vault = None if self._keys is None else self._vault(self._keys[1])
        walk = Walk(self.deployment, self.findings, scratch, vault, index, self._progress)
        self._open.callback(walk.close)
        with self.part("blocks"):
            walk.run(pool, self.head)
        self.records = walk.records
        self.findings.count("records", self.records)
        tasks = self._tasks(file, vault)
        answers = _Collected(pool, tasks, self._progress)
        with self.part("state"):
            walk.history.check_state(source, self.head)
        if file is not None:
            with self.part("chain.sqlite"):
                file.check_totals(*walk.totals, self.findings)
        defects: list[str] | None = None
        for answer in answers.take():
            part = self._take(answer)
            if answer.task.name == "index_structure" and part is not None:
                defects = part.value
        if vault is not None and walk.index is not None:
            with self.part("index.sqlite"):
                self._progress(0, 0, "read model 读模型")
                walk.index.finish(self._chain, vault, defects, self.findings, self.head)
        self._check_founding(walk.history)

    def _tasks(self, file: ChainFile | None, vault: VaultReader | None) -> list[Task]:
        tasks = plan.after_walk(file is not None, vault, self.anchors is not None, self.head, self.noted_sizes)
        if self._execute:
            tasks = [*plan.executions(self.head), *tasks]
        return tasks

    def noted_sizes(self, what: str) -> AbstractContextManager[None]:
        """As `part`: sizes of tables may not be readable."""
        return self.part(what)

    def _take(self, answer: Answer) -> Part | None:
        """A worker's answer; what it could not do is a finding."""
        note_lost(answer, self.findings)
        if not isinstance(answer.answer, Part):
            return None
        part = answer.answer
        self.findings.merge(part.findings, part.unlisted, part.coverage)
        return part

    # ------------------------------------------------------------------------------------------------ what is opened

    def _setup(self, scratch: Scratch, index_height: int) -> Setup:
        assert scratch.path is not None
        tag, master = self._keys if self._keys is not None else (None, None)
        return Setup(self.folder.root, self.config, self.head, scratch.path, index_height, master, tag)

    def _vault(self, master: bytes) -> VaultReader:
        database = open_database(self.config.database_url or self.folder.ledger, read_only=True)
        self._open.callback(database.dispose)
        # The plain reader: an altered key check is one of the findings, not a reason to stop.
        return VaultReader(database, master)

    def _chain(self) -> ChainReader | None:
        return None if self._engine is None else ChainReader(self._engine, self.deployment)

    def _open_file(self) -> ChainFile | None:
        if self.config.engine.get("type") != "embedded":
            return None
        try:
            return self._open.enter_context(closing(ChainFile(self.folder.chain)))
        except sqlite3.Error as error:
            self.findings.add("file.unreadable", "chain.sqlite", str(error))
            return None

    def _workers(self, wanted: int | None) -> int:
        if wanted is not None:
            return max(1, wanted)
        size = sum(path.stat().st_size for path in (self.folder.chain, self.folder.ledger) if path.exists())
        return (os.cpu_count() or 1) if size >= WORTH_A_PROCESS or (self._execute and self.head > 50) else 1

    # ------------------------------------------------------------------------------------------------ small parts

    def _check_code(self, engine: Engine) -> None:
        """The contracts are wired as deployed and are this release's code."""
        try:
            check(self.deployment, engine)
        except VerificationFailed as error:
            self.findings.add("chain.code" if error.step != "chain" else "chain.other", "contracts", error.message)

    def _check_founding(self, history: History) -> None:
        """The anchored authorities are those that Members was created with; their names are words only."""
        if self.deployment.block not in history.first_blocks:
            self.findings.add(
                "config.file", "config.json", "the contracts were not deployed in the block that it names"
            )
        if self.anchors is not None:
            anchored = sorted((authority.zone, authority.member_id) for authority in self.anchors.authorities)
            if anchored != sorted((zone, member_id) for member_id, zone in history.founders):
                self.findings.add("config.file", "anchors.json", "the authorities are not those of genesis")

    def _anchors(self) -> Anchors | None:
        """The folder's anchors file, which must be of the configured chain and contracts."""
        try:
            anchors = parse_anchors(self.folder.anchors.read_bytes())
        except (OSError, OriginSealError) as error:
            self.findings.add("config.file", "anchors.json", str(error))
            return None
        deployment = self.deployment
        same = {c.name: (c.address, c.code_hash) for c in deployment.contracts}
        found = {name: (anchor.address, anchor.code_hash) for name, anchor in anchors.contracts.items()}
        if (anchors.chain_id, anchors.genesis) != (deployment.chain_id, deployment.genesis) or found != same:
            self.findings.add("config.file", "anchors.json", "the anchors are not those of config.json")
        if deployment.chain_id != self.config.chain_id:
            self.findings.add("config.file", "config.json", "two chain ids")
        return anchors

    def part(self, what: str) -> AbstractContextManager[None]:
        """Whatever stops one part of the audit is a finding, and the rest goes on."""
        return noted(self.findings, what)

    def _report(self) -> AuditReport:
        findings = self.findings
        return AuditReport(
            chain_id=self.deployment.chain_id,
            genesis=f"0x{self.deployment.genesis.hex()}",
            head=self.head,
            started=int(self._started),
            seconds=time.time() - self._started,
            records=self.records,
            findings=tuple(findings.found),
            by_kind=dict(findings.by_kind),
            coverage=dict(findings.coverage),
            role=self.config.role,
            statement=statement.of("full", self.config.role, 0, self.head),
        )


class _Collected:
    """The answers to tasks that workers do while this process does something else."""

    def __init__(self, pool: Pool, tasks: list[Task], progress: Progress) -> None:
        self._pool, self._tasks, self._progress = pool, tasks, progress
        self._answers: list[Answer] = []
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None
        if pool.apart:
            self._thread = threading.Thread(target=self._collect, daemon=True)
            self._thread.start()

    def _collect(self) -> None:
        try:
            self._answers += self._pool.ordered(self._tasks)
        except Exception as error:  # handed to whoever takes the answers
            self._error = error

    def take(self) -> Iterator[Answer]:
        """Every answer, in the order of the tasks."""
        self._progress(0, 0, "stores 数据库")
        if self._thread is None:
            yield from self._pool.ordered(self._tasks)
            return
        self._thread.join()
        yield from self._answers
        if self._error is not None:
            raise self._error


def note_lost(answer: Answer, findings: Findings) -> None:
    """A worker that ended by itself is a finding, even when another did what it was at."""
    for how in answer.lost:
        outcome = "another did it again" if answer.answer is not None else "it was given up"
        findings.add("audit.incomplete", answer.task.what, f"a worker process ended with {how}; {outcome}")
