"""Arrays that a node may write to. One that is read-only is copied when it is handed over, any other goes as it is.

Read-only are views of bytes that others read too (what came over gRPC, or is passed on undecoded), what
`np.asarray(image)` gives, and what a node has locked. So nobody sees what another has written into what both were
given, and a graph in process lets a node write where a mesh does.
"""

from __future__ import annotations

import copy
import dataclasses
import sys
from collections.abc import Mapping
from typing import Any

from meshgen.schema.model import Field, Tensor, Type
from meshgen.schema.traits import all_inside


def holds_arrays(type_: Type) -> bool:
    """Whether values of a type may have arrays of numpy in them; torch has no read-only ones, and Pillow copies."""
    return any(isinstance(inner, Tensor) and inner.library == "numpy" for inner in all_inside(type_))


def names_of_arrays(params: tuple[Field, ...]) -> frozenset[str]:
    """The parameters that take arrays, or what holds some."""
    return frozenset(p.name for p in params if holds_arrays(p.type))


def with_writable(arguments: Mapping[str, Any], names: frozenset[str]) -> Mapping[str, Any]:
    """The arguments, those of these names such that they may be written to."""
    return {name: writable(value) if name in names else value for name, value in arguments.items()}


def writable(value: Any) -> Any:
    """The value, with a copy of each read-only array in it; records and containers around one are made anew."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:  # so there is no array
        return value
    if isinstance(value, numpy.ndarray):
        return value if value.flags.writeable else numpy.array(value)
    match value:
        case str() | bytes():
            return value
        case list() | tuple():
            return _rebuilt(value, dict(enumerate(value)), _list)
        case dict():
            return _rebuilt(value, value, lambda old, new: {**old, **new})
        case _ if dataclasses.is_dataclass(value):
            return _rebuilt(value, {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}, _record)
        case _ if hasattr(value, "model_fields_set"):
            return _rebuilt(value, vars(value), _record)
        case _:
            return value


def _rebuilt(holder: Any, parts: Mapping[Any, Any], build: Any) -> Any:
    """The holder itself when all in it can stay."""
    changed = {key: new for key, part in parts.items() if (new := writable(part)) is not part}
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
