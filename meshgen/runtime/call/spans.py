"""What a span is to those who make one, whether or not anything records it; and a place in a trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, Self, TypeAlias

Kind: TypeAlias = Literal["server", "client", "internal"]
Value: TypeAlias = str | int | float | bool
Attributes: TypeAlias = Mapping[str, Value]


class Span(Protocol):
    """What `with span(...) as s` gives. An exception that leaves the block marks the span as failed."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def set(self, key: str, value: Value) -> None:
        """Add an attribute."""

    def fail(self, error: BaseException) -> None:
        """Mark the span as failed by an error that does not leave the block."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a trace."""

    trace_id: str
    traceparent: str
    tracestate: str = ""


class Backend(Protocol):
    """What becomes of spans: nothing, or they are sent somewhere."""

    records: bool
    """Spans are sent somewhere."""

    def span(
        self,
        service: str,
        name: str,
        kind: Kind,
        parent: Mapping[str, object] | None,
        attributes: Attributes | None,
    ) -> Span:
        """A span below the current one, or below the one that `parent` names."""

    def position(self) -> Position | None:
        """The current place; None outside of every span."""

    def flush(self, timeout_s: float) -> None:
        """Send what is waiting; give up after `timeout_s`."""
