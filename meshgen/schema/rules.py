"""Constraints on values, as `Annotated[int, Ge(0)]` and pydantic's `Field(ge=0)` write them. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

Bound: TypeAlias = int | float | datetime | timedelta
Format: TypeAlias = Literal["email", "hostname", "ip", "ipv4", "ipv6", "uri"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a value must satisfy beyond its type. The names are those of `annotated_types` and pydantic.

    Meanings are those of protovalidate, which states the same rules in the contract
    (https://protovalidate.com/reference/rules): lengths of text count code points, patterns are RE2 and match
    anywhere in the text, NaN is outside of every bound.
    """

    gt: Bound | None = None
    ge: Bound | None = None
    lt: Bound | None = None
    le: Bound | None = None
    multiple_of: int | float | None = None
    min_len: int | None = None
    """The least length: of a str in code points, of bytes in bytes, of a list or dict in elements."""
    max_len: int | None = None
    pattern: str | None = None
    finite: bool = False
    """Neither NaN nor infinite (pydantic's `allow_inf_nan=False`)."""
    unique: bool = False
    """No element comes twice: of a set whose elements the contract can compare. Messages may be equal in a set."""
    format: Format | None = None
    unmapped: tuple[str, ...] = ()
    """Constraints that the contract cannot state, as written (`Predicate(islower)`)."""

    def __bool__(self) -> bool:
        """Whether anything is asked."""
        return any(getattr(self, f.name) != f.default for f in fields(self))


NO_RULES = Rules()
