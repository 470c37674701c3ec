"""A replica on an own node checks the node against the operator's checkpoints; a replica that executes may co-sign."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from replica_source import Source, source_of

from ledger.crypto.keyfile import FileSigner
from ledger.crypto.sm2 import PrivateKey
from ledger.errors import Conflict, NotAuthorised
from ledger.proof import equivocation, verifier
from ledger.proof.anchors import parse_anchors
from ledger.proof.bundle import parse_bundle
from ledger.proof.cosignature import EXECUTION, verify
from ledger.services.audit import audit
from ledger.services.backup.create import create_backup
from ledger.services.backup.restore import restore
from ledger.services.config import Config
from ledger.services.ledger import Ledger
from ledger.services.replica import Replica, start
from tests.small_ledger import LOT, PASSPHRASE, SmallLedger, found_small

Folders = tuple[Path, Path]
WITNESS = FileSigner(PrivateKey.generate())


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Two operators' folders with one genesis, one checkpoint key and one witness, that differ from block 4 on."""
    base = tmp_path_factory.mktemp("operators")
    small = found_small(base / "a")
    small.register_lot()
    wires = [small.event_wire(), small.event_wire()]
    small.ledger.close()
    anchors = json.loads((base / "a" / "anchors.json").read_text())
    public = WITNESS.public
    anchors["witnesses"] = [
        {
            "keyId": f"sm3:{public.key_id.hex()}",
            "publicKey": public.point.hex(),
            "name": {"zh": "某地海关", "en": "Some customs office"},
            "agency": "customs",
        }
    ]
    anchors["witnessQuorum"] = 1
    (base / "a" / "anchors.json").write_text(json.dumps(anchors))
    shutil.copytree(base / "a", base / "b")
    for name, wire in zip("ab", wires, strict=True):
        with Ledger.open(base / name, passphrase=PASSPHRASE) as ledger:
            ledger.submit(wire)
    return base / "a", base / "b"


@pytest.fixture(scope="module")
def operator(folders: Folders) -> Iterator[Ledger]:
    with Ledger.open(folders[0], passphrase=PASSPHRASE) as ledger:
        yield ledger


@pytest.fixture(scope="module")
def other(folders: Folders) -> Iterator[Ledger]:
    """The same operator's other history."""
    with Ledger.open(folders[1], passphrase=PASSPHRASE) as ledger:
        yield ledger


@pytest.fixture
def source(operator: Ledger) -> Iterator[Source]:
    with source_of(operator) as made:
        yield made


@pytest.fixture
def node(operator: Ledger) -> Iterator[Source]:
    """The replica's own node: another JSON-RPC server over the same chain."""
    with source_of(operator) as made:
        yield made


@pytest.fixture
def anchors(folders: Folders) -> Path:
    return folders[0] / "anchors.json"


@pytest.fixture
def replica(source: Source, node: Source, anchors: Path, tmp_path: Path) -> Iterator[Replica]:
    opened, _ = start(tmp_path / "replica", source=source.url, anchors=anchors, node=f"{node.url}/rpc")
    opened.source._tries = 1
    with opened:
        yield opened


def holds(bundle: dict[str, Any], anchors: Path) -> verifier.Verified:
    return verifier.verify(parse_bundle(json.dumps(bundle).encode()), parse_anchors(anchors.read_bytes()))


# ------------------------------------------------------------------------------------------------ on an own node


def test_replica_on_a_node_agrees_and_makes_the_same_bundles(
    replica: Replica, operator: Ledger, anchors: Path, tmp_path: Path
) -> None:
    status = replica.poll()
    assert (status.state, status.height, status.code_checked) == ("following", 4, True)
    assert status.counts["submissionsHeld"] == 3
    assert replica.bundle(LOT.gtin, LOT.lot) == json.loads(json.dumps(operator.bundle(LOT.gtin, LOT.lot)))
    assert not (replica.folder.chain).exists()
    root = replica.folder.root
    replica.close()
    again, _ = start(root)
    with again:
        assert (again.poll().state, again.own.height()) == ("following", 4)


def test_node_with_another_history_than_the_operator_signed_is_not_taken(
    replica: Replica, node: Source, other: Ledger
) -> None:
    node.told = other
    status = replica.poll()
    assert (status.refusal and status.refusal.kind, status.height) == ("checkpoint-contradicts", 3)


def test_node_that_changes_a_final_block_is_refused(replica: Replica, node: Source, other: Ledger) -> None:
    assert replica.poll().state == "following"
    node.told = other
    status = replica.poll()
    assert (status.refusal and status.refusal.kind, status.refusal and status.refusal.height) == (
        "rewritten-history",
        4,
    )


