"""For members' and anybody's programs: /api/v1. Reads are public; a write is authorised by its signature."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from api import schemas, wire
from api.context import BodyDep, ContextDep, LedgerDep, read_json
from api.documented import problems, request_body
from api.ledger_info import ledger_info
from api.paths import decoded
from api.responses import Rendered, json_bytes, send
from ledger.errors import Malformed

router = APIRouter(prefix="/api/v1", tags=["api"])
MAX_PAGE = 200
Cursor = Annotated[str | None, Query(max_length=512, description="`nextCursor` of the page before")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Zone = Annotated[int | None, Query(ge=1, le=7, description="1 Meizhou … 7 Zhaoqing")]


def _cached(request: Request, context: Any, ledger: Any, build: Callable[[], Any]) -> Response:
    key = ("json", request.url.path, request.url.query, ledger.version())
    rendered = context.cache.get(key, lambda: Rendered.of(json_bytes(build()), "application/json"))
    return send(request, rendered, vary="Accept-Encoding")


@router.get("/lots", response_model=schemas.LotPage, responses=problems(400))
def list_lots(
    request: Request,
    context: ContextDep,
    ledger: LedgerDep,
    cursor: Cursor = None,
    limit: Limit = 50,
    zone: Zone = None,
) -> Any:
    """Lots, newest first, a page at a time."""

    def build() -> dict[str, Any]:
        page = ledger.lots(cursor, limit, zone)
        base = context.settings.base_url
        return {"items": [wire.lot_summary(item, base) for item in page.items], "nextCursor": page.next_cursor}

    return _cached(request, context, ledger, build)


@router.get("/lots/{gtin}/{lot}", response_model=schemas.Lot, responses=problems(400, 404))
def get_lot(request: Request, context: ContextDep, ledger: LedgerDep, gtin: str, lot: str) -> Any:
    """Everything public about one lot: origin, complete history, genealogy, trades."""
    return _cached(
        request, context, ledger, lambda: wire.lot(ledger.lot(gtin, decoded(lot)), context.settings.base_url)
    )


@router.get("/lots/{gtin}/{lot}/bundle", responses=problems(400, 404), response_class=JSONResponse)
def get_bundle(request: Request, context: ContextDep, ledger: LedgerDep, gtin: str, lot: str) -> Response:
    """The lot's proof bundle (originseal-bundle/v1), to be checked offline with `originseal verify`."""
    lot = decoded(lot)
    key = ("bundle", gtin, lot, ledger.version())

    def render() -> Rendered:
        text = json.dumps(ledger.bundle(gtin, lot), ensure_ascii=False, indent=1, allow_nan=False)
        return Rendered.of(text.encode(), "application/json")

    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-._") else "_" for c in f"{gtin}-{lot}")
    headers = {"content-disposition": f'attachment; filename="originseal-{safe}.json"'}
    return send(request, context.cache.get(key, render), vary="Accept-Encoding", headers=headers)


@router.get("/trades", response_model=schemas.TradePage, responses=problems(400))
def list_trades(
    request: Request, context: ContextDep, ledger: LedgerDep, cursor: Cursor = None, limit: Limit = 50
) -> Any:
    """Trades and their verdicts, newest first."""

    def build() -> dict[str, Any]:
        page = ledger.trades(cursor, limit)
        return {"items": [wire.trade(item) for item in page.items], "nextCursor": page.next_cursor}

    return _cached(request, context, ledger, build)


@router.get("/trades/{trade_id}", response_model=schemas.Trade, responses=problems(400, 404))
def get_trade(request: Request, context: ContextDep, ledger: LedgerDep, trade_id: str) -> Any:
    """One trade: its four sealed documents, the rules that were checked and what came of each."""
    return _cached(request, context, ledger, lambda: wire.trade(ledger.trade(trade_id)))


