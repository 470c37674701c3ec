"""`originseal governance`: how many authorities decide, taking office, emergencies, and what is being decided.

To approve is to submit the same operation: `originseal member …`, or here, with the values that the others used.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ledger.domain.members import check_uscc
from scripts.commands.key import AsJson, PassphraseFile
from scripts.commands.member import Subject, say
from scripts.commands.output import console, emit
from scripts.commands.submit import Key, Member, Server, get, server_client

KINDS = ("proposed", "approved", "threshold", "office", "emergency")
app = typer.Typer(no_args_is_help=True, help="Governance 治理.")
ReasonZh = Annotated[str, typer.Option("--reason-zh")]
ReasonEn = Annotated[str, typer.Option("--reason-en")]


@app.command("list")
def list_(
    kind: Annotated[str, typer.Option("--kind", help=f"one of {', '.join(KINDS)}; empty: every act")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=100)] = 30,
    server: Server = "http://127.0.0.1:8000",
    as_json: AsJson = False,
) -> None:
    """List what authorities proposed, approved and decided, newest first 列出提案、同意与决定."""
    query = f"/chain/governance?limit={limit}" + (f"&kind={kind}" if kind else "")
    with server_client(server) as client:
        client.headers["accept"] = "application/json"
        items: list[dict[str, Any]] = get(client, query)["items"]
    if as_json:
        emit(items)
        return
    for item in items:
        words = item["words"]
        console.print(f"#{item['block']}  {words['zh']}\n    {words['en']}", markup=False, soft_wrap=True)


@app.command("threshold")
def threshold(
    number: Annotated[int, typer.Argument(min=1, help="how many authorities shall decide together 共同决定的机构数")],
    reason_zh: ReasonZh,
    reason_en: ReasonEn,
    key: Key,
    member: Member,
    server: Server = "http://127.0.0.1:8000",
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Propose, or approve, how many authorities decide together 提议或同意共同决定的机构数."""
    notice = {"change": "threshold", "threshold": number, "reason_zh": reason_zh, "reason_en": reason_en}
    say("member.notice", notice, key, member, server, passphrase_file, as_json)


@app.command("suspend")
def suspend(
    subject: Subject,
    reason_zh: ReasonZh,
    reason_en: ReasonEn,
    key: Key,
    member: Member,
    server: Server = "http://127.0.0.1:8000",
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Suspend a member at once, for three days unless confirmed 紧急暂停成员."""
    notice = {"uscc": check_uscc(subject), "change": "suspend-now", "reason_zh": reason_zh, "reason_en": reason_en}
    say("member.notice", notice, key, member, server, passphrase_file, as_json)


@app.command("accept")
def accept(
    key: Key,
    member: Member,
    reason_zh: ReasonZh = "就任管理机构",
    reason_en: ReasonEn = "taking office as an authority",
    server: Server = "http://127.0.0.1:8000",
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Take office as an authority 就任管理机构."""
    notice = {"uscc": check_uscc(member), "change": "accept-office", "reason_zh": reason_zh, "reason_en": reason_en}
    say("member.notice", notice, key, member, server, passphrase_file, as_json)
