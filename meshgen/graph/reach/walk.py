"""From a name to all that it uses, through the modules of the project.

The walk is exact where the sources say what is used, and takes whole modules, with all that they import, where they do
not. It never misses a name that the sources show; it may take what is not used after all.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable

from meshgen.graph.reach.mentions import Imports, Mention, Statement, Target
from meshgen.graph.reach.sources import Project, Registering, Source

_DYNAMIC = frozenset({"exec", "eval", "globals", "__import__"})
_DYNAMIC_IN = {
    "importlib": frozenset({"import_module", "reload", "__import__"}),
    "sys": frozenset({"modules"}),
    "builtins": _DYNAMIC,
    "runpy": frozenset({"run_module", "run_path"}),
}
_OF_MODULES = frozenset({"__file__", "__name__", "__doc__", "__package__", "__spec__", "__path__", "__loader__"})
_OF_BASES = ("__init_subclass__", "metaclass=")
"""With these a class hears of its subclasses."""
_WHOLE = "*"

Holds = Callable[[str, str], bool]


class Reach:
    """What is reached from the names that were added."""

    def __init__(self, project: Project) -> None:
        """Args: where modules are found."""
        self._project = project
        self.parts: dict[tuple[str, str], tuple[str, ...]] = {}
        """What is reached, by module and name: the texts of the statements that define it."""
        self.whole: dict[str, str] = {}
        """Why a module was taken as a whole, by the module's name."""
        self._waiting: list[tuple[Source, Statement]] = []
        self._run: set[str] = set()
        self._passed_on: set[tuple[str, tuple[str, ...]]] = set()

    def add(self, module: str, name: str) -> bool:
        """A top-level name of a module, with what it uses. False when the project has none of it."""
        source = self._project.source(module)
        if source is None or name not in source.definitions:
            return False
        self._define(source, name)
        self._follow()
        return True

    def add_statement(self, source: Source, name: str, statement: Statement) -> None:
        """A piece of a module that has no name in it, under one that it is given."""
        self._take(source, name, (statement,))
        self._follow()

    def add_module(self, module: str, reason: str) -> None:
        """A module as a whole, and all modules that it imports."""
        if (source := self._project.source(module)) is not None:
            self._take_whole(source, reason)
            self._follow()

    def add_effects(self, modules: Iterable[str], holds_state: Holds) -> None:
        """What importing modules does besides defining names, and what registers itself with what is reached.

        Args:
            modules: those that are imported first.
            holds_state: whether a definition is something that others may change: a table, a registry.
        """
        self._import(modules)
        before = -1
        while before != len(self.parts):
            before = len(self.parts)
            for source in [s for m in sorted(self._run) if (s := self._project.source(m)) is not None]:
                for number, node in enumerate(source.effects):
                    self._take(source, f"<{number}>", (source.statement(node),))
                for one in source.registering:
                    if (source.module, one.name) not in self.parts and self._shares(source, one, holds_state):
                        self._define(source, one.name)
            self._follow()

    def _shares(self, source: Source, one: Registering, holds_state: Holds) -> bool:
        """What a definition registers itself with keeps something that is reached."""
        used = Reach(self._project)
        for mention in one.through:
            used._resolve(source, mention, {})
        used._follow()
        if one.by_base and not any(hook in t for texts in used.parts.values() for t in texts for hook in _OF_BASES):
            return False
        return any(holds_state(*place) for place in used.parts.keys() & self.parts.keys())

    def lines(self) -> tuple[str, ...]:
        """What is reached as texts, in an order of their own."""
        found = sorted(self.parts.items())
        return tuple(f"{module}:{name}\n{text}" for (module, name), texts in found for text in texts)

    # --- the walk ---------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        while self._waiting:
            source, statement = self._waiting.pop()
            if statement.doubt:
                self._take_whole(source, statement.doubt)
            for mention in statement.mentions:
                self._resolve(source, mention, statement.imports)

    def _take(self, source: Source, name: str, statements: tuple[Statement, ...]) -> None:
        if (source.module, name) in self.parts:
            return
        self.parts[source.module, name] = tuple(s.text for s in statements)
        self._import([source.module])
        self._waiting += [(source, s) for s in statements]

    def _define(self, source: Source, name: str) -> None:
        self._take(source, name, source.defined(name))

    def _take_whole(self, source: Source, reason: str) -> None:
        if source.module in self.whole:
            return
        self.whole[source.module] = reason
        self.parts[source.module, _WHOLE] = (source.text,)
        self._import([source.module])
        for module in source.all_imports:
            if (other := self._project.source(module)) is not None:
                self._take_whole(other, f"{source.module}, which is taken as a whole, imports it")

    def _resolve(self, source: Source, mention: Mention, local: Imports) -> None:
        root, attributes = mention.root, mention.attributes
        if root in local:
            self._targets(source, local[root], attributes)
        elif root in source.definitions or root in source.imports:
            if root in source.definitions:
                self._define(source, root)
            self._targets(source, source.imports.get(root, ()), attributes)
        elif not mention.quoted:
            self._resolve_unbound(source, root)

    def _resolve_unbound(self, source: Source, name: str) -> None:
        if name in _DYNAMIC:
            self._take_whole(source, f"it uses `{name}`")
        elif name not in _OF_MODULES and not hasattr(builtins, name):
            why = "it has a star import" if source.has_star else f"nothing in it defines `{name}`"
            self._take_whole(source, why)

    def _targets(self, source: Source, targets: tuple[Target, ...], attributes: tuple[str, ...]) -> None:
        for target in targets:
            chain = attributes if target.name is None else (target.name, *attributes)
            self._within(source, target.module, chain)

    def _within(self, user: Source, module: str, chain: tuple[str, ...]) -> None:
        """A module, and names in one another from there on."""
        source = self._project.source(module)
        if source is None:
            if chain and chain[0] in _DYNAMIC_IN.get(module, ()):
                self._take_whole(user, f"it uses `{module}.{chain[0]}`")
            return
        self._import([module])
        if not chain:
            self._take_whole(source, f"{user.module} uses it as a value")
        elif chain[0] in source.definitions or chain[0] in source.imports:
            if (module, chain) not in self._passed_on:  # two modules may import a name from each other
                self._passed_on.add((module, chain))
                self._resolve(source, Mention(chain[0], chain[1:]), {})
        elif self._project.source(f"{module}.{chain[0]}") is not None:
            self._within(user, f"{module}.{chain[0]}", chain[1:])
        elif chain[0] not in _OF_MODULES:
            why = "it has a star import" if source.has_star else f"nothing in it defines `{chain[0]}`"
            self._take_whole(source, why)

    def _import(self, modules: Iterable[str]) -> None:
        """Note that modules run, and their packages, and what they import."""
        waiting = list(modules)
        while waiting:
            module = waiting.pop()
            if module not in self._run and (source := self._project.source(module)) is not None:
                self._run.add(module)
                waiting += [*source.run_by_import, module.rpartition(".")[0]]
