"""Metrics say what is so; rules, dashboard and document name only what the running servers really answer."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_ledger import FakeLedger
from fake_values import NOW, OPERATIONS
from fastapi.testclient import TestClient
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from promql import series, tokens

from api.app import create_app
from api.replica_app import ReplicaMetrics
from api.settings import Settings
from ledger.errors import EngineUnavailable, OriginSealError, RevertedOnChain, SignatureRejected
from ledger.services.config import write_json
from ledger.services.replica.refusals import Refusal
from ledger.services.replica.status import REFUSED, ReplicaStatus
from tests.small_ledger import SmallLedger, found_small

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "originseal.json"
DOCUMENT = ROOT / "docs" / "operations.md"
FROM_PROMETHEUS = {"up"}  # made by Prometheus itself for every target


class Still:
    """A replica that stopped: the numbers that ReplicaMetrics turns into samples."""

    @staticmethod
    def status() -> ReplicaStatus:
        refusal = Refusal("other-chain", 7, "made for a test", NOW, "x.json")
        return ReplicaStatus(
            state=REFUSED, height=7, head_time=NOW, source_height=9, lag_seconds=3.0, checked=NOW, agreed=NOW,
            refusal=refusal, counts={"checkpoints": 7},
        )  # fmt: skip


def answered(text: str) -> dict[str, str]:
    """Name of each sample → name of its family, with every family that was announced even without a sample."""
    found: dict[str, str] = {}
    for family in text_string_to_metric_families(text):
        name = family.name + ("_total" if family.type == "counter" else "")
        found[name] = name
        for sample in family.samples:
            found[sample.name] = name
        if family.type == "histogram":
            found |= {f"{family.name}_{part}": name for part in ("bucket", "count", "sum")}
    return {name: family for name, family in found.items() if not name.endswith("_created")}


@pytest.fixture
def operator(small: SmallLedger) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(read_rate=0, write_rate=0, log_level="CRITICAL"), small.ledger)) as client:
        yield client


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What an operator that was audited and a replica that refused answer."""
    small = found_small(tmp_path_factory.mktemp("metrics") / "data")
    report = {"startedAt": 5, "head": 1, "result": "sound", "findingsByKind": {}}
    write_json(small.ledger.folder.audit_report, report)
    with TestClient(create_app(Settings(log_level="CRITICAL"), small.ledger)) as client:
        client.get("/healthz")
        text = client.get("/metrics").text
    small.ledger.close()
    replica: Any = Still()
    return answered(text) | answered(generate_latest(ReplicaMetrics(replica).registry).decode())


def value(text: str, name: str, **labels: str) -> float:
    found = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(found) == 1, f"{name} {labels}: {found}"
    return found[0]


# ------------------------------------------------------------------------------------------------- what they say


def test_operation_metrics_say_what_is_so_when_a_submission_was_sealed(
    operator: TestClient, small: SmallLedger
) -> None:
    small.register_lot()
    with pytest.raises(SignatureRejected):
        wire = small.event_wire()
        small.ledger.submit({**wire, "signature": "00" * 64})
    text = operator.get("/metrics").text
    assert value(text, "originseal_engine_reachable") == 1
    assert value(text, "originseal_sealing_suspended") == 0
    assert value(text, "originseal_anchor_lag_seconds_count") == 1
    assert value(text, "originseal_anchor_lag_seconds_bucket", le="86400.0") == 1
    assert value(text, "originseal_refused_submissions_total", code="signature-rejected", error="") == 1
    assert value(text, "originseal_outbox_oldest_age_seconds") == 0
    assert value(text, "originseal_outbox_submissions", state="queued") == 0
    assert value(text, "originseal_relayer_nonce_gap") == 0
    assert value(text, "originseal_checkpoint_lag_blocks") == 0
    assert value(text, "originseal_audit_time_seconds") == 0
    assert value(text, "originseal_backup_time_seconds") == 0
    assert value(text, "originseal_store_size_bytes", store="chain") > 10_000
    assert 0 < value(text, "originseal_disk_free_bytes") <= value(text, "originseal_disk_size_bytes")
    assert value(text, "process_max_fds") > value(text, "process_open_fds") > 0


