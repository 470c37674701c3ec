"""The main job as its users meet it: command line, running server, phone camera, foreign Ethereum client, auditor."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.serving import originseal, serving
from tests.e2e.visiting import CHROMIUM

ROOT = Path(__file__).parents[2]
NODE_MODULES = ROOT / "node_modules"


@pytest.fixture(scope="module")
def data(demo_master: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(demo_master, tmp_path_factory.mktemp("main-job") / "demo"))


@pytest.fixture(scope="module")
def url(data: Path) -> Iterator[str]:
    with serving(data) as address:
        yield address


@pytest.fixture(scope="module")
def seeded(demo_master: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `originseal demo --no-serve --json` prints for a folder that is seeded already."""
    copy = shutil.copytree(demo_master, tmp_path_factory.mktemp("summary") / "demo")
    return json.loads(originseal("demo", "--data", str(copy), "--no-serve", "--json").stdout)


def test_demo_feels_real_when_it_is_listed(seeded: dict[str, Any]) -> None:
    assert len(seeded["lots"]) >= 12
    assert len(seeded["trades"]) >= 30
    verdicts = [trade["verdict"] for trade in seeded["trades"]]
    assert set(verdicts) == {"MATCHED", "MISMATCHED", "INCOMPLETE"}
    assert {lot["zone"] for lot in seeded["lots"]} == {1, 2, 3, 4, 5, 6, 7}
    failed = {rule for trade in seeded["trades"] if trade["verdict"] == "MISMATCHED" for rule in trade["failed"]}
    assert len(failed) >= 4, "mismatches should fail for different reasons"


def test_scanned_label_opens_the_page_when_decoded_by_zbar(url: str, seeded: dict[str, Any], tmp_path: Path) -> None:
    if shutil.which("zbarimg") is None:
        pytest.skip("zbarimg is not installed (Debian: zbar-tools)")
    if not Path(CHROMIUM).exists():
        pytest.skip("Debian's Chromium is not installed")
    lot = seeded["lots"][0]
    label = tmp_path / "label.png"
    label.write_bytes(httpx.get(f"{url}/labels/{lot['gtin']}/{lot['lot']}.png").raise_for_status().content)
    decoded = subprocess.run(["zbarimg", "--raw", "-q", str(label)], capture_output=True, text=True, check=True)
    link = decoded.stdout.strip()
    assert link == f"{url}/01/{lot['gtin']}/10/{lot['lot']}"

    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 360, "height": 740}, locale="en-GB")
        answer = page.goto(link)
        assert answer is not None and answer.status == 200
        text = page.inner_text("body")
        browser.close()
    assert lot["product"] in text and lot["lot"] in text
    assert "genuine" not in text.lower()


def test_bundle_verifies_offline_when_downloaded_from_the_page(
    url: str, data: Path, seeded: dict[str, Any], tmp_path: Path
) -> None:
    for lot in seeded["lots"][:4]:
        bundle = tmp_path / f"{lot['lot']}.json"
        path = f"{url}/api/v1/lots/{lot['gtin']}/{lot['lot']}/bundle"
        bundle.write_bytes(httpx.get(path).raise_for_status().content)
        held = originseal("verify", str(bundle), "--anchors", str(data / "anchors.json"), "--json")
        assert json.loads(held.stdout)["steps"]

    altered = json.loads(bundle.read_text())
    altered["submissions"][0]["signature"] = altered["submissions"][0]["signature"][:-2] + "00"
    bundle.write_text(json.dumps(altered))
    refused = originseal("verify", str(bundle), "--anchors", str(data / "anchors.json"), check=False)
    assert refused.returncode == 1


def test_bundle_fails_when_checked_against_another_ledgers_anchors(
    url: str, data: Path, seeded: dict[str, Any], tmp_path: Path
) -> None:
    lot = seeded["lots"][0]
    bundle = tmp_path / "bundle.json"
    bundle.write_bytes(httpx.get(f"{url}/api/v1/lots/{lot['gtin']}/{lot['lot']}/bundle").raise_for_status().content)
    anchors = json.loads((data / "anchors.json").read_text())
    anchors["genesis"] = "0x" + "11" * 32
    other = tmp_path / "anchors.json"
    other.write_text(json.dumps(anchors))
    assert originseal("verify", str(bundle), "--anchors", str(other), check=False).returncode == 1


ETHERS = """
import { ethers } from "ethers";
const [url, lots, abi, id] = process.argv.slice(2);
const contract = new ethers.Contract(lots, JSON.parse(abi), new ethers.JsonRpcProvider(url));
const lot = await contract.lot(id);
const events = await contract.queryFilter(contract.filters.LotExtended(id), 0, "latest");
const total = events.reduce((sum, event) => sum + event.args.count, 0n);
console.log(JSON.stringify({
  total: lot.total.toString(), head: lot.head, events: events.length, summed: total.toString(),
  last: events.at(-1).args.head,
}));
process.exit(0);
"""


def test_independent_client_reads_a_lot_and_its_events_when_asked_over_rpc(
    url: str, data: Path, seeded: dict[str, Any], tmp_path: Path
) -> None:
    if shutil.which("node") is None or not (NODE_MODULES / "ethers").is_dir():
        pytest.skip("node or the npm package ethers is not installed (make node)")
    from contracts import artifact
    from ledger.domain.lots import lot_id

    lot = seeded["lots"][0]
    anchors = json.loads((data / "anchors.json").read_text())
    script = tmp_path / "read.mjs"
    script.write_text(ETHERS)
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    arguments = [
        f"{url}/rpc",
        anchors["contracts"]["Lots"]["address"],
        json.dumps(artifact("Lots").abi),
        "0x" + lot_id(lot["gtin"], lot["lot"]).hex(),
    ]
    run = subprocess.run(["node", str(script), *arguments], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    read = json.loads(run.stdout)
    assert read["events"] >= 3
    assert read["total"] == read["summed"]
    assert read["head"] == read["last"]


def test_audit_is_clean_when_nothing_was_touched(demo_data: Path) -> None:
    report = originseal("audit", "--data", str(demo_data), "--json")
    facts = json.loads(report.stdout)
    assert facts["findings"] == []
    assert facts["records"] > 200


def test_rebuilt_index_gives_equal_answers_when_it_was_deleted(demo_data: Path) -> None:
    from ledger.services.ledger import Ledger

    def answers() -> str:
        with Ledger.open(demo_data) as ledger:
            lots = [ledger.lot(s.gtin, s.lot) for s in ledger.lots(limit=100).items]
            return repr((lots, ledger.trades(limit=100), ledger.members(limit=100)))

    before = answers()
    for path in demo_data.glob("index.sqlite*"):
        path.unlink()
    facts = json.loads(originseal("rebuild-index", "--data", str(demo_data), "--json").stdout)
    assert facts["indexed"] == facts["height"]
    assert answers() == before
