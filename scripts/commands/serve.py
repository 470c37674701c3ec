"""`originseal serve`: the API and pages over one data folder, in the foreground."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.services.audit_schedule import parse_every
from scripts.commands.output import EXIT_UNAVAILABLE, console
from scripts.commands.schedule import auditor

if TYPE_CHECKING:
    from ledger.services.ledger import Ledger

MAX_HEADER_BYTES = 64 * 1024  # a signed envelope of a full customs message fits into one request header

Data = Annotated[Path, typer.Option("--data", help="the data folder 数据目录")]
Port = Annotated[int, typer.Option("--port", min=1, max=65535, help="TCP port 端口")]
Host = Annotated[str, typer.Option("--host", help="address to listen on 监听地址")]
BaseUrl = Annotated[str | None, typer.Option("--base-url", help="public address that QR codes carry 对外网址")]


def serve(
    data: Data,
    port: Port = 8000,
    host: Host = "127.0.0.1",
    base_url: BaseUrl = None,
    audit_every: Annotated[
        str | None, typer.Option("--audit-every", help="audit the folder on schedule, in a process beside, every 24h")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help='print {"ready": URL} instead of READY URL')] = False,
) -> None:
    """Serve the ledger until interrupted; prints READY when it answers 启动服务."""
    run(data, port, host, base_url, as_json=as_json, audit_every=audit_every)


def run(
    data: Path,
    port: int,
    host: str,
    base_url: str | None,
    *,
    quiet: bool = False,
    as_json: bool = False,
    after_ready: str = "",
    audit_every: str | None = None,
    during: Callable[[Ledger], AbstractContextManager[None]] | None = None,
) -> None:
    """Open the folder, listen, print `READY url`, then block until interrupted. `quiet` logs only what is wrong;
    `during` is entered once it listens.

    The ledger is opened before anything listens, so that what is wrong with it is this command's own error.
    """
    from api.app import create_app
    from api.logs import configure_logging
    from api.settings import Settings
    from ledger.services.ledger import Ledger

    environment = {"ORIGINSEAL_LOG_LEVEL": "WARNING" if quiet else "INFO", **os.environ}
    if audit_every is not None:
        parse_every(audit_every, "--audit-every")
    configure_logging(environment["ORIGINSEAL_LOG_LEVEL"])  # before opening: recovery has its own lines
    with Ledger.open(data) as ledger, ExitStack() as beside:
        url = base_url or f"http://{host}:{port}"
        settings = Settings.from_environment(environment, data=data, base_url=url, demo=ledger.config.demo)

        def tell() -> None:
            if audit_every is not None:
                beside.enter_context(auditor(data, audit_every))
            if during is not None:
                beside.enter_context(during(ledger))
            if after_ready:
                console.print(after_ready, markup=False, soft_wrap=True)

        listen(create_app(settings, ledger), host, port, as_json=as_json, when_ready=tell)


def listen(app: Any, host: str, port: int, *, as_json: bool, when_ready: Callable[[], None]) -> None:
    """Serve an application until interrupted: print `READY url` once it listens, then call `when_ready`."""
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started:
                url = f"http://{host}:{port}"
                print(json.dumps({"ready": url}) if as_json else f"READY {url}", flush=True)
                when_ready()

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=15,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
    )
    server = Server(config)
    # uvicorn raises the signal that stopped it once more when it is done: what is open here is closed all the same
    signal.signal(signal.SIGTERM, _stop)
    server.run()
    if not server.started:
        raise typer.Exit(EXIT_UNAVAILABLE)  # uvicorn has said why (the port is taken, usually)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
