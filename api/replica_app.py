"""A replica's web server: the same limits, errors and shared routers as an operator's, over the replica's own data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from fastapi import FastAPI
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.app import add_error_handlers
from api.context import Context
from api.documented import problems
from api.limits import Limits
from api.logs import configure_logging
from api.metrics import HttpMetrics
from api.observability import Observe
from api.pages import Pages
from api.paths import HeadAsGet, KeepEncodedSlashes
from api.ports import LedgerPort
from api.responses import RenderCache
from api.routers import api_v1, checkpoints, explorer, replica, rpc
from api.settings import Settings
from ledger import __version__
from ledger.errors import OriginSealError
from ledger.services.replica.refusals import KINDS
from ledger.services.replica.status import STATES

if TYPE_CHECKING:
    from ledger.services.replica import Replica

PREFIX = "originseal_replica_"
SHARED = ("/api/v1/lots/{gtin}/{lot}/bundle", "/api/v1/submissions/{submission_id}/records")


class ReplicaMetrics(HttpMetrics):
    """The server's metrics, and where the replica stands, read when somebody scrapes."""

    def __init__(self, opened: Replica) -> None:
        super().__init__()
        self.registry.register(_Collector(opened))


class _Collector(Collector):
    def __init__(self, opened: Replica) -> None:
        self._replica = opened

    def collect(self) -> Iterator[Metric]:
        try:
            status = self._replica.status()
        except OriginSealError:
            yield GaugeMetricFamily("originseal_up", "1 when the replica answers", value=0)
            return
        yield GaugeMetricFamily("originseal_up", "1 when the replica answers", value=1)
        yield GaugeMetricFamily("originseal_height", "Block number of the chain's head", value=status.height)
        yield GaugeMetricFamily("originseal_head_time_seconds", "Unix time of the chain's head", value=status.head_time)
        state = GaugeMetricFamily(PREFIX + "state", "1 for the state that the replica is in", labels=["state"])
        for name in STATES:
            state.add_metric([name], float(name == status.state))
        yield state
        refusal = GaugeMetricFamily(PREFIX + "refused", "1 for the reason why following ended", labels=["kind"])
        for kind in KINDS:
            refusal.add_metric([kind], float(status.refusal is not None and status.refusal.kind == kind))
        yield refusal
        for name, help_text, value in (
            ("source_height", "Block number of the source's head", status.source_height),
            ("lag_blocks", "Blocks that the source is ahead", status.lag_blocks),
            ("lag_seconds", "Time between our head and the newest block that the source signed", status.lag_seconds),
            ("checked_time_seconds", "Unix time of the last look at the source", status.checked),
            ("agreed_time_seconds", "Unix time when everything last agreed", status.agreed),
            (
                "refusal_time_seconds",
                "Unix time of the refusal",
                None if status.refusal is None else status.refusal.time,
            ),
            ("warnings", "Warnings that people should look into", len(status.warnings)),
        ):
            if value is not None:
                yield GaugeMetricFamily(PREFIX + name, help_text, value=value)
        kept = GaugeMetricFamily(PREFIX + "kept", "Things that are kept, by kind", labels=["kind"])
        for kind, count in status.counts.items():
            kept.add_metric([kind], count)
        yield kept


def create_replica_app(settings: Settings, opened: Replica) -> FastAPI:
    """The application over an open replica; following it is the caller's work."""
    configure_logging(settings.log_level)
    context = Context(settings, RenderCache(settings.page_cache), RenderCache(1), cast(LedgerPort, opened))
    context.pages = Pages(settings, ("chain",), documented=False)
    context.metrics = ReplicaMetrics(opened)
    app = FastAPI(
        title="OriginSeal 源印 · replica 副本",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        responses=problems(429, 500),
        redirect_slashes=False,
    )
    app.state.context = context
    for module in (replica, checkpoints, explorer, rpc):
        app.include_router(module.router)
    app.router.routes += [route for route in api_v1.router.routes if getattr(route, "path", "") in SHARED]
    add_error_handlers(app, context)
    app.add_middleware(KeepEncodedSlashes)
    app.add_middleware(HeadAsGet)
    app.add_middleware(Limits, settings=settings)
    app.add_middleware(Observe, settings=settings, metrics=context.metrics)
    return app
