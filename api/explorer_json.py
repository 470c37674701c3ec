"""The explorer's values as JSON, and the JSON Schemas of that form, both made from the same dataclasses.

Names become camelCase; a sentence becomes its two texts and the things it names. So the OpenAPI document cannot
promise another form than the one that is sent.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import TypeAdapter

from ledger.services.explorer import state_views as sv
from ledger.services.explorer import views
from ledger.services.explorer.wording import Sentence

PREFIX = "Explorer"  # in front of every schema's name
ANSWERS = (
    sv.Overview,
    views.BlockPage,
    views.BlockView,
    views.TransactionView,
    sv.MemberList,
    sv.MemberPage,
    sv.GovernancePage,
    sv.LotPage,
    sv.ContractList,
    sv.ContractPage,
    sv.SourceFile,
    sv.AccountPage,
)
_WORDS: dict[str, Any] = {
    "type": "object",
    "title": "Words",
    "description": "One statement in both languages, and the things of the chain that it names.",
    "properties": {
        "zh": {"type": "string"},
        "en": {"type": "string"},
        "refs": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"kind": {"type": "string"}, "id": {"type": "string"}},
                "required": ["kind", "id"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["zh", "en", "refs"],
    "additionalProperties": False,
}


def to_json(value: Any) -> Any:
    """The JSON form of any of the explorer's values."""
    if isinstance(value, Sentence):
        refs = {(part.kind, part.id): None for part in value.en if part.kind}
        named = [{"kind": kind, "id": id_} for kind, id_ in refs]
        return {"zh": value.text("zh"), "en": value.text("en"), "refs": named}
    if is_dataclass(value) and not isinstance(value, type):
        return {_camel(field.name): to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(name): to_json(item) for name, item in value.items()}
    return value


def ref(answer: type) -> dict[str, str]:
    """A reference to the schema of one of ANSWERS."""
    return {"$ref": f"#/components/schemas/{PREFIX}{answer.__name__}"}


def schemas() -> dict[str, Any]:
    """The schemas of ANSWERS and of everything in them, for `components/schemas`."""
    found: dict[str, Any] = {}
    for answer in ANSWERS:
        schema = TypeAdapter(answer).json_schema(ref_template=f"#/components/schemas/{PREFIX}{{model}}")
        parts = schema.pop("$defs", {})
        for name, part in {**parts, answer.__name__: schema}.items():
            if name == "Sentence":
                found[PREFIX + name] = _WORDS
            elif name != "Part":
                found[PREFIX + name] = _camelised(part)
    return found


def _camelised(schema: dict[str, Any]) -> dict[str, Any]:
    named = {_camel(name): part for name, part in schema["properties"].items()}
    for part in named.values():
        part.pop("default", None)
    return {**schema, "properties": named, "required": list(named), "additionalProperties": False}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
