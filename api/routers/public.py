"""For anybody, with a phone or a program: the GS1 Digital Link of a lot, and the pages around it. Read-only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from api import figures, jsonld, wire
from api.catalogue import SPEAKERS
from api.context import Context, ContextDep, LanguageDep, LedgerDep
from api.documented import problems
from api.negotiation import media_type
from api.pages import verifier_files, verifier_version
from api.paths import decoded, public_path
from api.problems import HttpProblem, catalogue
from api.provenance import provenance
from api.responses import Rendered, json_bytes, send
from api.vouched import witnessed
from ledger.domain.gs1 import Gtin, parse_code, parse_digital_link
from ledger.errors import Malformed

router = APIRouter(tags=["public"])
PAGE_VARY = "Accept, Accept-Language, Accept-Encoding"
OFFERED = ("text/html", jsonld.MEDIA_TYPE, "application/json")
ONE_YEAR = "public, max-age=31536000, immutable"
ONE_DAY = "public, max-age=86400"
PER_PAGE = 24
LATEST = 6
HTML: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {"schema": {"type": "string"}}}}}
LINKED: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}, jsonld.MEDIA_TYPE: {"schema": {"type": "object"}}}},
    **problems(400, 404, 406),
}
Cursor = Annotated[str | None, Query(max_length=512)]


def page(
    request: Request,
    context: Context,
    ledger: Any,
    chosen_language: tuple[str, bool],
    template: str,
    values: Callable[[], dict[str, Any]],
    *,
    path: str | None = None,
    query: str = "",
) -> Response:
    """Send a page, rendered at most once per path, query, language and ledger version."""
    language, chosen = chosen_language
    pages = context.pages
    assert pages is not None
    path = public_path(request.scope) if path is None else path
    key = ("page", path, query, language, chosen, ledger.version())
    rendered = context.cache.get(key, lambda: pages.render(template, language, chosen, path, query=query, **values()))
    return send(request, rendered, vary=PAGE_VARY, headers={"content-language": language})


@router.get("/01/{gtin}/10/{lot}", response_class=Response, responses=LINKED)
def lot_link(
    request: Request, context: ContextDep, ledger: LedgerDep, language: LanguageDep, gtin: str, lot: str
) -> Response:
    """A lot's GS1 Digital Link: the provenance page for people, JSON-LD for programs."""
    return _lot(request, context, ledger, language, gtin, lot, None)


@router.get("/01/{gtin}/10/{lot}/21/{serial}", response_class=Response, responses=LINKED)
def unit_link(
    request: Request, context: ContextDep, ledger: LedgerDep, language: LanguageDep, gtin: str, lot: str, serial: str
) -> Response:
    """One unit of a lot: the lot's answer, with the plain statement that serials are not registered."""
    return _lot(request, context, ledger, language, gtin, lot, parse_code(decoded(serial), "serial", "/serial"))


def _lot(
    request: Request,
    context: Context,
    ledger: Any,
    language: tuple[str, bool],
    gtin: str,
    lot: str,
    serial: str | None,
) -> Response:
    chosen = media_type(request.headers.get("accept"), OFFERED)
    if chosen is None:
        raise HttpProblem(406, f"offered: {', '.join(OFFERED[:2])}")
    gtin, lot = Gtin.parse(gtin, "/gtin"), parse_code(decoded(lot), "lot code", "/lot")
    base = context.settings.base_url
    path = wire.lot_path(gtin, lot) + ("" if serial is None else f"/21/{quote(serial, safe='')}")
    if chosen != "text/html":
        key = ("jsonld", path, ledger.version())

        def document() -> Rendered:
            return Rendered.of(json_bytes(jsonld.lot_document(ledger.lot(gtin, lot), base, serial)), jsonld.MEDIA_TYPE)

        return send(request, context.cache.get(key, document), vary=PAGE_VARY)

    def values() -> dict[str, Any]:
        view = ledger.lot(gtin, lot)
        return {
            "lot": view,
            "page": provenance(SPEAKERS[language[0]], view),
            "witnessed": witnessed(SPEAKERS[language[0]], ledger.vouching(view)),
            "serial": serial,
            "label_url": f"/labels/{view.summary.gtin}/{quote(view.summary.lot, safe='')}",
            "bundle_name": bundle_name(view.summary.lot),
        }

    return page(request, context, ledger, language, "provenance.html", values, path=path)


