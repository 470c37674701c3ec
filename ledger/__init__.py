"""The OriginSeal library: knows no HTTP. See docs/architecture.md for the layers.

Its public surface is what a stranger needs to check a proof: `verify(parse_bundle(data), parse_anchors(anchors))` gives
evidence or raises VerificationFailed. Everything else is imported from its own package (`ledger.services`, …); nothing
here opens a file, a socket or a database.
"""

from __future__ import annotations

from ledger.errors import Malformed, OriginSealError, Refused, Unavailable, Untrusted, VerificationFailed
from ledger.proof.anchors import Anchors, parse_anchors
from ledger.proof.bundle import Bundle, parse_bundle
from ledger.proof.report import Verified
from ledger.proof.verifier import verify

__version__ = "0.1.0"

__all__ = [
    "Anchors",
    "Bundle",
    "Malformed",
    "OriginSealError",
    "Refused",
    "Unavailable",
    "Untrusted",
    "VerificationFailed",
    "Verified",
    "__version__",
    "parse_anchors",
    "parse_bundle",
    "verify",
]
