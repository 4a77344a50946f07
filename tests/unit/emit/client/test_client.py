"""Typed clients: the module says what the graph says, its wire is the contract's, mypy knows its fields."""

from __future__ import annotations

import asyncio
import enum
import importlib
import importlib.util
import inspect
import re
import subprocess
import sys
import time
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import pytest
import schema_samples
from hypothesis import given
from tools import mypy

import meshgen
from meshgen.cli.calling import call
from meshgen.client import LEFT_OUT, Rpc
from meshgen.codec import grpc_status
from meshgen.codec.rpc import Contracts
from meshgen.compiler import Build, compile_graph
from meshgen.contract import names
from meshgen.contract.wire import signature, wire_fields
from meshgen.emit.client.pydefaults import expression
from meshgen.emit.client.pytypes import named
from meshgen.emit.output.pysource import Name, Parts
from meshgen.errors import MeshgenError
from meshgen.frontend import load_graph
from meshgen.naming import pascal
from meshgen.runtime.local.graph import LocalGraph
from meshgen.schema.model import EnumOf, Field, ListOf, MapOf, Optional, Record, Ref, Type, Union
from meshgen.schema.reflect.reflector import reflect
from meshgen.status import StatusError

ROOT = Path(__file__).parents[4]
GRAPHS = {
    "quickstart": "graphs/quickstart.py",
    "content_understanding": "graphs/content_understanding.py",
    "gauntlet": "tests/graphs/gauntlet.py",
    "adapted": "tests/graphs/adapted.py",
    "client_graph": "tests/unit/client_graph.py",
    # Those of the corpus of awkward types that have a contract.
    **{p.parent.name: f"{p.parent}/graph.py" for p in sorted((ROOT / "tests/types").glob("*/expected.proto"))},
}
EVERY = pytest.mark.parametrize("graph", GRAPHS)


@cache
def build(graph: str) -> Build:
    return compile_graph(load_graph(str(ROOT / GRAPHS[graph])), lock=None)


def source(graph: str) -> str:
    (file,) = [f for f in build(graph).files if f.path.endswith("/client.py")]
    return file.content.decode()


@cache
def module(graph: str) -> types.ModuleType:
    name = f"client_of_{graph}"
    spec = importlib.util.spec_from_loader(name, loader=None)
    assert spec is not None
    made = sys.modules[name] = importlib.util.module_from_spec(spec)  # where annotations are resolved
    exec(compile(source(graph), f"{name}.py", "exec"), made.__dict__)
    return made


# --- the wire ------------------------------------------------------------------------------------------------------


def wire(types_: Sequence[Type], seen: dict[str, Any] | None = None) -> dict[str, Any]:
    """Fields of every message and members of every enum in these types."""
    seen = {} if seen is None else seen
    for type_ in types_:
        match type_:
            case Ref(name=name) | Record(name=name) | EnumOf(name=name) if pascal(name) in seen:
                pass
            case Ref():
                wire([type_.record], seen)
            case Record(name=name, fields=fields):
                seen[pascal(name)] = shape(fields)
                wire([f.type for f in fields], seen)
            case EnumOf(name=name, python=python):
                seen[pascal(name)] = {m.name for m in python}
            case Optional(item=item) | ListOf(item=item) | MapOf(value=item):
                wire([item], seen)
            case Union(members=members):
                wire(members, seen)
            case _:
                pass
    return seen


def shape(fields: Sequence[Field]) -> set[tuple[str, str, str]]:
    return {(w.name, w.oneof, signature(w.type)) for w in wire_fields(fields)}


@EVERY
def test_classes_have_the_wire_of_the_graph(graph: str) -> None:
    made = module(graph)
    rpcs: dict[str, Rpc[Any]] = {r.path.rpartition("/")[2]: r for r in vars(made).values() if isinstance(r, Rpc)}
    specs = build(graph).plan.rpcs
    assert rpcs.keys() == {spec.name for spec in specs}
    for spec in specs:
        request = reflect(rpcs[spec.name]._request)
        assert isinstance(request, Record)
        wanted = spec.request_record.fields if spec.request_record else spec.params
        result = reflect(rpcs[spec.name]._result)
        assert shape(request.fields) == shape(wanted)
        assert signature_of(result) == signature_of(spec.result)
        given = wire([*(f.type for f in request.fields), result])
        assert given == wire([*(f.type for f in wanted), spec.result])
        assert rpcs[spec.name]._codec.request_class.DESCRIPTOR.full_name.endswith(f".v1.{spec.name}Request")


