"""Examples of single fields, as pydantic and msgspec write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_LIBRARIES = ("pydantic", "msgspec", __name__.partition(".")[0])


@dataclass(frozen=True, slots=True)
class Examples:
    """What a field of a pydantic model says, whose other metadata comes without it."""

    examples: tuple[Any, ...]


def examples_of(metadata: Iterable[Any]) -> tuple[Any, ...]:
    """`Field(examples=[...])`, or `json_schema_extra={"examples": [...]}` in it; the outermost first."""
    return tuple(example for item in [*metadata][::-1] for example in _of(item))


def _of(item: Any) -> Iterator[Any]:
    if type(item).__module__.partition(".")[0] not in _LIBRARIES:
        return
    extra = getattr(item, "json_schema_extra", None) or getattr(item, "extra_json_schema", None)
    more = extra if isinstance(extra, Mapping) else {}
    for given in (getattr(item, "examples", None), more.get("examples")):
        yield from given if isinstance(given, list | tuple) else ()
    if "example" in more:
        yield more["example"]
