"""A drop-in `dataclass` for frozen values on the verifier's import path, without importing `dataclasses`.

`dataclasses` pulls in `inspect`, `re` and `ast` (about 12 ms): as much as starting Python itself, and `originseal
verify` may cost three bare starts in all. Type checkers see the real decorator; at run time only
`@dataclass(frozen=True, slots=True)` with plain defaults is supported. No `field()`, no inheritance of fields, no
`dataclasses.replace/fields/asdict`: where those are needed, use the standard module.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
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
    arguments = ", ".join(f"{name}=_defaults[{name!r}]" if name in defaults else name for name in fields)
    values = "".join(f"self.{name}, " for name in fields)
    lines = [f"def __init__(self, {arguments}):"]
    lines += [f"    _set_{name}(self, {name})" for name in fields] or ["    pass"]
    if hasattr(cls, "__post_init__"):
        lines.append("    self.__post_init__()")
    lines += [f"def _key(self): return ({values})"]
    scope: dict[str, object] = {"_defaults": defaults}
    exec("\n".join(lines), scope)  # noqa: S102 - the text holds only field names that Python itself accepted
    key = scope["_key"]
    assert callable(key)

    def equal(self: object, other: object) -> object:
        return key(self) == key(other) if type(other) is type(self) else NotImplemented

    def hash_(self: object) -> int:
        return hash(key(self))

    def repr_(self: object) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in fields)
        return f"{type(self).__qualname__}({shown})"

    def reduce_(self: object) -> tuple[type, object]:
        return type(self), key(self)

    own = {"__init__": scope["__init__"], "__setattr__": _refuse, "__delattr__": _refuse, "__reduce__": reduce_}
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
    for name in fields:
        scope[f"_set_{name}"] = made.__dict__[name].__set__
    return made
