"""Whose signature is it: a signed report against what its reader already trusts.

A signature that holds says only that some key signed. Who holds the key must come from elsewhere: a public key or key
id that the reader got from the auditor, or the ledger's anchors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger.crypto.sm2 import PublicKey
from ledger.errors import BadKey, Malformed, VerificationFailed
from ledger.proof.anchors import Anchors
from ledger.proof.text import digest
from ledger.services.audit.report_file import read_report, report_id
from ledger.services.audit.report_signing import SignedReport

MAX_PEM_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Vouched:
    """Evidence about a signed report. `by` says who named the key: "key", "anchors" or nobody ("")."""

    signed: SignedReport
    by: str
    name: str
    pages_match: bool | None  # the PDF's pages are what this program makes of the attached report; None for JSON

    def to_json(self) -> dict[str, Any]:
        """The evidence for machines."""
        signed, report = self.signed, self.signed.report
        return {
            "form": signed.form,
            "keyId": signed.key_id,
            "publicKey": signed.public.point.hex(),
            "signedDigest": f"sm3:{signed.digest.hex()}",
            "signedAt": signed.signed_at,
            "vouchedBy": self.by or None,
            "name": self.name,
            "pagesMatchReport": self.pages_match,
            "report": {
                "id": report_id(report),
                "result": report.get("result"),
                "chainId": report.get("chainId"),
                "genesis": report.get("genesis"),
                "head": report.get("head"),
                "findings": sum(report.get("findingsByKind", {}).values()),
            },
        }


def parse_key(text: str, pem: bytes | None) -> bytes:
    """The key id that a reader trusts: sm3:… as text, or a public key file's content."""
    if pem is None:
        return digest(text, "--key")
    try:
        return PublicKey.from_spki_pem(pem[: MAX_PEM_BYTES + 1]).key_id
    except BadKey as error:
        raise Malformed(error.message, field="--key") from error


def vouch(signed: SignedReport, key: bytes | None = None, anchors: Anchors | None = None) -> Vouched:
    """Hold a signed report against a key id and the ledger's anchors, where given.

    Raises VerificationFailed (step key) for another key, (step anchors) for a report about another ledger.
    """
    report = read_report(signed.report)
    if key is not None and key != signed.public.key_id:
        raise VerificationFailed(f"signed by {signed.key_id}, not by the key that was given", step="key")
    by, name = ("", "") if key is None else ("key", "")
    if anchors is not None:
        if (report.chain_id, report.genesis) != (anchors.chain_id, f"0x{anchors.genesis.hex()}"):
            raise VerificationFailed("the report is about another ledger than the anchors", step="anchors")
        known = anchors.checkpoint_keys.get(signed.public.key_id)
        witness = anchors.witnesses.get(signed.public.key_id)
        if known is not None or witness is not None:
            by = by or "anchors"
            name = f"{witness.name_zh} {witness.name_en}" if witness is not None else known.name if known else ""
    return Vouched(signed, by, name, _pages_match(signed))


def _pages_match(signed: SignedReport) -> bool | None:
    if signed.pages is None:
        return None
    from ledger.services.audit.report_pdf import render_pdf  # on use: needed for a PDF only

    return render_pdf(signed.report, signed.key_id) == signed.pages
