"""Straight-line codecs against the general ones: they write and read the same, or leave it to them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pydantic
import pytest
from codec_outcomes import outcome
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schema_samples import (
    ANY,
    BOOL,
    BOX,
    BYTES,
    DATETIME,
    FLOAT,
    FLOAT32,
    INT,
    INT32,
    LABEL,
    POINT,
    STR,
    TREE,
    Circle,
    Color,
    Label,
    Point,
    Tree,
    codec_of,
    pair,
    params,
    same,
    typed_fields,
)

from meshgen.codec.fallback import MessageReader, MessageWriter
from meshgen.codec.rpc import EncodeError, RpcCodec
from meshgen.schema.misfit import Misfit
from meshgen.schema.model import (
    Choice,
    EnumOf,
    Field,
    ListOf,
    MapOf,
    Optional,
    Record,
    Scalar,
    Tensor,
    Type,
    Union,
)
from meshgen.schema.rules import Rules
from meshgen.status import InvalidArgument


class General(Exception):
    """The general codec was asked."""


@pytest.fixture
def fast_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise General

    for cls in (MessageWriter, MessageReader):
        made: Any = cls.__init__

        def without(self: Any, wire: Any, _general: Any, fast: Any, made: Any = made, **deep: Any) -> None:
            made(self, wire, refuse, fast, **deep)

        monkeypatch.setattr(cls, "__init__", without)


def written(writer: MessageWriter, value: Any, *, fast: bool) -> Any:
    fill = writer._compile() if fast else writer._general
    try:
        return writer._wire.write(fill, value)
    except EncodeError as error:
        return str(error)


def read(reader: MessageReader, data: bytes, *, fast: bool) -> Any:
    try:
        return reader._wire.read(reader._compile() if fast else reader._general, data)
    except Misfit as misfit:
        return misfit.problems


property_of_codecs = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@property_of_codecs
@given(typed_fields())
def test_both_write_and_read_the_same(drawn: tuple[tuple[Field, ...], dict[str, Any]]) -> None:
    fields, values = drawn
    codec = codec_of(fields, fields[0].type)
    writer, reader = codec._write_request, codec._read_request
    data = written(writer, values, fast=False)
    assert written(writer, values, fast=True) == data
    assert same(read(reader, data, fast=True), read(reader, data, fast=False))
    answer, value = codec._write_response, values[fields[0].name]
    assert written(answer, value, fast=True) == written(answer, value, fast=False)
    assert same(codec.decode_response(codec.encode_response(value)), value)


@property_of_codecs
@given(typed_fields(), typed_fields(), st.data())
def test_what_one_of_them_refuses_is_refused_in_the_general_ones_words(
    drawn: tuple[tuple[Field, ...], dict[str, Any]],
    other: tuple[tuple[Field, ...], dict[str, Any]],
    draw: st.DataObject,
) -> None:
    fields, values = drawn
    codec = codec_of(fields)
    wrong = {**values, fields[0].name: draw.draw(st.sampled_from([*other[1].values(), None, object()]))}
    said = written(codec._write_request, wrong, fast=False)
    try:
        found: Any = codec.encode_request(wrong)
    except EncodeError as error:
        found = str(error)
    assert found == said
    data = bytearray(codec.encode_request(values))
    if data:
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        expected = read(codec._read_request, bytes(data), fast=False)
    except Exception:  # protobuf's own
        expected = None
    assert same(outcome(codec, bytes(data)), expected)


class Model(pydantic.BaseModel):
    a: int
    names: list[str] = []


MODEL = Record(
    name="Model",
    kind="pydantic",
    python=Model,
    fields=(Field(name="a", type=INT), Field(name="names", type=ListOf(STR), factory=list)),
)
UNIONS = Union((INT, STR))
COMMON: list[tuple[Type, Any]] = [
    (INT, -5),
    (INT32, 5),
    (FLOAT, 2),
    (FLOAT32, 0.5),
    (FLOAT, np.float64(0.5)),
    (INT, np.int16(3)),
    (BOOL, np.bool_(True)),
    (STR, "ö"),
    (BYTES, bytearray(b"x")),
    (Choice(("a", "b")), "b"),
    (EnumOf(Color), Color.RED),
    (DATETIME, datetime(2020, 1, 1, tzinfo=UTC)),
    (ANY, {"a": [None, 1.5]}),
    (Optional(INT), None),
    (Optional(ANY), None),
    (LABEL, Label("a")),
    (Optional(LABEL), Label("a", 2.0)),
    (POINT, Point(1, 2)),
    (BOX, {"width": 1, "height": None}),
    (pair(INT, STR), (1, "a")),
    (MODEL, Model(a=1, names=["b"])),
    (TREE, Tree(1, [Tree(2, other="x")], {"k": Tree(3)}, Tree(4))),
    (Union((Record(name="Circle", kind="dataclass", python=Circle, fields=params(radius=FLOAT)), STR)), Circle(1.0)),
    (UNIONS, "x"),
    (Optional(UNIONS), None),
    (ListOf(UNIONS), [1, "x"]),
    (ListOf(INT), (1, 2)),
    (ListOf(INT, "tuple"), (1, 2)),
    (ListOf(INT, "set"), {1, 2}),
    (ListOf(FLOAT), [1, np.float32(2)]),
    (ListOf(EnumOf(Color)), [Color.RED]),
    (ListOf(LABEL), [Label("a"), Label("b", 1.0)]),
    (ListOf(LABEL, "tuple"), (Label("a"),)),
    (ListOf(Optional(LABEL)), [None, Label("a")]),
    (ListOf(ListOf(INT)), [[1], []]),
    (MapOf(STR, FLOAT), {"a": 1.0}),
    (MapOf(INT, LABEL), {1: Label("a")}),
    (Tensor("numpy"), np.ones((2, 3), np.float32)),
    (Tensor("numpy"), np.array(5, np.int8)),
    (Tensor("numpy"), np.zeros((0, 2), np.bool_)),
]


@pytest.mark.parametrize(("type_", "value"), COMMON, ids=str)
@pytest.mark.usefixtures("fast_only")
def test_common_values_need_no_general_codec(type_: Type, value: Any) -> None:
    codec = codec_of(params(x=type_), type_)
    back = codec.decode_request(codec.encode_request({"x": value}))["x"]
    assert same(codec.decode_response(codec.encode_response(value)), back)
    if type(value) not in (np.float64, np.int16, np.bool_, bytearray) and type_ not in (FLOAT, ListOf(FLOAT)):
        assert same(
            back, tuple(value) if type_ == ListOf(INT, "tuple") else list(value) if type_ == ListOf(INT) else value
        )


@pytest.mark.usefixtures("fast_only")
def test_parameters_may_be_left_to_their_defaults() -> None:
    fields = (
        *params(x=INT),
        Field(name="y", type=INT, default=3),
        Field(name="z", type=ListOf(INT), factory=lambda: [7]),
        Field(name="u", type=Optional(UNIONS), default=None),
        Field(name="class", type=Optional(STR)),
    )
    codec = codec_of(fields)
    read_back = codec.decode_request(codec.encode_request({"x": 1}))
    assert read_back == {"x": 1, "y": 3, "z": [7], "u": None, "class": None}
    given_ = {"x": 1, "y": 2, "z": [], "u": "a", "class": "b"}
    assert codec.decode_request(codec.encode_request(given_)) == given_


@dataclasses.dataclass
class More(Label):
    extra: int = 0


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        (INT, True, "x must be an int, got bool True"),
        (INT, 1 << 63, "x must fit 64 bits with its sign, got 65"),
        (INT32, 1 << 31, "x must fit 32 bits, got 2147483648"),
        (STR, "\ud800", "x must be valid Unicode, has a lone surrogate at 0"),
        (ListOf(INT), [1, True], "x[1] must be an int, got bool True"),
        (ListOf(INT), [1, 1 << 64], "x[1] must fit 64 bits with its sign, got 66"),
        (ListOf(STR), ["a", "\udfff"], "x[1] must be valid Unicode, has a lone surrogate at 0"),
        (ListOf(LABEL), [Label("a"), Label(3)], "x[1].label must be a str, got int 3"),  # type: ignore[arg-type]
        (LABEL, More("a"), "x must be Label, got More, whose `extra` would be lost; declare `Label | More`"),
        (BOX, {"width": 1, "height": 2, "depth": 3}, "x.depth is no key of Box and would be lost; declare it, or"),
        (BOX, {"width": 1}, "x must be Box, got dict {'width': 1}"),
        (pair(INT, STR), (1,), "x must be tuple[int, str], got tuple (1,)"),
        (pair(INT, STR), np.array(1), "x must be tuple[int, str], got ndarray array(1)"),
        (Field(name="x", type=Optional(INT), default=3), None, "x cannot be None, because a field that is left out"),
    ],
    ids=str,
)
def test_whatever_is_wrong_is_said_by_the_general_writer(type_: Type | Field, value: Any, message: str) -> None:
    codec = codec_of((type_,) if isinstance(type_, Field) else params(x=type_))
    with pytest.raises(EncodeError) as error:
        codec.encode_request({"x": value})
    assert str(error.value).startswith(message)


def test_constructors_say_what_they_refuse() -> None:
    class Even(pydantic.BaseModel):
        n: int = pydantic.Field(multiple_of=2)

    even = Record(name="Even", kind="pydantic", python=Even, fields=(Field(name="n", type=INT),))
    codec = codec_of(params(x=even))
    with pytest.raises(InvalidArgument) as error:
        codec.decode_request(b"\x0a\x02\x08\x03")
    assert [(v.field, v.description) for v in error.value.violations] == [("x.n", "Input should be a multiple of 2")]


def test_pydantic_is_not_asked_about_many_broken_rules() -> None:
    constructed: list[int] = []

    class Counted(pydantic.BaseModel):
        numbers: list[int]

        def model_post_init(self, _context: Any) -> None:
            constructed.append(len(self.numbers))

    positive = Scalar("int", rules=Rules(gt=0))
    record = Record(name="Counted", kind="pydantic", python=Counted, fields=params(numbers=ListOf(positive)))
    codec = codec_of(params(x=record))
    data = codec.encode_request({"x": Counted.model_construct(numbers=[-1] * 500)})
    constructed.clear()
    with pytest.raises(InvalidArgument):
        codec.decode_request(data)
    assert constructed == []


@pytest.mark.usefixtures("fast_only")
def test_a_tensor_of_numbers_needs_no_second_reading_of_its_message() -> None:
    codec = codec_of(params(x=Tensor("numpy")))
    message: Any = codec.request_class()
    message.x.datatype = "FP32"
    message.x.shape.append(2)
    message.x.fp32_contents.extend([1, 2])
    assert same(codec.decode_request(message.SerializeToString())["x"], np.array([1, 2], np.float32))


def test_codecs_are_compiled_when_they_are_used_first() -> None:
    codec: RpcCodec = codec_of(params(x=INT))
    writer, reader = codec._write_request, codec._read_request
    assert writer.write == writer._write_first
    codec.encode_request({"x": 1})
    assert writer.write != writer._write_first
    assert reader.read == reader._read_first
