"""Customs cross-border e-commerce messages (CEB 2022-05): parse, check, emit, answer, all from tables.

Every export message, the import core, their answers, CEB792 and CEB900. `parse_message` reads bytes;
`node_from_payload` reads a sealed record back; `compose_message` and `emit_message` write messages in schema order;
`receipt_message` writes the customs-style answer and `format_error_message` CEB900; `parse_envelope` and
`write_envelope` are the e-port's DxpMsg. The manual is docs/customs.md.
"""

from __future__ import annotations

from ledger.documents.ceb.answers import (
    ACCEPTED,
    REJECTED,
    STORED,
    Answer,
    format_error_message,
    receipt_message,
    status_words,
)
from ledger.documents.ceb.dxp import DxpMessage, is_envelope, parse_envelope, write_envelope
from ledger.documents.ceb.emit import compose_message, emit_message, new_guid, node_from_payload
from ledger.documents.ceb.model import BusinessNode, CebMessage, Defect, Extension
from ledger.documents.ceb.parse import parse_message
from ledger.documents.ceb.schema import customs_currency, iso_currency

__all__ = [
    "ACCEPTED",
    "REJECTED",
    "STORED",
    "Answer",
    "BusinessNode",
    "CebMessage",
    "Defect",
    "DxpMessage",
    "Extension",
    "compose_message",
    "customs_currency",
    "emit_message",
    "format_error_message",
    "is_envelope",
    "iso_currency",
    "new_guid",
    "node_from_payload",
    "parse_envelope",
    "parse_message",
    "receipt_message",
    "status_words",
    "write_envelope",
]
