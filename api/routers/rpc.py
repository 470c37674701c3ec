"""For Ethereum tools: read-only JSON-RPC 2.0, single calls and batches. Writing goes through signed statements only."""

from __future__ import annotations

import threading
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from api.context import BodyDep, LedgerDep
from api.documented import problems, request_body
from api.problems import HttpProblem
from ledger.documents.canonical import loads_strict
from ledger.errors import Malformed, Unavailable

router = APIRouter(tags=["rpc"])
MAX_BATCH = 100
MAX_AT_ONCE = 8  # requests in hand, of the 40 threads that also serve the pages
_slots = threading.BoundedSemaphore(MAX_AT_ONCE)
CALL: dict[str, Any] = {
    "type": "object",
    "required": ["jsonrpc", "method"],
    "properties": {
        "jsonrpc": {"const": "2.0"},
        "id": {},
        "method": {"type": "string"},
        "params": {"type": ["array", "object"]},
    },
}


def _error(code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}


@router.post(
    "/rpc",
    response_model=None,
    responses=problems(413, 503),
    openapi_extra=request_body({"application/json": {"oneOf": [CALL, {"type": "array", "items": CALL}]}}),
)
def rpc(body: BodyDep, ledger: LedgerDep) -> Response:
    """Answer eth_call, eth_getLogs, eth_getProof … Errors follow JSON-RPC 2.0 section 5.1, not problem+json."""
    try:
        call = loads_strict(body)
    except Malformed as error:
        return JSONResponse(_error(-32700, f"parse error: {error.message}"), status_code=400)
    if isinstance(call, list) and not 1 <= len(call) <= MAX_BATCH:
        return JSONResponse(_error(-32600, f"a batch holds 1 to {MAX_BATCH} calls"), status_code=400)
    if not isinstance(call, dict | list):
        return JSONResponse(_error(-32600, "a request object or a batch of them is required"), status_code=400)
    if not _slots.acquire(blocking=False):
        raise Unavailable("too many JSON-RPC requests at once", retry_after=1)
    try:
        answer = ledger.rpc(call)
    finally:
        _slots.release()
    if answer is None or answer == []:  # notifications only
        return Response(status_code=204)
    return JSONResponse(answer, headers={"cache-control": "no-store"})


@router.get("/rpc", include_in_schema=False)
def rpc_get() -> Response:
    raise HttpProblem(
        405,
        "this address speaks JSON-RPC 2.0 over POST",
        hint="for example: cast block-number --rpc-url <this URL>",
        headers={"Allow": "POST"},
    )
