from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from ledger.services.demo import seed as seeding
from ledger.services.demo import trades
from ledger.services.demo.actors import AUTHORITIES, BY_SLUG
from ledger.services.demo.lots import BY_LOT

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
