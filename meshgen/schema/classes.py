"""What a Python class is to a contract: a kind of record or none, generic over what, and called what on the wire."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any, NamedTuple

from meshgen.annotations import WIRE_NAME
from meshgen.schema.model import RecordKind


class Generic(NamedTuple):
    """A class and its type arguments: `Box[int]` is `(Box, (int,))`."""

    cls: Any
    args: tuple[Any, ...]


def opened(annotation: Any) -> Generic:
    """A class or an alias of one; pydantic makes a class of its own for each choice of arguments."""
    known = _pydantic_generic(annotation)
    if known.get("origin") is not None:
        return Generic(known["origin"], tuple(known["args"]))
    origin = typing.get_origin(annotation)
    return Generic(origin or annotation, typing.get_args(annotation) if origin else ())


def _pydantic_generic(cls: Any) -> Mapping[str, Any]:
    return cls.__dict__.get("__pydantic_generic_metadata__", {}) if isinstance(cls, type) else {}


def kind_of(cls: Any) -> RecordKind | None:
    """Which kind of record a class is; None when it is none."""
    if not isinstance(cls, type):
        return None
    if dataclasses.is_dataclass(cls):
        return "dataclass"
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None and issubclass(cls, pydantic.BaseModel):
        return "pydantic"
    if issubclass(cls, tuple) and hasattr(cls, "_field_defaults"):
        return "namedtuple"
    if dict in cls.__mro__ and hasattr(cls, "__required_keys__"):  # also that of typing_extensions
        return "typeddict"
    return None


def wire_name_of(cls: Any) -> str:
    """The class's own name, or the one that `@wire_name` keeps."""
    return typing.cast("str", cls.__dict__.get(WIRE_NAME, cls.__name__))


def doc_of_class(cls: Any, kind: RecordKind) -> str:
    """The docstring a person wrote; dataclass and NamedTuple make one up, and pydantic inherits one."""
    doc = cls.__dict__.get("__doc__") or ""
    made_up = doc.startswith(f"{cls.__name__}(") and kind in ("dataclass", "namedtuple")
    return "" if made_up else typing.cast("str", doc)


def type_variables(cls: Any) -> tuple[Any, ...]:
    """What a generic class is generic over."""
    return tuple(_pydantic_generic(cls).get("parameters", ()) or getattr(cls, "__parameters__", ()))


def keeps_values(cls: Any) -> bool:
    """Whether a dataclass holds just what it is made of, and gives that: no code of its own runs then."""
    init = getattr(cls.__init__, "__code__", None)
    sets = cls.__setattr__ is object.__setattr__ or cls.__dataclass_params__.frozen
    return (
        init is not None
        and init.co_qualname == _MADE_BY_DATACLASSES
        and not hasattr(cls, "__post_init__")
        and type(cls).__call__ is type.__call__
        and cls.__new__ is object.__new__
        and cls.__getattribute__ is object.__getattribute__
        and sets
        and not any(_is_descriptor(inspect.getattr_static(cls, f.name, None)) for f in dataclasses.fields(cls))
    )


_MADE_BY_DATACLASSES = "__create_fn__.<locals>.__init__"
"""The name of the code of a constructor that `dataclasses` has written. If it was another, classes would keep less."""


def _is_descriptor(found: Any) -> bool:
    """Other than what a slot has in its class."""
    return hasattr(type(found), "__get__") and not isinstance(found, types.MemberDescriptorType)
