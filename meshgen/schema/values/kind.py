"""What there is to know of a kind of `WellKnown`: a row of the table in `well_known`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from meshgen.schema.model import ScalarKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text that stands for a value."""

    write: Callable[[Any], str]
    """Value → text; raises EncodeError."""
    read: Callable[[Any], Any]
    """Text → value; raises Misfit, also for what is no text."""
    rule: str = ""
    """The rule of protovalidate that such a text keeps, `uuid` for `string.uuid`; empty when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Message:
    """A message that protobuf or Google has defined for a kind."""

    name: str
    """Full name."""
    file: str
    """Path of the file that defines it, as contracts import it."""
    parts: tuple[tuple[str, ScalarKind], ...]
    """Its fields."""
    write: Callable[[Any], tuple[Any, ...]]
    """Value → the parts in their order; raises EncodeError."""
    read: Callable[..., Any]
    """The parts in their order → value; raises Misfit."""
    schema: Mapping[str, Any]
    """Keywords of its JSON Schema, with names as `emit.openapi` has them. Of an object's schema the title, the type and
    what is required follow from the message."""
    text: Text | None = None
    """What it is in JSON; None for one that is an object of its parts there."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parts."""
        return tuple(name for name, _ in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How the contract states `Ge`, `Lt` and the like of a kind."""

    rules: str
    """The message in protovalidate's rules that has them: `timestamp`."""
    normal: Callable[[Any], Any]
    """A bound as written → as the contract has it; raises Refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of the class, or of a method of it, as code: plain data that `repr` can write."""

    method: str = ""
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


def _of_text(value: Any) -> Call:
    return Call(args=(str(value),))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kind:
    """A class of the standard library that travels as it is."""

    python: type[Any]
    """The class; the kind has its name."""
    wire: Message | Text
    """What carries a value."""
    but: tuple[type[Any], ...] = ()
    """Subclasses that are kinds of their own."""
    accepts: Callable[[Any], bool] | None = None
    """Which values of the class can be sent; None for all of them."""
    fault: tuple[str, str] = ("", "")
    """What is wrong with a value that cannot be sent, as a default, and the way out; empty when the type says it."""
    bounds: Bounds | None = None
    """None when the contract cannot state any."""
    call: Callable[[Any], Call] = _of_text
    """What makes an equal value in generated code."""

    @property
    def name(self) -> str:
        """The name of the kind."""
        return self.python.__name__

    @property
    def json(self) -> Message | Text:
        """What a value is in JSON: text, or an object of the message's parts."""
        return self.wire.text or self.wire if isinstance(self.wire, Message) else self.wire

    def has(self, value: Any) -> bool:
        """Whether a value is of the kind, and can be sent."""
        is_one = isinstance(value, self.python) and not isinstance(value, self.but)
        return is_one and (self.accepts is None or self.accepts(value))