@pytest.mark.parametrize("name", ["Colour", "Dashed", "Listed", "Priority", "Size", "Weight"])
def test_enums_are_numbers_and_texts_where_those_of_the_graph_are(name: str) -> None:
    types_ = [f.type for spec in build("client_graph").plan.rpcs for f in spec.request_fields]
    (own,) = {t.python for t in named(types_) if isinstance(t, EnumOf) and t.name == name}
    mirror = getattr(module("client_graph"), name)
    kinds = (int, str, enum.IntEnum, enum.StrEnum)
    assert [issubclass(mirror, kind) for kind in kinds] == [issubclass(own, kind) for kind in kinds]
    if issubclass(mirror, int | str):
        assert {m.name: m.value for m in mirror} == {m.name: m.value for m in own}


def signature_of(result: Type) -> str:
    return "" if str(result) == "None" else signature(result)


@EVERY
def test_the_module_needs_no_graph(graph: str) -> None:
    imported = re.findall(r"^(?:from|import) (\w+)", source(graph), re.MULTILINE)
    assert set(imported) <= {*sys.stdlib_module_names, "meshgen", "numpy", "PIL", "torch"}


def test_importing_a_client_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "quickstart_client.py").write_text(source("quickstart"))
    code = "import sys, quickstart_client; print(*({'ray', 'torch', 'numpy', 'PIL', 'pydantic'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_arguments_have_the_defaults_of_the_graph() -> None:
    client = module("client_graph").ClientGraphClient
    taken = {name: p.default for name, p in inspect.signature(client.see).parameters.items()}
    assert taken.pop("self") is inspect.Parameter.empty
    assert taken.pop("value") is taken.pop("timeout_s_") is inspect.Parameter.empty
    assert taken == {
        "class_": "x",
        "metadata_": "m",
        "tags": LEFT_OUT,
        "since": LEFT_OUT,
        "timeout_s": 60.0,
        "metadata": None,
    }


def test_classes_have_the_defaults_of_the_graph() -> None:
    made, hints = module("client_graph"), typing.get_type_hints
    everything = {f.name: f for f in reflect(made.Everything).fields}  # type: ignore[union-attr]
    assert everything["solid"].make_default() == made.Ball(radius=2.0)
    assert everything["label"].make_default() == made.Label(name="n", score=0.5, at=made.Point(x=1.0))
    assert everything["words"].make_default() == frozenset({"a", "b"})
    assert everything["list_"].make_default() == [1, 2]
    assert everything["made"].make_default() is None, "the service makes it"
    assert not everything["keys"].has_default, "nobody can say what it would be"
    assert [m.value for m in made.Colour] == ["RED", "GREEN", "OTHER"], "not all of them can be written"
    assert [m.value for m in made.Dashed] == [1, 2]
    assert hints(made.Extra) == {"note": str, "votes": int | None}


def evaluated(parts: Parts, types_: Sequence[Type]) -> Any:
    """What generated code means, with the classes of the graph in place of their mirrors."""
    names_ = [part for part in parts if isinstance(part, Name)]
    imported = {n.name: getattr(importlib.import_module(n.module), n.name) for n in names_}
    code = "".join(part if isinstance(part, str) else part.name for part in parts)
    return eval(code, {pascal(t.name): t.python for t in named(types_)} | imported)


@given(schema_samples.typed_fields())
def test_a_default_that_is_written_is_the_value(drawn: tuple[tuple[Field, ...], dict[str, Any]]) -> None:
    fields, values = drawn
    for field in fields:
        written = expression(field.type, values[field.name])
        if written is not None:
            assert schema_samples.same(evaluated(written, [field.type]), values[field.name])


def test_a_written_default_is_of_the_member_that_its_value_is_of() -> None:
    texts = reflect(tuple[str, str] | str)
    assert expression(texts, "ab") == ('"ab"',)
    assert expression(texts, ("a", "b")) == ("(", '"a"', ", ", '"b"', ")")


