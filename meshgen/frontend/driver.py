"""`InputNode` and `DAGDriver`: where a graph begins and ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from meshgen.frontend.symbolic import BoundInput, Value
from meshgen.source import Span, caller


class InputNode:
    """The request, as a value of the graph: `with InputNode(Request) as request:`.

    Args:
        *types: one record type (dataclass, pydantic model, NamedTuple, TypedDict) or scalar; or several types, which
            are then reached as `request[0]`, `request[1]`…
        **named: types by name, reached as `request.name`. One called `examples` that is a list holds no types but
            requests that the graph answers, which `/docs` and the OpenAPI document show: values of the one type, a
            tuple of the several, or a dict of those that have names. Each may be written as JSON has it, too. Behind
            an `input_adapter` they are what the adapter takes.
    """

    def __init__(self, *types: Any, **named: Any) -> None:
        examples = named.get("examples")
        if isinstance(examples, list):  # which no type is
            named = {name: type_ for name, type_ in named.items() if name != "examples"}
        given = tuple(examples) if isinstance(examples, list) else ()
        self._meshgen_input = BoundInput(types=types, named=named, examples=given, span=caller())

    def __enter__(self) -> Any:
        return Value(self._meshgen_input, self._meshgen_input.span)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What `DAGDriver.bind(...)` returns: a whole graph as written, not yet checked."""

    routes: tuple[tuple[str, Any], ...]
    """Path and output; one pair with `/` for a driver with one graph."""
    adapter: Callable[..., Any] | None
    options: Mapping[str, Any] = field(default_factory=dict)
    span: Span


class _Driver:
    """Serves one graph, or one graph per route."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options

    def options(self, **options: Any) -> _Driver:
        """A driver with other options.

        Args:
            **options: `name` of the graph, `route_prefix` of its REST paths, `timeout_s`, and Serve's options for the
                driver's own replicas (`num_replicas`…).
        """
        return _Driver({**self._options, **options})

    def bind(self, graph: Any, *, input_adapter: Callable[..., Any] | None = None) -> Application:
        """The graph to serve.

        Args:
            graph: the output, or outputs by route: `{"/report": a, "/labels": b}`.
            input_adapter: a pydantic model, or an annotated function whose parameters are the request on every
                transport and whose result is the graph's input.
        """
        routes = tuple(graph.items()) if isinstance(graph, Mapping) else (("/", graph),)
        return Application(routes=routes, adapter=input_adapter, options=self._options, span=caller())

    def __repr__(self) -> str:
        return "<DAGDriver>"


DAGDriver = _Driver({})
