"""The audit: walks from genesis and trusts nothing that the server says about itself. See docs/audit.md."""

from ledger.services.audit.findings import AuditReport, Finding, render_text
from ledger.services.audit.run import audit

__all__ = ["AuditReport", "Finding", "audit", "render_text"]
