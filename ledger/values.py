"""A drop-in `dataclass` for frozen values on the verifier's import path, without importing `dataclasses`.

`dataclasses` pulls in `inspect`, `re` and `ast` (about 12 ms): as much as starting Python itself, and `originseal
verify` may cost three bare starts in all. Type checkers see the real decorator; at run time only
`@dataclass(frozen=True, slots=True)` with plain defaults is supported. No `field()`, no inheritance of fields, no
`dataclasses.replace/fields/asdict`: where those are needed, use the standard module.
"""

from __future__ import annotations

from _operator import attrgetter  # `operator` in C, without its Python half

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass as dataclass
    from typing import Any
else:

    def dataclass(*, frozen, slots, eq=True, repr=True):
        """`dataclasses.dataclass(frozen=True, slots=True)` with value equality, hash, repr and pickling."""
        if not (frozen and slots):
            raise TypeError("only frozen, slotted values are supported")
        return lambda cls: _build(cls, eq, repr)


def _refuse(self: object, name: str, value: object = None) -> None:
    raise AttributeError(f"{type(self).__name__} is immutable: cannot change {name!r}")


def _build(cls: type, eq: bool, with_repr: bool) -> type:
    annotations = cls.__dict__.get("__annotations__", {})  # noqa: RUF063 - `inspect` is what this avoids
    fields = tuple(name for name, kind in annotations.items() if not str(kind).startswith("ClassVar"))
    body = {name: value for name, value in cls.__dict__.items() if name not in {"__dict__", "__weakref__", *fields}}
    defaults = {name: cls.__dict__[name] for name in fields if name in cls.__dict__}
    if any(type(value) in (list, dict, set) for value in defaults.values()):
        raise TypeError("a mutable default is not supported")
    key = _key_of(fields)

    def first(self: object, *positional: object, **named: object) -> None:
        # Most classes of the verifier are never made in one run, and compiling costs more than all else here.
        written = _initializer(made, fields, defaults)
        type.__setattr__(made, "__init__", written)
        written(self, *positional, **named)

    def equal(self: object, other: object) -> object:
        return key(self) == key(other) if type(other) is type(self) else NotImplemented

    def hash_(self: object) -> int:
        return hash(key(self))

    def repr_(self: object) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in fields)
        return f"{type(self).__qualname__}({shown})"

    def reduce_(self: object) -> tuple[type, object]:
        return type(self), key(self)

    own = {"__init__": first, "__setattr__": _refuse, "__delattr__": _refuse, "__reduce__": reduce_}
    if eq:
        own |= {"__eq__": equal, "__hash__": hash_}
    if with_repr:
        own["__repr__"] = repr_
    for name, method in own.items():
        body.setdefault(name, method)  # what the class defines itself stays
    body["__slots__"] = fields
    body["__match_args__"] = fields
    made = type(cls)(cls.__name__, cls.__bases__, body)
    made.__qualname__ = cls.__qualname__
    return made


def _key_of(fields: tuple[str, ...]) -> Callable[[object], tuple[object, ...]]:
    if len(fields) > 1:
        return attrgetter(*fields)
    return lambda value: tuple(getattr(value, name) for name in fields)


def _initializer(made: type, fields: tuple[str, ...], defaults: dict[str, object]) -> Callable[..., None]:
    """`__init__` as somebody would write it: as fast as hand-written code from the second value on."""
    arguments = ", ".join(f"{name}=_defaults[{name!r}]" if name in defaults else name for name in fields)
    lines = [f"def __init__(self, {arguments}):"]
    lines += [f"    _set_{name}(self, {name})" for name in fields] or ["    pass"]
    if hasattr(made, "__post_init__"):
        lines.append("    self.__post_init__()")
    scope: dict[str, Any] = {"_defaults": defaults}
    scope |= {f"_set_{name}": made.__dict__[name].__set__ for name in fields}
    exec("\n".join(lines), scope)  # noqa: S102 - the text holds only field names that Python itself accepted
    written: Callable[..., None] = scope["__init__"]
    return written
