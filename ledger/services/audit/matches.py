"""Sealed matches once more: the documents are read from the payload store and the rules of the policy applied again.

Follows the chain in order, because a match may only use what was sealed before it. A verdict that the contract itself
turned down (rule C1) is repeated without that rule. Does not judge documents that were erased: it says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ledger.crypto.digest import sm3_text
from ledger.documents.ceb import BusinessNode, node_from_payload
from ledger.documents.matching import MatchResult, Register, current_policy, match
from ledger.documents.statement import Record
from ledger.domain import action as act
from ledger.errors import OriginSealError
from ledger.services.audit.findings import Findings
from ledger.services.audit.history import Accepted
from ledger.vault.reader import VaultReader

RECORD_MATCH = 17
CONTRACT_RULE = "C1"  # added by ledger.services.trades when the contract refused the goods
Key = tuple[str, str]  # ebcCode and orderNo, or logisticsCode and logisticsNo


class Matches:
    """Remembers which receipts and links name which order, and repeats each match when it comes."""

    def __init__(self, vault: VaultReader, findings: Findings) -> None:
        self._vault = vault
        self._findings = findings
        self._receipts: dict[Key, list[bytes]] = {}
        self._links: dict[Key, list[bytes]] = {}
        self._orders: Counter[Key] = Counter()
        self._waybills: Counter[Key] = Counter()

    def follow(self, accepted: Accepted, records: list[Record]) -> None:
        """Take note of these records and repeat the matches among them."""
        results = {record.digest: record for record in records if record.kind == "trade.match"}
        for operation in accepted.call.action.operations:
            if operation.kind != RECORD_MATCH:
                continue
            try:
                op = act.decode_operation(operation)
            except OriginSealError:
                continue  # the shadow has reported it
            if isinstance(op, act.RecordMatch) and op.result_digest in results:
                self._repeat(op, results[op.result_digest].payload)
        for record in records:
            self._note(record)

    def _note(self, record: Record) -> None:
        head = record.payload if record.kind == "trade.link" else record.payload.get("head")
        if not isinstance(head, Mapping):
            return
        order = str(head.get("ebcCode")), str(head.get("orderNo"))
        if record.kind == "trade.link":
            self._links.setdefault(order, []).append(record.digest)
        elif record.kind == "ceb.403":
            self._receipts.setdefault(order, []).append(record.digest)
        elif record.kind == "ceb.303":
            self._orders[order] += 1
        elif record.kind == "ceb.505":
            self._waybills[str(head.get("logisticsCode")), str(head.get("logisticsNo"))] += 1

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
            links = self._links.get(self._order_of(inventory), [])
            link = dict(self._vault.record(links[-1], with_evidence=False).payload) if links else None
        nodes = [node for node in map(self._node, receipts) if node is not None]
        # Rules R1 and R2: each number names one document only, as far as the chain had come.
        register = Register(
            order is None or self._orders[self._order_of(order)] <= 1,
            waybill is None or self._waybills[waybill.head.get("logisticsCode", ""), _number(waybill)] <= 1,
        )
        return match(order, nodes, waybill, inventory, current_policy(), link=link, register=register)

    def _possible_receipts(self, op: act.RecordMatch) -> list[list[bytes]]:
        """All receipts of the order sealed before, or (when more arrived meanwhile) only the one that is named."""
        named = [op.documents[1]] if any(op.documents[1]) else []
        inventory = self._node(op.documents[3])
        known = self._receipts.get(self._order_of(inventory), []) if inventory is not None else []
        return [known, named] if known != named else [named]

    @staticmethod
    def _order_of(node: BusinessNode) -> Key:
        return node.head.get("ebcCode", ""), node.head.get("orderNo", "")

    def _node(self, digest: bytes) -> BusinessNode | None:
        if not any(digest):
            return None
        record = self._vault.record(digest, with_evidence=False)
        return node_from_payload(record.kind, record.payload)


def _outcome(rule: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a rule came to; its wording may improve without another policy."""
    return rule.get("id"), rule.get("severity"), rule.get("outcome")


def _number(waybill: BusinessNode) -> str:
    return waybill.head.get("logisticsNo", "")
