"""Every custom error of the core contracts is seen by some test, and the documents name every error and event."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
from contract_world import CORE, _provoked, decode_revert, provokes
from eth_utils import keccak

from contracts import artifact

SUITE = (
    "test_submit",
    "test_operation_data",
    "test_membership",
    "test_standing",
    "test_governance",
    "test_offices",
    "test_lots_on_chain",
    "test_trades_on_chain",
)
DOCUMENT = Path(__file__).parents[2] / "docs" / "contracts.md"


def declared(kind: str) -> dict[str, set[str]]:
    """Names of one kind of ABI entry, by contract."""
    return {name: {e["name"] for e in artifact(name).abi if e["type"] == kind} for name in CORE}


def promised() -> set[str]:
    """Every error that a test promises to provoke; `provokes` makes such a test fail if it does not."""
    return {
        error
        for module in SUITE
        for name, test in vars(importlib.import_module(module)).items()
        if name.startswith("test_")
        for error in getattr(test, "provokes", ())
    }


def test_every_error_is_provoked_when_the_suite_runs() -> None:
    errors = set().union(*declared("error").values())
    assert len(errors) > 60
    assert errors - promised() == set(), "errors that no test provokes"
    assert promised() - errors == set(), "tests promise errors that no contract has"


def test_every_error_in_sources_reaches_an_abi_when_compiled() -> None:
    sources = Path(__file__).parents[2] / "contracts" / "src" / "interfaces"
    written = {
        line.split()[1].split("(")[0]
        for path in sources.glob("I*.sol")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("    error ")
    }
    assert written == set().union(*declared("error").values()) - {"SafeCastOverflowedUintDowncast"}


def test_selectors_are_distinct_when_errors_of_all_contracts_are_decoded_together() -> None:
    selectors: dict[bytes, str] = {}
    for name in CORE:
        for e in artifact(name).abi:
            if e["type"] == "error":
                signature = f"{e['name']}({','.join(i['type'] for i in e['inputs'])})"
                assert selectors.setdefault(keccak(text=signature)[:4], signature) == signature


def test_documents_name_every_error_and_event_when_read() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for contract, errors in declared("error").items():
        for error in errors:
            own = error.removeprefix(contract)
            assert f"`{own}(" in text or f"`{error}`" in text, error
    for contract, events in declared("event").items():
        for event in events:
            assert f"| {contract}.{event} |" in text, event


def test_promise_fails_when_the_error_is_not_seen() -> None:
    @provokes("LotsUnknown")
    def keeps_nothing() -> None:
        pass

    @provokes("SubmissionsEmpty")
    def keeps_it() -> None:
        decode_revert(keccak(text="SubmissionsEmpty()")[:4])

    with pytest.raises(AssertionError, match="LotsUnknown"):
        keeps_nothing()
    keeps_it()
    assert _provoked == ["SubmissionsEmpty"]
    with pytest.raises(AssertionError, match="no custom error"):
        decode_revert(b"\x08\xc3\x79\xa0")  # Error(string)


def test_revert_strings_are_absent_when_sources_are_read() -> None:
    for path in sorted((Path(__file__).parents[2] / "contracts" / "src").rglob("*.sol")):
        text = path.read_text(encoding="utf-8")
        assert "require(" not in text, path.name
        assert 'revert("' not in text, path.name
        assert "pragma solidity 0.8.30;" in text, path.name
        if "national" not in path.parts:
            assert "assembly" not in text, path.name


def test_artifacts_are_compiled_for_paris_when_committed() -> None:
    for name in CORE:
        compiler = artifact(name).compiler
        assert json.dumps(compiler).count('"paris"') == 1
        code = artifact(name).deployed_bytecode
        assert len(code) <= 24_576  # EIP-170
