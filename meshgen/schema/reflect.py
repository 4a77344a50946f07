"""Python annotations → schema. Imports no third-party package: it recognises their classes when they are loaded.

What has no contract becomes `Unknown` with a reason and a way out: it still runs in process, and `build` refuses it.
"""

from __future__ import annotations

import dataclasses
import enum
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from meshgen.naming import pascal
from meshgen.schema.model import (
    MISSING,
    Choice,
    Container,
    EnumOf,
    Field,
    Image,
    ListOf,
    MapOf,
    Nothing,
    Optional,
    Record,
    RecordKind,
    Scalar,
    Tensor,
    Type,
    Unknown,
)

_SCALARS: Mapping[Any, Scalar] = {
    bool: Scalar("bool"),
    int: Scalar("int"),
    float: Scalar("float"),
    str: Scalar("str"),
    bytes: Scalar("bytes"),
}
_CONTAINERS: Mapping[Any, Container] = {list: "list", set: "set", frozenset: "frozenset", Sequence: "list"}
_MAPPINGS = (dict, Mapping, typing.Mapping)


def reflect(annotation: Any) -> Type:
    """The schema of an annotation, already resolved by `typing.get_type_hints` (no strings left in it)."""
    return _Reflector().type(annotation)


class _Reflector:
    """One walk over one annotation; remembers the records it is inside of, to see a recursion."""

    def __init__(self) -> None:
        self._inside: list[Any] = []

    def type(self, annotation: Any) -> Type:
        while True:  # peel what carries no shape
            if typing.get_origin(annotation) is typing.Annotated:
                annotation = typing.get_args(annotation)[0]
            elif isinstance(annotation, typing.NewType):
                annotation = annotation.__supertype__
            else:
                break
        if annotation is None or annotation is types.NoneType:
            return Nothing()
        if annotation in (Any, object):
            return _unknown(annotation, "has no shape", "Name the type: a dataclass, a list, a dict of values…")
        if isinstance(annotation, str | typing.ForwardRef):
            return _unknown(annotation, "cannot be resolved", "Import the name in the module of the annotation.")
        return self._generic(annotation) or self._plain(annotation)

    def _generic(self, annotation: Any) -> Type | None:
        origin, args = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is None:
            return None
        if origin in (typing.Union, types.UnionType):
            return self._union(annotation, args)
        if origin is typing.Literal:
            return _literal(annotation, args)
        if origin in _CONTAINERS:
            return self._list(annotation, args[0], _CONTAINERS[origin])
        if origin in _MAPPINGS or origin is typing.get_origin(typing.Mapping[str, int]):
            return self._map(annotation, *args)
        if origin is tuple:
            return self._tuple(annotation, args)
        if _is_class_of(origin, "numpy", "ndarray"):
            return _ndarray(annotation, args)
        return _unknown(annotation, "is generic", "Write a class of its own for this case.")

    def _union(self, annotation: Any, args: tuple[Any, ...]) -> Type:
        items = [a for a in args if a is not types.NoneType]
        if len(items) > 1 or len(items) == len(args):
            return _unknown(annotation, "is a union", "Use `T | None`, or one record with optional fields.")
        item = self.type(items[0])
        return item if isinstance(item, Unknown | Optional) else Optional(item)

    def _list(self, annotation: Any, item: Any, container: Container) -> Type:
        inner = self.type(item)
        if isinstance(inner, Optional | Nothing):
            hint = "Leave the missing ones out, or use a record with an optional field."
            return _unknown(annotation, "may hold None, which a repeated field cannot", hint)
        return _passing_on(inner, annotation, ListOf(inner, container))

    def _map(self, annotation: Any, key: Any, value: Any) -> Type:
        keys, values = self.type(key), self.type(value)
        if not isinstance(keys, Scalar) or keys.kind not in ("str", "int", "bool"):
            hint = "Use str, int or bool as the key, or a list of records."
            return _unknown(annotation, f"has keys of type {keys}, which a map cannot", hint)
        if isinstance(values, Optional | Nothing):
            hint = "Leave the missing ones out, or use a record with an optional field."
            return _unknown(annotation, "may hold None, which a map cannot", hint)
        return _passing_on(values, annotation, MapOf(keys, values))

    def _tuple(self, annotation: Any, args: tuple[Any, ...]) -> Type:
        if len(args) == 2 and args[1] is Ellipsis:
            return self._list(annotation, args[0], "tuple")
        items = [self.type(a) for a in args]
        if bad := next((i for i in items if isinstance(i, Unknown)), None):
            return _passing_on(bad, annotation, bad)
        fields = tuple(Field(name=f"item_{i}", type=item) for i, item in enumerate(items))
        name = "".join(_words_of(i) for i in items) + "Tuple"
        return Record(name=name, kind="tuple", python=tuple, fields=fields)

    def _plain(self, annotation: Any) -> Type:
        if annotation in _SCALARS:
            return _SCALARS[annotation]
        if not isinstance(annotation, type):
            return _unknown(annotation, "is not a type", "Annotate with a class or a type expression.")
        if issubclass(annotation, enum.Enum):
            return EnumOf(annotation)
        if _is_class_of(annotation, "PIL.Image", "Image"):
            return Image()
        if _is_class_of(annotation, "numpy", "ndarray"):
            return Tensor("numpy")
        if _is_class_of(annotation, "torch", "Tensor"):
            return Tensor("torch")
        if annotation in (list, set, frozenset, dict, tuple):
            return _unknown(annotation, "does not say what it holds", f"Write `{annotation.__name__}[…]`.")
        return self._record(annotation)

    def _record(self, cls: Any) -> Type:
        found = _record_fields(cls)
        if found is None:
            hint = "Make it a dataclass or a pydantic model, or return what it holds."
            return _unknown(cls, "has no contract", hint)
        if cls in self._inside:
            return _unknown(cls, "refers to itself", "Hold the children in a list beside it, by index.")
        kind, raw = found
        try:
            hints = typing.get_type_hints(cls, include_extras=True)
        except Exception as error:  # noqa: BLE001 - evaluating annotations runs any code
            return _unknown(cls, f"has an annotation that cannot be resolved: {error}", "Import the missing name.")
        self._inside.append(cls)
        fields = []
        for name, default, factory in raw:
            inner = self.type(hints[name])
            if isinstance(inner, Unknown):
                self._inside.pop()
                return _unknown(cls, f"has a field `{name}: {inner}` that {inner.reason}", inner.hint)
            fields.append(Field(name=name, type=inner, default=default, factory=factory))
        self._inside.pop()
        return Record(name=cls.__name__, kind=kind, python=cls, fields=tuple(fields), doc=_doc(cls, kind))


