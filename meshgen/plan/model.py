"""What to generate and what to run: a Contract beside a Mesh. Pure data; the only thing that `emit` sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from meshgen.contract.model import Contract, RpcSpec
from meshgen.limits import DEFAULT_TIMEOUT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One gRPC service: the driver's, or a node's."""

    node: str | None
    """Name of the node; None for the driver."""
    application: str
    """Serve application and Envoy cluster that answer it: `quickstart`, `quickstart-model`. A placed node's is that of
    its host."""
    service: str
    """Full gRPC service name."""
    rpcs: tuple[str, ...]
    package: str
    """Protobuf package."""
    streamed: tuple[str, ...] = ()
    """Those of the rpcs that take several messages, each of which is passed on when it comes."""
    idempotent: bool = True
    timeout_s: float = DEFAULT_TIMEOUT_S
    """Deadline, in seconds, of a request from outside that comes with none."""
    summary: str = ""
    """First line of the user's docstring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload(Service):
    """One Ray Serve application, with the service of its own: the driver, or a node."""

    serve: Mapping[str, Any]
    """Options of the Serve deployment by Serve's names, defaults of a mesh filled in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestRoute:
    """One REST path, and the rpc behind it."""

    path: str
    """`/quickstart`, `/report/labels`."""
    service: str
    rpc: str
    summary: str = field(default="", compare=False)
    """First line of the user's docstring: of the method whose answer it gives."""
    examples: tuple[Any, ...] = field(default=(), compare=False)
    """Bodies that it takes, as JSON; a page offers the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagramNode:
    """A box: the input, a call's node, a call of a node that is placed elsewhere, a switch, an output."""

    id: str
    label: str
    kind: Literal["input", "node", "placed", "switch", "map", "output"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagramEdge:
    """An arrow, with the type that travels along it."""

    source: str
    target: str
    label: str
    """The type, or the case of a branch and the type."""
    kind: Literal["data", "branch", "may_call"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagram:
    """The topology for drawing."""

    title: str
    nodes: tuple[DiagramNode, ...]
    edges: tuple[DiagramEdge, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """The running shape of one graph."""

    graph: str
    source: str
    """`graphs/quickstart.py:app`, relative to the project."""
    driver: Workload
    nodes: tuple[Workload, ...]
    """The nodes with replicas of their own, by name."""
    routes: tuple[RestRoute, ...]
    guest_services: tuple[Service, ...] = ()
    """Services of the nodes without replicas of their own, by name; their hosts answer."""

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """Driver first, then the nodes that have replicas of their own."""
        return (self.driver, *self.nodes)

    @property
    def services(self) -> tuple[Service, ...]:
        """Every service: those of the workloads, then those of placed nodes."""
        return (*self.workloads, *self.guest_services)

    def guests(self, workload: Workload) -> tuple[Service, ...]:
        """The services of the nodes that are placed in its replicas."""
        return tuple(s for s in self.guest_services if s.application == workload.application)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that back ends need."""

    contract: Contract = field(compare=False)
    mesh: Mesh
    rpcs: tuple[RpcSpec, ...] = field(default=(), compare=False)
    """The driver's rpcs in schema terms: what a typed client mirrors."""
    version: str
    """meshgen's version, for the headers of generated files."""
