"""The arguments of a bind, by the names of the parameters that take them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from meshgen.call_sites import Site, keyword
from meshgen.errors import Diagnostic, near_match_hint
from meshgen.graph.model import Method
from meshgen.source import Span


@dataclass(frozen=True, slots=True)
class Argument:
    """A value, and where it was given."""

    value: Any
    site: Site


@dataclass(frozen=True, slots=True)
class Given:
    """What a bind gives to a method."""

    call: Span
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    others: Collection[str] = ()
    """Parameters that get their value in another way."""

    def by_parameter(self, method: Method) -> dict[str, Argument]:
        """The arguments that have a parameter."""
        names = [p.name for p in method.params]
        found = {n: Argument(v, Site(self.call, (i,))) for i, (n, v) in enumerate(self._positional(method))}
        for name, value in self.kwargs.items():
            if name in names:
                found.setdefault(name, Argument(value, Site(self.call, (name,))))
        return found

    def problems(self, method: Method, where: str) -> Iterator[Diagnostic]:
        """MG204 for arguments without a parameter; for parameters without an argument only if there is none of those.

        One slip of the pen is often both.
        """
        faults = [*self._surplus(method, where), *self._odd_keywords(method, where)]
        yield from faults or self._missing(method, where)

    def _positional(self, method: Method) -> Iterator[tuple[str, Any]]:
        return zip((p.name for p in method.by_position), self.args, strict=False)

    def _surplus(self, method: Method, where: str) -> Iterator[Diagnostic]:
        most, given = len(method.by_position), len(self.args)
        if given <= most:
            return
        named = [p.name for p in method.params[most:] if p.name not in self.kwargs]
        message = f"{where} takes {most} argument{'' if most == 1 else 's'}, {given} are given"
        hint = ""
        if named:
            message = f"{where} takes {most} argument{'' if most == 1 else 's'} by position, {given} are given"
            hint = f"Give by name what stands after the `*`: {', '.join(f'`{name}=...`' for name in named)}."
        yield _problem(Site(self.call, (most,)), message, hint)

    def _odd_keywords(self, method: Method, where: str) -> Iterator[Diagnostic]:
        names = [p.name for p in method.params]
        taken = {name for name, _ in self._positional(method)}
        for name in self.kwargs:
            if name in names and name not in taken:
                continue
            fault = "gets two values for" if name in names else "has no parameter"
            free = [n for n in names if n not in taken and n not in self.kwargs]
            hint = near_match_hint(name, free, f"It takes: {', '.join(names) or 'nothing'}.")
            yield _problem(keyword(self.call, name), f"{where} {fault} `{name}`", hint)

    def _missing(self, method: Method, where: str) -> Iterator[Diagnostic]:
        given = {*self.by_parameter(method), *self.others}
        missing = [p.name for p in method.params if not p.has_default and p.name not in given]
        if missing:
            yield _problem(Site(self.call), f"{where} is not given `{'`, `'.join(missing)}`")


def _problem(site: Site, message: str, hint: str = "") -> Diagnostic:
    return Diagnostic(code="MG204", message=message, span=site.span, hint=hint)
