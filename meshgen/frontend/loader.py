"""`graphs/x.py[:app]` or `package.module:app` → a graph. Errors of the user's file become readable."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import linecache
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from meshgen import pinned
from meshgen.errors import Diagnostic, GraphError, near_match_hint, once
from meshgen.frontend.bound import RECORD
from meshgen.frontend.driver import Application
from meshgen.frontend.given.unbound import no_application
from meshgen.frontend.import_errors import import_problem
from meshgen.frontend.trace import trace
from meshgen.frontend.unwired import unwired
from meshgen.graph.model import Graph
from meshgen.naming import snake
from meshgen.source import NOWHERE, Span, relative

DEFAULT_ATTRIBUTE = "app"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A graph and where it came from."""

    graph: Graph
    root: Path
    """The user's project: the folder of the nearest `pyproject.toml`, else the working folder. It is on `sys.path`."""
    module: str
    """Import name of the graph's module."""
    attribute: str
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def is_project(self) -> bool:
        """There is a `pyproject.toml`, so generated files have a place."""
        return (self.root / "pyproject.toml").is_file()


@dataclass(frozen=True, slots=True)
class _Target:
    root: Path
    module: str
    attribute: str
    file: Path | None


def load_graph(target: str) -> Loaded:
    """Import a graph file and check the graph in it.

    Args:
        target: `graphs/x.py`, `graphs/x.py:app` or `package.module:app`. The attribute is `app` when left out.

    Raises:
        GraphError: every problem found, each with its place.
    """
    found = _locate(target)
    if str(found.root) not in sys.path:
        sys.path.insert(0, str(found.root))
    record: list[object] = []
    before = RECORD.set(record)
    try:
        module = _import(found)
    finally:
        RECORD.reset(before)
    app = _attribute(module, found)
    name = snake(found.module.rsplit(".", 1)[-1])
    if found.attribute != DEFAULT_ATTRIBUTE:
        name = f"{name}_{snake(found.attribute)}"
    traced = trace(app, name=name, source=f"{_source(module, found)}:{found.attribute}", doc=_doc(module))
    if traced.graph is None:
        raise GraphError(traced.diagnostics)
    return Loaded(
        graph=traced.graph,
        root=found.root,
        module=found.module,
        attribute=found.attribute,
        warnings=(*traced.diagnostics, *once(_unwired_here(record, module), [])),
    )


def _unwired_here(record: Sequence[object], module: ModuleType) -> Iterator[Diagnostic]:
    """Those of the file itself; what it imports may be another graph."""
    return (found for found in unwired(record) if found.span.file == module.__file__)


def _locate(target: str) -> _Target:
    path, _, attribute = target.partition(":")
    attribute = attribute or DEFAULT_ATTRIBUTE
    if not path.endswith(".py"):
        if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", path):
            hint = "Write `graphs/x.py`, `graphs/x.py:app` or `package.module:app`."
            if Path(f"{path}.py").is_file():
                hint = f"Did you mean `{path}.py`?"
            raise _error("MG101", f"'{target}' names no graph", NOWHERE, hint)
        return _Target(_project(Path.cwd()), path, attribute, None)
    file = Path(path).resolve()
    root = pinned.root_of(file)  # what has become of a file that a run has kept does not matter
    if root is None:
        if not file.is_file():
            raise _error("MG101", f"there is no file '{path}'", NOWHERE, _near_file(path))
        root = _project(file.parent)
    return _Target(root, ".".join(file.relative_to(root).with_suffix("").parts), attribute, file)


def _near_file(path: str) -> str:
    """The file that was probably meant."""
    folder = Path(path).parent
    if not folder.is_dir():
        return f"There is no folder '{folder}' either, seen from {Path.cwd()}."
    return near_match_hint(path, [str(file) for file in folder.glob("*.py")])


