"""Customs messages at the door: what a CEB message is worth before anybody seals it, and the receipt it earns.

`check_message` stores nothing: it parses leniently, names every deviation and answers per business node as the official
receipts do (CEB304, 404, 506, 604 and so on, for every declaration). Sealing needs the strict form, the exact message,
and the issuer's signature: the code that a document names as its issuer must be the author's own unified social credit
code.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ledger.documents.ceb import (
    ACCEPTED,
    REJECTED,
    Answer,
    BusinessNode,
    CebMessage,
    Defect,
    parse_message,
    receipt_message,
    status_words,
)
from ledger.documents.ceb.schema import schema_of_kind
from ledger.documents.statement import Record
from ledger.domain.members import check_uscc, member_id
from ledger.errors import Malformed, NotAuthorised, RecordsRefused
from ledger.vault import StoredRecord

# Whose statement a document is: one of these elements must name the author of the submission.
ISSUERS = {
    "ceb.303": ("ebcCode", "ebpCode"),
    "ceb.403": ("ebcCode", "payCode"),
    "ceb.505": ("logisticsCode",),
    "ceb.603": ("ebcCode", "agentCode"),
}
LINK, LINK_ISSUERS = "trade.link", ("ebcCode",)  # only the seller knows which lots it filled its order from
REASONS_IN_INFO = 5  # returnInfo has 1000 characters; the JSON answer lists them all


@dataclass(frozen=True, slots=True)
class CebReport:
    """What became of one customs message; `nodes` are JSON-able, one per business node, in document order."""

    message_type: str
    guid: str
    sealed: bool
    defects: tuple[dict[str, str], ...]
    nodes: tuple[dict[str, Any], ...]
    receipt_xml: bytes | None

    def sealed_with(self, submission_id: str) -> CebReport:
        """The same report after sealing."""
        nodes = tuple({**node, "submissionId": submission_id} for node in self.nodes)
        return replace(self, sealed=True, nodes=nodes)


def check_message(data: bytes, *, now: float | None = None) -> CebReport:
    """Parse leniently and judge each node. Raises Malformed (HostileXml) for what cannot be read at all."""
    return report(parse_message(data, mode="lenient"), now=time.time() if now is None else now)


def report(message: CebMessage, *, now: float) -> CebReport:
    """The report of a parsed message: 120 for a node without errors, 100 with the reasons otherwise."""
    answers, nodes = [], []
    for number, node in enumerate(message.nodes, 1):
        errors = [d for d in message.errors if _concerns(d, number)]
        status = REJECTED if errors else ACCEPTED
        answers.append(Answer(node, status, _info(status, errors)))
        nodes.append(_node(node, status, errors))
    receipt = None
    if schema_of_kind(message.nodes[0].kind).answer is not None:
        receipt = receipt_message(answers, time_ms=int(now * 1000))
    return CebReport(
        message_type=message.message_type,
        guid=message.guid,
        sealed=False,
        defects=tuple(defect.as_json() for defect in message.defects),
        nodes=tuple(nodes),
        receipt_xml=receipt,
    )


def _concerns(defect: Defect, number: int) -> bool:
    """Whether a defect lies in node `number`, or in the envelope that all nodes share."""
    parts = defect.path.split("/")
    step = parts[2] if len(parts) > 2 else ""
    in_a_node = step.endswith("]")
    return not in_a_node or step.endswith(f"[{number}]")


def _node(node: BusinessNode, status: str, errors: Sequence[Defect]) -> dict[str, Any]:
    return {
        "kind": node.kind,
        "key": " ".join(node.key),
        "digest": node.c14n_digest,
        "status": status,
        "code": errors[0].code if errors else "",
        "reasons": [{"zh": e.message_zh, "en": e.message_en} for e in errors] or [status_words(status)],
    }


def _info(status: str, errors: Sequence[Defect]) -> str:
    words = status_words(status)["zh"]
    return "；".join([words, *(e.message_zh for e in errors[:REASONS_IN_INFO])])


class Messages:
    """The messages of one submission, each parsed once, whatever became of it."""

    def __init__(self, known: Mapping[bytes, CebMessage] | None = None) -> None:
        self._nodes: dict[bytes, dict[str, BusinessNode] | Malformed] = {
            data: _by_digest(message) for data, message in (known or {}).items()
        }

    def require(self, records: Sequence[Record | StoredRecord]) -> None:
        """Every customs document must be a business node of the exact message that came with it (strict form).

        Raises RecordsRefused naming each one that is not: what a document says is what its issuer would have filed.
        """
        problems = []
        for index, record in enumerate(records):
            if record.kind not in ISSUERS:
                continue
            try:
                self._require(record)
            except Malformed as error:
                problems.append({"record": index, "code": error.code, "field": error.field, "reason": error.message})
        if problems:
            raise RecordsRefused(f"{len(problems)} problem(s); nothing was stored", problems)

    def _require(self, record: Record | StoredRecord) -> None:
        if record.evidence is None:
            raise Malformed("a customs document comes with its exact message", field="/evidence")
        nodes = self._nodes.get(record.evidence)
        if nodes is None:
            try:
                nodes = _by_digest(parse_message(record.evidence, mode="strict"))
            except Malformed as error:
                nodes = error
            self._nodes[record.evidence] = nodes
        if isinstance(nodes, Malformed):
            raise Malformed(f"the message cannot be sealed: {nodes.message}", field="/evidence") from nodes
        xml = record.payload.get("xml")
        node = nodes.get(str(xml.get("c14n"))) if isinstance(xml, Mapping) else None
        if node is None or node.kind != record.kind or node.payload() != record.payload:
            raise Malformed("the document is not a business node of its message", field="/payload")


def _by_digest(message: CebMessage) -> dict[str, BusinessNode]:
    return {node.c14n_digest: node for node in message.nodes}


def require_issuer(record: Record) -> None:
    """Raise NotAuthorised unless the document, or the link of an order to lots, names its author as its issuer."""
    link = record.kind == LINK
    names = LINK_ISSUERS if link else ISSUERS.get(record.kind)
    if names is None:
        return
    head = record.payload if link else record.payload.get("head")
    codes = [head.get(name, "") for name in names] if isinstance(head, Mapping) else []
    if record.author not in {_member(code) for code in codes}:
        raise NotAuthorised(
            f"a document of kind {record.kind} is sealed by the company that {' or '.join(names)} names",
            field="/payload/" + ("" if link else "head/") + names[0],
            hint="the code must be the signer's 18-character unified social credit code",
        )


def _member(code: object) -> bytes | None:
    try:
        return member_id(check_uscc(code))
    except Malformed:
        return None  # a 10-digit customs code or a foreign platform: nobody on this ledger


def envelope_wire(
    records: Sequence[tuple[str, Mapping[str, Any]]],
    lots: Sequence[tuple[bytes, ...]],
    envelope: Mapping[str, Any],
    evidence: str | None,
) -> dict[str, Any]:
    """The submission wire form of a foreign message and its signed envelope (`seeds` open the records in order)."""
    seeds = envelope["seeds"]
    if len(seeds) != len(records):
        raise Malformed(f"{len(records)} seeds are needed, one per record", field="OriginSeal-Envelope#/seeds")
    wire_records = []
    for (kind, payload), named, seed in zip(records, lots, seeds, strict=True):
        item: dict[str, Any] = {
            "kind": kind,
            "lots": [f"sm3:{lot.hex()}" for lot in named],
            "seed": seed,
            "payload": payload,
        }
        if evidence is not None:
            item["evidence"] = evidence
        wire_records.append(item)
    return {
        "format": "originseal-submission/v1",
        "keyId": envelope["keyId"],
        "meta": envelope["meta"],
        "signature": envelope["signature"],
        "operations": envelope["operations"],
        "records": wire_records,
    }
