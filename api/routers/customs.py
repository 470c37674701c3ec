"""For the single window: China customs cross-border messages (海关跨境统一版, "CEB", 2022-05) in, receipts out.

A message without a signed envelope is checked and nothing is stored. With one it is sealed: the envelope's SM2
signature covers the records that the ledger derives from the very bytes of the message.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse, Response

from api import schemas, wire
from api.context import BodyDep, LedgerDep
from api.documented import problems, request_body
from api.envelope import HEADER, decode_envelope
from api.negotiation import media_type
from api.problems import HttpProblem
from ledger.errors import Malformed

router = APIRouter(prefix="/customs", tags=["customs"])
XML_TYPES = frozenset({"", "application/xml", "text/xml", "application/octet-stream"})
OFFERED = ("application/json", "application/xml", "text/xml")


def require_media_type(request: Request, accepted: frozenset[str], expected: str) -> None:
    """Refuse a body that says it is something else, or in another character set than UTF-8 (RFC 9110, 15.5.16)."""
    kind, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    if kind.strip() not in accepted:
        raise HttpProblem(415, f"expected {expected}, not {kind.strip()[:100]}", hint=f"send Content-Type: {expected}")
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "charset" and value.strip('" ') not in ("utf-8", "utf8", "us-ascii"):
            raise HttpProblem(415, f"the character set must be UTF-8, not {value[:40]}", hint="send UTF-8")


@router.post(
    "/messages",
    response_model=schemas.CebResult,
    responses={
        200: {
            "description": "checked, nothing stored",
            "content": {"application/xml": {"schema": {"type": "string", "description": "CEB304/404/506/604"}}},
        },
        201: {"model": schemas.CebResult, "description": "sealed"},
        **problems(400, 401, 403, 406, 409, 413, 415, 422, 503),
    },
    openapi_extra=request_body({"application/xml": {"type": "string", "description": "CEB303, 403, 505 or 603"}}),
)
def post_message(
    request: Request,
    body: BodyDep,
    ledger: LedgerDep,
    originseal_envelope: Annotated[str | None, Header(alias=HEADER)] = None,
) -> Response:
    """Check a customs message, or seal it when a signed envelope comes with it."""
    chosen = media_type(request.headers.get("accept"), OFFERED)
    if chosen is None:
        raise HttpProblem(406, f"offered: {', '.join(OFFERED)}")
    require_media_type(request, XML_TYPES, "application/xml")
    if not body:
        raise Malformed("the body is empty", field="body", hint="send the CEB message as XML")
    envelope = decode_envelope(originseal_envelope)
    receipt: Any = None
    if envelope is None:
        report = ledger.check_ceb(body)
    else:
        report, receipt = ledger.submit_ceb(body, envelope)
    status = 200 if receipt is None or receipt.duplicate else 201
    headers = {"cache-control": "no-store", "vary": f"Accept, {HEADER}"}
    if receipt is not None:
        headers["location"] = f"/api/v1/submissions/{receipt.submission_id}"
    if chosen != "application/json" and report.receipt_xml is not None:
        return Response(report.receipt_xml, status, headers, media_type="application/xml")
    return JSONResponse(wire.ceb_result(report, receipt), status, headers)
