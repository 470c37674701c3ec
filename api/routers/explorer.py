"""For whoever wants to look at the chain itself: blocks, transactions in words, members, governance, contracts.

Every page is also JSON (`Accept: application/json`, same address). Nothing here needs the payload store or the read
model; `api.explorer_port` says what an application must provide, and how to mount this elsewhere.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from api import explorer_json
from api.context import LanguageDep
from api.documented import problems
from api.explorer_port import ExplorerContext, ExplorerContextDep, ExplorerDep, ExplorerPort
from api.negotiation import media_type
from api.paths import decoded, public_path
from api.problems import HttpProblem
from api.responses import Rendered, json_bytes, send
from ledger.errors import Malformed, NotFound
from ledger.services.explorer import Explorer, views
from ledger.services.explorer import state_views as sv
from ledger.services.explorer.governance import KINDS

router = APIRouter(prefix="/chain", tags=["chain"])
VARY = "Accept, Accept-Language, Accept-Encoding"
OFFERED = ("text/html", "application/json")
Before = Annotated[str | None, Query(max_length=40, description="`before` of the page in front")]
Limit = Annotated[int, Query(ge=1, le=100)]
Hash = Annotated[str, Path(max_length=80)]


def answers(view: type, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a page that is also JSON."""
    content = {"text/html": {"schema": {"type": "string"}}, "application/json": {"schema": explorer_json.ref(view)}}
    return {200: {"content": content}, **problems(406, 503, *statuses)}


BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}, "text/plain": {"schema": {"type": "string"}}}},
    **problems(400, 404, 503),
}


class Asked:
    """One request for a page: everything that `answer` needs beside the view."""

    def __init__(
        self, request: Request, context: ExplorerContext, port: ExplorerPort, language: tuple[str, bool]
    ) -> None:
        self.request, self.context, self.port, self.language = request, context, port, language

    def answer(
        self, template: str, build: Callable[[Explorer], Any], query: dict[str, Any] | None = None, **more: Any
    ) -> Response:
        """The view as a page or as JSON; made at most once per address, language, ledger version and head."""
        form = media_type(self.request.headers.get("accept"), OFFERED)
        if form is None:
            raise HttpProblem(406, f"offered: {', '.join(OFFERED)}")
        explorer, path, text = self.port.explorer, public_path(self.request.scope), _query(query or {})
        moment = self.port.version(), explorer.head()
        if form == "application/json":
            rendered = self.context.cache.get(
                ("chain-json", path, text, moment),
                lambda: Rendered.of(json_bytes(explorer_json.to_json(build(explorer))), form),
            )
            return send(self.request, rendered, vary=VARY)
        language, chosen = self.language
        pages, base = self.context.pages, self.context.settings.base_url
        assert pages is not None

        def page() -> Rendered:
            machine = f"curl -s -H 'accept: application/json' {shlex.quote(base + path + (f'?{text}' if text else ''))}"
            values = {
                "machine": machine,
                "view": build(explorer),
                "curl": lambda asked: curl(base, asked),
                "kinds": tuple(KINDS),
                **more,
            }
            return pages.render(f"chain/{template}", language, chosen, path, query=text, **values)

        rendered = self.context.cache.get(("chain", path, text, language, chosen, moment), page)
        return send(self.request, rendered, vary=VARY, headers={"content-language": language})


def curl(base_url: str, asked: views.Request) -> str:
    """A command that asks the same of this server, or of any other node of the chain."""
    body = {"jsonrpc": "2.0", "id": 1, "method": asked.method, "params": list(asked.params)}
    text = shlex.quote(json.dumps(body, separators=(",", ":")))
    return f"curl -s {base_url}/rpc -H 'content-type: application/json' -d {text}"


def _query(values: dict[str, Any]) -> str:
    return urlencode({name: value for name, value in values.items() if value is not None})


# Every route takes these four; FastAPI needs them spelled out in each signature.


@router.get("", response_class=Response, responses=answers(sv.Overview))
def overview(request: Request, context: ExplorerContextDep, port: ExplorerDep, language: LanguageDep) -> Response:
    """The newest blocks and acts, and whether the contracts on the chain are the ones of this release."""
    return Asked(request, context, port, language).answer("overview.html", lambda explorer: explorer.overview())


@router.get("/blocks", response_class=Response, responses=answers(views.BlockPage, 400, 404))
def blocks(
    request: Request,
    context: ExplorerContextDep,
    port: ExplorerDep,
    language: LanguageDep,
    before: Annotated[int | None, Query(ge=1, le=10**15, description="only blocks below this number")] = None,
    limit: Limit = 20,
) -> Response:
    """Blocks, newest first."""
    return Asked(request, context, port, language).answer(
        "blocks.html",
        lambda explorer: explorer.blocks(before, limit),
        {"before": before, "limit": None if limit == 20 else limit},
    )


