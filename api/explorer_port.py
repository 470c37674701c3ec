"""What the explorer's routes need of the application they are mounted in, so that any application can mount them.

To mount them in another application (a replica's): give `app.state.context` an object with the members of
`ExplorerContext` and `app.include_router(api.routers.explorer.router)`:

    context.settings   api.settings.Settings (base_url for the curl lines)
    context.cache      api.responses.RenderCache
    context.pages      api.pages.Pages
    context.ledger     an ExplorerPort, or None while it is not open

An ExplorerPort has `explorer` (`Explorer(chain, names, lots)`; the look-ups are optional) and `version()`, any hashable
that changes when names change; the chain's head is asked for beside it. Mount `/rpc` as
well: pages point at it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated, Protocol, cast

from fastapi import Depends, Request

from api.pages import Pages
from api.problems import HttpProblem
from api.responses import RenderCache
from api.settings import Settings
from ledger.services.explorer import Explorer


class ExplorerPort(Protocol):
    """A ledger, or a replica of one, that can be looked at."""

    @property
    def explorer(self) -> Explorer: ...
    def version(self) -> Hashable: ...


class ExplorerContext(Protocol):
    """The part of an application's context that the routes use."""

    settings: Settings
    cache: RenderCache

    @property
    def pages(self) -> Pages | None: ...
    @property
    def ledger(self) -> ExplorerPort | None: ...


async def get_context(request: Request) -> ExplorerContext:
    return cast(ExplorerContext, request.app.state.context)


async def get_port(request: Request) -> ExplorerPort:
    port = cast(ExplorerContext, request.app.state.context).ledger
    if port is None:
        raise HttpProblem(503, "the ledger is not open")
    return port


ExplorerContextDep = Annotated[ExplorerContext, Depends(get_context)]
ExplorerDep = Annotated[ExplorerPort, Depends(get_port)]
