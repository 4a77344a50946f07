"""What must hold before a graph becomes services, and what must hold of the plan. All problems are collected."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from meshgen.errors import Diagnostic, shown
from meshgen.graph.model import Graph, Options
from meshgen.graph.option_names import KEYS, key_hint, option_hint
from meshgen.graph.options import OPTIONS, is_number, own_options, serve_options
from meshgen.naming import RESERVED_RPCS
from meshgen.plan.lower import rest_path
from meshgen.plan.model import Plan
from meshgen.plan.options import deployment_options
from meshgen.source import Span

RESERVED_NAMES = frozenset({"driver", "front", "google", "meshgen", "otlp", "v1"})
RESERVED_GRAPHS = RESERVED_NAMES | {"buf", "grpc"}
"""Packages of others, which clients and the gate must be able to tell from a graph's own."""
RESERVED_NODES = RESERVED_NAMES | {"client"}
"""Folders beside the graph's own `services/<graph>/client.py`."""
RESERVED_PATHS = frozenset({"/docs", "/healthz", "/openapi.json"})
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+|/")


@dataclass(frozen=True, slots=True)
class OptionOwner:
    """Somebody with options: the driver or a node."""

    name: str
    options: Options
    span: Span
    place: Literal["driver", "node"]

    def error(
        self, code: str, option: str, message: str, hint: str = "", *, inside: tuple[Any, ...] = ()
    ) -> Diagnostic:
        """An error at the place where an option, or a key inside of it, was given."""
        span = self.options.place_inside(option, inside, self.span)
        return Diagnostic(code=code, message=f"{self.name}: {message}", span=span, hint=hint)

    def warning(self, code: str, option: str, message: str, hint: str = "") -> Diagnostic:
        """A warning at the place where an option was given."""
        return replace(self.error(code, option, message, hint), severity="warning")


OptionRule: TypeAlias = Callable[[OptionOwner], Iterator[Diagnostic]]
GraphRule: TypeAlias = Callable[[Graph], Iterator[Diagnostic]]


def verify_graph(graph: Graph) -> tuple[Diagnostic, ...]:
    """Every problem that stops a graph from becoming services."""
    owners = tuple(option_owners(graph))
    of_options = (problem for rule in OPTION_RULES for owner in owners for problem in rule(owner))
    return (*of_options, *(problem for rule in GRAPH_RULES for problem in rule(graph)))


def verify_plan(plan: Plan) -> tuple[Diagnostic, ...]:
    """Names that have become alike on the way; there are none unless lowering is at fault."""
    mesh = plan.mesh
    names = Counter([*(w.application for w in mesh.workloads), *(s.service for s in mesh.services)])
    return tuple(
        Diagnostic(code="MG507", message=f"two services are called '{name}'") for name, n in names.items() if n > 1
    )


def option_owners(graph: Graph) -> Iterator[OptionOwner]:
    """Everybody with options: the driver, then the nodes."""
    yield OptionOwner("the driver", graph.options, graph.span, "driver")
    for node in graph.services:
        yield OptionOwner(f"node '{node.name}'", node.options, node.span, "node")


# --- options -------------------------------------------------------------------------------------------------------


def options_exist(owner: OptionOwner) -> Iterator[Diagnostic]:
    """Each option is one of Serve's, spelled as Serve spells it."""
    known = serve_options(owner.place) | own_options(owner.place)
    for name in owner.options.serve:
        if name in known:
            continue
        row = OPTIONS.get(name)
        if row is not None and row.refusal:
            yield owner.error("MG502", name, f"`{name}` cannot be set: {row.refusal}")
        else:
            hint = option_hint(name, owner.options.serve[name], known)
            yield owner.error("MG501", name, f"there is no option `{name}`", hint)


def keys_exist(owner: OptionOwner) -> Iterator[Diagnostic]:
    """Each key of an option with keys is one that Serve looks at."""
    for option, known in KEYS.items():
        value = owner.options.serve.get(option)
        for key in value if isinstance(value, Mapping) else ():
            if key not in known:
                message = f"`{option}` has no key {shown(key)}"
                yield owner.error("MG501", option, message, key_hint(option, key), inside=(key,))


def options_are_data(owner: OptionOwner) -> Iterator[Diagnostic]:
    """Options are written into files, so each is made of dicts, lists and scalars."""
    for name, value in owner.options.serve.items():
        if name in OPTIONS and (path := not_data(value)) is not None:
            yield owner.error("MG508", name, f"`{name}{path}` is no plain data")