def test_operator_that_shows_another_history_than_the_node_is_refused(
    replica: Replica, source: Source, other: Ledger, anchors: Path
) -> None:
    assert replica.poll().state == "following"
    source.told = other
    status = replica.poll()
    assert status.refusal is not None
    assert (status.refusal.kind, status.refusal.height) == ("rewritten-history", 4)
    proof = replica.folder.root / "evidence" / status.refusal.evidence.replace(".json", "-equivocation.json")
    claim = equivocation.parse_equivocation(proof.read_bytes())
    assert equivocation.verify_equivocation(claim, parse_anchors(anchors.read_bytes())).height == 4


@pytest.mark.parametrize(
    ("method", "lie"),
    [
        ("debug_getRawReceipts", lambda params, honest: honest[::-1] if len(honest) > 1 else [honest[0][:-2] + "00"]),
        ("debug_getRawTransaction", lambda params, honest: honest[:-2] + ("00" if honest[-2:] != "00" else "01")),
        ("debug_getRawHeader", lambda params, honest: honest[:-2] + "00"),
    ],
)
def test_node_whose_encodings_do_not_fit_is_waited_for(replica: Replica, node: Source, method: str, lie: Any) -> None:
    node.lies.rpc[method] = lie
    status = replica.poll()
    assert (status.state, status.refusal) == ("waiting", None)
    assert status.height < 4
    node.honest()
    assert replica.poll().state == "following"


def test_replica_waits_when_the_node_is_behind(replica: Replica, node: Source) -> None:
    node.lies.rpc["eth_blockNumber"] = lambda params, honest: "0x2"
    assert (replica.poll().state, replica.status().lag_blocks) == ("catching-up", 2)
    node.honest()
    assert replica.poll().state == "following"


def test_replica_on_a_node_does_not_cosign_by_execution(replica: Replica) -> None:
    with pytest.raises(Conflict):
        replica.witness(WITNESS)


def test_replica_follows_an_operator_on_anvil_with_an_own_anvil_node(tmp_path: Path) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "chain"))
    from chain_world import CHAIN_ID, Anvil

    process = Anvil()
    try:
        config = Config(
            chain_id=CHAIN_ID, engine={"type": "jsonrpc", "urls": [process.url]}, operator={"zh": "测", "en": "t"}
        )
        small: SmallLedger = found_small(tmp_path / "data", config)
        small.register_lot()
        with small.ledger, source_of(small.ledger) as source:
            opened, _ = start(
                tmp_path / "replica", source=source.url, anchors=tmp_path / "data" / "anchors.json", node=process.url
            )
            with opened:
                status = opened.poll()
                assert status.state == "following", status
                assert holds(opened.bundle(LOT.gtin, LOT.lot), tmp_path / "data" / "anchors.json").height > 0
    finally:
        process.stop()


# ------------------------------------------------------------------------------------------------ witnessing


@pytest.fixture
def witnessing(folders: Folders, tmp_path: Path) -> Iterator[tuple[Ledger, Source, Replica]]:
    """An operator of its own, and a replica that executes its blocks and may co-sign."""
    shutil.copytree(folders[0], tmp_path / "operator")
    with Ledger.open(tmp_path / "operator", passphrase=PASSPHRASE) as ledger, source_of(ledger) as source:
        opened, _ = start(tmp_path / "copy", source=source.url, anchors=folders[0] / "anchors.json")
        opened.source._tries = 1
        with opened:
            yield ledger, source, opened


def test_executed_head_is_cosigned_and_handed_in_once(
    witnessing: tuple[Ledger, Source, Replica], anchors: Path
) -> None:
    ledger, source, replica = witnessing
    replica.witness(WITNESS)
    assert (replica.poll().warnings, replica.feed.latest(1).checkpoint.height) == ((), 4)
    [given] = ledger.feed.note(4).cosignatures
    evidence = verify(given, ledger.feed.note(4).checkpoint, replica.trust.witnesses)
    assert (evidence.method, evidence.witness.agency) == (EXECUTION, "customs")
    asked = len([path for path in source.asked if path.endswith("/cosignatures")])
    replica.poll()
    assert len([path for path in source.asked if path.endswith("/cosignatures")]) == asked == 1
    assert replica.witnesses() == [{"zh": "某地海关", "en": "Some customs office", "height": 4}]
    verified = holds(replica.bundle(LOT.gtin, LOT.lot), anchors)  # the anchors want one witness
    assert (verified.vouched.offices, verified.vouched.needed) == (1, 1)


