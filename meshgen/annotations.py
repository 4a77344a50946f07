"""Markers that say on an annotation, or on a class, what Python's own types cannot: width, shape, names of before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

WIRE_NAME = "__meshgen_wire_name__"
"""Attribute of a class, in its own `__dict__`: the name that its message or enum keeps on the wire."""

_Class = TypeVar("_Class", bound=type)


@dataclass(frozen=True, slots=True)
class Int32:
    """`Annotated[int, Int32]`: 32 bits on the wire, a plain number in JSON. An int that does not fit is an error."""


@dataclass(frozen=True, slots=True)
class Float32:
    """`Annotated[float, Float32]`: single precision on the wire. A float is rounded to the nearest of it."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """`Annotated[torch.Tensor, TensorSpec(dtype="float32", shape=(None, 3, 224, 224))]`; for numpy's arrays as well.

    Attributes:
        dtype: `"float32"`, `numpy.float32` or `torch.float32`; None takes every dtype.
        shape: length of each dimension, None for one of any length; None takes every shape.
    """

    dtype: Any = None
    shape: tuple[int | None, ...] | None = None


@dataclass(frozen=True, slots=True)
class RenamedFrom:
    """`Annotated[int, RenamedFrom("old")]`: a field or parameter that was called `old` and keeps its number.

    Old clients go on reading its bytes; its name in JSON changes.

    Raises:
        ValueError: the name is no name of a field.
    """

    name: str

    def __post_init__(self) -> None:
        """Refuse what would never match a field."""
        if not (isinstance(self.name, str) and self.name.isidentifier()):
            raise ValueError(f"RenamedFrom({self.name!r}): write the name that the field had before, in quotes")


def wire_name(name: str) -> Callable[[_Class], _Class]:
    """Decorator of a record or enum that was renamed: its message keeps the name `name`.

    Args:
        name: what the class was called before.

    Raises:
        ValueError: `name` cannot be the name of a message.
    """
    if not (isinstance(name, str) and name.isascii() and name.isidentifier()):
        raise ValueError(f"wire_name({name!r}): a message's name is ASCII letters, digits and underscores")

    def mark(cls: _Class) -> _Class:
        setattr(cls, WIRE_NAME, name)
        return cls

    return mark