def replicas_make_sense(owner: OptionOwner) -> Iterator[Diagnostic]:
    """There is a number of replicas or a range of them, and always at least one replica."""
    given = owner.options.serve
    replicas, scaling = given.get("num_replicas"), given.get("autoscaling_config")
    if scaling is not None and isinstance(replicas, int):
        yield owner.error("MG504", "num_replicas", "`num_replicas` is a number, and `autoscaling_config` is there too")
    if isinstance(scaling, Mapping) and scaling.get("min_replicas") == 0:
        message = "`min_replicas` is 0: nothing would start a replica when a request comes"
        yield owner.error("MG505", "autoscaling_config", message, inside=("min_replicas",))


def values_fit(owner: OptionOwner) -> Iterator[Diagnostic]:
    """Every option has a value that it takes."""
    own = {"idempotent": owner.options.policy.idempotent, "timeout_s": owner.options.policy.timeout_s}
    for name, value in {**owner.options.serve, **own}.items():
        row = OPTIONS.get(name)
        if row is not None and row.takes is not None and not row.takes.fit(value):
            yield owner.error("MG503", name, f"`{name}` is {shown(value)}; it takes {row.takes.words}")


def scaling_can_happen(owner: OptionOwner) -> Iterator[Diagnostic]:
    """Serve scales by running requests, and never runs more than `max_ongoing_requests` of them."""
    scaling = owner.options.serve.get("autoscaling_config")
    if not isinstance(scaling, Mapping):
        return
    target = scaling.get("target_ongoing_requests", 2)
    name = "max_ongoing_requests"
    most = deployment_options(owner.options, driver=owner.place == "driver").get(name, OPTIONS[name].serve_default)
    if is_number(target, 0, float) and is_number(most, 0, float) and most < 2 * target:
        message = f"`max_ongoing_requests` is {most} and `target_ongoing_requests` {target}: it may never scale up"
        yield owner.warning("MG506", name, message, f"Set `max_ongoing_requests` to {2 * target:g} or more.")


OPTION_RULES: tuple[OptionRule, ...] = (
    options_exist,
    keys_exist,
    options_are_data,
    replicas_make_sense,
    values_fit,
    scaling_can_happen,
)


def not_data(value: Any) -> str | None:
    """Where in an option something else than data is; None when it is nowhere."""
    match value:
        case None | bool() | int() | float() | str():
            return None
        case dict():
            inner = ((f"[{k!r}]", v if isinstance(k, str) else ...) for k, v in value.items())
        case list() | tuple():
            inner = ((f"[{i}]", v) for i, v in enumerate(value))
        case _:
            return ""
    return next((place + path for place, v in inner if (path := not_data(v)) is not None), None)


# --- names and paths -----------------------------------------------------------------------------------------------


def names_are_free(graph: Graph) -> Iterator[Diagnostic]:
    """No graph, node or rpc is called like something that every mesh has."""
    if graph.name in RESERVED_GRAPHS:
        yield Diagnostic(code="MG509", message=f"a graph cannot be called '{graph.name}'", span=graph.span)
    for node in graph.services:
        if node.name in RESERVED_NODES:
            yield Diagnostic(code="MG509", message=f"a node cannot be called '{node.name}'", span=node.span)
        for method in node.methods:
            if method.rpc in RESERVED_RPCS:
                message = f"'{node.name}.{method.name}' would be the rpc `{method.rpc}`, which is taken"
                yield Diagnostic(code="MG509", message=message, span=method.span)


def rpcs_differ(graph: Graph) -> Iterator[Diagnostic]:
    """Each method of a node has an rpc of its own."""
    for node in graph.services:
        for rpc, count in Counter(m.rpc for m in node.methods).items():
            if count > 1:
                names = ", ".join(f"'{m.name}'" for m in node.methods if m.rpc == rpc)
                message = f"the methods {names} of '{node.name}' would all be the rpc `{rpc}`"
                yield Diagnostic(code="MG507", message=message, span=node.span)


def handles_have_rpcs(graph: Graph) -> Iterator[Diagnostic]:
    """What handles call has an rpc; which public methods have none is told."""
    for node in graph.services:
        yield from node.unpublished


def paths_are_plain(graph: Graph) -> Iterator[Diagnostic]:
    """REST paths differ, have no pattern characters, and leave the front's own paths alone."""
    seen: set[str] = set()
    for route in graph.routes:
        path = rest_path(graph, route)
        problem: Literal["", "reserved", "twice", "odd"] = ""
        if path in RESERVED_PATHS:
            problem = "reserved"
        elif path in seen:
            problem = "twice"
        elif not _PATH.fullmatch(path):
            problem = "odd"
        seen.add(path)
        if problem:
            yield Diagnostic(code="MG510", message=_PATH_PROBLEMS[problem].format(path=path), span=route.span)


_PATH_PROBLEMS = {
    "reserved": "the REST path '{path}' is the front's own",
    "twice": "two routes have the REST path '{path}'",
    "odd": "'{path}' cannot be a REST path",
}

GRAPH_RULES: tuple[GraphRule, ...] = (names_are_free, rpcs_differ, handles_have_rpcs, paths_are_plain)
