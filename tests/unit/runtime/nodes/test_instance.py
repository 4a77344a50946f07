"""How a node's object is made: constructors and `reconfigure`, async ones on the event loop of the calls."""

from __future__ import annotations

import asyncio
from typing import Any, Optional, Union

import pytest

import meshgen
from meshgen import DAGDriver, Handle, InputNode, deployment
from meshgen.graph.model import Graph
from meshgen.runtime.nodes.instance import Instance, starts_on_loop


@deployment
class Leaf:
    def name(self) -> str:
        return "leaf"


@deployment(user_config={"by": 3})
class Eventual:
    """Its lock and its future belong to the event loop that made them."""

    async def __init__(self, factor: int, leaf: Handle[Leaf] | None = None) -> None:  # type: ignore[misc]  # awaited
        self.loop = asyncio.get_running_loop()
        self.factor = factor
        self.name = "" if leaf is None else await leaf.name.remote()

    async def reconfigure(self, config: dict[str, int]) -> None:
        assert asyncio.get_running_loop() is self.loop
        await asyncio.sleep(0)
        self.factor *= config["by"]

    async def go(self, x: int) -> str:
        assert asyncio.get_running_loop() is self.loop
        return f"{x * self.factor}{self.name}"

    def go_in_a_thread(self, x: int) -> str:
        return f"{x * self.factor}{self.name}"


@pytest.mark.parametrize("method", ["go", "go_in_a_thread"])
@pytest.mark.parametrize("leaf", [True, False])
@pytest.mark.parametrize("waits", [True, False])
def test_an_async_constructor_is_awaited(method: str, leaf: bool, waits: bool) -> None:
    with InputNode(int) as x:
        node = Eventual.bind(2, *([Leaf.bind()] if leaf else []))
        graph = meshgen.local(DAGDriver.bind(getattr(node, method).bind(x)))
    for _ in range(2):
        answer = asyncio.run(graph.call(5)) if waits and method != "go" else graph(5)
        assert answer == ("30leaf" if leaf else "30")


def test_what_an_async_constructor_raises_names_the_node() -> None:
    @deployment
    class Broken:
        async def __init__(self) -> None:  # type: ignore[misc]  # awaited
            await asyncio.sleep(0)
            raise OSError("no weights")

        def go(self) -> int:
            return 1

    graph = meshgen.local(DAGDriver.bind(Broken.bind().go.bind()))
    for _ in range(2):
        with pytest.raises(OSError, match="no weights") as raised:
            graph()
        assert "in node 'broken'" in raised.value.__notes__[0]


async def test_a_replica_awaits_constructors(monkeypatch: pytest.MonkeyPatch) -> None:
    with InputNode(int) as x:
        graph: Graph = meshgen.local(DAGDriver.options(name="g").bind(Eventual.bind(2).go.bind(x))).graph
    node = graph.node("eventual")
    instance = Instance(node, {})
    await instance.start()
    await instance.reconfigure({"by": 3})
    assert await instance.target.go(5) == "30"
    assert starts_on_loop(node)


def test_a_decorated_class_is_a_type_in_annotations() -> None:
    @deployment
    class Other:
        def go(self) -> str:
            return "other"

    assert Leaf | None == Optional[Leaf.target]  # type: ignore[operator] # noqa: UP045 - what is compared
    assert None | Leaf == Optional[Leaf.target]  # type: ignore[operator] # noqa: UP045
    assert Leaf | Other == Union[Leaf.target, Other.target]  # type: ignore[operator] # noqa: UP007
    assert int | Leaf == Union[int, Leaf.target]  # type: ignore[operator] # noqa: UP007
    assert isinstance(Leaf.target(), Leaf | None)  # type: ignore[operator]

    @deployment
    class Holder:
        def __init__(
            self,
            first: Leaf | None,  # type: ignore[valid-type]
            rest: list[Leaf],  # type: ignore[valid-type]
            named: dict[str, Leaf | Other],  # type: ignore[valid-type]
            absent: Optional[Leaf] = None,  # type: ignore[valid-type] # noqa: UP045
        ) -> None:
            self.all: list[Any] = [first, *rest, *named.values()]

        async def names(self) -> list[str]:
            return [await (h.name if "leaf" in repr(h) else h.go).remote() for h in self.all]

    leaf = Leaf.bind()
    holder = Holder.bind(leaf, [leaf, leaf], {"a": leaf, "b": Other.bind()})
    assert meshgen.local(DAGDriver.bind(holder.names.bind()))() == ["leaf", "leaf", "leaf", "leaf", "other"]


def test_a_function_is_no_type() -> None:
    @deployment
    def function(x: int) -> int:
        return x

    with pytest.raises(TypeError):
        function | None  # type: ignore[operator]
