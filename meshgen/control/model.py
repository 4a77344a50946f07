"""What a mesh run takes and tells: targets, settings, events, addresses, errors. Light to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from meshgen import limits
from meshgen.emit.envoy import DOCS_PATH, HEALTH_PATH
from meshgen.emit.output.files import GeneratedFile
from meshgen.errors import MeshgenError
from meshgen.plan.model import Mesh


class MeshError(MeshgenError):
    """A mesh that cannot start, or that broke. The message is for a person and says which part and why."""


class ClusterError(MeshError):
    """Ray or Serve did not start, or a part of it died. Its logs say why."""


class StartError(MeshError):
    """A node that did not start; the message names it and carries its own error."""

    def __init__(self, workload: str, text: str) -> None:
        self.workload = workload
        super().__init__(f"{workload} did not start\n{text}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One built graph to run. It has nothing of the user's code in it, so that it may come from another process."""

    root: Path
    """The user's project folder; goes on the replicas' `PYTHONPATH`."""
    mesh: Mesh
    descriptors: FileDescriptorSet
    """Its contracts."""
    files: tuple[GeneratedFile, ...]
    """The build's output, written into the run's temporary folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """The graphs of a run as they were at one moment."""

    targets: tuple[Target, ...]
    openapi: Mapping[str, Any]
    """The document of all their REST routes."""

    @property
    def meshes(self) -> tuple[Mesh, ...]:
        """The shape of each."""
        return tuple(target.mesh for target in self.targets)

    @property
    def roots(self) -> tuple[Path, ...]:
        """The projects, each once."""
        return tuple(dict.fromkeys(target.root.resolve() for target in self.targets))

    @property
    def applications(self) -> tuple[str, ...]:
        """The names of the applications: of drivers, and of nodes with replicas of their own."""
        return tuple(workload.application for mesh in self.meshes for workload in mesh.workloads)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshOptions:
    """The ways in which a mesh can be run."""

    host: str = "127.0.0.1"
    port: int = 8080
    """The port that clients call; 0 takes any free one."""
    address: str | None = None
    """A running Ray cluster to join; None starts one for this run."""
    expose_nodes: bool | None = None
    """Publish the nodes' own services on the front too; None does so on loopback only."""
    max_message_mb: int = limits.DEFAULT_MB
    """The biggest request and answer, in MiB."""
    rate_limit: int | None = None
    """Requests per second that the front lets through; None for no limit."""
    origins: tuple[str, ...] = ()
    """Origins whose pages may call, besides those of this machine: `https://app.example.com`."""
    trace: Path | None = None
    """The file for the spans of all requests, as OTLP JSON; None leaves them to OTEL_EXPORTER_OTLP_ENDPOINT."""
    reload: bool = False
    """Deploy again what edits of the project change."""
    start_timeout_s: float = 300.0
    """Limit for the whole start, in seconds."""

    @property
    def nodes_exposed(self) -> bool:
        """`expose_nodes` with its default filled in."""
        if self.expose_nodes is not None:
            return self.expose_nodes
        return self.host in {"127.0.0.1", "::1", "localhost"}

    @property
    def connect_host(self) -> str:
        """The host by which this machine reaches the mesh: the loopback when Envoy listens on every interface."""
        return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104


Phase = Literal["starting", "deploying", "ready", "stopping", "stopped"]
NodeState = Literal["queued", "starting", "running", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseEvent:
    """The mesh as a whole moved on."""

    phase: Phase
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEvent:
    """A node (or a driver) changed while the mesh starts."""

    graph: str
    node: str | None
    """Its name; None for the driver."""
    state: NodeState
    running: int = 0
    wanted: int = 1
    """Replicas."""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteEvent:
    """Something that a person may want to know of, while all goes on."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorsEvent:
    """What went wrong in replicas: bugs, each with its node, its trace id and the traceback; and ends of their own."""

    text: str


Event = PhaseEvent | NodeEvent | NoteEvent | ErrorsEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """The addresses at which a mesh listens."""

    host: str
    port: int
    rest: tuple[str, ...]
    """URLs to POST to."""
    services: tuple[str, ...]
    """Full names of the gRPC services on the front."""
    run_dir: Path
    """Generated files of this run; gone when it ends."""
    logs: Path
    """Folder of the replicas' logs; it goes with the cluster."""

    @property
    def grpc(self) -> str:
        """`host:port`, also for gRPC."""
        return authority(self.host, self.port)

    @property
    def base_url(self) -> str:
        """`http://host:port`."""
        return f"http://{self.grpc}"

    @property
    def docs(self) -> str:
        """URL of the page about the REST routes."""
        return f"{self.base_url}{DOCS_PATH}"

    @property
    def health(self) -> str:
        """URL that answers 200 when every node serves."""
        return f"{self.base_url}{HEALTH_PATH}"


def authority(host: str, port: int) -> str:
    """`host:port` as URLs have it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
