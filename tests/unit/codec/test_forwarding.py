"""Answers that go on undecoded, against the same ones decoded and written anew."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schema_samples import (
    ANY,
    BYTES,
    FLOAT,
    INT,
    LABEL,
    POINT,
    STR,
    TREE,
    Color,
    Label,
    params,
    same,
    typed_fields,
)

from meshgen.codec import grpc_status
from meshgen.codec.lazy import Parts, Received, elements, plain, plainly, together
from meshgen.codec.rpc import Contracts, EncodeError, RpcCodec
from meshgen.codec.wireformat import ALIGNMENT, Buffer
from meshgen.compiler import compile_graph
from meshgen.contract import names
from meshgen.contract.build import build
from meshgen.contract.model import RpcSpec, ServiceSpec
from meshgen.frontend import load_graph
from meshgen.limits import MEBIBYTE
from meshgen.runtime.call.metadata import MetadataByKey
from meshgen.runtime.engine.executor import Executor
from meshgen.runtime.engine.schedule import Schedule
from meshgen.runtime.local.graph import LocalGraph
from meshgen.runtime.local.through_codec import ThroughCodec
from meshgen.runtime.mesh.handler import FailedError, Handler
from meshgen.runtime.mesh.remote import RemoteTransport
from meshgen.runtime.mesh.wire.server import Server
from meshgen.schema.model import EnumOf, Field, Image, ListOf, MapOf, Nothing, Optional, Tensor, Type, Union
from meshgen.schema.traits import all_inside
from meshgen.status import Code, Internal, StatusError

ARRAY = np.arange(300_000, dtype=np.float32)


def pair(result: Type, fields: tuple[Field, ...], answer: Type = INT) -> tuple[RpcCodec, RpcCodec]:
    """The codecs of a node that gives `result`, and of one that takes `fields` and gives `answer`."""
    # Parameters without meaning give the results other numbers than the parameters have.
    rpcs = {
        "a": RpcSpec(name="Make", params=(), result=result),
        "b": RpcSpec(name="Take", params=fields, result=answer),
    }
    contract = build("g", [ServiceSpec(node=node, rpcs=(rpc,)) for node, rpc in rpcs.items()], None)
    contracts = Contracts(contract.descriptors.SerializeToString())
    return (
        contracts.codec("g.a.v1.AService", "Make", (), None, result),
        contracts.codec("g.b.v1.BService", "Take", fields, None, answer),
    )


def received(codec: RpcCodec, value: Any) -> Received:
    return Received(codec, codec.encode_response(value), "a")


def decoded(value: Received | Parts) -> bool:
    """Whether somebody has looked into it."""
    return any(map(decoded, value.items)) if isinstance(value, Parts) else value._decoded


def request(codec: RpcCodec, arguments: Mapping[str, Any]) -> Any:
    """The message, or the error for it."""
    try:
        return codec.request_class.FromString(codec.encode_request(arguments))
    except (EncodeError, Internal) as error:
        return str(error)


property_of_forwarding = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@property_of_forwarding
@given(typed_fields(), st.integers(0, 2))
def test_a_request_is_the_same_message_either_way(drawn: tuple[tuple[Field, ...], dict[str, Any]], which: int) -> None:
    fields, values = drawn
    field = fields[which % len(fields)]
    source, target = pair(field.type, (*fields, *params(items=ListOf(field.type))), field.type)
    value = values[field.name]
    items = together([received(source, value), received(source, value)], list)
    if any(isinstance(inner, ListOf) and inner.container in ("set", "frozenset") for inner in all_inside(field.type)):
        return  # a set that has been decoded may give its elements in another order
    passed = request(target, {**values, field.name: received(source, value), "items": items})
    assert passed == request(target, {**values, "items": [value, value]})
    answer = target.response_class.FromString(target.encode_response(received(source, value)))
    assert answer == target.response_class.FromString(target.encode_response(value))


@dataclasses.dataclass
class Inner:
    label: str
    score: float = 0.5


PLAIN: list[tuple[Type, Any]] = [
    (INT, 7),
    (FLOAT, 0.0),
    (STR, ""),
    (STR, "é" * 100),
    (BYTES, b"x" * 70_000),
    (EnumOf(Color), Color.lightBlue),
    (LABEL, Label("a", 0.25)),
    (ListOf(INT), [1, -2, 3 << 40]),
    (ListOf(INT), []),
    (ListOf(STR), ["", "b", "c" * 300]),
    (ListOf(LABEL), [Label("a"), Label("b", 2.0)]),
    (ListOf(ListOf(INT)), [[1], [], [2, 3]]),
    (ListOf(Optional(INT)), [1, None]),
    (MapOf(STR, LABEL), {"x": Label("a"), "": Label("b")}),
    (Optional(INT), None),
    (Optional(INT), 5),
    (Tensor("numpy"), ARRAY),
    (ANY, {"a": [1, None]}),
]


@pytest.mark.parametrize("other", [0, 20], ids=["same number", "other number"])
@pytest.mark.parametrize(("type_", "value"), PLAIN, ids=str)
def test_equal_types_are_never_decoded(type_: Type, value: Any, other: int) -> None:
    fields = params(**{f"p{i}": INT for i in range(other)}, x=type_, y=STR)
    source, target = pair(type_, fields, type_)
    rest = {f"p{i}": i for i in range(other)} | {"y": "z"}
    passed = received(source, value)
    data = target.encode_request({"x": passed, **rest})
    assert not decoded(passed)
    assert same(target.decode_request(data), {"x": value, **rest})
    answer = target.encode_response(passed)
    assert not decoded(passed)
    assert same(target.decode_response(answer), value)


ELEMENTS: list[tuple[Type, Any]] = [
    (INT, 1 << 40),
    (FLOAT, -0.5),
    (STR, "b"),
    (BYTES, b""),
    (EnumOf(Color), Color.RED),
    (LABEL, Label("a")),
    (Tensor("numpy"), ARRAY[:5]),
]


@pytest.mark.parametrize(("type_", "value"), ELEMENTS, ids=str)
def test_results_become_the_elements_of_a_list_undecoded(type_: Type, value: Any) -> None:
    source, target = pair(type_, params(x=ListOf(type_)), ListOf(type_))
    items = together([received(source, value) for _ in range(3)], list)
    assert same(target.decode_request(target.encode_request({"x": items})), {"x": [value] * 3})
    assert same(target.decode_response(target.encode_response(items)), [value] * 3)
    assert not decoded(items)


def test_a_list_with_a_value_among_the_results_is_written_anew() -> None:
    source, target = pair(INT, params(x=ListOf(INT)))
    items = together([received(source, 1), 2, received(source, 3)], tuple)
    assert target.decode_request(target.encode_request({"x": items})) == {"x": [1, 2, 3]}
    assert decoded(items)


@pytest.mark.parametrize(
    ("type_", "value", "field"),
    [
        (INT, 3, Field(name="x", type=FLOAT)),
        (ListOf(INT), [1], Field(name="x", type=ListOf(FLOAT))),
        (ListOf(INT), [1], Field(name="x", type=ListOf(INT, container="tuple"))),
        (ListOf(INT), [1], Field(name="x", type=Optional(ListOf(INT)))),
        (INT, 3, Field(name="x", type=Union((INT, STR)))),
        (Union((INT, STR)), 3, Field(name="x", type=Union((INT, STR)))),
        (LABEL, Label("a"), Field(name="x", type=ANY)),
        (Optional(INT), 3, Field(name="x", type=Optional(INT), default=5)),
        (TREE, None, Field(name="x", type=TREE)),
    ],
    ids=str,
)
def test_what_differs_is_decoded_and_written_anew(type_: Type, value: Any, field: Field) -> None:
    from schema_samples import Tree

    value = Tree(1) if type_ is TREE else value
    source, target = pair(type_, (field,))
    passed = received(source, value)
    assert request(target, {"x": passed}) == request(target, {"x": value})
    assert decoded(passed)


def test_a_default_is_not_taken_for_none() -> None:
    source, target = pair(Optional(INT), (Field(name="x", type=Optional(INT), default=5),))
    with pytest.raises(EncodeError, match="cannot be None"):
        target.encode_request({"x": received(source, None)})


def test_numbers_that_differ_between_contracts_are_not_mixed_up() -> None:
    # The same class in two contracts whose locks went different ways.
    turned = dataclasses.replace(POINT, fields=tuple(reversed(POINT.fields)))
    theirs = build("g", [ServiceSpec(node="a", rpcs=(RpcSpec(name="Make", params=(), result=ListOf(turned)),))], None)
    contracts = Contracts(theirs.descriptors.SerializeToString())
    source = contracts.codec("g.a.v1.AService", "Make", (), None, ListOf(turned))
    _, target = pair(INT, params(x=ListOf(POINT)))
    passed = received(source, [POINT.python(1, 2)])
    assert target.decode_request(target.encode_request({"x": passed})) == {"x": [POINT.python(1, 2)]}
    assert decoded(passed)


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"\x08\x05\x08\x06", 6),
        (b"\x08\x05\x98\x06\x01", 5),
        (b"\x98\x06\x01\x08\x05", 5),
        (b"\x08\x85\x80\x00", 5),
        (b"", None),
        (b"\x08", None),
        (b"\x08\x80", None),
        (b"\x0a\x01\x05", None),
        (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", None),
    ],
    ids=["twice", "unknown after", "unknown before", "long number", "empty", "cut", "cut number", "wrong type", "huge"],
)
def test_an_answer_that_is_not_just_its_field_is_read_first(data: bytes, outcome: int | None) -> None:
    source, target = pair(INT, params(x=INT))
    passed = Received(source, data, "a")
    if outcome is None:
        with pytest.raises(Internal, match="the answer of node 'a' does not fit its contract"):
            target.encode_request({"x": passed})
        return
    assert target.decode_request(target.encode_request({"x": passed})) == {"x": outcome}


@pytest.mark.parametrize("data", [b"\x0a\x05ab", b"\x0a\x01a\x10\x01", b"\x0a\x01a\x0a", b"\x10\x01"])
def test_so_is_a_list(data: bytes) -> None:
    source, target = pair(ListOf(STR), params(x=ListOf(STR), y=Optional(INT)))
    passed = Received(source, data, "a")
    found = request(target, {"x": passed})
    assert decoded(passed) or found == "the answer of node 'a' does not fit its contract"


@pytest.mark.parametrize("order", ["xyz", "zyx"])
def test_big_arrays_stay_aligned_and_are_copied_once(order: str) -> None:
    source, target = pair(Tensor("numpy"), params(x=Tensor("numpy"), y=Tensor("numpy"), z=STR))
    given_ = {"x": received(source, ARRAY), "y": received(source, ARRAY[1:]), "z": "odd"}
    data = target.encode_request({name: given_[name] for name in order})
    back = target.decode_request(data)
    for name, array in (("x", ARRAY), ("y", ARRAY[1:])):
        assert same(back[name], array)
        assert back[name].ctypes.data % ALIGNMENT == 0
        assert np.shares_memory(back[name], np.frombuffer(data, np.uint8))


def test_an_array_inside_of_a_record_is_read_although_it_is_not_aligned() -> None:
    record = dataclasses.replace(LABEL, name="Held", python=Inner, fields=params(label=STR, score=Tensor("numpy")))
    source, target = pair(record, params(x=record))
    passed = received(source, Inner("odd", ARRAY))  # type: ignore[arg-type]
    back = target.decode_request(target.encode_request({"x": passed}))["x"]
    assert not decoded(passed)
    assert same(back.score, ARRAY)
    assert back.score.flags.aligned


def test_a_picture_goes_on_as_it_is() -> None:
    from PIL import Image as Pillow

    source, target = pair(Image(), params(x=Image()))
    passed = received(source, Pillow.new("RGB", (500, 500), (1, 2, 3)))
    back = target.decode_request(target.encode_request({"x": passed}))["x"]
    assert (back.size, back.getpixel((3, 3))) == ((500, 500), (1, 2, 3))
    assert not decoded(passed)


def test_a_value_is_decoded_once_for_all_who_ask() -> None:
    source, _ = pair(LABEL, ())
    passed = received(source, Label("a"))
    assert plain(passed) is plain(passed)
    assert plainly({"x": passed, "y": 1}) == {"x": Label("a"), "y": 1}
    assert elements(together([passed, 2], tuple)) == [passed, 2]
    assert plain(together([passed, 2], tuple)) == (Label("a"), 2)
    assert together([1, 2], tuple) == (1, 2)


def test_nothing_and_left_out_parameters_are_as_before() -> None:
    fields = (*params(x=INT), Field(name="y", type=ListOf(INT), factory=lambda: [1]))
    source, target = pair(INT, fields, Nothing())
    assert target.decode_request(target.encode_request({"x": received(source, 3)})) == {"x": 3, "y": [1]}
    with pytest.raises(EncodeError, match="z is not a parameter"):
        target.encode_request({"x": received(source, 3), "y": [], "z": received(source, 4)})
    with pytest.raises(EncodeError, match="x is required"):
        target.encode_request({"y": together([received(source, 3)], list)})
    nothing, _ = pair(Nothing(), ())
    assert target.encode_response(received(nothing, None)) == b""


# --- graphs ----------------------------------------------------------------------------------------------------------

GRAPH = """
from __future__ import annotations
from dataclasses import dataclass
from typing import Annotated
from annotated_types import Ge
from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch

