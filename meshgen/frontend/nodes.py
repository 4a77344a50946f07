"""Bound nodes → `Node`s: names, published methods, constructor arguments with handles."""

from __future__ import annotations

import inspect
import keyword
from collections import Counter
from typing import Any

from meshgen.errors import Diagnostic, near_match_hint, shown
from meshgen.frontend.bound import BoundNode
from meshgen.frontend.definition import Definition
from meshgen.frontend.given.constructors import constructor_problems
from meshgen.frontend.given.contents import contained
from meshgen.frontend.order import Ordered
from meshgen.frontend.published import HandleTarget, Holder
from meshgen.frontend.signature import WHY, Fault, method_of
from meshgen.frontend.symbolic import ClassNode
from meshgen.graph.members import Member, member, own_public_names
from meshgen.graph.model import HandleRef, InDriver, Method, Node, Own, Placement, With
from meshgen.naming import snake
from meshgen.source import Span


class NodeTable:
    """Every node of a graph, by its bound form."""

    def __init__(self, ordered: Ordered, problems: list[Diagnostic]) -> None:
        self._bound = ordered.nodes
        self._problems = problems
        self._names = self._name_all()
        self._methods: dict[int, dict[str, Method]] = {id(n): {} for n in self._bound}
        self._missing: set[tuple[int, str]] = set()
        self._open: set[tuple[int, str]] = set()
        for step in ordered.steps:
            if step.called is not None:
                self._publish(*step.called, step)
        self._unpublished: dict[int, tuple[Diagnostic, ...]] = {}
        self._publish_for_handles()

    def name(self, node: BoundNode) -> str:
        """The node's name in the graph."""
        return self._names[id(node)]

    def method(self, node: BoundNode, name: str) -> Method | None:
        """A published method; None when the class has none of that name (which has been reported)."""
        return self._methods[id(node)].get(name)

    def label(self, node: BoundNode, method: Method) -> str:
        """A method as errors name it: `model.forward`, or the node alone for a function."""
        return f"{self.name(node)}.{method.name}" if node.definition.is_class else self.name(node)

    def is_open(self, node: BoundNode, method: Method) -> bool:
        """The method has `*args` or the like (which has been reported), so its arguments cannot be checked."""
        return (id(node), method.name) in self._open

    def frozen(self) -> tuple[Node, ...]:
        """The nodes in the order in which they were bound."""
        return tuple(self._freeze(n) for n in self._bound)

    def _name_all(self) -> dict[int, str]:
        explicit: dict[str, BoundNode] = {}
        for node in self._bound:
            if node.definition.has_explicit_name and explicit.setdefault(node.definition.name, node) is not node:
                name = node.definition.name
                message = (
                    f"the name '{name}' is that of the node at {explicit[name].span}; each is a service of its own"
                )
                self._problems.append(Diagnostic(code="MG206", message=message, span=node.span))
        used = set(explicit)
        names: dict[int, str] = {}
        for node in self._bound:
            name = node.definition.name
            if not node.definition.has_explicit_name:
                name = _numbered(name, used)
                used.add(name)
            if problem := bad_name(name):
                message = f"{shown(name)} cannot name a node: {problem}"
                place = node.definition.options.place("name", node.span)
                self._problems.append(Diagnostic(code="MG216", message=message, span=place))
            names[id(node)] = name
        self._warn_numbered()
        return names

    def _warn_numbered(self) -> None:
        unnamed = [n for n in self._bound if not n.definition.has_explicit_name]
        for name, count in Counter(n.definition.name for n in unnamed).items():
            if count > 1:
                second = [n for n in unnamed if n.definition.name == name][1]
                message = f"'{name}' is bound {count} times without names; one more bind would shift the numbers"
                warning = Diagnostic(code="MG217", message=message, span=second.span, severity="warning")
                self._problems.append(warning)

    def _publish(self, node: BoundNode, method: str, step: Any) -> None:
        if method in self._methods[id(node)] or (id(node), method) in self._missing:
            return
        found = _find(node.definition, method)
        if found is None:
            self._missing.add((id(node), method))
            self._problems.append(_no_method(node.definition, method, step.span))
            return
        span = None if found.is_users else step.span
        signature = method_of(found.function, method, skip_self=found.skip_self, span=span)
        if signature.faults and not found.is_users:
            self._missing.add((id(node), method))
            self._problems.append(_of_library(node.definition, found, signature.faults[0], step.span))
            return
        self._problems.extend(signature.diagnostics)
        if any(d.code == "MG209" for d in signature.diagnostics):
            self._open.add((id(node), method))
        self._methods[id(node)][method] = signature.method

    def _publish_for_handles(self) -> None:
        """A handle can reach every public method, so all that can be are in the contract."""
        holders: dict[int, list[Holder]] = {}
        for node in self._bound:
            if targets := _handle_targets(node):
                holder = Holder(_class_of(node), tuple(map(_class_of, targets)))
                for target in targets:
                    holders.setdefault(id(target), []).append(holder)
        told: set[Diagnostic] = set()  # of a class that is bound more than once
        for node in self._bound:
            if id(node) in holders:
                reached = HandleTarget(_class_of(node), holders[id(node)])
                found = reached.published(tuple(self._methods[id(node)]))
                self._methods[id(node)] |= {m.name: m for m in found.methods}
                self._unpublished[id(node)] = tuple(p for p in found.problems if p not in told)
                told.update(found.problems)

    def _freeze(self, bound: BoundNode) -> Node:
        definition = bound.definition
        calls = sorted({self.name(t) for t in _handle_targets(bound)})
        wrong = [*constructor_problems(bound)] if definition.is_class else []
        self._problems.extend(wrong)
        return Node(
            name=self.name(bound),
            kind="class" if definition.is_class else "function",
            target=definition.target,
            args=() if wrong else tuple(self._argument(a) for a in bound.args),
            kwargs={} if wrong else {k: self._argument(v) for k, v in bound.kwargs.items()},
            methods=tuple(sorted(self._methods[id(bound)].values(), key=lambda m: m.name)),
            unpublished=self._unpublished.get(id(bound), ()),
            may_call=tuple(calls),
            placement=self._placement(definition),
            published=definition.published,
            options=definition.options,
            doc=inspect.cleandoc(definition.target.__doc__ or ""),
            span=definition.span,
        )

    def _placement(self, definition: Definition) -> Placement:
        given = definition.given.get("placement")
        match given:
            case None | "own":
                return Own()
            case "driver":
                return InDriver()
            case str() if given.startswith("with:") and given != "with:":
                return With(given.removeprefix("with:"))
        message = f'`placement` is {given!r}; it takes "own", "driver" or "with:<node>"'
        place = definition.options.place("placement", definition.span)
        self._problems.append(Diagnostic(code="MG511", message=message, span=place))
        return Own()

    def _argument(self, value: Any) -> Any:
        if not any(True for _ in contained(value)):
            return value
        if isinstance(value, ClassNode):
            return HandleRef(self.name(value._meshgen_node))
        if isinstance(value, list | tuple):
            return type(value)(self._argument(v) for v in value)
        return {k: self._argument(v) for k, v in value.items()}


