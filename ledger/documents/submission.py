"""A submission: one author's records under one Merkle root, one action and one SM2 signature, and its wire form.

    action     root over the record digests, each named lot with the root over the records that name it, operations
    message    domain(32) ‖ action digest(32) ‖ meta(23), signed with SM2-with-SM3 and the default user ID

`check` trusts nothing it is given but payloads and seeds: digests, roots and lot entries are recomputed. It does not
judge what payloads say or which operations they call for (`ledger.services`), nor whether the key may write (the
contracts). Wire form: "originseal-submission/v1", docs/statement.md.
"""

from __future__ import annotations

import base64
import binascii

from ledger.crypto.digest import parse_sm3, sm3_text
from ledger.documents.statement import SEED_BYTES, Record, commit
from ledger.domain.action import (
    META_LENGTH,
    Action,
    LotEntry,
    Meta,
    Operation,
    lot_entries,
    message,
    submission_id,
)
from ledger.errors import Malformed, OriginSealError, RecordsRefused
from ledger.merkle.tree import Tree, merkle_root
from ledger.values import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ledger.crypto.ports import Signer
    from ledger.crypto.sm2 import PublicKey, VerifiedSignature

FORMAT = "originseal-submission/v1"
MAX_RECORDS = 10_000  # per submission: about 50 ms of hashing per thousand
MAX_OPERATIONS = 1_000
MAX_OPERATION_BYTES = 64 * 1024
MAX_EVIDENCE_BYTES = 4 << 20  # one customs message
MAX_PROBLEMS = 100  # bad records named one by one; the rest are counted
_ENVELOPE = frozenset(("format", "keyId", "meta", "signature", "operations", "records"))
_RECORD, _EVIDENCE = frozenset(("kind", "lots", "seed", "payload")), frozenset(("evidence",))
_OPERATION, _NOTHING = frozenset(("kind", "data")), frozenset[str]()


@dataclass(frozen=True, slots=True)
class SignedSubmission:
    """What a member sends: its records, opened, with one signature over the action they make."""

    key_id: bytes
    meta: Meta
    signature: bytes
    action: Action
    records: tuple[Record, ...]
    submission_id: bytes

    def to_wire(self) -> dict[str, Any]:
        """The JSON value of "originseal-submission/v1". Holds payloads and seeds: for the ledger's eyes only."""
        return {
            "format": FORMAT,
            "keyId": sm3_text(self.key_id),
            "meta": self.meta.encode().hex(),
            "signature": self.signature.hex(),
            "operations": [{"kind": each.kind, "data": "0x" + each.data.hex()} for each in self.action.operations],
            "records": [_record_to_wire(record) for record in self.records],
        }


@dataclass(frozen=True, slots=True)
class CheckedSubmission:
    """Evidence that these records are what the key signed: everything in it was recomputed or verified."""

    records: tuple[Record, ...]
    action: Action
    meta: Meta
    submission_id: bytes
    message: bytes
    evidence: VerifiedSignature
    member_id: bytes

    @property
    def key_id(self) -> bytes:
        """The id of the key that signed."""
        return self.evidence.key.key_id

    @property
    def signature(self) -> bytes:
        """The verified signature, r‖s."""
        return self.evidence.signature

    def tree(self) -> Tree:
        """The tree over all record digests, for inclusion proofs."""
        return Tree([record.digest for record in self.records])


def build(
    records: Sequence[Record],
    operations: Sequence[Operation],
    signer: Signer,
    domain: bytes,
    *,
    nonce: int,
    expiry: int,
) -> SignedSubmission:
    """Sign records and operations as one submission; `nonce` is used once per key, `expiry` is in Unix seconds.

    Raises Malformed for records of several authors or none, SignatureRejected when the signer's signature does not
    verify (a device set to another user ID, for instance).
    """
    if len({record.author for record in records}) > 1:
        raise Malformed("one submission has one author", field="/records")
    action = action_of(records, operations)
    meta = Meta(nonce, expiry, action.count)
    digest = action.digest
    signed = message(domain, digest, meta)
    signature = signer.sign(signed)
    signer.public.verify(signed, signature)
    key_id = signer.public.key_id
    return SignedSubmission(key_id, meta, signature, action, tuple(records), submission_id(key_id, nonce, digest))


def action_of(records: Sequence[Record], operations: Sequence[Operation]) -> Action:
    """The action that these records and operations make; raises Malformed when there are no records."""
    if not records:
        raise Malformed("a submission has at least one record", field="/records")
    digests = [record.digest for record in records]
    lots = lot_entries([(record.digest, record.lots) for record in records])
    entries = tuple(LotEntry(lot, merkle_root(named), len(named)) for lot, named in lots.items())
    return Action(merkle_root(digests), len(digests), entries, tuple(operations))


def check(
    submission: Mapping[str, Any] | SignedSubmission, domain: bytes, public_key: PublicKey, author: bytes
) -> CheckedSubmission:
    """Recompute a submission from its wire form and verify its signature under `author`'s key.

    Raises Malformed when the envelope is unusable, RecordsRefused naming EVERY bad record, SignatureRejected when the
    key did not sign exactly this.
    """
    wire = submission.to_wire() if isinstance(submission, SignedSubmission) else submission
    _members(wire, _ENVELOPE, _NOTHING, "")
    if wire["format"] != FORMAT:
        raise Malformed(f"expected the format {FORMAT}", field="/format")
    if parse_sm3(wire["keyId"], field="/keyId") != public_key.key_id:
        raise Malformed("the submission names another key", field="/keyId")
    meta = Meta.decode(_hex(wire["meta"], META_LENGTH, "/meta"))
    signature = _hex(wire["signature"], 64, "/signature")
    operations = _operations(wire["operations"])
    records = _records(wire["records"], author)
    if meta.count != len(records):
        raise Malformed(f"the signed meta counts {meta.count} records, not {len(records)}", field="/meta")
    action = action_of(records, operations)
    digest = action.digest
    signed = message(domain, digest, meta)
    evidence = public_key.verify(signed, signature)
    name = submission_id(public_key.key_id, meta.nonce, digest)
    return CheckedSubmission(tuple(records), action, meta, name, signed, evidence, author)


