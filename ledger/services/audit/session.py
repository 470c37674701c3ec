"""One data folder opened for an audit: configuration, keys, anchors, chain; and how damage in any part is noted."""

from __future__ import annotations

import os
import shlex
import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass

from ledger.chain.contracts import Deployment, check
from ledger.chain.engine import Engine
from ledger.chain.reader import ChainReader
from ledger.crypto.ports import Signer
from ledger.errors import NotFound, OriginSealError, VerificationFailed
from ledger.proof.anchors import Anchors, parse_anchors
from ledger.services.audit.chainfile import ChainFile
from ledger.services.audit.findings import Findings
from ledger.services.audit.history import History
from ledger.services.audit.sample import Drawn, Wanted
from ledger.services.audit.scratch import Scratch
from ledger.services.audit.tasks import Setup, noted
from ledger.services.audit.workfile import Base, WorkFolder
from ledger.services.config import Config, DataFolder
from ledger.services.operator_keys import open_checkpoint_key, open_reading_keys
from ledger.vault import open_engine as open_database
from ledger.vault.reader import VaultReader

Progress = Callable[[int, int, str], None]  # done, total, what
WORTH_A_PROCESS = 8 << 20  # bytes of chain and payloads below which starting workers takes longer than it saves


@dataclass(frozen=True, slots=True)
class Options:
    """As `audit` explains them."""

    execute: bool = False
    keep: bool = False
    resume: bool = False
    incremental: bool = False
    signer: Signer | None = None
    sample: Wanted | None = None
    seed: str | None = None


class Session:
    """What every kind of audit begins with."""

    def __init__(self, folder: DataFolder, config: Config, progress: Progress, options: Options) -> None:
        self.folder = folder
        self.config = config
        self.findings = Findings(f"originseal audit --data {shlex.quote(str(folder.root))}")
        self.deployment = Deployment.from_json(config.deployment)
        self.head = -1
        self.records = 0
        self.notes: list[str] = []
        self.mode, self.first = "full", 0
        self.base: Base | None = None
        self._options = options
        self._refused = ""
        self.drawn: Drawn | None = None
        self._signer = options.signer
        self._work: WorkFolder | None = None
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
            signer = open_checkpoint_key(self.folder.keys, passphrase)
        except NotFound:
            return
        except OriginSealError as error:
            self.findings.add("config.file", "keys/checkpoint.pem", error.message)
            return
        self._signer = self._signer or signer
        if self.anchors is not None and signer.public.key_id not in self.anchors.checkpoint_keys:
            self.findings.add("config.file", "anchors.json", "the operator's checkpoint key is not among the keys")
        self.findings.count("operator's checkpoint key")

    # ------------------------------------------------------------------------------------------------ what is opened

    def _setup(self, scratch: Scratch, index_height: int) -> Setup:
        assert scratch.path is not None
        tag, master = self._keys if self._keys is not None else (None, None)
        return Setup(self.folder.root, self.config, self.head, scratch.path, index_height, master, tag, self.first)

    def _vault(self, master: bytes) -> VaultReader:
        database = open_database(self.config.database_url or self.folder.ledger, read_only=True)
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
        return (os.cpu_count() or 1) if size >= WORTH_A_PROCESS or (self._options.execute and self.head > 50) else 1

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