def test_no_node_is_called_like_the_module(tmp_path: Path) -> None:
    graph = tmp_path / "graph.py"
    text = (ROOT / "tests/unit/client_graph.py").read_text()
    graph.write_text(text.replace("drop.bind(", 'drop.options(name="client").bind('))
    with pytest.raises(meshgen.GraphError, match="a node cannot be called 'client'"):
        compile_graph(load_graph(str(graph)), lock=None)


# --- calls ---------------------------------------------------------------------------------------------------------


class Front(grpc.GenericRpcHandler):
    """The driver of a graph behind a gRPC server of this process."""

    def __init__(self, graph: str) -> None:
        self.graph = build(graph).graph
        self.local = LocalGraph(self.graph)
        self.contracts = Contracts(build(graph).plan.contract.descriptors.SerializeToString())
        self.seen: dict[str, str | bytes] = {}
        self.remaining = 0.0
        self.wait_s = 0.0

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        route = next(r for r in self.graph.routes if r.rpc == call.method.rpartition("/")[2])
        request = self.graph.request(route)
        codec = self.contracts.codec(
            names.service(self.graph.name), route.rpc, request.params, request.record, route.result
        )

        def answer(data: bytes, context: grpc.ServicerContext) -> bytes:
            self.seen, self.remaining = dict(call.invocation_metadata), context.time_remaining()
            time.sleep(self.wait_s)
            try:
                value = codec.decode_request(data)
                arguments = {"args": (value,)} if request.record else {"kwargs": value}
                return codec.encode_response(
                    self.local(*arguments.get("args", ()), route=route.path, **arguments.get("kwargs", {}))
                )
            except StatusError as error:
                details = grpc_status.encode(error, graph=self.graph.name, trace_id="")
                context.set_trailing_metadata(((grpc_status.TRAILER, details),))
                context.abort(list(grpc.StatusCode)[int(error.code)], error.message)

        return grpc.unary_unary_rpc_method_handler(answer, None, None)


@pytest.fixture
def front(request: pytest.FixtureRequest) -> Iterator[tuple[Front, str]]:
    handler = Front(request.param)
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield handler, f"127.0.0.1:{port}"
    server.stop(None)
    handler.local.close()


def served(graph: str) -> Any:
    return pytest.mark.parametrize("front", [graph], indirect=True)


SUM: Mapping[str, Any] = {"number": "5", "samples": [1, 2, 3], "operation": "sum"}


@served("quickstart")
def test_an_answer_and_an_error(front: tuple[Front, str]) -> None:
    made = module("quickstart")
    with made.QuickstartClient(front[1]) as client:
        assert client.predict(**SUM) == made.Combined(value=16.0)
        with pytest.raises(meshgen.InvalidArgument, match="neither sum nor max") as caught:
            client.predict(**{**SUM, "operation": "median"})
    assert caught.value.node == "combine"


@served("quickstart")
async def test_the_same_in_async_code(front: tuple[Front, str]) -> None:
    made = module("quickstart")
    async with made.AsyncQuickstartClient(front[1]) as client:
        answers = await asyncio.gather(*(client.predict(**{**SUM, "number": str(n)}) for n in range(3)))
        assert [a.value for a in answers] == [6.0, 8.0, 10.0]
        with pytest.raises(meshgen.InvalidArgument, match="neither sum nor max") as caught:
            await client.predict(**{**SUM, "operation": "median"})
    assert caught.value.node == "combine"


@served("quickstart")
def test_what_does_not_fit_is_not_sent(front: tuple[Front, str]) -> None:
    with (
        module("quickstart").QuickstartClient(front[1]) as client,
        pytest.raises(meshgen.InvalidArgument) as caught,
    ):
        client.predict(**{**SUM, "samples": [1, "x"]})
    assert [v.field for v in caught.value.violations] == ["samples[1]"]
    assert front[0].seen == {}


