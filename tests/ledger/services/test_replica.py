"""A replica agrees with an honest source, and refuses a lying one for good, naming the lie and keeping evidence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from replica_source import Source, forged, show, source_of

from ledger.crypto.keyfile import FileSigner
from ledger.crypto.sm2 import PrivateKey
from ledger.documents.canonical import jcs
from ledger.documents.disclosure import Disclosure, Shown
from ledger.documents.statement import field_commitment
from ledger.errors import Conflict, Malformed, NotFound, StorageUnavailable, Unavailable, VerificationFailed
from ledger.proof import verifier
from ledger.proof.anchors import parse_anchors
from ledger.proof.bundle import parse_bundle
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint, parse_signed, sign
from ledger.proof.checkpoint import verify as verify_checkpoint
from ledger.proof.note import Note
from ledger.services.ledger import Ledger
from ledger.services.replica import Replica, start
from ledger.services.replica import holdings as holding
from ledger.services.replica.refusals import FOLDER
from tests.small_ledger import LOT, PASSPHRASE, SmallLedger, found_small

Folders = tuple[Path, Path]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Two operators' folders with one genesis and one checkpoint key, that went different ways after block 4."""
    base = tmp_path_factory.mktemp("operators")
    small = found_small(base / "a")
    small.register_lot()
    small.ledger.submit(small.event_wire())
    wires = [small.event_wire(), small.event_wire()]
    assert small.ledger.gateway.height() == 4
    small.ledger.close()
    shutil.copytree(base / "a", base / "b")
    for name, wire in zip("ab", wires, strict=True):
        with Ledger.open(base / name, passphrase=PASSPHRASE) as ledger:
            again = SmallLedger(base / name, ledger, small.keys)
            ledger.submit(wire)
            if name == "b":
                ledger.submit(again.event_wire())
    return base / "a", base / "b"


@pytest.fixture(scope="module")
def operator(folders: Folders) -> Iterator[Ledger]:
    """The operator that most tests follow (read only: it is shared)."""
    with Ledger.open(folders[0], passphrase=PASSPHRASE) as ledger:
        yield ledger


@pytest.fixture
def source(operator: Ledger) -> Iterator[Source]:
    with source_of(operator) as made:
        yield made


@pytest.fixture
def anchors(folders: Folders) -> Path:
    return folders[0] / "anchors.json"


@pytest.fixture
def replica(source: Source, anchors: Path, tmp_path: Path) -> Iterator[Replica]:
    opened, _ = start(tmp_path / "replica", source=source.url, anchors=anchors)
    quick(opened)
    with opened:
        yield opened


def quick(opened: Replica) -> None:
    """No patience with a source that is down."""
    opened.source._tries = 1


def evidence(opened: Replica) -> dict[str, Any]:
    refusal = opened.status().refusal
    assert refusal is not None
    value: dict[str, Any] = json.loads((opened.folder.root / FOLDER / refusal.evidence).read_text())
    assert (value["format"], value["kind"]) == ("originseal-replica-evidence/v1", refusal.kind)
    return value


def restated(checkpoint: Checkpoint, **changes: Any) -> Checkpoint:
    names = ("chain_id", "genesis", "height", "block", "state_root", "time")
    return Checkpoint(**{name: getattr(checkpoint, name) for name in names} | changes)


def resigned(operator: Ledger, at: int, /, **changes: Any) -> Callable[[list[Note]], list[Note]]:
    """A feed in which the operator really signed something else `at` a height."""

    def alter(notes: list[Note]) -> list[Note]:
        return [
            Note(sign(restated(n.checkpoint, **changes), operator.checkpoints.signer), ())
            if n.checkpoint.height == at
            else n
            for n in notes
        ]

    return alter


# ------------------------------------------------------------------------------------------------ agreement


def test_replica_agrees_and_makes_bundles_that_hold_when_source_is_honest(
    replica: Replica, operator: Ledger, anchors: Path
) -> None:
    status = replica.poll()
    assert (status.state, status.height, status.lag_blocks, status.code_checked) == ("following", 5, 0, True)
    assert status.head_hash == "0x" + operator.gateway.block(5).hash.hex()
    assert status.counts["submissionsHeld"] == status.counts["submissions"] == 4
    made = replica.bundle(LOT.gtin, LOT.lot)
    verified = verifier.verify(parse_bundle(json.dumps(made).encode()), parse_anchors(anchors.read_bytes()))
    assert (verified.height, len(verified.records), verified.assumptions) == (5, 3, ())
    assert made == json.loads(json.dumps(operator.bundle(LOT.gtin, LOT.lot)))
    assert replica.deployment.block == 1


