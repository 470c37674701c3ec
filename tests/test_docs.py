"""The documents keep their word: links lead somewhere, commands exist, what is named in them is in the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "hardhat-free-README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)]*)?\)")


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere_when_they_are_relative(document: Path) -> None:
    for target, anchor in LINK.findall(document.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        found = (document.parent / target).resolve()
        assert found.exists(), f"{document.name} links to {target}"
        if anchor:
            assert anchor in anchors(found), f"{document.name} links to {target}{anchor}"


def test_readme_is_one_file_under_two_names() -> None:
    assert (ROOT / "README.md").is_symlink()
    assert (ROOT / "README.md").resolve() == ROOT / "hardhat-free-README.md"


def test_readme_names_only_commands_that_exist() -> None:
    text = (ROOT / "hardhat-free-README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"demo", "test", "check", "bench"} <= targets
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)) <= targets

    from typer.main import get_command

    from scripts.commands.app import app

    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    named = set(re.findall(r"originseal ([a-z-]+)", text))
    assert named <= commands
    assert {"demo", "serve", "key", "member", "submit", "label", "verify", "audit", "rebuild-index"} <= named | {
        word for line in text.splitlines() if line.startswith("originseal ") for word in re.findall(r"[a-z-]+", line)
    }


def test_contract_errors_are_documented_when_a_contract_may_revert_with_them() -> None:
    from contracts import artifact

    lines = (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8").splitlines()
    for name in ("Submissions", "Members", "Lots", "Trades"):
        rows = "".join(line for line in lines if line.startswith(f"| {name} |"))
        errors = [entry["name"] for entry in artifact(name).abi if entry["type"] == "error"]
        own = [error.removeprefix(name) for error in errors if error.startswith(name)]
        assert own
        assert [error for error in own if f"`{error}(" not in rows] == []
