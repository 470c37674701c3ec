"""The command line as people and programs use it: --json, exit codes, messages that say what to do next."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ledger.crypto.digest import sm3_text
from ledger.domain.members import member_id
from tests.e2e.serving import originseal, serving
from tests.small_ledger import AUTHORITY, LOT, PASSPHRASE, PRODUCER, found_small

KEY_PASSPHRASE = "key passphrase for tests"


@pytest.fixture
def passphrase_file(tmp_path: Path) -> str:
    path = tmp_path / "passphrase"
    path.write_text(KEY_PASSPHRASE + "\n")
    return str(path)


def test_key_is_made_once_and_shown_when_asked(tmp_path: Path, passphrase_file: str) -> None:
    path = tmp_path / "member.pem"
    made = json.loads(originseal("key", "new", str(path), "--passphrase-file", passphrase_file, "--json").stdout)
    shown = json.loads(originseal("key", "show", str(path), "--passphrase-file", passphrase_file, "--json").stdout)
    assert made == shown and made["keyId"].startswith("sm3:") and len(made["publicKey"]) == 130
    assert path.stat().st_mode & 0o777 == 0o600
    again = originseal("key", "new", str(path), "--passphrase-file", passphrase_file, check=False)
    assert again.returncode != 0, "a key file was overwritten"
    if shutil.which("openssl"):
        command = ["openssl", "pkey", "-in", str(path), "-passin", f"pass:{KEY_PASSPHRASE}", "-noout", "-text"]
        read = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "SM2" in read


def test_key_stays_shut_when_the_passphrase_is_wrong(tmp_path: Path, passphrase_file: str) -> None:
    path = tmp_path / "member.pem"
    originseal("key", "new", str(path), "--passphrase-file", passphrase_file)
    wrong = tmp_path / "wrong"
    wrong.write_text("something else entirely")
    refused = originseal("key", "show", str(path), "--passphrase-file", str(wrong), "--json", check=False)
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["error"]["code"] == "bad-key"
    assert "PRIVATE" not in refused.stdout + refused.stderr


@pytest.mark.parametrize("form", ["svg", "png", "pdf"])
def test_label_is_written_when_the_lot_code_is_good(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"label.{form}"
    made = json.loads(
        originseal("label", LOT.gtin, LOT.lot, "-o", str(path), "--base-url", "https://x.example", "--json").stdout
    )
    assert made["url"] == f"https://x.example/01/{LOT.gtin}/10/{LOT.lot}"
    start = {"svg": b"<", "png": b"\x89PNG", "pdf": b"%PDF"}[form]
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize(("gtin", "name"), [("09521002000110", "label.svg"), (LOT.gtin, "label.bmp")])
def test_label_is_refused_when_the_gtin_or_format_is_wrong(tmp_path: Path, gtin: str, name: str) -> None:
    refused = originseal("label", gtin, LOT.lot, "-o", str(tmp_path / name), "--json", check=False)
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["error"]["code"] == "malformed"
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("command", [["audit"], ["serve", "--port", "1"], ["rebuild-index"]])
def test_commands_say_what_to_do_when_there_is_no_ledger(tmp_path: Path, command: list[str]) -> None:
    refused = originseal(*command, "--data", str(tmp_path / "nothing"), check=False)
    assert refused.returncode in (1, 3)
    assert "Traceback" not in refused.stderr
    assert "originseal demo" in refused.stdout + refused.stderr or "no ledger" in refused.stdout + refused.stderr


def test_usage_is_shown_when_arguments_are_wrong() -> None:
    assert originseal("label", check=False).returncode == 2
    assert originseal("no-such-command", check=False).returncode == 2
    assert originseal("verify", check=False).returncode == 2
    listed = originseal("--help").stdout
    for name in ("demo", "serve", "key", "member", "governance", "submit", "label", "verify", "audit", "rebuild-index"):
        assert name in listed


def test_submit_says_that_no_server_answers_when_there_is_none(tmp_path: Path, passphrase_file: str) -> None:
    key = tmp_path / "member.pem"
    originseal("key", "new", str(key), "--passphrase-file", passphrase_file)
    record = tmp_path / "record.json"
    record.write_text("{}")
    refused = originseal(
        "submit", str(record), "--key", str(key), "--member", PRODUCER.uscc, "--passphrase-file", passphrase_file,
        "--server", "http://127.0.0.1:9", "--json", check=False,
    )  # fmt: skip
    assert refused.returncode == 4
    assert json.loads(refused.stdout)["error"]["code"] == "engine-unavailable"


def test_member_is_admitted_and_submits_when_everything_goes_through_the_command_line(
    tmp_path: Path, passphrase_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger.crypto.keyfile import write_key
    from ledger.services.demo import payloads
    from ledger.services.demo.actors import BY_SLUG

    small = found_small(tmp_path / "data")
    small.ledger.close()
    keys = {actor.slug: tmp_path / f"{actor.slug}.pem" for actor in (AUTHORITY, PRODUCER)}
    for slug, path in keys.items():
        write_key(path, small.keys[slug], KEY_PASSPHRASE)
    packhouse, key = BY_SLUG["maoming-packhouse"], tmp_path / "packhouse.pem"
    made = json.loads(originseal("key", "new", str(key), "--passphrase-file", passphrase_file, "--json").stdout)
    monkeypatch.setenv("ORIGINSEAL_PASSPHRASE", PASSPHRASE)
    with serving(small.data) as url:
        common = ["--server", url, "--passphrase-file", passphrase_file, "--json"]
        authority = ["--key", str(keys[AUTHORITY.slug]), "--member", AUTHORITY.uscc]
        admitted = originseal(
            "member", "admit", packhouse.uscc, "--name-zh", packhouse.zh, "--name-en", packhouse.en, "--zone", "6",
            "--role", "PACKHOUSE", "--public-key", made["publicKey"], *authority, *common,
        )  # fmt: skip
        assert json.loads(admitted.stdout)["state"] == "sealed"
        members = json.loads(originseal("member", "list", "--server", url, "--json").stdout)
        assert {m["uscc"] for m in members} >= {packhouse.uscc, PRODUCER.uscc}
        shown = json.loads(originseal("member", "show", packhouse.uscc, "--server", url, "--json").stdout)
        assert shown["keyId"] == made["keyId"] == sm3_text(bytes.fromhex(made["keyId"][4:]))

        record = tmp_path / "origin.json"
        record.write_text(json.dumps({"kind": "lot.origin", "payload": payloads.origin(LOT, 1_790_000_000)}))
        mine = ["--key", str(keys[PRODUCER.slug]), "--member", PRODUCER.uscc]
        dry = json.loads(originseal("submit", str(record), *mine, *common, "--dry-run").stdout)
        assert dry["format"] == "originseal-submission/v1"
        receipt = json.loads(originseal("submit", str(record), *mine, *common).stdout)
        assert receipt["state"] == "sealed" and receipt["checkpoint"]
        twice = originseal("submit", str(record), *mine, *common, check=False)
        assert twice.returncode == 3 and "LotsAlreadyRegistered" in twice.stdout

        stranger = ["--key", str(key), "--member", PRODUCER.uscc]  # another member's key cannot speak for it
        assert originseal("submit", str(record), *stranger, *common, check=False).returncode == 3

        change = ["member", "standing", packhouse.uscc, "SUSPENDED", "--reason-zh", "核查", "--reason-en", "review"]
        originseal(*change, *authority, *common)
        shown = json.loads(originseal("member", "show", packhouse.uscc, "--server", url, "--json").stdout)
        assert shown["standing"] == "SUSPENDED"

        reasons = ["--reason-zh", "核查", "--reason-en", "review"]
        originseal("governance", "suspend", PRODUCER.uscc, *reasons, *authority, *common)
        acts = json.loads(originseal("governance", "list", "--kind", "emergency", "--server", url, "--json").stdout)
        assert [act["member"]["id"] for act in acts] == [sm3_text(member_id(PRODUCER.uscc))]
        assert "紧急暂停" in originseal("governance", "list", "--server", url).stdout
        alone = originseal("governance", "threshold", "2", *reasons, *authority, *common, check=False)
        assert alone.returncode == 3 and "MembersBadThreshold" in alone.stdout  # there is one authority only
        again = originseal("governance", "accept", *authority, *common, check=False)
        assert again.returncode == 3 and "MembersAlreadyInOffice" in again.stdout


def test_every_command_takes_json_when_the_tree_is_walked() -> None:
    from typer.main import get_command

    from scripts.commands.app import app

    def walk(command: object, name: str) -> None:
        children = getattr(command, "commands", None)
        if children:
            for child, found in children.items():
                walk(found, f"{name} {child}")
        elif name != " verify":  # has its own parser, which starts faster
            options = {option for parameter in command.params for option in parameter.opts}  # type: ignore[attr-defined]
            assert "--json" in options, name

    walk(get_command(app), "")
    assert "--json" in originseal("verify", "--help").stdout
