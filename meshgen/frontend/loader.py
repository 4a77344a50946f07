"""`graphs/x.py[:app]` or `package.module:app` → a graph. Errors of the user's file become readable."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import linecache
import re
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from meshgen import pinned
from meshgen.errors import Diagnostic, GraphError
from meshgen.frontend.driver import Application
from meshgen.frontend.trace import trace
from meshgen.graph.model import Graph
from meshgen.naming import snake
from meshgen.source import NOWHERE, Span, relative
from meshgen.tracebacks import kind_and_text

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
    module = _import(found)
    app = _attribute(module, found)
    name = snake(found.module.rsplit(".", 1)[-1])
    if found.attribute != DEFAULT_ATTRIBUTE:
        name = f"{name}_{snake(found.attribute)}"
    traced = trace(app, name=name, source=f"{_source(module, found)}:{found.attribute}")
    if traced.graph is None:
        raise GraphError(traced.diagnostics)
    return Loaded(
        graph=traced.graph,
        root=found.root,
        module=found.module,
        attribute=found.attribute,
        warnings=traced.diagnostics,
    )


def _locate(target: str) -> _Target:
    path, _, attribute = target.partition(":")
    attribute = attribute or DEFAULT_ATTRIBUTE
    if not path.endswith(".py"):
        if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", path):
            hint = "Write `graphs/x.py`, `graphs/x.py:app` or `package.module:app`."
            raise _error("MG101", f"'{target}' names no graph", NOWHERE, hint)
        return _Target(_project(Path.cwd()), path, attribute, None)
    file = Path(path).resolve()
    root = pinned.root_of(file)  # what has become of a file that a run has kept does not matter
    if root is None:
        if not file.is_file():
            raise _error("MG101", f"there is no file '{path}'", NOWHERE)
        root = _project(file.parent)
    return _Target(root, ".".join(file.relative_to(root).with_suffix("").parts), attribute, file)


def _project(start: Path) -> Path:
    """The folder of the nearest `pyproject.toml`, else the working folder, else the file's own."""
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file():
            return folder
    here = Path.cwd()
    return here if start.is_relative_to(here) else start


def _import(found: _Target) -> ModuleType:
    name = found.module
    if not all(part.isidentifier() for part in name.split(".")):
        raise _error("MG101", f"'{found.file}' cannot be imported: '{name}' is no module name", NOWHERE)
    if found.file is not None:
        _forget_compiled(found.file)
    try:
        module = importlib.import_module(name)
    except GraphError:
        raise
    except SyntaxError as error:
        span = Span(error.filename or str(found.file), error.lineno or 1, error.offset or 1, error.end_offset)
        raise _error("MG102", f"{type(error).__name__}: {error.msg}", span) from error
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            raise _error("MG101", f"there is no module '{error.name}'", NOWHERE) from error
        raise _import_error(error, name) from error
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


def _import_error(error: BaseException, name: str) -> GraphError:
    """An error of the user's own code while it is imported, at the innermost line of it that is in the project."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not _foreign(f.filename)]
    last = frames[-1] if frames else None
    span = Span(last.filename, last.lineno or 1, (last.colno or 0) + 1, None) if last else NOWHERE
    hint = f"Run `python -m {name}` to see the whole traceback."
    return _error("MG103", f"importing '{name}' raised {kind_and_text(error)}", span, hint)


def _foreign(file: str) -> bool:
    here = str(Path(__file__).resolve().parent.parent)
    return file.startswith((here, "<", sys.prefix)) or "site-packages" in file or "importlib" in file


def _attribute(module: ModuleType, found: _Target) -> Application:
    value = getattr(module, found.attribute, None)
    if isinstance(value, Application):
        return value
    span = _assignment(module, found.attribute)
    others = [n for n, v in vars(module).items() if isinstance(v, Application)]
    hint = f"It has: {', '.join(f'`{found.module}:{n}`' for n in others)}." if others else ""
    if value is None:
        raise _error("MG104", f"'{found.module}' has no `{found.attribute}`", span, hint)
    kind = type(value).__name__
    message = f"`{found.attribute}` is a {kind}, not what `DAGDriver.bind(...)` returns"
    raise _error("MG104", message, span, hint)


def _assignment(module: ModuleType, attribute: str) -> Span:
    """Where a module assigns an attribute at its top level; its first line when it does not."""
    file = module.__file__ or module.__name__
    for number, text in enumerate(linecache.getlines(file), start=1):
        if re.match(rf"{attribute}\b", text):
            return Span(file, number, 1, len(attribute) + 1)
    return Span(file, 1)


def _source(module: ModuleType, found: _Target) -> str:
    file = Path(module.__file__ or f"{found.module}.py").resolve()
    return file.relative_to(found.root).as_posix() if file.is_relative_to(found.root) else relative(str(file))


def _error(code: str, message: str, span: Span, hint: str = "") -> GraphError:
    return GraphError([Diagnostic(code=code, message=message, span=span, hint=hint)])
