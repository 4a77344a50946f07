"""`InputNode` and `DAGDriver`: where a graph begins and ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NoReturn

from meshgen.call_sites import Site, keyword
from meshgen.errors import Diagnostic, GraphError, near_match_hint, shown
from meshgen.frontend.bound import BoundInput, note
from meshgen.frontend.symbolic import Symbolic, Value
from meshgen.source import Span, caller


class InputNode(Symbolic):
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
        span = caller()
        examples = named.get("examples")
        if isinstance(examples, list):  # which no type is
            named = {name: type_ for name, type_ in named.items() if name != "examples"}
        given = tuple(examples) if isinstance(examples, list) else ()
        _check_input(types, named, span)
        self._meshgen_input = BoundInput(types=types, named=named, examples=given, span=span)

    def __enter__(self) -> Any:
        return Value(self._meshgen_input, self._meshgen_input.span)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):  # protocols of Python and of shells
            raise AttributeError(name)
        self._refuse(f"looked into (`.{name}`)")

    def __getitem__(self, key: object) -> NoReturn:
        self._refuse(f"looked into (`[{shown(key)}]`)")

    def __iter__(self) -> Iterator[Any]:
        self._refuse("unpacked")

    def __repr__(self) -> str:
        return "<InputNode>"

    def _refuse(self, what: str, hint: str = "") -> NoReturn:
        message = f"an InputNode is {what} instead of the request that it stands for"
        hint = "Write `with InputNode(...) as request:` and use `request`."
        raise GraphError([Diagnostic(code="MG211", message=message, span=caller(), hint=hint)])


def _check_input(types: tuple[Any, ...], named: Mapping[str, Any], span: Span) -> None:
    """Refuse what no input can be."""
    if types and named:
        message = "an InputNode has its parts by position or by name, not both"
        names = [*(f"x{i}" for i, _ in enumerate(types)), *named]
        hint = f"Name them all: `InputNode({', '.join(f'{name}=...' for name in names)})`."
        raise GraphError([Diagnostic(code="MG210", message=message, span=span, hint=hint)])
    if [*named] == ["input_type"]:
        given = named["input_type"]
        message = "`input_type` is how Ray typed an input, and would be the name of a part here"
        hint = f"Write the type by itself: `InputNode({getattr(given, '__name__', '...')})`."
        if isinstance(given, Mapping):
            hint = "Write the types by themselves, `InputNode(int, str)`, or with names, `InputNode(a=int, b=str)`."
        raise GraphError([Diagnostic(code="MG210", message=message, span=span, hint=hint)])
    given_types: list[tuple[int | str, Any]] = [*enumerate(types), *named.items()]
    for which, given in given_types:
        if isinstance(given, bool | int | float | list | tuple | dict | set):
            message = f"an InputNode takes types, not {shown(given)}"
            inside = "[...]" if isinstance(given, list | tuple | dict | set) else ""
            hint = f"Write the type: `InputNode({type(given).__name__}{inside})`."
            raise GraphError([Diagnostic(code="MG210", message=message, span=Site(span, (which,)).span, hint=hint)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What `DAGDriver.bind(...)` returns: a whole graph as written, not yet checked."""

    routes: tuple[tuple[str, Any], ...]
    """Path and output; one pair with `/` for a driver with one graph."""
    by_path: bool
    """The routes were given as a dict."""
    adapter: Callable[..., Any] | None
    options: Mapping[str, Any] = field(default_factory=dict)
    sites: Mapping[str, Site] = field(default_factory=dict)
    """Where each option was given."""
    span: Span

    @property
    def site(self) -> Site:
        """What was given to be served."""
        return Site(self.span, (0, "graph"))

    def __repr__(self) -> str:
        return "DAGDriver.bind(...)"


class Driver:
    """Serves one graph, or one graph per route."""

    def __init__(self, options: Mapping[str, Any], sites: Mapping[str, Site]) -> None:
        self._options = options
        self._sites = sites

    def options(self, **options: Any) -> Driver:
        """A driver with other options.

        Args:
            **options: `name` of the graph, `route_prefix` of its REST paths, `timeout_s`, and Serve's options for the
                driver's own replicas (`num_replicas`…).
        """
        span = caller()
        sites = {name: keyword(span, name) for name in options}
        return Driver({**self._options, **options}, {**self._sites, **sites})

    def bind(
        self, graph: Any = ..., *others: Any, input_adapter: Callable[..., Any] | None = None, **unknown: Any
    ) -> Application:
        """The graph to serve.

        Args:
            graph: the output, or outputs by route: `{"/report": a, "/labels": b}`.
            *others: not taken; several outputs are a dict.
            input_adapter: a pydantic model, or an annotated function whose parameters are the request on every
                transport and whose result is the graph's input.
            **unknown: not taken.
        """
        span = caller()
        if others:
            raise _refusal(Site(span, (1,)), *_surplus(others))
        for name in unknown:
            raise _refusal(keyword(span, name), f"DAGDriver.bind(...) has no argument `{name}`", _meant(name))
        if graph is ...:
            raise _refusal(Site(span), "DAGDriver.bind(...) is given nothing to serve", "Give it what a node returns.")
        by_path = isinstance(graph, Mapping)
        routes = tuple(graph.items()) if isinstance(graph, Mapping) else (("/", graph),)
        app = Application(
            routes=routes,
            by_path=by_path,
            adapter=input_adapter,
            options=self._options,
            sites=self._sites,
            span=span,
        )
        note(app)
        return app

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Refused: a graph is built by binding."""
        raise _refusal(Site(caller()), "DAGDriver is called, which builds no graph", "Write `DAGDriver.bind(...)`.")

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        way = "Start a mesh with `meshgen run FILE`; run one request with `meshgen.local(app)(...)`."
        hint = near_match_hint(name, ["bind", "options"], way, shown="`DAGDriver.{}(...)`")
        raise _refusal(Site(caller()), f"DAGDriver has no `{name}`", hint)

    def __repr__(self) -> str:
        return "DAGDriver"


def _surplus(others: tuple[Any, ...]) -> tuple[str, str]:
    if len(others) == 1 and not isinstance(others[0], Value) and callable(others[0]):
        message = "DAGDriver.bind(...) takes one thing by position, two are given"
        return message, "An adapter is given by name: `input_adapter=...`."
    message = f"DAGDriver.bind(...) takes one output, {len(others) + 1} are given"
    return message, 'Give each a route, `{"/a": a, "/b": b}`, or let a node put them together.'


def _meant(name: str) -> str:
    if name in ("http_adapter", "adapter"):
        return "Write `input_adapter=`: an annotated function, or a pydantic model, that makes the graph's input."
    if name in ("route_prefix", "name", "timeout_s", "num_replicas"):
        return f"It is an option: `DAGDriver.options({name}=...).bind(...)`."
    return near_match_hint(name, ["input_adapter"], "It takes a graph, and `input_adapter=`.", shown="`{}=`")


def _refusal(site: Site, message: str, hint: str) -> GraphError:
    return GraphError([Diagnostic(code="MG211", message=message, span=site.span, hint=hint)])


DAGDriver = Driver({}, {})
