"""`originseal demo`: a consortium of seven zones with real signatures on a real chain, then the server over it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scripts.commands.output import console, emit, stderr
from scripts.commands.serve import BaseUrl, Host, Port


def demo(
    data: Annotated[Path, typer.Option("--data", help="the data folder 数据目录")] = Path("demo-data"),
    port: Port = 8000,
    host: Host = "127.0.0.1",
    base_url: BaseUrl = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="seed only 只生成数据")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the seeded lots and trades as JSON")] = False,
) -> None:
    """Seed a demonstration once (about half a minute), then serve it 生成演示数据并启动服务."""
    from ledger.services.demo.seed import seed, summary

    url = base_url or f"http://{host}:{port}"
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr, transient=True, disable=as_json) as progress:
        task = progress.add_task("seeding 生成数据", total=None)

        def on_progress(done: int, total: int, what: str) -> None:
            progress.update(task, completed=done, total=total, description=what)

        seed(data, progress=on_progress)
    facts = summary(data, url)
    if as_json:
        emit(facts)
    if no_serve:
        if not as_json:
            console.print(_guide(facts), markup=False, soft_wrap=True)
        return
    from ledger.services.demo.witnesses import witnessing
    from scripts.commands.serve import run

    run(data, port, host, base_url, quiet=True, after_ready="" if as_json else _guide(facts), during=witnessing)


def _guide(facts: dict[str, Any]) -> str:
    lots = facts["lots"]
    first = lots[0]
    mismatch = next((t for t in facts["trades"] if t["verdict"] == "MISMATCHED"), None)
    recalled = next((lot for lot in lots if lot["state"] == "RECALLED"), None)
    lines = [
        "",
        f"{len(lots)} lots, {len(facts['trades'])} trades, {facts['members']} members. What to open 打开看看:",
        f"  front page 首页            {facts['url']}/",
        f"  a lychee box 一盒荔枝       {first['page']}",
        f"  its QR code 二维码          {first['label']}",
    ]
    if recalled:
        lines.append(f"  a recalled lot 召回批次     {recalled['page']}")
    if mismatch:
        lines.append(f"  three documents that disagree 三单不符  {mismatch['page']}")
    lines += [
        f"  API 接口                   {facts['url']}/openapi.json",
        "What to try 试一试:",
        f"  curl -s {first['bundle']} -o bundle.json",
        f"  .venv/bin/originseal verify bundle.json --anchors {facts['anchors']} --witnesses 2",
        f"  curl -s {facts['url']}/checkpoints/latest",
        f"  .venv/bin/originseal audit --data {facts['data']}",
        "Demonstration data: the goods, companies and numbers are invented; signatures, contracts and chain are real.",
        "演示数据：商品、企业与编号均为虚构；签名、合约与区块链是真实运行的。",
    ]
    return "\n".join(lines)