@router.get("/members", response_model=schemas.MemberPage, responses=problems(400))
def list_members(
    request: Request, context: ContextDep, ledger: LedgerDep, cursor: Cursor = None, limit: Limit = 50
) -> Any:
    """Members with their roles, zone and standing."""

    def build() -> dict[str, Any]:
        page = ledger.members(cursor, limit)
        return {"items": [wire.member(item) for item in page.items], "nextCursor": page.next_cursor}

    return _cached(request, context, ledger, build)


@router.get("/members/{member_id}", response_model=schemas.Member, responses=problems(400, 404))
def get_member(request: Request, context: ContextDep, ledger: LedgerDep, member_id: str) -> Any:
    """One member."""
    return _cached(request, context, ledger, lambda: wire.member(ledger.member(member_id)))


@router.post(
    "/submissions",
    status_code=201,
    response_model=schemas.Receipt,
    responses={
        200: {"model": schemas.Receipt, "description": "the same submission came before: its first receipt"},
        **problems(400, 401, 403, 409, 413, 422, 503),
    },
    openapi_extra=request_body({"application/json": schemas.Submission}),
)
def post_submission(body: BodyDep, context: ContextDep, ledger: LedgerDep) -> JSONResponse:
    """Seal one author's records under one SM2 signature. Idempotent: a repeat gets the first receipt and 200."""
    value = read_json(body, context.settings)
    if not isinstance(value, dict):
        raise Malformed("the submission must be a JSON object", field="")
    receipt = ledger.submit(value)
    return receipt_response(receipt, 200 if receipt.duplicate else 201)


def receipt_response(receipt: Any, status: int) -> JSONResponse:
    return JSONResponse(
        receipt.to_json(),
        status_code=status,
        headers={"location": f"/api/v1/submissions/{receipt.submission_id}", "cache-control": "no-store"},
    )


@router.get("/submissions/{submission_id}", response_model=schemas.Receipt, responses=problems(400, 404))
def get_submission(ledger: LedgerDep, submission_id: str) -> JSONResponse:
    """The receipt of a submission, with inclusion proofs and the signed checkpoint once it is sealed."""
    return JSONResponse(ledger.receipt(submission_id).to_json(), headers={"cache-control": "no-store"})


@router.get(
    "/submissions/{submission_id}/records", response_model=schemas.PublicRecords, responses=problems(400, 404, 503)
)
def get_records(ledger: LedgerDep, submission_id: str) -> JSONResponse:
    """The public part of all records of a sealed submission, as a replica verifies and keeps it."""
    return JSONResponse(ledger.public_records(submission_id), headers={"cache-control": "no-store"})


@router.get("/checkpoint", response_model=schemas.SignedCheckpoint, responses=problems(503))
def get_checkpoint(ledger: LedgerDep) -> JSONResponse:
    """The latest checkpoint, signed by the operator's checkpoint key. Keep it: it pins the whole history before it."""
    return JSONResponse(ledger.checkpoint(), headers={"cache-control": "no-store"})


@router.get("/status", response_model=schemas.Status, responses=problems(503))
def get_status(ledger: LedgerDep) -> JSONResponse:
    """Numbers of the ledger and a summary of the last audit (null when none was run)."""
    return JSONResponse(wire.status(ledger.status(), ledger.audit_status()), headers={"cache-control": "no-store"})


@router.get("/audit", response_model=None, responses=problems(503))
def get_audit(ledger: LedgerDep) -> JSONResponse:
    """The last audit's summary, or null."""
    return JSONResponse(ledger.audit_status(), headers={"cache-control": "no-store"})


@router.get("/ledger", response_model=schemas.LedgerInfo, responses=problems(503))
def get_ledger_info(ledger: LedgerDep) -> JSONResponse:
    """What a client needs before it signs a submission: chain id, contract, domain, how far ahead an expiry may lie."""
    return JSONResponse(ledger_info(ledger), headers={"cache-control": "no-cache"})
