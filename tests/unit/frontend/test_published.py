"""What a node publishes for handles: what its holders are seen to call decides what is an error."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import BaseModel
from torch import nn

from meshgen import DAGDriver, Handle, deployment
from meshgen.errors import Diagnostic
from meshgen.frontend import trace
from meshgen.graph.model import Node


class Net(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x

    @torch.no_grad()
    def infer(self, x: torch.Tensor) -> torch.Tensor:
        return x

    @functools.lru_cache  # noqa: B019 - what is tried
    def width(self) -> int:
        return 1


class Settings(BaseModel):
    factor: int = 2

    def apply(self, x: int) -> int:
        return x


class Typed:
    def __call__(self, x: int) -> int:
        return x

    def set(self, x: int) -> None: ...


class Loose:
    def set(self, x):  # type: ignore[no-untyped-def]
        ...


def held(target: type, body: Callable[..., Any], *others: type) -> tuple[Node, tuple[Diagnostic, ...]]:
    """A node that others hold handles to, in a graph where a holder does `body`."""

    @deployment
    class Holder:
        def __init__(self, one: Handle[Any], *others: Handle[Any]) -> None:
            self.one, self.others = one, others

        act = body

        def go(self) -> int:
            return 1

    nodes = [deployment(t).options(name=f"n{i}").bind() for i, t in enumerate((target, *others))]
    traced = trace(DAGDriver.bind(Holder.bind(*nodes).go.bind()), name="held")
    assert traced.graph is not None, traced.diagnostics
    node = traced.graph.node("n0")
    return node, node.unpublished


def nothing(self: Any) -> None: ...


def test_of_a_library_nothing_is_published_but_what_is_called() -> None:
    node, problems = held(Net, nothing)
    assert [m.name for m in node.methods] == ["forward", "infer", "width"]
    assert problems == ()
    node, problems = held(Settings, nothing)
    assert ([m.name for m in node.methods], problems) == (["apply"], ())
    node, problems = held(Net, lambda self: self.one.extra_repr.remote())
    assert [m.name for m in node.methods] == ["extra_repr", "forward", "infer", "width"]
    assert problems == ()


def test_what_a_library_has_and_no_contract_can_is_an_error_where_it_is_called() -> None:
    _, (problem,) = held(Net, lambda self: self.one.remote(1))
    assert problem.severity == "error"
    assert problem.span.file == __file__
    assert "`.forward.remote(...)`" in problem.hint


@pytest.mark.parametrize(
    ("body", "severity"),
    [
        (nothing, "warning"),
        (lambda self: self.one.set.remote(1), "error"),
        (lambda self: [h.set.remote(1) for h in self.others], "error"),
        (lambda self: lambda: self.one.set.remote(1), "error"),
        (lambda self: self.one.set(1), "warning"),
        (lambda self: getattr(self.one, "set").remote(1), "warning"),  # noqa: B009 - nobody can see it
    ],
)
def test_a_method_of_the_users_is_an_error_if_it_is_called(body: Any, severity: str) -> None:
    _, (problem,) = held(Loose, body)
    assert (problem.code, problem.severity) == ("MG229", severity)
    assert problem.span.text.lstrip().startswith("def set")


def test_a_call_is_meant_for_the_handle_that_can_take_it() -> None:
    assert [p.severity for p in held(Loose, lambda self: self.one.set.remote(1), Typed)[1]] == ["warning"]
    assert held(Net, lambda self: self.other.remote(1), Typed)[1] == ()
