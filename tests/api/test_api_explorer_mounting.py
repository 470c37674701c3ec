"""The explorer's routes in another application, as a replica mounts them; what their answers depend on."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from explorer_pages import JSON, LOT_ID, MEMBER, PAGES, SETTINGS, filled
from fastapi import FastAPI
from fastapi.testclient import TestClient
from page_reading import HTML

from api.app import add_error_handlers
from api.context import Context
from api.pages import Pages
from api.responses import RenderCache
from api.routers import explorer as routes
from ledger.services.explorer import Explorer
from tests.explorer_world import LABEL, LOTS, World


class Port:
    """The least that the routes need: what a replica has."""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        self.asked = 0

    def version(self) -> int:
        self.asked += 1
        return 7


def test_routes_work_in_an_application_without_read_model_and_payloads(explored: World) -> None:
    port = Port(Explorer(explored.chain, None, LOTS.get))
    app = FastAPI()
    context = SimpleNamespace(settings=SETTINGS, cache=RenderCache(8), pages=Pages(SETTINGS, ("chain",)), ledger=port)
    app.state.context = context
    app.include_router(routes.router)
    full: Any = Context(SETTINGS, context.cache, context.cache, pages=context.pages)
    add_error_handlers(app, full)
    with TestClient(app) as client:
        for path in PAGES:
            for headers in (HTML, JSON):
                assert client.get(filled(explored, path), headers=headers).status_code == 200, path
        text = client.get(f"/chain/members/{MEMBER}", headers={**HTML, "accept-language": "en"}).text
        assert "<h1>Member</h1>" in text and MEMBER in text
        lot = client.get(f"/chain/lots/{LOT_ID}", headers=HTML).text
        assert f"(01) {LABEL.gtin} (10) {LABEL.lot}" in lot and 'href="/01/' not in lot
        context.ledger = None
        full.metrics = SimpleNamespace(refusals=SimpleNamespace(labels=lambda _: SimpleNamespace(inc=lambda: None)))
        assert client.get("/chain", headers=JSON).status_code == 503
    assert port.asked == 2 * len(PAGES) + 2


def test_answers_change_with_the_head_and_with_names(explored: World) -> None:
    state = {"head": explored.explorer().head(), "names": 1}

    class Moving(Explorer):
        def head(self) -> int:
            return state["head"]

    port = Port(Moving(explored.chain))
    port.version = lambda: state["names"]  # type: ignore[method-assign]
    app = FastAPI()
    cache = RenderCache(64)
    app.state.context = SimpleNamespace(settings=replace(SETTINGS), cache=cache, pages=Pages(SETTINGS), ledger=port)
    app.include_router(routes.router)
    with TestClient(app) as client:
        for sizes, change in ((1, {}), (1, {}), (2, {"names": 2}), (3, {"head": 10**6})):
            state.update(change)
            assert json.loads(client.get("/chain/blocks", headers=JSON).content)["items"]
            assert len(cache) == sizes
