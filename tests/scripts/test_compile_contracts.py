"""The compile script: what it compares, and what it says when there is no compiler."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import compile_contracts as cc

VERIFIER = "contracts/src/national/SM2Verifier.sol"


def _committed(tmp_path: Path, **artifacts: dict[str, str]) -> Path:
    for name, artifact in artifacts.items():
        (tmp_path / f"{name}.json").write_text(cc.render(artifact), encoding="utf-8")
    return tmp_path


def test_differences_is_empty_when_artifacts_are_equal(tmp_path: Path) -> None:
    assert cc.differences({"A": {"bytecode": "0x00"}}, _committed(tmp_path, A={"bytecode": "0x00"})) == []


def test_differences_names_the_part_when_an_artifact_was_edited(tmp_path: Path) -> None:
    folder = _committed(tmp_path, A={"bytecode": "0x00", "sourceHash": "keccak256:00"})
    (finding,) = cc.differences({"A": {"bytecode": "0x01", "sourceHash": "keccak256:00"}}, folder)
    assert finding.startswith("A:") and "bytecode" in finding and "sourceHash" not in finding


def test_differences_names_the_contract_when_an_artifact_is_missing_or_stale(tmp_path: Path) -> None:
    findings = cc.differences({"New": {"bytecode": "0x"}}, _committed(tmp_path, Old={"bytecode": "0x"}))
    assert [finding.split(":")[0] for finding in findings] == ["Old", "New"]


def test_closure_holds_exactly_the_imported_files_when_followed() -> None:
    stems = {Path(name).stem for name in cc.closure(VERIFIER, {})}
    assert stems == {"SM2Verifier", "ISM2Verifier", "SM2Curve", "SM2Ladder"}


def test_closure_refuses_when_an_import_leads_nowhere() -> None:
    with pytest.raises(cc.SourceError, match="Nowhere"):
        cc.closure(VERIFIER, {VERIFIER: 'import {N} from "./Nowhere.sol";'})


def test_source_hash_differs_when_text_moves_between_files() -> None:
    assert cc.source_hash({"a": "xy", "b": ""}) != cc.source_hash({"a": "x", "b": "y"})


def test_committed_source_hashes_are_those_of_the_sources() -> None:
    # Without a compiler this still notices a source that was changed after its artifact was written.
    import json

    for path in sorted(cc.ARTIFACTS.glob("SM*.json")):
        artifact = json.loads(path.read_text(encoding="utf-8"))
        assert artifact["sourceHash"] == cc.source_hash(cc.closure(artifact["source"], {})), path.stem


def test_check_says_skipped_when_no_compiler_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOLC_JS_DIR", str(tmp_path))
    assert cc.main(["--check"]) == 0
    assert capsys.readouterr().out.startswith("SKIPPED")


def test_check_fails_when_a_compiler_is_required_and_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLC_JS_DIR", str(tmp_path))
    assert cc.main(["--check", "--require"]) == 3
