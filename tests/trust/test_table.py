"""docs/trust.md says who notices what: every adversary has every act, and every test that it names exists."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ACTS = ("forge", "edit", "omit", "reorder", "back-date", "fork", "double-claim", "clone")
ADVERSARIES = (
    "Member 成员",
    "Relayer 转发者",
    "Operator 运营方",
    "Database administrator 数据库管理员",
    "Thief of the checkpoint key 检查点密钥的窃贼",
    "One rogue agency 一家失信的机构",
)
NONE = "–"


def sections() -> dict[str, list[list[str]]]:
    """{heading: rows of its table}, without the table's own heading."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in (ROOT / "docs/trust.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line[3:]
        elif line.startswith("| ") and not line.startswith("| act "):
            found.setdefault(heading, []).append([cell.strip() for cell in line.strip("|").split(" | ")])
    return found


@lru_cache(maxsize=64)
def functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_table_has_every_act_of_every_adversary() -> None:
    table = sections()
    assert tuple(table) == ADVERSARIES
    for adversary, rows in table.items():
        assert tuple(row[0] for row in rows) == ACTS, adversary
        assert {len(row) for row in rows} == {5}, adversary


@pytest.mark.parametrize("adversary", ADVERSARIES)
def test_cell_names_tests_that_exist_or_says_why_it_cannot_be_reached(adversary: str) -> None:
    for act, who, evidence, when, tests in sections()[adversary]:
        if tests == NONE:
            assert (who, when) == (NONE, NONE) and evidence.startswith("cannot: "), f"{adversary}, {act}"
            continue
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", tests)
        assert len(named) == tests.count("`") // 2 and named, f"{adversary}, {act}"
        assert who != NONE and evidence != NONE and when != NONE
        for path, name in named:
            assert name in functions(ROOT / path), f"{adversary}, {act}: {path}::{name}"


def test_every_test_of_this_folder_is_in_the_table() -> None:
    said = (ROOT / "docs/trust.md").read_text(encoding="utf-8")
    controls = {  # show that the attempts beside them fail for the reason that they name
        "test_untouched_folder_is_sound",
        "test_true_bundle_passes_with_the_same_quorum_when_the_witness_signed_it",
        "test_replica_finds_nothing_when_clocks_differ_a_little",
        "test_audit_is_sound_when_every_checkpoint_kept_elsewhere_is_in_the_chain",
        "test_comparison_is_a_finding_when_the_file_cannot_be_relied_on",
        "test_audit_says_so_when_the_file_of_checkpoints_is_not_there",
        "test_replica_judges_no_date_when_it_saw_the_block_for_the_first_time",
    }
    folder = Path(__file__).parent
    here = {
        name
        for path in folder.glob("test_*.py")
        if path.name != "test_table.py"
        for name in functions(path)
        if name.startswith("test_")
    }
    assert here - controls == {name for name in here if f"::{name}`" in said}