def bundle_name(lot: str) -> str:
    """A lot number as part of a file name."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-._") else "_" for c in lot)


@router.get("/", response_class=Response, responses=HTML)
def home(request: Request, context: ContextDep, ledger: LedgerDep, language: LanguageDep) -> Response:
    """The front page: look something up, see the zones and the latest lots."""

    def values() -> dict[str, Any]:
        s = SPEAKERS[language[0]]
        latest = ledger.lots(None, LATEST).items
        example = wire.lot_path(latest[0].gtin, latest[0].lot) if latest else "/01/09521234543213/10/ABC123"
        return {
            "status": _numbers(ledger),
            "lots": latest,
            "example": context.settings.base_url + example,
            "map": figures.locator_map(s, title=s("home.zones"), here=None, active=range(1, 8)),
            "chosen_lang": language[0] if language[1] else "",
        }

    return page(request, context, ledger, language, "home.html", values)


def _numbers(ledger: Any) -> dict[str, int]:
    status = ledger.status()
    return {key: getattr(status, key) for key in ("records", "lots", "trades", "members")}


@router.get("/find", response_class=RedirectResponse, status_code=303, responses=problems(400, 404))
def find(
    language: LanguageDep,
    ledger: LedgerDep,
    q: Annotated[str, Query(max_length=2000)] = "",
    gtin: Annotated[str, Query(max_length=100)] = "",
    lot: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Go to a lot by its pasted Digital Link, or by GTIN and lot number as printed."""
    number, code = _wanted(q.strip(), gtin.strip(), lot.strip())
    ledger.lot(number, code)
    target = wire.lot_path(number, code) + (f"?lang={language[0]}" if language[1] else "")
    return RedirectResponse(target, 303)


def _wanted(q: str, gtin: str, lot: str) -> tuple[str, str]:
    if q:
        link = parse_digital_link(q, "q")
        if link.lot is None:
            raise Malformed("the link names a product but no lot", field="q", hint="it should contain /10/ and a lot")
        return link.gtin, link.lot
    digits = gtin.removeprefix("(01)").replace(" ", "").replace("-", "")
    return Gtin.parse(digits, "gtin"), parse_code(lot.removeprefix("(10)").strip(), "lot number", "lot")


@router.get("/lots", response_class=Response, responses={**HTML, **problems(400)})
def lots(
    request: Request,
    context: ContextDep,
    ledger: LedgerDep,
    language: LanguageDep,
    zone: Annotated[int | None, Query(ge=1, le=7)] = None,
    cursor: Cursor = None,
) -> Response:
    """Lots, newest first, all or of one zone."""

    def values() -> dict[str, Any]:
        found = ledger.lots(cursor, PER_PAGE, zone)
        return {"lots": found, "zone": zone, "next_url": _next("/lots", language, found.next_cursor, zone=zone)}

    return page(request, context, ledger, language, "lots.html", values, query=_query(zone=zone, cursor=cursor))


@router.get("/trades", response_class=Response, responses={**HTML, **problems(400)})
def trades(
    request: Request, context: ContextDep, ledger: LedgerDep, language: LanguageDep, cursor: Cursor = None
) -> Response:
    """Trades and what came of comparing their documents."""

    def values() -> dict[str, Any]:
        found = ledger.trades(cursor, PER_PAGE)
        return {"trades": found, "next_url": _next("/trades", language, found.next_cursor)}

    return page(request, context, ledger, language, "trades.html", values, query=_query(cursor=cursor))


