"""What is wrapped around an annotation: `Annotated`, `NewType`, `Required`, `Final`, type aliases; taken off."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from meshgen.annotations import RenamedFrom
from meshgen.schema.reflect.generics import substituted
from meshgen.schema.unsupported import THIS, Refused

WRITE_ANY = "Write `Any`, which holds what JSON can hold; or a record (a dataclass) instead, which may hold itself."
_QUALIFIERS = ("Final", "ClassVar", "Required", "NotRequired", "ReadOnly")


@dataclass(slots=True)
class Peeled:
    """An annotation without its wrapping."""

    annotation: Any
    metadata: list[Any] = field(default_factory=list)
    """Outermost last."""
    qualifiers: set[str] = field(default_factory=set)
    """`NotRequired`, `Required`…"""
    aliases: list[Any] = field(default_factory=list)
    """The type aliases that were opened, with their arguments."""

    @property
    def renamed_from(self) -> str:
        """The name that the field had before; empty when it is the same.

        Raises:
            Refused: the marker has no name, or there are two.
        """
        if RenamedFrom in [m for m in self.metadata if isinstance(m, type)]:
            raise Refused(THIS, "is marked with RenamedFrom and no name", 'Write the old name: `RenamedFrom("old")`.')
        names = [m.name for m in self.metadata if isinstance(m, RenamedFrom)]
        if len(names) > 1:
            reason = f"is marked as renamed from '{names[0]}' and from '{names[1]}'"
            raise Refused(THIS, reason, "Keep the one of the last build.")
        return names[0] if names else ""


def peel(annotation: Any) -> Peeled:
    """Take off what carries no shape, and keep what it said.

    Raises:
        Refused: a type alias that refers to itself.
    """
    peeled = Peeled(annotation)
    while (inner := _inner(peeled)) is not None:
        peeled.annotation = inner[0]
    return peeled


def _inner(peeled: Peeled) -> tuple[Any] | None:
    """The annotation one layer in, as a tuple of one; None when there is no layer."""
    here = peeled.annotation
    origin = typing.get_origin(here)
    if origin is typing.Annotated:
        peeled.metadata = [*here.__metadata__, *peeled.metadata]
        return (here.__origin__,)
    if isinstance(here, typing.NewType):
        return (here.__supertype__,)
    if isinstance(here, dataclasses.InitVar):
        return (here.type,)
    alias = origin if origin is not None else here
    if type(alias).__name__ == "TypeAliasType":
        if (alias.__module__, alias.__name__) == ("pydantic.types", "JsonValue"):
            return (Any,)
        if here in peeled.aliases:
            raise holds_itself(alias.__name__)
        peeled.aliases.append(here)
        bound = dict(zip(alias.__type_params__, typing.get_args(here), strict=False))
        return (substituted(_value_of(alias), bound),)
    name = getattr(origin, "_name", None) or getattr(origin, "__name__", "")
    if name in _QUALIFIERS and typing.get_args(here):
        peeled.qualifiers.add(name)
        return (typing.get_args(here)[0],)
    return None


def holds_itself(alias: Any) -> Refused:
    """Why an alias without an end has no contract: a message inside itself needs a name."""
    return Refused(alias, "is an alias that holds itself", WRITE_ANY)


def _value_of(alias: Any) -> Any:
    """What an alias stands for, with the names in it resolved where it was written.

    Raises:
        Refused: a name cannot be resolved.
    """
    own = {alias.__name__: alias, **{each.__name__: each for each in alias.__type_params__}}
    names: Mapping[str, Any] = vars(sys.modules.get(alias.__module__ or "", typing))
    try:
        holder = types.SimpleNamespace(__annotations__={"it": alias.__value__})
        return typing.get_type_hints(holder, globalns={**names, **own}, include_extras=True)["it"]
    except Exception as error:  # noqa: BLE001 - evaluating annotations runs any code
        hint = "Import the missing name in the module of the alias."
        raise Refused(alias.__name__, f"cannot be resolved: {error}", hint) from None
