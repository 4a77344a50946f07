"""Why an annotation has no contract, on its way out of the reflector."""

from __future__ import annotations

import enum
import types
import typing
from dataclasses import dataclass
from typing import Any

from meshgen.annotations import Float32, Int32

THIS = ""


@dataclass(frozen=True, slots=True)
class Home:
    """The class whose own definition has no contract, wherever it is used."""

    cls: type
    member: str
    """The field at fault; empty for the class as a whole."""
    reason: str


class Refused(Exception):  # noqa: N818 - never leaves this package
    """This annotation has no contract. `reason` reads on after "which": "has keys of type float".

    `annotation` is `THIS` where only the caller knows what was written.
    """

    def __init__(self, annotation: Any, reason: str, hint: str, *, member: str = "", home: Home | None = None) -> None:
        super().__init__(reason)
        self.annotation = name_of(annotation)
        self.reason = reason
        self.hint = hint
        self.home = home
        if home is None and isinstance(annotation, type) and not typing.get_args(annotation):
            self.home = Home(annotation, member, reason)

    def inside(self, annotation: Any) -> Refused:
        """The same as seen from the annotation that holds this one."""
        name = name_of(annotation)
        if name == self.annotation:
            return self
        if self.annotation == THIS:
            return Refused(name, self.reason, self.hint, home=self.home)
        return Refused(name, f"holds `{self.annotation}`, which {self.reason}", self.hint, home=self.home)


def name_of(annotation: Any) -> str:
    """An annotation as a person would write it."""
    if isinstance(annotation, str):
        return annotation
    if annotation in (None, types.NoneType):
        return "None"
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return f"np.{annotation.__name__}" if annotation.__module__ == "numpy" else annotation.__name__
    if isinstance(annotation, typing.TypeVar | typing.NewType):
        return annotation.__name__
    if isinstance(annotation, typing.ForwardRef):
        return annotation.__forward_arg__
    args = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        narrow = [name for name in map(_marker, annotation.__metadata__) if name]
        return f"Annotated[{name_of(args[0])}, {narrow[0]}]" if narrow else name_of(args[0])
    if origin is typing.Literal:
        return f"Literal[{', '.join(str(a) if isinstance(a, enum.Enum) else repr(a) for a in args)}]"
    if origin in (typing.Union, types.UnionType):
        return " | ".join(map(name_of, args))
    if isinstance(origin, type) and args:
        return f"{origin.__name__}[{', '.join(_argument(a) for a in args)}]"
    return str(annotation).replace("typing.", "")


def _marker(item: Any) -> str:
    """`Int32` or `Float32`; other metadata does not tell types apart."""
    cls = item if isinstance(item, type) else type(item)
    return cls.__name__ if cls in (Int32, Float32) else ""


def _argument(annotation: Any) -> str:
    if annotation is Ellipsis:
        return "..."
    if isinstance(annotation, list):
        return f"[{', '.join(map(_argument, annotation))}]"
    return name_of(annotation)
