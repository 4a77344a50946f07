"""The policy of a call: whose it is, and what stands around the call for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from meshgen import DAGDriver, DeadlineExceeded, InputNode, LocalGraph, deployment, local, map_each
from meshgen.errors import MeshgenError
from meshgen.graph.model import Graph
from meshgen.graph.policy import Policy
from meshgen.graph.steps import CallingStep
from meshgen.runtime.call.transport import CallInfo
from meshgen.runtime.engine import policies
from meshgen.runtime.engine.policies import CallNext, Interceptor, intercepted
from meshgen.runtime.engine.schedule import Schedule


@deployment(timeout_s=7, idempotent=False)
def limited(x: float) -> float:
    return x + 1


@deployment
def plain(x: float) -> float:
    return x


@deployment
async def endless(x: float) -> float:
    await asyncio.sleep(30)
    return x


def graph_of(output: Any) -> Graph:
    return local(DAGDriver.bind(output)).graph


def with_policy(graph: Graph, policy: Policy) -> Graph:
    """The graph, with one policy for all its calls."""
    return replace(graph, steps=tuple(replace(s, policy=policy) for s in graph.steps if isinstance(s, CallingStep)))


def test_a_call_has_the_policy_of_its_node() -> None:
    with InputNode(xs=list[float], x=float) as request:
        for output in (limited.bind(request.x), map_each(limited, over=request.xs)):
            (step,) = Schedule(graph_of(output)).steps
            assert step.call is not None
            assert step.call.policy == Policy(timeout_s=7, idempotent=False)


def test_the_limit_of_one_call() -> None:
    with InputNode(x=float) as request:
        graph = graph_of(endless.bind(request.x))
    with pytest.raises(DeadlineExceeded, match=r"node 'endless' did not answer within 0\.05 s"):
        LocalGraph(with_policy(graph, Policy(timeout_s=0.05)))(1.0)


def test_a_call_with_more_than_one_plain_call_in_it_is_not_compiled() -> None:
    with InputNode(x=float) as request:
        graph = graph_of(plain.bind(request.x))
    assert LocalGraph(with_policy(graph, Policy(idempotent=False)), engine="compiled")(1.0) == 1.0
    with pytest.raises(MeshgenError, match="the route / cannot be compiled"):
        LocalGraph(with_policy(graph, Policy(timeout_s=1)), engine="compiled")(1.0)


def noting(name: str, log: list[str]) -> Interceptor:
    async def note(call: CallInfo, arguments: Mapping[str, Any], *, call_next: CallNext) -> Any:
        log.append(f"{name} before {call.place}")
        try:
            return 10 * await call_next(call, arguments)
        finally:
            log.append(f"{name} after")

    return note


def test_interceptors_stand_around_the_calls_that_ask_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    makers = (
        lambda _: noting("outer", log),
        lambda policy: None if policy.idempotent else noting("inner", log),
    )
    monkeypatch.setattr(policies, "MAKERS", makers)
    with InputNode(x=float) as request:
        graph = graph_of(limited.bind(plain.bind(request.x)))
    assert LocalGraph(graph, engine="executor")(1.0) == 1100.0
    assert log == ["outer before 0", "outer after", "outer before 1", "inner before 1", "inner after", "outer after"]


def test_nothing_stands_around_a_call_that_asks_for_nothing() -> None:
    async def make_call(call: CallInfo, arguments: Mapping[str, Any]) -> Any: ...

    assert intercepted(Policy(timeout_s=1, idempotent=False), make_call) is make_call
