"""`originseal member`: who may write. Listing is public; admitting and suspending need a zone authority's key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ledger.domain.members import Role, Standing, check_uscc, member_id
from scripts.commands.key import AsJson, PassphraseFile
from scripts.commands.output import console, emit
from scripts.commands.submit import Key, Member, Server, composer_for, get, send, server_client

app = typer.Typer(no_args_is_help=True, help="Members 成员.")
Subject = Annotated[str, typer.Argument(help="unified social credit code of the member concerned 统一社会信用代码")]


@app.command("list")
def list_(server: Server = "http://127.0.0.1:8000", as_json: AsJson = False) -> None:
    """List all members 列出成员."""
    members: list[dict[str, Any]] = []
    cursor: str | None = None
    with server_client(server) as client:
        while True:
            page = get(client, "/api/v1/members?limit=100" + (f"&cursor={cursor}" if cursor else ""))
            members += page["items"]
            cursor = page.get("nextCursor")
            if not cursor:
                break
    if as_json:
        emit(members)
        return
    table = Table("uscc", "name 名称", "zone", "roles", "standing", "custodial 托管")
    for m in members:
        name = m["name"]["zh"] if isinstance(m.get("name"), dict) else m.get("nameZh", "")
        table.add_row(
            m["uscc"],
            name,
            str(m["zone"]),
            " ".join(m["roles"]),
            m["standing"],
            "yes 是" if m["custodial"] else "no 否",
        )
    console.print(table)


@app.command("show")
def show(subject: Subject, server: Server = "http://127.0.0.1:8000", as_json: AsJson = False) -> None:
    """Show one member 查看成员."""
    with server_client(server) as client:
        facts = get(client, f"/api/v1/members/sm3:{member_id(check_uscc(subject)).hex()}")
    if as_json:
        emit(facts)
        return
    for name, value in facts.items():
        console.print(f"{name:12} {value}", markup=False, soft_wrap=True)


@app.command("admit")
def admit(
    subject: Subject,
    name_zh: Annotated[str, typer.Option("--name-zh")],
    name_en: Annotated[str, typer.Option("--name-en")],
    zone: Annotated[int, typer.Option("--zone", min=1, max=7)],
    role: Annotated[list[str], typer.Option("--role", help=f"one or more of {', '.join(Role.__members__)}")],
    public_key: Annotated[str, typer.Option("--public-key", help="130 hex digits 04‖X‖Y (`originseal key show`)")],
    key: Key,
    member: Member,
    custodial: Annotated[bool, typer.Option("--custodial", help="the server keeps this member's key")] = False,
    server: Server = "http://127.0.0.1:8000",
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Admit a member to the signing authority's zone 准入成员."""
    payload = {
        "uscc": check_uscc(subject),
        "name": {"zh": name_zh, "en": name_en},
        "zone": zone,
        "roles": role,
        "key": {"publicKey": public_key.lower(), "custodial": custodial},
    }
    say("member.profile", payload, key, member, server, passphrase_file, as_json)


@app.command("standing")
def standing(
    subject: Subject,
    change: Annotated[str, typer.Argument(help=f"one of {', '.join(Standing.__members__)}")],
    reason_zh: Annotated[str, typer.Option("--reason-zh")],
    reason_en: Annotated[str, typer.Option("--reason-en")],
    key: Key,
    member: Member,
    server: Server = "http://127.0.0.1:8000",
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Suspend, reinstate or retire a member of the signing authority's zone 变更成员状态."""
    payload = {"uscc": check_uscc(subject), "change": change, "reason_zh": reason_zh, "reason_en": reason_en}
    say("member.notice", payload, key, member, server, passphrase_file, as_json)


def say(
    kind: str,
    payload: dict[str, Any],
    key: Path,
    member: str,
    server: str,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Sign and submit one record, and print its receipt."""
    with server_client(server) as client:
        composer = composer_for(client, key, passphrase_file, member)
        receipt = send(client, composer.compose([composer.part(kind, payload)]).to_wire())
    if as_json:
        emit(receipt)
    else:
        console.print(f"{receipt['state']}  {receipt['submissionId']}", markup=False, soft_wrap=True)
