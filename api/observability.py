"""What operators see of each request: one structured log line, counted metrics, a correlation id.

The outermost ASGI layer. It also puts the security headers on every answer and turns an exception that nobody handled
into a bare 500 problem. Logs carry no bodies, no query strings, no header values and only a shortened client address.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import time

from api.limits import App, Message, Receive, Scope, Send, client_address
from api.metrics import HttpMetrics
from api.negotiation import language
from api.problems import MEDIA_TYPE, HttpProblem, problem_of
from api.settings import Settings
from ledger import correlation
from ledger.errors import OriginSealError

LOGGER = logging.getLogger("originseal.api")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


def shortened(address: str) -> str:
    """An address cut to its network (/24 or /48): enough to see abuse, too little to point at a person."""
    try:
        network = ipaddress.ip_network(address, strict=False)
    except ValueError:
        return "unknown"
    return str(network.supernet(new_prefix=min(24 if network.version == 4 else 48, network.prefixlen)))


def correlation_id(scope: Scope) -> str:
    """The client's own x-request-id where it has the form of one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and correlation.valid(text := value.decode("latin-1")):
            return str(text)
    return correlation.fresh()


class Observe:
    """ASGI middleware, outermost."""

    def __init__(self, app: App, settings: Settings, metrics: HttpMetrics) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = correlation_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0
        extra = (*SECURITY_HEADERS, (b"x-request-id", request_id.encode()))

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = {name for name, _ in message["headers"]}  # a route may be stricter about what it sends
                added = [header for header in extra if header[0] not in own]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        try:
            with correlation.bind(request_id):
                await self._app(scope, receive, observed)
        except Exception as error:
            if not isinstance(error, OriginSealError | HttpProblem):
                LOGGER.exception("unhandled", extra={"facts": {"id": request_id, "path": scope["path"][:200]}})
            if status:
                raise  # the answer has begun: all that is left is to break the connection
            await self._answer(scope, observed, error, request_id)
        finally:
            self._record(scope, status, time.perf_counter() - began, request_id)

    async def _answer(self, scope: Scope, send: Send, error: Exception, request_id: str) -> None:
        accept = next((v.decode("latin-1") for n, v in scope["headers"] if n == b"accept-language"), None)
        wished, _ = language({}, accept, self._settings.default_language)
        problem = problem_of(error, language=wished, instance=request_id)
        self._metrics.refusals.labels(problem.code).inc()
        body = json.dumps(problem.body, ensure_ascii=False).encode()
        headers = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), "cache-control": "no-store"}
        headers |= {name.lower(): value for name, value in problem.headers.items()}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": problem.status, "headers": raw})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _record(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        self._metrics.requests.labels(route, _known_method(scope["method"]), str(status)).inc()
        self._metrics.duration.labels(route).observe(seconds)
        if LOGGER.isEnabledFor(logging.INFO):
            facts = {
                "id": request_id,
                "method": scope["method"][:16],
                "path": scope["path"][:200],
                "route": route,
                "status": status,
                "ms": round(seconds * 1000, 2),
                "client": shortened(client_address(scope, self._settings.trusted_proxies)),
            }
            LOGGER.info("request", extra={"facts": facts})


def _known_method(method: str) -> str:
    return method if method in ("GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE") else "other"
