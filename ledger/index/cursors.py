"""Opaque page cursors: where the next page begins, in a form that callers can only hand back."""

from __future__ import annotations

import base64
import binascii
import json

from ledger.errors import Malformed

MAX_LIMIT = 200  # items of one page
_MAX_CURSOR = 200


def encode_cursor(listing: str, position: int) -> str:
    """The cursor after the item at `position` of `listing`."""
    text = json.dumps([listing, position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(listing: str, cursor: str) -> int:
    """The position in a cursor of `listing`. Raises Malformed for anything that encode_cursor did not give."""
    try:
        if len(cursor) > _MAX_CURSOR:
            raise ValueError("too long")
        padded = cursor + "=" * (-len(cursor) % 4)
        name, position = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        if name != listing or type(position) is not int or not 0 <= position < 1 << 63:
            raise ValueError("another listing")
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise Malformed("not a cursor of this listing", field="cursor") from error
    if encode_cursor(listing, position) != cursor:
        raise Malformed("not a cursor of this listing", field="cursor")
    return int(position)


def check_limit(limit: int) -> int:
    """Raises Malformed unless 1 ≤ limit ≤ 200."""
    if not 1 <= limit <= MAX_LIMIT:
        raise Malformed(f"limit is 1 to {MAX_LIMIT}", field="limit")
    return limit
