"""What each call says of the part of the graph that it is made for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from meshgen import DAGDriver, Handle, InputNode, LocalGraph, deployment, local, map_each
from meshgen.runtime.call.transport import CallInfo, Place, Transport
from meshgen.runtime.local.layers import Layer
from meshgen.runtime.local.transport import LocalTransport

CALLED: list[str] = []


@pytest.fixture(autouse=True)
def _every_call_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def call(self: LocalTransport, call: CallInfo, arguments: Mapping[str, Any]) -> Any:
        CALLED.append(f"{call.name} at {call.place}")
        return await plain(self, call, arguments)

    plain = LocalTransport.call
    CALLED.clear()
    monkeypatch.setattr(LocalTransport, "call", call)


@deployment
class Leaf:
    async def __call__(self, x: float) -> float:
        return x


@deployment
class Middle:
    def __init__(self, leaf: Handle[Leaf]) -> None:
        self.leaf = leaf

    def __call__(self, x: float) -> float:
        calls = [self.leaf.remote(x), self.leaf.remote(x)]
        return float(sum(c.result(5) for c in calls))


@deployment
class Top:
    def __init__(self, middle: Handle[Middle]) -> None:
        self.middle = middle

    async def __call__(self, x: float) -> float:
        return float(await self.middle.remote(x))


@deployment
async def plus(x: float) -> float:
    return x + 1


def test_a_step_an_item_and_the_adapter() -> None:
    def input_adapter(x: float) -> float:
        return x

    with InputNode() as x:
        first = plus.bind(x)
        mapped = map_each(plus, over=[first, x])
        app = DAGDriver.bind(plus.bind(mapped[1]), input_adapter=input_adapter)
    assert local(app)(1.0) == 3.0
    assert sorted(CALLED) == [
        "<input adapter>.InputAdapter at adapter",
        "plus.Plus at 0",
        "plus.Plus at 1[0]",
        "plus.Plus at 1[1]",
        "plus.Plus at 2",
    ]


def test_calls_by_handles_are_numbered_below_their_callers_each_time_alike() -> None:
    with InputNode(list[float]) as xs:
        leaf = Leaf.bind()
        app = DAGDriver.bind(map_each(Top.bind(Middle.bind(leaf)), over=xs))
    graph = local(app)
    for _ in range(2):
        CALLED.clear()
        assert graph([1.0, 2.0]) == [2.0, 4.0]
        assert sorted(CALLED) == [
            "leaf.Call at 0[0]/0/0",
            "leaf.Call at 0[0]/0/1",
            "leaf.Call at 0[1]/0/0",
            "leaf.Call at 0[1]/0/1",
            "middle.Call at 0[0]/0",
            "middle.Call at 0[1]/0",
            "top.Call at 0[0]",
            "top.Call at 0[1]",
        ]


def test_what_a_constructor_calls_is_no_part_of_the_request() -> None:
    @deployment
    class Warm:
        def __init__(self, leaf: Handle[Leaf]) -> None:
            self.leaf = leaf
            leaf.remote(0.0).result(5)

        async def __call__(self, x: float) -> float:
            return float(await self.leaf.remote(x))

    with InputNode(float) as x:
        graph = local(DAGDriver.bind(Warm.bind(Leaf.bind()).bind(x)))
    assert graph(1.0) == 1.0
    assert CALLED == ["warm.Call at 0", "leaf.Call at elsewhere", "leaf.Call at 0/0"]


class Noting(Layer):
    """Notes what passes, and in which order."""

    def __init__(self, name: str, log: list[str]) -> None:
        self._name = name
        self._log = log

    def request(self, route: Any, value: Any) -> Any:
        self._log.append(f"{self._name} request {value}")
        return value

    def response(self, route: Any, value: Any) -> Any:
        self._log.append(f"{self._name} response {value}")
        return value

    def transport(self, inner: Transport) -> Transport:
        layer = self

        class Calls:
            async def call(self, call: CallInfo, arguments: Mapping[str, Any]) -> Any:
                layer._log.append(f"{layer._name} call at {call.place}")
                return await inner.call(call, arguments)

        return Calls()


def test_layers_are_passed_from_the_outermost_to_the_nodes_and_back() -> None:
    with InputNode(x=float) as request:
        graph = local(DAGDriver.bind(plus.bind(request.x))).graph
    log: list[str] = []
    assert LocalGraph(graph, [Noting("outer", log), Noting("inner", log)])(1.0) == 2.0
    assert log == [
        "outer request {'x': 1.0}",
        "inner request {'x': 1.0}",
        "outer call at 0",
        "inner call at 0",
        "inner response 2.0",
        "outer response 2.0",
    ]


def test_a_place_in_text() -> None:
    assert str(Place(3)) == "3"
    assert str(Place(3, 7, (0, 2))) == "3[7]/0/2"
