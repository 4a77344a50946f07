"""Small messages of tensors, bytes and other fields past protobuf, against what the general code writes and reads."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from codec_outcomes import generally, outcome
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schema_samples import (
    BOOL,
    BYTES,
    DATETIME,
    FLOAT,
    FLOAT32,
    INT,
    INT32,
    LABEL,
    SHAPE,
    STR,
    TREE,
    Circle,
    Color,
    Label,
    codec_of,
    pair,
    params,
    same,
    typed_fields,
)

from meshgen.codec import payloads
from meshgen.codec.fallback import MessageReader, MessageWriter, Otherwise
from meshgen.codec.rpc import EncodeError
from meshgen.schema.model import Choice, EnumOf, Field, Image, ListOf, MapOf, Optional, Record, Tensor, Type

ARRAY, FLOATS = Tensor("numpy"), Tensor("numpy", "float32", (None,))
ROW = np.arange(5, dtype=np.float32)
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
LEFT = object()
"""What is given for a value that is left to others."""


@dataclasses.dataclass
class Item:
    name: str
    x: Any
    note: str | None = None
    score: float = 0.5


ITEM = Record(
    name="Item",
    kind="dataclass",
    python=Item,
    fields=(
        Field(name="name", type=STR),
        Field(name="x", type=FLOATS),
        Field(name="note", type=Optional(STR), default=None),
        Field(name="score", type=FLOAT, default=0.5),
    ),
)


def small(codec: MessageWriter | MessageReader, value: Any) -> Any:
    assert codec._compile_small is not None
    return codec._compile_small(Otherwise(lambda _: LEFT, lambda _, failure: failure))(value)


def written(writer: MessageWriter, value: Any) -> bytes:
    """By the general writer."""
    return writer._wire.write(writer._general, value)


SMALL: list[tuple[dict[str, Type], dict[str, Any]]] = [
    ({"x": FLOATS}, {"x": ROW}),
    ({"x": BYTES}, {"x": b"abc"}),
    ({"x": BYTES, "name": STR}, {"x": bytes(300), "name": "ä" * 200}),
    ({"x": FLOATS, "k": INT}, {"x": ROW, "k": -3}),
    ({"x": ARRAY, "a": BOOL, "b": INT32, "c": FLOAT, "d": FLOAT32}, {"x": ROW, "a": True, "b": -9, "c": 1e300, "d": 3}),
    ({"x": ListOf(FLOATS)}, {"x": [ROW, ROW[:2], ROW[:0]]}),
    ({"x": ListOf(FLOATS, "tuple")}, {"x": (ROW,)}),
    ({"x": ListOf(BYTES)}, {"x": [b"", b"a", bytes(20_000)]}),
    ({"x": ITEM}, {"x": Item("n", ROW)}),
    ({"x": ITEM}, {"x": Item("n" * 130, ROW, "", -0.0)}),
    ({"x": ListOf(ITEM), "y": ITEM}, {"x": [Item("a", ROW), Item("b", ROW[:1])], "y": Item("c", ROW)}),
    ({"x": pair(INT, FLOATS, name="IntArrayTuple")}, {"x": (1 << 40, ROW)}),
    ({"x": FLOATS, "ids": ListOf(INT)}, {"x": ROW, "ids": [1, -1, 300]}),
    ({"a": ListOf(STR), "x": FLOATS, "l": LABEL}, {"a": ["a", ""], "x": ROW, "l": Label("l", 2.5)}),
    ({"m": MapOf(STR, INT), "x": BYTES, "u": SHAPE}, {"m": {"b": 1, "a": 2}, "x": b"", "u": Circle(2.0)}),
    ({"x": Optional(FLOATS), "y": Optional(BYTES), "z": Optional(INT)}, {"x": None, "y": None, "z": None}),
    ({"x": Optional(FLOATS), "y": Optional(BYTES), "z": Optional(INT)}, {"x": ROW, "y": b"y", "z": 0}),
    (
        {"x": FLOATS, "t": DATETIME, "c": Choice(("a", "b")), "n": Choice((-1, 200)), "e": EnumOf(Color)},
        {"x": ROW, "t": NOW, "c": "b", "n": -1, "e": Color.RED},
    ),
]


@pytest.mark.parametrize(("types", "values"), SMALL, ids=lambda given: " ".join(given))
def test_these_are_written_and_read_without_protobuf(types: dict[str, Type], values: dict[str, Any]) -> None:
    codec = codec_of(params(**types))
    data = written(codec._write_request, values)
    assert small(codec._write_request, values) == data
    assert codec.encode_request(values) == data
    assert b"".join(codec.request_parts(values)) == data
    found = small(codec._read_request, data)
    assert same(found, generally(codec, data))
    assert same(small(codec._read_request, memoryview(data)), found)
    for number in range(len(data)):  # nowhere is a message cut off and not noticed
        assert same(outcome(codec, data[:number]), generally(codec, data[:number]))


@pytest.mark.parametrize(
    "result", [FLOATS, BYTES, Optional(FLOATS), ListOf(FLOATS), ITEM, pair(FLOATS, BYTES, name="TwoTuple")], ids=str
)
def test_answers_are_as_well(result: Type) -> None:
    values: dict[str, Any] = {
        str(FLOATS): ROW, str(BYTES): b"abc", str(ListOf(FLOATS)): [ROW, ROW], str(ITEM): Item("n", ROW, "note"),
    }  # fmt: skip
    value = values.get(str(result), (ROW, b"x") if isinstance(result, Record) else ROW)
    codec = codec_of(result=result)
    data = written(codec._write_response, value)
    assert small(codec._write_response, value) == data == codec.encode_response(value)
    assert same(small(codec._read_response, data), value)
    assert same(codec.decode_response(data), value)


def test_a_request_that_is_a_record() -> None:
    codec = codec_of(record=ITEM)
    data = written(codec._write_request, Item("n", ROW))
    assert small(codec._write_request, Item("n", ROW)) == data
    assert same(small(codec._read_request, data), Item("n", ROW))


@pytest.mark.parametrize(
    "types",
    [
        {"x": INT, "s": STR}, {"x": TREE, "b": BYTES}, {"x": Image(), "b": BYTES}, {"x": MapOf(STR, FLOATS)},
        {"x": ListOf(Optional(FLOATS))}, {"x": BYTES, **{f"p{i}": INT for i in range(15)}},
    ],
    ids=lambda given: " ".join(given),
)  # fmt: skip
def test_these_are_left_to_protobuf(types: dict[str, Type]) -> None:
    codec = codec_of(params(**types))
    assert small(codec._read_request, b"") is LEFT
    assert small(codec._write_request, {}) is LEFT


def test_what_is_not_small_is_left_to_others() -> None:
    big = np.zeros(payloads.THRESHOLD, np.uint8)
    for type_, value in ((ARRAY, big), (BYTES, big.tobytes()), (ListOf(ARRAY), [big[:1], big])):
        codec = codec_of(params(x=type_, k=INT))
        assert small(codec._write_request, {"x": value, "k": 1}) is LEFT
        assert same(codec.decode_request(codec.encode_request({"x": value, "k": 1})), {"x": value, "k": 1})
    codec = codec_of(params(x=ARRAY, k=INT))
    assert small(codec._read_request, written(codec._write_request, {"x": big, "k": 1})) is LEFT
    codec = codec_of(params(x=BYTES, k=INT))
    assert small(codec._write_request, {"x": bytearray(b"x"), "k": 1}) is LEFT
    assert codec.decode_request(codec.encode_request({"x": bytearray(b"x"), "k": 1})) == {"x": b"x", "k": 1}
    codec = codec_of(params(x=BYTES, names=ListOf(STR)))
    for count, is_left in ((15, False), (16, True), (40, True)):
        values = {"x": b"x", "names": ["n"] * count}
        data = codec.encode_request(values)
        assert (small(codec._read_request, data) is LEFT) is is_left
        assert codec.decode_request(data) == values


NUMBERS = [0, 1, 127, 128, -1, (1 << 31) - 1, -(1 << 31), (1 << 63) - 1, -(1 << 63)]


@pytest.mark.parametrize("number", NUMBERS)
def test_every_number(number: int) -> None:
    for type_ in (INT, INT32, FLOAT):
        codec = codec_of(params(x=BYTES, k=type_))
        values = {"x": b"", "k": number}
        try:
            data = written(codec._write_request, values)
        except EncodeError:
            with pytest.raises(EncodeError):
                codec.encode_request(values)
            continue
        assert codec.encode_request(values) == data
        assert same(codec.decode_request(data), generally(codec, data))


def test_what_others_write_is_read_as_protobuf_does() -> None:
    codec = codec_of((Field(name="x", type=BYTES), Field(name="k", type=INT), Field(name="s", type=STR, default="d")))
    x, k, s = b"\x0a\x01x", b"\x10\x05", b"\x1a\x01s"
    for data in (
        x + k + s, s + k + x, x + k, x + s, k, x + x + k, x + k + k, x + k + s + s, x + k + b"\x22\x01u",
        x + k + b"\x1a\x81\x00s", x + b"\x10\x85\x80\x00", x + b"\x10" + b"\xff" * 9 + b"\x01",
        x + b"\x10" + b"\xff" * 9 + b"\x7f", x + b"\x10" + b"\xff" * 20 + b"\x01", x + b"\x15" + bytes(4),
        x + k + b"\x1a\x01\xff", x + k + b"\x1a\x03\xed\xa0\x80", x + k + b"\x1a\xff\xff\xff\xff\x0f", b"\x0a",
        x + k + b"\x1a\xff\xff\xff\x7f", b"", x + k + b"\x00", x + k + b"\x1b\x1c",
    ):  # fmt: skip
        assert same(outcome(codec, data), generally(codec, data)), data


def test_a_record_that_says_it_is_longer_than_what_is_around_it() -> None:
    codec = codec_of(params(x=ITEM, b=BYTES))
    inner = written(codec_of(record=ITEM)._write_request, Item("n", ROW))
    for length in range(len(inner) + 8):
        data = b"\x0a" + bytes((length,)) + inner + b"\x12\x02bb"
        assert same(outcome(codec, data), generally(codec, data)), length


def test_arguments_that_may_be_left_out() -> None:
    fields = (
        Field(name="x", type=FLOATS),
        Field(name="k", type=INT, default=3),
        Field(name="y", type=Optional(BYTES), default=b"y"),
        Field(name="l", type=ListOf(FLOATS), factory=lambda: [ROW]),
        Field(name="n", type=ListOf(INT), factory=lambda: [1, 2]),
    )
    codec = codec_of(fields)
    for more in ({}, {"k": 0}, {"y": b""}, {"l": [], "n": []}, {"k": 1, "y": b"z", "l": [ROW, ROW], "n": [3]}):
        values = {"x": ROW, **more}
        assert small(codec._write_request, values) == written(codec._write_request, values)
        assert same(
            small(codec._read_request, codec.encode_request(values)), generally(codec, codec.encode_request(values))
        )
    for wrong in ({"x": ROW, "y": None}, {"k": 1}, {"x": ROW, "z": 1}, {"x": ROW, "k": 1, "z": 1}):
        with pytest.raises(EncodeError) as general:
            written(codec._write_request, wrong)
        with pytest.raises(EncodeError) as error:
            codec.encode_request(wrong)
        assert str(error.value) == str(general.value)


property_of_codecs = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@property_of_codecs
@given(typed_fields(), st.sampled_from([(FLOATS, ROW), (BYTES, b"abc"), (ITEM, Item("n", ROW))]), st.data())
def test_both_write_and_read_the_same(
    drawn: tuple[tuple[Field, ...], dict[str, Any]], payload: tuple[Type, Any], draw: st.DataObject
) -> None:
    fields, values = drawn
    fields = draw.draw(st.permutations([*fields, Field(name="payload", type=payload[0])]))
    codec, values = codec_of(tuple(fields)), {**values, "payload": payload[1]}
    data = written(codec._write_request, values)
    assert codec.encode_request(values) == data
    assert same(codec.decode_request(data), generally(codec, data))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SMALL), st.data())
def test_broken_bytes_are_read_as_the_general_reader_does(
    shape: tuple[dict[str, Type], dict[str, Any]], draw: st.DataObject
) -> None:
    types, values = shape
    codec = codec_of(params(**types))
    data = bytearray(written(codec._write_request, values))
    for _ in range(draw.draw(st.integers(1, 3))):
        at = draw.draw(st.integers(0, min(len(data), 80)))
        match draw.draw(st.sampled_from(["set", "cut", "insert", "twice"])):
            case "set" if at < len(data):
                data[at] = draw.draw(st.integers(0, 255))
            case "cut":
                del data[at:]
            case "twice":
                data += data[at:]
            case _:
                data[at:at] = draw.draw(st.binary(min_size=1, max_size=3))
    assert same(outcome(codec, bytes(data)), generally(codec, bytes(data)))


def test_errors_are_the_general_writers() -> None:
    codec = codec_of(params(x=ListOf(ITEM), k=INT, b=BYTES))
    right: dict[str, Any] = {"x": [Item("n", ROW)], "k": 1, "b": b""}
    for name, wrong in (
        ("x", [Item("n", ROW), Item("n", "no array")]), ("x", [Item(1, ROW)]), ("x", [3]), ("x", None), ("b", "text"),
        ("x", [Item("\ud800", ROW)]), ("k", 1 << 63), ("k", "1"), ("k", True), ("b", None), ("x", {"a": 1}),
    ):  # fmt: skip
        with pytest.raises(EncodeError) as general:
            written(codec._write_request, {**right, name: wrong})
        for write in (codec.encode_request, codec.request_parts, codec.check_request):
            with pytest.raises(EncodeError) as error:
                write({**right, name: wrong})
            assert str(error.value) == str(general.value)


def test_text_is_written_as_text_whatever_its_class_says() -> None:
    class Odd(str):
        __slots__ = ()

        def encode(self, *_: Any) -> bytes:
            return b"odd"

    codec = codec_of(params(s=STR, b=BYTES))
    assert codec.decode_request(codec.encode_request({"s": Odd("x"), "b": b""})) == {"s": "x", "b": b""}


@pytest.mark.parametrize("other", [bytearray(b"x"), b"x"])
def test_what_can_be_read_only_once_is_no_list(other: Any) -> None:
    """It would be written in one way, and read to its end, before another way finds nothing in it."""
    codec = codec_of(params(ids=ListOf(INT), x=BYTES))
    for values in (iter([1, 2]), map(int, "12"), (i for i in (1, "bad"))):
        with pytest.raises(EncodeError, match=r"^ids must be list\[int\], got .*, which can be read only once: make"):
            codec.encode_request({"ids": values, "x": other})
        assert next(iter(values)) == 1


def test_shapes_that_change_from_message_to_message() -> None:
    codec = codec_of(params(x=ARRAY, y=FLOATS))
    for count in [3, 4, 3, 300, 0, 3, 20_000, 4] * 2:
        for dtype in ("float32", "uint8", "bool"):
            values = {"x": np.ones((count, 2), dtype), "y": np.arange(count, dtype=np.float32)}
            data = codec.encode_request(values)
            assert data == written(codec._write_request, values)
            assert same(small(codec._read_request, data), values)
    for count in [*range(300), *range(300)]:  # more than are remembered
        values = {"x": np.zeros((1, count), np.uint8), "y": ROW}
        assert same(small(codec._read_request, codec.encode_request(values)), values)
    wrong = codec.encode_request({"x": ROW, "y": np.ones(3)})
    for _ in range(2):
        assert outcome(codec, wrong) == [("y.datatype", "must be FP32, got FP64")]