def test_replica_executes_on_the_plain_loop_when_asked(source: Source, anchors: Path, tmp_path: Path) -> None:
    opened, _ = start(tmp_path / "replica", source=source.url, anchors=anchors, plain=True)
    with opened:
        assert opened.poll().state == "following"


def test_replica_takes_anchors_from_source_only_once_and_says_so(source: Source, tmp_path: Path) -> None:
    first, trusting = start(tmp_path / "replica", source=source.url)
    with first:
        assert trusting
    second, trusting = start(tmp_path / "replica")
    with second:
        assert not trusting
        assert second.poll().state == "following"


def test_replica_goes_on_where_it_was_when_started_again(folders: Folders, tmp_path: Path) -> None:
    shutil.copytree(folders[0], tmp_path / "operator")
    with Ledger.open(tmp_path / "operator", passphrase=PASSPHRASE) as ledger, source_of(ledger) as source:
        source.lies.rpc["eth_blockNumber"] = lambda params, honest: "0x3"
        source.lies.feed = lambda notes: [n for n in notes if n.checkpoint.height <= 3]
        opened, _ = start(tmp_path / "replica", source=source.url, anchors=folders[0] / "anchors.json")
        with opened:
            assert (opened.poll().state, opened.status().height) == ("following", 3)
        source.honest()
        opened, _ = start(tmp_path / "replica")
        with opened:
            source.asked.clear()
            assert (opened.poll().state, opened.status().height) == ("following", 5)


def test_replica_of_a_replica_holds_the_same(replica: Replica, anchors: Path, tmp_path: Path) -> None:
    replica.poll()
    with source_of(replica) as between:
        second, _ = start(tmp_path / "second", source=between.url, anchors=anchors)
        with second:
            status = second.poll()
            assert (status.state, status.head_hash) == ("following", replica.status().head_hash)
            assert second.bundle(LOT.gtin, LOT.lot) == replica.bundle(LOT.gtin, LOT.lot)


def test_replica_waits_and_goes_on_when_source_was_down(replica: Replica, source: Source) -> None:
    source.lies.down = True
    status = replica.poll()
    assert (status.state, status.height) == ("waiting", 0)
    assert status.fault
    source.honest()
    assert replica.poll().state == "following"
    source.lies.down = True
    assert (replica.poll().state, replica.status().height) == ("waiting", 5)
    assert replica.bundle(LOT.gtin, LOT.lot)


def test_replica_is_behind_not_refusing_when_source_is_merely_shorter(replica: Replica, source: Source) -> None:
    source.lies.feed = lambda notes: [n for n in notes if n.checkpoint.height <= 3]
    assert replica.poll().state == "following"
    source.lies.rpc["eth_blockNumber"] = lambda params, honest: "0x4"
    assert replica.poll().state == "behind"


def test_withholding_is_reported_when_source_shows_less_than_it_signed(replica: Replica, source: Source) -> None:
    source.lies.rpc["eth_blockNumber"] = lambda params, honest: "0x3"
    status = replica.poll()
    assert (status.state, status.height, status.signed_height) == ("withholding", 3, 5)
    source.honest()
    assert replica.poll().state == "following"


# ------------------------------------------------------------------------------------------------ refusals


def refused(replica: Replica, source: Source, kind: str) -> dict[str, Any]:
    """The evidence of the refusal, which must be of this kind and final."""
    status = replica.poll()
    assert (status.state, status.refusal and status.refusal.kind) == ("refused", kind), status
    head = status.height
    source.honest()
    source.asked.clear()
    assert (replica.poll().state, source.asked) == ("refused", ["/anchors.json"])
    opened = replica.folder.root
    replica.close()
    again, _ = start(opened)
    with again:
        assert (again.poll().state, again.own.height()) == ("refused", head)
        return evidence(again)


def _earlier(header: list[Any]) -> None:
    header[11] = (1).to_bytes(1, "big")


@pytest.mark.parametrize(
    ("change", "step"),
    [
        (lambda h: h.__setitem__(3, b"\7" * 32), "state-root"),
        (lambda h: h.__setitem__(5, b"\7" * 32), "receipts-root"),
        (lambda h: h.__setitem__(10, b"\1\0\0"), "gas-used"),
        (lambda h: h.__setitem__(12, b"x"), "extra-data"),
        (_earlier, "time"),
    ],
    ids=["state", "receipts", "gas", "extra", "time"],
)
def test_source_is_refused_when_a_block_does_not_execute_to_its_header(
    replica: Replica, source: Source, operator: Ledger, change: Callable[[list[Any]], None], step: str
) -> None:
    show(source, forged(operator, 3, change))
    source.lies.feed = lambda notes: []
    found = refused(replica, source, "execution-differs")
    assert (found["height"], found["evidence"]["difference"]["step"]) == (3, step)
    assert found["evidence"]["block"].startswith("0x")
    assert found["ownHead"]["height"] == 2


