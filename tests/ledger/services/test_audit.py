"""The audit finds every change of a stored value in chain file, payload store and read model, and nothing else."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sqlite3
from dataclasses import replace

import pytest
from proof_world import seeded
from sqlalchemy import text

from ledger.crypto.keccak import keccak256
from ledger.domain.codes import Verdict
from ledger.proof.rlp import decode_list, encode
from ledger.services.audit import audit, render_text
from ledger.services.audit.findings import KINDS
from ledger.services.ledger import Ledger
from ledger.vault.codec import encode_payload
from ledger.vault.sealing import encode_label

# A name for lines of the log, of which only the form is checked; a number of which only the order decides anything.
# Neither changes an answer (test_value_that_only_has_a_form_or_an_order_changes_no_answer).
FORM_OR_ORDER = {("chain_outbox", "correlation"), ("trade_documents", "sequence")}
FILES = ("chain.sqlite", "ledger.sqlite", "index.sqlite")


def tables(folder):
    for name in FILES:
        with sqlite3.connect(folder / name) as db:
            for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name").fetchall():
                if not table.startswith("sqlite_"):
                    columns = db.execute(f'PRAGMA table_info("{table}")').fetchall()
                    yield name, table, [c[1] for c in columns], [c[1] for c in columns if c[5]] or [columns[0][1]]


def dump(folder):
    """Everything that the three files say, as one digest per file."""
    said = []
    for name in FILES:
        with sqlite3.connect(f"file:{folder / name}?mode=ro", uri=True) as db:
            db.text_factory = bytes
            digest = hashlib.sha256()
            for kind, table, sql in db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall():
                digest.update(repr((kind, table, sql)).encode())
                if kind == b"table" and not table.startswith(b"sqlite_"):
                    for row in db.execute(f'SELECT * FROM "{table.decode()}" ORDER BY 1, 2'):
                        digest.update(repr(row).encode())
            said.append(digest.hexdigest())
    return said


def changed(value, rng):
    if value is None:
        return 1
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, str):
        return value[:-1] + ("x" if value[-1:] != "x" else "y")
    if not value:
        return b"\x01"
    at = rng.randrange(len(value))
    return value[:at] + bytes([value[at] ^ (1 << rng.randrange(8))]) + value[at + 1 :]


def change(folder, name, table, column, keys, rng):
    """Change one value in a random row; False where a constraint of the table forbids it."""
    db = sqlite3.connect(folder / name)
    try:
        named = ", ".join(f'"{key}"' for key in keys)
        rows = db.execute(f'SELECT {named}, "{column}" FROM "{table}"').fetchall()
        if not rows:
            return False
        row = rng.choice(rows)
        where = " AND ".join(f'"{key}" IS ?' for key in keys)
        new = changed(row[-1], rng)
        db.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE {where}', (new, *row[:-1]))
        db.commit()
        return True
    except sqlite3.IntegrityError:
        return False
    finally:
        db.close()


# ------------------------------------------------------------------------------------------------ a sound ledger


@pytest.fixture(scope="session")
def sound(sound_folder):
    return audit(sound_folder)


def test_audit_finds_nothing_when_the_ledger_is_sound(sound, sound_folder):
    assert sound.to_json()["findings"] == []
    assert sound.sound
    with Ledger.open(sound_folder) as ledger:
        status = ledger.status()
    assert (sound.records, sound.coverage["submissions"], sound.head) == (
        status.records, status.submissions, status.height,
    )  # fmt: skip
    assert sound.coverage["signatures"] == status.submissions
    assert sound.coverage["matches"] == 2
    assert sound.coverage["checkpoints"] > 0 and sound.coverage["evidence messages"] > 0


def test_audit_changes_nothing_in_the_folder(folder):
    before = {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix not in (".lock",)}
    audit(folder)
    after = {p: p.read_bytes() for p in before}
    assert before == after


def test_report_speaks_to_machines_and_people(sound, folder):
    facts = sound.to_json()
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["format"], facts["result"]) == ("originseal-audit/v1", "sound")
    assert "未发现问题" in render_text(sound)
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        db.execute("DELETE FROM records WHERE rowid = 1")
    report = audit(folder)
    text, facts = render_text(report), report.to_json()
    assert facts["result"] == "findings" and "首项 first" in text
    for finding in facts["findings"]:
        assert set(finding) == {"id", "severity", "where", "what", "detail", "evidence", "reproduce"}
        assert finding["id"] in KINDS and finding["what"]["zh"] and finding["what"]["en"]
        assert str(folder) in finding["reproduce"]


# ------------------------------------------------------------------------------------------------ stored values


def test_audit_finds_a_changed_value_in_every_table(sound_folder, tmp_path):
    rng = random.Random(20261124)
    missed, tried = [], 0
    for name, table, columns, keys in tables(sound_folder):
        copy = tmp_path / f"{name}-{table}"
        shutil.copytree(sound_folder, copy)
        order = [c for c in rng.sample(columns, len(columns)) if (table, c) not in FORM_OR_ORDER]
        column = next((c for c in order if change(copy, name, table, c, keys, rng)), None)
        if column is not None:
            tried += 1
            if audit(copy).sound:
                missed.append((name, table, column))
        shutil.rmtree(copy)
    assert tried >= 20
    assert missed == []


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
def test_audit_finds_a_changed_value_in_every_column(sound_folder, tmp_path, file):
    rng = random.Random(7)
    missed, tried = [], 0
    for name, table, columns, keys in tables(sound_folder):
        for column in columns if name == file else ():
            if (table, column) in FORM_OR_ORDER:
                continue
            copy = tmp_path / "copy"
            shutil.copytree(sound_folder, copy)
            if change(copy, name, table, column, keys, rng):
                tried += 1
                if audit(copy).sound:
                    missed.append((name, table, column))
            shutil.rmtree(copy)
    assert tried >= 15
    assert missed == []


def answers(folder):
    """Everything that this ledger tells anybody: lots with their bundles, trades, members, receipts."""
    with Ledger.open(folder) as ledger:
        lots = [ledger.lot(each.gtin, each.lot) for each in ledger.lots(limit=50).items]
        with sqlite3.connect(folder / "ledger.sqlite") as db:
            submissions = [row[0] for row in db.execute("SELECT submission_id FROM submissions ORDER BY seq")]
        return (
            lots,
            [ledger.bundle(each.summary.gtin, each.summary.lot) for each in lots],
            ledger.trades(limit=50),
            ledger.members(limit=50),
            [ledger.receipt_of(identity).to_json() for identity in submissions],
        )


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE chain_outbox SET correlation = 'another-name'",
        "UPDATE trade_documents SET sequence = sequence + 1000",
    ],
)
def test_value_that_only_has_a_form_or_an_order_changes_no_answer(folder, sql):
    before = answers(folder)
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        assert db.execute(sql).rowcount > 0
    db.close()
    assert audit(folder).sound
    assert answers(folder) == before


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("UPDATE chain_outbox SET correlation = 'not a name'", "outbox.row"),
        ("UPDATE trade_documents SET sequence = -sequence", "register.row"),
    ],
)
def test_value_that_only_has_a_form_or_an_order_is_found_when_it_breaks_it(folder, sql, kind):
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        assert db.execute(sql).rowcount > 0
    db.close()
    assert kind in audit(folder).by_kind


ROWS = {
    "a record deleted": ("ledger.sqlite", "DELETE FROM records WHERE rowid = 5", "payload.record-missing"),
    "a submission deleted": ("ledger.sqlite", "DELETE FROM submissions WHERE seq = 3", "payload.submission-missing"),
    "an evidence message deleted": (
        "ledger.sqlite",
        "DELETE FROM evidence WHERE rowid = (SELECT min(rowid) FROM evidence)",
        "payload.row",
    ),
    "a checkpoint deleted and another height claimed": (
        "ledger.sqlite",
        "UPDATE checkpoints SET height = 100000 WHERE height = 3",
        "payload.row",
    ),
    "an outbox row back in the queue": (
        "ledger.sqlite",
        "UPDATE chain_outbox SET state = 'refused' WHERE id = 2",
        "outbox.row",
    ),
    "a trade register row deleted": ("ledger.sqlite", "DELETE FROM trade_documents WHERE sequence = 1", "register.row"),
    "a table planted": ("ledger.sqlite", "CREATE TABLE planted (x)", "file.schema"),
    "a trigger planted": (
        "chain.sqlite",
        "CREATE TRIGGER planted AFTER INSERT ON block BEGIN DELETE FROM tx; END",
        "file.schema",
    ),
    "a block deleted": ("chain.sqlite", "DELETE FROM block WHERE number = 5", "chain.block-missing"),
    "the last block deleted": (
        "chain.sqlite",
        "DELETE FROM block WHERE number = (SELECT max(number) FROM block)",
        "checkpoint.chain",
    ),
    "a transaction row deleted": ("chain.sqlite", "DELETE FROM tx WHERE block = 5", "chain.index"),
    "a log row deleted": ("chain.sqlite", "DELETE FROM log WHERE block = 5 AND idx = 0", "chain.index"),
    "a log row added": (
        "chain.sqlite",
        "INSERT INTO log SELECT block + 100000, idx, position, address, t0, t1, t2, t3, data FROM log LIMIT 1",
        "chain.index",
    ),
    "a state node deleted": (
        "chain.sqlite",
        "DELETE FROM node WHERE hash = (SELECT min(hash) FROM node)",
        "chain.node-missing",
    ),
    "a setting added": ("chain.sqlite", "INSERT INTO meta VALUES ('more', '1')", "chain.meta"),
    "a lot deleted from the read model": ("index.sqlite", "DELETE FROM lots", "index.row"),
    "a lot's state in the read model": ("index.sqlite", "UPDATE lots SET state = state + 1", "index.row"),
    "the read model's cursor": ("index.sqlite", "DELETE FROM facts", "index.row"),
}


@pytest.mark.parametrize("name", ROWS)
def test_audit_finds_rows_that_were_deleted_added_or_moved(folder, name):
    file, sql, kind = ROWS[name]
    with sqlite3.connect(folder / file) as db:
        assert db.execute(sql).rowcount != 0
    db.close()
    report = audit(folder)
    assert kind in report.by_kind, dict(report.by_kind)


def test_audit_finds_a_planted_node(folder):
    with sqlite3.connect(folder / "chain.sqlite") as db:
        db.execute("INSERT INTO node VALUES (?, ?)", (keccak256(b"planted"), b"planted"))
    db.close()
    assert "chain.node-unknown" in audit(folder).by_kind


# ------------------------------------------------------------------------------------------------ what insiders do


def edit_block(folder, number, edit):
    with sqlite3.connect(folder / "chain.sqlite") as db:
        body = edit(db.execute("SELECT body FROM block WHERE number = ?", (number,)).fetchone()[0])
        db.execute("UPDATE block SET body = ? WHERE number = ?", (body, number))
    db.close()


def test_audit_finds_a_signature_that_does_not_verify(folder):
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        ((signature, block),) = db.execute(
            "SELECT s.signature, o.block FROM submissions s JOIN chain_outbox o USING (submission_id) WHERE seq = 4"
        ).fetchall()
    db.close()
    forged = bytes([signature[0] ^ 1]) + signature[1:]
    edit_block(folder, block, lambda body: body.replace(signature, forged))
    report = audit(folder)
    assert {"submission.signature", "chain.transactions-root"} <= set(report.by_kind)


def test_audit_finds_a_header_rewritten_with_its_hash(folder):
    with sqlite3.connect(folder / "chain.sqlite") as db:
        header = decode_list(db.execute("SELECT header FROM block WHERE number = 6").fetchone()[0])
        header[12] = b"rewritten"
        raw = encode(header)
        db.execute("UPDATE block SET header = ?, hash = ? WHERE number = 6", (raw, keccak256(raw)))
    db.close()
    report = audit(folder)
    assert {"chain.block-link", "checkpoint.chain"} <= set(report.by_kind)


def test_audit_finds_another_chain_in_place_of_this_one(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    world = seeded(other)
    world.close()
    for suffix in ("", "-wal", "-shm"):
        (folder / f"chain.sqlite{suffix}").unlink(missing_ok=True)
    shutil.copy(other / "chain.sqlite", folder / "chain.sqlite")
    report = audit(folder)
    assert "chain.other" in report.by_kind
    assert any(f.id.startswith("payload.not-anchored") for f in report.findings)


def test_audit_finds_a_match_that_the_rules_do_not_give(folder):
    """The matcher's key is misused: the contract cannot know, the audit can."""
    with Ledger.open(folder) as ledger:
        matcher = ledger.matcher
        matched = next(t for t in ledger.trades(limit=50).items if t.verdict == "MISMATCHED")
        with ledger.vault.transaction() as connection:
            lists = ledger.register.lists(connection)
            documents = next(
                d for d in (ledger.register.by_list(connection, each) for each in lists)
                if f"sm3:{d.trade.hex()}" == matched.id
            )  # fmt: skip
        honest = matcher.evaluate(documents)
        lie = replace(honest, result=replace(honest.result, verdict=Verdict.INCOMPLETE))
        ledger.submit(matcher._composer.compose([matcher._part(documents, lie)]).to_wire())
    report = audit(folder)
    assert dict(report.by_kind) == {"match.verdict": 1}


