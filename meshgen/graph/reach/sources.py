"""The modules of the user's project, as their sources say."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from meshgen import pinned
from meshgen.graph.reach.mentions import (
    Mention,
    Statement,
    bound_names,
    dotted,
    imported,
    makes_nodes,
    statement,
    without_decorators,
)
from meshgen.source import is_users

_BODIES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registering:
    """A definition that something else may keep: a decorator of it, or a base."""

    name: str
    through: frozenset[Mention]
    by_base: bool


class Source:
    """One module: what its top level defines, imports, and does besides."""

    def __init__(self, module: str, text: bytes, *, is_package: bool) -> None:
        """Raise SyntaxError for what is no Python."""
        self.module = module
        self.tree = ast.parse(text)
        self._package = module if is_package else module.rpartition(".")[0]
        self._statements: dict[int, Statement] = {}
        run = [s for s in self.tree.body if not _is_aside(s)]
        self._at_import = [n for s in run for n in _at_import(s)]
        typed = [n for s in self.tree.body if _is_for_typing(s) for n in ast.walk(s)]
        self.imports = imported([*self._at_import, *typed], self.absolute)
        self.definitions: dict[str, list[ast.stmt]] = {}
        for one in run:
            if not isinstance(one, ast.Import | ast.ImportFrom | ast.Expr):
                for name in bound_names(one):
                    self.definitions.setdefault(name, []).append(one)
        self.effects = [s for s in run if _has_effect(s)]
        """Statements that do something to what they do not define."""
        self.has_star = any(isinstance(n, ast.ImportFrom) and n.names[0].name == "*" for n in self._at_import)

    def absolute(self, node: ast.ImportFrom) -> str:
        """The full name of the module that `from … import` names."""
        if not node.level:
            return node.module or ""
        above = self._package.split(".")
        return ".".join((*above[: len(above) - node.level + 1], *([node.module] if node.module else ())))

    def defined(self, name: str) -> tuple[Statement, ...]:
        """The statements that give a top-level name its value."""
        return tuple(map(self.statement, self.definitions.get(name, ())))

    def statement(self, node: ast.stmt | ast.Lambda) -> Statement:
        """One of the module's statements, looked at once."""
        if id(node) not in self._statements:
            self._statements[id(node)] = self._look_at(node)
        return self._statements[id(node)]

    def _look_at(self, node: ast.stmt | ast.Lambda) -> Statement:
        return statement(node, self.imports, self.absolute, hidden=self._decorators)

    @cached_property
    def _decorators(self) -> frozenset[str]:
        """Decorators of the module's own that make nodes: `gpu = deployment(num_replicas=2)`."""
        pairs = ((name, one) for name, all_ in self.definitions.items() for one in all_)
        return frozenset(n for n, s in pairs if isinstance(s, ast.Assign) and makes_nodes(s.value, self.imports))

    @cached_property
    def text(self) -> str:
        """The whole module, without comments and layout."""
        return ast.unparse(self.tree)

    @cached_property
    def run_by_import(self) -> tuple[str, ...]:
        """Modules that are imported with this one."""
        return tuple(dict.fromkeys(self._modules(self._at_import)))

    @cached_property
    def all_imports(self) -> tuple[str, ...]:
        """Modules that are imported anywhere in this one."""
        return tuple(dict.fromkeys(self._modules(ast.walk(self.tree))))

    def _modules(self, nodes: Iterator[ast.AST] | list[ast.AST]) -> Iterator[str]:
        for node in nodes:
            if isinstance(node, ast.Import):
                yield from (each.name for each in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self.absolute(node)
                yield base
                yield from (f"{base}.{each.name}" for each in node.names if each.name != "*")

    @cached_property
    def registering(self) -> tuple[Registering, ...]:
        """Definitions that others may come to know of without naming them."""
        pairs = [(name, node) for name, nodes in self.definitions.items() for node in nodes]
        return tuple(one for name, node in pairs for one in self._registers(name, node))

    def _registers(self, name: str, node: ast.stmt) -> Iterator[Registering]:
        shown = without_decorators(node, self._decorators, self.imports)
        match shown:
            case ast.FunctionDef(decorator_list=decorators) | ast.AsyncFunctionDef(decorator_list=decorators):
                yield from self._through(name, decorators, by_base=False)
            case ast.ClassDef(decorator_list=decorators, bases=bases):
                yield from self._through(name, decorators, by_base=False)
                yield from self._through(name, bases, by_base=True)
            case _:
                return

    def _through(self, name: str, used: list[ast.expr], *, by_base: bool) -> Iterator[Registering]:
        if used:
            found = self._look_at(ast.Expr(ast.Tuple(used, ast.Load()))).mentions
            yield Registering(name=name, through=found, by_base=by_base)

    def lambdas(self, line: int) -> tuple[ast.Lambda, ...]:
        """Those that start on a line."""
        return tuple(n for n in ast.walk(self.tree) if isinstance(n, ast.Lambda) and n.lineno == line)


class Project:
    """Finds modules of the user's: all but the standard library, what is installed, and meshgen."""

    def __init__(self) -> None:
        self._found: dict[str, Source | None] = {}

    def source(self, module: str) -> Source | None:
        """A module of the project; None for others, and for what is no module."""
        if module not in self._found:
            self._found[module] = self._read(module)
        return self._found[module]

    def _read(self, module: str) -> Source | None:
        place = _locate(module)
        if place is None or not is_users(place):
            return None
        if place.is_dir():  # a package without `__init__.py`
            return _parsed(module, b"", is_package=True)
        try:
            return _parsed(module, pinned.source(place), is_package=place.name == "__init__.py")
        except SyntaxError:  # nobody can import it, either
            return None

    def root(self, module: str) -> Path | None:
        """The folder from which a module of the project is imported, as its `__file__` has it."""
        file = getattr(sys.modules.get(module), "__file__", None)
        if file is None or self.source(module) is None:
            return None
        place = Path(file)
        return place.parents[module.count(".") + (place.name == "__init__.py")]


def loaded_roots() -> tuple[Path, ...]:
    """The folders that loaded modules of the user's come from, resolved."""
    project = Project()
    files = {name: getattr(m, "__dict__", {}).get("__file__") for name, m in list(sys.modules.items())}
    likely = (name for name, file in files.items() if file and is_users(file))
    return tuple(sorted({root.resolve() for name in likely if (root := project.root(name)) is not None}))


@lru_cache(maxsize=256)
def _parsed(module: str, text: bytes, *, is_package: bool) -> Source:
    return Source(module, text, is_package=is_package)


def _locate(module: str) -> Path | None:
    """The source file of a module, or the folder of a package without one. Imports nothing."""
    loaded = sys.modules.get(module)
    if loaded is not None:
        file, paths = getattr(loaded, "__file__", None), list(getattr(loaded, "__path__", ()))
    else:
        spec = _spec(module)
        if spec is None:
            return None
        file, paths = (spec.origin if spec.has_location else None), list(spec.submodule_search_locations or ())
    place = file or next(iter(paths), None)
    return None if place is None or (file and not file.endswith(".py")) else Path(place).resolve()


def _spec(module: str) -> ModuleSpec | None:
    """Where Python would find a module that is not loaded."""
    above = module.rpartition(".")[0]
    if not above:
        return PathFinder.find_spec(module)
    package = sys.modules.get(above)
    if package is not None:
        path = getattr(package, "__path__", None)
    else:
        path = (spec := _spec(above)) and spec.submodule_search_locations
    # Most names that are asked for are of no module: `from math import pi` might have meant one.
    return PathFinder.find_spec(module, path) if path else None


# --- the top level -------------------------------------------------------------------------------------------------


def _is_for_typing(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and dotted(node.test)[-1:] == ("TYPE_CHECKING",)


def _is_aside(node: ast.stmt) -> bool:
    """The statement is not for those who import the module."""
    if _is_for_typing(node):
        return True
    match node:
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case _:
            return False


def _at_import(node: ast.AST) -> Iterator[ast.AST]:
    """The statement and all in it that runs while the module is imported."""
    yield node
    if not isinstance(node, _BODIES):
        for child in ast.iter_child_nodes(node):
            yield from _at_import(child)


def _has_effect(node: ast.AST) -> bool:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return False
        case ast.With(items=items) if any(_is_input(item.context_expr) for item in items):
            return False
        case ast.Expr(value=value):
            return not isinstance(value, ast.Constant) and not _builds_graph(node)
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            return any(map(_is_part, targets)) and not _builds_graph(node)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return _is_part(target) and not _builds_graph(node)
        case _:
            return any(map(_has_effect, ast.iter_child_nodes(node)))


def _is_part(target: ast.expr) -> bool:
    return any(isinstance(n, ast.Attribute | ast.Subscript) for n in ast.walk(target))


def _is_input(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func)[-1:] == ("InputNode",)


def _builds_graph(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr == "bind" for n in ast.walk(node))