def test_source_is_refused_when_transactions_change_places(replica: Replica, source: Source, operator: Ledger) -> None:
    from ledger.proof.trie_build import ordered_root

    chain = forged(operator, 1, lambda header: None)
    transactions = chain[1][1][::-1]
    assert len(transactions) > 1
    chain = forged(operator, 1, lambda header: header.__setitem__(4, ordered_root(transactions)))
    chain[1] = (chain[1][0], transactions)
    show(source, chain)
    source.lies.feed = lambda notes: []
    found = refused(replica, source, "execution-differs")
    assert found["evidence"]["difference"]["step"] == "transaction"


def test_block_is_not_imported_when_a_signed_checkpoint_names_another(
    replica: Replica, source: Source, operator: Ledger
) -> None:
    source.lies.feed = resigned(operator, 4, block=b"\7" * 32)
    found = refused(replica, source, "checkpoint-contradicts")
    assert (found["height"], found["ownHead"]["height"]) == (4, 3)
    [signed] = found["evidence"]["sides"]["checkpoints"]
    assert verify_checkpoint(parse_signed(signed), parse_anchors(operator.anchors).checkpoint_keys)


@pytest.mark.parametrize("change", [{"state_root": b"\7" * 32}, {"time": 1}], ids=["state", "time"])
def test_source_is_refused_when_a_checkpoint_misstates_our_block(
    replica: Replica, source: Source, operator: Ledger, change: dict[str, Any]
) -> None:
    source.lies.feed = resigned(operator, 2, **change)
    found = refused(replica, source, "checkpoint-contradicts")
    assert found["evidence"]["sides"]["ours"] == "0x" + operator.gateway.raw_header(2).hex()


@pytest.mark.parametrize("height", [1, 5])
def test_source_is_refused_when_it_signs_a_second_checkpoint_of_one_height(
    replica: Replica, source: Source, operator: Ledger, height: int
) -> None:
    assert replica.poll().state == "following"
    source.lies.feed = resigned(operator, height, block=b"\7" * 32)
    found = refused(replica, source, "two-checkpoints")
    both = [parse_signed(each) for each in found["evidence"]["sides"]["checkpoints"]]
    keys = parse_anchors(operator.anchors).checkpoint_keys
    assert all(verify_checkpoint(each, keys) for each in both)
    assert both[0].checkpoint.height == both[1].checkpoint.height == height
    assert both[0].checkpoint.block != both[1].checkpoint.block


def test_source_is_refused_when_it_signs_for_another_chain(replica: Replica, source: Source, operator: Ledger) -> None:
    source.lies.feed = resigned(operator, 2, genesis=b"\7" * 32)
    refused(replica, source, "other-chain")


def test_source_is_refused_with_the_fork_when_history_was_rewritten_with_valid_blocks(
    replica: Replica, source: Source, folders: Folders, operator: Ledger
) -> None:
    assert replica.poll().state == "following"
    with Ledger.open(folders[1], passphrase=PASSPHRASE) as other:
        source.told = other
        found = refused(replica, source, "rewritten-history")
        assert found["height"] == 5
        fork = found["evidence"]["fork"]
        assert fork["ours"] == "0x" + operator.gateway.raw_header(5).hex()
        assert fork["theirs"] == "0x" + other.gateway.raw_header(5).hex()
        ours, theirs = fork["checkpoints"][0], found["evidence"]["newCheckpoints"][0]["checkpoint"]
        keys = parse_anchors(operator.anchors).checkpoint_keys
        signed = [verify_checkpoint(parse_signed(each), keys).checkpoint for each in (ours, theirs)]
        assert signed[0].height == signed[1].height  # the source's own signatures on both: it is convicted
        assert signed[0].block != signed[1].block


def test_fork_is_found_when_noticed_far_above_it(replica: Replica, source: Source, operator: Ledger) -> None:
    assert replica.poll().state == "following"
    show(source, forged(operator, 2, lambda header: header.__setitem__(11, b"\x70\0\0\0")))
    found = refused(replica, source, "rewritten-history")
    assert found["height"] == 2


def test_shorter_history_that_differs_is_refused(replica: Replica, source: Source, operator: Ledger) -> None:
    assert replica.poll().state == "following"
    show(source, forged(operator, 2, lambda header: header.__setitem__(11, b"\x70\0\0\0")))
    source.lies.rpc["eth_blockNumber"] = lambda params, honest: "0x3"
    assert refused(replica, source, "rewritten-history")["height"] == 2


