"""What every route shares: settings, the ledger, caches, metrics, and the small questions asked of a request."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import Depends, Request

from api.negotiation import language
from api.problems import HttpProblem
from api.responses import RenderCache
from api.settings import Settings
from ledger.documents.canonical import MAX_DEPTH, loads_strict

if TYPE_CHECKING:
    from api.metrics import HttpMetrics
    from api.pages import Pages
    from api.ports import LedgerPort


MAX_REQUEST_LEAVES = 250_000  # scalars of one body: about what fits into the default body limit
WRAPPING = 4  # levels that a submission or document puts around a record's payload


class OutboxWatch:
    """Since when the outbox has waited without any new block: a full outbox is busy, a still one is stuck."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: tuple[int, float] | None = None

    def waiting(self, depth: int, height: int) -> float:
        """Seconds since `height` was first seen with something waiting; 0 while the outbox is empty."""
        if depth == 0:
            self._seen = None
            return 0.0
        if self._seen is None or self._seen[0] != height:
            self._seen = (height, self._clock())
        return self._clock() - self._seen[1]


@dataclass(slots=True)
class Context:
    """One per application. `ledger` is None before start-up has opened it and after shutdown."""

    settings: Settings
    cache: RenderCache
    labels: RenderCache
    ledger: LedgerPort | None = None
    metrics: HttpMetrics | None = None
    outbox: OutboxWatch = field(default_factory=OutboxWatch)
    pages: Pages | None = None


def context_of(request: Request) -> Context:
    return cast(Context, request.app.state.context)


def language_of(request: Request) -> tuple[str, bool]:
    """(language, whether the visitor chose it in the URL)."""
    default = context_of(request).settings.default_language
    return language(request.query_params, request.headers.get("accept-language"), default)


def request_id(request: Request) -> str:
    return cast(str, request.scope.get("state", {}).get("request_id", "none"))


# Dependencies are coroutines: plain functions would each take a detour of some 200 µs through the thread pool.


async def get_context(request: Request) -> Context:
    return context_of(request)


async def get_ledger(request: Request) -> LedgerPort:
    ledger = context_of(request).ledger
    if ledger is None:  # only a request that overtakes start-up or shutdown gets here
        raise HttpProblem(503, "the ledger is not open")
    return ledger


async def get_body(request: Request) -> bytes:
    """The raw body, already bounded by `api.limits`."""
    return await request.body()


def read_json(body: bytes, settings: Settings) -> Any:
    """The value of a whole JSON body, read strictly. It holds many records, so its bounds are the request's, not one
    record's; each record meets its own bounds where it is committed. Raises Malformed, NotCanonical or TooLarge."""
    return loads_strict(
        body, max_bytes=settings.max_body, max_depth=MAX_DEPTH + WRAPPING, max_leaves=MAX_REQUEST_LEAVES
    )


async def get_language(request: Request) -> tuple[str, bool]:
    return language_of(request)


LedgerDep = Annotated[Any, Depends(get_ledger)]
ContextDep = Annotated[Context, Depends(get_context)]
BodyDep = Annotated[bytes, Depends(get_body)]
LanguageDep = Annotated[tuple[str, bool], Depends(get_language)]
