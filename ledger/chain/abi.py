"""Contract ABI coding by name: calldata in, named values out, for functions, events and errors.

Solidity ABI specification (argument coding, selectors, indexed event parameters) through eth_abi; this module adds
names. Values: bytesN and bytes are `bytes`, addresses are lower-case 0x text, tuples are dicts of their components.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils import keccak

from ledger.errors import Malformed


@dataclass(frozen=True, slots=True)
class Parameter:
    """One input or output: canonical `type`, its components when it is a tuple (of any array depth)."""

    name: str
    type: str
    components: tuple[Parameter, ...]
    indexed: bool

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Parameter:
        """From its JSON ABI form."""
        parts = tuple(cls.read(part) for part in raw.get("components", ()))
        kind = str(raw["type"])
        if kind.startswith("tuple"):
            kind = f"({','.join(part.type for part in parts)}){kind[5:]}"
        return cls(str(raw.get("name", "")), kind, parts, bool(raw.get("indexed", False)))

    def named(self, value: Any) -> Any:
        """`value` with every tuple in it turned into a dict."""
        if not self.components:
            return list(value) if isinstance(value, tuple) else value
        return self._named(value, self.type.count("[", self.type.rfind(")")))

    def _named(self, value: Any, arrays: int) -> Any:
        if arrays:
            return [self._named(item, arrays - 1) for item in value]
        return {part.name: part.named(item) for part, item in zip(self.components, value, strict=True)}


@dataclass(frozen=True, slots=True)
class Signature:
    """A function, event or error."""

    name: str
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...] = ()

    @property
    def text(self) -> str:
        """Canonical signature."""
        return f"{self.name}({','.join(p.type for p in self.inputs)})"

    @property
    def digest(self) -> bytes:
        """keccak256 of the canonical signature: topic 0; its first four bytes are the selector."""
        return bytes(keccak(text=self.text))


class Abi:
    """The signatures of one contract."""

    def __init__(self, entries: Sequence[dict[str, Any]]) -> None:
        self.functions: dict[str, Signature] = {}
        self.events: dict[bytes, Signature] = {}
        self.errors: dict[bytes, Signature] = {}
        self.constructor: tuple[Parameter, ...] = ()
        for entry in entries:
            inputs = tuple(Parameter.read(p) for p in entry.get("inputs", ()))
            kind, name = entry["type"], str(entry.get("name", ""))
            if kind == "constructor":
                self.constructor = inputs
            elif kind == "function":
                self.functions[name] = Signature(name, inputs, tuple(Parameter.read(p) for p in entry["outputs"]))
            elif kind == "event" and not entry.get("anonymous"):
                event = Signature(name, inputs)
                self.events[event.digest] = event
            elif kind == "error":
                error = Signature(name, inputs)
                self.errors[error.digest[:4]] = error

    def event(self, name: str) -> Signature:
        """The event called `name`; KeyError when there is none (our own misuse)."""
        return next(e for e in self.events.values() if e.name == name) if self._has_event(name) else _missing(name)

    def _has_event(self, name: str) -> bool:
        return any(e.name == name for e in self.events.values())

    def encode_call(self, name: str, args: Sequence[Any]) -> bytes:
        """Calldata for function `name`; raises Malformed when a value does not fit its type."""
        function = self.functions[name]
        return function.digest[:4] + encode(function.inputs, args)

    def decode_result(self, name: str, data: bytes) -> Any:
        """The function's result: one value bare, several as a dict (or a list when they have no names)."""
        outputs = self.functions[name].outputs
        values = decode(outputs, data)
        if len(outputs) == 1:
            return values[0]
        if all(p.name for p in outputs):
            return {p.name: value for p, value in zip(outputs, values, strict=True)}
        return values


def _missing(name: str) -> Signature:
    raise KeyError(name)


def encode(parameters: Sequence[Parameter], args: Sequence[Any]) -> bytes:
    """ABI-encode; raises Malformed when the values do not fit."""
    try:
        return bytes(abi_encode([p.type for p in parameters], list(args)))
    except (EncodingError, ValueError, TypeError) as error:
        raise Malformed(f"the arguments do not fit {','.join(p.type for p in parameters)}: {error}") from error


def decode(parameters: Sequence[Parameter], data: bytes) -> list[Any]:
    """ABI-decode with names; raises Malformed when `data` is not that."""
    try:
        values = abi_decode([p.type for p in parameters], data)
    except (DecodingError, ValueError, OverflowError) as error:
        raise Malformed(f"the data are not {','.join(p.type for p in parameters)}") from error
    return [p.named(value) for p, value in zip(parameters, values, strict=True)]


def decode_event(event: Signature, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
    """Arguments by name. An indexed value of dynamic type is its keccak256, as the chain holds no more."""
    indexed = [p for p in event.inputs if p.indexed]
    if len(indexed) != len(topics) - 1:
        raise Malformed(f"event {event.name} has {len(indexed)} indexed parameters, the log {len(topics) - 1}")
    values: dict[str, Any] = {}
    for parameter, topic in zip(indexed, topics[1:], strict=True):
        dynamic = parameter.components or parameter.type in ("string", "bytes") or parameter.type.endswith("]")
        values[parameter.name] = topic if dynamic else decode([parameter], topic)[0]
    plain = [p for p in event.inputs if not p.indexed]
    values.update({p.name: value for p, value in zip(plain, decode(plain, data), strict=True)})
    return {p.name: values[p.name] for p in event.inputs}
