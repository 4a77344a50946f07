"""Graphs whose input has parts that are called like what a call takes itself: `route`, `timeout_s`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshgen.graph.model import Graph
from meshgen.runtime.local.binding import Arguments
from meshgen.runtime.local.graph import LocalGraph

_OWN = ("route", "timeout_s")
_PART = "part "
"""Begins the keyword of a part that is called like one of a call, on its way through the call; no part has a blank."""


def local_graph(graph: Graph) -> LocalGraph:
    """The graph as plain calls. Only one with such parts pays for telling them apart."""
    parts = {param.name for route in graph.routes for param in graph.request(route).params}
    keywords = {name: f"{_PART}{name}" for name in _OWN if name in parts}
    return _PartsFirst(graph, keywords) if keywords else LocalGraph(graph)


class _Parts(Arguments):
    """The arguments of a route, by the names of its parts again."""

    def bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return super().bound(args, {name.removeprefix(_PART): value for name, value in kwargs.items()})


class _PartsFirst(LocalGraph):
    """A keyword is the part; what a call takes itself has an underscore at its end (`route_=`)."""

    _arguments = _Parts

    def __init__(self, graph: Graph, keywords: Mapping[str, str]) -> None:
        super().__init__(graph)
        self._keywords = {**keywords, **{f"{name}_": name for name in keywords}}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Answer one request, in sync code."""
        return super().__call__(*args, **self._apart(kwargs))

    async def call(self, *args: Any, **kwargs: Any) -> Any:
        """The same as calling the graph, in async code."""
        return await super().call(*args, **self._apart(kwargs))

    def _apart(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The same with keywords of the call for what it takes itself, and others for the parts."""
        return {self._keywords.get(name, name): value for name, value in kwargs.items()}
