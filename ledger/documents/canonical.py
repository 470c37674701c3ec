"""The one module that decides which bytes of a JSON document are hashed: RFC 8785 (JCS) over I-JSON (RFC 7493).

`loads_strict` accepts exactly the documents that have one canonical form and refuses the rest by name: duplicate
keys, NaN and infinities, lone surrogates, strings that are not in Unicode normalisation form C (they are refused, not
changed: what was signed is what is stored), numbers that a double does not hold as written. `jcs` writes that form.
Knows nothing of commitments (see `statement`) and nothing of XML (see `xmlcanonical`).
"""

from __future__ import annotations

from itertools import pairwise
from unicodedata import is_normalized

from ledger.documents.nesting import check_nesting
from ledger.errors import Malformed, NotCanonical, TooLarge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    make_scanner: Any
    _quote: Any
else:
    try:  # the C half of `json`: the package itself costs 9 ms, most of it for `re`, and the verifier must start fast
        from _json import encode_basestring as _quote
        from _json import make_scanner
    except ImportError:  # an interpreter without it
        from json.encoder import py_encode_basestring as _quote
        from json.scanner import py_make_scanner as make_scanner


_WHITESPACE = " \t\n\r"  # RFC 8259, section 2

MAX_DEPTH = 32  # nested containers, the outermost counted; deeper data has no use and recursion has a price
MAX_LEAVES = 4096  # scalars and empty containers of one record: bounds hashing and proofs
MAX_BYTES = 1 << 20  # 1 MiB for one record's text
MAX_SAFE_INTEGER = 2**53 - 1  # RFC 7493 2.2: beyond it a double no longer holds every integer
_PARSER_DEPTH = 500  # what json's scanner nests without harm to the C stack, whatever the recursion limit
MAX_NUMBER_CHARACTERS = 400  # 1e-308 written out has about 330; bounds the cost of reading one number


def loads_strict(
    data: bytes | str,
    *,
    max_bytes: int = MAX_BYTES,
    max_depth: int = MAX_DEPTH,
    max_leaves: int = MAX_LEAVES,
) -> Any:
    """The value of a JSON text that has exactly one canonical form.

    Whole numbers come back as int however they were written (1.0 and 1e0 are 1), so that reading what `jcs` wrote
    gives an equal value of equal types. Raises TooLarge over `max_bytes`, NotCanonical where two readers could
    disagree or no canonical form exists, Malformed for what is not JSON; `field` is a JSON Pointer (RFC 6901).
    """
    text = _text(data, max_bytes)
    value = _parse(text, max_depth)
    if not _needs_no_walk(text, max_depth, max_leaves):
        check(value, max_depth=max_depth, max_leaves=max_leaves)
    return value


