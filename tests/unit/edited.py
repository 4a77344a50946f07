"""Projects that tests write and edit."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

from meshgen.frontend import load_graph
from meshgen.graph.model import Graph

_ROOTS: list[Path] = []
_OTHERS: dict[str, object] = {}
"""Modules that were there and of none of the projects: thousands, looked at once."""


class Project:
    """A folder with a graph in it, each time loaded as if for the first time."""

    def __init__(self, root: Path, files: Mapping[str, str]) -> None:
        self.root = root
        _ROOTS.append(root)
        (root / "pyproject.toml").write_text("")
        for path, text in files.items():
            self.write(path, text)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(dedent(text))

    @contextmanager
    def edited(self, path: str, old: str, new: str) -> Iterator[None]:
        """The file with one place of it changed, for a while."""
        before = (self.root / path).read_text()
        assert before.count(old) == 1, f"{before.count(old)} times in {path}: {old}"
        (self.root / path).write_text(before.replace(old, new))
        try:
            yield
        finally:
            (self.root / path).write_text(before)

    def load(self, path: str = "g.py", attribute: str = "app") -> Graph:
        forget()
        sys.path.insert(0, str(self.root))
        for cache in self.root.rglob("__pycache__"):
            shutil.rmtree(cache)
        importlib.invalidate_caches()
        return load_graph(f"{self.root / path}:{attribute}").graph


def forget() -> None:
    """Let no module of any of these projects be imported, nor be found."""
    roots = tuple(map(str, _ROOTS))
    new = {name: module for name, module in sys.modules.items() if _OTHERS.get(name) is not module}
    theirs = {name for name, module in new.items() if _is_within(module, roots)}  # a package's path asks for its parent
    for name in theirs:
        del sys.modules[name]
    _OTHERS.update((name, module) for name, module in new.items() if name not in theirs)
    sys.path[:] = [folder for folder in sys.path if not folder.startswith(roots)]


def _is_within(module: object, roots: tuple[str, ...]) -> bool:
    known = getattr(module, "__dict__", {})
    return any(str(place).startswith(roots) for place in (known.get("__file__"), *known.get("__path__", ())))
