"""Every declaration that comes to the door is answered in kind; only the documents of a trade can be sealed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ledger.documents.ceb import parse_message
from ledger.documents.ceb.schema import ANSWERS, DECLARATIONS, MESSAGE_TYPES, RESULTS, schema
from ledger.documents.statement import commit
from ledger.errors import Malformed
from ledger.services.customs import check_message
from ledger.services.kinds import DOCUMENT_KINDS, demand

sys.path.insert(0, str(Path(__file__).parents[1] / "documents"))
from ceb_generated import composed, example
from ceb_world import ORDER, changed, message_xml


@pytest.mark.parametrize("message_type", DECLARATIONS)
def test_declaration_is_accepted_and_answered_in_kind(message_type):
    report = check_message(composed(message_type, example(message_type)), now=1_781_312_400)
    assert [(node["kind"], node["status"]) for node in report.nodes] == [(schema(message_type).kind, "120")]
    assert report.receipt_xml is not None and not report.sealed
    assert parse_message(report.receipt_xml, "lenient").message_type == schema(message_type).answer


@pytest.mark.parametrize("message_type", [*ANSWERS, *RESULTS])
def test_answer_is_read_but_not_answered(message_type):
    report = check_message(composed(message_type, example(message_type)))
    assert report.receipt_xml is None and report.nodes[0]["status"] == "120"


def test_faulty_declaration_is_rejected_with_its_reasons():
    report = check_message(message_xml("CEB303", changed(ORDER, currency="840")), now=1_781_312_400)
    (node,) = report.nodes
    assert (node["status"], node["code"]) == ("100", "unknown-code")
    assert "840" in node["reasons"][0]["en"]


@pytest.mark.parametrize("message_type", [t for t in MESSAGE_TYPES if schema(t).kind not in DOCUMENT_KINDS])
def test_sealing_is_refused_when_the_message_is_no_document_of_a_trade(message_type):
    """Among them the import messages, which hold personal data."""
    (node,) = parse_message(composed(message_type, example(message_type))).nodes
    with pytest.raises(Malformed, match="unknown kind"):
        demand(commit(node.kind, b"\x01" * 32, [], node.payload()), node.payload())
