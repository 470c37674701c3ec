"""`python -m benchmarks [--json FILE] [--only WORD] [--strict]`: floors and metrics in turn; a table and JSON.

Each metric is a module with `run(floors)` that yields results; METRICS names them. A goal that is missed is shown; with
--strict it also makes the exit code 1 (not in CI by default: a shared machine may be too restless to judge).
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import ssl
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.floors import FLOORS
from benchmarks.harness import Floors, Result

METRICS = ("signatures", "merkle", "stores", "intake", "chain", "usage", "replica", "audit")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", metavar="FILE", help="also write everything as JSON; - for standard output")
    parser.add_argument("--only", metavar="WORD", help="only the metric modules whose name contains WORD")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a goal is missed")
    chosen = parser.parse_args(arguments)
    console = Console(stderr=chosen.json == "-", width=140)
    names = [name for name in METRICS if chosen.only is None or chosen.only in name]
    if not names:
        parser.error(f"no metric is called {chosen.only}; there are {', '.join(METRICS)}")
    floors, results = Floors(), []
    _take(floors, console)
    for position, name in enumerate(names):
        with console.status(name):
            found = list(importlib.import_module(f"benchmarks.{name}").run(floors))
        _take(floors, console)
        results += [_settled(each, floors, position) for each in found]
    _show(console, floors, results)
    report = _report(floors, results)
    if chosen.json == "-":
        print(json.dumps(report, ensure_ascii=False, indent=2))
    elif chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump(report, file, ensure_ascii=False, indent=2)
            file.write("\n")
    return 1 if chosen.strict and any(each.met is False for each in results) else 0


def _take(floors: Floors, console: Console) -> None:
    with console.status("floors"):
        floors.taken.append({name: measure() for name, measure in FLOORS.items()})


def _settled(result: Result, floors: Floors, position: int) -> Result:
    """The ratio against the floor's mean around its module, now that both takings are known."""
    if result.floor not in FLOORS:
        return result
    return replace(result, ratio=result.rate / floors.around(position, result.floor))


def _show(console: Console, floors: Floors, results: list[Result]) -> None:
    table = Table(title="Floors, per CPU second")
    for heading in ("floor", "first", "last", "drift"):
        table.add_column(heading, justify="left" if heading == "floor" else "right")
    for name in FLOORS:
        first, last = floors.taken[0][name], floors.taken[-1][name]
        table.add_row(name, f"{first:,.0f}", f"{last:,.0f}", f"{floors.drift(name):.1%}")
    console.print(table)
    table = Table(title="Metrics")
    for heading in ("metric", "figure", "unit", "ratio to", "ratio", "goal", ""):
        table.add_column(heading, justify="right" if heading in ("figure", "ratio", "goal") else "left")
    for each in results:
        goal = "" if each.goal is None else f"{'≥' if each.at_least else '≤'} {each.goal:g}"
        ratio = "" if each.ratio is None else f"{each.ratio:.3f}"
        verdict = {True: "met", False: "MISSED", None: ""}[each.met]
        remark = ", ".join(part for part in (verdict, each.note) if part)
        table.add_row(each.name, f"{each.rate:,.1f}", each.unit, each.floor, ratio, goal, remark)
    console.print(table)
    for name in floors.restless:
        console.print(
            f"The machine was restless: “{name}” moved by {floors.drift(name):.0%}. Judge nothing by this run."
        )


def _report(floors: Floors, results: list[Result]) -> dict[str, Any]:
    return {
        "format": "originseal-benchmarks/v1",
        "time": int(time.time()),
        "machine": {
            "python": platform.python_version(),
            "openssl": ssl.OPENSSL_VERSION,
            "system": f"{platform.system()} {platform.machine()}",
            "cpus": os.cpu_count(),
            "load": os.getloadavg()[0],
        },
        "floors": {
            name: {"taken": [each[name] for each in floors.taken], "drift": floors.drift(name)} for name in FLOORS
        },
        "restless": floors.restless,
        "metrics": [{**asdict(each), "met": each.met} for each in results],
    }


if __name__ == "__main__":
    sys.exit(main())
