"""Stored values that decide something although no digest covers them: the audit compares them with the chain."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import text

from ledger.crypto.sm2 import PrivateKey
from ledger.documents.ceb import parse_message
from ledger.services.audit import audit
from ledger.services.audit.findings import Findings
from ledger.services.audit.stores import check_outbox
from ledger.services.intake import check_submission
from ledger.services.ledger import Ledger
from ledger.vault import StoredRecord
from ledger.vault.codec import encode_payload
from ledger.vault.sealing import encode_label


def kinds(folder: Path) -> set[str]:
    return {finding["id"] for finding in audit(folder).to_json()["findings"]}


def change(folder: Path, statement: str, *arguments: object) -> None:
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        assert db.execute(statement, arguments).rowcount, "nothing was changed"


@pytest.mark.parametrize("block", [2**62, b"\x01", "7", -1])
def test_outbox_row_is_found_when_it_says_another_block(folder: Path, block: object) -> None:
    change(folder, "UPDATE chain_outbox SET block = ? WHERE id = (SELECT max(id) FROM chain_outbox)", block)
    assert "outbox.row" in kinds(folder)


@pytest.mark.parametrize(("column", "value"), [(None, None), ("block_hash", b"\x01" * 32), ("block_time", 1)])
def test_outbox_row_beyond_the_walk_is_right_only_when_the_engine_says_the_same(
    folder: Path, column: str | None, value: object
) -> None:
    """A server sealed it while the audit ran: not among the submissions walked, so the engine is asked."""
    last = "WHERE block = (SELECT max(block) FROM chain_outbox)"
    if column is not None:
        change(folder, f"UPDATE chain_outbox SET {column} = ? {last}", value)
    with Ledger.open(folder) as ledger:
        head = ledger.gateway.height()
        with ledger.vault.transaction() as connection:
            query = text(f"SELECT submission_id FROM chain_outbox {last}")
            where = {f"outbox sm3:{bytes(row[0]).hex()}" for row in connection.execute(query)}
        walked = Findings("audit")
        check_outbox(ledger.vault, {}, head - 1, ledger.gateway, walked)
    found = {finding.where for finding in walked.found}
    assert where and where.isdisjoint(found) == (column is None)


def test_register_is_found_when_two_rows_changed_places(folder: Path) -> None:
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        first, last = db.execute("SELECT min(sequence), max(sequence) FROM trade_documents").fetchone()
        for old, new in ((first, -1), (last, first), (-1, last)):
            db.execute("UPDATE trade_documents SET sequence = ? WHERE sequence = ?", (new, old))
    assert "register.row" in kinds(folder)


@pytest.mark.parametrize("changes", [{"zone": 3}, {"memberId": "sm3:" + "11" * 32}, None])
def test_anchors_are_found_when_an_authority_is_another(folder: Path, changes: dict[str, object] | None) -> None:
    path = folder / "anchors.json"
    anchors = json.loads(path.read_text())
    if changes is None:
        anchors["authorities"].pop()
    else:
        anchors["authorities"][0] |= changes
    path.write_text(json.dumps(anchors))
    assert "config.file" in kinds(folder)


def test_names_in_anchors_are_words_only_when_changed(folder: Path) -> None:
    path = folder / "anchors.json"
    anchors = json.loads(path.read_text())
    anchors["authorities"][0]["name"]["en"] = "another name"
    path.write_text(json.dumps(anchors))
    assert kinds(folder) == set()


@pytest.mark.parametrize("shift", [-1, 1])
def test_configuration_is_found_when_it_names_another_first_block(folder: Path, shift: int) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["deployment"]["block"] += shift
    path.write_text(json.dumps(config))
    assert "config.json" in {finding.where for finding in audit(folder).findings}


def test_anchors_are_found_when_the_operators_key_is_not_among_them(folder: Path) -> None:
    stranger = PrivateKey.generate().public
    path = folder / "anchors.json"
    anchors = json.loads(path.read_text())
    anchors["checkpointKeys"][0] |= {"keyId": f"sm3:{stranger.key_id.hex()}", "publicKey": stranger.point.hex()}
    path.write_text(json.dumps(anchors))
    assert {"checkpoint.signature", "config.file"} <= kinds(folder)


def test_checkpoint_key_is_not_asked_for_when_the_auditor_does_not_hold_it(folder: Path) -> None:
    (folder / "keys" / "checkpoint.pem").unlink()
    report = audit(folder)
    assert report.sound and "operator's checkpoint key" not in report.coverage


def test_checkpoint_key_is_found_when_its_file_is_damaged(folder: Path) -> None:
    path = folder / "keys" / "checkpoint.pem"
    path.write_bytes(path.read_bytes()[:100])
    assert kinds(folder) == {"config.file"}


# ------------------------------------------------------------------------------------------------ the rules of intake


def sealed_again(ledger: Ledger, records: Sequence[StoredRecord], message: bytes | None) -> None:
    """What somebody with the master key can do: keep another message, or none, of these records, correctly sealed."""
    sealer, submission = ledger.vault.sealer, records[0].submission_id
    source = None if message is None else 0
    labels = [
        encode_label(r.submission_id, r.index, r.digest, r.kind, r.author, b"".join(r.lots), source) for r in records
    ]
    sealed = sealer.seal_records(
        [(label, r.seed, encode_payload(r.payload)) for label, r in zip(labels, records, strict=True)]
    )
    same = "WHERE seq = (SELECT seq FROM submissions WHERE submission_id = :submission) AND idx = :idx"
    with ledger.vault.transaction() as connection:
        for record, kept in zip(records, sealed, strict=True):
            connection.execute(
                text(f"UPDATE records SET wrapped_key = :key, body = :body, evidence_idx = :source {same}"),
                {"submission": submission, "idx": record.index, "source": source}
                | {"key": kept.wrapped_key, "body": kept.body},
            )
        if message is None:
            connection.execute(text(f"DELETE FROM evidence {same}"), {"submission": submission, "idx": 0})
        else:
            other = sealer.seal_evidence(submission, 0, message)
            connection.execute(
                text(f"UPDATE evidence SET wrapped_key = :key, body = :body {same}"),
                {"submission": submission, "idx": 0, "key": other.wrapped_key, "body": other.body},
            )


def customs_records(ledger: Ledger, kind: str) -> tuple[StoredRecord, ...]:
    """The records of a submission of nothing but `kind`, all of one message."""
    for submission, rows in ledger.vault.everything():
        if {row.kind for row in rows} == {kind}:
            found = ledger.vault.records(submission.submission_id)
            assert len({record.evidence for record in found}) == 1 and found[0].evidence is not None
            return found
    raise LookupError(kind)


def places(records: Sequence[StoredRecord]) -> set[tuple[str, str]]:
    return {("payload.evidence", f"record sm3:{record.digest.hex()}") for record in records}


def no_message(message: bytes) -> None:
    return None


def lenient_only(message: bytes) -> bytes:
    """Every node as it was, in an envelope that strict parsing refuses."""
    changed = message.replace(b"dxpMode>DXP<", b"dxpMode>DXPDXPDXP<")
    assert changed != message
    assert parse_message(changed, mode="lenient").nodes == parse_message(message, mode="strict").nodes
    return changed


@pytest.mark.parametrize("change_message", [no_message, lenient_only])
def test_customs_records_are_found_when_intake_would_not_take_their_message(
    folder: Path, change_message: Callable[[bytes], bytes | None]
) -> None:
    with Ledger.open(folder) as ledger:
        records = customs_records(ledger, "ceb.403")
        sealed_again(ledger, records, change_message(records[0].evidence or b""))
    assert {(f.id, f.where) for f in audit(folder).findings} == places(records)


def test_customs_records_are_found_when_their_message_is_of_other_documents(folder: Path) -> None:
    with Ledger.open(folder) as ledger:
        records = customs_records(ledger, "ceb.403")
        sealed_again(ledger, records, customs_records(ledger, "ceb.505")[0].evidence)
    assert {(f.id, f.where) for f in audit(folder).findings} == places(records)


def test_customs_records_are_sound_when_their_own_message_is_sealed_again(folder: Path) -> None:
    """The tests above change the message and nothing else."""
    with Ledger.open(folder) as ledger:
        records = customs_records(ledger, "ceb.403")
        sealed_again(ledger, records, records[0].evidence)
    assert kinds(folder) == set()


def test_customs_records_are_exempt_when_one_was_erased_with_their_message(folder: Path) -> None:
    """An erased message leaves its other records without evidence (Vault.erase): no finding says so again."""
    with Ledger.open(folder) as ledger:
        records = customs_records(ledger, "ceb.403")
        with ledger.vault.transaction() as connection:
            ledger.vault.erase(connection, records[0].submission_id, 0, 1_800_000_000, records[0].submission_id)
    assert "payload.evidence" not in kinds(folder)


def test_link_is_found_when_another_member_than_the_seller_sealed_it(folder: Path) -> None:
    """Past the door of intake: signed and sealed in good order, by somebody whose statement it is not."""
    with Ledger.open(folder) as ledger:
        assert ledger.matcher is not None
        composer = ledger.matcher._composer
        payload = next(r.payload for _, rows in ledger.vault.everything() for r in rows if r.kind == "trade.link")
        wire = composer.compose([composer.part("trade.link", payload)]).to_wire()
        checked = check_submission(wire, ledger._domain, ledger._lookup)
        ledger._store(checked)
        ledger._seal()
    report = audit(folder)
    digest = checked.records[0].digest
    assert [(f.id, f.where) for f in report.findings] == [("payload.rules", f"record sm3:{digest.hex()}")]
