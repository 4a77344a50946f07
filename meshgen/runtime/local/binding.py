"""Arguments of a Python call → the value of a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from meshgen.graph.model import GraphInput
from meshgen.schema.convert.json_value import to_json
from meshgen.schema.misfit import EncodeError
from meshgen.schema.model import Field, ListOf, Record, Scalar, Tensor, Type, Unknown
from meshgen.schema.relate.assignable import holds
from meshgen.schema.values.scalars import INT64_MAX, INT64_MIN
from meshgen.status import InvalidArgument, Violation

_Test: TypeAlias = Callable[[Any], bool]


class Arguments:
    """The arguments that one route takes; the usual call costs a look at its names and at the classes of its values."""

    def __init__(self, declared: GraphInput) -> None:
        """Args: what a client sends on the route."""
        self._declared = declared
        self._names = tuple(p.name for p in declared.params)
        self._tests = tuple((p, _sure(p.type)) for p in declared.params)
        self._record = None if declared.record is None else _sure(declared.record)

    def bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The request: the record, or a dict by parameter name.

        Raises:
            TypeError: too many, missing or unknown arguments.
            InvalidArgument: a value of another type than the graph declares.
        """
        if self._record is not None:
            if len(args) == 1 and not kwargs and self._record(args[0]):
                return args[0]
        elif self._declared.record is None:
            if not args and tuple(kwargs) == self._names:
                return self._fitting(kwargs)
            if not kwargs and len(args) == len(self._names):
                return self._fitting(dict(zip(self._names, args, strict=True)))
        return bound_request(self._declared, args, kwargs)

    def _fitting(self, values: dict[str, Any]) -> dict[str, Any]:
        for param, test in self._tests:
            if test is None or not test(values[param.name]):
                _check(param.name, param.type, values[param.name])
        return values


def _sure(type_: Type) -> _Test | None:
    """A quick test that only lets through what `holds` holds; None when there is none."""
    match type_:
        case Unknown():
            return lambda _: True
        case Scalar(kind="bool"):
            return lambda value: type(value) is bool
        case Scalar(kind="int"):
            return lambda value: type(value) is int and INT64_MIN <= value <= INT64_MAX
        case Scalar(kind="float"):
            return lambda value: type(value) is float
        case Scalar(kind="str"):
            return lambda value: type(value) is str and value.isascii()
        case Scalar(kind="bytes"):
            return lambda value: type(value) is bytes
        case ListOf(item=item, container="list") if (inner := _sure(item)) is not None:
            return lambda value: type(value) is list and all(map(inner, value))
        case Record(kind="dataclass" | "pydantic" | "namedtuple", python=python):
            return lambda value: type(value) is python
        case Tensor(library=library):
            return lambda value: _library(type(value).__module__) == library
        case _:
            return None


def _library(module: str) -> str:
    return module.split(".", maxsplit=1)[0]


def bound_request(declared: GraphInput, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Arguments of a Python call → the request's value: the record, or a dict by parameter name.

    Raises:
        TypeError: too many, missing or unknown arguments.
        InvalidArgument: a value of another type than the graph declares.
    """
    if declared.record is not None:
        if len(args) == 1 and not kwargs:
            _check(declared.record.name, declared.record, args[0])
            return args[0]
        if not args:
            return declared.record.construct(dict(kwargs))
        message = f"the request is one {declared.record.name}, or its fields by name"
        raise TypeError(message)
    names = [p.name for p in declared.params]
    values = dict(zip(names, args, strict=False))
    unknown = [k for k in kwargs if k not in names or k in values]
    if len(args) > len(names) or unknown:
        surplus = ", ".join(unknown) or f"{len(args)} values"
        message = f"the request takes {', '.join(names) or 'nothing'}; not {surplus}"
        raise TypeError(message)
    values.update(kwargs)
    missing = [p.name for p in declared.params if p.required and p.name not in values]
    if missing:
        message = f"the request lacks {', '.join(missing)}"
        raise TypeError(message)
    for param in declared.params:
        if param.name in values:
            _check(param.name, param.type, values[param.name])
    return {p.name: values[p.name] if p.name in values else p.make_default() for p in declared.params}


def _check(name: str, expected: Type, value: Any) -> None:
    if not holds(value, expected):
        violation = _violation(name, expected, value)
        raise InvalidArgument(f"{violation.field} {violation.description}", violations=(violation,))


def _violation(name: str, expected: Type, value: Any) -> Violation:
    """What is wrong, in the words of the codec where it would refuse the value, too."""
    try:
        if isinstance(expected, Record):
            to_json(expected, value)
        else:
            to_json((Field(name=name, type=expected),), {name: value})
    except EncodeError as error:
        return Violation(error.path or name, error.reason)
    return Violation(name, f"must be {expected}, not {type(value).__name__}")
