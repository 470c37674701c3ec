"""A replica's own routes: its state for people and machines, and judging bundles against its own chain.

What it shares with an operator's server (JSON-RPC, checkpoints, bundles, records) comes from the same routers.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.context import BodyDep, ContextDep, LanguageDep, context_of, get_ledger
from api.documented import problems, request_body
from api.pages import static_files
from api.problems import HttpProblem
from api.responses import send
from ledger.errors import Unavailable
from ledger.services.replica.status import IN_AGREEMENT

if TYPE_CHECKING:
    from ledger.services.replica import Replica

router = APIRouter(tags=["replica"])
MAX_VERIFYING = 4  # bundles judged at once, of the 40 threads that also serve the pages
_slots = threading.BoundedSemaphore(MAX_VERIFYING)


async def get_replica(ledger: Annotated[Any, Depends(get_ledger)]) -> Replica:
    return cast("Replica", ledger)


ReplicaDep = Annotated[Any, Depends(get_replica)]


@router.get("/healthz", summary="The process answers")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", summary="Everything the source has is held and agrees", responses={503: {}})
def readyz(replica: ReplicaDep) -> JSONResponse:
    status = replica.status()
    ready = status.state in IN_AGREEMENT and status.code_checked
    body = {"ready": ready, "state": status.state, "height": status.height, "lagBlocks": status.lag_blocks}
    return JSONResponse(body, status_code=200 if ready else 503, headers={"cache-control": "no-store"})


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
def metrics(context: ContextDep) -> Response:
    assert context.metrics is not None
    return Response(generate_latest(context.metrics.registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/anchors.json", response_class=JSONResponse)
def anchors(replica: ReplicaDep) -> JSONResponse:
    """The trust anchors that this replica holds everything against."""
    return JSONResponse(replica.anchors, headers={"cache-control": "no-cache"})


@router.get("/api/v1/replica", response_class=JSONResponse)
def state(replica: ReplicaDep) -> JSONResponse:
    """Where this replica stands: head, agreement with the source, what was refused and why."""
    return JSONResponse(replica.status().to_json(), headers={"cache-control": "no-store"})


@router.post(
    "/verify",
    response_class=JSONResponse,
    responses=problems(400, 413, 503),
    openapi_extra=request_body({"application/json": {"type": "object"}}),
)
def verify(body: BodyDep, replica: ReplicaDep) -> JSONResponse:
    """A bundle's verification against this replica's anchors and its own chain (originseal-verification/v1)."""
    if not _slots.acquire(blocking=False):
        raise Unavailable("too many bundles are being verified at once", retry_after=1)
    try:
        return JSONResponse(replica.verify(body).to_json(), headers={"cache-control": "no-store"})
    finally:
        _slots.release()


@router.get("/", response_class=Response, include_in_schema=False)
def page(request: Request, context: ContextDep, replica: ReplicaDep, language: LanguageDep) -> Response:
    assert context.pages is not None
    status = replica.status()
    rendered = context.pages.render(
        "replica.html",
        *language,
        "/",
        status=status,
        anchors=replica.anchors,
        witnesses=replica.witnesses(),
        executes=replica.executes,
    )
    return send(request, rendered, vary="Accept-Language, Accept-Encoding", cache_control="no-store")


@router.get("/static/{name}", include_in_schema=False)
def static(request: Request, name: str) -> Response:
    found = static_files().get(name)
    if found is None:
        raise HttpProblem(404, "there is nothing at this address")
    return send(request, found, vary="Accept-Encoding", cache_control="public, max-age=31536000, immutable")


@router.get("/favicon.ico", include_in_schema=False)
def favicon(request: Request) -> Response:
    assert context_of(request)
    return static(request, "seal.svg")
