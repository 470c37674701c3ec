"""Naming what deviates from the specification, in Chinese and English, with a stable code.

Job: turn a value that failed its fast check, or a structural deviation, into a Defect. The codes are listed in
docs/customs.md; outsiders may rely on them.
"""

from __future__ import annotations

import re
from typing import Any

from ledger.documents.ceb.model import Defect
from ledger.documents.ceb.schema import FieldSpec, code_table

_SIGNED_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\Z")


def defect(code: str, path: str, *, severity: str = "error", **values: Any) -> Defect:
    """A defect with its words filled in."""
    words = code_table("defects")[code]
    return Defect(code, path, words["zh"].format(**values), words["en"].format(**values), severity)


def diagnose(spec: FieldSpec, text: str, path: str) -> Defect | None:
    """Why `text` failed `spec.accepts`; None when the schema's own white-space rule makes it acceptable."""
    value = spec.normalised(text)
    if value != text and spec.accepts(value):
        return None
    zh = spec.zh.split("-", 1)[0][:40]
    facts: dict[str, Any] = {
        "name": spec.name,
        "zh": zh,
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
    return defect(_kind_of(spec), path, **_expected(spec))


def _kind_of(spec: FieldSpec) -> str:
    check = spec.check or {}
    for key, code in (("table", "unknown-code"), ("values", "unknown-value"), ("time", "not-a-time")):
        if key in check:
            return code
    return "pattern"


def _expected(spec: FieldSpec) -> dict[str, Any]:
    check = spec.check or {"zh": spec.zh, "en": "valid"}
    return {"name": spec.name, "expected_zh": check["zh"], "expected_en": check["en"]}


def _diagnose_number(spec: FieldSpec, value: str, path: str) -> Defect:
    facts: dict[str, Any] = {"name": spec.name, "maximum": spec.maximum, "fraction": spec.fraction}
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
    if spec.check is not None and not plain.strip("0."):
        return defect("out-of-range", path, **_expected(spec))
    return defect("not-a-number", path, **facts)