def bad_name(name: object) -> str:
    """Why a name cannot be a package of protobuf and of Python; empty when it can."""
    if not isinstance(name, str):
        return f"it is a {type(name).__name__}"
    if keyword.iskeyword(name):
        return "it is a keyword of Python"
    if not name.isascii() or name != snake(name) or not name[:1].isalpha():
        return "it is not lower_snake_case that starts with a letter"
    return ""


def _handle_targets(node: BoundNode) -> list[BoundNode]:
    values = [v for a in (*node.args, *node.kwargs.values()) for v in contained(a)]
    return [v._meshgen_node for v in values if isinstance(v, ClassNode)]


def _class_of(node: BoundNode) -> type:
    """Of a node that holds handles, or that one leads to: only classes do."""
    assert isinstance(node.definition.target, type)
    return node.definition.target


def _numbered(name: str, used: set[str]) -> str:
    """The first unused name in Ray's numbering: `model`, `model_1`, `model_2`."""
    candidate, number = name, 0
    while candidate in used:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def _find(definition: Definition, method: str) -> Member | None:
    """The function behind a method."""
    target = definition.target
    if isinstance(target, type):
        return member(target, method)
    return Member(name=method, function=target, skip_self=False, owner=type(target), is_users=True)


def _of_library(definition: Definition, found: Member, fault: Fault, span: Span) -> Diagnostic:
    """A method that the user inherits from a library and cannot change."""
    name = definition.target.__name__
    message = f"'{name}' has its `{found.name}` from {found.owner.__module__}: it {fault.reason}; {WHY[fault.code]}"
    public = own_public_names(definition.target) if isinstance(definition.target, type) else []
    own = ", ".join(f"`.{n}.bind(...)`" for n in public)
    return Diagnostic(code=fault.code, message=message, span=span, hint=f"Bind a method of its own: {own}.")


def _no_method(definition: Definition, method: str, span: Any) -> Diagnostic:
    cls = definition.target
    public = own_public_names(cls) if isinstance(cls, type) else []
    if method == "__call__":
        message = f"'{cls.__name__}' is bound by itself, but has no `__call__`"
        ways = ", ".join(f"`.{n}.bind(...)`" for n in public)
        hint = f"Bind one of its methods ({ways}), or write `__call__`." if ways else "Write `__call__`."
        return Diagnostic(code="MG205", message=message, span=span, hint=hint)
    hint = near_match_hint(method, public, f"It has: {', '.join(public) or 'no public method'}.")
    message = f"'{cls.__name__}' ({definition.span}) has no method `{method}`"
    there = inspect.getattr_static(cls, method, None)
    if there is not None:
        message = f"`{method}` of '{cls.__name__}' ({definition.span}) is no method but of class {type(there).__name__}"
        hint = f"Write a method with annotations: `def {method}(self, ...) -> ...:`."
    return Diagnostic(code="MG205", message=message, span=span, hint=hint)