def test_source_is_refused_when_it_has_another_genesis(replica: Replica, source: Source, small: SmallLedger) -> None:
    assert replica.poll().state == "following"
    source.told = small.ledger
    found = refused(replica, source, "other-chain")
    assert found["evidence"]["sides"]["ours"] != found["evidence"]["sides"]["theirs"]


def test_evidence_alone_is_a_refusal_when_a_crash_came_before_the_decision(replica: Replica, source: Source) -> None:
    source.lies.rpc["eth_chainId"] = lambda params, honest: "0x1"
    refusal = replica.poll().refusal
    source.honest()
    replica.kept.set_meta("refusal", None)
    root = replica.folder.root
    (root / FOLDER / "0.json").write_text("{")  # what is no evidence is passed over
    replica.close()
    again, _ = start(root)
    with again:
        assert (again.poll().state, again.status().refusal) == ("refused", refusal)


def test_source_is_refused_when_it_has_another_chain_id(replica: Replica, source: Source) -> None:
    source.lies.rpc["eth_chainId"] = lambda params, honest: "0x1"
    refused(replica, source, "other-chain")


def test_source_is_refused_when_a_contract_has_not_the_anchored_code(
    source: Source, anchors: Path, tmp_path: Path
) -> None:
    value = json.loads(anchors.read_text())
    value["contracts"]["Lots"]["codeHash"] = "keccak256:" + "7" * 64
    (tmp_path / "anchors.json").write_text(json.dumps(value))
    opened, _ = start(tmp_path / "replica", source=source.url, anchors=tmp_path / "anchors.json")
    found = refused(opened, source, "other-code")
    assert found["evidence"]["contract"] == "Lots"


def test_source_is_refused_when_there_is_no_contract_at_the_anchored_address(
    source: Source, anchors: Path, tmp_path: Path
) -> None:
    value = json.loads(anchors.read_text())
    value["contracts"]["Trades"]["address"] = "0x" + "7" * 40
    (tmp_path / "anchors.json").write_text(json.dumps(value))
    opened, _ = start(tmp_path / "replica", source=source.url, anchors=tmp_path / "anchors.json")
    refused(opened, source, "other-code")


def test_missing_contracts_are_no_lie_before_anything_was_signed(replica: Replica, source: Source) -> None:
    source.lies.rpc["eth_blockNumber"] = lambda params, honest: "0x0"
    source.lies.feed = lambda notes: []
    status = replica.poll()
    assert (status.state, status.code_checked) == ("following", False)


# ------------------------------------------------------------------------------------------------ faults


def _rpc_only(change: Callable[[Any], Any]) -> Callable[[str, bytes], bytes]:
    return lambda path, body: json.dumps(change(json.loads(body))).encode() if path == "/rpc" else body


def _shifted(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**answer, "id": answer["id"] + 1} for answer in answers]


NONSENSE: list[Callable[[str, bytes], bytes]] = [
    lambda path, body: b"",
    lambda path, body: b"{",
    lambda path, body: body[:-1],
    lambda path, body: b"\xff\xfe" + body,
    lambda path, body: b"[" * 100_000,
    _rpc_only(lambda answers: {}),
    _rpc_only(lambda answers: []),
    _rpc_only(lambda answers: answers[:-1]),
    _rpc_only(lambda answers: [*answers, answers[0]]),
    _rpc_only(lambda answers: [answers[0]] * len(answers)),
    _rpc_only(lambda answers: [None] * len(answers)),
    _rpc_only(_shifted),
    _rpc_only(lambda answers: [{**answer, "id": str(answer["id"])} for answer in answers]),
    _rpc_only(lambda answers: [{"jsonrpc": "2.0", "id": answer["id"]} for answer in answers]),
    _rpc_only(lambda answers: [{**answer, "result": "0xzz"} for answer in answers]),
    _rpc_only(lambda answers: [{**answer, "result": ["0x1"]} for answer in answers]),
    _rpc_only(lambda answers: [{**answer, "result": "0x-1"} for answer in answers]),
    _rpc_only(lambda answers: [{**answer, "result": "0x" + "f" * 17} for answer in answers]),
    _rpc_only(lambda answers: [answers[0] | {"result": "0x 4f1a"}, *answers[1:]]),
    _rpc_only(lambda answers: [*answers[:2], *(each | {"result": "0x " + each["result"][2:]} for each in answers[2:])]),
    lambda path, body: body.replace(b'"0x', b'"\\ud8000x', 1),
    _rpc_only(lambda answers: [{**answer, "result": "0x" + "1" * 5000} for answer in answers]),
    _rpc_only(lambda answers: [{"id": answer["id"], "error": "no"} for answer in answers]),
    _rpc_only(lambda answers: [{"id": answer["id"], "error": {"code": "x", "message": 5}} for answer in answers]),
]


