"""Settings of the web server: the only place that reads the environment.

Every other module is handed a `Settings`; nothing else in api/ looks at `os.environ`. Command-line flags are turned
into a `Settings` by the caller with `Settings.from_environment(data=…, base_url=…)`, where given arguments win.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from api.negotiation import LANGUAGES

MEBIBYTE = 1024 * 1024
PREFIX = "ORIGINSEAL_"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a deployment may choose. Sizes are bytes, rates are requests per second and client address.

    `base_url` is this server's absolute URL as outsiders reach it: what QR codes and links say. It is never taken from
    a request's Host header: a cached page or a printed label must not be steerable by whoever asks for it.
    A rate of 0 switches that limit off. `demo` puts a notice on every page: invented goods must not pass for real ones.
    """

    data: Path = Path("data")
    base_url: str = "http://127.0.0.1:8000"
    default_language: str = "zh"
    max_body: int = 8 * MEBIBYTE
    max_rpc_body: int = MEBIBYTE
    max_bodies_in_flight: int = 64 * MEBIBYTE
    body_timeout: float = 30.0
    read_rate: float = 100.0
    read_burst: int = 400
    write_rate: float = 20.0
    write_burst: int = 100
    trusted_proxies: int = 0
    page_cache: int = 512
    outbox_stuck_after: float = 120.0
    max_index_lag: int = 2
    log_level: str = "INFO"
    demo: bool = False

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            raise ValueError(f"base_url must be an absolute http(s) URL, not {self.base_url!r}")
        if self.default_language not in LANGUAGES:
            raise ValueError(f"default_language must be one of {', '.join(LANGUAGES)}")
        object.__setattr__(self, "base_url", self.base_url.rstrip("/"))

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
        """Read ORIGINSEAL_<FIELD> variables; arguments that are given (and not None) win over them.

        Raises ValueError naming the variable when a value does not fit its type.
        """
        environ = os.environ if environ is None else environ
        chosen: dict[str, Any] = {}
        for spec in fields(cls):
            name = PREFIX + spec.name.upper()
            if name in environ:
                try:
                    chosen[spec.name] = _convert(environ[name], spec.default)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from error
        chosen.update({key: value for key, value in given.items() if value is not None})
        return cls(**chosen)


def _convert(text: str, default: Any) -> Any:
    """Convert a variable's text to the type of the field's default."""
    if isinstance(default, bool):
        lowered = text.strip().lower()
        if lowered in ("1", "true", "yes", "on"):
            return True
        if lowered in ("0", "false", "no", "off"):
            return False
        raise ValueError(f"expected true or false, not {text!r}")
    if isinstance(default, int):
        return int(text)
    if isinstance(default, float):
        return float(text)
    if isinstance(default, Path):
        return Path(text)
    return text
