"""Samples of a ledger, and audits of a replica's folder: what they find, what they are worth, what they say."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import Malformed
from ledger.services.audit import audit
from ledger.services.audit.findings import AuditReport
from ledger.services.audit.sample import Drawn, Wanted


def facts(report: AuditReport) -> dict[str, Any]:
    """The report without what differs from one run to the next."""
    return {name: value for name, value in report.to_json().items() if name not in ("startedAt", "seconds", "notes")}


def change(folder: Path, file: str, statement: str) -> None:
    with closing(sqlite3.connect(folder / file)) as db, db:
        assert db.execute(statement).rowcount, "nothing was changed"


# ------------------------------------------------------------------------------------------------ sample


def test_sample_of_everything_finds_what_was_done_to_one_submission(folder: Path) -> None:
    change(folder, "ledger.sqlite", "UPDATE records SET body = zeroblob(64) WHERE rowid = 9")
    report = audit(folder, sample="100%", workers=1)
    assert set(report.by_kind) >= {"payload.record"}
    assert report.mode == "sample" and report.sample is not None
    assert report.sample["drawn"] == report.sample["of"] == report.coverage["submissions"]
    assert report.sample["missesOne"] == 0


@pytest.mark.parametrize(
    ("file", "statement", "kind"),
    [
        ("chain.sqlite", "UPDATE block SET header = (SELECT header FROM block WHERE number = 3) WHERE number = 4",
         "chain.block-link"),
        ("ledger.sqlite", "DELETE FROM submissions WHERE seq = 3", "payload.submission-missing"),
        ("index.sqlite", "UPDATE submissions SET nonce = '1'", "index.row"),
        ("ledger.sqlite", "UPDATE checkpoints SET signature = zeroblob(64) WHERE height = 4", "payload.row"),
    ],
)  # fmt: skip
def test_sample_of_everything_finds(folder: Path, file: str, statement: str, kind: str) -> None:
    change(folder, file, statement)
    assert kind in audit(folder, sample="100%", workers=1).by_kind


def test_sample_draws_the_same_when_the_seed_is_the_same_and_says_what_it_is_worth(folder: Path) -> None:
    one, two = (audit(folder, sample="3", seed="again", workers=1) for _ in range(2))
    assert one.sound and facts(one) == facts(two)
    assert one.sample is not None and (one.sample["drawn"], one.sample["seed"]) == (3, "again")
    assert one.coverage["submissions"] == one.coverage["signatures"] == 3
    assert one.coverage["headers"] == one.head + 1 and one.coverage["checkpoints"] > 0
    assert f"3 of {one.sample['of']} submissions" in one.statement["en"] and "种子 again" in one.statement["zh"]


def test_sample_states_the_probabilities_of_drawing_without_putting_back() -> None:
    drawn = Drawn(10, 100, "x")
    assert drawn.misses_one == pytest.approx(0.9)
    assert drawn.notices(0.01) == pytest.approx(0.1)  # one altered
    assert drawn.notices(0.05) == pytest.approx(1 - _product(95, 100, 10))
    assert Drawn(100, 100, "x").notices(0.01) == 1.0 and Drawn(0, 100, "x").notices(0.5) == 0.0
    assert Drawn(0, 0, "x").misses_one == 0.0


def _product(sound: int, total: int, drawn: int) -> float:
    """The probability that `drawn` of `total` are all among the `sound`."""
    missed = 1.0
    for at in range(drawn):
        missed *= (sound - at) / (total - at)
    return missed


@pytest.mark.parametrize("text", ["", "0", "-1", "0%", "101%", "nan%", "many", "1e3", "5 %%"])
def test_sample_is_refused_when_its_size_is_none(text: str) -> None:
    with pytest.raises(Malformed, match="a sample is"):
        Wanted.parse(text)


def test_sample_cannot_be_resumed_or_incremental(folder: Path) -> None:
    with pytest.raises(Malformed, match="resumed, incremental or a sample"):
        audit(folder, sample="1", incremental=True)


# ------------------------------------------------------------------------------------------------ a replica's folder


@pytest.fixture
def replica(sound_folder: Path, tmp_path: Path) -> Path:
    """What a replica holds: the chain, its configuration and the anchors."""
    data = tmp_path / "replica"
    data.mkdir()
    shutil.copy(sound_folder / "chain.sqlite", data)
    shutil.copy(sound_folder / "anchors.json", data)
    config = json.loads((sound_folder / "config.json").read_text())
    (data / "config.json").write_text(json.dumps(config | {"role": "replica", "source": "http://127.0.0.1:1"}))
    return data


def test_replica_is_audited_without_keys_and_the_report_says_what_was_not(replica: Path, sound_folder: Path) -> None:
    report, operator = audit(replica), audit(sound_folder)
    assert report.sound and report.role == "replica"
    for same in ("blocks", "signatures", "storage slots", "state nodes", "logs"):
        assert report.coverage[same] == operator.coverage[same]
    assert "no payload store" in " ".join(report.statement["en"].split())
    assert not {"outbox rows", "checkpoints", "read model tables"} & set(report.coverage)


def test_replica_is_found_when_its_chain_was_altered(replica: Path) -> None:
    change(replica, "chain.sqlite", "DELETE FROM log WHERE block = 5 AND idx = 0")
    assert "chain.index" in audit(replica).by_kind
    assert "chain.index" in audit(replica, sample="100%").by_kind
