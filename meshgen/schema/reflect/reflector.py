"""Python annotations → schema. Imports no third-party package: it recognises their classes when they are loaded.

What has no contract becomes `Unknown` with a reason and a way out: it still runs in process, and `build` refuses it.
"""

from __future__ import annotations

import collections.abc as abc
import enum
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from meshgen.schema.classes import doc_of_class, kind_of, opened, type_variables, wire_name_of
from meshgen.schema.model import (
    MISSING,
    AnyValue,
    Container,
    Field,
    Image,
    ListOf,
    MapOf,
    Nothing,
    Optional,
    Record,
    RecordKind,
    Ref,
    Scalar,
    Type,
    Unknown,
    WellKnown,
)
from meshgen.schema.reflect.arrays import is_class_of, refuse_scalar, tensor_of
from meshgen.schema.reflect.choices import enum_of, literal
from meshgen.schema.reflect.constraints import constrained, constraints_of, doc_of
from meshgen.schema.reflect.examples import examples_of
from meshgen.schema.reflect.markers import Peeled, holds_itself, peel
from meshgen.schema.reflect.narrowing import narrowed
from meshgen.schema.reflect.oneofs import union
from meshgen.schema.reflect.records import RawField, raw_fields
from meshgen.schema.reflect.refusals import refuse
from meshgen.schema.reflect.set_items import can_be_in_set, is_comparable
from meshgen.schema.rules import Rules
from meshgen.schema.unsupported import Home, Refused, name_of
from meshgen.schema.values.well_known import KINDS
from meshgen.schema.wire_names import element_name
from meshgen.source import of_callable

_PLAIN: Mapping[Any, Type] = {
    bool: Scalar("bool"),
    int: Scalar("int"),
    float: Scalar("float"),
    str: Scalar("str"),
    bytes: Scalar("bytes"),
    typing.LiteralString: Scalar("str"),
    **{kind.python: WellKnown(name) for name, kind in KINDS.items()},
    None: Nothing(),
    types.NoneType: Nothing(),
    Any: AnyValue(),
}
_PYDANTIC: Mapping[str, Type] = {
    "EmailStr": Scalar("str", Rules(format="email")),
    "AwareDatetime": WellKnown("datetime"),
    "PastDatetime": WellKnown("datetime", Rules(unmapped=("PastDatetime",))),
    "FutureDatetime": WellKnown("datetime", Rules(unmapped=("FutureDatetime",))),
    "PastDate": WellKnown("date", Rules(unmapped=("PastDate",))),
    "FutureDate": WellKnown("date", Rules(unmapped=("FutureDate",))),
}
_CONTAINERS: Mapping[Any, Container] = {
    list: "list",
    set: "set",
    frozenset: "frozenset",
    abc.Sequence: "list",
    abc.MutableSequence: "list",
    abc.Collection: "list",
    abc.Set: "set",
    abc.MutableSet: "set",
}
_ABSTRACT = (abc.Sequence, abc.Collection, abc.Set)
_MAPPINGS = (dict, abc.Mapping, abc.MutableMapping)
_BROKEN: Any = object()
"""A step on the way into a record: something that may be empty, so that a record inside itself can end."""


def reflect(annotation: Any) -> Type:
    """The schema of an annotation, already resolved by `typing.get_type_hints` (no strings left in it)."""
    if isinstance(annotation, str):
        return _unresolved(annotation)
    walk = _Reflector()
    try:
        return walk.type(annotation)
    except Refused as refused:
        return _unknown(annotation, refused)
    except RecursionError:
        return _unknown(annotation, walk.without_end(annotation))


def reflect_field(
    name: str, annotation: Any, *, default: Any = MISSING, factory: Callable[[], Any] | None = None
) -> Field:
    """A parameter, with what `Annotated` says of it beyond its type."""
    if isinstance(annotation, str):
        return Field(name=name, type=_unresolved(annotation), default=default, factory=factory)
    walk = _Reflector()
    try:
        return walk.field(RawField(name, annotation, default, factory))
    except Refused as refused:
        unknown = _unknown(annotation, refused)
    except RecursionError:
        unknown = _unknown(annotation, walk.without_end(annotation))
    return Field(name=name, type=unknown, default=default, factory=factory)


def _unresolved(annotation: str) -> Unknown:
    return Unknown(annotation, "cannot be resolved", "Import the name in the module of the annotation.")


def _is_users(home: Home | None) -> bool:
    """Whether the class at fault is one that the user can change."""
    return home is not None and of_callable(home.cls).is_users


def _unknown(annotation: Any, refused: Refused) -> Unknown:
    seen = refused.inside(annotation)
    return Unknown(seen.annotation, seen.reason, seen.hint, seen.home)


_resolved: dict[Any, Record] = {}
"""Records that contain themselves, once reflected, by annotation: a `Ref` is followed many times."""
_unhashable: list[tuple[Any, Record]] = []
"""The same for annotations that Python cannot hash (`Box[Annotated[int, []]]`)."""


