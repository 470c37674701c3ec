"""The operator: it runs the server, the chain file, the relayer's and the checkpoint key, and has no member's key.

What else it can do to stored values, blocks and histories is tested with the audit, the replica, the witness and the
verifier, where docs/trust.md points; here are the
times that it writes into its blocks, and a folder rebuilt as a whole.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from replica_source import Source, source_of

from ledger.proof.note import feed_text
from ledger.services.audit import audit
from ledger.services.ledger import Ledger
from ledger.services.replica import Replica, start
from ledger.services.replica.dating import TOLERANCE
from ledger.services.replica.refusals import FOLDER
from tests.small_ledger import PASSPHRASE, SmallLedger

HOUR = 3600


@pytest.fixture
def world(small: SmallLedger) -> SmallLedger:
    small.register_lot()
    return small


@pytest.fixture
def source(world: SmallLedger) -> Iterator[Source]:
    with source_of(world.ledger) as made:
        yield made


@pytest.fixture
def replica(world: SmallLedger, source: Source, tmp_path: Path) -> Iterator[Replica]:
    opened, _ = start(tmp_path / "replica", source=source.url, anchors=world.data / "anchors.json")
    with opened:
        yield opened


def looks(replica: Replica, ahead: float) -> tuple[str, ...]:
    """A poll by a replica whose clock is `ahead` of the operator's; its warnings."""
    replica.follower._dating._clock = lambda: time.time() + ahead
    status = replica.poll()
    assert status.state == "following", "a wrong clock ends nothing: it may be ours"
    return status.warnings


def test_replica_notices_when_the_operator_backdates_a_block(world: SmallLedger, replica: Replica) -> None:
    assert looks(replica, HOUR) == ()
    world.ledger.submit(world.event_wire())  # dated an hour before the moment at which its parent was still the newest
    (said,) = looks(replica, HOUR + 1)
    height = world.ledger.gateway.height()
    assert f"block {height}" in said and "back-dated" in said
    evidence = json.loads((replica.folder.root / FOLDER / f"back-dated-{height}.json").read_text())
    assert evidence["seen"] - evidence["told"] > HOUR - TOLERANCE
    assert bytes.fromhex(evidence["header"][2:]) == world.ledger.gateway.raw_header(height)
    assert looks(replica, HOUR + 2) == (said,), "the finding stays"


def test_replica_notices_when_the_operator_dates_a_block_in_the_future(world: SmallLedger, replica: Replica) -> None:
    (said,) = looks(replica, -HOUR)
    assert "区块" in said and "clock is wrong" in said
    assert (replica.folder.root / FOLDER / f"future-dated-{world.ledger.gateway.height()}.json").exists()


@pytest.mark.parametrize("ahead", [0, TOLERANCE - 60, 60 - TOLERANCE])
def test_replica_finds_nothing_when_clocks_differ_a_little(world: SmallLedger, replica: Replica, ahead: float) -> None:
    assert looks(replica, ahead) == ()
    world.ledger.submit(world.event_wire())
    assert looks(replica, ahead) == ()


def test_replica_judges_no_date_when_it_saw_the_block_for_the_first_time(world: SmallLedger, replica: Replica) -> None:
    """Blocks from before it followed may be old: it cannot know, and says nothing."""
    assert looks(replica, 30 * 24 * HOUR) == ()


# ------------------------------------------------------------------------------------------------ a chain rebuilt


@pytest.fixture
def rebuilt(world: SmallLedger, tmp_path: Path) -> tuple[Path, Path]:
    """(a folder whose last blocks were made again with the operator's own keys, the feed from before)."""
    ledger = world.ledger
    old = Path(shutil.copytree(world.data, tmp_path / "rebuilt"))
    for _ in range(2):
        ledger.submit(world.event_wire())
    kept = tmp_path / "kept.txt"
    kept.write_text(feed_text(ledger.feed.notes(0, 100)), encoding="utf-8")
    with Ledger.open(old, passphrase=PASSPHRASE) as again:
        for _ in range(2):
            again.submit(SmallLedger(old, again, world.keys).event_wire())
    return old, kept


def test_auditor_notices_a_rebuilt_chain_when_it_brings_a_checkpoint_kept_elsewhere(
    rebuilt: tuple[Path, Path],
) -> None:
    folder, kept = rebuilt
    assert audit(folder, passphrase=PASSPHRASE).sound, "every hash and signature holds: the folder agrees with itself"
    for options in ({}, {"sample": "1"}):
        report = audit(folder, passphrase=PASSPHRASE, seen=kept, **options)  # type: ignore[arg-type]
        assert dict(report.by_kind) == {"checkpoint.chain": 2}
        assert {finding.detail for finding in report.findings} == {"the chain has another block"}
    assert not (folder / "audit-work").exists(), "nothing to build on is kept of it"


def test_auditor_notices_a_shortened_chain_when_it_brings_a_checkpoint_kept_elsewhere(
    world: SmallLedger, tmp_path: Path
) -> None:
    old = Path(shutil.copytree(world.data, tmp_path / "old"))
    world.ledger.submit(world.event_wire())
    kept = tmp_path / "kept.txt"
    kept.write_text(world.ledger.feed.latest().text, encoding="utf-8")
    report = audit(old, passphrase=PASSPHRASE, seen=kept)
    assert dict(report.by_kind) == {"checkpoint.chain": 1}
    assert "ends below" in report.findings[0].detail


def test_audit_is_sound_when_every_checkpoint_kept_elsewhere_is_in_the_chain(
    world: SmallLedger, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text(feed_text(world.ledger.feed.notes(0, 100)), encoding="utf-8")
    report = audit(world.data, passphrase=PASSPHRASE, seen=kept)
    assert report.sound and report.coverage["checkpoints kept elsewhere"] > 1


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda text: "", "audit.incomplete"),
        (lambda text: text + "and more\n", "audit.incomplete"),
        (lambda text: text.replace("height: ", "height: 1"), "checkpoint.signature"),
    ],
)
def test_comparison_is_a_finding_when_the_file_cannot_be_relied_on(
    world: SmallLedger, tmp_path: Path, change: Callable[[str], str], kind: str
) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text(change(world.ledger.feed.latest().text), encoding="utf-8")
    assert kind in audit(world.data, passphrase=PASSPHRASE, seen=kept).by_kind


def test_audit_says_so_when_the_file_of_checkpoints_is_not_there(world: SmallLedger, tmp_path: Path) -> None:
    report = audit(world.data, passphrase=PASSPHRASE, seen=tmp_path / "none.txt")
    assert dict(report.by_kind) == {"audit.incomplete": 1}
