"""For witnesses and whoever watches the operator: the published checkpoints, as stable text or JSON.

Works over anything that has a checkpoint feed (api.ports.CheckpointFeedPort): the operator's ledger or a replica.
Formats: docs/checkpoints.md.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from api import schemas
from api.context import BodyDep, ContextDep, get_ledger, read_json
from api.documented import problems, request_body
from api.negotiation import media_type
from api.ports import CheckpointFeedPort
from api.problems import HttpProblem
from api.responses import Rendered, json_bytes, send
from ledger.proof.note import Note, feed_text

router = APIRouter(tags=["checkpoints"])
MAX_PAGE = 200
MAX_HEIGHT = 2**53 - 1
FORMAT = "originseal-checkpoints/v1"
OFFERED = ("text/plain", "application/json")
VARY = "Accept, Accept-Encoding"
NOTE: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/plain": {"schema": {"type": "string"}},
            "application/json": {"schema": {"$ref": "#/components/schemas/CheckpointNote"}},
        }
    },
    **problems(400, 404, 406, 503),
}
FEED: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/plain": {"schema": {"type": "string"}},
            "application/json": {"schema": {"$ref": "#/components/schemas/CheckpointFeed"}},
        }
    },
    **problems(400, 406, 503),
}
Height = Annotated[int, Path(ge=0, le=MAX_HEIGHT)]


async def get_feed(ledger: Annotated[Any, Depends(get_ledger)]) -> CheckpointFeedPort:
    feed: CheckpointFeedPort = ledger.feed
    return feed


FeedDep = Annotated[CheckpointFeedPort, Depends(get_feed)]


@router.get("/checkpoints", response_class=Response, responses=FEED)
def list_checkpoints(
    request: Request,
    feed: FeedDep,
    start: Annotated[int, Query(alias="from", ge=0, le=MAX_HEIGHT, description="first height")] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> Response:
    """Every checkpoint ever signed, ascending, with the co-signatures known now: notes, one empty line between two."""
    as_json = _as_json(request)
    notes = feed.notes(start, limit)
    after = notes[-1].checkpoint.height + 1 if len(notes) == limit else None
    headers = {} if after is None else {"link": f'</checkpoints?from={after}&limit={limit}>; rel="next"'}
    if not as_json:
        return _send(request, feed_text(notes).encode(), OFFERED[0], headers)
    value = {"format": FORMAT, "notes": [note.to_dict() for note in notes], "next": after}
    return _send(request, json_bytes(value), OFFERED[1], headers)


@router.get("/checkpoints/latest", response_class=Response, responses=NOTE)
def get_latest(
    request: Request,
    feed: FeedDep,
    witnessed: Annotated[int, Query(ge=0, le=64, description="co-signed by so many agencies")] = 0,
) -> Response:
    """The newest checkpoint, or the newest that so many agencies have co-signed."""
    return _note(request, feed.latest(witnessed))


@router.get("/checkpoints/{height}", response_class=Response, responses=NOTE)
def get_checkpoint(request: Request, feed: FeedDep, height: Height) -> Response:
    """The checkpoint of one height. What is signed never changes; co-signatures may be added."""
    return _note(request, feed.note(height))


@router.post(
    "/checkpoints/{height}/cosignatures",
    response_model=schemas.CosignatureEvidence,
    responses=problems(400, 403, 404, 409, 413, 503),
    openapi_extra=request_body({"application/json": schemas.Cosignature}),
)
def post_cosignature(feed: FeedDep, context: ContextDep, body: BodyDep, height: Height) -> JSONResponse:
    """A witness hands in its co-signature of exactly this checkpoint. Idempotent: its first one is kept for good."""
    value = read_json(body, context.settings)
    evidence = feed.receive(height, value)
    witness = evidence.witness
    answer = {
        "checkpoint": evidence.checkpoint.text,
        "keyId": f"sm3:{witness.key_id.hex()}",
        "agency": witness.agency,
        "name": {"zh": witness.name_zh, "en": witness.name_en},
        "time": evidence.time,
        "method": evidence.method,
    }
    return JSONResponse(answer, headers={"cache-control": "no-store"})


def _note(request: Request, note: Note) -> Response:
    if _as_json(request):
        return _send(request, json_bytes(note.to_dict()), OFFERED[1])
    return _send(request, note.text.encode(), OFFERED[0])


def _as_json(request: Request) -> bool:
    chosen = media_type(request.headers.get("accept"), OFFERED)
    if chosen is None:
        raise HttpProblem(406, f"offered: {', '.join(OFFERED)}")
    return chosen == OFFERED[1]


def _send(request: Request, body: bytes, kind: str, headers: dict[str, str] | None = None) -> Response:
    shown = f"{kind}; charset=utf-8" if kind == OFFERED[0] else kind
    return send(request, Rendered.of(body, shown), vary=VARY, headers=headers)