_RawField = tuple[str, Any, Callable[[], Any] | None]


def _record_fields(cls: Any) -> tuple[RecordKind, list[_RawField]] | None:
    if dataclasses.is_dataclass(cls):
        return "dataclass", [_dataclass_field(f) for f in dataclasses.fields(cls) if f.init]
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None and issubclass(cls, pydantic.BaseModel):
        return "pydantic", [_pydantic_field(name, info) for name, info in cls.model_fields.items()]
    if issubclass(cls, tuple) and hasattr(cls, "_field_defaults"):
        return "namedtuple", [(name, cls._field_defaults.get(name, MISSING), None) for name in cls._fields]
    if dict in cls.__mro__ and hasattr(cls, "__required_keys__"):  # also that of typing_extensions
        if cls.__optional_keys__:
            return None
        return "typeddict", [(name, MISSING, None) for name in cls.__annotations__]
    return None


def _dataclass_field(field: dataclasses.Field[Any]) -> _RawField:
    default = MISSING if field.default is dataclasses.MISSING else field.default
    factory = None if field.default_factory is dataclasses.MISSING else field.default_factory
    return field.name, default, factory


def _pydantic_field(name: str, info: Any) -> _RawField:
    if info.is_required():
        return name, MISSING, None
    return (name, MISSING, info.default_factory) if info.default_factory else (name, info.default, None)


def _doc(cls: Any, kind: RecordKind) -> str:
    """The docstring a person wrote; dataclass and NamedTuple make one up, and pydantic inherits one."""
    doc = cls.__dict__.get("__doc__") or ""
    made_up = doc.startswith(f"{cls.__name__}(") and kind in ("dataclass", "namedtuple")
    return "" if made_up else typing.cast("str", doc)


def _literal(annotation: Any, values: tuple[Any, ...]) -> Type:
    if all(isinstance(v, str) for v in values):
        return Choice(values)
    return _unknown(annotation, "has values that are not str", "Use an enum, or a Literal of strings.")


def _ndarray(annotation: Any, args: tuple[Any, ...]) -> Type:
    dtypes = typing.get_args(args[1]) if len(args) > 1 else ()
    if not dtypes or not isinstance(dtypes[0], type) or dtypes[0].__name__ in ("generic", "Any"):
        return Tensor("numpy")
    try:
        return Tensor("numpy", sys.modules["numpy"].dtype(dtypes[0]).name)
    except TypeError:
        return _unknown(annotation, "has no single dtype", "Name one: `NDArray[np.float32]`.")


def _is_class_of(annotation: Any, module: str, name: str) -> bool:
    """Whether a class is `module.name`, without importing the module; a class that is loaded implies it is."""
    return annotation is getattr(sys.modules.get(module), name, None) and annotation is not None


def _words_of(item: Type) -> str:
    """A type as part of a message name."""
    match item:
        case ListOf(item=inner):
            return f"{_words_of(inner)}List"
        case MapOf(value=inner):
            return f"{_words_of(inner)}Map"
        case Optional(item=inner):
            return f"Optional{_words_of(inner)}"
        case Choice():
            return "Choice"
        case Tensor():
            return "Tensor"
        case Record(name=name):
            return name
        case _:
            return pascal(str(item))


def _passing_on(inner: Type, annotation: Any, otherwise: Type) -> Type:
    if isinstance(inner, Unknown):
        return Unknown(name_of(annotation), inner.reason, inner.hint)
    return otherwise


def _unknown(annotation: Any, reason: str, hint: str) -> Unknown:
    return Unknown(name_of(annotation), reason, hint)


def name_of(annotation: Any) -> str:
    """An annotation as a person would write it."""
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__name__
    return str(annotation).replace("typing.", "")
