"""Runs an audit over one data folder, opened for reading only, and gathers what its parts find.

The walk over blocks is divided among workers (`tasks`, `pool`); what needs the blocks before is done here, in order
(`walk`); then the stores and files are examined, again by whoever is free. Nothing in the folder is changed or
repaired, and no damage stops the audit: a part that cannot be read is a finding, and the other parts go on. What is
missing altogether (no ledger, no keys) is an error of the caller's and is raised.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from ledger.chain.reader import ChainReader
from ledger.crypto.ports import Signer
from ledger.crypto.sm2 import PublicKey
from ledger.errors import Conflict, Malformed, NotFound, StorageUnavailable, VerificationFailed
from ledger.services.audit import plan, statement
from ledger.services.audit.chainfile import ChainFile
from ledger.services.audit.findings import AuditReport
from ledger.services.audit.pool import Answer, Pool, note_lost
from ledger.services.audit.readmodel import StoredIndex
from ledger.services.audit.sample import Sample, Wanted
from ledger.services.audit.scratch import Scratch
from ledger.services.audit.seen import check_seen
from ledger.services.audit.session import Options, Progress, Session
from ledger.services.audit.sources import EngineSource, Source
from ledger.services.audit.spans import Part
from ledger.services.audit.tasks import Task
from ledger.services.audit.walk import Walk
from ledger.services.audit.workfile import Base, WorkFolder, hash_of, identity
from ledger.services.config import REPLICA, DataFolder, load_config
from ledger.services.consortium import open_engine
from ledger.services.operator_keys import find_passphrase
from ledger.vault.reader import VaultReader


def audit(
    data: Path,
    *,
    progress: Progress | None = None,
    passphrase: str | None = None,
    workers: int | None = None,
    execute: bool = False,
    keep: bool = False,
    resume: bool = False,
    incremental: bool = False,
    signer: Signer | None = None,
    sample: str | None = None,
    seed: str | None = None,
    seen: Path | None = None,
) -> AuditReport:
    """Audit the ledger in a data folder from genesis.

    `workers` processes share the work (1: all of it in this process; None: as many as there are cores, when the ledger
    is large enough). `execute` also runs every block of an embedded chain again on py-evm's own loop, which nothing
    else here trusts or uses: about 0.1 s for each submission.

    `keep` keeps a work file in DATA/audit-work while the audit runs, and what a sound one ended with, signed by
    `signer` or else by the operator's checkpoint key where that is at hand. `resume` goes on with the work file of an
    audit that was killed; `incremental` begins after the block up to which a signed earlier one found everything sound.
    Both keep; when there is nothing that can be gone on from, that is the report's only finding.

    `sample` ("50" or "2%") checks all headers and checkpoints but only so many submissions, drawn at random; the same
    `seed` draws the same. The report says what that is worth.

    `seen` names a feed of checkpoints that somebody kept elsewhere: the chain must still hold each of them.

    Raises NotFound when there is no ledger or no key to read it with, BadKey for a wrong passphrase, Malformed for an
    unreadable configuration; everything else that is wrong is a finding.
    """
    folder = DataFolder(data)
    config = load_config(folder)
    wanted = None if sample is None else Wanted.parse(sample)
    if [resume, incremental, wanted is not None].count(True) > 1 or (wanted is not None and execute):
        raise Malformed("an audit is resumed, incremental or a sample, and a sample executes nothing", field="audit")
    options = Options(execute, keep or resume or incremental, resume, incremental, signer, wanted, seed)
    run = Run(folder, config, progress or (lambda done, total, what: None), options)
    if config.role != REPLICA:
        run.unlock(passphrase or find_passphrase(folder.keys))
    return run.all(workers, seen)


class Run(Session):
    """One audit under way."""

    def all(self, workers: int | None, seen: Path | None = None) -> AuditReport:
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
                if seen is not None:  # before anything is kept as sound
                    self._compare(seen, source)
                if self._options.sample is not None:
                    self._sample(source, self._options.sample, self._workers(workers))
                elif (scratch := self._begin(source)) is not None:
                    self._audit(source, file, scratch, self._workers(workers))
                    self._end(scratch)
        return self._report()

    def _compare(self, seen: Path, source: Source) -> None:
        if self.anchors is None:
            self.findings.add("audit.incomplete", "seen checkpoints", "without anchors no signature can be judged")
            return
        with self.part("seen checkpoints"):
            check_seen(seen, source, self.anchors, self.findings)

    # ------------------------------------------------------------------------------------------------ the work file

    def _begin(self, source: Source) -> Scratch | None:
        """The work file to walk with; None, and a finding, when there is none to go on from."""
        facts = identity(self.deployment, self.config.role)
        try:
            if not self._options.keep:
                return self._closed_at_end(Scratch())
            self._work = WorkFolder(self.folder.audit_work)
            self._open.callback(self._work.close)
            if self._options.resume:
                scratch = self._closed_at_end(self._work.go_on(facts, source))
                self._remember(scratch)
                source.head = self.head = scratch.get("head")
                return scratch
            if self._options.incremental:
                scratch, self.base = self._work.from_base(facts, self._base_keys(), source)
                self.mode, self.first = "incremental", self.base.height + 1
                scratch.put("before", scratch.get("totals"))
                scratch.put("records", 0)
            else:
                scratch = self._work.begin(facts)
        except (Conflict, NotFound, StorageUnavailable, VerificationFailed) as error:
            if self._options.resume or self._options.incremental:
                self._refused = error.message
                self.findings.add("audit.base", "audit-work", error.message)
                return None
            self.notes.append(f"此次审计中断后不能续审 This audit cannot be resumed: {error.message}")
            return self._closed_at_end(Scratch())
        scratch.put("head", self.head)
        scratch.put("head hash", hash_of(source, self.head).hex())
        scratch.put("mode", self.mode)
        scratch.put("next", self.first)
        scratch.put("base", None if self.base is None else self.base.to_json())
        scratch.commit()
        return self._closed_at_end(scratch)

    def _closed_at_end(self, scratch: Scratch) -> Scratch:
        self._open.callback(scratch.close)
        return scratch

    def _remember(self, scratch: Scratch) -> None:
        """Which audit the work file belongs to."""
        self.mode, base = scratch.get("mode"), scratch.get("base")
        if base is not None:
            self.base = Base.from_json(base)
            self.first = self.base.height + 1

    def _base_keys(self) -> dict[bytes, PublicKey]:
        """Whose word a base may rest on: the auditor's own key where one is given, else an anchored checkpoint key."""
        if self._options.signer is not None:
            return {self._options.signer.public.key_id: self._options.signer.public}
        return {} if self.anchors is None else {k: v.public for k, v in self.anchors.checkpoint_keys.items()}

    def _end(self, scratch: Scratch) -> None:
        """A sound audit can be built on; of another nothing is kept."""
        if self._work is None:
            return
        if not self.findings.by_kind and self._signer is not None:
            with self.part("audit-work"):
                base = self._work.keep_base(scratch, self.head, self.deployment, self._signer)
                key = f"sm3:{base.key_id.hex()}"
                self.notes.append(f"增量审计可以区块 {base.height} 为起点，签名密钥 {key}。")
                self.notes.append(f"--incremental can begin after block {base.height}, signed by {key}.")
                return
        elif not self.findings.by_kind:
            self.notes.append("没有签名密钥，增量审计不能以此为起点。 There is no key to sign this as a base with.")
        scratch.close()
        self._work.forget()

    # ------------------------------------------------------------------------------------------------ the audit

    def _audit(self, source: Source, file: ChainFile | None, scratch: Scratch, workers: int) -> None:
        with ExitStack() as opened:
            index = vault = None
            if self._keys is not None:
                vault = self._vault(self._keys[1])
                opened.callback(vault.engine.dispose)
                index = StoredIndex(self.config, self.folder, self.deployment, self.head)
                opened.callback(index.close)
                if scratch.get("index height", index.height) != index.height:  # it has moved on since a kill
                    index.cursor = None
                scratch.put("index height", index.height)
                scratch.commit()
            walk = Walk(self.deployment, self.findings, scratch, vault, index, self._progress)
            opened.callback(walk.close)
            pool = opened.enter_context(Pool(self._setup(scratch, -1 if index is None else index.height), workers))
            self._parts(source, file, walk, pool, vault)

    def _parts(self, source: Source, file: ChainFile | None, walk: Walk, pool: Pool, vault: VaultReader | None) -> None:
        with self.part("blocks"):
            walk.run(pool, self.head)
            if self.base is not None:
                walk.again(pool, self.base.height)
        self.records = walk.records
        self.findings.count("records", self.records)
        answers = _Collected(pool, self._tasks(file, vault), self._progress)
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

    def _sample(self, source: Source, wanted: Wanted, workers: int) -> None:
        """All headers and checkpoints, and what is drawn."""
        with ExitStack() as opened:
            scratch = Scratch()
            opened.callback(scratch.close)
            height = -1
            if self._keys is not None:
                index = StoredIndex(self.config, self.folder, self.deployment, self.head)
                height = index.height
                index.close()
                if height < 0:
                    self.findings.add("audit.incomplete", "index.sqlite", "the read model cannot be compared")
            self.mode = "sample"
            sample = Sample(source, self.deployment, self.findings, scratch)
            sample.walk()
            self.drawn, tasks = sample.draw(wanted, self._options.seed)
            if self._keys is not None and self.anchors is not None:
                tasks += plan.checkpoints(self.head)
            pool = opened.enter_context(Pool(self._setup(scratch, height), workers))
            for at, answer in enumerate(pool.ordered(tasks), 1):
                part = self._take(answer)
                if answer.task.name == "sampled" and part is not None and part.value is not None:
                    self.records += part.value
                self._progress(at, len(tasks), "sample 抽样")
            self.findings.count("records", self.records)

    def _tasks(self, file: ChainFile | None, vault: VaultReader | None) -> list[Task]:
        tasks = plan.after_walk(file is not None, vault, self.anchors is not None, self.head, self.part)
        if self._options.execute:
            tasks = [*plan.executions(self.head), *tasks]
        return tasks

    def _take(self, answer: Answer) -> Part | None:
        """A worker's answer; what it could not do is a finding."""
        note_lost(answer, self.findings)
        if not isinstance(answer.answer, Part):
            return None
        part = answer.answer
        self.findings.merge(part.findings, part.unlisted, part.coverage)
        return part

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
            notes=tuple(self.notes),
            mode=self.mode,
            first=self.first,
            role=self.config.role,
            statement=self._statement(),
            base=None if self.base is None else self.base.to_json(),
            sample=None if self.drawn is None else self.drawn.to_json(),
        )

    def _statement(self) -> dict[str, str]:
        if self._refused:
            return statement.refused(self._refused)
        if self.drawn is not None:
            return self.drawn.words(self.head)
        key = "" if self.base is None else f"sm3:{self.base.key_id.hex()}"
        return statement.of(self.mode, self.config.role, self.first, self.head, key)


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
