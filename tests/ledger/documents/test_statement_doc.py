"""docs/statement.md: its worked example is the golden vector, byte for byte, and the vector is what the library makes.

Run this file as a script to print the example for pasting between the document's markers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import plain_oracle as oracle
import pytest

from ledger.crypto.sm2 import PublicKey
from ledger.documents import statement, submission
from ledger.domain import action as act
from ledger.domain.ids import lot_id, member_id

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "statement.md"
VECTORS = ROOT / "tests" / "vectors" / "statement"
BEGIN, END = "<!-- example: begin -->\n", "<!-- example: end -->"


def first(name: str) -> dict[str, Any]:
    case: dict[str, Any] = json.loads((VECTORS / name).read_text(encoding="utf-8"))["vectors"][0]
    return case


RECORD, SUBMISSION = first("records.json"), first("submissions.json")


def render() -> str:
    """The example's text: every input of every hash in hexadecimal."""
    lines: list[str] = []

    def put(name: str, value: bytes | str) -> None:
        lines.append(f"{name:<12} {value.hex() if isinstance(value, bytes) else value}")

    author, seed = bytes.fromhex(RECORD["author"]), bytes.fromhex(RECORD["seed"])
    lines.append("canonical payload")
    lines.append(RECORD["canonical"])
    lines.append("")
    put("kind", RECORD["kind"])
    put("author", author)
    put("lot", RECORD["lots"][0])
    put("seed", seed)
    commitments = []
    for index, field in enumerate(RECORD["fields"]):
        lines.append("")
        lines.append(f"leaf {index}")
        path, value = oracle.jcs(field["path"]).encode(), oracle.jcs(field["value"]).encode()
        salt = oracle.sm3(b"originseal/salt/v1" + seed + oracle.u32(index))[:16]
        hashed = b"originseal/field/v1" + oracle.lp(path) + oracle.lp(salt) + oracle.lp(value)
        put("path", path.decode())
        put("value", value.decode())
        put("salt", salt)
        put("hashed", hashed)
        put("commitment", oracle.sm3(hashed))
        put("leaf hash", oracle.sm3(b"\0" + oracle.sm3(hashed)))
        commitments.append(oracle.sm3(hashed))
    root = oracle.merkle_root(commitments)
    lines.append("")
    lines.append("record")
    put("field root", root)
    kind = RECORD["kind"].encode()
    lots = b"".join(map(bytes.fromhex, RECORD["lots"]))
    count = oracle.u32(len(commitments))
    framed = oracle.lp(kind) + oracle.lp(author) + oracle.u32(len(RECORD["lots"])) + lots + count + root
    put("hashed", b"originseal/record/v1" + framed)
    put("digest", oracle.sm3(b"originseal/record/v1" + framed))
    lines.append("")
    lines.append("submission")
    put("chain id", str(SUBMISSION["chainId"]))
    put("contract", SUBMISSION["submissions"])
    put("root", SUBMISSION["root"])
    put("operation", f"{SUBMISSION['operations'][0]['kind']} {SUBMISSION['operations'][0]['data']}")
    for name, key in (
        ("action", "actionDigest"),
        ("domain", "domain"),
        ("meta", "meta"),
        ("message", "message"),
        ("public key", "publicKey"),
        ("Z = key id", "z"),
        ("e", "e"),
        ("signature", "signature"),
        ("submission", "submissionId"),
        ("accumulator", "accumulator"),
    ):
        put(name, SUBMISSION[key])
    return "```text\n" + "\n".join(lines) + "\n```\n"


def test_example_in_the_document_is_the_golden_vector() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    assert text.split(BEGIN)[1].split(END)[0] == render()


def test_document_names_every_tag_and_limit_that_the_code_uses() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for tag in (statement.SALT_TAG, statement.FIELD_TAG, statement.RECORD_TAG, act.DOMAIN_TAG, act.ACTION_TYPE):
        assert tag.decode() in text
    for limit in (submission.MAX_RECORDS, submission.MAX_OPERATIONS, statement.MAX_LOTS, submission.FORMAT):
        assert (f"{limit:,}" if isinstance(limit, int) else limit) in text


def test_library_makes_the_submission_vector(vectors: Any) -> None:
    (case,) = vectors("statement/submissions.json")["vectors"]
    record = statement.commit(
        RECORD["kind"],
        bytes.fromhex(RECORD["author"]),
        [bytes.fromhex(lot) for lot in RECORD["lots"]],
        RECORD["payload"],
        bytes.fromhex(RECORD["seed"]),
    )
    lot = bytes.fromhex(RECORD["lots"][0])
    operation = act.register_lot(lot, record.digest, 1_200_000, 1)
    assert operation.data.hex() == case["operations"][0]["data"]
    made = submission.action_of([record], [operation])
    assert made.root.hex() == case["root"] == oracle.merkle_root([record.digest]).hex()
    assert [(e.lot_id.hex(), e.root.hex(), e.count) for e in made.lots] == [
        (e["lotId"], e["root"], e["count"]) for e in case["lots"]
    ]
    assert made.digest.hex() == case["actionDigest"]
    domain = act.domain(case["chainId"], case["submissions"])
    assert domain.hex() == case["domain"]
    meta = act.Meta(case["nonce"], case["expiry"], 1)
    assert meta.encode().hex() == case["meta"]
    message = act.message(domain, made.digest, meta)
    assert message.hex() == case["message"] and len(message) == 87
    key = PublicKey.from_point(bytes.fromhex(case["publicKey"]))
    evidence = key.verify(message, bytes.fromhex(case["signature"]))
    assert (key.key_id.hex(), evidence.e.hex()) == (case["z"], case["e"])
    name = act.submission_id(key.key_id, case["nonce"], made.digest)
    assert name.hex() == case["submissionId"]
    assert act.fold(bytes(32), made.root, 1, name).hex() == case["accumulator"]
    wire = {
        "format": submission.FORMAT,
        "keyId": "sm3:" + case["z"],
        "meta": case["meta"],
        "signature": case["signature"],
        "operations": [{"kind": 1, "data": "0x" + case["operations"][0]["data"]}],
        "records": [
            {
                "kind": RECORD["kind"],
                "lots": ["sm3:" + lot.hex()],
                "seed": RECORD["seed"],
                "payload": RECORD["payload"],
            }
        ],
    }
    assert submission.check(wire, domain, key, record.author).submission_id == name


@pytest.mark.parametrize(
    ("made", "vector"),
    [
        (lambda: member_id("91440900MA4UKXYJ8R"), lambda: RECORD["author"]),
        (lambda: lot_id("06901234567892", "MM-LZ-20260610"), lambda: RECORD["lots"][0]),
    ],
)
def test_ids_in_the_example_follow_the_documented_rule(made: Any, vector: Any) -> None:
    assert made().hex() == vector()


if __name__ == "__main__":
    sys.stdout.write(render())
