"""`originseal replica`: an own copy that executes every block itself and believes nobody."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.commands.key import PassphraseFile, open_signer
from scripts.commands.output import EXIT_FINDING, EXIT_UNAVAILABLE, console, emit, stderr
from scripts.commands.serve import BaseUrl, Data, Host, Port, listen

if TYPE_CHECKING:
    from ledger.services.replica import Replica
    from ledger.services.replica.status import ReplicaStatus

Source = Annotated[str | None, typer.Option("--from", help="address of the operator (or replica) to follow 源地址")]
Anchors = Annotated[
    Path | None, typer.Option("--anchors", help="trust anchors that you got from somewhere else 信任锚文件")
]
Node = Annotated[
    str | None, typer.Option("--node", help="own JSON-RPC node of a consortium's chain, instead of executing here")
]
Finality = Annotated[str, typer.Option("--finality", help="of --node: instant, depth:N or tag:finalized")]
Interval = Annotated[
    float, typer.Option("--interval", min=0.2, max=86_400, help="seconds between looks 轮询间隔（秒）")
]


def replica(
    data: Data,
    source: Source = None,
    anchors: Anchors = None,
    port: Port = 8100,
    host: Host = "127.0.0.1",
    base_url: BaseUrl = None,
    once: Annotated[bool, typer.Option("--once", help="catch up, report, and end 追上后退出")] = False,
    interval: Interval = 5.0,
    plain: Annotated[
        bool, typer.Option("--plain", help="execute on py-evm's own loop (slower) 使用 py-evm 原生循环")
    ] = False,
    node: Node = None,
    finality: Finality = "instant",
    witness: Annotated[
        Path | None, typer.Option("--witness", help="co-sign as an agency, with this SM2 key file 以此机构密钥见证签名")
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Follow an operator, execute every block again, serve the own copy 运行独立副本.

    Exit code 1: the source was refused (see DATA/evidence); 4: it could not be reached with --once.
    """
    from api.logs import configure_logging
    from ledger.services.replica import start

    configure_logging(os.environ.get("ORIGINSEAL_LOG_LEVEL", "WARNING" if once else "INFO"))
    signer = None if witness is None else open_signer(witness, passphrase_file)
    stop = threading.Event()
    opened, trusting = start(data, source=source, anchors=anchors, node=node, finality=finality, plain=plain, stop=stop)
    with opened:
        if trusting:
            stderr.print(
                "[bold red]! 信任锚取自源本身，尚未经他处核对。[/bold red]\n"
                "[bold red]! The trust anchors were taken from the source itself.[/bold red]\n"
                f"  Compare {data / 'anchors.json'} with a copy from somebody else (a zone authority, another replica, "
                "print) before you rely on this copy. Better: start again with --anchors FILE.",
                soft_wrap=True,
            )
        if signer is not None:
            opened.witness(signer)
        if once:
            _once(opened, as_json=as_json)
        else:
            _serve(opened, stop, data, host, port, base_url, interval, as_json=as_json)


def _once(opened: Replica, *, as_json: bool) -> None:
    from ledger.services.replica.status import WAITING

    status = opened.poll()
    while opened.follower.busy:
        status = opened.poll()
    if as_json:
        emit(status.to_json())
    else:
        console.print(render(status), markup=False, soft_wrap=True)
    if status.refusal is not None:
        raise typer.Exit(EXIT_FINDING)
    if status.state == WAITING:
        raise typer.Exit(EXIT_UNAVAILABLE)


def _serve(
    opened: Replica,
    stop: threading.Event,
    data: Path,
    host: str,
    port: int,
    base_url: str | None,
    interval: float,
    *,
    as_json: bool,
) -> None:
    from api.replica_app import create_replica_app
    from api.settings import Settings

    failures: list[BaseException] = []

    def follow() -> None:
        try:
            opened.run(interval)
        except BaseException as error:  # shown when the server ends; the page says that nothing is checked any more
            failures.append(error)
            stderr.print(f"following ended: {error}", markup=False)

    settings = Settings.from_environment(os.environ, data=data, base_url=base_url or f"http://{host}:{port}")
    thread = threading.Thread(target=follow, name="replica", daemon=True)
    app: Any = create_replica_app(settings, opened)
    try:
        with suppress(SystemExit):  # how a stop by SIGTERM arrives: the exit code is for us to say
            listen(app, host, port, as_json=as_json, when_ready=thread.start)
    finally:
        stop.set()
        if thread.ident is not None:
            thread.join()
    if failures:
        raise failures[0]
    if opened.status().refusal is not None:
        raise typer.Exit(EXIT_FINDING)


def render(status: ReplicaStatus) -> str:
    """The status for people."""
    lines = [
        f"{status.state}: block {status.height} {status.head_hash}",
        f"source {status.source}: "
        + ("not reached" if status.source_height is None else f"block {status.source_height}"),
        ", ".join(f"{name} {count}" for name, count in status.counts.items()),
    ]
    lines += [f"warning 警告: {warning}" for warning in status.warnings]
    if status.fault:
        lines.append(f"last fault 最近故障: {status.fault}")
    if status.refusal is not None:
        lines += [
            f"REFUSED 已拒绝: {status.refusal.zh} {status.refusal.en}",
            f"  {status.refusal.detail}",
            f"  evidence 证据: evidence/{status.refusal.evidence}",
        ]
    return "\n".join(lines)
