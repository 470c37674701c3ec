"""The demonstration's witnesses: the real witness code over the ledger in the same process, with invented agencies.

A real agency runs `originseal witness` on a machine of its own. Here one process holds the operator's keys and the
agencies', so what they sign shows how co-signing works and proves nothing: the pages say so.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger.crypto.keyfile import FileSigner, write_key
from ledger.crypto.sm2 import PrivateKey
from ledger.errors import OriginSealError
from ledger.proof.anchors import Witness as Anchored
from ledger.services.config import DataFolder
from ledger.services.ledger import Ledger
from ledger.services.operator_keys import find_passphrase
from ledger.services.witness import InProcess, Memory, Witness

INTERVAL = 5.0  # seconds between looks
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Agency:
    """One agency's office: `slug` names its key file and folder, `code` its duty (ledger.domain.agencies)."""

    slug: str
    code: str
    zh: str
    en: str


AGENCIES = (
    Agency("customs", "customs", "拱北海关（演示）", "Gongbei Customs (demo)"),
    Agency(
        "market-supervision", "market-supervision", "广东省市场监督管理局（演示）", "Guangdong Market Regulator (demo)"
    ),
    Agency("agriculture", "agriculture", "广东省农业农村厅（演示）", "Guangdong Agriculture Department (demo)"),
)


def make_keys(folder: DataFolder, passphrase: str) -> list[Anchored]:
    """A fresh key for each agency, and the entries of the anchors file that name them."""
    made = []
    for agency in AGENCIES:
        key = PrivateKey.generate()
        path = _key_file(folder, agency)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_key(path, key, passphrase)
        made.append(Anchored(key.public.key_id, key.public, agency.code, agency.zh, agency.en))
    return made


@contextmanager
def witnesses(ledger: Ledger) -> Iterator[list[Witness]]:
    """The demonstration's witnesses, opened. A folder from before there were any has none."""
    folder = ledger.folder
    with ExitStack() as stack:
        made = []
        for agency in AGENCIES:
            if _key_file(folder, agency).exists():
                signer = FileSigner.open(_key_file(folder, agency), find_passphrase(folder.keys))
                memory = stack.enter_context(Memory(folder.root / "witnesses" / agency.slug).opened())
                source = InProcess("operator", ledger.feed, ledger.rpc)
                made.append(Witness(memory, signer, ledger.feed.anchors, source))
        yield made


def look_once(ledger: Ledger) -> None:
    """Let every witness co-sign the newest checkpoint."""
    with witnesses(ledger) as each:
        for witness in each:
            witness.look()


@contextmanager
def witnessing(ledger: Ledger, interval: float = INTERVAL) -> Iterator[None]:
    """While the block runs, the witnesses co-sign new heads in a thread."""
    stop = threading.Event()

    def look(each: list[Witness]) -> None:
        for witness in each:
            try:
                witness.look()
            except OriginSealError as error:
                log.warning("witness: %s", error)

    def run() -> None:
        try:
            with witnesses(ledger) as each:
                while not stop.is_set():
                    look(each)
                    stop.wait(interval)
        except OriginSealError as error:
            log.warning("the witnesses do not run: %s", error)

    thread = threading.Thread(target=run, name="witnesses", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def _key_file(folder: DataFolder, agency: Agency) -> Path:
    return folder.keys / "witnesses" / f"{agency.slug}.pem"
