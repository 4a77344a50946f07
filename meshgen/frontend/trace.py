"""Recorded symbolic values → a frozen `Graph`. Collects every problem; never stops at the first."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from meshgen.call_sites import Site
from meshgen.errors import Diagnostic, errors_only, once, shown
from meshgen.frontend.bound import BoundInput
from meshgen.frontend.deployment import Deployment
from meshgen.frontend.driver import Application
from meshgen.frontend.examples import requests
from meshgen.frontend.given.unbound import no_output
from meshgen.frontend.nodes import NodeTable, bad_name
from meshgen.frontend.order import in_order
from meshgen.frontend.signature import method_of
from meshgen.frontend.steps import Lowering
from meshgen.frontend.symbolic import Value
from meshgen.graph.model import Adapter, Graph, GraphInput, Method, Options, Route
from meshgen.graph.options import own_options
from meshgen.graph.policy import Policy
from meshgen.graph.verify import verify
from meshgen.naming import pascal, snake
from meshgen.schema.model import Record
from meshgen.schema.reflect.reflector import reflect
from meshgen.source import Span, of_callable


@dataclass(frozen=True, slots=True)
class Traced:
    """A graph, unless there were errors; and every problem found."""

    graph: Graph | None
    diagnostics: tuple[Diagnostic, ...]


def trace(app: Application, *, name: str, source: str = "", doc: str = "") -> Traced:
    """Turn a bound application into a graph.

    Args:
        app: what `DAGDriver.bind` returned.
        name: name of the graph when the driver's options give none.
        source: `graphs/x.py:app`, for headers of generated files.
        doc: what the graph is, for contracts and pages.
    """
    return _Tracer(app, name, source, doc).run()


class _Tracer:
    def __init__(self, app: Application, name: str, source: str, doc: str) -> None:
        self._app = app
        given = app.options.get("name")
        self._name = name if given is None else given
        self._source = source
        self._doc = doc
        self._problems: list[Diagnostic] = []

    def run(self) -> Traced:
        if not self._app.routes:
            message = "DAGDriver.bind({}) serves nothing"
            hint = "Give it a node, or a dict of routes and nodes."
            self._problems.append(Diagnostic(code="MG211", message=message, span=self._app.site.span, hint=hint))
        if problem := bad_name(self._name):
            message = f"{shown(self._name)} cannot name a graph: {problem}"
            hint = "Rename the file, or write `DAGDriver.options(name=...)`."
            self._problems.append(Diagnostic(code="MG216", message=message, span=self._place("name"), hint=hint))
        outputs = [(path, out) for path, out in self._app.routes if self._is_output(path, out)]
        ordered = in_order([out for _, out in outputs], self._problems)
        if ordered is None:
            return Traced(None, tuple(self._problems))
        nodes = NodeTable(ordered, self._problems)
        adapter = self._adapter()
        lowering = Lowering(nodes, ordered, adapter.method.result if adapter else None, self._problems)
        steps = lowering.steps()
        routes = tuple(self._route(path, out, lowering, ordered.inputs_of(out), adapter) for path, out in outputs)
        graph = Graph(
            name=self._name,
            nodes=nodes.frozen(),
            steps=steps,
            routes=routes,
            adapter=adapter,
            options=self._options(),
            route_prefix=self._prefix(),
            doc=self._doc,
            source=self._source,
            span=self._app.span,
        )
        if all(problem.code != "MG206" for problem in self._problems):  # else a name says nothing
            self._problems += verify(graph)
        self._problems = once(self._problems, [*graph.by_name])
        failed = bool(errors_only(self._problems))
        return Traced(None if failed else graph, tuple(self._problems))

    def _is_output(self, path: Any, out: Any) -> bool:
        site = self._app.site.inside(path) if self._app.by_path else self._app.site
        if not isinstance(path, str) or not re.fullmatch(r"/|/[A-Za-z][\w\-]*(/[\w\-]+)*", path, re.ASCII):
            message = f"the route {shown(path)} cannot be a path and an rpc"
            hint = "Write a slash, a letter, then letters, digits, `-`, `_` and slashes: `/report`."
            if isinstance(path, str) and re.fullmatch(r"[A-Za-z][\w\-]*", path, re.ASCII):
                hint = f'Start it with a slash: `"/{path}"`.'
            span = self._app.site.key(path).span
            self._problems.append(Diagnostic(code="MG212", message=message, span=span, hint=hint))
            return False
        if isinstance(out, Value) and not isinstance(out._meshgen_source, BoundInput):
            return True
        self._problems.append(no_output(out, site))
        return False

    def _place(self, option: str) -> Span:
        return self._app.sites[option].span if option in self._app.sites else self._app.span

    def _options(self) -> Options:
        own = own_options("driver")
        serve = {k: v for k, v in self._app.options.items() if k not in own}
        return Options(serve=serve, policy=Policy(timeout_s=self._app.options.get("timeout_s")), sites=self._app.sites)

    def _prefix(self) -> str:
        prefix = self._app.options.get("route_prefix")
        if prefix is None:
            return f"/{self._name}"
        if not isinstance(prefix, str) or not prefix.startswith("/"):
            message = f"route_prefix is {shown(prefix)}; it must start with a slash"
            self._problems.append(Diagnostic(code="MG212", message=message, span=self._place("route_prefix")))
            return f"/{self._name}"
        return prefix.rstrip("/")

    def _adapter(self) -> Adapter | None:
        target = self._app.adapter
        if target is None:
            return None
        method = self._adapter_method(target)
        if method is None:
            return None
        record = method.result if inspect.isclass(target) and isinstance(method.result, Record) else None
        return Adapter(target=target, method=method, record=record)

    def _adapter_method(self, target: Callable[..., Any]) -> Method | None:
        if inspect.isclass(target):
            record = reflect(target)
            if isinstance(record, Record):
                span = of_callable(target)
                return Method(name=target.__name__, rpc="", params=record.fields, result=record, span=span)
        elif inspect.isfunction(target):
            signature = method_of(target, target.__name__, skip_self=False)
            self._problems.extend(signature.diagnostics)
            return signature.method
        what = shown(target) if not isinstance(target, Deployment) else f"the deployment '{target.target.__name__}'"
        message = f"input_adapter is {what}; it must be a pydantic model, a dataclass or an annotated function"
        hint = f"Leave out the decorator over `{target.target.__name__}`." if isinstance(target, Deployment) else ""
        span = Site(self._app.span, ("input_adapter",)).span
        self._problems.append(Diagnostic(code="MG221", message=message, span=span, hint=hint))
        return None

    def _route(
        self, path: str, out: Value, lowering: Lowering, inputs: list[BoundInput], adapter: Adapter | None
    ) -> Route:
        if len(inputs) > 1:
            places = ", ".join(str(i.span) for i in inputs)
            message = f"the route '{path}' reads {len(inputs)} InputNodes ({places}); one request brings one input"
            self._problems.append(Diagnostic(code="MG210", message=message, span=self._app.span))
        output, result = lowering.output(out)
        declared = lowering.input(inputs[0]) if inputs else GraphInput(params=(), span=self._app.span)
        return Route(
            path=path,
            rpc="Predict" if path == "/" else pascal(snake(path)),
            input=declared,
            output=output,
            result=result,
            examples=requests(inputs[0], adapter.request if adapter else declared, self._problems) if inputs else (),
            span=out._meshgen_span,
        )