# -------------------------------------------------------------------------------------------------------- wire form


def _record_to_wire(record: Record) -> dict[str, Any]:
    value: dict[str, Any] = {
        "kind": record.kind,
        "lots": [sm3_text(lot) for lot in record.lots],
        "seed": record.seed.hex(),
        "payload": record.payload,
    }
    if record.evidence is not None:
        value["evidence"] = base64.b64encode(record.evidence).decode("ascii")
    return value


def _records(value: object, author: bytes) -> list[Record]:
    if not isinstance(value, list) or not value:
        raise Malformed("a submission has at least one record", field="/records")
    if len(value) > MAX_RECORDS:
        raise Malformed(f"a submission has at most {MAX_RECORDS} records", field="/records")
    records: list[Record] = []
    seen: set[bytes] = set()
    problems: list[dict[str, Any]] = []
    bad = 0
    messages: dict[str, bytes] = {}
    for index, item in enumerate(value):
        try:
            record = _record(item, author, messages)
            if record.digest in seen:
                raise Malformed("the same record stands twice in this submission")
            seen.add(record.digest)
            records.append(record)
        except OriginSealError as error:
            bad += 1
            if len(problems) < MAX_PROBLEMS:
                problems.append(_problem(index, error))
    if bad:
        raise RecordsRefused(f"{bad} of {len(value)} records were refused; nothing was stored", problems, refused=bad)
    return records


def _problem(index: int, error: OriginSealError) -> dict[str, Any]:
    return {"record": index, "code": error.code, "field": error.field, "reason": error.message}


def _record(value: object, author: bytes, messages: dict[str, bytes]) -> Record:
    item = _members(value, _RECORD, _EVIDENCE, "")
    kind, lots = item["kind"], item["lots"]
    if not isinstance(kind, str):
        raise Malformed("a record's kind is text", field="/kind")
    if not isinstance(lots, list):
        raise Malformed("lots is an array of lot ids", field="/lots")
    try:
        seed = _hex(item["seed"], SEED_BYTES, "/seed")
    except Malformed as error:  # never show what was sent: a seed is a secret
        raise Malformed(f"a seed is {2 * SEED_BYTES} lower-case hexadecimal digits", field="/seed") from error
    named = [parse_sm3(lot, field=f"/lots/{at}") for at, lot in enumerate(lots)]
    evidence = _evidence(item["evidence"], messages) if "evidence" in item else None
    try:
        return commit(kind, author, named, item["payload"], seed, evidence=evidence)
    except Malformed as error:
        where = error.field or ""
        error.field = "/" + where if where in ("kind", "lots") else "/payload" + where
        raise


def _evidence(value: object, messages: dict[str, bytes]) -> bytes:
    """The message of a record; many records may have come in one, so equal texts share one object."""
    if not isinstance(value, str) or len(value) > MAX_EVIDENCE_BYTES * 4 // 3 + 4:
        raise Malformed(f"evidence is base64 of at most {MAX_EVIDENCE_BYTES} bytes", field="/evidence")
    known = messages.get(value)
    if known is None:
        try:
            known = base64.b64decode(value.encode("ascii"), validate=True)
        except (binascii.Error, ValueError) as error:
            raise Malformed("evidence is not base64", field="/evidence") from error
        messages[value] = known
    return known


def _operations(value: object) -> list[Operation]:
    if not isinstance(value, list) or len(value) > MAX_OPERATIONS:
        raise Malformed(f"operations is an array of at most {MAX_OPERATIONS}", field="/operations")
    operations = []
    for at, item in enumerate(value):
        where = f"/operations/{at}"
        each = _members(item, _OPERATION, _NOTHING, where)
        if type(each["kind"]) is not int or not 0 < each["kind"] < 256:
            raise Malformed("an operation's kind is a whole number from 1 to 255", field=f"{where}/kind")
        data = each["data"]
        if not isinstance(data, str) or not data.startswith("0x"):
            raise Malformed("an operation's data is 0x and hexadecimal digits", field=f"{where}/data")
        operations.append(Operation(each["kind"], _hex(data[2:], None, f"{where}/data")))
    return operations


def _members(value: object, required: frozenset[str], optional: frozenset[str], where: str) -> Mapping[str, Any]:
    if type(value) is not dict:
        raise Malformed("a JSON object is required", field=where)
    if value.keys() != required:
        missing = sorted(required - value.keys())
        unknown = [str(name)[:40] for name in value if name not in required and name not in optional]
        if missing or unknown:
            reason = f"missing: {', '.join(missing)}" if missing else f"unknown: {', '.join(unknown)}"
            raise Malformed(f"not the members this format has; {reason}", field=where)
    return value


def _hex(value: object, length: int | None, where: str) -> bytes:
    """The bytes of lower-case hexadecimal text; what writing them again does not give back was written otherwise."""
    limit = MAX_OPERATION_BYTES if length is None else length
    try:
        data = bytes.fromhex(value) if type(value) is str and len(value) <= 2 * limit else None
    except ValueError:
        data = None
    if data is None or data.hex() != value or (length is not None and len(data) != length):
        size = f"at most {limit}" if length is None else str(length)
        raise Malformed(f"pairs of lower-case hexadecimal digits, {size} bytes, are required", field=where)
    return data
