"""A Python callable → a `Method`: parameters, result and kind, with every problem in it."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from meshgen.errors import Diagnostic
from meshgen.graph.model import Method
from meshgen.naming import pascal
from meshgen.schema.model import MISSING, Field, Unknown
from meshgen.schema.reflect.reflector import reflect, reflect_field
from meshgen.schema.unsupported import name_of
from meshgen.source import Span, of_callable

FRAME_NAMES = "__meshgen_names__"
"""Attribute of a decorated callable: the names visible where it was decorated, for classes local to a function."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a method cannot be an rpc, however its types are annotated."""

    code: str
    reason: str
    """What is to be said of the method: it `yields its results`."""


WHY = {"MG209": "a contract needs names", "MG219": "streams are not supported yet"}
"""What makes a fault of it, by code."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A method, and what is wrong with it."""

    method: Method
    faults: tuple[Fault, ...]

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """The faults, at the method's `def`."""
        name, span = self.method.name, self.method.span
        texts = ((f.code, f"'{name}' {f.reason}; {WHY[f.code]}") for f in self.faults)
        return tuple(Diagnostic(code=code, message=text, span=span) for code, text in texts)


def method_of(target: Callable[..., Any], name: str, *, skip_self: bool, span: Span | None = None) -> Signature:
    """Read a function or method. Missing annotations become `Unknown`; problems are collected, never raised.

    Args:
        target: the function.
        name: the method's.
        skip_self: its first parameter is no argument.
        span: what to show in place of a `def` that is not the user's.
    """
    faults: list[Fault] = []
    hints = annotations_of(target)
    params: list[Field] = []
    keyword_only = 0
    for parameter in _parameters(target, skip_self=skip_self):
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(parameter.kind.name, "")
            what = f"the parameter `{stars}{parameter.name}`" if stars else f"the positional-only `{parameter.name}`"
            faults.append(Fault("MG209", f"has {what}"))
            continue
        keyword_only += parameter.kind is parameter.KEYWORD_ONLY
        params.append(_field(hints, parameter))
    if inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(target):
        faults.append(Fault("MG219", "yields its results"))
    method = Method(
        name=name,
        rpc=rpc_name(name),
        params=tuple(params),
        positional=len(params) - keyword_only,
        result=reflect(hints["return"]) if "return" in hints else Unknown(),
        is_async=inspect.iscoroutinefunction(target),
        doc=inspect.cleandoc(target.__doc__ or ""),
        span=span or of_callable(target),
    )
    return Signature(method, tuple(faults))


def _parameters(target: Callable[..., Any], *, skip_self: bool) -> list[inspect.Parameter]:
    try:
        parameters = list(inspect.signature(target).parameters.values())
    except ValueError:  # a function in C that does not say
        return [inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL)]
    return parameters[skip_self:]


def rpc_name(method: str) -> str:
    """`forward` → `Forward`; `__call__` → `Call`."""
    return "Call" if method == "__call__" else pascal(method)


def annotations_of(target: Any) -> Mapping[str, Any]:
    """Resolved annotations; what cannot be resolved stays a string, and reads as unknown."""
    names = getattr(target, FRAME_NAMES, {})
    try:
        return typing.get_type_hints(target, localns=dict(names), include_extras=True)
    except Exception:  # noqa: BLE001 - evaluating annotations runs any code; fall back to one at a time
        return {name: _resolve(target, text, names) for name, text in _raw(target).items()}


def _raw(target: Any) -> Mapping[str, Any]:
    return typing.cast("Mapping[str, Any]", getattr(target, "__annotations__", {}))


def _resolve(target: Any, annotation: Any, names: Mapping[str, Any]) -> Any:
    module = sys.modules.get(target.__module__)
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        scope = {**vars(module), **names} if module else dict(names)
        return typing.get_type_hints(holder, globalns=scope, include_extras=True)["it"]
    except Exception:  # noqa: BLE001 - as above
        return annotation if isinstance(annotation, str) else name_of(annotation)


def _field(hints: Mapping[str, Any], parameter: inspect.Parameter) -> Field:
    default = MISSING if parameter.default is parameter.empty else parameter.default
    if parameter.name not in hints:
        return Field(name=parameter.name, type=Unknown(), default=default)
    return reflect_field(parameter.name, hints[parameter.name], default=default)
