"""The audit: walks from genesis and trusts nothing that the server says about itself. See docs/audit.md."""

from typing import TYPE_CHECKING, Any

from ledger.services.audit.findings import AuditReport, Finding, render_text

if TYPE_CHECKING:
    from ledger.services.audit.run import audit

__all__ = ["AuditReport", "Finding", "audit", "render_text"]


def __getattr__(name: str) -> Any:
    """`audit` on use: whoever reads or verifies a report needs neither engine nor database."""
    if name == "audit":
        from ledger.services.audit.run import audit

        return audit
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
