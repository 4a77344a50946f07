"""What a graph does with a part of its input, as far as an example has to suit it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from meshgen.schema.model import Type


@dataclass(slots=True, kw_only=True)
class Wanted:
    """A tree: what is done with a value, and with its parts."""

    named: bool = False
    """The graph asks for this value by its path, or for a part of it."""
    whole: bool = False
    """Something takes the value as it is, with all that is in it."""
    choices: list[Any] = field(default_factory=list)
    """Cases of a `switch` that selects by it."""
    takers: list[Type] = field(default_factory=list)
    """Types of the parameters that take it; their rules are its rules, too."""
    parts: dict[str | int, Wanted] = field(default_factory=dict)

    def part(self, key: str | int) -> Wanted:
        """What is done with a part; what takes the whole takes its parts, too."""
        return self.parts.get(key) or Wanted(whole=self.whole)

    def reach(self, key: str | int) -> Wanted:
        """The part that the graph asks for."""
        return self.parts.setdefault(key, Wanted(named=True))

    @property
    def used(self) -> bool:
        """Whether anybody looks at it."""
        return self.named or self.whole
