"""Schema → an example value, by what the user says, then by defaults, then by the plainest value of the type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_never

from meshgen.schema.example.given import UnfitError, examples_of_class, value_of
from meshgen.schema.example.scalars import NoExampleError, length, scalar, well_known
from meshgen.schema.example.wanted import Wanted
from meshgen.schema.model import (
    AnyValue,
    Choice,
    EnumOf,
    Field,
    Image,
    ListOf,
    MapOf,
    Nothing,
    Optional,
    Record,
    Ref,
    Scalar,
    Tensor,
    Type,
    Union,
    Unknown,
    WellKnown,
)
from meshgen.schema.relate.defaults import default_of
from meshgen.schema.traits import rules_of, without_none
from meshgen.schema.values.well_known import KINDS

_MOST = 1000
"""Values in an example; nobody reads more."""
_SIDE = 2
"""Length of a dimension that may have any, and of a picture's sides."""
_ANYTHING = Wanted(whole=True)


class Making:
    """Makes one example."""

    def __init__(self, *, defaults: bool) -> None:
        """Args: whether fields with defaults have a value, too, where the graph asks for them."""
        self._defaults = defaults
        self._inside: list[Record] = []
        self._left = _MOST

    def fields(self, fields: tuple[Field, ...], wanted: Wanted) -> dict[str, Any]:
        """Values by name, for the fields that an example should have."""
        rows = ((f, wanted.part(f.name)) for f in fields)
        return {f.name: value for f, part in rows for value in self._field(f, part)}

    def _field(self, field: Field, wanted: Wanted) -> Iterator[Any]:
        """The value; none for a field that is left out."""
        if field.examples and wanted.used:
            fitting = _fitting(field.type, field.examples)
            if fitting:
                yield fitting[0]
                return
        default = default_of(field)
        breaks = default is not None and not _fitting(field.type, [default])  # it may be left out, but not sent
        if (field.has_default or field.omitted) and not breaks and not (self._defaults and wanted.named):
            return
        if default is not None and not breaks and not _is_empty(default) and not wanted.choices:
            yield default
            return
        try:
            yield self.value(field.type, wanted)
        except NoExampleError:
            if field.required:
                raise
            if not field.has_default and not field.omitted:
                yield field.make_default()

    def value(self, type_: Type, wanted: Wanted = _ANYTHING, index: int = 0) -> Any:
        """A value of the type; `index` tells the elements of one set apart."""
        self._left -= 1
        if self._left < 0:
            raise NoExampleError
        if chosen := _fitting(type_, wanted.choices):
            return chosen[0]
        for taker in wanted.takers:
            kind = without_none(taker)
            if rules_of(kind) and (made := self._taken(type_, kind, wanted, index)):
                return made[0]
        return self._made(type_, wanted, index)

    def _taken(self, type_: Type, taker: Type, wanted: Wanted, index: int) -> list[Any]:
        """A value that keeps the rules of a parameter that takes it, which may be stricter; none when there is none."""
        try:
            return _fitting(type_, [self._made(taker, wanted, index)])
        except NoExampleError:
            return []

    def _made(self, type_: Type, wanted: Wanted, index: int) -> Any:  # noqa: C901 - one case per type
        match type_:
            case Scalar():
                return scalar(type_, index)
            case WellKnown(kind=kind):
                return well_known(type_, KINDS[kind].python, index)
            case Choice(values=values):
                return values[index % len(values)]
            case EnumOf(python=python):
                members = list(python)
                return members[index % len(members)]
            case Record() | Ref():
                return self._record(type_.record, wanted)
            case Optional(item=item):
                return self.value(item, wanted, index)
            case Union(members=members):
                return self._union(members, wanted, index)
            case ListOf():
                return self._list(type_, wanted)
            case MapOf():
                return self._map(type_, wanted)
            case Image():
                return _picture()
            case Tensor():
                return _array(type_)
            case AnyValue():
                return self._anything(wanted)
            case Nothing() | Unknown():
                raise NoExampleError
            case _:
                assert_never(type_)

    def _record(self, record: Record, wanted: Wanted) -> Any:
        if given := _fitting(record, list(examples_of_class(record.python))):
            return given[0]
        if record in self._inside:
            raise NoExampleError
        self._inside.append(record)
        try:
            return record.construct(self.fields(record.fields, wanted))
        except NoExampleError:
            raise
        except Exception as error:  # the user's class has rules of its own
            raise NoExampleError from error
        finally:
            self._inside.pop()

    def _union(self, members: tuple[Type, ...], wanted: Wanted, index: int) -> Any:
        for member in members:
            try:
                return self.value(member, wanted, index)
            except NoExampleError:
                continue
        raise NoExampleError

    def _list(self, type_: ListOf, wanted: Wanted) -> Any:
        places = [key if key >= 0 else -key - 1 for key in wanted.parts if isinstance(key, int)]
        number = length(type_, max(places, default=-1) + 1)
        varied = type_.rules.unique or type_.container in ("set", "frozenset")
        try:
            made = [self.value(type_.item, wanted.part(i), i if varied else 0) for i in range(number)]
        except NoExampleError:
            if places or type_.rules.min_len:
                raise
            made = []
        return type_.python(made)

    def _map(self, type_: MapOf, wanted: Wanted) -> Any:
        asked = list(wanted.parts)
        number = length(type_, len(asked))
        keys = asked + [self.value(type_.key, index=i) for i in range(number - len(asked))]
        try:
            return {key: self.value(type_.value, wanted.part(key)) for key in keys}
        except NoExampleError:
            if asked or type_.rules.min_len:
                raise
            return {}

    def _anything(self, wanted: Wanted) -> Any:
        keys = list(wanted.parts)
        if not keys:
            return "text"
        if any(isinstance(key, int) for key in keys):
            return [self._anything(wanted.part(i)) for i in range(max(k for k in keys if isinstance(k, int)) + 1)]
        return {key: self._anything(wanted.part(key)) for key in keys}


def _fitting(type_: Type, given: Any) -> list[Any]:
    """Those of the examples that are of the type, as Python values."""
    found = []
    for example in given:
        try:
            found.append(value_of(type_, example))
        except UnfitError:
            continue
    return found


def _is_empty(value: Any) -> bool:
    return isinstance(value, list | tuple | dict | set | frozenset) and not value


def _picture() -> Any:
    from PIL import Image as Pillow

    return Pillow.new("RGB", (_SIDE, _SIDE), "white")


def _array(type_: Tensor) -> Any:
    shape = (_SIDE,) if type_.shape is None else tuple(_SIDE if n is None else n for n in type_.shape)
    dtype = type_.dtype or "float32"
    if type_.library == "torch":
        import torch

        return torch.ones(shape, dtype=getattr(torch, dtype))
    import numpy as np

    return np.ones(shape, dtype)