@dataclass
class Label:
    text: str
    score: float

@deployment
def make(n: int) -> Label:
    return Label(f"n{n}", float(n))

@deployment
def pick(label: Label) -> Label:
    return label

@deployment
def strict(score: Annotated[float, Ge(0)]) -> float:
    return score

@deployment
def half(n: int) -> float:
    return n / 2

@deployment
def best(labels: list[Label]) -> Label:
    return max(labels, key=lambda l: l.score)

@inline
def negative(label: Label) -> bool:
    return label.score < 0

with InputNode(n=int, ns=list[int]) as request:
    made = make.bind(request.n)
    app = DAGDriver.bind({
        "/chain": pick.bind(pick.bind(made)),
        "/best": best.bind([made, pick.bind(made), pick.bind(pick.bind(made))]),
        "/each": best.bind(map_each(pick, over=map_each(make, over=request.ns, max_concurrency=2), max_concurrency=2)),
        "/switch": pick.bind(switch(negative.bind(made), {True: made, False: pick.bind(made)})),
        "/rule": strict.bind(half.bind(request.n)),
        "/path": strict.bind(made.score),
    })
"""


@cache
def loaded(folder: Path) -> Any:
    path = folder / "passing.py"
    path.write_text(GRAPH)
    return compile_graph(load_graph(str(path)), lock=None)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return loaded(tmp_path_factory.mktemp("passing"))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Type]:
    """Types of the results that were decoded."""
    seen: list[Type] = []
    decode = RpcCodec.decode_response

    def noted(codec: RpcCodec, data: bytes) -> Any:
        seen.append(codec.result)
        return decode(codec, data)

    monkeypatch.setattr(RpcCodec, "decode_response", noted)
    return seen


@pytest.mark.parametrize(
    ("route", "looked_at"), [("/chain", 0), ("/best", 0), ("/each", 0), ("/switch", 1), ("/rule", 0), ("/path", 1)]
)
def test_only_what_the_driver_looks_into_is_decoded(built: Any, reads: list[Type], route: str, looked_at: int) -> None:
    descriptors = built.plan.contract.descriptors.SerializeToString()
    through = LocalGraph(built.graph, [ThroughCodec(built.graph, descriptors)])
    given_ = {"n": 4, "ns": [1, 5, 3]}
    answer = through.call_json(given_, route=route)
    assert answer == LocalGraph(built.graph).call_json(given_, route=route)
    assert len(reads) == looked_at + 1  # and the answer, by the client


class Service:
    """Answers every rpc of a graph by a function of bytes."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}

    def rpc(self, name: str) -> Handler:
        async def handle(data: Buffer, _metadata: MetadataByKey, _seconds: float | None) -> bytes:
            try:
                result: bytes = self.answers[name](data)
            except StatusError as error:
                details = grpc_status.encode(error, graph="passing", trace_id="")
                raise FailedError(Code.INVALID_ARGUMENT, str(error), details) from None
            return result

        return handle


