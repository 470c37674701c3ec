"""A data folder and its configuration: which chain, which stores, which keys. Holds no secret itself.

DATA/config.json      this configuration
DATA/anchors.json     the trust anchors to hand to verifiers by another way
DATA/chain.sqlite     the embedded engine's blocks and state
DATA/ledger.sqlite    payload store, outbox and private join register (not disposable)
DATA/index.sqlite     the read model (disposable: `originseal rebuild-index`)
DATA/keys/            the operator's keys, encrypted, mode 0600
DATA/audit.json       the last audit's report; DATA/audits/ those that were filed (docs/audit.md)

A replica's folder has the first three and what docs/replica.md names, but no payload store, read model or
operator's keys.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ledger.chain import jsontext
from ledger.errors import Malformed, NotFound

FORMAT = "originseal-config/v1"
DEFAULT_CHAIN_ID = 20250
MAX_DEPTH = 16  # of nested JSON; the deepest setting, a contract of the deployment, is at 4
_TYPES = {"chain_id": int, "engine": dict, "finality": str, "operator": dict, "deployment": dict, "role": str}
OPERATOR, REPLICA = "operator", "replica"  # Config.role


@dataclass(frozen=True, slots=True)
class Config:
    """One operator's settings. `engine` is `{"type": "embedded"}` or `{"type": "jsonrpc", "urls": […]}`."""

    chain_id: int = DEFAULT_CHAIN_ID
    engine: dict[str, Any] = field(default_factory=lambda: {"type": "embedded"})
    finality: str = "instant"
    operator: dict[str, str] = field(default_factory=lambda: {"zh": "", "en": ""})
    deployment: dict[str, Any] = field(default_factory=dict)
    database_url: str | None = None  # None: DATA/ledger.sqlite
    index_url: str | None = None  # None: DATA/index.sqlite
    # {"uscc": member with the role MATCHER, "key": its key file under DATA/keys}; None: this server matches nothing
    matcher: dict[str, str] | None = None
    demo: bool = False
    role: str = OPERATOR
    source: str | None = None  # a replica's: the address of the operator that it follows


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths inside one data folder."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.json"

    @property
    def anchors(self) -> Path:
        return self.root / "anchors.json"

    @property
    def chain(self) -> Path:
        return self.root / "chain.sqlite"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.sqlite"

    @property
    def index(self) -> Path:
        return self.root / "index.sqlite"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def audit_report(self) -> Path:
        return self.root / "audit.json"

    @property
    def audit_work(self) -> Path:
        return self.root / "audit-work"

    def exists(self) -> bool:
        return self.config.exists()


def load_config(folder: DataFolder) -> Config:
    """Read DATA/config.json; raises NotFound when the folder holds no ledger, Malformed when the file is damaged."""
    try:
        raw = jsontext.loads(folder.config.read_bytes(), MAX_DEPTH)
    except FileNotFoundError as e:
        raise NotFound(
            f"no ledger in {folder.root}", hint="create one with `originseal demo --data DIR`, or name another folder"
        ) from e
    except (ValueError, UnicodeDecodeError) as e:
        raise Malformed(f"config.json is not JSON: {e}", field="config.json") from e
    if not isinstance(raw, dict) or raw.pop("format", None) != FORMAT:
        raise Malformed(f"config.json is not in the format {FORMAT}", field="format")
    try:
        config = Config(**raw)
    except TypeError as e:
        raise Malformed(f"config.json has unknown settings: {e}", field="config.json") from e
    for name, kind in _TYPES.items():
        if type(getattr(config, name)) is not kind:
            raise Malformed(f"{name} in config.json is not of the type {kind.__name__}", field=name)
    return config


def save_config(folder: DataFolder, config: Config) -> None:
    """Write DATA/config.json atomically."""
    write_json(folder.config, {"format": FORMAT, **asdict(config)})


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON, atomically and durably: a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8") as handle:
        json.dump(value, handle, ensure_ascii=False, indent=1)
        handle.write("\n")
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)