def _again(annotation: Any) -> Record:
    if _hashable(annotation):
        found = _resolved.get(annotation)
    else:
        found = next((record for known, record in _unhashable if known == annotation), None)
    if found is None:
        found = typing.cast("Record", _Reflector().type(annotation))
        if _hashable(annotation):
            _resolved[annotation] = found
        else:
            _unhashable.append((annotation, found))
    return found


class _Reflector:
    """One walk over one annotation; remembers the records it is inside of, to see a recursion."""

    def __init__(self) -> None:
        self._inside: list[Any] = []
        self._aliases: list[Any] = []
        """The aliases that it is inside of, since the last record."""
        self._growing = ""
        """The generic record that was last met inside itself with other arguments; `Box[Box[int]]` is one too."""
        self._known: dict[type, Record] = {}
        """Records that are not inside of themselves: the same wherever they are met again."""
        self._outermost = sys.maxsize
        """The place in `_inside` of the first record that was referred to, since the last one began."""

    def without_end(self, annotation: Any) -> Refused:
        """Why a walk did not end."""
        if self._growing:
            reason = f"contains `{self._growing}` with other type arguments at every level, without end"
            return Refused(annotation, reason, "Give it the same type arguments inside of itself.")
        return holds_itself(annotation)

    def type(self, annotation: Any) -> Type:
        peeled = peel(annotation)
        if peeled.renamed_from:
            hint = f'Put it around the whole of a field: `Annotated[int | None, RenamedFrom("{peeled.renamed_from}")]`.'
            raise Refused(annotation, "is marked with RenamedFrom, but is no field by itself", hint)
        return self._peeled(peeled)

    def field(self, raw: RawField) -> Field:
        peeled = peel(raw.annotation)
        renamed_from = peeled.renamed_from
        may_be_absent = raw.omitted or raw.default is not MISSING or raw.factory is not None
        kind = self._under(_BROKEN, peeled) if may_be_absent else self._peeled(peeled)
        if raw.omitted:
            kind = _omitted(raw, kind)
        return Field(
            name=raw.name,
            type=kind,
            default=raw.default,
            factory=raw.factory,
            doc=doc_of(peeled.metadata),
            examples=examples_of(peeled.metadata),
            renamed_from=renamed_from,
            omitted=raw.omitted,
        )

    def _under(self, step: Any, inner: Any) -> Type:
        """The type of something inside of something else."""
        self._inside.append(step)
        try:
            return self._peeled(inner) if isinstance(inner, Peeled) else self.type(inner)
        finally:
            self._inside.pop()

    def _peeled(self, peeled: Peeled) -> Type:
        if again := next((alias for alias in peeled.aliases if alias in self._aliases), None):
            raise holds_itself(again)
        outside, self._aliases = self._aliases, [*self._aliases, *peeled.aliases]
        try:
            bare = self._bare(peeled.annotation)
        finally:
            self._aliases = outside
        try:
            return constrained(narrowed(bare, peeled), constraints_of(peeled.metadata))
        except Refused as refused:
            raise refused.inside(peeled.annotation) from None

    def _bare(self, annotation: Any) -> Type:
        origin, args = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is None and _hashable(annotation) and annotation in _PLAIN:
            return _PLAIN[annotation]
        if origin in (typing.Union, types.UnionType):
            return union(annotation, [self._under(_BROKEN, a) for a in args])
        if origin is typing.Literal:
            return literal(annotation, args)
        if (tensor := tensor_of(annotation, origin or annotation, args)) is not None:
            return tensor
        if origin is tuple and args:
            return self._tuple(annotation, args)
        if origin in _CONTAINERS and args:
            return self._list(annotation, args[0], _CONTAINERS[origin], abstract=origin in _ABSTRACT)
        if origin in _MAPPINGS and args:
            return self._map(annotation, *args)
        return self._class(annotation)

    def _list(self, annotation: Any, item: Any, container: Container, *, abstract: bool = False) -> Type:
        inner = _no_any_twice(self._under(_BROKEN, item))
        if isinstance(inner, Nothing):
            raise Refused(annotation, "holds nothing but None", "Send how many there are, as an int.")
        if container in ("set", "frozenset"):
            if not can_be_in_set(inner):
                hint = "Use a list, or make the items tuples or frozen dataclasses."
                raise Refused(annotation, f"has items of type {inner}, which Python cannot hash", hint)
            return ListOf(inner, container, Rules(unique=is_comparable(inner)), abstract)
        return ListOf(inner, container, abstract=abstract)

    def _map(self, annotation: Any, key: Any, value: Any) -> Type:
        keys, values = self.type(key), _no_any_twice(self._under(_BROKEN, value))
        if not isinstance(keys, Scalar) or keys.kind not in ("str", "int", "bool"):
            hint = "Use str, int or bool as the key, or a list of records."
            raise Refused(annotation, f"has keys of type {name_of(key)}, which a map cannot have", hint)
        if isinstance(values, Nothing):
            raise Refused(annotation, "holds nothing but None", "Use a set of the keys.")
        return MapOf(keys, values)

    def _tuple(self, annotation: Any, args: tuple[Any, ...]) -> Type:
        if len(args) == 2 and args[1] is Ellipsis:
            return self._list(annotation, args[0], "tuple")
        if any(map(_is_unpacked, args)):
            hint = "Write out the items, or use `tuple[T, ...]` of one type."
            raise Refused(annotation, "has another tuple unpacked in it", hint)
        items = [self.type(a) for a in args]
        if any(isinstance(i, Nothing) for i in items):
            raise Refused(annotation, "has an item that can only be None", "Leave it out.")
        fields = tuple(Field(name=f"item_{i}", type=item) for i, item in enumerate(items))
        name = "".join(map(element_name, items)) + "Tuple"
        return Record(name=name, kind="tuple", python=tuple, fields=fields)

    def _class(self, annotation: Any) -> Type:
        cls = opened(annotation).cls
        if isinstance(cls, type):
            if issubclass(cls, enum.Enum):
                return enum_of(cls)
            if is_class_of(cls, "PIL.Image", "Image"):
                return Image()
            if cls.__module__.startswith("pydantic.") and cls.__name__ in _PYDANTIC:
                return _PYDANTIC[cls.__name__]
            if kind := kind_of(cls):
                return self._record(annotation, kind)
            refuse_scalar(cls)
        raise refuse(annotation, cls)

    def _record(self, annotation: Any, kind: RecordKind) -> Type:
        cls, args = opened(annotation)
        if annotation is cls and cls in self._known:
            return self._known[cls]
        if not args and (free := type_variables(cls)):
            names = ", ".join(v.__name__ for v in free)
            hint = f"Name the types: `{cls.__name__}[{', '.join(['int', 'str', 'float', 'bool'][: len(free)])}]`."
            raise Refused(annotation, f"is generic, and nothing stands for {names}", hint)
        if (cls, args) in self._inside:
            return self._ref(annotation, cls, args)
        if any(step is not _BROKEN and step[0] is cls for step in self._inside):
            self._growing = cls.__name__
        depth, around, self._outermost = len(self._inside), self._outermost, sys.maxsize
        self._inside.append((cls, args))
        outside, self._aliases = self._aliases, []
        try:
            raw = raw_fields(annotation, kind)
            types_of_args = tuple(self._under(_BROKEN, a) for a in args)
            fields = tuple(self._field_of(cls, field) for field in raw)
        finally:
            self._inside.pop()
            self._aliases = outside
            in_itself = self._outermost <= depth
            self._outermost = min(around, self._outermost)
        record = Record(
            name=_name(cls, types_of_args),
            kind=kind,
            python=annotation if kind == "pydantic" else cls,
            fields=fields,
            args=types_of_args,
            doc=doc_of_class(cls, kind),
        )
        if annotation is cls and not in_itself:
            self._known[cls] = record
        return record

    def _field_of(self, cls: Any, raw: RawField) -> Field:
        try:
            field = self.field(raw)
        except Refused as refused:
            shown = name_of(raw.annotation)
            reason = f"has a field `{raw.name}: {shown}` that {refused.inside(raw.annotation).reason}"
            own = Home(cls, raw.name, reason) if isinstance(cls, type) else None
            raise Refused(cls, reason, refused.hint, home=refused.home if _is_users(refused.home) else own) from None
        if isinstance(field.type, Nothing):
            raise Refused(cls, f"has a field `{raw.name}` that can only be None", "Leave it out.", member=raw.name)
        return field

    def _ref(self, annotation: Any, cls: Any, args: tuple[Any, ...]) -> Ref:
        place = self._inside.index((cls, args))
        self._outermost = min(self._outermost, place)
        if _BROKEN not in self._inside[place:]:
            hint = f"Make it `{name_of(annotation)} | None`, or a list."
            raise Refused(annotation, "has itself as a part, so that no value of it ends", hint)
        types_of_args = tuple(self._under(_BROKEN, a) for a in args)
        python = annotation if kind_of(cls) == "pydantic" else cls
        return Ref(_name(cls, types_of_args), python, types_of_args, resolve=lambda: _again(annotation))


def _is_unpacked(annotation: Any) -> bool:
    """`*tuple[str, ...]`, `*Ts`, or either with `Unpack[...]`."""
    return getattr(annotation, "__unpacked__", False) or getattr(typing.get_origin(annotation), "_name", "") == "Unpack"


def _name(cls: Any, args: tuple[Type, ...]) -> str:
    return wire_name_of(cls) + "".join(map(element_name, args))


def _omitted(raw: RawField, kind: Type) -> Type:
    """A key that may be missing; None has to mean that alone, except for Any, whose null is a value."""
    if isinstance(kind, Optional):
        hint = "Drop `NotRequired` or `| None`."
        raise Refused(raw.annotation, "may be missing and may be None, which are one on the wire", hint)
    return kind if isinstance(kind, Nothing) else Optional(kind)


def _no_any_twice(item: Type) -> Type:
    """`Any | None` is `Any` where there is no field that could be absent."""
    return item.item if isinstance(item, Optional) and isinstance(item.item, AnyValue) else item


def _hashable(annotation: Any) -> bool:
    try:
        hash(annotation)
    except TypeError:
        return False
    return True