@pytest.fixture
async def remote(built: Any, tmp_path: Path) -> AsyncIterator[tuple[Service, RemoteTransport, Contracts]]:
    contracts = Contracts(built.plan.contract.descriptors.SerializeToString())
    service, path = Service(), tmp_path / "mesh.sock"
    rpcs = {
        f"/{names.service(built.graph.name, node.name)}/{method.rpc}": service.rpc(method.rpc)
        for node in built.graph.nodes
        for method in node.methods
    }
    server = Server(path, rpcs, most=MEBIBYTE, well=lambda: True, leaving=lambda: False)
    await server.start()
    transport = RemoteTransport(built.graph.name, contracts, path, tmp_path)
    yield service, transport, contracts
    await transport.close()
    server.close()


async def test_who_is_to_blame_is_found_when_a_node_refuses_what_was_passed_on(
    built: Any, remote: tuple[Service, RemoteTransport, Contracts]
) -> None:
    service, transport, contracts = remote
    graph = built.graph
    route = next(r for r in graph.routes if r.path == "/rule")
    strict = graph.node("strict")
    method = strict.methods[0]
    codec = contracts.codec("passing.strict.v1.StrictService", "Strict", method.params, None, method.result)

    def answer(data: bytes) -> bytes:
        try:
            return codec.encode_response(codec.decode_request(data)["score"])
        except StatusError as error:
            error.node = "strict"
            raise

    half = contracts.codec("passing.half.v1.HalfService", "Half", graph.node("half").methods[0].params, None, FLOAT)
    service.answers = {"Strict": answer, "Half": lambda _: half.encode_response(2.0)}
    executor = Executor(Schedule(graph), transport)
    passed = await executor.run(route, {"n": 4, "ns": []})
    assert isinstance(passed, Received)
    assert plain(passed) == 2.0
    service.answers["Half"] = lambda _: half.encode_response(-2.0)
    with pytest.raises(StatusError) as broken:
        await executor.run(route, {"n": 4, "ns": []})
    assert (broken.value.code, broken.value.node) == (Code.INVALID_ARGUMENT, "strict")
    assert [v.field for v in broken.value.violations] == ["score"]
    chain = next(r for r in graph.routes if r.path == "/chain")
    label = contracts.codec(
        "passing.pick.v1.PickService",
        "Pick",
        graph.node("pick").methods[0].params,
        None,
        graph.node("pick").methods[0].result,
    )
    service.answers = {
        "Make": lambda _: b"\x0a\x01a",  # no score
        "Pick": lambda data: label.encode_response(label.decode_request(data)["label"]),
    }
    with pytest.raises(Internal, match="the answer of node 'make' does not fit its contract") as unfit:
        await executor.run(chain, {"n": 4, "ns": []})
    assert unfit.value.node == "make"
