"""`@deployment` and `@inline`: a function or class that can be bound into a graph, and still be called as itself."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NoReturn, Union, overload

from meshgen.call_sites import Site, keyword
from meshgen.errors import Diagnostic, GraphError, near_match_hint, shown
from meshgen.frontend.bound import BoundNode
from meshgen.frontend.definition import Definition
from meshgen.frontend.signature import FRAME_NAMES
from meshgen.frontend.symbolic import ClassNode, MethodRef, Value
from meshgen.source import Span, caller, user_frame


class Deployment:
    """A decorated function or class.

    `bind(...)` puts it into a graph; `options(...)` gives a copy with other options; calling it calls the function or
    makes an instance, as if it were not decorated.
    """

    def __init__(self, definition: Definition) -> None:
        functools.update_wrapper(self, definition.target, updated=())
        self._definition = definition
        self.target = definition.target
        self.is_class = definition.is_class
        self._function_node: BoundNode | None = None

    @property
    def name(self) -> str:
        """The explicit name, else the target's own in snake case."""
        return self._definition.name

    def options(self, **options: Any) -> Deployment:
        """A copy with these options over the present ones. It is a node of its own."""
        before = self._definition
        given, sites = {**before.given, **options}, {**before.sites, **_sites(options, caller())}
        return Deployment(replace(before, given=given, sites=sites))

    def bind(self, *args: Any, **kwargs: Any) -> Any:
        """A class gives a node made with these constructor arguments, a function one call of it per request."""
        if self.is_class:
            return ClassNode(BoundNode(definition=self._definition, args=args, kwargs=kwargs, span=caller()))
        return self.method.bind(*args, **kwargs)

    @property
    def method(self) -> MethodRef:
        """A function deployment as something to bind or to map over a list."""
        if self._function_node is None:  # one function is one node, however often it is called
            self._function_node = BoundNode(definition=self._definition, span=self._definition.span)
        return MethodRef(self._function_node, self.target.__name__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Plain Python: call the function, or make an instance of the class."""
        if any(isinstance(a, Value | ClassNode) for a in (*args, *kwargs.values())):
            message = f"'{self.target.__name__}' is called with a value of the graph"
            hint = f"Write `{self.target.__name__}.bind(...)`."
            raise GraphError([Diagnostic(code="MG201", message=message, span=caller(), hint=hint)])
        return self.target(*args, **kwargs)

    def remote(self, *_: object, **__: object) -> NoReturn:
        """Handles have `.remote`; a deployment is bound."""
        message = f"'{self.target.__name__}.remote(...)' is not how a graph is built"
        raise GraphError([Diagnostic(code="MG201", message=message, span=caller(), hint="Write `.bind(...)`.")])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "target":
            raise AttributeError(name)
        try:
            return getattr(self.target, name)
        except AttributeError:
            hint = near_match_hint(
                name, ["bind", "options", *vars(self.target)], "It has `.bind(...)` and `.options(...)`."
            )
            message = f"the deployment '{self.target.__name__}' has no `{name}`. {hint}"
            raise AttributeError(message, name=name, obj=self) from None

    def __instancecheck__(self, instance: object) -> bool:
        return self.is_class and isinstance(instance, self.target)  # type: ignore[arg-type]  # `is_class` says so

    def __or__(self, other: Any) -> Any:
        """`Model | None` in an annotation, as of the class itself."""
        return Union[self.target, _undecorated(other)] if self.is_class else NotImplemented  # noqa: UP007 - a class of C

    def __ror__(self, other: Any) -> Any:
        return Union[_undecorated(other), self.target] if self.is_class else NotImplemented  # noqa: UP007 - as above

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type, ...]:
        return (self.target,)  # type: ignore[return-value]  # a class decorated and then inherited from

    def __repr__(self) -> str:
        return f"<deployment {self.target.__qualname__}>"


@overload
def deployment(target: Callable[..., Any], /) -> Deployment: ...
@overload
def deployment(
    *,
    name: str | None = None,
    idempotent: bool = True,
    timeout_s: float | None = None,
    placement: str | None = None,
    **serve_options: Any,
) -> Callable[[Callable[..., Any]], Deployment]: ...
def deployment(target: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function or class a node: one service with its own contract and replicas.

    Args:
        target: the function or class, when used without parentheses.
        **options: Ray Serve's own option names with Serve's meanings (`num_replicas`, `max_ongoing_requests`,
            `autoscaling_config`, `ray_actor_options`, `user_config`…), and four of ours: `name`, the node's name;
            `idempotent` (default True), whether a call may be retried when its connection or replica was lost;
            `timeout_s`, a limit for each call in seconds; `placement`, whose processes it runs in: `"own"` (the
            default), `"driver"`, or `"with:<node>"`.
    """
    span = caller()
    if target is None:
        return lambda it: _decorate(it, options, span)
    return _decorate(target, options, span)


def inline(target: Callable[..., Any], /) -> Deployment:
    """Make a cheap, pure function part of the driver: a node with `placement="driver"` that publishes no service."""
    return _decorate(target, {"placement": "driver"}, caller(), published=False)


def _decorate(
    target: Callable[..., Any], options: Mapping[str, Any], span: Span, *, published: bool = True
) -> Deployment:
    if fault := _fault(target, "deployment" if published else "inline"):
        message, hint = fault
        raise GraphError([Diagnostic(code="MG211", message=message, span=span, hint=hint)])
    frame = user_frame()
    if frame is not None and frame.f_code.co_name != "<module>":
        for each in _annotated(target):  # annotations may name classes local to the function we are in
            each.__dict__.setdefault(FRAME_NAMES, frame.f_locals)
    sites = _sites(options, span) if published else {}
    definition = Definition(target=target, given=dict(options), sites=sites, decorated=span, published=published)
    return Deployment(definition)


def _sites(options: Mapping[str, Any], call: Span) -> Mapping[str, Site]:
    return {name: keyword(call, name) for name in options}


def _fault(target: Any, word: str) -> tuple[str, str] | None:
    """Why something cannot be a node, and the way out; None when it can."""
    if isinstance(target, Deployment):
        return f"'{target.__name__}' is decorated twice", "Keep one of the two decorators."
    if isinstance(target, str) and word == "deployment":
        return (
            f"@{word} takes a function or a class, not {shown(target)}",
            f"Write `@deployment(name={shown(target)})`.",
        )
    if not callable(target) or not hasattr(target, "__name__"):
        return f"@{word} takes a function or a class, not {shown(target)}", "Decorate a `def` or a `class`."
    if inspect.isclass(target):
        return (
            (f"'{target.__name__}' is a class; @inline takes functions", "Use @deployment.")
            if word == "inline"
            else None
        )
    try:
        inspect.signature(target)
    except (TypeError, ValueError):
        pass
    else:
        if hasattr(inspect.unwrap(target), "__code__"):
            return None
    name = target.__name__
    return f"'{name}' is not written in Python, so nobody can read what it takes", "Call it in a `def` of your own."


def _undecorated(annotation: Any) -> Any:
    return annotation.target if isinstance(annotation, Deployment) else annotation


def _annotated(target: Any) -> list[Any]:
    if not inspect.isclass(target):
        return [target]
    return [f for f in vars(target).values() if inspect.isfunction(f)]
