"""What a decorator says of a function or class; bound nodes refer to it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from meshgen.call_sites import Site
from meshgen.graph.model import Options
from meshgen.graph.options import own_options
from meshgen.graph.policy import Policy
from meshgen.naming import snake
from meshgen.source import Span, of_callable


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Definition:
    """A function or class that can be a node, with the options that were given for it."""

    target: Callable[..., Any]
    """The user's function or class, undecorated."""
    given: Mapping[str, Any]
    """The options by name, as given."""
    sites: Mapping[str, Site]
    """Where each of them was given."""
    decorated: Span
    """Where the target was made a node."""
    published: bool = True
    """False for an inline function."""

    @property
    def is_class(self) -> bool:
        """The target is a class."""
        return inspect.isclass(self.target)

    @property
    def span(self) -> Span:
        """Where the target was written; if that is in a library, where it was made a node."""
        span = of_callable(self.target)
        return span if span.is_users else self.decorated

    @property
    def name(self) -> str:
        """The explicit name, else the target's own in snake case."""
        return self.given["name"] if self.has_explicit_name else snake(self.target.__name__)

    @property
    def has_explicit_name(self) -> bool:
        """`.options(name=...)` was used."""
        return self.given.get("name") is not None

    @property
    def options(self) -> Options:
        """The given options, those of Serve apart from ours."""
        own = own_options("node")
        return Options(
            serve={name: value for name, value in self.given.items() if name not in own},
            policy=Policy(idempotent=self.given.get("idempotent", True), timeout_s=self.given.get("timeout_s")),
            sites=self.sites,
        )
