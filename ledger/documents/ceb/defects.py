"""Naming what deviates from the specification, in Chinese and English, with a stable code.

Job: turn a value that failed its fast check, or a structural deviation, into a Defect. The codes are listed in
docs/customs.md; outsiders may rely on them.
"""

from __future__ import annotations

import re
from typing import Any

from ledger.documents.ceb.checks import FieldSpec
from ledger.documents.ceb.codetables import code_table
from ledger.documents.ceb.model import Defect

MAX_CODE = 20  # characters of an unknown code that are said again
_SIGNED_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\Z")


# Deviations of whole messages and nodes that the official schema does not see; values are judged by `diagnose`.
_BEYOND_SCHEMA = frozenset(
    (
        "conditional-missing",
        "duplicate-key",
        "empty-summary",
        "gnum-sequence",
        "guid-lower-case",
        "sequence-number",
        "text-not-nfc",
        "time-range",
    )
)


def defect(code: str, path: str, *, severity: str = "error", level: str | None = None, **values: Any) -> Defect:
    """A defect with its words filled in."""
    words = code_table("defects")[code]
    whose = level or ("specification" if code in _BEYOND_SCHEMA else "schema")
    return Defect(code, path, words["zh"].format(**values), words["en"].format(**values), severity, whose)


def diagnose(spec: FieldSpec, text: str, path: str) -> Defect | None:
    """Why `text` failed `spec.accepts`; None when the schema's own white-space rule makes it acceptable."""
    value = spec.normalised(text)
    if value != text and spec.accepts(value):
        return None
    facts: dict[str, Any] = {
        "level": "specification" if spec.schema_accepts(text) else "schema",
        "name": spec.name,
        "zh": short(spec.zh),
        "length": len(value),
        "minimum": spec.minimum,
        "maximum": spec.maximum,
    }
    if not value.strip() and not spec.optional:
        return defect("blank-mandatory", path, **facts)
    if spec.type != "string":
        return _diagnose_number(spec, value, path)
    if len(value) != spec.maximum and spec.minimum == spec.maximum:
        return defect("wrong-length", path, **facts)
    if len(value) > spec.maximum:
        return defect("too-long", path, **facts)
    if len(value) < spec.minimum:
        return defect("too-short", path, **facts)
    if spec.name == "guid" and spec.accepts(value.upper()):
        return defect("guid-lower-case", path)
    return defect(_kind_of(spec, value), path, level=facts["level"], value=value[:MAX_CODE], **_expected(spec))


def short(zh: str) -> str:
    """The name part of an element's Chinese meaning."""
    return zh.split("-", 1)[0][:40]


def _kind_of(spec: FieldSpec, value: str) -> str:
    check = spec.check or {}
    if "district" in check and len(value) == 4 and value.isascii() and value.isdigit():
        return "unknown-code"
    for key, code in (("table", "unknown-code"), ("values", "unknown-value"), ("time", "not-a-time")):
        if key in check:
            return code
    return "pattern"


def _expected(spec: FieldSpec) -> dict[str, Any]:
    check = spec.check or {"zh": spec.zh, "en": "valid"}
    return {"name": spec.name, "expected_zh": check["zh"], "expected_en": check["en"]}


def _diagnose_number(spec: FieldSpec, value: str, path: str) -> Defect:
    level = "specification" if spec.schema_accepts(value) else "schema"
    facts: dict[str, Any] = {"level": level, "name": spec.name, "maximum": spec.maximum, "fraction": spec.fraction}
    if not _SIGNED_DECIMAL.match(value) or (spec.type == "int" and "." in value):
        return defect("not-a-number", path, **facts)
    if value.startswith("-") and value.strip("-0."):
        return defect("negative", path, **facts)
    plain = value.lstrip("+-")
    whole, _, decimals = plain.partition(".")
    if len(decimals) > spec.fraction and spec.type == "decimal":
        return defect("too-many-decimals", path, **facts)
    if len(whole) + len(decimals) > spec.maximum:
        return defect("too-many-digits", path, **facts)
    if spec.check is not None and _within(spec, value):
        return defect("out-of-range", path, level=level, **_expected(spec))
    return defect("not-a-number", path, **facts)


def _within(spec: FieldSpec, value: str) -> bool:
    """A plain number whose only fault is that the check beyond the schema does not take it."""
    return value[:1].isdigit() and value[-1:].isdigit() and spec.schema_accepts(value)
