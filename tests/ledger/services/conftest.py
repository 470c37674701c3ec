from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ledger.services.demo import seed as seeding
from ledger.services.demo import trades
from ledger.services.demo.actors import AUTHORITIES, BY_SLUG
from ledger.services.demo.lots import BY_LOT
from ledger.services.ledger import Ledger
from tests.small_ledger import PASSPHRASE, SmallLedger, found_small

sys.path.insert(0, str(Path(__file__).parents[1] / "proof"))  # proof_world

MEMBERS = ("zhenlong-lychee", "maoming-lab", "maoming-customs", "lingnan", "haifu-pay", "nanling-logistics")


@pytest.fixture(scope="session")
def sound_folder(tmp_path_factory) -> Path:
    """A small demonstration, seeded through the real doors: one lot, a trade that matches and one that does not."""
    folder = tmp_path_factory.mktemp("ledger") / "data"
    with pytest.MonkeyPatch.context() as patch:
        zones = {BY_SLUG[slug].zone for slug in MEMBERS}
        patch.setattr(seeding, "AUTHORITIES", tuple(a for a in AUTHORITIES if a.zone in zones))
        patch.setattr(seeding, "COMPANIES", ("lingnan",))
        patch.setattr(seeding, "LOTS", (BY_LOT["ZL-NMC-019"],))
        patch.setattr(seeding, "MEMBERS", tuple(BY_SLUG[slug] for slug in MEMBERS))
        patch.setattr(trades, "TRADES", tuple(t for t in trades.TRADES if t.number in (14, 15)))
        seeding.seed(folder)
    return folder


@pytest.fixture
def folder(sound_folder, tmp_path) -> Path:
    """A copy of it to damage."""
    return Path(shutil.copytree(sound_folder, tmp_path / "data"))


@pytest.fixture(scope="session")
def witnessed_master(tmp_path_factory) -> SmallLedger:
    """A closed small ledger with two anchored witnesses, a producer's lot and a laboratory. Copy it: see witnessed."""
    from witness_world import WITNESSES

    small = found_small(tmp_path_factory.mktemp("witnessed") / "data", witnesses=list(WITNESSES.values()))
    small.register_lot()
    small.admit(BY_SLUG["maoming-lab"])
    small.ledger.close()
    return small


@pytest.fixture
def opened_copy(witnessed_master, tmp_path) -> Iterator[Callable[[str], SmallLedger]]:
    """Opens a copy of it under another name: the same keys, genesis and history, as often as a test wants."""
    with ExitStack() as stack:

        def opened(name: str) -> SmallLedger:
            folder = Path(shutil.copytree(witnessed_master.data, tmp_path / name))
            ledger = stack.enter_context(Ledger.open(folder, passphrase=PASSPHRASE))
            return SmallLedger(folder, ledger, dict(witnessed_master.keys))

        yield opened


@pytest.fixture
def witnessed(opened_copy) -> SmallLedger:
    """One open copy of it."""
    return opened_copy("witnessed")
