"""What is wrapped around an annotation: `Annotated`, `NewType`, `Required`, `Final`, type aliases; taken off."""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass, field
from typing import Any

from meshgen.annotations import RenamedFrom
from meshgen.schema.reflect.generics import substituted
from meshgen.schema.unsupported import THIS, Refused

_QUALIFIERS = ("Final", "ClassVar", "Required", "NotRequired", "ReadOnly")


@dataclass(slots=True)
class Peeled:
    """An annotation without its wrapping."""

    annotation: Any
    metadata: list[Any] = field(default_factory=list)
    """Outermost last."""
    qualifiers: set[str] = field(default_factory=set)
    """`NotRequired`, `Required`…"""

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
    aliases: list[Any] = []
    while (inner := _inner(peeled, aliases)) is not None:
        peeled.annotation = inner[0]
    return peeled


def _inner(peeled: Peeled, aliases: list[Any]) -> tuple[Any] | None:
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
        if alias in aliases:
            raise Refused(alias.__name__, "is an alias of itself", "Make it a dataclass.")
        aliases.append(alias)
        bound = dict(zip(alias.__type_params__, typing.get_args(here), strict=False))
        return (substituted(alias.__value__, bound),)
    name = getattr(origin, "_name", None) or getattr(origin, "__name__", "")
    if name in _QUALIFIERS and typing.get_args(here):
        peeled.qualifiers.add(name)
        return (typing.get_args(here)[0],)
    return None
