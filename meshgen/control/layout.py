"""The folder of a run: generated tree, Envoy's configuration, endpoints, logs."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from meshgen.control import ports
from meshgen.control.model import MeshOptions, Target
from meshgen.emit.envoy import EnvoySettings, Otlp, envoy_config, merge_descriptors
from meshgen.emit.envoy.settings import LOOPBACK_ORIGINS
from meshgen.emit.output.document import to_yaml
from meshgen.limits import MEBIBYTE

# Ray puts Unix sockets some 60 characters below its folder; their paths may have 107.
_LONGEST_TEMP = 30


def make_folder() -> Path:
    """A fresh folder with a short path."""
    base = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="meshgen-", dir=base if len(base) <= _LONGEST_TEMP else "/tmp"))  # noqa: S108


def keep_logs(folder: Path) -> Path | None:
    """Copy Ray's logs out of a run's folder, which goes; None when there are none."""
    found = sorted(folder.glob("ray/session_*/logs"))
    if not found:
        return None
    kept = Path(tempfile.mkdtemp(prefix="meshgen-logs-"))
    shutil.copytree(found[-1], kept, dirs_exist_ok=True, ignore_dangling_symlinks=True)
    return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The place of everything of a run: files below one folder, and ports."""

    folder: Path
    port: int
    """Envoy's public port, the one that clients know; all others are on the loopback."""
    admin_port: int
    """The port of Envoy's admin interface."""
    reflection_port: int
    """The port of the server for reflection and health, behind Envoy."""
    pages_port: int
    """The port of the server for `/docs` and `/openapi.json`, behind Envoy."""
    spans_port: int
    """The port of what takes the spans, when they go to a file."""
    revision: int = 0
    """How many times the sources have been taken again since the start."""

    @classmethod
    def pick(cls, folder: Path, port: int) -> Layout:
        """A layout with free ports beside the public one."""
        admin, reflection, pages, spans = ports.pick(4, besides=port)
        return cls(
            folder=folder,
            port=port,
            admin_port=admin,
            reflection_port=reflection,
            pages_port=pages,
            spans_port=spans,
        )

    @property
    def tree(self) -> Path:
        """The folder of generated code."""
        return self.folder / f"tree{self.revision or ''}"

    def revised(self, number: int) -> Layout:
        """The layout of a later revision: sources and generated code of its own, all else the same."""
        return replace(self, revision=number)

    @property
    def sources(self) -> Path:
        """The folder of the projects' sources as they were at the start."""
        return self.folder / f"sources{self.revision or ''}"

    @property
    def endpoints(self) -> Path:
        """The folder that Envoy watches."""
        return self.folder / "endpoints"

    @property
    def replicas(self) -> Path:
        """The folder of replicas' sockets, and of lists of them for callers."""
        return self.folder / "replicas"

    @property
    def ray(self) -> Path:
        """The folder of Ray's sessions."""
        return self.folder / "ray"

    @property
    def errors(self) -> Path:
        """The file of what replicas log as errors."""
        return self.folder / "errors.txt"

    @property
    def mesh_socket(self) -> Path:
        """The socket of Envoy's listener for calls between nodes."""
        return self.folder / "mesh.sock"

    @property
    def config(self) -> Path:
        """Envoy's configuration."""
        return self.folder / "envoy.yaml"

    @property
    def descriptors(self) -> Path:
        """The descriptor set that Envoy reads."""
        return self.folder / "descriptors.binpb"

    def write_config(self, targets: Sequence[Target], options: MeshOptions) -> Path:
        """Write Envoy's configuration and the descriptor set that it reads."""
        self.descriptors.write_bytes(all_descriptors(targets).SerializeToString(deterministic=True))
        settings = EnvoySettings(
            host=options.host,
            port=self.port,
            mesh_socket=str(self.mesh_socket),
            admin_port=self.admin_port,
            reflection_port=self.reflection_port,
            pages_port=self.pages_port,
            endpoints_dir=str(self.endpoints),
            descriptors=str(self.descriptors),
            otlp=otlp_from_environment(),
            expose_nodes=options.nodes_exposed,
            access_log=str(self.folder / "access.log"),
            max_message_bytes=options.max_message_mb * MEBIBYTE,
            rate_limit=options.rate_limit,
            cors_origins=(*LOOPBACK_ORIGINS, *map(re.escape, options.origins)),
        )
        self.config.write_text(to_yaml(envoy_config([t.mesh for t in targets], settings)), encoding="utf-8")
        return self.config


def write_tree(tree: Path, targets: Sequence[Target]) -> None:
    """Write the generated files of all graphs; what they share is the same in each."""
    for file in (f for target in targets for f in target.files):
        path = tree / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)


def all_descriptors(targets: Sequence[Target]) -> FileDescriptorSet:
    """Every file of every graph once, dependencies first."""
    return merge_descriptors(t.descriptors for t in targets)


def published(descriptors: FileDescriptorSet, services: AbstractSet[str]) -> FileDescriptorSet:
    """The files without those that define other services; nothing imports a file with a service."""
    kept = (f for f in descriptors.file if all(f"{f.package}.{s.name}" in services for s in f.service))
    return FileDescriptorSet(file=kept)


def otlp_from_environment() -> Otlp | None:
    """Envoy's exporter, by OpenTelemetry's own variables; None when no endpoint is set."""
    environ = os.environ
    endpoint = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if not endpoint or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    headers = environ.get("OTEL_EXPORTER_OTLP_HEADERS", "")
    pairs = (part.partition("=") for part in headers.split(",") if "=" in part)
    return Otlp(
        endpoint=endpoint,
        protocol="grpc" if protocol == "grpc" else "http/protobuf",
        headers=tuple((key.strip(), value.strip()) for key, _, value in pairs),
    )