def test_cosignature_is_handed_in_later_when_the_source_did_not_take_it(
    witnessing: tuple[Ledger, Source, Replica],
) -> None:
    ledger, source, replica = witnessing
    replica.witness(WITNESS)
    source.refuse_cosignatures = True
    assert any("did not take" in warning for warning in replica.poll().warnings)
    [mine] = replica.kept.cosignatures(4)
    source.refuse_cosignatures = False
    assert replica.poll().warnings == ()
    assert ledger.feed.note(4).cosignatures == (mine,)  # the very one that was kept: never a second of one height


def test_nothing_is_cosigned_when_the_source_contradicts(
    witnessing: tuple[Ledger, Source, Replica], other: Ledger
) -> None:
    _, source, replica = witnessing
    source.lies.rpc["eth_blockNumber"] = lambda params, honest: "0x3"
    replica.witness(WITNESS)
    assert replica.poll().state == "withholding"
    source.honest()
    source.told = other
    assert replica.poll().state == "refused"
    assert replica.kept.counts()["cosignatures"] == 0


def test_key_that_no_anchors_name_does_not_cosign(witnessing: tuple[Ledger, Source, Replica]) -> None:
    with pytest.raises(NotAuthorised):
        witnessing[2].witness(FileSigner(PrivateKey.generate()))


def test_cosignatures_of_strangers_and_wrong_ones_are_not_taken_over(
    witnessing: tuple[Ledger, Source, Replica],
) -> None:
    from ledger.proof.cosignature import Cosignature, cosign
    from ledger.proof.note import Note, note

    _, source, replica = witnessing

    def alter(notes: list[Note]) -> list[Note]:
        stranger = FileSigner(PrivateKey.generate())
        return [
            note(
                each.signed,
                [
                    cosign(each.checkpoint, stranger, 1, EXECUTION),
                    Cosignature(WITNESS.public.key_id, 1, EXECUTION, bytes(64)),
                ],
            )
            for each in notes
        ]

    source.lies.feed = alter
    assert replica.poll().state == "following"
    assert (replica.kept.counts()["checkpoints"], replica.kept.counts()["cosignatures"]) == (4, 0)


# ------------------------------------------------------------------------------------------------ backup, audit


def test_replica_is_backed_up_while_it_runs_and_goes_on_when_restored(
    witnessing: tuple[Ledger, Source, Replica], tmp_path: Path
) -> None:
    _, source, replica = witnessing
    source.lies.rpc["eth_blockNumber"] = lambda params, honest: "0x3"
    source.lies.feed = lambda notes: [each for each in notes if each.checkpoint.height <= 3]
    assert (replica.poll().state, replica.status().height) == ("following", 3)
    create_backup(replica.folder.root, tmp_path / "copy.tar", program="test")
    source.honest()
    assert replica.poll().height == 4
    restore(tmp_path / "copy.tar", tmp_path / "restored")
    restored, _ = start(tmp_path / "restored")
    with restored:
        assert (restored.own.height(), restored.kept.heights()) == (3, [1, 2, 3])
        assert (restored.poll().state, restored.status().head_hash) == ("following", replica.status().head_hash)
        assert restored.bundle(LOT.gtin, LOT.lot) == replica.bundle(LOT.gtin, LOT.lot)


def test_restored_witness_gives_no_second_cosignature_of_a_height(
    witnessing: tuple[Ledger, Source, Replica], tmp_path: Path
) -> None:
    ledger, source, replica = witnessing
    source.lies.rpc["eth_blockNumber"] = lambda params, honest: "0x3"
    source.lies.feed = lambda notes: [each for each in notes if each.checkpoint.height <= 3]
    replica.poll()
    create_backup(replica.folder.root, tmp_path / "copy.tar", program="test")
    source.honest()
    replica.witness(WITNESS)
    replica.poll()
    [first] = ledger.feed.note(4).cosignatures
    restore(tmp_path / "copy.tar", tmp_path / "restored")
    restored, _ = start(tmp_path / "restored")
    with restored:
        restored.witness(WITNESS)
        restored.poll()
        assert restored.kept.cosignatures(4) == [first]


def test_audit_of_a_replicas_folder_finds_nothing(witnessing: tuple[Ledger, Source, Replica]) -> None:
    replica = witnessing[2]
    replica.poll()
    root = replica.folder.root
    replica.close()
    report = audit(root).to_json()
    assert report["findings"] == []
