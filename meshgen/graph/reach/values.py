"""A text for any Python value, the same in every process; what the value is made of is reached with it."""

from __future__ import annotations

import copyreg
import enum
import hashlib
import logging
import re
import sys
from collections.abc import Sequence
from pathlib import Path, PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from meshgen.graph.model import HandleRef
from meshgen.graph.reach.sources import Project
from meshgen.graph.reach.walk import Reach

_ROOT = "<project>"
_PROTOCOL = 4
_ATOMS = frozenset({type(None), bool, int, float, complex})
_CONTAINERS = frozenset({list, tuple, dict})
_LOCAL = "<locals>"
_LAMBDA = "<lambda>"


class Values:
    """Turns values into texts."""

    def __init__(self, project: Project, roots: Sequence[Path], reach: Reach | None, doubtful: Sequence[str]) -> None:
        """Note where to put what is found.

        Args:
            project: finds the code of classes and functions.
            roots: folders whose place does not count, wherever their names are in a text.
            reach: takes the code of classes and functions; None when their names are enough.
            doubtful: the modules that are taken as a whole for a value that cannot be told from others.
        """
        self._project = project
        texts = {str(path) for root in roots for path in (root, root.resolve()) if path != Path(path.anchor)}
        self._roots = sorted(texts, key=lambda text: (-len(text), text))
        self._reach = reach
        self._doubtful = doubtful
        self._open: list[int] = []

    def text(self, value: Any) -> str:
        """The text of a value."""
        if id(value) in self._open:  # it holds itself
            return f"<again {self._open.index(id(value))}>"
        self._open.append(id(value))
        try:
            return self._text(value)
        finally:
            self._open.pop()

    def _text(self, value: Any) -> str:
        match value:
            case str() if type(value) is str:
                return f"str:{self._without_roots(value)!r}"
            case bytes() if type(value) is bytes:
                return f"bytes:{hashlib.sha256(value).hexdigest()}"
            case HandleRef(node=node):
                return f"handle:{node}"
            case PurePath():
                return f"path:{self._without_roots(value.as_posix())!r}"
            case set() | frozenset():
                return f"{self.text(type(value))}:{sorted(map(self.text, value))}"
            case MethodType(__self__=owner, __func__=function):
                return f"method:{self.text(owner)}.{function.__name__}"
            case ModuleType(__name__=name):
                self._take_whole([name], "it is an argument")
                return f"module:{name}"
            case type() | FunctionType() | BuiltinFunctionType(__self__=None | ModuleType()):
                return self._named(value)
            case _ if type(value) in _ATOMS:
                return f"{type(value).__name__}:{value!r}"
            case _ if type(value) in _CONTAINERS:
                return f"{type(value).__name__}:{self._inside(value)}"
            case _:
                return self._object(value)

    def _inside(self, value: list[Any] | tuple[Any, ...] | dict[Any, Any]) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{self.text(k)}={self.text(v)}" for k, v in value.items()) + "}"
        return f"[{', '.join(map(self.text, value))}]"

    def _without_roots(self, text: str) -> str:
        for root in self._roots:
            text = _ROOT if text == root else text.replace(f"{root}/", f"{_ROOT}/")
        return text

    def _object(self, value: Any) -> str:
        """An object as its class takes it apart for pickle."""
        if (target := _behind(value)) is not None:
            return self.text(target)
        kind = type(value)
        try:
            reduce = copyreg.dispatch_table.get(kind)
            parts = value.__reduce_ex__(_PROTOCOL) if reduce is None else reduce(value)
            if isinstance(parts, str):  # the name of a global
                return self._global(value, getattr(value, "__module__", None) or kind.__module__, parts)
            made, arguments, state, items, pairs = (*parts, None, None, None)[:5]
            return f"made:{self.text([made, arguments, state, list(items or ()), list(pairs or ())])}"
        except Exception:  # noqa: BLE001 - whatever stands against it, in the user's own code, too
            self._take_whole(self._doubtful, f"an argument is a {kind.__qualname__}, which cannot be told from others")
            return f"unknown:{self._named(kind)}"

    # --- code -------------------------------------------------------------------------------------------------

    def _named(self, value: Any) -> str:
        """A class or a function."""
        return self._global(value, value.__module__ or "", value.__qualname__.partition("[")[0])

    def _global(self, value: Any, module: str, name: str) -> str:
        label = f"code:{module}.{name}"
        if self._reach is None or (self._project.source(module) is None and _LOCAL not in name):
            return label
        if _is_at(value, module, name) and self._reach.add(module, name.partition(".")[0]):
            return label
        if name.rpartition(".")[2] != _LAMBDA or not self._add_lambda(value):
            self._take_whole([module], f"`{name}` is made while it runs")
        return f"{label}({self._made_with(value)})"

    def _add_lambda(self, function: FunctionType) -> bool:
        """A lambda that uses nothing of a function around it; and others on its line, which is all that it knows."""
        source = self._project.source(function.__module__)
        if self._reach is None or source is None or function.__code__.co_freevars:
            return False
        found = source.lambdas(function.__code__.co_firstlineno)
        for node in found:
            statement = source.statement(node)
            self._reach.add_statement(source, f"{_LAMBDA} {statement.text}", statement)
        return bool(found)

    def _take_whole(self, modules: Sequence[str], reason: str) -> None:
        for module in modules:
            if self._reach is not None:
                self._reach.add_module(module, reason)

    def _made_with(self, value: Any) -> str:
        """What functions that were made while code ran have from there."""
        functions = [f for f in (value, *getattr(value, "__dict__", {}).values()) if isinstance(f, FunctionType)]
        return self.text([[f.__defaults__, f.__kwdefaults__, _cells(f), _instructions(f)] for f in functions])


def _behind(value: Any) -> Any:
    """The function or class in what `@deployment` makes of it."""
    kind = type(value)
    ours = kind.__module__.partition(".")[0] == __name__.partition(".")[0]
    return value.target if ours and kind.__name__ == "Deployment" else None


def _is_at(value: Any, module: str, name: str) -> bool:
    """The value is what its own name leads to, decorated or not."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value or (found is not None and _behind(found) is value)


def _cells(function: FunctionType) -> list[Any]:
    cells = []
    for cell in function.__closure__ or ():
        try:
            cells.append(cell.cell_contents)
        except ValueError:  # not filled yet
            cells.append(None)
    return cells


def _instructions(function: FunctionType) -> list[Any]:
    code = function.__code__
    return [code.co_code, code.co_names, [c for c in code.co_consts if type(c) in _ATOMS | {str, bytes}]]


_UNCHANGING = (
    *(int, float, complex, str, bytes, tuple, frozenset, range, type(None), type, FunctionType, BuiltinFunctionType),
    *(ModuleType, re.Pattern, logging.Logger, PurePath, enum.Enum),
)


def holds_state(module: str, name: str) -> bool:
    """Whether a top-level name is of something that others may put things into: a table, a registry."""
    value = getattr(sys.modules.get(module), name, None)
    if isinstance(value, type):
        kept = [v for k, v in vars(value).items() if not k.startswith("__")]
        return any(isinstance(v, list | dict | set) for v in kept)
    return not isinstance(value, _UNCHANGING)
