"""The fields of a record class as it declares them: dataclass, pydantic model, NamedTuple, TypedDict."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from meshgen.schema.classes import opened
from meshgen.schema.model import MISSING, RecordKind
from meshgen.schema.reflect.examples import Examples, examples_of
from meshgen.schema.reflect.generics import annotations_of_class, rebuilt
from meshgen.schema.reflect.markers import peel
from meshgen.schema.unsupported import Refused


@dataclass(frozen=True, slots=True)
class RawField:
    """A field before its annotation is reflected."""

    name: str
    annotation: Any
    default: Any = MISSING
    factory: Callable[[], Any] | None = None
    omitted: bool = False


def raw_fields(annotation: Any, kind: RecordKind) -> list[RawField]:
    """The fields of a record, in the order of declaration.

    Args:
        annotation: the class, or an alias with type arguments.
        kind: what `kind_of` says of the class.

    Raises:
        Refused: a field has no annotation, or the class cannot be made from its fields.
    """
    fields = _declared(annotation, kind)
    _refuse_other_arguments(opened(annotation).cls, kind, [f.name for f in fields])
    return fields


def _declared(annotation: Any, kind: RecordKind) -> list[RawField]:
    cls, args = opened(annotation)
    if kind == "pydantic":
        return _pydantic(annotation if isinstance(annotation, type) else cls)
    hints = annotations_of_class(cls, args, annotation)
    match kind:
        case "dataclass":
            return _dataclass(cls, hints)
        case "namedtuple":
            return [_named(cls, hints, name) for name in cls._fields]
        case _:
            return [_key(cls, name, hints[name]) for name in hints]


def _refuse_other_arguments(cls: Any, kind: RecordKind, names: list[str]) -> None:
    """A class may have an `__init__` or `__new__` of its own, as long as it takes the fields by name."""
    config = getattr(cls, "__pydantic_config__", {})  # that of a dataclass; a model is read by name in any case
    by_name = config.get("populate_by_name") or config.get("validate_by_name")
    if kind == "typeddict" or by_name or not getattr(cls, "__pydantic_custom_init__", True):
        return
    given = dict.fromkeys(names)
    try:
        if kind == "pydantic":  # the signature of the class has its aliases
            inspect.signature(cls.__init__).bind(None, **given)
        else:
            inspect.signature(cls).bind(**given)
    except (TypeError, ValueError) as error:
        hint = "Let it take its fields by name, and nothing else without a default."
        if any(f.alias for f in cls.__dict__.get("__pydantic_fields__", {}).values()):
            hint = "Drop the alias, or set `validate_by_name` and `validate_by_alias` in its config."
        raise Refused(cls, f"cannot be made from its fields: {error}", hint) from None


def _dataclass(cls: Any, hints: Mapping[str, Any]) -> list[RawField]:
    wanted = [f for f in cls.__dataclass_fields__.values() if f._field_type is dataclasses._FIELD_INITVAR]  # type: ignore[attr-defined]
    for lost in wanted:
        if lost.default is dataclasses.MISSING and lost.default_factory is dataclasses.MISSING:
            reason = f"is made from `{lost.name}` (an InitVar), which its values do not keep"
            raise Refused(cls, reason, "Make it a field, or give it a default.")
    pydantic = cls.__dict__.get("__pydantic_fields__", {})
    fields = (f for f in dataclasses.fields(cls) if f.init)
    return [
        _of_pydantic(f.name, pydantic[f.name], cls) if f.name in pydantic else _of_dataclass(f, hints[f.name])
        for f in fields
    ]


def _of_dataclass(field: dataclasses.Field[Any], annotation: Any) -> RawField:
    default = MISSING if field.default is dataclasses.MISSING else field.default
    factory = None if field.default_factory is dataclasses.MISSING else field.default_factory
    return RawField(field.name, annotation, default, factory)


def _named(cls: Any, hints: Mapping[str, Any], name: str) -> RawField:
    if name not in hints:
        hint = "Write a class: `class Point(NamedTuple): x: float`."
        raise Refused(cls, f"has no annotation for `{name}`", hint)
    return RawField(name, hints[name], cls._field_defaults.get(name, MISSING))


def _key(cls: Any, name: str, annotation: Any) -> RawField:
    said = peel(annotation).qualifiers
    # Where annotations are strings, Python itself cannot see `Required` in them; what it knows is `total`.
    omitted = "NotRequired" in said or (name in cls.__optional_keys__ and "Required" not in said)
    return RawField(name, annotation, omitted=omitted)


def _pydantic(cls: Any) -> list[RawField]:
    if getattr(cls, "__pydantic_root_model__", False):
        hint = "Use the type of its root, or a BaseModel with one field."
        raise Refused(cls, "is a RootModel, which has no fields", hint)
    if not cls.__pydantic_complete__:
        try:
            cls.model_rebuild()
        except Exception as error:  # noqa: BLE001 - evaluating annotations runs any code
            reason = f"has an annotation that cannot be resolved: {error}"
            raise Refused(cls, reason.splitlines()[0], "Import the missing name at the top of its module.") from None
    return [_of_pydantic(name, info, cls) for name, info in cls.model_fields.items()]


def _of_pydantic(name: str, info: Any, cls: Any) -> RawField:
    annotation = rebuilt(info.annotation, lambda part: _self_of(part, cls))
    metadata = [*(m for m in info.metadata if m is not None)]
    if info.description:
        metadata.append(_Description(info.description))
    if examples := examples_of([info]):
        metadata.append(Examples(examples))
    if metadata:
        annotation = typing.Annotated[(annotation, *metadata)]
    if info.is_required():
        return RawField(name, annotation)
    factory = info.default_factory
    return RawField(name, annotation, MISSING if factory else info.default, factory)


def _self_of(part: Any, cls: Any) -> Any:
    """A model inside itself; for a generic one pydantic leaves a note of its name (`module.Box:id[int:id]`)."""
    if part is typing.Self:
        return cls
    noted = getattr(part, "type_ref", None) if type(part).__name__ == "PydanticRecursiveRef" else None
    if noted is None:
        return part
    generic = ((base, opened(base).cls) for base in cls.__mro__ if opened(base).args)
    own = (base for base, of in generic if noted.startswith(f"{of.__module__}.{of.__qualname__}:"))
    return next(own, part)


@dataclass(frozen=True, slots=True)
class _Description:
    """What pydantic's `Field(description=...)` says."""

    documentation: str
