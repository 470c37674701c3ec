"""`originseal submit`: sign what a member says with the member's own key and hand it to a ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from ledger import correlation
from ledger.documents.canonical import loads_strict
from ledger.domain.members import check_uscc, member_id
from ledger.errors import EngineUnavailable, Malformed, Refused
from ledger.services.compose import Composer, Network, Part
from scripts.commands.key import AsJson, PassphraseFile, open_signer
from scripts.commands.output import console, emit

TIMEOUT_SECONDS = 60
Server = Annotated[str, typer.Option("--server", help="address of the ledger 账本地址")]
Key = Annotated[Path, typer.Option("--key", help="the member's SM2 key file 密钥文件")]
Member = Annotated[str, typer.Option("--member", help="the member's unified social credit code 统一社会信用代码")]


def submit(
    files: Annotated[list[Path], typer.Argument(help="records: CEB XML messages, or JSON {kind, payload}")],
    key: Key,
    member: Member,
    server: Server = "http://127.0.0.1:8000",
    passphrase_file: PassphraseFile = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the signed submission; send nothing")] = False,
    as_json: AsJson = False,
) -> None:
    """Sign the records in FILES as one submission and seal it 签名并提交.

    A JSON file holds one {"kind": …, "payload": …} object or a list of them (see docs/payloads.md); an XML file is one
    CEB message.
    """
    with server_client(server) as client:
        composer = composer_for(client, key, passphrase_file, member)
        parts = [part for path in files for part in read_parts(composer, path)]
        wire = composer.compose(parts).to_wire()
        if dry_run:
            emit(wire)
            return
        receipt = send(client, wire)
    if as_json:
        emit(receipt)
        return
    again = " (already sealed before 此前已封存)" if receipt.get("duplicate") else ""
    console.print(f"{receipt['state']}{again}: {receipt['count']} record(s)", markup=False)
    console.print(f"submission 提交   {receipt['submissionId']}", markup=False, soft_wrap=True)
    console.print(
        f"block 区块        {receipt.get('block')}  {receipt.get('transaction')}", markup=False, soft_wrap=True
    )


def server_client(server: str) -> httpx.Client:
    """A client that sends this command's correlation id along: the server's log names it, from request to block."""
    headers = {"x-request-id": correlation.current() or correlation.fresh()}
    return httpx.Client(base_url=server, timeout=TIMEOUT_SECONDS, headers=headers)


def composer_for(client: httpx.Client, key: Path, passphrase_file: Path | None, uscc: str) -> Composer:
    """A composer for one member on the ledger that `client` talks to."""
    facts = get(client, "/api/v1/ledger")
    network = Network(int(facts["chainId"]), str(facts["submissions"]))
    return Composer(network, member_id(check_uscc(uscc)), open_signer(key, passphrase_file))


def read_parts(composer: Composer, path: Path) -> list[Part]:
    """The parts that one file holds; raises Malformed naming the file."""
    try:
        data = path.read_bytes()
    except OSError as e:
        raise Malformed(f"cannot read {path}: {e.strerror}", field=str(path)) from e
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return composer.documents(data)
    value = loads_strict(data)
    items = value if isinstance(value, list) else [value]
    parts = []
    for i, item in enumerate(items):
        if not isinstance(item, dict) or not isinstance(item.get("kind"), str) or "payload" not in item:
            raise Malformed("each record is an object {kind, payload}", field=f"{path}#/{i}")
        parts.append(composer.part(item["kind"], item["payload"]))
    return parts


def get(client: httpx.Client, path: str) -> dict[str, Any]:
    """GET JSON; an unreachable server is EngineUnavailable with its address."""
    try:
        return _answer(client.get(path))
    except httpx.HTTPError as e:
        raise EngineUnavailable(f"no answer from {client.base_url}: {e}", hint="is the server running?") from e


def send(client: httpx.Client, wire: dict[str, Any]) -> dict[str, Any]:
    """POST a submission; returns its receipt, raises Refused with the server's reason."""
    try:
        return _answer(client.post("/api/v1/submissions", json=wire))
    except httpx.HTTPError as e:
        raise EngineUnavailable(
            f"no answer from {client.base_url}: {e}", hint="send the same file again: a submission is sealed only once"
        ) from e


def _answer(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except json.JSONDecodeError as e:
        raise EngineUnavailable(f"HTTP {response.status_code} without JSON from {response.url}") from e
    if response.is_success and isinstance(body, dict):
        return body
    problem = body if isinstance(body, dict) else {}
    raise Refused(
        f"{problem.get('code', response.status_code)}: {problem.get('detail', 'refused')}",
        field=problem.get("field"),
        hint=problem.get("hint") or "",
        problems=problem.get("problems", []),
    )
