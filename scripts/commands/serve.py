"""`originseal serve`: the API and pages over one data folder, in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.commands.output import console

Data = Annotated[Path, typer.Option("--data", help="the data folder 数据目录")]
Port = Annotated[int, typer.Option("--port", min=1, max=65535, help="TCP port 端口")]
Host = Annotated[str, typer.Option("--host", help="address to listen on 监听地址")]
BaseUrl = Annotated[str | None, typer.Option("--base-url", help="public address that QR codes carry 对外网址")]


def serve(data: Data, port: Port = 8000, host: Host = "127.0.0.1", base_url: BaseUrl = None) -> None:
    """Serve the ledger until interrupted; prints READY when it answers."""
    run(data, port, host, base_url)


def run(data: Path, port: int, host: str, base_url: str | None, after_ready: str = "") -> None:
    """Open the folder, listen, print `READY url`, then block until interrupted."""
    import uvicorn

    from api.app import create_app
    from api.settings import Settings

    url = base_url or f"http://{host}:{port}"
    application = create_app(Settings.from_environment(data=data, base_url=url))

    class Server(uvicorn.Server):
        async def startup(self, sockets: object = None) -> None:
            await super().startup(sockets)  # type: ignore[arg-type]
            if self.started:
                print(f"READY http://{host}:{port}", flush=True)
                if after_ready:
                    console.print(after_ready, markup=False, soft_wrap=True)

    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=15,
        h11_max_incomplete_event_size=64 * 1024,
    )
    Server(config).run()
