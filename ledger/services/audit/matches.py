"""Sealed matches once more: the documents are read from the payload store and the rules of the policy applied again.

Follows the chain in order, because a match may only use what was sealed before it. A verdict that the contract itself
turned down (rule C1) is repeated without that rule. Does not judge documents that were erased: it says so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

from ledger.crypto.digest import sm3_text
from ledger.documents.ceb import BusinessNode, node_from_payload
from ledger.documents.matching import MatchResult, Register, current_policy, match
from ledger.domain import action as act
from ledger.errors import OriginSealError
from ledger.services.audit.findings import Findings
from ledger.services.audit.spans import Checked
from ledger.vault.reader import VaultReader
from ledger.vault.sealing import Sealer

RECORD_MATCH = 17
CONTRACT_RULE = "C1"  # added by ledger.services.trades when the contract refused the goods
ORDER, RECEIPT, WAYBILL, LINK = "ceb.303", "ceb.403", "ceb.505", "trade.link"


def noted(sealer: Sealer, kind: str, digest: bytes, payload: Mapping[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    """(tag, digest) if a match may ask for this document by the number it names. Tags are keyed: no number is kept."""
    head = payload if kind == LINK else payload.get("head")
    if not isinstance(head, Mapping):
        return
    if kind in (LINK, RECEIPT, ORDER):
        yield _tag(sealer, kind, head.get("ebcCode"), head.get("orderNo")), digest
    elif kind == WAYBILL:
        yield _tag(sealer, kind, head.get("logisticsCode"), head.get("logisticsNo")), digest


def _tag(sealer: Sealer, kind: str, code: object, number: object) -> bytes:
    return sealer.mac("audit", kind, str(code), str(number))


class Matches:
    """Remembers in `db` which documents name which number, and repeats each match when it comes."""

    def __init__(self, vault: VaultReader, findings: Findings, db: sqlite3.Connection) -> None:
        self._vault = vault
        self._findings = findings
        self._db = db

    def follow(self, checked: Checked) -> None:
        """Repeat the matches of the next submission and take note of its documents."""
        for each in checked.matches:
            op = act.decode_operation(act.Operation(RECORD_MATCH, each.operation))
            assert isinstance(op, act.RecordMatch)
            self._repeat(op, each.payload)
        for tag, digest in checked.notes:
            self._db.execute("INSERT INTO note SELECT ?1, count(*), ?2 FROM note WHERE tag = ?1", (tag, digest))

    def _named(self, kind: str, code: object, number: object) -> list[bytes]:
        """Digests of the documents of this kind under this number, in the order of the chain."""
        tag = _tag(self._vault.sealer, kind, code, number)
        return [row[0] for row in self._db.execute("SELECT digest FROM note WHERE tag=? ORDER BY ordinal", (tag,))]

    def _repeat(self, op: act.RecordMatch, payload: Mapping[str, Any]) -> None:
        where = f"trade {sm3_text(op.trade_id)}"
        self._findings.count("matches")
        if payload.get("policyVersion") != current_policy().version:
            self._findings.count("matches under older policies, not repeated")
            return
        try:
            expected = [self._result(op, payload, receipts) for receipts in self._possible_receipts(op)]
        except OriginSealError as error:
            self._findings.add("match.documents", where, error.message)
            return
        rules = [rule for rule in payload.get("rules", ()) if rule.get("id") != CONTRACT_RULE]
        refused = len(rules) != len(payload.get("rules", ()))
        for result in expected:
            again = result.payload()
            verdict = "MISMATCHED" if refused and again["verdict"] == "MATCHED" else again["verdict"]
            if verdict == payload.get("verdict") and list(map(_outcome, again["rules"])) == list(map(_outcome, rules)):
                return
        self._findings.add(
            "match.verdict", where, f"sealed {payload.get('verdict')}, again {expected[0].payload()['verdict']}"
        )

    def _result(self, op: act.RecordMatch, payload: Mapping[str, Any], receipts: list[bytes]) -> MatchResult:
        order, _, waybill, inventory = (self._node(digest) for digest in op.documents)
        link = None
        if "lines" in payload and inventory is not None:
            links = self._named(LINK, *_order_of(inventory))
            link = dict(self._vault.record(links[-1], with_evidence=False).payload) if links else None
        nodes = [node for node in map(self._node, receipts) if node is not None]
        # Rules R1 and R2: each number names one document only, as far as the chain had come.
        register = Register(
            order is None or len(self._named(ORDER, *_order_of(order))) <= 1,
            waybill is None or len(self._named(WAYBILL, waybill.head.get("logisticsCode", ""), _number(waybill))) <= 1,
        )
        return match(order, nodes, waybill, inventory, current_policy(), link=link, register=register)

    def _possible_receipts(self, op: act.RecordMatch) -> list[list[bytes]]:
        """All receipts of the order sealed before, or (when more arrived meanwhile) only the one that is named."""
        named = [op.documents[1]] if any(op.documents[1]) else []
        inventory = self._node(op.documents[3])
        known = self._named(RECEIPT, *_order_of(inventory)) if inventory is not None else []
        return [known, named] if known != named else [named]

    def _node(self, digest: bytes) -> BusinessNode | None:
        if not any(digest):
            return None
        record = self._vault.record(digest, with_evidence=False)
        return node_from_payload(record.kind, record.payload)


def _order_of(node: BusinessNode) -> tuple[str, str]:
    return node.head.get("ebcCode", ""), node.head.get("orderNo", "")


def _outcome(rule: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a rule came to; its wording may improve without another policy."""
    return rule.get("id"), rule.get("severity"), rule.get("outcome")


def _number(waybill: BusinessNode) -> str:
    return waybill.head.get("logisticsNo", "")
