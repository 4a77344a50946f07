"""Rules in a graph in process: on its requests, and on what its nodes are called with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pydantic
import pytest
from annotated_types import Ge, MaxLen
from google.protobuf import json_format
from schema_samples import codec_of

from meshgen import DAGDriver, Handle, InputNode, InvalidArgument, LocalGraph, TensorSpec, deployment, inline, local
from meshgen.compiler import compile_graph
from meshgen.frontend import Application
from meshgen.frontend.loader import Loaded
from meshgen.runtime.local.through_codec import ThroughCodec


@dataclass
class Ask:
    number: Annotated[int, Ge(0)]
    word: Annotated[str, MaxLen(3)] = ""
    at: datetime | None = None


@deployment
class Double:
    def __call__(self, number: Annotated[int, Ge(10)]) -> int:
        return 2 * number


@inline
def unchecked(number: Annotated[int, Ge(1000)]) -> int:
    return number


@deployment
class Caller:
    def __init__(self, target: Handle[Any]) -> None:
        self.target = target

    async def __call__(self, number: int) -> int:
        try:
            return int(await self.target.remote(number))
        except InvalidArgument as error:
            return -len(error.violations)


double = Double.bind()
with InputNode(Ask) as ask:
    app = DAGDriver.bind(
        {
            "/double": double.bind(ask.number),
            "/inline": unchecked.bind(ask.number),
            "/caller": Caller.bind(double).bind(ask.number),
        }
    )


@pytest.fixture(params=["plain", "through the contracts"])
def graph(request: pytest.FixtureRequest) -> Iterator[LocalGraph]:
    found = local(app) if request.param == "plain" else wired(app)
    yield found
    found.close()


def wired(application: Application) -> LocalGraph:
    """The graph with its contracts between everything."""
    loaded = Loaded(graph=local(application).graph, root=Path(), module="ask", attribute="app")
    built = compile_graph(loaded, lock=None)
    return LocalGraph(built.graph, [ThroughCodec(built.graph, built.plan.contract.descriptors.SerializeToString())])


def refused(call: Any) -> tuple[list[tuple[str, str]], str]:
    with pytest.raises(InvalidArgument) as caught:
        call()
    return [(v.field, v.description) for v in caught.value.violations], caught.value.node


def test_requests(graph: LocalGraph) -> None:
    expected = [("number", "must be at least 0"), ("word", "must have at most 3 characters")]
    assert refused(lambda: graph(Ask(-1, "long"), route="/inline"))[0] == expected
    assert refused(lambda: graph(number=-1, word="long", route="/inline"))[0] == expected
    assert refused(lambda: graph.call_json({"number": -1, "word": "long"}, route="/inline"))[0] == expected
    assert refused(lambda: asyncio.run(graph.call(Ask(-1, "long"), route="/inline")))[0] == expected


def test_nodes(graph: LocalGraph) -> None:
    assert graph(Ask(10), route="/double") == 20
    assert refused(lambda: graph(Ask(9), route="/double")) == ([("number", "must be at least 10")], "double")


def test_nodes_that_a_handle_calls(graph: LocalGraph) -> None:
    assert graph(Ask(10), route="/caller") == 20
    assert graph(Ask(9), route="/caller") == -1


def test_inline_nodes_have_no_border(graph: LocalGraph) -> None:
    assert graph(Ask(1), route="/inline") == 1


class Order(pydantic.BaseModel):
    item: str = pydantic.Field(min_length=2)
    count: Annotated[int, Ge(1)] = 1
    tags: dict[str, Annotated[str, MaxLen(1)]] = {}

    @pydantic.field_validator("item")
    @classmethod
    def _on_sale(cls, item: str) -> str:
        if item == "tea":
            raise ValueError(item)
        return item


@inline
def ordered(order: Order, orders: list[Order], by: Annotated[str, MaxLen(3)], priority: int) -> int:
    return order.count


with InputNode(order=Order, orders=list[Order], by=Annotated[str, MaxLen(3)], priority=int) as placed:
    orders_app = DAGDriver.bind(ordered.bind(placed.order, placed.orders, placed.by, placed.priority))


@pytest.mark.parametrize("through_contracts", [False, True])
def test_all_that_is_wrong_with_a_request_comes_at_once(through_contracts: bool) -> None:
    def violations(given: dict[str, Any]) -> dict[str, str]:
        if through_contracts:
            message = json_format.ParseDict(given, codec.request_class())
            found, _ = refused(lambda: codec.decode_request(message.SerializeToString()))
        else:
            found, _ = refused(lambda: graph.call_json(given))
        assert len(found) == len(dict(found))
        return dict(found)

    graph = local(orders_app)
    request, result = graph.graph.request(graph.route(None)), graph.route(None).result
    codec = codec_of(request.params, result=result)
    fine = {"item": "cup", "count": 1}
    # What a class refuses itself, a rule in it, a rule beside it.
    assert violations({"order": {"item": "tea", "count": 0}, "orders": [], "by": "nobody", "priority": 1}) == {
        "order.count": "must be at least 1",
        "order.item": "Value error, tea",
        "by": "must have at most 3 characters",
    }
    # The contract's words for what pydantic would refuse, too.
    bad = {"item": "x", "tags": {"k": "long"}}
    assert violations({"order": bad, "orders": [fine, {"item": "tea"}], "by": "me"}) == {
        "order.item": "must have at least 2 characters",
        "order.tags['k']": "must have at most 1 character",
        "orders[1].item": "Value error, tea",
        "priority": "is required",
    }


@deployment
def scale(m: Annotated[np.ndarray, TensorSpec(dtype="float64", shape=(None, 2))]) -> float:
    return float(m.sum())


with InputNode(m=np.ndarray) as tensors:
    scale_app = DAGDriver.bind(scale.bind(tensors.m))


@pytest.mark.parametrize("through_contracts", [False, True])
def test_tensors_of_another_dtype_or_shape_are_the_callers_mistake(through_contracts: bool) -> None:
    graph = wired(scale_app) if through_contracts else local(scale_app)
    assert graph(np.ones((3, 2))) == 6.0
    narrow, flat = np.ones((3, 2), np.float32), np.ones(4)
    assert refused(lambda: graph(narrow)) == ([("m.datatype", "must be FP64, got FP32")], "scale")
    assert refused(lambda: graph(flat)) == ([("m.shape", "must be (*, 2), got (4,)")], "scale")
    sent = {"m": {"datatype": "FP64", "shape": [4], "fp64_contents": [1, 2, 3, 4]}}
    assert refused(lambda: graph.call_json(sent)) == ([("m.shape", "must be (*, 2), got (4,)")], "scale")
    graph.close()


def at(moment: datetime, number: int = 0) -> Ask:
    return Ask(number, at=moment)


with InputNode() as adapted_ask:
    adapted = DAGDriver.bind(unchecked.bind(adapted_ask.number), input_adapter=at)


def test_parameters_that_do_not_fit_are_told_in_the_words_of_the_codec() -> None:
    graph = local(adapted)
    (found,), _ = refused(lambda: graph(datetime(2024, 1, 1)))
    assert found[0] == "moment"
    assert found[1].startswith("must have a timezone")
    too_large = [("number", "must fit 64 bits with its sign, got 65")]
    assert refused(lambda: graph(datetime.now(UTC), 1 << 63))[0] == too_large