@router.get("/blocks/{block}", response_class=Response, responses=answers(views.BlockView, 400, 404))
def block(
    request: Request,
    context: ExplorerContextDep,
    port: ExplorerDep,
    language: LanguageDep,
    block: Hash,
    page: Annotated[int, Query(ge=1, le=10**6)] = 1,
) -> Response:
    """A block by number or hash: header, hash and roots recomputed, transactions in words."""
    return Asked(request, context, port, language).answer(
        "block.html", lambda explorer: explorer.block(block, page), {"page": None if page == 1 else page}
    )


@router.get("/blocks/{block}/header.{form}", response_class=Response, responses=BYTES)
def header(request: Request, port: ExplorerDep, block: Hash, form: str) -> Response:
    """The bytes that a block's hash is the Keccak-256 of (form `rlp`, or `hex` as text)."""
    return _bytes(request, port.explorer.header(block), form, f"block-{block[:18]}-header")


@router.get("/transactions/{transaction}", response_class=Response, responses=answers(views.TransactionView, 400, 404))
def transaction(
    request: Request, context: ExplorerContextDep, port: ExplorerDep, language: LanguageDep, transaction: Hash
) -> Response:
    """A transaction in words: who said what under which signature, what the contracts answered, why one was refused."""
    return Asked(request, context, port, language).answer(
        "transaction.html", lambda explorer: explorer.transaction(transaction)
    )


@router.get("/transactions/{transaction}/transaction.{form}", response_class=Response, responses=BYTES)
def raw_transaction(request: Request, port: ExplorerDep, transaction: Hash, form: str) -> Response:
    """A transaction's bytes (EIP-2718; form `rlp`, or `hex` as text)."""
    return _bytes(request, port.explorer.raw_transaction(transaction), form, f"transaction-{transaction[:18]}")


@router.get(
    "/submissions/{submission}", response_class=RedirectResponse, status_code=303, responses=problems(400, 404, 503)
)
def submission(port: ExplorerDep, language: LanguageDep, submission: Hash) -> Response:
    """Go to the transaction that a submission was accepted in."""
    return _go(f"/chain/transactions/{port.explorer.submission(submission)}", language)


@router.get("/members", response_class=Response, responses=answers(sv.MemberList, 400))
def members(
    request: Request,
    context: ExplorerContextDep,
    port: ExplorerDep,
    language: LanguageDep,
    before: Before = None,
    limit: Limit = 20,
) -> Response:
    """Members, newest admission first: who let them in, and their roles, standing and custody now."""
    return Asked(request, context, port, language).answer(
        "members.html",
        lambda explorer: explorer.members(before, limit),
        {"before": before, "limit": None if limit == 20 else limit},
    )


@router.get("/members/{member}", response_class=Response, responses=answers(sv.MemberPage, 400, 404))
def member(
    request: Request,
    context: ExplorerContextDep,
    port: ExplorerDep,
    language: LanguageDep,
    member: Hash,
    before: Before = None,
    limit: Limit = 20,
) -> Response:
    """A member: roles, standing and keys proven from the state, its past, and its submissions, newest first."""
    return Asked(request, context, port, language).answer(
        "member.html",
        lambda explorer: explorer.member(member, before, limit),
        {"before": before, "limit": None if limit == 20 else limit},
    )


@router.get("/keys/{key}", response_class=RedirectResponse, status_code=303, responses=problems(400, 404, 503))
def key(port: ExplorerDep, language: LanguageDep, key: Hash) -> Response:
    """Go to the member that a key belongs to."""
    return _go(f"/chain/members/{port.explorer.member_of_key(key)}", language, f"#k-{key[-16:]}")


@router.get("/governance", response_class=Response, responses=answers(sv.GovernancePage, 400))
def governance(
    request: Request,
    context: ExplorerContextDep,
    port: ExplorerDep,
    language: LanguageDep,
    kind: Annotated[str | None, Query(max_length=20, description="one of " + ", ".join(KINDS))] = None,
    member: Annotated[str | None, Query(max_length=80, description="only acts about this member")] = None,
    before: Before = None,
    limit: Limit = 30,
) -> Response:
    """Who was admitted, by whom, and every change of keys, roles and standing, newest first."""
    kind, member = kind or None, (member or "").strip() or None
    return Asked(request, context, port, language).answer(
        "governance.html",
        lambda explorer: explorer.governance(kind, member, before, limit),
        {"kind": kind, "member": member, "before": before, "limit": None if limit == 30 else limit},
    )


