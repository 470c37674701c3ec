"""The light `dataclass`: behaves as the standard one does for frozen, slotted values, and costs no heavy imports."""

from __future__ import annotations

import dataclasses
import pickle
from typing import ClassVar

import pytest

from ledger import values


@values.dataclass(frozen=True, slots=True)
class Light:
    KIND: ClassVar[int] = 7
    x: int
    name: str = "n"

    @property
    def double(self) -> int:
        return 2 * self.x


@dataclasses.dataclass(frozen=True, slots=True)
class Standard:
    KIND: ClassVar[int] = 7
    x: int
    name: str = "n"

    @property
    def double(self) -> int:
        return 2 * self.x


@pytest.mark.parametrize("cls", [Light, Standard])
def test_value_behaves_as_the_standard_decorator_makes_it(cls: type) -> None:
    one = cls(1)
    assert one == cls(x=1, name="n") != cls(1, "m") and one != (1, "n")
    assert hash(one) == hash(cls(1)) and len({one, cls(1), cls(2)}) == 2
    assert repr(one) == f"{cls.__name__}(x=1, name='n')" and one.double == 2 and cls.KIND == 7
    assert pickle.loads(pickle.dumps(one)) == one
    match one:
        case cls(x, name):
            assert (x, name) == (1, "n")


@pytest.mark.parametrize("cls", [Light, Standard])
def test_value_refuses_to_change(cls: type) -> None:
    one = cls(1)
    for change in (
        lambda: setattr(one, "x", 2),
        lambda: setattr(one, "other", 2),
        lambda: delattr(one, "x"),
    ):
        with pytest.raises((AttributeError, TypeError)):
            change()
    assert one.x == 1 and not hasattr(one, "__dict__")


@pytest.mark.parametrize("cls", [Light, Standard])
def test_value_refuses_wrong_arguments(cls: type) -> None:
    for call in (lambda: cls(), lambda: cls(1, "n", 3), lambda: cls(1, other=2), lambda: cls(1, x=1)):
        with pytest.raises(TypeError):
            call()


def test_decorator_refuses_what_it_does_not_do() -> None:
    with pytest.raises(TypeError):
        values.dataclass(frozen=False, slots=True)
    with pytest.raises(TypeError):
        values.dataclass(frozen=True, slots=False)
    with pytest.raises(TypeError, match="mutable"):

        @values.dataclass(frozen=True, slots=True)
        class Bad:
            items: list[int] = []  # noqa: RUF012 - that it is refused is the point


def test_own_methods_and_post_init_are_kept() -> None:
    @values.dataclass(frozen=True, slots=True)
    class Checked:
        x: int

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError("negative")

        def __repr__(self) -> str:
            return "hidden"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 1

    assert repr(Checked(1)) == "hidden" and Checked(1) == Checked(2) and hash(Checked(5)) == 1
    with pytest.raises(ValueError, match="negative"):
        Checked(-1)


def test_empty_value_is_supported() -> None:
    @values.dataclass(frozen=True, slots=True)
    class Empty:
        pass

    assert Empty() == Empty() and repr(Empty()).endswith("Empty()")
