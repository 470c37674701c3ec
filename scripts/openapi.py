"""Write or check the committed OpenAPI document: `python -m scripts.openapi [--check]`.

The committed copy makes every change of the interface visible in review; the test suite compares it too.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

COPY = Path(__file__).resolve().parent.parent / "api" / "openapi.json"


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document of the application; needs no ledger."""
    from api.app import create_app
    from api.settings import Settings

    return create_app(Settings()).openapi()


def text() -> str:
    return json.dumps(document(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main(arguments: list[str]) -> int:
    """Exit status 1 when `--check` finds a difference."""
    if arguments == ["--check"]:
        same = COPY.exists() and COPY.read_text(encoding="utf-8") == text()
        print("openapi.json is up to date" if same else "openapi.json differs: run python -m scripts.openapi")
        return 0 if same else 1
    COPY.write_text(text(), encoding="utf-8")
    print(f"wrote {COPY.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
