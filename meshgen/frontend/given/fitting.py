"""Whether a value fits an annotation of a constructor, as a type checker sees it. What it cannot tell, it lets pass."""

from __future__ import annotations

import inspect
import numbers
import re
import types
import typing
from collections import abc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union

from meshgen.frontend.deployment import Deployment
from meshgen.frontend.symbolic import ClassNode

_NUMBERS: Mapping[Any, type] = {int: numbers.Integral, float: numbers.Real, complex: numbers.Complex}
"""What counts as a number of each kind; numpy's do."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value that does not fit, perhaps inside of the one that was given."""

    path: tuple[Any, ...]
    value: Any
    wanted: Any


def misfit(value: Any, annotation: Any) -> Misfit | None:
    """The first value that does not fit; None when all do."""
    return next(_misfits((), value, annotation), None)


def named(annotation: Any) -> str:
    """An annotation in words."""
    if (cls := _handled(annotation)) is not None:
        return "a handle" if cls is Any else f"a handle to '{cls.__name__}'"
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__name__
    text = re.sub(r"<deployment (\S+)>", r"\1", inspect.formatannotation(annotation))
    return re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", text)


def _misfits(path: tuple[Any, ...], value: Any, annotation: Any) -> Iterator[Misfit]:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        yield from _misfits(path, value, args[0])
    elif origin in (Union, types.UnionType):
        found = [next(_misfits(path, value, each), None) for each in args]
        if None not in found:
            alike = [f for f in found if f is not None and f.path != path]  # the member of the right container
            yield alike[0] if len(alike) == 1 else Misfit(path, value, annotation)
    elif type(value) is ClassNode:
        if not _takes_node(annotation, value._meshgen_node.definition.target):
            yield Misfit(path, value, annotation)
    elif _handled(annotation) is not None or not _is_one(value, annotation, origin, args):
        yield Misfit(path, value, annotation)
    else:
        for key, item, inner in _items(value, origin, args):
            yield from _misfits((*path, key), item, inner)


def _handled(annotation: Any) -> Any:
    """The class that a handle is to, Any for every one; None when it is no annotation of a handle."""
    if isinstance(annotation, Deployment):
        return annotation.target
    origin = typing.get_origin(annotation) or annotation
    if getattr(origin, "__name__", "") != "Handle" or not origin.__module__.startswith("meshgen."):
        return None
    target = next(iter(typing.get_args(annotation)), Any)
    target = target.target if isinstance(target, Deployment) else target
    return target if isinstance(target, type) and not _is_protocol(target) else Any


def _takes_node(annotation: Any, target: Any) -> bool:
    wanted = _handled(annotation) or annotation
    if isinstance(wanted, type) and not _is_protocol(wanted) and typing.get_origin(wanted) is None:
        try:
            return issubclass(target, wanted)
        except TypeError:
            return True
    return typing.get_origin(wanted) not in (list, tuple, dict, set, frozenset, Literal)


def _is_one(value: Any, annotation: Any, origin: Any, args: tuple[Any, ...]) -> bool:
    """Whether a value is of an annotation, what is inside of it left out."""
    if origin is Literal:
        return any(type(value) is type(each) and value == each for each in args)
    if annotation is None or annotation is type(None):
        return value is None
    if typing.is_typeddict(annotation):
        return isinstance(value, dict)
    cls = _NUMBERS.get(annotation, origin or annotation)
    if cls is abc.Callable:
        return callable(value)
    if not isinstance(cls, type) or _is_protocol(cls):
        return True
    if cls is abc.Sequence and isinstance(value, str | bytes) and args != (str,):
        return False
    try:
        return isinstance(value, cls)
    except Exception:  # noqa: BLE001 - a metaclass of the user's
        return True


def _items(value: Any, origin: Any, args: tuple[Any, ...]) -> Iterator[tuple[Any, Any, Any]]:
    """What is inside of a container, each with its key and its annotation."""
    kind = type(value)  # `isinstance` would ask the value itself
    wanted = origin if isinstance(origin, type) else object
    if issubclass(kind, dict) and len(args) == 2 and issubclass(wanted, abc.Mapping):
        yield from ((key, item, args[1]) for key, item in value.items())
    elif issubclass(kind, tuple) and origin is tuple and args[-1:] != (...,):
        if len(args) == len(value):
            yield from zip(range(len(value)), value, args, strict=True)
    elif issubclass(kind, list | tuple) and args and issubclass(wanted, abc.Iterable):
        yield from ((index, item, args[0]) for index, item in enumerate(value))


def _is_protocol(cls: Any) -> bool:
    return bool(getattr(cls, "_is_protocol", False)) or cls in (object, Any)
