"""What every route shares: settings, the ledger, caches, metrics, and the small questions asked of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import Depends, Request

from api.negotiation import language
from api.problems import HttpProblem
from api.responses import RenderCache
from api.settings import Settings

if TYPE_CHECKING:
    from api.observability import Metrics
    from api.pages import Pages
    from api.ports import LedgerPort


@dataclass(slots=True)
class Context:
    """One per application. `ledger` is None before start-up has opened it and after shutdown."""

    settings: Settings
    cache: RenderCache
    labels: RenderCache
    ledger: LedgerPort | None = None
    metrics: Metrics | None = None
    pages: Pages | None = None


def get_context(request: Request) -> Context:
    return cast(Context, request.app.state.context)


def get_ledger(request: Request) -> LedgerPort:
    ledger = get_context(request).ledger
    if ledger is None:  # only a request that overtakes start-up or shutdown gets here
        raise HttpProblem(503, "the ledger is not open")
    return ledger


async def get_body(request: Request) -> bytes:
    """The raw body, already bounded by `api.limits`."""
    return await request.body()


def get_language(request: Request) -> tuple[str, bool]:
    """(language, whether the visitor chose it in the URL)."""
    settings = get_context(request).settings
    return language(request.query_params, request.headers.get("accept-language"), settings.default_language)


def request_id(request: Request) -> str:
    return cast(str, request.scope.get("state", {}).get("request_id", "none"))


LedgerDep = Annotated[Any, Depends(get_ledger)]
ContextDep = Annotated[Context, Depends(get_context)]
BodyDep = Annotated[bytes, Depends(get_body)]
LanguageDep = Annotated[tuple[str, bool], Depends(get_language)]