@served("quickstart")
def test_metadata_and_deadline_go_along(front: tuple[Front, str]) -> None:
    with module("quickstart").QuickstartClient(front[1]) as client:
        client.predict(**SUM, metadata={"Who": "me", "raw-bin": b"\0\1"})
        assert front[0].seen.items() >= {"who": "me", "raw-bin": b"\0\1"}.items()
        assert 50 < front[0].remaining < 61  # gRPC rounds up what it sends
        client.predict(**SUM, timeout_s=5)
        assert front[0].remaining < 6
        front[0].wait_s = 0.5
        with pytest.raises(meshgen.DeadlineExceeded, match=re.escape("no answer within 0.05 s")):
            client.predict(**SUM, timeout_s=0.05)


@served("quickstart")
def test_a_call_continues_the_trace(front: tuple[Front, str]) -> None:
    from opentelemetry.sdk.trace import TracerProvider

    with module("quickstart").QuickstartClient(front[1]) as client:
        client.predict(**SUM)
        assert "traceparent" not in front[0].seen
        with TracerProvider().get_tracer("test").start_as_current_span("caller") as span:
            client.predict(**SUM)
    here = span.get_span_context()
    assert str(front[0].seen["traceparent"]).startswith(f"00-{here.trace_id:032x}-{here.span_id:016x}-")


def test_nobody_there() -> None:
    with (
        module("quickstart").QuickstartClient("127.0.0.1:1") as client,
        pytest.raises(meshgen.Unavailable, match="the mesh cannot be reached"),
    ):
        client.predict(**SUM, timeout_s=5)


def test_an_address_is_no_url() -> None:
    made = module("quickstart")
    for client in (made.QuickstartClient, made.AsyncQuickstartClient):
        with pytest.raises(ValueError, match=r"http://127.0.0.1:1 is no address .*HOST:PORT, without http://$"):
            client("http://127.0.0.1:1")
    with pytest.raises(MeshgenError, match="write HOST:PORT, without https://"):
        call("https://a.example.com", "/quickstart", {}, timeout_s=1)


async def test_a_closed_client_says_so() -> None:
    made = module("quickstart")
    client, other = made.QuickstartClient("127.0.0.1:1"), made.AsyncQuickstartClient("127.0.0.1:1")
    client.close()
    await other.close()
    with pytest.raises(RuntimeError, match="this client has been closed"):
        client.predict(**SUM)
    with pytest.raises(RuntimeError, match="this client has been closed"):
        await other.predict(**SUM)


@served("quickstart")
def test_a_channel_of_ones_own_stays_open(front: tuple[Front, str]) -> None:
    made = module("quickstart")
    with grpc.insecure_channel(front[1]) as channel:
        for _ in range(2):
            with made.QuickstartClient(channel=channel) as client:
                assert client.predict(**SUM).value == 16.0
        for wrong in ({}, {"address": front[1], "channel": channel}):
            with pytest.raises(TypeError, match="an address or a channel"):
                made.QuickstartClient(**wrong)


def everything(made: types.ModuleType) -> Any:
    """A value in the classes of the client."""
    import datetime as dt
    import decimal
    import uuid

    import numpy as np
    from PIL import Image

    label = made.Label(name="cat")
    return made.Everything(
        pair=(1, "a"),
        table={3: label},
        mode="slow",
        level=2,
        shape=made.Ball(radius=1.5),
        maybe="x",
        shapes=[made.Circle(radius=1.0), "square"],
        tree=made.Tree(name="root", children=[made.Tree(name="leaf")]),
        boxed=made.BoxInt(item=5, more=[6]),
        named=made.BoxLabel(item=label),
        when=dt.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=dt.UTC),
        lasts=dt.timedelta(seconds=-1.5),
        price=decimal.Decimal("1.50"),
        ident=uuid.UUID(int=7),
        anything={"a": [1, None, "x"]},
        table_of_any={"k": None},
        gaps=[1, None],
        rows=[[1.0], []],
        client=made.Client(dataclass=1, list=True, date=dt.date(2024, 1, 2)),
        extra=made.Extra(note="n"),
        dashed=made.Dashed["class"],
        listed=made.Listed["class"],
        priority=made.Priority.HIGH,
        size=made.Size.SMALL,
        weight=made.Weight.HEAVY,
        colour=made.Colour.GREEN,
        keys=["k"],
        made="here",
        picture=Image.new("RGB", (2, 3), (1, 2, 3)),
        tensor=np.arange(3, dtype=np.float32),
        shaped=np.ones((2, 2), dtype=np.int64),
    )