def parse(data: bytes | str, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """`loads_strict` without the checks that need a walk (strings, depth, leaves): for callers that walk anyway."""
    return _parse(_text(data, max_bytes), max_depth)


def check(value: Any, *, max_depth: int = MAX_DEPTH, max_leaves: int = MAX_LEAVES) -> None:
    """Raise NotCanonical or Malformed unless `value` (of JSON types only) has a canonical form within the bounds."""
    _check(value, (), max_depth, [max_leaves])


def jcs(value: Any) -> bytes:
    """The RFC 8785 bytes of a value of JSON types; raises NotCanonical where there is no such form.

    Strings are written as they are: whether they are NFC is `check`'s business.
    """
    parts: list[str] = []
    try:
        _write(value, parts.append, 0)
        return "".join(parts).encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotCanonical("the text holds a lone surrogate", field="") from error


def number(value: int | float) -> str:
    """The ECMAScript text of a number (RFC 8785 3.2.2.3); raises NotCanonical for what has no exact one."""
    if type(value) is int:
        if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            return str(value)
        raise NotCanonical("a whole number beyond 2^53-1 is not exact in every reader: write it as a string")
    if value != value or value in (float("inf"), float("-inf")):
        raise NotCanonical("NaN and infinities are not JSON")
    if value == 0:
        return "0"  # both zeros
    if MAX_SAFE_INTEGER < abs(value) < 1e21:
        raise NotCanonical("a whole number beyond 2^53-1 is not exact in every reader: write it as a string")
    sign, digits, exponent = _parts(repr(value))
    point = len(digits) + exponent  # where the decimal point stands, counted from the first digit
    if 0 < point <= 21:
        text = digits + "0" * exponent if exponent >= 0 else f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        fraction = "." + digits[1:] if len(digits) > 1 else ""
        text = f"{digits[0]}{fraction}e{point - 1:+d}"
    return sign + text


def pointer(path: tuple[str | int, ...]) -> str:
    """The JSON Pointer (RFC 6901) of a path of keys and indices."""
    return "".join("/" + str(segment).replace("~", "~0").replace("/", "~1") for segment in path)


def utf16_key(text: str) -> bytes:
    """What strings are ordered by: UTF-16 code units (RFC 8785 3.2.3)."""
    return text.encode("utf-16-be", "surrogatepass")


# ---------------------------------------------------------------------------------------------------------- reading


def _parse(text: str, max_depth: int) -> Any:
    if text.count("[") + text.count("{") > _PARSER_DEPTH:  # only then could it nest deeper than that
        check_nesting(text, max_depth)
    try:
        return _strict_decode(text)
    except _Located:
        _locate(text)
    except ValueError as error:  # JSONDecodeError, which is not imported before it is needed
        raise Malformed(f"not JSON: {error}", field="") from error
    except RecursionError as error:
        raise Malformed("the JSON text is nested too deeply", field="") from error


def _needs_no_walk(text: str, max_depth: int, max_leaves: int) -> bool:
    """Whether the text alone shows that its strings, depth and leaves pass: true of most small documents.

    Every part of a text in form NFC is in form NFC (UAX #15), unless an escape hides something; each level takes a
    bracket, and between two leaves stands a comma or a bracket.
    """
    brackets = text.count("[") + text.count("{")
    return (
        brackets <= max_depth
        and brackets + text.count(",") < max_leaves
        and "\\u" not in text
        and (text.isascii() or is_normalized("NFC", text))
    )


class _Located(Exception):
    """A hook refused something; `_locate` finds out where."""


class _Refused:
    """Stands in the parsed value where a hook refused something."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


def _text(data: bytes | str, max_bytes: int) -> str:
    if len(data) > max_bytes:
        raise TooLarge(f"the JSON text is longer than {max_bytes} bytes", field="")
    try:
        if isinstance(data, str):
            if not data.isascii() and len(data.encode("utf-8")) > max_bytes:
                raise TooLarge(f"the JSON text is longer than {max_bytes} bytes", field="")
            text = data
        else:
            text = str(data, "utf-8")
    except UnicodeEncodeError as error:
        raise NotCanonical("the text holds a lone surrogate", field="") from error
    except UnicodeDecodeError as error:
        raise NotCanonical(f"the text is not UTF-8 at byte {error.start}", field="") from error
    if text.startswith("\ufeff"):
        raise NotCanonical("the text begins with a byte order mark", field="")
    return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Located
    return made


def _integer(text: str) -> int:
    if len(text) <= 15 or (len(text) <= 17 and -MAX_SAFE_INTEGER <= int(text) <= MAX_SAFE_INTEGER):
        return int(text)
    raise _Located


def _real(text: str) -> int | float:
    value = float(text) if len(text) <= MAX_NUMBER_CHARACTERS else float("inf")
    if value - value != 0 or _parts(text) != _parts(repr(value)):  # inf - inf is NaN
        raise _Located
    if value.is_integer() and abs(value) < 1e21:
        if abs(value) > MAX_SAFE_INTEGER:
            raise _Located
        return int(value)
    return value


def _constant(_text: str) -> NoReturn:
    raise _Located


def _parts(text: str) -> tuple[str, str, int]:
    """(sign, digits without outer zeros, exponent) of a decimal numeral: equal for equal numbers; none for zero."""
    sign = "-" if text[0] == "-" else ""
    mantissa, _, power = text.lstrip("-").lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    stripped = digits.rstrip("0")
    if not stripped:
        return "", "", 0
    if len(power) > 6:  # no double has such an exponent unless it is padded with zeros
        power = power[0].strip("0123456789") + power.lstrip("+-0")
        if len(power) > 6:
            return sign, stripped, 10**9
    return sign, stripped, int(power or 0) - len(fraction) + len(digits) - len(stripped)


def _marking(hook: Any, reason: Any) -> Any:
    def marked(part: Any) -> Any:
        try:
            return hook(part)
        except _Located:
            return _Refused(reason(part))

    return marked


def _duplicate(pairs: list[tuple[str, Any]]) -> str:
    keys = sorted(key for key, _ in pairs)
    twice = next(key for key, after in pairwise(keys) if key == after)
    return f"the key {twice[:60]!a} appears twice"


def _too_long(text: str) -> str:
    return f"the whole number {text[:24]} lies beyond 2^53-1: write it as a string"


def _inexact(text: str) -> str:
    return f"the number {text[:24]} is not exact in a double: write it as a string"


def _no_number(text: str) -> str:
    return f"{text} is not JSON"


class _Context:
    """What `json`'s scanner in C asks a JSONDecoder for."""

    strict = True  # no control characters in strings
    object_hook = None

    def __init__(self, pairs: Any, integer: Any, real: Any, constant: Any) -> None:
        self.memo: dict[str, str] = {}
        self.object_pairs_hook = pairs
        self.parse_int = integer
        self.parse_float = real
        self.parse_constant = constant


def _decoder(*, locating: bool) -> Any:
    hooks = (_object, _duplicate), (_integer, _too_long), (_real, _inexact), (_constant, _no_number)
    chosen = [_marking(hook, reason) if locating else hook for hook, reason in hooks]
    scan = make_scanner(_Context(*chosen))

    def decode(text: str) -> Any:
        start = len(text) - len(text.lstrip(_WHITESPACE))
        try:
            value, end = scan(text, start)
        except StopIteration as stop:
            raise ValueError(f"a value is expected at character {stop.value}") from None
        if text[end:].strip(_WHITESPACE):
            raise ValueError(f"something follows the value at character {end}")
        return value

    return decode


_strict_decode = _decoder(locating=False)


def _locate(text: str) -> NoReturn:
    """Parse again, keeping marks instead of stopping, and name the first one by its path."""
    try:
        value = _decoder(locating=True)(text)
    except (ValueError, RecursionError) as error:
        raise NotCanonical("the text holds a duplicate key or a number that is not exact", field="") from error
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, _Refused):
            raise NotCanonical(item.reason, field=pointer(path))
        children = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
        stack.extend(reversed([((*path, key), child) for key, child in children]))
    raise AssertionError("a hook refused a text that its marking twin accepts")


