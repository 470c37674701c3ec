"""Strict readers for the text and JSON forms of proofs: hexadecimal, digests, numbers, objects with exact members.

Every refusal is Malformed and names the field as a JSON Pointer. Does not know what the values mean.
"""

from __future__ import annotations

from ledger.documents.canonical import parse
from ledger.errors import Malformed, TooLarge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_JSON_BYTES = 64 * 1024 * 1024  # a bundle of a lot with some ten thousand records
MAX_JSON_DEPTH = 24  # the formats nest eight deep


def load_json(data: bytes | str, field: str = "", limit: int = MAX_JSON_BYTES) -> Any:
    """The JSON value of `data`: UTF-8, no duplicate members, no number that is not exact, bounded. Raises Malformed."""
    if len(data) > limit:
        raise Malformed(f"{len(data)} bytes are over the limit of {limit}", field=field)
    try:
        return parse(data, max_bytes=limit, max_depth=MAX_JSON_DEPTH)
    except Malformed as error:
        raise Malformed(error.message, field=error.field or field) from error
    except TooLarge as error:
        raise Malformed(error.message, field=field) from error


def members(value: Any, field: str, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """`value`, an object with exactly these members. Raises Malformed: unknown material is never ignored."""
    if not isinstance(value, dict):
        raise Malformed("an object was expected", field=field)
    for name in required:
        if name not in value:
            raise Malformed("a member is missing", field=f"{field}/{name}")
    for name in value:
        if name not in required and name not in optional:
            raise Malformed("a member that this format does not have", field=f"{field}/{name}")
    return value


def items(value: Any, field: str, limit: int, *, empty: bool = False) -> list[Any]:
    """`value`, an array of at most `limit` items and, unless `empty`, at least one. Raises Malformed."""
    if not isinstance(value, list):
        raise Malformed("an array was expected", field=field)
    if len(value) > limit:
        raise Malformed(f"{len(value)} items are over the limit of {limit}", field=field)
    if not value and not empty:
        raise Malformed("an empty list proves nothing", field=field)
    return value


def string(value: Any, field: str, limit: int = 1024) -> str:
    """`value`, a string of at most `limit` characters. Raises Malformed."""
    if not isinstance(value, str):
        raise Malformed("a string was expected", field=field)
    if len(value) > limit:
        raise Malformed(f"a string of {len(value)} characters is over the limit of {limit}", field=field)
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise Malformed("a string holds half of a surrogate pair", field=field)
    return value


def constant(value: Any, field: str, expected: str) -> None:
    """Refuses anything but the string `expected` with Malformed."""
    if value != expected or not isinstance(value, str):
        raise Malformed(f"“{expected}” was expected", field=field)


def integer(value: Any, field: str, bits: int = 64) -> int:
    """`value`, a JSON integer from 0 below 2**bits (true and 1.0 are none). Raises Malformed."""
    if type(value) is not int:
        raise Malformed("a whole number was expected", field=field)
    if not 0 <= value < 1 << bits:
        raise Malformed(f"the number is not in 0 … 2^{bits} - 1", field=field)
    return value


def boolean(value: Any, field: str) -> bool:
    """`value`, true or false. Raises Malformed."""
    if not isinstance(value, bool):
        raise Malformed("true or false was expected", field=field)
    return value


def hexadecimal(value: Any, field: str, length: int | None = None, *, prefix: str = "", limit: int = 1 << 22) -> bytes:
    """The bytes of `prefix` + lower-case hexadecimal digits (exactly `length` bytes where given). Raises Malformed."""
    if not isinstance(value, str):
        raise Malformed("a string was expected", field=field)
    if not value.startswith(prefix):
        raise Malformed(f"the prefix “{prefix}” is missing", field=field)
    digits = value[len(prefix) :]
    if len(digits) > 2 * limit:
        raise Malformed(f"{len(digits) // 2} bytes are over the limit of {limit}", field=field)
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        data = b""
    if data.hex() != digits:  # fromhex also takes blanks and upper case: the one form is what hex() writes
        raise Malformed("pairs of lower-case hexadecimal digits were expected", field=field)
    if length is not None and len(data) != length:
        raise Malformed(f"{length} bytes were expected, not {len(data)}", field=field)
    return data


def digest(value: Any, field: str, algorithm: str = "sm3") -> bytes:
    """The 32 bytes of a digest in text form (`sm3:…`), which must be of this algorithm. Raises Malformed."""
    return hexadecimal(value, field, 32, prefix=f"{algorithm}:")
