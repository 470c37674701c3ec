"""`originseal witness` over HTTP: co-signs an operator, is counted by `verify`, and catches a second history."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path

from ledger.crypto.keyfile import write_key
from ledger.crypto.sm2 import PrivateKey
from ledger.proof.anchors import Witness
from ledger.proof.note import parse_note
from ledger.services.ledger import Ledger
from tests.e2e.serving import originseal, serving
from tests.small_ledger import LOT, PASSPHRASE, SmallLedger, found_small

UNLOCK = "a passphrase of the agency"


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return bytes(answer.read())


def test_witness_cosigns_over_http_and_catches_a_second_history(tmp_path: Path, monkeypatch) -> None:
    key = PrivateKey.generate()
    write_key(tmp_path / "agency.pem", key, UNLOCK)
    (tmp_path / "passphrase").write_text(UNLOCK, encoding="utf-8")
    agency = Witness(key.public.key_id, key.public, "customs", "茂名海关（演示）", "Maoming Customs (demo)")
    small = found_small(tmp_path / "data", witnesses=[agency], quorum=1)
    small.register_lot()
    small.ledger.close()
    shutil.copytree(small.data, tmp_path / "fork")
    for name, what in (("data", "inspecting"), ("fork", "packing")):
        with Ledger.open(tmp_path / name, passphrase=PASSPHRASE) as ledger:
            ledger.submit(SmallLedger(small.data, ledger, small.keys).event_wire(action="OBSERVE", bizStep=what))
    shutil.copy(small.data / "anchors.json", tmp_path / "anchors.json")  # got from somebody else
    monkeypatch.setenv("ORIGINSEAL_PASSPHRASE", PASSPHRASE)
    anchors = ("--anchors", str(tmp_path / "anchors.json"))
    own = ("--data", str(tmp_path / "witness"), "--key", str(tmp_path / "agency.pem"), *anchors)
    own += ("--passphrase-file", str(tmp_path / "passphrase"), "--once", "--json")

    with serving(small.data) as url:
        bundle = tmp_path / "bundle.json"
        bundle.write_bytes(fetch(f"{url}/api/v1/lots/{LOT.gtin}/{LOT.lot}/bundle"))
        alone = originseal("verify", str(bundle), *anchors, check=False)
        assert alone.returncode == 1 and "0" in alone.stdout, "the anchors want one agency"
        first = json.loads(originseal("witness", "--from", url, *own).stdout)
        assert (first["signedNow"], first["handedIn"], first["refused"]) == (True, True, None)
        published = parse_note(fetch(f"{url}/checkpoints/latest?witnessed=1"))
        assert published.to_dict() == first["cosigned"]
        bundle.write_bytes(fetch(f"{url}/api/v1/lots/{LOT.gtin}/{LOT.lot}/bundle"))
        held = originseal("verify", str(bundle), *anchors, "--witnesses", "1", "--lang", "en")
        assert "Co-signed by 1 of 1 agencies: Maoming Customs (demo) (headers" in held.stdout
        page = fetch(f"{url}/01/{LOT.gtin}/10/{LOT.lot}?lang=en").decode()
        assert "Maoming Customs (demo)" in page

    with serving(tmp_path / "fork") as url:
        caught = originseal("witness", "--from", url, *own, check=False)
        assert caught.returncode == 1
        evidence = json.loads(caught.stdout)["refused"]["evidence"]
        assert parse_note(fetch(f"{url}/checkpoints/latest")).cosignatures == ()
    proven = originseal("verify", "--equivocation", evidence, *anchors, "--lang", "en")
    assert "PROVEN: the operator signed two histories" in proven.stdout
    gone = originseal("witness", "--from", url, *own, check=False)
    assert gone.returncode == 1, "refused for good, whether the operator answers or not"