def test_contract_error_is_a_label_when_the_contract_refused(operator: TestClient, small: SmallLedger) -> None:
    small.register_lot()
    with pytest.raises(RevertedOnChain) as caught:
        small.register_lot()
    assert caught.value.error.startswith("Lots")
    text = operator.get("/metrics").text
    labels = {"code": "reverted-on-chain", "error": caught.value.error}
    assert value(text, "originseal_refused_submissions_total", **labels) == 1


def test_customs_message_is_counted_once_when_it_is_refused(operator: TestClient, small: SmallLedger) -> None:
    for data in (b"no xml", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>"):
        with pytest.raises(OriginSealError):
            small.ledger.submit_ceb(data, {})
    with pytest.raises(OriginSealError):
        small.ledger.submit_epcis(b"{", {"keyId": f"sm3:{small.producer.signer.public.key_id.hex()}"})
    counted = small.ledger.operations().refusals
    assert sum(counted.values()) == 3
    assert {code for code, _ in counted} <= {"malformed", "hostile-xml", "not-canonical"}


def test_waiting_submission_shows_its_age_when_nothing_can_be_sealed(
    operator: TestClient, small: SmallLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.register_lot()
    operations = small.ledger._operations
    monkeypatch.setattr(small.ledger.gateway, "seal_pending", list)
    assert small.ledger.submit(small.event_wire()).state == "pending"
    real = operations._clock
    monkeypatch.setattr(operations, "_clock", lambda: real() + 300)
    text = operator.get("/metrics").text
    assert 300 <= value(text, "originseal_outbox_oldest_age_seconds") < 400
    assert value(text, "originseal_outbox_submissions", state="queued") == 1
    monkeypatch.undo()
    small.ledger._seal()
    text = operator.get("/metrics").text
    assert value(text, "originseal_outbox_oldest_age_seconds") == 0
    assert value(text, "originseal_anchor_lag_seconds_count") == 2


def test_dead_engine_hides_only_what_it_knew(
    operator: TestClient, small: SmallLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dead(*_: object) -> Any:
        raise EngineUnavailable("made for a test")

    monkeypatch.setattr(small.ledger.engine, "request", dead)
    text = operator.get("/metrics").text
    assert value(text, "originseal_up") == 0
    assert value(text, "originseal_engine_reachable") == 0
    assert value(text, "originseal_disk_free_bytes") > 0
    assert value(text, "originseal_outbox_submissions", state="queued") == 0
    assert "originseal_relayer_nonce_gap" not in text
    assert "originseal_checkpoint_lag_blocks" not in text


@pytest.mark.parametrize(
    ("report", "sound", "errors"),
    [
        ({"startedAt": 5, "head": 3, "result": "sound", "findingsByKind": {}}, 1, 0),
        ({"startedAt": 5, "head": 3, "result": "findings", "findingsByKind": {"outbox.row": 4, "made-up": 1}}, 0, 5),
        ({"startedAt": 5, "head": 3, "result": "sound", "findingsByKind": {"index.row": 1}}, 0, 1),
        ({"startedAt": 5, "head": 3, "result": "sound", "mode": "x" * 99, "findingsByKind": {}}, 1, 0),
    ],
)
def test_audit_metrics_follow_the_kept_report(
    operator: TestClient, small: SmallLedger, report: dict[str, Any], sound: int, errors: int
) -> None:
    write_json(small.ledger.folder.audit_report, report)
    text = operator.get("/metrics").text
    assert value(text, "originseal_audit_time_seconds") == 5
    assert value(text, "originseal_audit_sound") == sound
    assert value(text, "originseal_audit_findings", severity="error") == errors
    assert value(text, "originseal_audit_info", mode="full") == 1


@pytest.mark.parametrize("content", ["", "[", "[]", "{}", '{"startedAt": "x"}', "[" * 5000, '{"startedAt": true}'])
def test_audit_metrics_say_never_when_the_report_makes_no_sense(
    operator: TestClient, small: SmallLedger, content: str
) -> None:
    small.ledger.folder.audit_report.write_text(content)
    text = operator.get("/metrics").text
    assert value(text, "originseal_audit_time_seconds") == 0
    assert "originseal_audit_sound" not in text


def test_witnesses_are_measured_when_the_anchors_name_some(client: TestClient, ledger: FakeLedger) -> None:
    text = client.get("/metrics").text
    first, never = f"sm3:{bytes(32).hex()}", f"sm3:{(bytes([1]) * 32).hex()}"
    assert value(text, "originseal_witness_lag_blocks", witness=first) == 3
    assert value(text, "originseal_witness_lag_blocks", witness=never) == 124
    assert value(text, "originseal_witness_time_seconds", witness=never) == 0
    assert value(text, "originseal_cosigned_height") == 120
    assert value(text, "originseal_cosigned_witnesses") == 1
    ledger.operations = lambda: replace(OPERATIONS, cosigned=None, witnesses=())  # type: ignore[method-assign]
    text = client.get("/metrics").text
    assert value(text, "originseal_cosigned_height") == -1
    assert value(text, "originseal_cosigned_witnesses") == 0


# ------------------------------------------------------------------------------------- rules, dashboard, document


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return loaded


def expressions(panels: list[dict[str, Any]]) -> list[str]:
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


def test_rules_name_only_metrics_that_servers_answer(everything: dict[str, str]) -> None:
    for rule in rules():
        names = series(rule["expr"])
        assert names, rule["alert"]
        assert names - FROM_PROMETHEUS <= set(everything), rule["alert"]


def test_dashboard_names_only_metrics_that_servers_answer(everything: dict[str, str]) -> None:
    found = expressions(dashboard()["panels"])
    assert len(found) > 30
    for expression in found:
        assert series(expression) <= set(everything), expression
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            name = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"])
            assert name is not None and name[1] in everything


def test_every_rule_can_be_acted_on() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names) >= 15
    headings = {
        line[4:].strip() for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("### ")
    }
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        notes = rule["annotations"]
        assert all(notes[name] for name in ("summary", "description", "summary_zh"))
        assert notes["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert rule["alert"] in headings
    assert {name for name in headings if name.startswith("OriginSeal")} == set(names)


def test_dashboard_can_be_imported() -> None:
    board = dashboard()
    assert {"title", "uid", "schemaVersion", "panels", "templating"} <= set(board)
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    variables = {variable["name"] for variable in board["templating"]["list"]} | {"__rate_interval"}
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        for target in panel.get("targets", ()):
            assert {text[1:] for kind, text in tokens(target["expr"]) if kind == "variable"} <= variables
            assert set(re.findall(r"\$(\w+)", target["expr"])) <= variables


def test_document_lists_exactly_the_metrics_that_servers_answer(everything: dict[str, str]) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    table = re.findall(r"^\| `(originseal_[a-z0-9_]+)`", text, re.MULTILINE)
    families = {family for family in everything.values() if family.startswith("originseal_")}
    assert len(set(table)) == len(table)
    assert set(table) == families


def test_metric_names_follow_the_conventions_when_they_are_answered(operator: TestClient) -> None:
    for family in text_string_to_metric_families(operator.get("/metrics").text):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)
        assert family.documentation
        assert not re.search(r"_(milli|micro|ms|kb|mb|minutes|hours|days|percent)(_|$)", family.name)
        if family.type == "counter":
            assert all(sample.name.endswith(("_total", "_created")) for sample in family.samples)


def test_rules_are_accepted_by_promtool_when_it_is_there() -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool (part of Prometheus) is not installed")
    subprocess.run([tool, "check", "rules", str(RULES)], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("a_b > 5", {"a_b"}),
        ('sum by (le, x) (rate(a_bucket{job="up", s=~"b|c"}[5m])) / on(x) group_left(y) c', {"a_bucket", "c"}),
        ("histogram_quantile(0.95, sum(rate(a[10m])) without (le)) or time() - b > 2 * 86400", {"a", "b"}),
        ("up{x='y'} == 0 and not_a_keyword offset 5m", {"up", "not_a_keyword"}),
        ("max(a) by (b)", {"a"}),
    ],
)
def test_reader_of_promql_finds_series_only(expression: str, names: set[str]) -> None:
    assert series(expression) == names


@pytest.mark.parametrize("expression", ["a{b", "sum(a", 'a{b="c}', "a ? b"])
def test_reader_of_promql_refuses_when_it_is_none(expression: str) -> None:
    with pytest.raises(ValueError, match=r"PromQL|unbalanced"):
        series(expression)
