"""Matching trades and sealing the verdict: the matcher reads the documents, the chain keeps only digests and outcome.

The rules live in `ledger.documents.matching`; who signed what is judged by the contract. A verdict other than MATCHED
may be followed by another once documents change; MATCHED is final.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ledger.crypto.digest import sm3_text
from ledger.documents.ceb import node_from_payload
from ledger.documents.matching import MatchResult, current_policy, match
from ledger.services.compose import Composer, Part
from ledger.services.trade_register import TradeDocuments
from ledger.vault import StoredRecord

ReadRecord = Callable[[bytes], StoredRecord]


def evaluate(documents: TradeDocuments, read: ReadRecord) -> tuple[MatchResult, dict[str, Any] | None]:
    """Match one trade's documents under the current policy; also the payload of its latest goods link, if any."""

    def node(digest: bytes | None) -> Any:
        if digest is None:
            return None
        record = read(digest)
        return node_from_payload(record.kind, record.payload)

    link = dict(read(documents.links[-1]).payload) if documents.links else None
    result = match(
        node(documents.order),
        node(documents.receipt),
        node(documents.waybill),
        node(documents.inventory),
        current_policy(),
        link=link,
    )
    return result, link


def match_part(composer: Composer, documents: TradeDocuments, read: ReadRecord) -> Part:
    """The trade.match record and RECORD_MATCH operation for one trade, to be signed by the matcher."""
    result, link = evaluate(documents, read)
    names = {
        "order": documents.order,
        "receipt": documents.receipt,
        "waybill": documents.waybill,
        "list": documents.inventory,
    }
    payload = {
        **result.payload(),
        "trade": sm3_text(documents.trade),
        "documents": {name: sm3_text(digest) for name, digest in names.items() if digest is not None},
    }
    if link is not None:
        payload["lines"] = link["lines"]
    return composer.part("trade.match", payload)