def _no_module(name: str, root: Path) -> GraphError:
    package, _, last = name.rpartition(".")
    there = [path.stem for path in root.joinpath(*package.split(".") if package else ()).glob("*.py")]
    hint = near_match_hint(last, there, shown=f"`{package}.{{}}`" if package else "`{}`")
    return _error("MG101", f"there is no module '{name}'", NOWHERE, hint)


def _project(start: Path) -> Path:
    """The nearest folder with a `pyproject.toml`, else the working one if imports can start there, else the file's."""
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file():
            return folder
    here = Path.cwd()
    below = start.relative_to(here).parts if start.is_relative_to(here) else (".",)
    return here if all(part.isidentifier() for part in below) else start


def _doc(module: ModuleType) -> str:
    """The first paragraph of the module's docstring: what follows is for who reads the file."""
    return inspect.cleandoc(module.__doc__ or "").partition("\n\n")[0]


def _import(found: _Target) -> ModuleType:
    name = found.module
    if odd := next((part for part in name.split(".") if not part.isidentifier()), None):
        message = f"'{relative(str(found.file))}' cannot be imported: '{odd}' is no name of a module"
        better = re.sub(r"\W", "_", odd)
        way = better if better.isidentifier() else f"graph_{better}"
        what = f"the file to `{way}.py`" if name.endswith(odd) else f"the folder to `{way}`"
        raise _error("MG101", message, NOWHERE, f"Rename {what}.")
    if found.file is not None:
        _forget_compiled(found.file)
    try:
        module = importlib.import_module(name)
    except GraphError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            raise _no_module(error.name or name, found.root) from error
        raise GraphError([import_problem(error, name, found.root)]) from error
    _check_file(found, module)
    return module


def _forget_compiled(file: Path) -> None:
    """Python takes a compiled module for current when seconds and size are equal, so it may miss a quick edit."""
    with contextlib.suppress(OSError, NotImplementedError):
        Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)


def _check_file(found: _Target, module: ModuleType) -> None:
    """Python imports by name, and another file may have it: one of the standard library, or of another project."""
    file = getattr(module, "__file__", None)
    if found.file is not None and (file is None or Path(file).resolve() != found.file):
        taken = f"'{found.module}' is {relative(str(file))}" if file else f"'{found.module}' is built into Python"
        message = f"'{relative(str(found.file))}' cannot be imported: the name {taken}"
        raise _error("MG101", message, NOWHERE, "Rename the file, or load one of the two in a process of its own.")


def _attribute(module: ModuleType, found: _Target) -> Application:
    value = getattr(module, found.attribute, None)
    if isinstance(value, Application):
        return value
    span = _assignment(module, found.attribute)
    others = [n for n, v in vars(module).items() if isinstance(v, Application)]
    hint = f"It has: {', '.join(f'`{found.module}:{n}`' for n in others)}." if others else ""
    if value is None and found.attribute not in vars(module):
        hint = near_match_hint(found.attribute, others, hint)
        raise _error("MG104", f"'{found.module}' has no `{found.attribute}`", span, hint)
    raise GraphError([no_application(f"`{found.attribute}` is", value, span, hint)])


def _assignment(module: ModuleType, attribute: str) -> Span:
    """Where a module assigns an attribute outside of functions; its first line when it does not."""
    file = module.__file__ or module.__name__
    for number, text in enumerate(linecache.getlines(file), start=1):
        if match := re.match(rf"\s*(?:(?:async )?def |class )?({re.escape(attribute)})\b\s*(?:[:(]|=(?!=))", text):
            return Span(file, number, match.start(1) + 1, match.end(1) + 1)
    return Span(file, 1)


def _source(module: ModuleType, found: _Target) -> str:
    file = Path(module.__file__ or f"{found.module}.py").resolve()
    return file.relative_to(found.root).as_posix() if file.is_relative_to(found.root) else relative(str(file))


def _error(code: str, message: str, span: Span, hint: str = "") -> GraphError:
    return GraphError([Diagnostic(code=code, message=message, span=span, hint=hint)])
