"""Graphs whose input has parts that are called like what a call takes itself: `route`, `timeout_s`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshgen.graph.model import Graph
from meshgen.runtime.local.graph import LocalGraph

_OWN = frozenset({"route", "timeout_s"})


def local_graph(graph: Graph) -> LocalGraph:
    """The graph as plain calls. Only one with such parts pays for telling them apart."""
    return _PartsFirst(graph) if _clashing(graph) else LocalGraph(graph)


def _clashing(graph: Graph) -> frozenset[str]:
    return _OWN & {param.name for route in graph.routes for param in graph.request(route).params}


class _PartsFirst(LocalGraph):
    """A keyword is the part; what a call takes itself has an underscore at its end (`route_=`)."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        clashing = _clashing(graph)
        self._own: Mapping[str, str] = {f"{name}_" if name in clashing else name: name for name in _OWN}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Answer one request, in sync code."""
        own, parts = self._apart(kwargs)
        entry = self._entry(own.get("route"))
        value = entry.arguments.bound(args, parts)
        if entry.check is not None:
            entry.check(value)
        return entry.engines.run(value, own.get("timeout_s", self._limit))

    async def call(self, *args: Any, **kwargs: Any) -> Any:
        """The same as calling the graph, in async code."""
        own, parts = self._apart(kwargs)
        entry = self._entry(own.get("route"))
        value = entry.arguments.bound(args, parts)
        if entry.check is not None:
            entry.check(value)
        return await entry.engines.executor.answer(value, own.get("timeout_s", self._limit), may_block=False)

    def _apart(self, kwargs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the call takes itself, and the parts of the request."""
        own = {self._own[name]: value for name, value in kwargs.items() if name in self._own}
        return own, {name: value for name, value in kwargs.items() if name not in self._own}