def test_nothing_is_imported_or_refused_when_the_source_talks_nonsense(replica: Replica, source: Source) -> None:
    for at, body in enumerate(NONSENSE):
        source.lies.body = body
        status = replica.poll()
        assert (status.state, status.height, bool(status.fault)) == ("waiting", 0, True), at
    source.honest()
    for status_code in (301, 403, 429, 500, 503):
        source.lies.status = status_code
        assert replica.poll().state == "waiting", status_code
    source.honest()
    assert replica.poll().state == "following"


def test_block_damaged_on_the_way_once_is_waited_out(replica: Replica, source: Source) -> None:
    left = [True]

    def once(params: list[Any], honest: Any) -> Any:
        if params[0] == "0x3" and left and left.pop():
            return honest[:40] + ("0" if honest[40] != "0" else "1") + honest[41:]
        return honest

    source.lies.rpc["debug_getRawBlock"] = once
    source.lies.feed = lambda notes: []
    status = replica.poll()
    assert (status.state, status.height) == ("waiting", 2)
    assert "two forms" in status.fault
    assert replica.poll().state == "following"


@pytest.mark.parametrize("method", ["debug_getRawHeader", "debug_getRawBlock"])
def test_source_that_does_not_give_its_blocks_is_waited_for(replica: Replica, source: Source, method: str) -> None:
    source.lies.rpc[method] = lambda params, honest: None if int(params[0], 16) else honest
    source.lies.feed = lambda notes: []
    replica.poll()
    source.lies.rpc["eth_blockNumber"] = lambda params, honest: "0x9"  # more than it has
    assert replica.poll().state == "waiting"


def test_blocks_that_arrived_before_the_source_failed_are_kept(replica: Replica, source: Source) -> None:
    source.lies.rpc["eth_blockNumber"] = lambda params, honest: "0x9"
    status = replica.poll()
    assert (status.state, status.height) == ("waiting", 5)


def test_checkpoints_that_nobody_anchored_signed_are_warned_of_and_not_kept(replica: Replica, source: Source) -> None:
    stranger = FileSigner(PrivateKey.generate())

    def alter(notes: list[Note]) -> list[Note]:
        wrong = [Note(SignedCheckpoint(n.checkpoint, n.signed.key_id, bytes(64)), ()) for n in notes[:1]]
        return wrong + [Note(sign(n.checkpoint, stranger), ()) for n in notes[1:2]] + notes[2:]

    source.lies.feed = alter
    status = replica.poll()
    assert status.state == "following"
    assert len(status.warnings) == 1
    assert "checkpoint" in status.warnings[0]
    assert replica.kept.heights() == [3, 4, 5]
    source.honest()
    for _ in range(40):  # old pages are drawn at random
        replica.poll()
        if replica.kept.heights() == [1, 2, 3, 4, 5]:
            break
    assert replica.kept.heights() == [1, 2, 3, 4, 5]
    assert replica.status().warnings == ()


