"""How deep a JSON text nests, found without parsing it.

Does not check that the text is JSON: a text that passes may still be refused by the parser, but not crash it.
"""

from __future__ import annotations

from ledger.errors import Malformed


class _Brackets(dict[int, "int | None"]):
    """A translation table that keeps only brackets, curly ones as square ones."""

    def __missing__(self, code: int) -> int | None:
        return {0x5B: 0x5B, 0x5D: 0x5D, 0x7B: 0x5B, 0x7D: 0x5D}.get(code)


_BRACKETS_ONLY = _Brackets()


def check_nesting(text: str, max_depth: int, *, field: str = "") -> None:
    """Refuse deep nesting before a parser recurses into it; raises Malformed.

    CPython's JSON scanner overflows the C stack, and the process dies, wherever a library has raised the recursion
    limit: importing py-evm sets it to 100,000. Call this before any `json.loads` of outside data.
    """
    # Backslashes occur only inside strings, so up to the text's first error every second part is outside strings.
    outside = "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])
    brackets = outside.translate(_BRACKETS_ONLY)
    for _ in range(max_depth):
        if not brackets:
            return
        brackets = brackets.replace("[]", "")  # takes away the innermost level
    if brackets:
        raise Malformed(
            f"the JSON text nests deeper than {max_depth} levels, or its brackets do not match", field=field
        )
