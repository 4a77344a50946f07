"""A method of another node as a handle calls it, whether or not a contract has it: how Python takes its arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from meshgen.graph.members import member
from meshgen.graph.model import Method, Node
from meshgen.naming import pascal
from meshgen.schema.model import Unknown

_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Callee:
    """A method, and how its arguments are given."""

    node: Node
    method: Method
    signature: inspect.Signature

    @property
    def name(self) -> str:
        """What errors call it: `model.forward`."""
        return f"{self.node.name}.{self.method.name}"

    @property
    def shown(self) -> str:
        """How it is written behind a handle: `handle.forward`."""
        return "handle" if self.method.name == "__call__" else f"handle.{self.method.name}"

    def bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Arguments by parameter name; those left to their default are absent.

        Raises:
            TypeError: Python would not call the method with them.
        """
        try:
            return self.signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"'{self.name}' takes {self.signature}: {error}") from None


def callee(node: Node, name: str) -> Callee | None:
    """A public method of a node, one that no contract has included; None when there is none.

    Raises:
        TypeError: it is a generator, which no handle can call.
    """
    target: Callable[..., Any] = node.target
    found = member(target, name) if isinstance(target, type) else None
    if found is not None and (name == "__call__" or not name.startswith("_")):
        function, skip_self = found.function, found.skip_self
    elif not isinstance(target, type) and name == target.__name__:
        function, skip_self = target, False
    else:
        return None
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        text = f"'{node.name}.{name}' yields its results; a handle cannot call it, as streams are not supported yet"
        raise TypeError(f"{text}: return a list")
    signature = _signature(function, skip_self=skip_self)
    method = node.method(name)
    if method is None:
        by_name = all(p.kind in _BY_NAME for p in signature.parameters.values())
        is_async = inspect.iscoroutinefunction(function)
        method = Method(name=name, rpc=pascal(name), params=(), result=Unknown(), is_async=is_async, by_name=by_name)
    return Callee(node, method, signature)


def _signature(function: Callable[..., Any], *, skip_self: bool) -> inspect.Signature:
    """Without `self` and without annotations, which no message needs."""
    try:
        parameters = list(inspect.signature(function).parameters.values())[skip_self:]
    except ValueError:  # a function in C that does not say
        kinds = {"args": inspect.Parameter.VAR_POSITIONAL, "kwargs": inspect.Parameter.VAR_KEYWORD}
        parameters = [inspect.Parameter(name, kind) for name, kind in kinds.items()]
    return inspect.Signature([p.replace(annotation=inspect.Parameter.empty) for p in parameters])


def by_position(function: Callable[..., Any], /, **arguments: Any) -> Any:
    """Call a function with arguments by parameter name, those that cannot be given so included."""
    bound = inspect.BoundArguments(inspect.signature(function), arguments)
    return function(*bound.args, **bound.kwargs)


def no_rpc(node: Node, method: Method) -> AttributeError:
    """The error for a method that a handle gives in process only."""
    text = f"'{node.name}.{method.name}' is not in the contract of its node, so it cannot be called on a mesh"
    return AttributeError(f"{text}; `meshgen check` says why where it finds `handle.{method.name}.remote(...)`")
