"""`switch` and `map_each`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshgen.call_sites import Site
from meshgen.errors import Diagnostic, GraphError, shown
from meshgen.frontend.bound import BoundMap, BoundSwitch
from meshgen.frontend.deployment import Deployment
from meshgen.frontend.symbolic import ClassNode, MethodRef, Value
from meshgen.source import caller


class _Absent:
    """No default was given (None may be one)."""


_ABSENT = _Absent()


def switch(selector: Any, cases: Any = None, *, default: Any = _ABSENT) -> Any:
    """Run only the branch that the selector names.

    Args:
        selector: a value of the graph: bool, int, str, an enum or a Literal.
        cases: branch by selector value, a dict. Each branch yields the same type.
        default: branch for every other value; without one such a request is INVALID_ARGUMENT.
    """
    span = caller()
    if not isinstance(cases, Mapping) or not cases:
        message = "switch(...) needs a dict of at least one case"
        raise GraphError([Diagnostic(code="MG214", message=message, span=Site(span, (1, "cases")).span)])
    has_default = not isinstance(default, _Absent)
    bound = BoundSwitch(
        selector=selector, cases=cases, default=default if has_default else None, has_default=has_default, span=span
    )
    return Value(bound, span)


def map_each(method: Any, *args: Any, over: Any = _ABSENT, max_concurrency: int = 8, **kwargs: Any) -> Any:
    """Call a method once for each item of a list, and gather the results in order.

    Args:
        method: `node.method`, a bound class (for `__call__`), or a function deployment. The item goes to its first
            parameter that `args` and `kwargs` leave free.
        *args: not taken: give the other arguments by name.
        over: a value of the graph that is a list.
        max_concurrency: how many calls of one request run at once.
        **kwargs: the other arguments, the same for every item.
    """
    span = caller()
    if args:
        raise _refusal("map_each(...) takes the other arguments of the method by name", Site(span, (1,)))
    if isinstance(over, _Absent):
        raise _refusal("map_each(...) is not given what to go over", Site(span))
    if not isinstance(max_concurrency, int) or max_concurrency < 1:
        message = f"max_concurrency is {shown(max_concurrency)}; at least one call must run"
        raise _refusal(message, Site(span, ("max_concurrency",)))
    ref = _method_ref(method)
    if ref is None:
        raise _refusal(*_no_method(method, Site(span, (0, "method"))))
    bound = BoundMap(
        node=ref._meshgen_node,
        method=ref._meshgen_method,
        over=over,
        kwargs=kwargs,
        max_concurrency=max_concurrency,
        span=span,
    )
    return Value(bound, span)


def _method_ref(method: Any) -> MethodRef | None:
    if isinstance(method, MethodRef):
        return method
    if isinstance(method, ClassNode):
        return MethodRef(method._meshgen_node, "__call__")
    if isinstance(method, Deployment) and not method.is_class:
        return method.method
    return None


def _no_method(method: Any, site: Site) -> tuple[str, Site, str]:
    match method:
        case Deployment():
            name = method.target.__name__
            message = f"map_each(...) takes a method of a node; the class '{name}' is not bound"
            return message, site, f"Write `map_each({name}.bind(...).method, over=...)`."
        case Value():
            message = f"map_each(...) takes a method of a node, not {shown(method)}"
            return message, site, "Leave out its `.bind(...)`: `map_each(node.method, over=...)`."
        case _ if callable(method):
            message = f"map_each(...) takes a method of a node, not {shown(method)}"
            return message, site, "Decorate a `def` with `@deployment` or `@inline`, and give that."
        case _:
            return f"map_each(...) takes a method of a node, not {shown(method)}", site, ""


def _refusal(message: str, site: Site, hint: str = "") -> GraphError:
    return GraphError([Diagnostic(code="MG215", message=message, span=site.span, hint=hint)])
