"""`switch` and `map_each`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshgen.errors import Diagnostic, GraphError
from meshgen.frontend.deployment import Deployment
from meshgen.frontend.symbolic import BoundMap, BoundSwitch, ClassNode, MethodRef, Value
from meshgen.source import caller


class _Absent:
    """No default was given (None may be one)."""


_ABSENT = _Absent()


def switch(selector: Any, cases: Mapping[Any, Any], *, default: Any = _ABSENT) -> Any:
    """Run only the branch that the selector names.

    Args:
        selector: a value of the graph: bool, int, str, an enum or a Literal.
        cases: branch by selector value. Each branch yields the same type.
        default: branch for every other value; without one such a request is INVALID_ARGUMENT.
    """
    span = caller()
    if not isinstance(cases, Mapping) or not cases:
        message = "switch(...) needs a dict of at least one case"
        raise GraphError([Diagnostic(code="MG214", message=message, span=span)])
    has_default = not isinstance(default, _Absent)
    bound = BoundSwitch(
        selector=selector, cases=cases, default=default if has_default else None, has_default=has_default, span=span
    )
    return Value(bound, span)


def map_each(method: Any, *args: Any, over: Any, max_concurrency: int = 8, **kwargs: Any) -> Any:
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
        message = "map_each(...) takes the other arguments of the method by name"
        raise GraphError([Diagnostic(code="MG215", message=message, span=span)])
    if max_concurrency < 1:
        message = f"max_concurrency is {max_concurrency}; at least one call must run"
        raise GraphError([Diagnostic(code="MG215", message=message, span=span)])
    ref = _method_ref(method)
    if ref is None:
        message = f"map_each(...) takes a method of a node, not {type(method).__name__}"
        raise GraphError([Diagnostic(code="MG215", message=message, span=span)])
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
