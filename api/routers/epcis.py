"""For trace systems: the capture face of the GS1 EPCIS 2.0 REST binding. Queries follow with the full interface.

Capture is all or nothing (GS1-Capture-Error-Behaviour: rollback): the document's events are one submission under one
SM2 signature, carried in the OriginSeal-Envelope header because EPCIS itself has no place for it.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse, Response

from api import schemas
from api.context import BodyDep, ContextDep, LedgerDep, read_json
from api.documented import problems, request_body
from api.envelope import HEADER, decode_envelope
from api.problems import HttpProblem
from api.routers.customs import require_media_type
from ledger.domain.events import parse_document, parse_event
from ledger.errors import Malformed, SignatureRequired

router = APIRouter(prefix="/epcis", tags=["epcis"])
JSON_TYPES = frozenset({"application/json", "application/ld+json"})
VERSIONS = {"GS1-EPCIS-Version": "2.0.0", "GS1-CBV-Version": "2.0.0", "GS1-EPC-Format": "Always_GS1_Digital_Link"}
EPCIS_DOCUMENT: dict[str, Any] = {
    "type": "object",
    "required": ["@context", "type", "schemaVersion", "creationDate", "epcisBody"],
    "properties": {
        "type": {"const": "EPCISDocument"},
        "schemaVersion": {"type": "string"},
        "creationDate": {"type": "string", "format": "date-time"},
        "epcisBody": {"type": "object"},
    },
}


@router.options("/capture", include_in_schema=False)
def capture_options(context: ContextDep) -> Response:
    """Announce the limits before a client sends anything (EPCIS 2.0 section 12.6.1)."""
    limit = context.settings.max_body
    return Response(
        status_code=204,
        headers={
            **VERSIONS,
            "Allow": "OPTIONS, POST",
            "GS1-EPCIS-Capture-File-Size-Limit": str(limit),
            "GS1-Capture-Error-Behaviour": "rollback",
        },
    )


@router.post(
    "/capture",
    status_code=202,
    response_class=Response,
    responses={
        202: {"description": "accepted; Location names the capture job", "content": {}},
        **problems(400, 401, 403, 409, 413, 415, 422, 503),
    },
    openapi_extra=request_body({"application/json": EPCIS_DOCUMENT, "application/ld+json": EPCIS_DOCUMENT}),
)
def capture(
    request: Request,
    body: BodyDep,
    context: ContextDep,
    ledger: LedgerDep,
    originseal_envelope: Annotated[str | None, Header(alias=HEADER)] = None,
) -> Response:
    """Capture an EPCIS document. Valid but unsigned documents get 401 `signature-required`."""
    require_media_type(request, JSON_TYPES, "application/ld+json")
    behaviour = request.headers.get("gs1-capture-error-behaviour", "rollback").lower()
    if behaviour != "rollback":
        raise HttpProblem(400, "only the error behaviour 'rollback' is offered: one signature covers all events")
    envelope = decode_envelope(originseal_envelope)
    if envelope is None:
        _check_events(read_json(body, context.settings))
        raise SignatureRequired(
            "the document is well-formed, but nobody signed it",
            field=HEADER,
            hint="sign the action with SM2 and send it in the OriginSeal-Envelope header; see GET /api/v1/ledger",
        )
    receipt = ledger.submit_epcis(body, envelope)
    return Response(
        status_code=202,
        headers={**VERSIONS, "Location": f"/epcis/capture/{receipt.submission_id}", "Cache-Control": "no-store"},
    )


def _check_events(document: Any) -> None:
    """Check every event of a document; raises Malformed with a pointer from the document's root."""
    for index, event in enumerate(parse_document(document)):
        try:
            parse_event(event)
        except Malformed as error:
            where = "" if event is document else f"/epcisBody/eventList/{index}"
            raise type(error)(error.message, field=f"{where}{error.field or ''}", hint=error.hint) from error


@router.get("/capture/{capture_id}", response_model=schemas.CaptureJob, responses=problems(400, 404))
def capture_job(ledger: LedgerDep, capture_id: str) -> JSONResponse:
    """A capture job's state; the job's id is the submission's."""
    receipt = ledger.receipt(capture_id)
    body = receipt.to_json()
    sealed = body.get("sealedAt")
    finished = None if sealed is None else datetime.datetime.fromtimestamp(sealed, datetime.UTC).isoformat()
    job = {
        "captureID": receipt.submission_id,
        "running": receipt.state != "sealed",
        "success": receipt.state == "sealed",
        "captureErrorBehaviour": "rollback",
        "createdAt": finished,
        "finishedAt": finished,
        "errors": [],
        "receipt": body,
    }
    return JSONResponse(job, headers={**VERSIONS, "cache-control": "no-store"})