# --------------------------------------------------------------------------------------------------------- checking


def _check(value: Any, path: tuple[str | int, ...], depth: int, budget: list[int]) -> None:
    kind = type(value)
    if kind is dict or kind is list:
        if depth == 0:
            raise Malformed("the document is nested too deeply", field=pointer(path))
        if kind is dict:
            for key, child in value.items():
                if type(key) is not str:
                    raise Malformed("an object's keys are strings", field=pointer(path))
                check_text(key, path)
                _check(child, (*path, key), depth - 1, budget)
        else:
            for at, child in enumerate(value):
                _check(child, (*path, at), depth - 1, budget)
        if value:
            return
    elif kind is str:
        check_text(value, path)
    elif kind is int or kind is float:
        try:
            number(value)
        except NotCanonical as error:
            raise NotCanonical(error.message, field=pointer(path)) from error
    elif value is not None and kind is not bool:
        raise Malformed(f"{kind.__name__} is not a JSON type", field=pointer(path))
    budget[0] -= 1
    if budget[0] < 0:
        raise Malformed("the document has too many values", field=pointer(path))


def check_text(text: str, path: tuple[str | int, ...]) -> None:
    """Raise NotCanonical unless the string is in form NFC and holds no lone surrogate."""
    if text.isascii():
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotCanonical("the text holds a lone surrogate", field=_safe_pointer(path)) from error
    if not is_normalized("NFC", text):
        raise NotCanonical(
            "the text is not in Unicode normalisation form C", field=_safe_pointer(path), hint="send it NFC-normalised"
        )


def _safe_pointer(path: tuple[str | int, ...]) -> str:
    return pointer(path).encode("utf-8", "backslashreplace").decode("utf-8")


# ---------------------------------------------------------------------------------------------------------- writing


def _write(value: Any, put: Any, depth: int) -> None:
    kind = type(value)
    if kind is str:
        put(_quote(value))
    elif kind is dict:
        if depth >= MAX_DEPTH:
            raise NotCanonical("the document is nested too deeply")
        mark = "{"
        for key in sorted_keys(value):
            put(mark)
            put(_quote(key))
            put(":")
            _write(value[key], put, depth + 1)
            mark = ","
        put("}" if value else "{}")
    elif kind is list:
        if depth >= MAX_DEPTH:
            raise NotCanonical("the document is nested too deeply")
        mark = "["
        for child in value:
            put(mark)
            _write(child, put, depth + 1)
            mark = ","
        put("]" if value else "[]")
    elif value is None:
        put("null")
    elif kind is bool:
        put("true" if value else "false")
    elif kind is int or kind is float:
        put(number(value))
    else:
        raise NotCanonical(f"{kind.__name__} is not a JSON type")


def sorted_keys(value: dict[str, Any]) -> list[str]:
    """An object's keys in canonical order; raises NotCanonical when one is not a string."""
    try:
        return sorted(value) if "".join(value).isascii() else sorted(value, key=utf16_key)
    except TypeError as error:
        raise NotCanonical("an object's keys are strings") from error
