"""Type arguments: which type variable stands for what, and the annotations of a class once they are put in."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from meshgen.schema.unsupported import Refused, name_of

Bindings: TypeAlias = Mapping[Any, Any]
"""Type variable → annotation."""


def annotations_of_class(cls: Any, args: tuple[Any, ...], this: Any) -> dict[str, Any]:
    """Every field's annotation, those of the bases first, with the type variables of each class put in.

    Args:
        cls: a class, without type arguments.
        args: its type arguments; empty for a class that is not generic.
        this: what `Self` stands for.

    Raises:
        Refused: an annotation cannot be resolved.
    """
    bound = _bindings(cls, args)
    if dict in cls.__mro__:  # a TypedDict forgets its bases, and has their annotations among its own
        bound = {cls: {name: value for each in reversed(bound.values()) for name, value in each.items()}}
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        own = _own_hints(base, cls)
        found |= {name: substituted(hint, bound.get(base, {}), this) for name, hint in own.items()}
    return found


def _own_hints(base: Any, cls: Any) -> dict[str, Any]:
    """What a class annotates itself; `get_type_hints` has its bases' as well."""
    try:
        own = inspect.get_annotations(base)
        hints = typing.get_type_hints(base, include_extras=True) if own else {}
    except Exception as error:  # noqa: BLE001 - evaluating annotations runs any code
        member = _unresolved(base) if base is cls else ""
        what = f"a field `{member}` whose annotation cannot" if member else "an annotation that cannot"
        reason = f"has {what} be resolved: {error}"
        raise Refused(cls, reason, "Import the missing name at the top of its module.", member=member) from None
    return {name: hints[name] for name in own if name in hints}


def _unresolved(cls: Any) -> str:
    """The first field whose annotation cannot be resolved."""
    names = vars(sys.modules.get(cls.__module__, types)) | {cls.__name__: cls}
    for name, annotation in inspect.get_annotations(cls).items():
        alone = types.SimpleNamespace(__annotations__={name: annotation})
        try:
            typing.get_type_hints(alone, globalns=names)
        except Exception:  # noqa: BLE001 - as above
            return name
    return ""


def _bindings(cls: Any, args: tuple[Any, ...]) -> dict[Any, dict[Any, Any]]:
    """What the type variables of a class, and of each of its generic bases, stand for."""
    parameters = getattr(cls, "__parameters__", ())
    own = dict(zip(parameters, args, strict=False))
    result: dict[Any, dict[Any, Any]] = {cls: own}
    for base in cls.__dict__.get("__orig_bases__", getattr(cls, "__bases__", ())):
        origin = typing.get_origin(base) or base
        if origin not in (typing.Generic, typing.Protocol, object):
            given = tuple(substituted(a, own) for a in typing.get_args(base))
            for name, inner in _bindings(origin, given).items():
                result.setdefault(name, inner)
    return result


def substituted(annotation: Any, bound: Bindings, this: Any = None) -> Any:
    """An annotation with type variables replaced, and `Self` by `this`. Unbound ones stay."""

    def known(part: Any) -> Any:
        if isinstance(part, typing.TypeVar):
            return bound.get(part, part)
        return this if part is typing.Self and this is not None else part

    return rebuilt(annotation, known)


def rebuilt(annotation: Any, change: Callable[[Any], Any]) -> Any:
    """An annotation with each of its innermost parts changed.

    Raises:
        Refused: Python does not allow the parts there; it hashes the members of a union.
    """
    args = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin is None or origin is typing.Literal or not args:
        return change(annotation)
    if origin is typing.Annotated:
        return typing.Annotated[(rebuilt(args[0], change), *annotation.__metadata__)]
    new = tuple(rebuilt(a, change) for a in args)
    if new == args:
        return annotation
    try:
        if origin in (typing.Union, types.UnionType):
            return typing.Union[new]  # noqa: UP007 - members may be no classes yet
        return annotation.copy_with(new) if hasattr(annotation, "copy_with") else origin[new]
    except TypeError as error:
        reason = f"cannot have {', '.join(map(name_of, new))} put in: {error}"
        raise Refused(annotation, reason, "Use what Python can hash in `Annotated` (a tuple for a list).") from None
