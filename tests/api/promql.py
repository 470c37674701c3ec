"""Reads the names of time series out of PromQL: a tokenizer, so that labels, functions and strings are not mistaken."""

from __future__ import annotations

import re
from collections.abc import Iterator

TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
      | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?:ms|[smhdwy])?)
      | (?P<variable>\$\w+)
      | (?P<operator>=~|!~|==|!=|<=|>=|[-+*/%^<>=(){}\[\],:@])
    )""",
    re.VERBOSE,
)
WORDS = frozenset({
    "and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset", "inf",
    "nan",
})  # fmt: skip
LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})  # followed by label names


def tokens(expression: str) -> Iterator[tuple[str, str]]:
    """(kind, text) of each token; ValueError where the expression is no PromQL."""
    at = 0
    expression = expression.rstrip()
    while at < len(expression):
        found = TOKEN.match(expression, at)
        if found is None:
            raise ValueError(f"cannot read PromQL at {expression[at : at + 20]!r}")
        assert found.lastgroup is not None
        yield found.lastgroup, found.group(found.lastgroup)
        at = found.end()


def series(expression: str) -> set[str]:
    """Names of the time series in `expression`: names that are no function, keyword, label or part of a range."""
    read = list(tokens(expression))
    found: set[str] = set()
    braces = brackets = 0
    labels_until: int | None = None
    depth = 0
    for i, (kind, text) in enumerate(read):
        following = read[i + 1][1] if i + 1 < len(read) else ""
        if kind == "operator":
            braces += {"{": 1, "}": -1}.get(text, 0)
            brackets += {"[": 1, "]": -1}.get(text, 0)
            depth += {"(": 1, ")": -1}.get(text, 0)
            if labels_until is not None and text == ")" and depth == labels_until:
                labels_until = None
            continue
        if kind != "name" or braces or brackets or labels_until is not None:
            continue
        if text.lower() in WORDS:
            if text.lower() in LISTS and following == "(":
                labels_until = depth
            continue
        if following == "(" or (following in ("by", "without") and kind == "name" and text in AGGREGATIONS):
            continue
        found.add(text)
    if braces or brackets or depth:
        raise ValueError("unbalanced brackets")
    return found


AGGREGATIONS = frozenset({"sum", "min", "max", "avg", "count", "topk", "bottomk", "stddev", "group", "quantile"})
