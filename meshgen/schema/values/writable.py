"""Arrays that a node may write to. One that is read-only is copied when it is handed over, any other goes as it is.

Read-only are views of bytes that others read too (what came over gRPC, or is passed on undecoded), what
`np.asarray(image)` gives, and what a node has locked. So nobody sees what another has written into what both were
given, and a graph in process lets a node write where a mesh does.
"""

from __future__ import annotations

import copy
import dataclasses
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeAlias

from meshgen.schema.model import Field, ListOf, Record, Tensor, Type
from meshgen.schema.traits import all_inside

Writable: TypeAlias = Callable[[Any], Any]
"""Makes of a value one whose arrays may be written to: itself when they all may be."""


def holds_arrays(type_: Type) -> bool:
    """Whether values of a type may have arrays of numpy in them; torch has no read-only ones, and Pillow copies."""
    return any(isinstance(inner, Tensor) and inner.library == "numpy" for inner in all_inside(type_))


def arrays_in(params: tuple[Field, ...]) -> Mapping[str, Writable]:
    """What makes the values of the parameters writable that take arrays, or what holds some."""
    return {p.name: writable_of(p.type) for p in params if holds_arrays(p.type)}


def with_writable(arguments: Mapping[str, Any], arrays: Mapping[str, Writable]) -> Mapping[str, Any]:
    """The arguments, those with arrays such that they may be written to."""
    changed = {}
    for name, made in arrays.items():
        value = arguments.get(name)
        if (new := made(value)) is not value:
            changed[name] = new
    return {**arguments, **changed} if changed else arguments


def writable_of(type_: Type) -> Writable:
    """`writable` for the values of a type, which looks only where arrays are. Any other value is looked at whole."""
    match type_:
        case Tensor():
            return _array
        case ListOf(item=Tensor()):
            return _list_of_arrays
        case Record(kind="dataclass", python=python, fields=fields):
            return _record_writer(python, fields)
        case _:
            return writable


def _array(value: Any) -> Any:
    try:
        if value.flags.writeable:
            return value
    except AttributeError:  # no array
        pass
    return writable(value)


def _list_of_arrays(value: Any) -> Any:
    if type(value) is list:
        try:
            if all([array.flags.writeable for array in value]):  # noqa: C419 - a generator costs more than what it does
                return value
        except AttributeError:  # no array
            pass
    return writable(value)


def _record_writer(python: type[Any], fields: tuple[Field, ...]) -> Writable:
    parts = {f.name: writable_of(f.type) for f in fields if holds_arrays(f.type)}
    has_only_arrays = all(isinstance(f.type, Tensor) for f in fields if f.name in parts)
    flags: Callable[[Any], Any] = attrgetter(*[f"{name}.flags.writeable" for name in parts])
    every = all if len(parts) > 1 else bool

    def write(value: Any) -> Any:
        if type(value) is not python:
            return writable(value)
        try:
            if has_only_arrays and every(flags(value)):
                return value
        except AttributeError:  # no array
            pass
        changed = {}
        for name, made in parts.items():
            part = getattr(value, name)
            if (new := made(part)) is not part:
                changed[name] = new
        return _record(value, changed) if changed else value

    return write


def writable(value: Any) -> Any:
    """The value, with a copy of each read-only array in it; records and containers around one are made anew."""
    cls: Any = type(value)
    numpy: Any = sys.modules.get("numpy")
    if cls in _ATOMS or numpy is None:  # so there is no array
        return value
    if isinstance(value, numpy.ndarray):
        return value if value.flags.writeable else numpy.array(value)
    if isinstance(value, _LISTS):
        if _ATOMS.issuperset(map(type, value)):
            return value
        return _rebuilt(value, enumerate(value), _list)
    if isinstance(value, dict):
        return _rebuilt(value, value.items(), lambda old, new: {**old, **new})
    if (names := _field_names(cls)) is not None:
        return _rebuilt(value, [(name, getattr(value, name)) for name in names if hasattr(value, name)], _record)
    return _rebuilt(value, vars(value).items(), _record) if hasattr(value, "model_fields_set") else value


_ATOMS = frozenset({str, bytes, int, float, bool, type(None)})
"""Classes of most values, none of which holds anything."""


_LISTS = (list, tuple)


@lru_cache(maxsize=256)
def _field_names(cls: type[Any]) -> tuple[str, ...] | None:
    return tuple(f.name for f in dataclasses.fields(cls)) if dataclasses.is_dataclass(cls) else None


def _rebuilt(holder: Any, parts: Iterable[tuple[Any, Any]], build: Any) -> Any:
    """The holder itself when all in it can stay."""
    changed = {}
    for key, part in parts:
        if type(part) not in _ATOMS and (new := writable(part)) is not part:
            changed[key] = new
    return build(holder, changed) if changed else holder


def _list(old: Any, new: Mapping[int, Any]) -> Any:
    items = [new.get(index, item) for index, item in enumerate(old)]
    if isinstance(old, list):
        return items
    return type(old)._make(items) if hasattr(old, "_make") else tuple(items)


def _record(old: Any, new: Mapping[str, Any]) -> Any:
    # Not by its constructor, which may do more than to keep what it is given; and a frozen one must be made, too.
    made = copy.copy(old)
    for name, part in new.items():
        object.__setattr__(made, name, part)
    return made
