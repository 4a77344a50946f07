"""Graph → Plan: the services in schema terms become a contract, the nodes become workloads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from meshgen.contract.build import build
from meshgen.contract.model import RpcSpec, ServiceSpec
from meshgen.contract.names import application, package, service
from meshgen.graph.model import Graph, Node, Own, Route
from meshgen.graph.steps import CallingStep, Result
from meshgen.limits import DEFAULT_TIMEOUT_S
from meshgen.plan.examples import examples
from meshgen.plan.model import Mesh, Plan, RestRoute, Service, Workload
from meshgen.plan.options import deployment_options
from meshgen.plan.untyped import untyped_input_hint


def lower(graph: Graph, lock: Mapping[str, Any] | None, version: str) -> Plan:
    """The plan of a verified graph.

    Args:
        graph: verified.
        lock: the wire identity so far; None for the first build.
        version: meshgen's own, for the headers of generated files.

    Raises:
        GraphError: types that have no contract, names that clash on the wire, a broken lock.
    """
    specs = services(graph)
    return Plan(
        contract=build(graph.name, specs, lock),
        mesh=mesh(graph),
        rpcs=specs[0].rpcs,
        version=version,
    )


def services(graph: Graph) -> tuple[ServiceSpec, ...]:
    """The driver's service, then the nodes' by name."""
    rpcs = tuple(_route_rpc(graph, route) for route in graph.routes)
    driver = ServiceSpec(node=None, rpcs=rpcs, doc=graph.doc, span=graph.span)
    return (driver, *(_node_service(node) for node in _by_name(graph)))


def mesh(graph: Graph) -> Mesh:
    """The running shape: one workload per node with replicas of its own, one REST path per route."""
    driver = service(graph.name)
    routes = tuple(
        RestRoute(
            path=rest_path(graph, route),
            service=driver,
            rpc=route.rpc,
            summary=_answering(graph, route),
            examples=examples(graph, route),
        )
        for route in graph.routes
    )
    return Mesh(
        graph=graph.name,
        source=graph.source,
        driver=_driver(graph),
        nodes=tuple(_workload(graph, node) for node in _by_name(graph) if isinstance(node.placement, Own)),
        routes=routes,
        guest_services=tuple(_guest(graph, node) for node in _by_name(graph) if not isinstance(node.placement, Own)),
    )


def rest_path(graph: Graph, route: Route) -> str:
    """Where REST clients post: `/quickstart`, `/report/labels`."""
    return (graph.route_prefix + route.path).rstrip("/") or "/"


def _answering(graph: Graph, route: Route) -> str:
    """What the method says of itself whose result is the answer."""
    step = graph.steps[route.output.step] if isinstance(route.output, Result) else None
    method = graph.node(step.node).method(step.method) if isinstance(step, CallingStep) else None
    return _summary(method.doc) if method else ""


def _by_name(graph: Graph) -> list[Node]:
    return sorted(graph.services, key=lambda node: node.name)


def _route_rpc(graph: Graph, route: Route) -> RpcSpec:
    request = graph.request(route)
    return RpcSpec(
        name=route.rpc,
        params=request.params,
        request_record=request.record,
        result=route.result,
        http=rest_path(graph, route),
        doc=graph.doc if len(graph.routes) == 1 else "",
        span=route.span,
        input_span=request.span,
        input_hint=untyped_input_hint(graph, route),
    )


def _node_service(node: Node) -> ServiceSpec:
    rpcs = (
        RpcSpec(
            name=method.rpc,
            params=method.params,
            result=method.result,
            doc=method.doc,
            span=method.span,
        )
        for method in node.methods
    )
    return ServiceSpec(node=node.name, rpcs=tuple(rpcs), doc=node.doc, span=node.span)


def _driver(graph: Graph) -> Workload:
    configs = _user_configs(graph, None)
    return Workload(
        node=None,
        application=application(graph.name),
        service=service(graph.name),
        rpcs=tuple(route.rpc for route in graph.routes),
        package=package(graph.name),
        serve=deployment_options(replace(graph.options, serve={**graph.options.serve, **configs}), driver=True),
        idempotent=_idempotent(graph),
        timeout_s=graph.options.policy.timeout_s or DEFAULT_TIMEOUT_S,
        summary=_summary(graph.doc),
    )


def _workload(graph: Graph, node: Node) -> Workload:
    return Workload(**_service(graph, node), serve=_hosting(graph, node))


def _guest(graph: Graph, node: Node) -> Service:
    return Service(**_service(graph, node))


def _service(graph: Graph, node: Node) -> dict[str, Any]:
    return {
        "node": node.name,
        "application": application(graph.name, node.host),
        "service": service(graph.name, node.name),
        "rpcs": tuple(method.rpc for method in node.methods),
        "package": package(graph.name, node.name),
        "idempotent": node.options.policy.idempotent,
        "summary": _summary(node.doc),
    }


def _hosting(graph: Graph, node: Node) -> Mapping[str, Any]:
    """Options of a deployment that may answer for guests, too: Serve lets in what all of them may do at once."""
    guests = graph.guests(node.name)
    if not guests:
        return deployment_options(node.options)
    at_once = sum(n.options.max_ongoing_requests for n in (node, *guests))
    more = {"max_ongoing_requests": at_once, **_user_configs(graph, node.name)}
    return deployment_options(replace(node.options, serve={**node.options.serve, **more}))


def _user_configs(graph: Graph, host: str | None) -> Mapping[str, Any]:
    """The options with one `user_config` for all nodes of a host, by node; empty unless a guest has one."""
    if not graph.has_configured_guests(host):
        return {}
    nodes = (*(() if host is None else (graph.node(host),)), *graph.guests(host))
    return {"user_config": {n.name: n.options.serve["user_config"] for n in nodes if "user_config" in n.options.serve}}


def _idempotent(graph: Graph) -> bool:
    """Whether a route may run again, which runs all of its nodes again, those in the driver too."""
    return graph.options.policy.idempotent and all(node.options.policy.idempotent for node in graph.nodes)


def _summary(doc: str) -> str:
    return doc.strip().partition("\n")[0].strip()
