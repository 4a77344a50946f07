"""What is no value and was given as one: a `.bind` was forgotten. Says which, and what to write instead."""

from __future__ import annotations

import inspect
from pathlib import PurePath
from types import ModuleType
from typing import Any, Literal, TypeAlias

from meshgen.call_sites import Site
from meshgen.errors import Diagnostic, shown
from meshgen.frontend.deployment import Deployment
from meshgen.frontend.driver import Application, Driver, InputNode
from meshgen.frontend.given.contents import Content
from meshgen.frontend.symbolic import ClassNode, MethodRef, Value
from meshgen.source import Span

Taker: TypeAlias = Literal["a call", "a constructor", "a switch", "map_each", "DAGDriver.bind"]


def misplaced(content: Content, taker: Taker, site: Site) -> Diagnostic | None:
    """MG211 for what cannot stand there; None for what can."""
    if content.holder:
        what = "a node" if isinstance(content.thing, ClassNode) else "a value of the graph"
        message = f"{what} is inside a {content.holder}; only lists, tuples and dicts may hold one"
        inside = "the constructor" if taker == "a constructor" else "a node"
        return _problem(site, message, f"Give its parts as arguments, and make the rest inside {inside}.")
    site = site.inside(*content.path)
    match content.thing:
        case Value():
            return None
        case ClassNode() if taker == "a constructor":
            return None
        case InputNode():
            message = f"an InputNode is given to {taker} instead of the request that it stands for"
            return _problem(site, message, "Write `with InputNode(...) as request:` and use `request`.")
        case Application() | Driver():
            message = f"{shown(content.thing)} is given to {taker}; a driver is the end of a graph"
            return _problem(site, message, "Give what a node returns: `node.bind(...)`.")
        case Deployment():
            return _problem(site, *_deployment(content.thing, taker))
        case MethodRef():
            return _problem(site, *_method(content.thing, taker))
        case _:
            return _problem(site, *_class_node(content.thing, taker))


def no_output(out: Any, site: Site) -> Diagnostic:
    """MG211 for what a driver is given to serve and no node returns."""
    match out:
        case ClassNode():
            return _problem(site, *_served_class_node(out))
        case Deployment() | MethodRef() | InputNode() | Application() | Driver():
            if problem := misplaced(Content((), out), "DAGDriver.bind", site):
                return problem
        case Value():
            message = "DAGDriver.bind(...) takes what a node returns, not the input"
            return _problem(site, message, "Give the input to a node first: `node.bind(request)`.")
        case list() | tuple() | set():
            message = f"DAGDriver.bind(...) takes what a node returns, not a {type(out).__name__} of {len(out)}"
            return _problem(site, message, 'Give each a route, `{"/a": a, "/b": b}`, or let a node put them together.')
        case _:
            pass
    message = f"DAGDriver.bind(...) takes what a node returns, not {shown(out)}"
    hint = "Decorate it with `@deployment`, and bind it: `.bind(...)`." if callable(out) else ""
    return _problem(site, message, hint)


def no_application(what: str, given: Any, span: Span, hint: str = "") -> Diagnostic:
    """MG104 for something that is no whole graph."""
    match given:
        case Value() | ClassNode() | MethodRef() | Deployment() | InputNode() | Driver():
            way = "Write `app = DAGDriver.bind(...)` around what a node returns, and give that."
        case str() | PurePath() | ModuleType():
            way = "Import the file, and give its `app`; `meshgen local FILE` takes names of files."
        case _:
            way = ""
    kind = "None" if given is None else shown(given)
    message = f"{what} {kind}, not what `DAGDriver.bind(...)` returns"
    return Diagnostic(code="MG104", message=message, span=span, hint=hint or way)


def _served_class_node(out: ClassNode) -> tuple[str, str]:
    target = out._meshgen_node.definition.target
    message = f"DAGDriver.bind(...) takes what a node returns, not the class node '{target.__name__}'"
    call = vars(target).get("__call__")
    if not inspect.isfunction(call):
        return message, f"Bind one of its methods: {_methods(target)}."
    parts = inspect.formatannotation
    types = [
        parts(p.annotation) for p in [*inspect.signature(call).parameters.values()][1:] if p.annotation is not p.empty
    ]
    given = ", ".join(t.strip("'") for t in types) or "..."
    values = "request" if len(types) < 2 else ", ".join(f"request[{i}]" for i in range(len(types)))
    return message, f"Write `with InputNode({given}) as request:` and `DAGDriver.bind(node.bind({values}))`."


def _deployment(given: Deployment, taker: Taker) -> tuple[str, str]:
    name = given.target.__name__
    kind = "class" if given.is_class else "function"
    message = f"the {kind} '{name}' is given to {taker} without `.bind(...)`"
    if not given.is_class or taker == "a constructor":
        way = f"Write `{name}.bind(...)`."
    else:
        way = f"Write `{name}.bind(...)`, then bind one of its methods: {_methods(given.target)}."
    if taker == "a constructor" and not given.is_class:
        way = f"`{name}.bind(...)` is a value that only a request brings; give it to a method. A handle is to a class."
    return message, way


def _method(given: MethodRef, taker: Taker) -> tuple[str, str]:
    owner, method = given._meshgen_node.definition.target.__name__, given._meshgen_method
    shown_method = owner if given._meshgen_node.definition.is_class is False else f"{owner}.{method}"
    message = f"the method '{shown_method}' is given to {taker} without `.bind(...)`"
    if taker == "a constructor":
        return message, f"Give the node itself; its handle has `.{method}.remote(...)`. `.bind(...)` is for requests."
    return message, f"Write `.{method}.bind(...)`."


def _class_node(given: ClassNode, taker: Taker) -> tuple[str, str]:
    target = given._meshgen_node.definition.target
    message = f"the class node '{target.__name__}' is given to {taker}; only a constructor takes it, as a handle"
    way = f"Bind one of its methods: {_methods(target)}"
    if taker == "a call":
        return message, f"{way}. Or make what you call a class that takes the handle in its constructor."
    return message, f"{way}."


def _methods(target: Any) -> str:
    """What can be bound of a class, as it is written."""
    names = ["__call__"] if "__call__" in dir(target) and callable(vars(target).get("__call__")) else []
    names += [n for n, m in vars(target).items() if not n.startswith("_") and callable(m)]
    shown_names = [f"`{'' if n == '__call__' else f'.{n}'}.bind(...)`" for n in names[:3]]
    return " or ".join(shown_names) or "it has none that could be bound"


def _problem(site: Site, message: str, hint: str) -> Diagnostic:
    return Diagnostic(code="MG211", message=message, span=site.span, hint=hint)
