"""What a generated `service.py` calls: a graph's file, a node's name and a contract become a Ray Serve application."""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet

import meshgen
from meshgen import pinned
from meshgen.contract import names
from meshgen.contract.subset import subset
from meshgen.errors import MeshgenError
from meshgen.frontend import load_graph
from meshgen.graph import identity
from meshgen.graph.model import Graph
from meshgen.runtime.mesh import replica

if TYPE_CHECKING:
    from ray.serve import Application


def application(graph: str, node: str | None, contract: Path, options: Mapping[str, Any]) -> Application:
    """The Serve application of one node, or of the driver.

    The graph is loaded here, too, for the version: what a node is made from follows from what the graph's file did,
    not from its text alone. Where the graph has just been built, as by `meshgen run`, it is there already.

    Args:
        graph: `graphs/x.py:app` relative to the project, or `package.module:app`.
        node: the node's name; None for the driver.
        contract: file with the graph's `FileDescriptorSet`; what the node needs of it travels with the application.
        options: of the Serve deployment, by Serve's names.

    Raises:
        FileNotFoundError: there is no such graph file or contract.
        GraphError: the graph cannot be loaded.
        MeshgenError: it has no such node.
    """
    source = _resolve(graph, tuple(contract.resolve().parents))
    loaded = _loaded(source)
    if node is not None and node not in loaded.by_name:
        raise MeshgenError(f"'{graph}' has no node '{node}'; run `meshgen build` again")
    descriptors = _contracts(contract.read_bytes(), loaded, node)
    version = _version(graph, loaded, node, descriptors)
    made = partial(load, graph, pinned.served())
    return replica.deployment(made, source, node, descriptors, options=options, version=version)


def load(given: str, kept: Path | None, source: str) -> Graph:
    """The graph, in a replica.

    Args:
        given: as `service.py` names it; counts where the project lies elsewhere (`runtime_env`, an image).
        kept: the folder of the sources to serve; None for those on disk.
        source: as it was found where the application was made.
    """
    if kept is not None:
        pinned.serve(kept)
    file = Path(source.partition(":")[0])
    return load_graph(source if pinned.root_of(file) is not None or file.is_file() else _resolve(given)).graph


def _resolve(source: str, also: tuple[Path, ...] = ()) -> str:
    """`source` with an absolute path, looked for in the working folder, on `sys.path`, and in `also`."""
    path, colon, attribute = source.partition(":")
    if not path.endswith(".py") or Path(path).is_file():
        return source if not path.endswith(".py") else f"{Path(path).resolve()}{colon}{attribute}"
    for folder in (*map(Path, sys.path), *also):
        if (folder / path).is_file():
            return f"{(folder / path).resolve()}{colon}{attribute}"
    raise FileNotFoundError(f"there is no graph file '{path}' in the working folder, nor on sys.path")


@cache
def _loaded(source: str) -> Graph:
    """The graph, once in a process: Python imports its module once, too."""
    return load_graph(source).graph


def _contracts(contract: bytes, graph: Graph, node: str | None) -> bytes:
    """What a replica speaks of the graph's contracts, so that it does not mind those of others."""
    paths = [names.proto_path(graph.name, name) for name in identity.spoken(graph, node)]
    return subset(FileDescriptorSet.FromString(contract), paths).SerializeToString(deterministic=True)


def _version(given: str, graph: Graph, node: str | None, descriptors: bytes) -> str:
    """Changes when a replica would be made from something else: code, arguments, contract, or who runs them.

    Args:
        given: as `service.py` names the graph; replicas load it by that name.
        graph: the graph.
        node: the node; None for the driver.
        descriptors: the contracts that the replica speaks.
    """
    texts = (meshgen.__version__, _installed("ray"), given, node or "", identity.replica(graph, node).hash)
    parts = (*map(str.encode, texts), descriptors)
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


_installed = cache(importlib.metadata.version)
