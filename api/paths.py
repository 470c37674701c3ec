"""Requests as their senders meant them: HEAD is GET without the body, an encoded slash or percent sign is data.

GS1 character set 82 allows `/` and `%` in a lot; RFC 3986 section 2.2 makes `%2F` different from `/`. ASGI servers
decode paths before routing, so `/01/{gtin}/10/A%2FB` would look like two segments. This middleware leaves these two
encoded in the routed path; `decoded` undoes it on the parameter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from api.limits import App, Message, Receive, Scope, Send

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


class HeadAsGet:
    """Answer HEAD wherever GET is answered, without the body (RFC 9110 section 9.3.2). ASGI middleware."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def bodiless(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        # A copy: the server looks at its own scope to know that no body follows.
        asked = {**scope, "method": "GET"}
        await self._app(asked, receive, bodiless)
        if "route" in asked:
            scope["route"] = asked["route"]


def public_path(scope: Mapping[str, Any]) -> str:
    """The path of a request as it was asked for, percent-encoded."""
    return quote(decoded(scope["path"]), safe="/:@")


def decoded(parameter: str) -> str:
    """A path parameter as its sender meant it."""
    return unquote(parameter, errors="replace") if "%" in parameter else parameter
