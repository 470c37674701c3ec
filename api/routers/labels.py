"""For whoever prints boxes: a lot's QR code (GS1 Digital Link) with its text, as SVG, PNG or PDF."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.context import ContextDep, LedgerDep
from api.documented import problems
from api.paths import decoded
from api.responses import Rendered, send
from ledger.services.labels import MEDIA_TYPES, render_label

router = APIRouter(prefix="/labels", tags=["labels"])
ONE_HOUR = "public, max-age=3600"


@router.get("/{gtin}/{lot}.{form}", response_class=Response, responses=problems(400, 404))
def label(
    request: Request,
    context: ContextDep,
    ledger: LedgerDep,
    gtin: str,
    lot: str,
    form: Literal["svg", "png", "pdf"],
) -> Response:
    """A label for a registered lot; nothing is printed for a lot that the ledger does not know."""
    summary = ledger.lot(gtin, decoded(lot)).summary
    key = (summary.gtin, summary.lot, form)
    base = context.settings.base_url

    def render() -> Rendered:
        return Rendered.of(render_label(summary.gtin, summary.lot, base, form), MEDIA_TYPES[form])

    return send(request, context.labels.get(key, render), vary="Accept-Encoding", cache_control=ONE_HOUR)
