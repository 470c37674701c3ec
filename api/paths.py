"""Keep an encoded slash or percent sign in a path what the sender meant: data, not structure.

GS1 character set 82 allows `/` and `%` in a lot; RFC 3986 section 2.2 makes `%2F` different from `/`. ASGI servers
decode paths before routing, so `/01/{gtin}/10/A%2FB` would look like two segments. This middleware leaves these two
encoded in the routed path; `decoded` undoes it on the parameter.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from api.limits import App, Receive, Scope, Send

KEPT = re.compile(rb"%2[fF]|%25")


class KeepEncodedSlashes:
    """ASGI middleware, right before routing."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope.get("raw_path") if scope["type"] == "http" else None
        if raw and b"%" in raw and KEPT.search(raw):
            guarded = KEPT.sub(lambda match: b"%25" + match[0][1:].upper(), raw.partition(b"?")[0])
            scope["path"] = unquote(guarded.decode("ascii", "replace"), errors="replace")
        await self._app(scope, receive, send)


def decoded(parameter: str) -> str:
    """A path parameter as its sender meant it."""
    return unquote(parameter, errors="replace") if "%" in parameter else parameter
