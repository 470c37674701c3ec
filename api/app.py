"""The application factory: the only place where parts of the web server meet.

`create_app(settings)` opens the ledger of `settings.data` at start-up and closes it at shutdown; a ledger handed
in is used and left open. Layers of a request, from outside in: Observe (log, metrics, security headers, last
resort), Limits (rates, sizes, time), HeadAsGet, KeepEncodedSlashes, the routes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from api import explorer_json, schemas
from api.context import Context, language_of, request_id
from api.documented import problems
from api.limits import Limits
from api.logs import configure_logging
from api.metrics import Metrics
from api.negotiation import media_type
from api.observability import Observe
from api.pages import Pages
from api.paths import HeadAsGet, KeepEncodedSlashes, public_path
from api.ports import LedgerPort
from api.problems import HTTP_FAULTS, MEDIA_TYPE, HttpProblem, Problem, problem_of
from api.responses import RenderCache
from api.routers import api_v1, audits, checkpoints, customs, epcis, explorer, labels, operators, public, rpc
from api.settings import Settings
from ledger import __version__
from ledger.errors import Malformed, OriginSealError

MACHINE_PATHS = (
    "/api/",
    "/rpc",
    "/customs",
    "/epcis",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/labels",
    "/checkpoints",
)
MAX_LABELS = 256
DESCRIPTION = """A permissioned traceability ledger whose contracts verify SM2 signatures themselves.

Reads are public. Writes are authorised by the SM2 signature inside the submission, not by an account of this server.
Errors are problem+json (RFC 9457) with stable codes, listed under /problems."""


def open_ledger(settings: Settings) -> LedgerPort:
    """Open the ledger of the settings' data folder (imported late: it brings the chain engine and the stores)."""
    from ledger.services.ledger import Ledger

    opened: LedgerPort = Ledger.open(settings.data)
    return opened


def create_app(settings: Settings, ledger: LedgerPort | None = None) -> FastAPI:
    """Build the application for these settings."""
    configure_logging(settings.log_level)
    context = Context(settings, RenderCache(settings.page_cache), RenderCache(MAX_LABELS), ledger)
    context.pages = Pages(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        opened = None
        if context.ledger is None:
            opened = context.ledger = open_ledger(settings)
        try:
            yield
        finally:
            if opened is not None:
                context.ledger = None
                opened.close()

    app = FastAPI(
        title="OriginSeal 源印",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses=problems(429, 500),
        redirect_slashes=False,
    )
    app.state.context = context

    def status() -> Any:
        from ledger.errors import EngineUnavailable

        if context.ledger is None:
            raise EngineUnavailable("the ledger is not open")
        return context.ledger.status()

    def operations() -> Any:
        return None if context.ledger is None else context.ledger.operations()

    context.metrics = Metrics(status, operations)
    for module in (operators, api_v1, checkpoints, customs, epcis, rpc, labels, explorer, audits, public):
        app.include_router(module.router)
    add_error_handlers(app, context)
    app.add_middleware(KeepEncodedSlashes)
    app.add_middleware(HeadAsGet)
    app.add_middleware(Limits, settings=settings)
    app.add_middleware(Observe, settings=settings, metrics=context.metrics)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document, with the models that only hand-parsed bodies and problem answers refer to."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            description=app.description,
            routes=app.routes,
        )
        known = document.setdefault("components", {}).setdefault("schemas", {})
        for model in (
            schemas.Problem,
            schemas.Submission,
            schemas.Cosignature,
            schemas.CheckpointNote,
            schemas.CheckpointFeed,
        ):
            described = model.model_json_schema(ref_template="#/components/schemas/{model}")
            known.update(described.pop("$defs", {}))
            known[model.__name__] = described
        known.update(explorer_json.schemas())
        for name in ("HTTPValidationError", "ValidationError"):
            known.pop(name, None)
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None) if _is_framework_422(operation) else None
        app.openapi_schema = document
    return app.openapi_schema


def _is_framework_422(operation: dict[str, Any]) -> bool:
    content = operation["responses"].get("422", {}).get("content", {})
    return "HTTPValidationError" in str(content)


def add_error_handlers(app: FastAPI, context: Context) -> None:
    """Answer every error of the ledger and of HTTP as problem+json, or as a page to whoever wants one."""

    def answer(request: Request, error: Exception) -> Response:
        language, chosen = language_of(request)
        problem = problem_of(error, language=language, instance=request_id(request))
        assert context.metrics is not None
        context.metrics.refusals.labels(problem.code).inc()
        if _wants_page(request):
            return _error_page(request, context, problem, language, chosen)
        body = JSONResponse(problem.body, problem.status, problem.headers, media_type=MEDIA_TYPE)
        body.headers["cache-control"] = "no-store"
        return body

    def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code in HTTP_FAULTS:
            message = {
                404: "there is nothing at this address",
                405: f"{request.method[:16]} is not offered at this address",
            }.get(error.status_code, str(error.detail))
            return answer(request, HttpProblem(error.status_code, message, headers=dict(error.headers or {})))
        return Response(status_code=error.status_code, headers=error.headers)

    def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        field = "/".join(str(part) for part in first["loc"])
        return answer(request, Malformed(str(first["msg"]), field=field))

    app.add_exception_handler(OriginSealError, answer)
    app.add_exception_handler(HttpProblem, answer)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid)


def _wants_page(request: Request) -> bool:
    if request.method not in ("GET", "HEAD") or request.url.path.startswith(MACHINE_PATHS):
        return False
    return media_type(request.headers.get("accept"), ("application/json", "text/html")) == "text/html"


def _error_page(request: Request, context: Context, problem: Problem, language: str, chosen: bool) -> Response:
    assert context.pages is not None
    page = context.pages.render("error.html", language, chosen, public_path(request.scope), problem=problem)
    headers = {**problem.headers, "cache-control": "no-store", "vary": "Accept, Accept-Language"}
    return Response(page.body if request.method == "GET" else b"", problem.status, headers, page.media_type)
