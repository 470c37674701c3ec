"""Deep JSON is refused before a parser sees it: where py-evm raised the recursion limit, the parser would crash."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.documents.canonical import loads_strict
from ledger.documents.nesting import check_nesting
from ledger.errors import Malformed
from ledger.proof.text import load_json

values = st.recursive(
    st.none() | st.integers() | st.text(alphabet='[]{}"\\ab中', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet='[{"\\', max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


def depth(value):
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if children is None else 1 + max(map(depth, children), default=0)


@given(values, st.sampled_from([None, 1]), st.booleans())
def test_nesting_is_exact_when_the_text_is_json(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    check_nesting(text, depth(value))
    if depth(value):
        with pytest.raises(Malformed):
            check_nesting(text, depth(value) - 1)


@pytest.mark.parametrize("text", ["[" * 400_000, '{"a":' * 80_000, '["\\"' + '",[' * 100_000, "[{" * 100_000 + "x"])
@pytest.mark.parametrize("read", [loads_strict, load_json])
def test_deep_json_is_refused_when_the_recursion_limit_is_high(text, read):
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        with pytest.raises(Malformed):
            read(text)
    finally:
        sys.setrecursionlimit(before)
