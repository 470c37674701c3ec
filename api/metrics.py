"""Prometheus metrics: what the server counts itself, and the ledger's numbers, read when somebody scrapes.

Every name is in docs/operations.md with its meaning. Base units, `_total` on counters; labels come from closed sets
(routes, problem codes, contract errors, anchored witnesses), so that no visitor can make the registry grow. What cannot
be known (the engine is down) has no sample rather than a wrong one.
"""

from __future__ import annotations

import platform
import sqlite3
import ssl
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ledger import __version__
from ledger.errors import OriginSealError
from ledger.services.measures import LAG_BUCKETS

if TYPE_CHECKING:
    from ledger.index.views import LedgerStatus
    from ledger.services.operations import OperationFacts

PREFIX = "originseal_"


class HttpMetrics:
    """A server's own registry: requests, refusals, durations, and the process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "originseal_http_requests", "Requests by route, method and status", ["route", "method", "status"],
            registry=self.registry,
        )  # fmt: skip
        self.refusals = Counter(
            "originseal_refusals", "Problem answers by code, reads and writes alike", ["code"], registry=self.registry
        )
        self.duration = Histogram(
            "originseal_http_duration_seconds", "Server time by route", ["route"], registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
        )  # fmt: skip
        self.registry.register(_BuildCollector())
        ProcessCollector(registry=self.registry)  # memory, processor time, open files and their limit


class Metrics(HttpMetrics):
    """An operator's: also the ledger's numbers."""

    def __init__(
        self, status: Callable[[], LedgerStatus], operations: Callable[[], OperationFacts | None] = lambda: None
    ) -> None:
        super().__init__()
        self.registry.register(_LedgerCollector(status))
        self.registry.register(_OperationsCollector(operations))


def _gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, help_text, value=value)


class _BuildCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        names = ["version", "python", "openssl", "sqlite"]
        info = GaugeMetricFamily(PREFIX + "build_info", "1, with the versions that this process runs", labels=names)
        info.add_metric(
            [__version__, platform.python_version(), ssl.OPENSSL_VERSION.split()[1], sqlite3.sqlite_version], 1
        )
        yield info


class _LedgerCollector(Collector):
    def __init__(self, status: Callable[[], LedgerStatus]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        try:
            status = self._status()
        except OriginSealError:
            yield _gauge("up", "1 when the ledger answers", 0)
            return
        yield _gauge("up", "1 when the ledger answers", 1)
        for name, help_text, value in (
            ("height", "Block number of the chain's head", status.height),
            ("head_time_seconds", "Unix time of the chain's head", status.head_time),
            ("index_height", "Last block in the read model", status.indexed),
            ("index_lag_blocks", "Blocks that the read model is behind", max(0, status.height - status.indexed)),
            ("outbox_depth", "Submissions waiting to be sealed", status.outbox_depth),
            ("records", "Sealed records", status.records),
            ("submissions", "Sealed submissions", status.submissions),
            ("lots", "Registered lots", status.lots),
            ("trades", "Matched or refused trades", status.trades),
            ("members", "Members", status.members),
        ):
            yield _gauge(name, help_text, value)


class _OperationsCollector(Collector):
    def __init__(self, operations: Callable[[], OperationFacts | None]) -> None:
        self._operations = operations

    def collect(self) -> Iterator[Metric]:
        try:
            facts = self._operations()
        except OriginSealError:
            return
        if facts is None:
            return
        yield _gauge("engine_reachable", "1 when the chain engine answers", facts.engine_reachable)
        yield _gauge(
            "sealing_suspended", "1 when a restored ledger may not seal before it was compared", facts.sealing_suspended
        )
        yield from self._outbox(facts)
        yield from self._counted(facts)
        yield from self._checkpoints(facts)
        yield from self._audit(facts)
        yield from self._files(facts)

    def _outbox(self, facts: OperationFacts) -> Iterator[Metric]:
        if facts.waiting is not None:
            rows = GaugeMetricFamily(
                PREFIX + "outbox_submissions", "Submissions in the outbox that are not sealed, by state",
                labels=["state"],
            )  # fmt: skip
            for state, count in facts.waiting.items():
                rows.add_metric([state], count)
            yield rows
        if facts.oldest_waiting is not None:
            yield _gauge(
                "outbox_oldest_age_seconds", "How long the oldest unfinished submission has waited",
                facts.oldest_waiting,
            )  # fmt: skip
        if facts.nonce_gap is not None:
            yield _gauge(
                "relayer_nonce_gap", "Relayer nonces signed and not on the chain; negative: another holder of the key",
                facts.nonce_gap,
            )  # fmt: skip

    def _counted(self, facts: OperationFacts) -> Iterator[Metric]:
        bounds = [(str(bound), count) for bound, count in zip(LAG_BUCKETS, facts.lag.cumulative, strict=True)]
        yield HistogramMetricFamily(
            PREFIX + "anchor_lag_seconds", "From a submission's acceptance to its sealing",
            buckets=[*bounds, ("+Inf", facts.lag.count)], sum_value=facts.lag.total,
        )  # fmt: skip
        refused = CounterMetricFamily(
            PREFIX + "refused_submissions", "Submissions refused, by problem code and the contract's error",
            labels=["code", "error"],
        )  # fmt: skip
        for labels, count in facts.refusals.items():
            refused.add_metric(labels, count)
        yield refused

    def _checkpoints(self, facts: OperationFacts) -> Iterator[Metric]:
        if facts.checkpoint is not None:
            height, when = facts.checkpoint
            yield _gauge("checkpoint_height", "Height of the newest signed checkpoint", height)
            yield _gauge("checkpoint_time_seconds", "Block time of the newest signed checkpoint, Unix time", when)
            if facts.height is not None:
                yield _gauge(
                    "checkpoint_lag_blocks", "Blocks after the newest signed checkpoint", max(0, facts.height - height)
                )
        yield _gauge("witness_quorum", "Witnesses that the anchors ask for", facts.quorum)
        yield _gauge("witnesses", "Witnesses that the anchors name", len(facts.witnesses))
        height, count = facts.cosigned or (-1, 0)
        yield _gauge("cosigned_height", "Height of the newest co-signed checkpoint, -1 when there is none", height)
        yield _gauge("cosigned_witnesses", "Anchored witnesses on the newest co-signed checkpoint", count)
        labels = ["witness", "agency"]
        behind = GaugeMetricFamily(
            PREFIX + "witness_lag_blocks", "Blocks after a witness's newest co-signature", labels=labels
        )
        when_ = GaugeMetricFamily(
            PREFIX + "witness_time_seconds", "When a witness last co-signed, by its clock, Unix time; 0 never",
            labels=labels,
        )  # fmt: skip
        for witness in facts.witnesses:
            names = [f"sm3:{witness.key_id.hex()}", witness.agency]
            when_.add_metric(names, witness.time or 0)
            if facts.height is not None:
                behind.add_metric(names, facts.height - (-1 if witness.height is None else witness.height))
        yield behind
        yield when_

    def _audit(self, facts: OperationFacts) -> Iterator[Metric]:
        audit = facts.audit
        yield _gauge(
            "audit_time_seconds", "When the last audit began, Unix time; 0 never", audit.started if audit else 0
        )
        if audit is None:
            return
        yield _gauge("audit_sound", "1 when the last audit found nothing", audit.sound)
        yield _gauge("audit_height", "Head that the last audit looked at", audit.head)
        mode = GaugeMetricFamily(PREFIX + "audit_info", "1, with the last audit's mode", labels=["mode"])
        mode.add_metric([audit.mode], 1)
        yield mode
        findings = GaugeMetricFamily(
            PREFIX + "audit_findings", "Findings of the last audit by severity", labels=["severity"]
        )
        for severity, count in audit.findings.items():
            findings.add_metric([severity], count)
        yield findings

    def _files(self, facts: OperationFacts) -> Iterator[Metric]:
        yield _gauge("backup_time_seconds", "When the folder was last backed up, Unix time; 0 never", facts.backup or 0)
        if facts.disk is not None:
            free, whole = facts.disk
            yield _gauge("disk_free_bytes", "Free bytes where the data folder is", free)
            yield _gauge("disk_size_bytes", "Size of the file system where the data folder is", whole)
        stores = GaugeMetricFamily(
            PREFIX + "store_size_bytes", "Size of a store's files with their write-ahead logs", labels=["store"]
        )
        for store, size in facts.stores.items():
            stores.add_metric([store], size)
        yield stores