def test_audit_finds_a_payload_replaced_by_somebody_with_the_master_key(folder):
    """Correctly encrypted under its own row: only the digest on chain gives it away."""
    with Ledger.open(folder) as ledger:
        stored = ledger.vault.everything().__next__()[1][0]
        label = encode_label(
            stored.submission_id, stored.index, stored.digest, stored.kind, stored.author, b"".join(stored.lots), None
        )
        payload = dict(stored.payload) | {"name": {"zh": "另一家", "en": "Another"}}
        (envelope,) = ledger.vault.sealer.seal_records([(label, stored.seed, encode_payload(payload))])
        with ledger.vault.transaction() as connection:
            connection.execute(
                text("UPDATE records SET wrapped_key = :key, body = :body WHERE digest = :digest"),
                {"key": envelope.wrapped_key, "body": envelope.body, "digest": stored.digest},
            )
    report = audit(folder)
    assert "payload.record" in report.by_kind
    assert any(stored.digest.hex() in finding.where for finding in report.findings)


# ------------------------------------------------------------------------------------------------ damaged files


def flip(path, rng):
    data = bytearray(path.read_bytes())
    at = rng.randrange(len(data))
    data[at] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return at


def check_flips(sound_folder, tmp_path, name, seed, rounds):
    original = dump(sound_folder)
    rng = random.Random(seed)
    silent = []
    for round_ in range(rounds):
        copy = tmp_path / f"flip{round_}"
        shutil.copytree(sound_folder, copy)
        at = flip(copy / name, rng)
        if audit(copy).sound:
            try:
                same = dump(copy) == original
            except sqlite3.Error:
                same = False
            if not same:
                silent.append(at)
        shutil.rmtree(copy)
    assert silent == [], "these bytes change what the file says, and the audit did not see it"