@router.get("/trades/{trade_id}", response_class=Response, responses={**HTML, **problems(400, 404)})
def trade(request: Request, context: ContextDep, ledger: LedgerDep, language: LanguageDep, trade_id: str) -> Response:
    """One trade, rule by rule."""
    return page(request, context, ledger, language, "trade.html", lambda: {"trade": ledger.trade(trade_id)})


@router.get("/members", response_class=Response, responses={**HTML, **problems(400)})
def members(
    request: Request, context: ContextDep, ledger: LedgerDep, language: LanguageDep, cursor: Cursor = None
) -> Response:
    """Who may write, in which role, and who keeps the key."""

    def values() -> dict[str, Any]:
        found = ledger.members(cursor, 100)
        return {"members": found, "next_url": _next("/members", language, found.next_cursor)}

    return page(request, context, ledger, language, "members.html", values, query=_query(cursor=cursor))


@router.get("/problems", response_class=Response, responses=HTML)
def problem_list(request: Request, context: ContextDep, language: LanguageDep) -> Response:
    """Every error code with its status and meaning: what the `type` of a problem points to."""
    assert context.pages is not None
    pages, (chosen, explicit) = context.pages, language
    rendered = context.cache.get(
        ("problems", chosen, explicit),
        lambda: pages.render("problems.html", chosen, explicit, "/problems", query="", rows=catalogue()),
    )
    return send(request, rendered, vary=PAGE_VARY, headers={"content-language": chosen})


@router.get("/docs", response_class=Response, responses=HTML)
def docs(request: Request, context: ContextDep, language: LanguageDep) -> Response:
    """The API at a glance, made from the OpenAPI document itself."""
    assert context.pages is not None
    pages, (chosen, explicit) = context.pages, language

    def render() -> Rendered:
        groups = _operations(request.app.openapi())
        return pages.render("docs.html", chosen, explicit, "/docs", groups=groups)

    rendered = context.cache.get(("docs", chosen, explicit), render)
    return send(request, rendered, vary=PAGE_VARY, headers={"content-language": chosen})


def _operations(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            text = operation.get("description") or operation.get("summary") or ""
            entry = {"method": method.upper(), "path": path, "text": text, "statuses": sorted(operation["responses"])}
            groups.setdefault(operation["tags"][0], []).append(entry)
    return groups


@router.get("/anchors.json", response_class=Response, responses={200: {"content": {"application/json": {}}}})
def anchors(request: Request, ledger: LedgerDep) -> Response:
    """The trust anchors (originseal-anchors/v1): chain id, genesis, contracts, checkpoint and authority keys."""
    rendered = Rendered.of(json_bytes(ledger.anchors), "application/json")
    return send(request, rendered, vary="Accept-Encoding")


@router.get("/static/{name}", include_in_schema=False)
def static(request: Request, context: ContextDep, name: str) -> Response:
    assert context.pages is not None
    found = context.pages.static.get(name)
    if found is None:
        raise HttpProblem(404, "there is no such file")
    return send(request, found, vary="Accept-Encoding", cache_control=ONE_YEAR)


@router.get("/static/verify/{version}/{name}", include_in_schema=False)
def verifier_module(request: Request, version: str, name: str) -> Response:
    found = verifier_files().get(name) if version == verifier_version() else None
    if found is None:
        raise HttpProblem(404, "there is no such file")
    return send(request, found, vary="Accept-Encoding", cache_control=ONE_YEAR)


@router.get("/favicon.ico", include_in_schema=False)
def favicon() -> Response:
    return RedirectResponse("/static/seal.svg", 308, headers={"cache-control": ONE_DAY})


@router.get("/robots.txt", include_in_schema=False)
def robots() -> Response:
    return Response("User-agent: *\nDisallow: /find\nDisallow: /rpc\nDisallow: /chain/\n", media_type="text/plain")


def _query(**values: Any) -> str:
    return urlencode({key: value for key, value in values.items() if value is not None})


def _next(path: str, language: tuple[str, bool], cursor: str | None, **values: Any) -> str | None:
    if cursor is None:
        return None
    return f"{path}?{_query(**values, cursor=cursor, lang=language[0] if language[1] else None)}"
