"""`originseal verify`: exit codes, both languages, JSON; and that it starts without the rest of the program."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from proof_world import LONGAN, LYCHEE

from ledger.proof import cli
from ledger.proof.cli import main


@pytest.fixture
def files(tmp_path, bundles, anchors):
    (tmp_path / "bundle.json").write_text(json.dumps(bundles[LYCHEE], ensure_ascii=False), encoding="utf-8")
    (tmp_path / "custodial.json").write_text(json.dumps(bundles[LONGAN]), encoding="utf-8")
    (tmp_path / "anchors.json").write_text(json.dumps(anchors.to_dict()), encoding="utf-8")
    broken = json.loads(json.dumps(bundles[LYCHEE]))
    broken["submissions"][0]["records"][0]["fields"][0]["value"] = "changed"
    (tmp_path / "broken.json").write_text(json.dumps(broken), encoding="utf-8")
    (tmp_path / "garbage.json").write_text("{]", encoding="utf-8")
    return {path.stem: str(path) for path in tmp_path.iterdir()}


def run(capsys, *arguments):
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_verify_says_that_it_holds_when_bundle_and_anchors_are_real(files, capsys):
    code, out, _ = run(capsys, files["bundle"], "--anchors", files["anchors"], "--lang", "en")
    assert code == 0
    assert "Result: holds." in out and "ASSUMED" not in out and "FAILED" not in out
    assert "not that the records are true" in out


def test_verify_speaks_chinese_when_asked(files, capsys):
    code, out, _ = run(capsys, files["custodial"], "--anchors", files["anchors"], "--lang=zh")
    assert code == 0
    assert "结论：成立。" in out and "平台代管" in out


def test_verify_names_its_assumptions_when_there_are_no_anchors(files, capsys):
    code, out, _ = run(capsys, files["bundle"], "--lang", "en")
    assert code == 0
    assert "ATTENTION" in out and "holds ONLY under the assumptions above" in out
    code, out, _ = run(capsys, files["bundle"], "--json")
    result = json.loads(out)
    assert (code, result["result"]) == (0, "holds-under-assumptions")
    assert {a["id"] for a in result["assumptions"]} == {"chain", "checkpoint-key", "contract", "code"}


def test_verify_fails_when_anchors_are_required_and_missing(files, capsys):
    code, out, _ = run(capsys, files["bundle"], "--require-anchors", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "anchors-required")


def test_verify_exits_1_naming_step_and_place_when_a_field_was_changed(files, capsys):
    code, out, _ = run(capsys, files["broken"], "--anchors", files["anchors"], "--json")
    result = json.loads(out)
    assert (code, result["result"]) == (1, "fails")
    (failed,) = [step for step in result["steps"] if step["outcome"] == "failed"]
    assert (failed["id"], failed["field"]) == ("records", "/submissions/0/records/0/digest")
    assert [s["outcome"] for s in result["steps"][failed["number"] :]] == ["not-reached"] * 4
    code, out, _ = run(capsys, files["broken"], "--anchors", files["anchors"], "--lang", "en")
    assert code == 1 and "does NOT hold" in out and "/submissions/0/records/0/digest" in out


def test_verify_exits_1_when_the_file_is_no_bundle(files, capsys):
    code, out, _ = run(capsys, files["garbage"], "--json")
    assert (code, json.loads(out)["result"], json.loads(out)["error"]["code"]) == (1, "fails", "malformed")
    code, _, err = run(capsys, files["garbage"])
    assert code == 1 and "不成立" in err


def test_verify_exits_2_when_it_cannot_check(files, capsys):
    assert run(capsys, "/nowhere/bundle.json")[0] == 2
    assert run(capsys, files["bundle"], "--anchors", "/nowhere/anchors.json", "--json")[0] == 2
    assert run(capsys, files["bundle"], "--anchors", files["garbage"])[0] == 2
    assert run(capsys)[0] == 2
    assert run(capsys, files["bundle"], "--lang", "fr")[0] == 2
    assert run(capsys, files["bundle"], "--colour")[0] == 2


def test_verify_explains_itself_when_asked_for_help(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0 and "--anchors" in out and "exit codes" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["f", "--json"],
        ["--anchors", "a", "f"],
        ["f", "--require-anchors", "--lang", "zh"],
        ["--lang=en", "f", "--anchors", "a", "--json"],
        ["-"],
        ["f", "--anchors=a"],
        ["f", "--js"],
    ],
)
def test_short_cut_reads_the_command_line_exactly_as_argparse_does(arguments):
    short, full = cli._plain(arguments), cli._parser().parse_args(arguments)
    if short is not None:
        assert vars(short) == vars(full)


def test_verify_reads_standard_input_when_the_file_is_a_dash(files):
    program = "import sys; from ledger.proof.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "-", "--anchors", files["anchors"], "--json"]
    with open(files["bundle"], "rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["result"]) == (0, "holds")


def test_verify_imports_nothing_of_the_server_and_nothing_slow(files):
    program = (
        "import sys; from ledger.proof.cli import main; code = main(sys.argv[1:]); "
        "print(','.join(sorted(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    command = [sys.executable, "-I", "-c", program, files["bundle"], "--anchors", files["anchors"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.split(","))
    parts = {name.split(".")[1] for name in loaded if name.startswith("ledger.")}
    assert parts <= {"errors", "values", "crypto", "merkle", "domain", "documents", "proof"}
    slow = {
        "dataclasses",
        "inspect",
        "typing",
        "argparse",
        "cffi",
        "lxml",
        "sqlalchemy",
        "web3",
        "eth",
        "typer",
        "rich",
    }
    assert not loaded & slow
