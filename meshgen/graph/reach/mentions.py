"""What one top-level statement is to an identity: its text without comments and layout, and the names that it uses."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

_LIBRARY = "meshgen"
_NODES = frozenset({"deployment", "inline"})


@dataclass(frozen=True, slots=True)
class Target:
    """What an imported name stands for: a module, or a name in one."""

    module: str
    name: str | None = None


Imports: TypeAlias = Mapping[str, tuple[Target, ...]]


@dataclass(frozen=True, slots=True)
class Mention:
    """A global name, and the attributes that follow it: `pictures.decode` is `pictures` and `("decode",)`."""

    root: str
    attributes: tuple[str, ...] = ()
    quoted: bool = False
    """Out of a text in an annotation, which may be no name at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement at the top level of a module, with all that is in it."""

    text: str
    mentions: frozenset[Mention]
    imports: Imports
    """Those of its functions."""
    doubt: str = ""
    """Why the names that it uses are not all that it uses; empty when they are."""


def statement(
    node: ast.stmt | ast.Lambda, imports: Imports, absolute: Absolute, *, hidden: frozenset[str]
) -> Statement:
    """Look at a statement.

    Args:
        node: the statement, or a lambda somewhere in one.
        imports: of its module.
        absolute: what imports of its module stand for.
        hidden: decorators that make nodes; what they say is not code.
    """
    node = without_decorators(node, hidden, imports)
    text = ast.unparse(node)
    own = imported(ast.walk(node), absolute)
    found = _Finder(_global_names(text) | own.keys(), {**imports, **own})
    found.visit(node)
    return Statement(text=text, mentions=frozenset(found.mentions), imports=own, doubt=found.doubt)


def without_decorators(node: ast.stmt | ast.Lambda, hidden: frozenset[str], imports: Imports) -> ast.stmt | ast.Lambda:
    """The statement without the decorators that make it a node: Serve's options change in place, ours are data."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node
    kept = [d for d in node.decorator_list if not _makes_node(d, hidden, imports)]
    if len(kept) == len(node.decorator_list):
        return node
    given = {name: getattr(node, name) for name in (*node._fields, *node._attributes) if hasattr(node, name)}
    return type(node)(**{**given, "decorator_list": kept})


def makes_nodes(value: ast.expr | None, imports: Imports) -> bool:
    """The value of an assignment is a decorator that makes nodes: `deployment(num_replicas=2)`."""
    return isinstance(value, ast.Call) and _makes_node(value, frozenset(), imports)


def _makes_node(decorator: ast.expr, hidden: frozenset[str], imports: Imports) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    parts = dotted(called)
    if parts[:1] and parts[0] in hidden:
        return True
    return bool(parts) and parts[-1] in _NODES | _renamed(imports) and _is_ours(parts[0], imports)


def _renamed(imports: Imports) -> set[str]:
    return {name for name, targets in imports.items() if any(t.name in _NODES for t in targets)}


def _is_ours(root: str, imports: Imports) -> bool:
    return any(t.module.partition(".")[0] == _LIBRARY for t in imports.get(root, ()))


def dotted(node: ast.AST) -> tuple[str, ...]:
    """`a.b.c` as its parts; nothing for what is no such chain."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else ()


Absolute: TypeAlias = Callable[[ast.ImportFrom], str]
"""The full name of the module that `from … import` names."""


def imported(nodes: Iterable[ast.AST], absolute: Absolute) -> dict[str, tuple[Target, ...]]:
    """What the imports among some nodes bind, stars aside."""
    found: dict[str, tuple[Target, ...]] = {}
    for name, target in (pair for node in nodes for pair in _bound(node, absolute)):
        found[name] = (*found.get(name, ()), target)
    return found


def _bound(node: ast.AST, absolute: Absolute) -> Iterator[tuple[str, Target]]:
    match node:
        case ast.Import(names=names):
            for each in names:
                first = each.name.partition(".")[0]
                yield (each.asname, Target(each.name)) if each.asname else (first, Target(first))
        case ast.ImportFrom(names=names):
            for each in names:
                if each.name != "*":
                    yield each.asname or each.name, Target(absolute(node), each.name)
        case _:
            return


def bound_names(node: ast.stmt) -> tuple[str, ...]:
    """The names that a top-level statement gives a value, sorted."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return (name,)
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant()):
            return (name,)
        case _:
            table = symtable.symtable(ast.unparse(node), "<statement>", "exec")
            return tuple(sorted(s.get_name() for s in table.get_symbols() if s.is_assigned()))


def _global_names(text: str) -> set[str]:
    """The global names that a statement reads, in whichever of its scopes."""
    names: set[str] = set()
    tables = [symtable.symtable(text, "<statement>", "exec")]
    while tables:
        table = tables.pop()
        top = table.get_type() == "module"
        names |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (top or _is_global(s))}
        tables += table.get_children()
    return names


def _is_global(symbol: symtable.Symbol) -> bool:
    # Not `is_global()`: that takes each function of the name `top` for a module.
    return symbol.is_declared_global() or not (symbol.is_local() or symbol.is_free())


class _Finder(ast.NodeVisitor):
    """Collects mentions."""

    def __init__(self, names: set[str], imports: Imports) -> None:
        self._names = names
        self._imports = imports
        self.mentions: set[Mention] = set()
        self.doubt = ""

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in self._names:
            self.mentions.add(Mention(node.id))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr == "__subclasses__":
            self.doubt = "it asks for `__subclasses__`"
        parts = dotted(node)
        if not parts:
            self.visit(node.value)
        elif parts[0] in self._names:
            self.mentions.add(Mention(parts[0], parts[1:]))

    def visit_Subscript(self, node: ast.Subscript) -> None:
        parts = dotted(node.value)
        # `Handle[Model]` is a note to readers: the model is called in its own process, by its contract.
        if parts[-1:] == ("Handle",) and _is_ours(parts[0], self._imports):
            return
        self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> None:
        self._annotation(node.annotation)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._annotation(node.annotation)
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._annotation(node.returns)
        self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._annotation(node.returns)
        self.generic_visit(node)

    def _annotation(self, node: ast.expr | None) -> None:
        if node is None:
            return
        self.visit(node)
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                self.mentions |= self._in_quotes(part.value)

    def _in_quotes(self, text: str) -> set[Mention]:
        """The names in a text that may be an annotation, as with `"Tree | None"`, and may be not, as in `Literal`."""
        try:
            node = ast.parse(text, mode="eval")
        except SyntaxError:
            return set()
        found = _Finder({n.id for n in ast.walk(node) if isinstance(n, ast.Name)}, self._imports)
        found.visit(node)
        return {replace(mention, quoted=True) for mention in found.mentions}