@pytest.mark.parametrize("name", FILES)
def test_byte_flip_is_found_or_changes_no_answer(sound_folder, tmp_path, name):
    check_flips(sound_folder, tmp_path, name, seed=1, rounds=5)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_many_byte_flips_are_found_or_change_no_answer(sound_folder, tmp_path, name):
    check_flips(sound_folder, tmp_path, name, seed=2, rounds=80)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\x00" + bytes(4096)])
def test_audit_reports_a_ruined_file_instead_of_failing(folder, name, content):
    for suffix in ("-wal", "-shm"):
        (folder / f"{name}{suffix}").unlink(missing_ok=True)
    (folder / name).write_bytes(content)
    report = audit(folder)
    assert not report.sound


@pytest.mark.parametrize("name", FILES)
def test_audit_reports_a_missing_file_instead_of_failing(folder, name):
    (folder / name).unlink()
    assert not audit(folder).sound


def test_audit_finds_anchors_of_another_ledger(folder):
    value = json.loads((folder / "anchors.json").read_text())
    value["genesis"] = "0x" + "00" * 32
    (folder / "anchors.json").write_text(json.dumps(value))
    assert "config.file" in audit(folder).by_kind
    (folder / "anchors.json").write_text("{")
    assert "config.file" in audit(folder).by_kind
