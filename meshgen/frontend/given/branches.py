"""The one type that all branches of a switch yield."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meshgen.call_sites import Site
from meshgen.errors import Diagnostic, shown
from meshgen.graph.steps import Const, Expr
from meshgen.schema.model import Optional, Type, Unknown
from meshgen.schema.reflect.reflector import reflect
from meshgen.schema.relate.assignable import feeds, holds


@dataclass(frozen=True, slots=True)
class Branch:
    """A case, or the default."""

    label: str
    """`case 'en'`, `default`."""
    expr: Expr
    type: Type
    site: Site

    def fits(self, wanted: Type) -> bool:
        """Whether what it yields is of a type; a constant is looked at itself."""
        return holds(self.expr.value, wanted) if isinstance(self.expr, Const) else feeds(self.type, wanted)

    @property
    def own(self) -> Type:
        """What it yields by itself."""
        return reflect(type(self.expr.value)) if isinstance(self.expr, Const) else self.type

    def __str__(self) -> str:
        return shown(self.expr.value) if isinstance(self.expr, Const) else str(self.type)


def common_type(branches: Sequence[Branch], switch: Site, problems: list[Diagnostic]) -> Type:
    """The type that all branches fit; MG214 and unknown when there is none."""
    known = [t for b in branches if not isinstance(t := b.own, Unknown)]
    candidates = [*known, *(Optional(t) for t in known if _may_be_none(branches) and not isinstance(t, Optional))]
    for candidate in candidates:
        if all(b.fits(candidate) for b in branches):
            unknown = any(isinstance(b.type, Unknown) and not isinstance(b.expr, Const) for b in branches)
            return Unknown() if unknown else candidate
    if known:
        problems.append(_problem(branches, known, switch))
    return Unknown()


def _may_be_none(branches: Sequence[Branch]) -> bool:
    return any(isinstance(b.expr, Const) and b.expr.value is None for b in branches)


def _problem(branches: Sequence[Branch], known: Sequence[Type], switch: Site) -> Diagnostic:
    """At the branch that differs from all others, if there is one."""
    most = max(known, key=lambda t: sum(b.fits(t) for b in branches))
    odd = [b for b in branches if not b.fits(most)]
    if len(odd) == 1 and len(branches) > 2:
        message = f"the {odd[0].label} of this switch yields {odd[0]}, the others {most}"
        return Diagnostic(code="MG214", message=message, span=odd[0].site.span)
    shown_types = ", ".join(sorted({str(b) for b in branches}))
    message = f"the branches of this switch yield different types: {shown_types}"
    return Diagnostic(code="MG214", message=message, span=switch.span)
