"""Errors as problem+json (RFC 9457): every leaf of `ledger.errors` has exactly one HTTP status here.

Does not log and does not render HTML. Server-side faults (5xx) tell the visitor nothing about our insides: the text is
generic and the correlation id in `instance` leads an operator to the log.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from ledger import errors

MEDIA_TYPE = "application/problem+json"
MAX_TEXT = 2000
MAX_ITEMS = 1000

STATUS: dict[type[errors.OriginSealError], int] = {
    errors.OriginSealError: 500,
    errors.Refused: 403,
    errors.NotAuthorised: 403,
    errors.MemberSuspended: 403,
    errors.UnknownMember: 403,
    errors.SignatureRejected: 401,
    errors.SignatureRequired: 401,
    errors.NonceUsed: 409,
    errors.SubmissionExpired: 422,
    errors.RecordsRefused: 422,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.RateLimited: 429,
    errors.RevertedOnChain: 409,
    errors.RpcError: 502,
    errors.Untrusted: 400,
    errors.Malformed: 400,
    errors.NotCanonical: 400,
    errors.HostileXml: 400,
    errors.VerificationFailed: 422,
    errors.BlockRefused: 422,
    errors.BadKey: 400,
    errors.CertificateRejected: 422,
    errors.BadCiphertext: 500,
    errors.Unavailable: 503,
    errors.CryptoUnavailable: 503,
    errors.EngineUnavailable: 503,
    errors.StorageUnavailable: 503,
    errors.SealingSuspended: 503,
}

GENERIC = {
    500: (
        "Something went wrong on our side. Nothing acknowledged is lost; quote the reference if you report it.",
        "服务器内部出错。已确认的提交不会丢失;反馈时请附上编号。",
    ),
    502: (
        "The chain engine did not accept a request of ours. Please try again in a moment.",
        "区块链引擎没有接受本站的请求,请稍后再试。",
    ),
    503: (
        "The service cannot answer this right now. Please try again in a moment.",
        "服务暂时无法处理该请求,请稍后再试。",
    ),
}


@dataclass(frozen=True, slots=True)
class HttpFault:
    """A problem of HTTP itself, unknown to the ledger."""

    status: int
    code: str
    title: str
    title_zh: str


HTTP_FAULTS: dict[int, HttpFault] = {
    400: HttpFault(400, "malformed", errors.Malformed.title, errors.Malformed.title_zh),
    404: HttpFault(404, "no-such-path", "No such address", "没有这个地址"),
    405: HttpFault(405, "method-not-allowed", "Method not allowed", "不支持该方法"),
    406: HttpFault(406, "not-acceptable", "No acceptable representation", "没有可接受的表示形式"),
    408: HttpFault(408, "body-timeout", "The request body took too long", "请求正文传输超时"),
    415: HttpFault(415, "unsupported-media-type", "Unsupported media type", "不支持的媒体类型"),
    503: HttpFault(503, "unavailable", errors.Unavailable.title, errors.Unavailable.title_zh),
    500: HttpFault(500, "internal", "Internal error", "内部错误"),
}


class HttpProblem(Exception):
    """Raised inside api/ for faults of HTTP itself (see HTTP_FAULTS); the ledger never raises it."""

    def __init__(self, status: int, message: str, *, hint: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.fault = HTTP_FAULTS[status]
        self.message = message
        self.hint = hint
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Problem:
    """A ready answer: status, body and extra headers."""

    status: int
    code: str
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


def status_of(error: errors.OriginSealError) -> int:
    """The HTTP status of an error; an unmapped class takes its nearest ancestor's (a test keeps the map total)."""
    for cls in type(error).__mro__:
        if cls in STATUS:
            return STATUS[cls]
    raise AssertionError("OriginSealError itself is mapped")


def problem_of(error: Exception, *, language: str, instance: str) -> Problem:
    """Turn any exception into a Problem; exceptions from outside the two known families become a bare 500."""
    if isinstance(error, HttpProblem):
        fault = error.fault
        body = _body(fault.status, fault.code, fault.title, fault.title_zh, error.message, language, instance)
        if error.hint:
            body["hint"] = error.hint
        return Problem(fault.status, fault.code, body, dict(error.headers))
    if not isinstance(error, errors.OriginSealError):
        fault = HTTP_FAULTS[500]
        text = GENERIC[500][language == "zh"]
        return Problem(500, fault.code, _body(500, fault.code, fault.title, fault.title_zh, text, language, instance))
    status = status_of(error)
    detail = GENERIC[status][language == "zh"] if status >= 500 else error.message
    body = _body(status, error.code, error.title, error.title_zh, detail, language, instance)
    headers: dict[str, str] = {}
    if status < 500:
        if error.field is not None:
            body["field"] = error.field[:MAX_TEXT]
        if error.hint:
            body["hint"] = error.hint[:MAX_TEXT]
        for name, value in error.detail.items():
            body.setdefault(name, _plain(value))
    if status == 401:
        headers["WWW-Authenticate"] = 'OriginSeal-Envelope realm="statements signed with SM2"'
    if isinstance(error, errors.RateLimited):
        headers["Retry-After"] = str(max(1, round(float(error.detail.get("retry_after", 1)))))
    if isinstance(error, errors.Unavailable):
        headers["Retry-After"] = str(max(1, round(error.retry_after or 5)))
    return Problem(status, error.code, body, headers)


def _body(
    status: int, code: str, title: str, title_zh: str, detail: str, language: str, instance: str
) -> dict[str, Any]:
    return {
        "type": f"/problems#{code}",
        "title": title_zh if language == "zh" else title,
        "status": status,
        "detail": detail[:MAX_TEXT],
        "code": code,
        "titles": {"zh": title_zh, "en": title},
        "instance": f"urn:originseal:request:{instance}",
    }


def _plain(value: Any, depth: int = 0) -> Any:
    """Make an error's facts JSON-able and bounded: they may quote hostile input."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()[:MAX_TEXT]
    if isinstance(value, bytes | bytearray):
        return "0x" + bytes(value[:MAX_TEXT]).hex()
    if depth >= 6:
        return "…"
    if isinstance(value, dict):
        return {str(key): _plain(item, depth + 1) for key, item in list(value.items())[:MAX_ITEMS]}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth + 1) for item in list(value)[:MAX_ITEMS]]
    return str(value)[:MAX_TEXT]


def catalogue() -> list[tuple[str, int, str, str, str]]:
    """(code, status, title en, title zh, explanation) of every problem a client can meet, for the /problems page."""
    rows = {
        cls.code: (cls.code, status, cls.title, cls.title_zh, (cls.__doc__ or "").split("\n")[0])
        for cls, status in STATUS.items()
        if not cls.__subclasses__() or cls in (errors.Malformed, errors.CertificateRejected, errors.Unavailable)
    }
    for fault in HTTP_FAULTS.values():
        rows.setdefault(fault.code, (fault.code, fault.status, fault.title, fault.title_zh, ""))
    return sorted(rows.values(), key=lambda row: (row[1], row[0]))