@router.get("/lots/{lot}", response_class=Response, responses=answers(sv.LotPage, 400, 404))
def lot(
    request: Request,
    context: ExplorerContextDep,
    port: ExplorerDep,
    language: LanguageDep,
    lot: Hash,
    before: Before = None,
    limit: Limit = 25,
) -> Response:
    """A lot as the contract holds it, proven from the state, and every event about it."""
    return Asked(request, context, port, language).answer(
        "lot.html",
        lambda explorer: explorer.lot(lot, before, limit),
        {"before": before, "limit": None if limit == 25 else limit},
    )


@router.get("/contracts", response_class=Response, responses=answers(sv.ContractList))
def contracts(request: Request, context: ExplorerContextDep, port: ExplorerDep, language: LanguageDep) -> Response:
    """The ledger's contracts, each compared with the code of this release."""
    return Asked(request, context, port, language).answer("contracts.html", lambda explorer: explorer.contracts())


@router.get("/contracts/{name}", response_class=Response, responses=answers(sv.ContractPage, 404))
def contract(
    request: Request, context: ExplorerContextDep, port: ExplorerDep, language: LanguageDep, name: Hash
) -> Response:
    """One contract: code, immutables, compiler settings, ABI, storage layout and sources."""
    return Asked(request, context, port, language).answer("contract.html", lambda explorer: explorer.contract(name))


@router.get("/contracts/{name}/code.{form}", response_class=Response, responses=BYTES)
def contract_code(request: Request, port: ExplorerDep, name: Hash, form: str) -> Response:
    """The code that is on the chain now (form `bin`, or `hex` as text)."""
    code = port.explorer.contract_code(name)
    return _bytes(request, code, "rlp" if form == "bin" else form, f"{name}-code", "bin")


@router.get("/contracts/{name}/source/{path:path}", response_class=Response, responses=answers(sv.SourceFile, 404))
def contract_source(
    request: Request, context: ExplorerContextDep, port: ExplorerDep, language: LanguageDep, name: Hash, path: str
) -> Response:
    """A source file of a contract, with its hashes."""
    return Asked(request, context, port, language).answer(
        "source.html", lambda explorer: explorer.contract_source(name, decoded(path)), contract=name
    )


@router.get("/accounts/{address}", response_class=Response, responses=answers(sv.AccountPage, 400, 404))
def account(
    request: Request, context: ExplorerContextDep, port: ExplorerDep, language: LanguageDep, address: Hash
) -> Response:
    """An account in the newest state, proven: a contract, or a sender such as the relayer."""
    return Asked(request, context, port, language).answer("account.html", lambda explorer: explorer.account(address))


@router.get("/search", response_class=RedirectResponse, status_code=303, responses=problems(400, 404, 503))
def search(
    request: Request,
    context: ExplorerContextDep,
    port: ExplorerDep,
    language: LanguageDep,
    q: Annotated[str, Query(max_length=2000)] = "",
) -> Response:
    """Go to what a number, hash, id, social credit code, contract name or lot link means."""
    try:
        target = port.explorer.find(q)
    except (Malformed, NotFound) as error:
        if media_type(request.headers.get("accept"), ("application/json", "text/html")) != "text/html":
            raise
        assert context.pages is not None
        page = context.pages.render("chain/nothing.html", *language, "/chain/search", query=_query({"q": q}), asked=q)
        headers = {"cache-control": "no-store", "vary": "Accept, Accept-Language", "content-language": language[0]}
        return Response(page.body, 404 if isinstance(error, NotFound) else 400, headers, page.media_type)
    return _go(f"/chain/{target.kind}s/{quote(target.id, safe=':')}", language)


def _go(path: str, language: tuple[str, bool], anchor: str = "") -> Response:
    return RedirectResponse(path + (f"?lang={language[0]}" if language[1] else "") + anchor, 303)


def _bytes(request: Request, data: bytes, form: str, name: str, suffix: str = "rlp") -> Response:
    """Raw bytes as a download, or as hexadecimal text."""
    if form not in ("rlp", "hex"):
        raise HttpProblem(404, "raw data are offered as bytes and as hex")
    hexed = form == "hex"
    rendered = Rendered.of(
        f"0x{data.hex()}\n".encode() if hexed else data,
        "text/plain; charset=utf-8" if hexed else "application/octet-stream",
    )
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in name)
    headers = {"content-disposition": f'attachment; filename="{safe}.{"hex" if hexed else suffix}"'}
    return send(request, rendered, vary="Accept-Encoding", headers=headers)
