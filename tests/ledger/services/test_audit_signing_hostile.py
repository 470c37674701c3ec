"""PDF files made to keep a reader of signed reports busy, or to make it fail instead of refusing."""

from __future__ import annotations

import pytest

from ledger.errors import Malformed
from ledger.services.audit.report_signing import sign_pdf, verify
from tests.report_facts import STARTED, signer, sound_facts

KEY = signer()


def minimal(number: bytes) -> bytes:
    """A PDF of one object, the catalogue, called `number` where it stands and 1 in the table."""
    head = b"%PDF-1.4\n"
    body = head + number + b" 0 obj\n<<\n/Type /Catalog\n>>\nendobj\n"
    table = b"xref\n0 2\n0000000000 65535 f \n%010d 00000 n \n" % len(head)
    trailer = b"trailer\n<< /Size 2 /Root 1 0 R /Info 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(body)
    return body + table + trailer


def test_catalogue_is_refused_when_its_number_is_longer_than_any_number() -> None:
    sign_pdf(minimal(b"1"), sound_facts(), KEY, STARTED)
    for number in (b"9" * 5000, b"0" * 5000 + b"1"):
        with pytest.raises(Malformed, match="catalogue"):
            sign_pdf(minimal(number), sound_facts(), KEY, STARTED)


def test_trailer_is_not_searched_for_when_a_file_is_full_of_beginnings() -> None:
    # Searching would take minutes: every beginning can go on for thousands of characters.
    with pytest.raises(Malformed, match="cross-reference"):
        verify(b"%PDF-1.4\n" + b"trailer\n<<" * 1_000_000 + b"\nstartxref\n9\n%%EOF\n")
