"""Reading a decoded JSON value field by field, so that every refusal names its JSON Pointer (RFC 6901).

Job: types, lengths, allowed keys, times and dates. It knows no meaning: lots, events and profiles do.
Raises only Malformed. The bounds are on text that people read; the canonical form bounds the whole payload.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Container, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NoReturn

from ledger.errors import Malformed

MAX_TEXT = 500  # characters of one human-readable field
MAX_ITEMS = 1000  # entries of one list
# Times that every reader's calendar holds in every time zone: 1900-01-01 and 3000-01-01 UTC, Unix seconds.
EARLIEST, LATEST = -2_208_988_800, 32_503_680_000

# RFC 3339 date-time with an explicit offset; seconds' fraction up to nanoseconds.
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)\Z", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)


class Node:
    """A JSON value and where it stands: below `parent` under `key`, or at the given pointer.

    The pointer is only spelt out when a refusal needs it: good payloads are the common case.
    """

    __slots__ = ("_key", "_parent", "value")

    def __init__(self, value: Any, parent: Node | str = "", key: str | int | None = None) -> None:
        self.value = value
        self._parent = parent
        self._key = key

    @property
    def pointer(self) -> str:
        """The JSON Pointer of this value."""
        start = self._parent if isinstance(self._parent, str) else self._parent.pointer
        return start if self._key is None else f"{start}/{_escape(str(self._key))}"

    def refuse(self, message: str, hint: str = "") -> NoReturn:
        """Raise Malformed for this field."""
        raise Malformed(message, field=self.pointer or "/", hint=hint)

    def object(
        self, required: Collection[str] = (), optional: Container[str] = (), *, namespaced: bool = False
    ) -> dict[str, Node]:
        """The members as nodes; `namespaced` also allows keys that are URIs, CURIEs or start with @."""
        value = self.value
        if not isinstance(value, dict):
            self.refuse("must be an object")
        for key in required:
            if key not in value:
                Node(None, self, key).refuse("is missing")
        nodes = {}
        for key, member in value.items():
            nodes[key] = node = Node(member, self, key)
            if key not in required and key not in optional and not (namespaced and (":" in key or key.startswith("@"))):
                node.refuse("is not a known field")
        return nodes

    def list(self, minimum: int = 0, maximum: int = MAX_ITEMS) -> list[Node]:
        """The entries as nodes."""
        if not isinstance(self.value, list):
            self.refuse("must be a list")
        if not minimum <= len(self.value) <= maximum:
            self.refuse(f"must have {minimum} to {maximum} entries")
        return [Node(value, self, i) for i, value in enumerate(self.value)]

    def text(self, maximum: int = MAX_TEXT, pattern: re.Pattern[str] | None = None, what: str = "") -> str:
        """Non-blank text within `maximum` characters, without control characters, matching `pattern` to its end."""
        value = self.value
        if not isinstance(value, str):
            self.refuse("must be text")
        if not value.strip():
            self.refuse("must not be blank")
        if len(value) > maximum:
            self.refuse(f"must have at most {maximum} characters")
        if _CONTROL.search(value):
            self.refuse("must not contain control characters")
        if pattern is not None and not pattern.match(value):
            self.refuse(f"is not {what or 'in the expected form'}")
        return value

    def one_of(self, allowed: Iterable[str]) -> str:
        """One of the words of an enumeration."""
        words = tuple(allowed)
        if not isinstance(self.value, str) or self.value not in words:
            self.refuse(f"must be one of {', '.join(words)}")
        return self.value

    def whole(self, minimum: int, maximum: int) -> int:
        """A whole number within bounds."""
        value = self.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            self.refuse(f"must be a whole number from {minimum} to {maximum}")
        return value

    def number(self) -> float | int | Decimal:
        """A finite JSON number."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            self.refuse("must be a number")
        if not math.isfinite(value):
            self.refuse("must be a finite number")
        return value

    def bilingual(self, maximum: int = MAX_TEXT) -> dict[str, str]:
        """{"zh": …, "en": …}, both given."""
        nodes = self.object(("zh", "en"))
        return {"zh": nodes["zh"].text(maximum), "en": nodes["en"].text(maximum)}

    def moment(self) -> int:
        """A date-time with offset as Unix seconds (a fraction is dropped)."""
        text = self.text(40, _DATE_TIME, "an RFC 3339 date-time with an offset, such as 2026-06-12T06:30:00+08:00")
        try:
            seconds, _, rest = text.partition(".")
            offset = rest.lstrip("0123456789") if rest else ""
            moment = int(datetime.fromisoformat((seconds + offset).replace("Z", "+00:00")).timestamp())
        except (ValueError, OverflowError) as error:
            raise Malformed(f"is not a date-time: {error}", field=self.pointer) from error
        if not EARLIEST <= moment < LATEST:
            self.refuse("must lie in the years 1900 to 2999")
        return moment

    def day(self) -> date:
        """A calendar date, YYYY-MM-DD."""
        try:
            return date.fromisoformat(self.text(10, _DATE, "a date, YYYY-MM-DD"))
        except ValueError as error:
            raise Malformed(f"is not a date: {error}", field=self.pointer) from error

    def __iter__(self) -> Iterator[Node]:
        return iter(self.list())


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1") if "/" in key or "~" in key else key
