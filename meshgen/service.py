"""What a generated `service.py` calls: a graph's file, a node's name and a contract become a Ray Serve application."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshgen.frontend import load_graph
from meshgen.graph.model import Graph
from meshgen.runtime.mesh import replica

if TYPE_CHECKING:
    from ray.serve import Application


def application(graph: str, node: str | None, contract: Path, options: Mapping[str, Any]) -> Application:
    """The Serve application of one node, or of the driver.

    The graph is imported in the replicas only, so this is quick, and constructor arguments can be any Python.

    Args:
        graph: `graphs/x.py:app` relative to the project, or `package.module:app`.
        node: the node's name; None for the driver.
        contract: file with the graph's `FileDescriptorSet`; its bytes travel with the application.
        options: of the Serve deployment, by Serve's names.

    Raises:
        FileNotFoundError: there is no such graph file or contract.
    """
    descriptors = contract.read_bytes()
    source = _resolve(graph, tuple(contract.resolve().parents))
    version = _version(source, node, descriptors)
    return replica.deployment(partial(load, graph), source, node, descriptors, options=options, version=version)


def load(given: str, source: str) -> Graph:
    """The graph, in a replica.

    Args:
        given: as `service.py` names it; counts where the project lies elsewhere (`runtime_env`, an image).
        source: as it was found where the application was made.
    """
    return load_graph(source if Path(source.partition(":")[0]).is_file() else _resolve(given)).graph


def _resolve(source: str, also: tuple[Path, ...] = ()) -> str:
    """`source` with an absolute path, looked for in the working folder, on `sys.path`, and in `also`."""
    path, colon, attribute = source.partition(":")
    if not path.endswith(".py") or Path(path).is_file():
        return source if not path.endswith(".py") else f"{Path(path).resolve()}{colon}{attribute}"
    for folder in (*map(Path, sys.path), *also):
        if (folder / path).is_file():
            return f"{(folder / path).resolve()}{colon}{attribute}"
    raise FileNotFoundError(f"there is no graph file '{path}' in the working folder, nor on sys.path")


def _version(source: str, node: str | None, descriptors: bytes) -> str:
    """Changes when the code, a constructor's arguments (they are in the code) or the contract change.

    The code is the graph's file and what it imports from its project; files that it reads as data are not seen.
    """
    parts = (source.encode(), (node or "").encode(), descriptors, *(f.read_bytes() for f in _code(source)))
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


@cache
def _code(source: str) -> tuple[Path, ...]:
    target = source.partition(":")[0]
    if target.endswith(".py"):
        start = [Path(target)]
        roots = [f for f in start[0].parents if (f / "pyproject.toml").is_file()][:1] or [Path.cwd()]
    else:
        roots = [Path.cwd()]
        start = list(_files(target, roots[0]))
    seen: set[Path] = set()
    while start:
        file = start.pop()
        if file not in seen:
            seen.add(file)
            start += [f for name in _imports(file, roots[0]) for f in _files(name, roots[0])]
    return tuple(sorted(seen))


def _files(module: str, root: Path) -> Iterator[Path]:
    """The files of a module of the project, its packages' among them; none for what is installed."""
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        path = root.joinpath(*parts[:end])
        yield from (f for f in (path.with_suffix(".py"), path / "__init__.py") if f.is_file())


def _imports(file: Path, root: Path) -> Iterator[str]:
    package = file.parent.relative_to(root).parts if file.is_relative_to(root) else ()
    for found in ast.walk(ast.parse(file.read_bytes())):
        match found:
            case ast.Import(names=names):
                yield from (n.name for n in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                above = package[: len(package) - level + 1] if level else ()
                base = ".".join((*above, *([module] if module else [])))
                yield from (f"{base}.{n.name}" for n in names)
            case _:
                pass
