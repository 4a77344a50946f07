"""`ray.get` and `ray.wait`, by which code from before Ray 2.7 waits for handles.

They take nothing but Ray's own references; but first of all they start a Ray, if none runs, which takes its time or
never ends. So whoever gives them something of ours is told before. Imports no Ray: a graph in process does without.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_REFUSES = "__meshgen_refuses__"


def refuse(kind: type, way_out: str) -> None:
    """Have `ray.get` and `ray.wait` refuse objects of a class, alone or in a list; now, or when Ray is imported.

    Args:
        kind: the class.
        way_out: what to write instead.
    """
    ray = sys.modules.get("ray")
    if ray is not None:
        _patch(ray, kind, way_out)
    elif not any(isinstance(finder, _WhenImported) for finder in sys.meta_path):
        sys.meta_path.insert(0, _WhenImported(functools.partial(_patch, kind=kind, way_out=way_out)))


class _WhenImported(MetaPathFinder):
    """Finds nothing itself, but sees the first import of Ray."""

    def __init__(self, then: Callable[[ModuleType], None]) -> None:
        self._then = then

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "ray":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                self._then(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]  # of this one loader
        return spec


def _patch(ray: ModuleType, kind: type, way_out: str) -> None:
    for name in ("get", "wait"):
        function = getattr(ray, name, None)
        if function is not None and not hasattr(function, _REFUSES):
            setattr(ray, name, _refusing(function, kind, f"`ray.{name}` knows nothing of this: {way_out}"))


def _refusing(function: Callable[..., Any], kind: type, text: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        first = args[0] if args else None
        given = first if isinstance(first, list | tuple) else (first,)
        if any(isinstance(each, kind) for each in given):
            raise TypeError(text)
        return function(*args, **kwargs)

    setattr(wrapper, _REFUSES, True)
    return wrapper