def test_blocks_are_asked_for_one_by_one_when_together_they_are_over_the_limit(
    replica: Replica, source: Source, operator: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = max(len(raw) for raw in replica.source.raw_blocks(1, 5))
    monkeypatch.setattr("ledger.services.replica.source.MAX_ANSWER", 2 * largest - 1000)
    assert replica.poll().state == "waiting"  # not even one block fits
    monkeypatch.setattr("ledger.services.replica.source.MAX_ANSWER", 2 * largest + 1000)
    assert (replica.poll().state, replica.status().height) == ("following", 5)


@pytest.mark.parametrize("change", [{"height": 2**63}, {"height": 2**64 - 1}, {"time": 2**63}], ids=str)
def test_numbers_that_no_file_could_hold_are_warned_of(
    replica: Replica, source: Source, operator: Ledger, change: dict[str, int]
) -> None:
    source.lies.feed = resigned(operator, 5, **change)
    status = replica.poll()
    assert (status.state, len(status.warnings)) == ("following", 1)
    stranger = FileSigner(PrivateKey.generate())
    source.lies.feed = lambda notes: [Note(sign(restated(notes[-1].checkpoint, **change), stranger), ())]
    assert replica.poll().state == "following"


@pytest.mark.parametrize("body", [b"junk\n", b"\xff", b"originseal-checkpoint/v1\n", b"\n\n\n"])
def test_feed_that_is_no_feed_is_waited_out(replica: Replica, source: Source, body: bytes) -> None:
    source.lies.body = lambda path, honest: body if path.startswith("/checkpoints") else honest
    assert (replica.poll().state, replica.status().height) == ("waiting", 0)


# ------------------------------------------------------------------------------------------------ records


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for refused and held records again at every poll."""
    monkeypatch.setattr(holding, "RETRY_AFTER", -1)


def _first_field(value: Any, change: Callable[[dict[str, Any]], None]) -> Any:
    for record in value["records"]:
        if record.get("record"):
            change(record["record"])
    return value


def _withhold(record: dict[str, Any]) -> None:
    """One public field only as its commitment: the digest still follows."""
    full = Disclosure.from_json(record)
    first = full.fields[0]
    assert isinstance(first, Shown)
    commitment = field_commitment(jcs(list(first.path)), first.salt, jcs(first.value))
    record["fields"][0] = {"commitment": f"sm3:{commitment.hex()}"}
    assert Disclosure.from_json(record).verify().withheld == 1


def _each(change: Callable[[dict[str, Any]], Any]) -> Callable[[Any], Any]:
    def alter(value: Any) -> Any:
        for record in value["records"]:
            change(record)
        return value

    return alter


TAMPERED: list[Callable[[Any], Any]] = [
    lambda value: [],
    lambda value: {**value, "submissionId": "keccak256:" + "7" * 64},
    lambda value: {**value, "records": None},
    lambda value: {**value, "records": []},
    lambda value: {**value, "records": value["records"] * 2},
    lambda value: {**value, "records": [None]},
    lambda value: {**value, "extra": 1},
    lambda value: _first_field(value, lambda r: r["fields"][0].__setitem__("value", "lie")),
    lambda value: _first_field(value, lambda r: r["fields"].pop()),
    lambda value: _first_field(value, _withhold),
    lambda value: _first_field(value, lambda r: r.__setitem__("author", "sm3:" + "7" * 64)),
    lambda value: _first_field(value, lambda r: r.__setitem__("kind", "lot.notice")),
    lambda value: _first_field(value, lambda r: r.__setitem__("digest", "sm3:" + "7" * 64)),
    _each(lambda r: r.__setitem__("digest", "sm3:" + "7" * 64)),
    _each(lambda r: r.__setitem__("digest", 7)),
    _each(lambda r: r.__setitem__("lots", [])),
    _each(lambda r: r.__setitem__("lots", ["sm3:" + "7" * 64])),
    _each(lambda r: r.__setitem__("record", None) if r["lots"] else r.__setitem__("digest", "x")),
    _each(lambda r: (r.pop("record"), r.__setitem__("erased", True), r.__setitem__("lots", ["sm3:" + "7" * 64]))),
    _each(lambda r: (r.pop("record"), r.__setitem__("erased", 1))),
]


def test_records_are_refused_and_not_served_when_the_source_tampers_with_them(
    replica: Replica, source: Source, impatient: None
) -> None:
    for at, alter in enumerate(TAMPERED):
        source.lies.records = alter
        status = replica.poll()
        assert status.state == "following", at  # the chain is sound: only these records are not taken
        assert status.counts["submissionsRefused"] >= 1, at
        assert any("do not hold" in warning for warning in status.warnings), at
        with pytest.raises(StorageUnavailable):
            replica.bundle(LOT.gtin, LOT.lot)
    source.honest()
    status = replica.poll()
    assert (status.counts["submissionsHeld"], status.warnings) == (4, ())
    assert replica.bundle(LOT.gtin, LOT.lot)


def test_records_held_stay_when_the_source_lies_later(replica: Replica, source: Source, impatient: None) -> None:
    replica.poll()
    before = replica.bundle(LOT.gtin, LOT.lot)
    source.lies.records = lambda value: {**value, "records": []}
    status = replica.poll()
    assert status.counts["submissionsHeld"] == 4
    assert any("do not hold" in warning for warning in status.warnings)
    assert replica.bundle(LOT.gtin, LOT.lot) == before


def test_fields_held_stay_when_the_source_shows_less_later(
    replica: Replica, source: Source, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica.poll()
    before = replica.bundle(LOT.gtin, LOT.lot)
    monkeypatch.setattr(holding, "entirely_public", lambda kind: False)  # as for kinds of which only parts are public
    source.lies.records = lambda value: _first_field(value, _withhold)
    assert replica.poll().warnings == ()
    assert replica.bundle(LOT.gtin, LOT.lot) == before


def test_checkpoint_is_asked_for_when_the_feed_leaves_a_submissions_block_out(replica: Replica, source: Source) -> None:
    source.lies.feed = lambda notes: [n for n in notes if len(notes) == 1 or n.checkpoint.height != 3]
    assert replica.poll().state == "following"
    assert replica.kept.heights() == [1, 2, 3, 4, 5]
    assert replica.bundle(LOT.gtin, LOT.lot)


def test_answers_may_be_kept_while_nothing_changes(replica: Replica, source: Source, impatient: None) -> None:
    replica.poll()
    version = replica.version()
    replica.poll()
    assert replica.version() == version


def test_records_not_given_are_asked_for_again(replica: Replica, source: Source, impatient: None) -> None:
    def withhold(path: str, body: bytes) -> bytes:
        return b"nonsense" if path.endswith("/records") else body

    source.lies.body = withhold
    assert replica.poll().counts["submissionsHeld"] == 0
    source.honest()
    assert replica.poll().counts["submissionsHeld"] == 4


def test_erasure_is_taken_over_and_never_undone(folders: Folders, tmp_path: Path, impatient: None) -> None:
    shutil.copytree(folders[0], tmp_path / "operator")
    with Ledger.open(tmp_path / "operator", passphrase=PASSPHRASE) as ledger, source_of(ledger) as source:
        opened, _ = start(tmp_path / "replica", source=source.url, anchors=folders[0] / "anchors.json")
        with opened:
            opened.poll()
            made = opened.bundle(LOT.gtin, LOT.lot)
            target = made["submissions"][1]
            identity = bytes.fromhex(target["id"].split(":")[1])
            salts = [field["salt"] for field in target["records"][0]["fields"]]
            before = ledger.public_records(target["id"])
            with ledger.vault.transaction() as connection:
                ledger.vault.erase(connection, identity, 0, 1_800_000_000)
            status = opened.poll()
            assert status.counts["recordsErased"] == 1
            shown = opened.bundle(LOT.gtin, LOT.lot)["submissions"][1]["records"][0]
            assert (shown["digest"], shown["erased"]) == (target["records"][0]["digest"], True)
            source.lies.records = lambda value: before if value["submissionId"] == target["id"] else value
            assert opened.poll().counts["recordsErased"] == 1
            assert opened.public_records(target["id"])["records"][0]["erased"] is True
            kept = b"".join(p.read_bytes() for p in (tmp_path / "replica").glob("replica.sqlite*"))
            assert not any(salt.encode() in kept for salt in salts)


# ------------------------------------------------------------------------------------------------ bundles of others


def test_bundle_is_ours_when_it_stands_on_our_blocks(replica: Replica, operator: Ledger) -> None:
    replica.poll()
    verdict = replica.verify(json.dumps(operator.bundle(LOT.gtin, LOT.lot)).encode())
    assert (verdict.chain, verdict.height, verdict.report.verified is not None) == ("ours", 5, True)
    assert verdict.to_json()["replica"]["statement"]["zh"]


def test_bundle_of_another_history_is_named_a_split_view(replica: Replica, folders: Folders) -> None:
    replica.poll()
    with Ledger.open(folders[1], passphrase=PASSPHRASE) as other:
        verdict = replica.verify(json.dumps(other.bundle(LOT.gtin, LOT.lot)).encode())
    assert verdict.report.verified is not None  # by itself it holds: only an own chain can tell
    assert (verdict.chain, verdict.height) == ("split-view", 5)


def test_bundle_ahead_of_the_replica_is_not_judged(replica: Replica, source: Source, operator: Ledger) -> None:
    source.lies.rpc["eth_blockNumber"] = lambda params, honest: "0x4"
    replica.poll()
    verdict = replica.verify(json.dumps(operator.bundle(LOT.gtin, LOT.lot)).encode())
    assert (verdict.chain, verdict.height) == ("ahead-of-us", 5)


def test_bundle_that_does_not_hold_is_not_compared(replica: Replica, operator: Ledger) -> None:
    replica.poll()
    made = json.loads(json.dumps(operator.bundle(LOT.gtin, LOT.lot)))
    made["submissions"][0]["records"][0]["fields"][0]["salt"] = "7" * 32
    verdict = replica.verify(json.dumps(made).encode())
    assert (verdict.chain, verdict.report.verified) == ("not-compared", None)
    with pytest.raises(Malformed):
        replica.verify(b"{}")


def test_no_bundle_is_made_before_a_checkpoint_is_kept(replica: Replica, source: Source) -> None:
    source.lies.feed = lambda notes: []
    replica.poll()
    with pytest.raises(NotFound):
        replica.bundle(LOT.gtin, LOT.lot)


def test_changed_anchors_of_the_source_are_reported_and_not_taken(replica: Replica, source: Source) -> None:
    replica.poll()
    kept = replica.folder.anchors.read_bytes()
    source.lies.anchors = lambda value: {**value, "chainId": 1}
    status = replica.poll()
    assert (status.state, len(status.warnings)) == ("following", 1)
    assert "trust anchors" in status.warnings[0]
    assert replica.folder.anchors.read_bytes() == kept
    source.honest()
    assert replica.poll().warnings == ()


# ------------------------------------------------------------------------------------------------ starting


def test_replica_is_not_started_on_another_chain_than_its_anchors(
    small: SmallLedger, anchors: Path, tmp_path: Path
) -> None:
    with source_of(small.ledger) as source:
        with pytest.raises(VerificationFailed) as caught:
            start(tmp_path / "replica", source=source.url, anchors=anchors)
        assert caught.value.step == "genesis"
        source.lies.rpc["eth_chainId"] = lambda params, honest: "0x1"
        with pytest.raises(VerificationFailed) as caught:
            start(tmp_path / "replica", source=source.url, anchors=anchors)
        assert caught.value.step == "chain"
        with pytest.raises(NotFound):
            start(tmp_path / "replica")  # nothing was founded


def test_replica_is_not_started_over_an_operators_folder(folders: Folders, source: Source, tmp_path: Path) -> None:
    with pytest.raises(Conflict):
        start(folders[0], source=source.url)
    shutil.copytree(folders[0], tmp_path / "remains")
    (tmp_path / "remains" / "config.json").unlink()
    with pytest.raises(Conflict):
        start(tmp_path / "remains", source=source.url)


def test_replica_is_not_started_with_other_anchors_than_before(replica: Replica, anchors: Path, tmp_path: Path) -> None:
    replica.close()
    value = json.loads(anchors.read_text())
    value["checkpointKeys"][0]["name"] = "another"
    (tmp_path / "other.json").write_text(json.dumps(value))
    with pytest.raises(Conflict):
        start(replica.folder.root, anchors=tmp_path / "other.json")


def test_replica_is_not_started_twice(replica: Replica) -> None:
    with pytest.raises(StorageUnavailable):
        start(replica.folder.root)


@pytest.mark.parametrize("value", ["", "[]", "{}", "junk"])
def test_replica_is_not_started_with_a_broken_anchors_file(source: Source, tmp_path: Path, value: str) -> None:
    (tmp_path / "anchors.json").write_text(value)
    with pytest.raises(Malformed):
        start(tmp_path / "replica", source=source.url, anchors=tmp_path / "anchors.json")


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://user:secret@host", "http://host?x=1", "nonsense"])
def test_source_address_is_refused_when_it_is_no_plain_web_address(tmp_path: Path, url: str) -> None:
    with pytest.raises(Malformed):
        start(tmp_path / "replica", source=url)


def test_start_says_unavailable_when_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.services.replica.source.FIRST_PAUSE", 0.001)
    with pytest.raises(Unavailable):
        start(tmp_path / "replica", source="http://127.0.0.1:9")


def test_start_is_repeated_after_a_crash_in_the_middle(source: Source, anchors: Path, tmp_path: Path) -> None:
    opened, _ = start(tmp_path / "replica", source=source.url, anchors=anchors)
    opened.close()
    (tmp_path / "replica" / "config.json").unlink()  # the last thing that start writes
    opened, _ = start(tmp_path / "replica", source=source.url, anchors=anchors)
    with opened:
        assert opened.poll().state == "following"


# ------------------------------------------------------------------------------------------------ running


def test_replica_asks_again_at_once_while_there_is_more_to_fetch(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "FETCHED_AT_ONCE", 1)
    held = [replica.poll().counts["submissionsHeld"]]
    while replica.follower.busy:
        held.append(replica.poll().counts["submissionsHeld"])
    assert held == [1, 2, 3, 4, 4]


def test_running_ends_with_the_state_shown_when_our_own_disk_fails(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageUnavailable("disk full", full=True)

    monkeypatch.setattr("ledger.chain.embedded.store.Store.write_blocks", fail)
    with pytest.raises(StorageUnavailable):
        replica.run(0.2)
    status = replica.status()
    assert (status.state, status.refusal) == ("stopped", None)
    assert "disk full" in status.fault


def test_running_ends_by_itself_only_when_refused(replica: Replica, source: Source) -> None:
    source.lies.rpc["eth_chainId"] = lambda params, honest: "0x1"
    replica.run(0.2)
    assert replica.status().state == "refused"
    replica.stop.set()
    replica.run(0.2)


def test_remote_messages_cannot_steer_a_terminal(replica: Replica, source: Source) -> None:
    def scream(path: str, body: bytes) -> bytes:
        if path != "/rpc":
            return body
        error = {"code": -32000, "message": "\x1b[2J\x07gone" + "x" * 1000}
        return json.dumps([{"id": answer["id"], "error": error} for answer in json.loads(body)]).encode()

    source.lies.body = scream
    fault = replica.poll().fault
    assert "gone" in fault
    assert fault.isprintable()
    assert len(fault) < 600
