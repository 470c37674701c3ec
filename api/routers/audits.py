"""For whoever wants to know whether the ledger was audited: the page about it, and the filed reports. Read-only."""

from __future__ import annotations

import time
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.context import ContextDep, LanguageDep, LedgerDep
from api.documented import problems
from api.problems import HttpProblem
from api.responses import Rendered, send
from api.routers.public import HTML, PAGE_VARY
from ledger.services import audit_archive

router = APIRouter(tags=["public"])
SHOWN = 12  # reports listed on the page
# A report never changes under its name, but old ones are forgotten; a browser may keep it for a day.
ONE_DAY = "public, max-age=86400"
# A report is one self-contained page with its style inside; it may load and run nothing.
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox"
)
FORMS: dict[int | str, dict[str, Any]] = {
    200: {"content": {media_type.partition(";")[0]: {} for media_type in audit_archive.FORMS.values()}}
}


@router.get("/audit", response_class=Response, responses=HTML)
def audit(request: Request, context: ContextDep, ledger: LedgerDep, language: LanguageDep) -> Response:
    """The latest checkpoint, the last audits and everything needed to check the chain oneself."""
    # Not cached by version: a checkpoint or an audit report may appear without any record changing.
    chosen, explicit = language
    assert context.pages is not None
    rendered = context.pages.render(
        "audit.html",
        chosen,
        explicit,
        "/audit",
        query="",
        checkpoint=ledger.checkpoint(),
        status=ledger.status(),
        audit=_summary(ledger.audit_status()),
        reports=audit_archive.history(context.settings.data, SHOWN),
        now=int(time.time()),
        anchors=ledger.anchors,
    )
    return send(request, rendered, vary=PAGE_VARY, headers={"content-language": chosen})


@router.get("/audit/reports/{name}.{form}", response_class=Response, responses={**FORMS, **problems(400, 404)})
def report(request: Request, context: ContextDep, name: str, form: Literal["json", "html", "pdf"]) -> Response:
    """A filed audit report: its public copy, without details that may hold stored content."""
    found = audit_archive.read(context.settings.data, name, form)
    if found is None:
        raise HttpProblem(404, "there is no such report: old ones are not kept")
    headers = {}
    if form == "html":
        headers["content-security-policy"] = REPORT_POLICY
    if form == "pdf":  # saved rather than shown: the signature is over the file
        headers["content-disposition"] = f'attachment; filename="originseal-audit-{name}.pdf"'
    rendered = Rendered.of(found, audit_archive.FORMS[form])
    return send(request, rendered, vary="Accept-Encoding", cache_control=ONE_DAY, headers=headers)


def _summary(report: dict[str, Any] | None) -> dict[str, Any] | None:
    """The last audit in the form that the page words; all findings are counted, also those not listed."""
    if report is None:
        return None
    findings = report.get("findings") or 0
    listed = len(findings) if isinstance(findings, list) else int(findings)
    mode = report.get("mode", "full")
    return {
        "findings": max(listed, sum(report.get("findingsByKind", {}).values())),
        "mode": mode if mode in audit_archive.MODES else "sample",
        "first": report.get("from", 0),
        "height": report.get("head", "?"),
        "records": report.get("records", 0),
        "time": report.get("startedAt"),
    }
