"""For operators: liveness, readiness, metrics."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.context import ContextDep
from ledger.errors import OriginSealError

router = APIRouter(tags=["operators"])


@router.get("/healthz", summary="The process answers")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", summary="Chain open, outbox moving, read model caught up", responses={503: {}})
def readyz(context: ContextDep) -> JSONResponse:
    checks: dict[str, Any] = {}
    try:
        if context.ledger is None:
            raise LookupError
        status = context.ledger.status()
    except (OriginSealError, LookupError) as error:
        reason = error.code if isinstance(error, OriginSealError) else "not open"
        return JSONResponse({"ready": False, "checks": {"chain": reason}}, status_code=503)
    settings = context.settings
    lag = max(0, status.height - status.indexed)
    waiting = context.outbox.waiting(status.outbox_depth, status.height)
    checks["chain"] = "ok"
    checks["index"] = "ok" if lag <= settings.max_index_lag else f"{lag} blocks behind"
    checks["outbox"] = "ok" if waiting <= settings.outbox_stuck_after else f"nothing sealed for {waiting:.0f} s"
    ready = all(value == "ok" for value in checks.values())
    return JSONResponse(
        {"ready": ready, "checks": checks, "height": status.height, "outboxDepth": status.outbox_depth},
        status_code=200 if ready else 503,
    )


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
def metrics(context: ContextDep) -> Response:
    assert context.metrics is not None
    return Response(generate_latest(context.metrics.registry), media_type=CONTENT_TYPE_LATEST)