@served("client_graph")
def test_awkward_types_come_back(front: tuple[Front, str]) -> None:
    made = module("client_graph")
    sent = everything(made)
    with made.ClientGraphClient(front[1]) as client:
        back = client.list(value=sent, timeout_s_=1.0)
        assert back.picture.tobytes() == sent.picture.tobytes()
        assert back.tensor.tolist() == sent.tensor.tolist()
        assert back.shaped.tolist() == sent.shaped.tolist()
        for name in ("picture", "tensor", "shaped"):  # which have no truth of their own
            setattr(sent, name, None)
            setattr(back, name, None)
        assert back == sent
        assert client.import_(value=sent, timeout_s_=1.0) == made.Ball(radius=1.5)


@served("client_graph")
def test_what_is_left_out_has_the_defaults_of_the_graph(front: tuple[Front, str]) -> None:
    import datetime as dt

    made = module("client_graph")
    with made.ClientGraphClient(front[1]) as client:
        seen = client.see(value=everything(made), timeout_s_=2.0)
        assert seen == made.Seen(timeout_s=2.0, class_="x", metadata="m", tags=["a"], since=dt.date(2020, 1, 2))
        seen = client.see(value=everything(made), timeout_s_=2.0, class_="y", metadata_="n", tags=["b"])
        assert seen == made.Seen(timeout_s=2.0, class_="y", metadata="n", tags=["b"], since=dt.date(2020, 1, 2))
        with pytest.raises(meshgen.NotFound, match="no y"):
            client.close_(value=everything(made), timeout_s_=1.0, class_="y")


# --- mypy ----------------------------------------------------------------------------------------------------------

USES = """
from __future__ import annotations

from services.client_graph.client import AsyncClientGraphClient, Ball, Circle, ClientGraphClient, Everything, Label
from services.quickstart.client import AsyncQuickstartClient, Combined, QuickstartClient


def right(client: QuickstartClient) -> float:
    answer: Combined = client.predict(number="5", samples=[1, 2.5], operation="sum", timeout_s=5, metadata={"a": "b"})
    return answer.value


async def awaited(client: AsyncQuickstartClient, other: AsyncClientGraphClient, value: Everything) -> float:
    shape: Ball | Circle = await other.import_(value=value, timeout_s_=1.0)
    return shape.radius + (await client.predict(number="5", samples=[], operation="sum")).value


def wrong(client: QuickstartClient, other: ClientGraphClient, value: Everything) -> None:
    client.predict(number="5", samples=[1.0])  # E: call-arg
    client.predict(number="5", sample=[1.0], operation="sum")  # E: call-arg
    client.predict(number=5, samples=[1.0], operation="sum")  # E: arg-type
    client.predict("5", [1.0], "sum")  # E: call-arg
    client.predict(number="5", samples=["x"], operation="sum")  # E: list-item
    print(client.predict(number="5", samples=[1.0], operation="sum").values)  # E: attr-defined
    Label(nam="x")  # E: call-arg
    other.list(value=value, timeout_s_=1.0).mode = "quick"  # E: assignment
    print(other.import_(value=value, timeout_s_=1.0).side)  # E: union-attr
"""


@pytest.mark.xdist_group("mypy")
def test_mypy_accepts_every_client_and_knows_its_fields(tmp_path: Path) -> None:
    for graph in GRAPHS:
        folder = tmp_path / "services" / graph
        folder.mkdir(parents=True)
        (folder / "client.py").write_text(source(graph))
    (tmp_path / "uses.py").write_text(USES)
    done = mypy(tmp_path, "services", "uses.py")
    found = re.findall(r"^(\S+?):(\d+): error: .*\[([\w-]+)\]$", done.stdout, re.MULTILINE)
    marks = ((n, re.search(r"# E: (\S+)", line)) for n, line in enumerate(USES.splitlines(), 1))
    assert set(found) == {("uses.py", str(n), mark[1]) for n, mark in marks if mark}, done.stdout + done.stderr
