"""Unions, standard classes, any value, recursion and narrow numbers, over protobuf and over JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from typing import Any, NotRequired, TypedDict
from uuid import UUID as PyUUID

import numpy as np
import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schema_samples import (
    ANY,
    BOOL,
    BYTES,
    CIRCLE,
    DATE,
    DATETIME,
    DECIMAL,
    FLOAT,
    FLOAT32,
    INT,
    INT32,
    LABEL,
    NOTE,
    SHAPE,
    SQUARE,
    STR,
    TIMEDELTA,
    TREE,
    UUID,
    Circle,
    Color,
    Square,
    Tree,
    codec_of,
    pair,
    params,
    same,
    typed_fields,
)

from meshgen.codec.rpc import EncodeError
from meshgen.schema.convert.json_value import from_json, to_json
from meshgen.schema.model import (
    Choice,
    EnumOf,
    Field,
    ListOf,
    MapOf,
    Optional,
    Record,
    Type,
    Union,
)
from meshgen.schema.reflect.reflector import reflect
from meshgen.status import Internal, InvalidArgument

SETTINGS = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LATE = datetime(2024, 5, 17, 12, 30, 1, 250_000, tzinfo=UTC)
SOME_ID = PyUUID("123e4567-e89b-12d3-a456-426614174000")
NUMBER = Union((INT, FLOAT, STR))


@dataclasses.dataclass
class Holder:
    item: Any


def holder(item: Type, name: str) -> Record:
    return Record(name=name, kind="dataclass", python=Holder, fields=params(item=item), args=(item,))


@pytest.mark.parametrize(
    ("type_", "value", "document"),
    [
        (DATETIME, LATE, "2024-05-17T12:30:01.250Z"),
        (DATETIME, datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
        (DATETIME, datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "9999-12-31T23:59:59.999999Z"),
        (DATETIME, datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC), "1969-12-31T23:59:59.000001Z"),
        (DATETIME, datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2023-12-31T22:00:00Z"),
        (TIMEDELTA, timedelta(seconds=3.5), "3.500s"),
        (TIMEDELTA, timedelta(seconds=-0.25), "-0.250s"),
        (TIMEDELTA, timedelta(0), "0s"),
        (TIMEDELTA, timedelta(seconds=315_576_000_000), "315576000000s"),
        (DATE, date(2024, 2, 29), {"year": 2024, "month": 2, "day": 29}),
        (DECIMAL, Decimal("1.50"), {"value": "1.50"}),
        (DECIMAL, Decimal("-0E+3"), {"value": "-0E+3"}),
        (UUID, SOME_ID, str(SOME_ID)),
        (ANY, None, None),
        (ANY, [1, 2.5, None, {"a": [True, "x"]}], [1, 2.5, None, {"a": [True, "x"]}]),
        (ListOf(ANY), [None, 1], [None, 1]),
        (MapOf(STR, ANY), {"a": None, "b": {}}, {"a": None, "b": {}}),
        (Optional(ListOf(DATETIME)), [LATE], {"values": ["2024-05-17T12:30:01.250Z"]}),
        (INT32, -(1 << 31), -(1 << 31)),
        (FLOAT32, 0.5, 0.5),
        (FLOAT32, -3.4028234663852886e38, -3.4028234663852886e38),  # its shortest text, …235e38, is out of range
        (FLOAT32, math.inf, "Infinity"),
        (Choice((1, 2)), 2, 2),
        (ListOf(SHAPE), [Circle(1.0), Square(2.0)], [{"circle": {"radius": 1.0}}, {"square": {"side": 2.0}}]),
        (ListOf(Optional(NUMBER)), [1, None, "a"], [{"value": {"int": 1}}, {}, {"value": {"str": "a"}}]),
        (MapOf(INT, NUMBER), {1: 1.5}, {"1": {"float": 1.5}}),
        (NOTE, {"text": "a"}, {"text": "a"}),
        (NOTE, {"text": "a", "lang": "b", "extra": None}, {"text": "a", "lang": "b", "extra": None}),
        (TREE, Tree(1, [Tree(2)], {"k": Tree(3)}, "x"), {
            "value": 1,
            "children": [{"value": 2, "children": [], "named": {}}],
            "named": {"k": {"value": 3, "children": [], "named": {}}},
            "other_str": "x",
        }),
        (pair(SHAPE, name="CircleOrSquareTuple"), (Square(1.0),), {"item_0_square": {"side": 1.0}}),
        (holder(INT, "HolderInt"), Holder(1), {"item": 1}),
        (ListOf(UUID, "set"), {SOME_ID}, [str(SOME_ID)]),
    ],
)  # fmt: skip
def test_values_and_their_json(type_: Type, value: Any, document: Any) -> None:
    codec = codec_of(params(x=type_), type_)
    assert same(codec.decode_request(codec.encode_request({"x": value}))["x"], value)
    assert same(codec.decode_response(codec.encode_response(value)), value)
    assert to_json(params(x=type_), {"x": value}) == {"x": document}
    assert same(from_json(params(x=type_), {"x": document})["x"], value)


@pytest.mark.parametrize(
    ("value", "document"),
    [
        (5, {"x_int": 5}),
        (5.0, {"x_float": 5.0}),
        ("5", {"x_str": "5"}),
        (None, {}),
        (True, {"x_bool": True}),
        (b"a", {"x_bytes": "YQ=="}),
        (LATE, {"x_datetime": "2024-05-17T12:30:01.250Z"}),
        (LATE.date(), {"x_date": {"year": 2024, "month": 5, "day": 17}}),
        ([1], {"x_int_list": {"values": [1]}}),
        ([], {"x_int_list": {"values": []}}),
        ({"a": 1}, {"x_str_int_map": {"values": {"a": 1}}}),
        (Circle(1.0), {"x_circle": {"radius": 1.0}}),
        (Color.RED, {"x_color": "COLOR_RED"}),
        (Tree(1), {"x_tree": {"value": 1, "children": [], "named": {}}}),
        (np.float32(0.5), {"x_float": 0.5}),
        (np.int64(3), {"x_int": 3}),
    ],
)
def test_a_union_as_a_field(value: Any, document: Any) -> None:
    members = (
        *(INT, FLOAT, STR, BOOL, BYTES, DATETIME, DATE, ListOf(INT), MapOf(STR, INT)),
        *(CIRCLE, SQUARE, EnumOf(Color), TREE),
    )
    fields = params(x=Optional(Union(members)))
    codec = codec_of(fields)
    decoded = codec.decode_request(codec.encode_request({"x": value}))["x"]
    assert same(decoded, value.item() if isinstance(value, np.generic) else value)
    assert to_json(fields, {"x": value}) == document
    assert same(from_json(fields, document)["x"], decoded)
    message = json_format.ParseDict(document, codec.request_class())
    assert message.SerializeToString() == codec.encode_request({"x": value})


def test_members_of_one_class_are_told_apart_by_what_they_hold() -> None:
    lists = Union((ListOf(STR), ListOf(INT)))
    codec = codec_of(params(x=lists))
    for value in ([1], ["a"], []):
        assert codec.decode_request(codec.encode_request({"x": value}))["x"] == value
    assert to_json(params(x=lists), {"x": []}) == {"x_str_list": {"values": []}}
    boxes = Union((holder(INT, "HolderInt"), holder(STR, "HolderStr")))
    assert to_json(params(x=boxes), {"x": Holder("a")}) == {"x_holder_str": {"item": "a"}}
    assert to_json(params(x=boxes), {"x": Holder(1)}) == {"x_holder_int": {"item": 1}}


class Moment(datetime):
    """A subclass, as pandas has one."""


def test_a_subclass_is_of_its_base() -> None:
    value = Moment(2024, 1, 1, tzinfo=UTC)
    assert to_json(params(x=Union((DATE, DATETIME))), {"x": value}) == {"x_datetime": "2024-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        (DATETIME, datetime(2024, 1, 1), "x must have a timezone, got a naive datetime; write"),
        (DATETIME, "2024-01-01", "x must be a datetime, got str"),
        (DATETIME, datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), "x must be within the years 1 to 9999"),
        (DATE, LATE, "x must be a date, got datetime"),
        (TIMEDELTA, timedelta(days=4_000_000), "x must be within 315576000000 seconds, got 4000000 days"),
        (TIMEDELTA, 5, "x must be a timedelta, got int 5"),
        (DECIMAL, Decimal("NaN"), "x must be finite, got NaN"),
        (DECIMAL, Decimal("-Infinity"), "x must be finite"),
        (DECIMAL, 1.5, "x must be a Decimal, got float 1.5"),
        (UUID, str(SOME_ID), "x must be a UUID, got str"),
        (INT32, 1 << 31, "x must fit 32 bits, got 2147483648"),
        (FLOAT32, 1e39, "x must be within the range of a 32-bit float, got 1e+39"),
        (Choice((1, 2)), 3, "x must be one of 1, 2, got int 3"),
        (Choice((1, 2)), True, "x must be one of 1, 2, got bool True"),
        (Choice((1, 2)), np.zeros(2), "x must be one of 1, 2, got ndarray"),
        (ANY, (1 << 53) + 1, "x is an int of 54 bits, and Any has doubles, exact up to 2**53"),
        (ANY, {"a": [math.nan]}, "x['a'][0] is nan, which JSON cannot hold"),
        (ANY, {1: 2}, "x[1] must be a str, got int 1"),
        (ANY, {"a": b""}, "x['a'] must be a value of JSON for Any, got bytes"),
        (ANY, Circle(1.0), "x must be a value of JSON for Any, got Circle"),
        (ANY, "\ud800", "x must be valid Unicode, has a lone surrogate at 0"),
        (NUMBER, None, "x must be int | float | str, got NoneType None"),
        (NUMBER, True, "x must be int | float | str, got bool True"),
        (NUMBER, 1 << 63, "x_int must fit 64 bits"),
        (SHAPE, Circle("a"), "x_circle.radius must be a float"),  # type: ignore[arg-type]  # the point
        (ListOf(SHAPE), [Circle(1.0), Square("a")], "x[1].square.side must be a float"),  # type: ignore[arg-type]
        (ListOf(SHAPE), [5], "x[0] must be Circle | Square, got int 5"),
        (NOTE, {}, "x must be Note, got dict {}"),
        (NOTE, {"text": "a", "lang": 5}, "x.lang must be a str"),
        (TREE, Tree(1, [Tree("a")]), "x.children[0].value must be an int"),  # type: ignore[arg-type]
        (ListOf(ListOf(INT), "set"), [[1]], "x must be set[list[int]], got list"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_named(type_: Type, value: Any, message: str) -> None:
    with pytest.raises(EncodeError) as caught:
        codec_of(params(x=type_)).encode_request({"x": value})
    assert str(caught.value).startswith(message)
    with pytest.raises(EncodeError) as caught:
        to_json(params(x=type_), {"x": value})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("type_", "document", "path", "description"),
    [
        (DATETIME, "2024-05-17", "x", "must be a time as in"),
        (DATETIME, "2024-05-17T12:00:00", "x", "must be a time as in"),
        (DATETIME, "2024-02-30T12:00:00Z", "x", "must be a time that exists"),
        (DATETIME, "0001-01-01T00:00:00+01:00", "x", "must be a time that exists"),
        (DATETIME, 5, "x", "must be a time as in"),
        (TIMEDELTA, "5", "x", "must be a number of seconds as in '3.5s'"),
        (TIMEDELTA, "315576000001s", "x", "must be within"),
        (DATE, {"year": 2024, "month": 2}, "x.day", "is required"),
        (DATE, {"year": 2024, "month": 2, "day": 30}, "x", "must be a date that exists"),
        (DATE, {"year": 10000, "month": 2, "day": 3}, "x", "must be a date that exists"),
        (DATE, "2024-02-03", "x", "must be an object"),
        (DECIMAL, {}, "x.value", "must be a decimal number"),
        (DECIMAL, {"value": "NaN"}, "x.value", "must be a decimal number"),
        (DECIMAL, {"value": "1e9999999999999999999"}, "x.value", "is out of range"),
        (DECIMAL, "1.5", "x", "must be an object"),
        (UUID, "123e4567e89b12d3a456426614174000", "x", "must be a UUID as in"),
        (INT32, 1 << 31, "x", "must fit 32 bits"),
        (INT, "9" * 20, "x", "must fit 64 bits"),
        (FLOAT32, 1e39, "x", "must be within the range of a 32-bit float"),
        (Choice((1, 2)), 3, "x", "must be one of 1, 2"),
        (ListOf(INT, "set"), [1, 1], "x", "must have no element twice"),
        (ListOf(SHAPE), [{}], "x[0]", "must have one of circle, square"),
        (ListOf(SHAPE), [{"circle": {}}], "x[0].circle.radius", "is required"),
        (ListOf(SHAPE), [{"circle": {"radius": 1}, "square": {"side": 1}}], "x[0].square", "cannot come together"),
        (TREE, {"value": 1, "children": [{"value": "a"}]}, "x.children[0].value", "must be an integer"),
    ],
)
def test_json_that_does_not_fit_is_named(type_: Type, document: Any, path: str, description: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        from_json(params(x=type_), {"x": document})
    (violation,) = caught.value.violations
    assert violation.field == path
    assert violation.description.startswith(description)


@pytest.mark.parametrize(
    ("document", "path", "description"),
    [
        ({}, "x", "is required: one of x_circle, x_square"),
        ({"x_circle": None}, "x", "is required: one of x_circle, x_square"),
        ({"x_circle": {}}, "x_circle.radius", "is required"),
        ({"x_circle": {"radius": 1}, "x_square": {"side": 1}}, "x_square", "cannot come together with x_circle"),
    ],
)
def test_json_of_a_union_as_a_field(document: Any, path: str, description: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        from_json(params(x=SHAPE), document)
    assert [(v.field, v.description) for v in caught.value.violations] == [(path, description)]


@pytest.mark.parametrize(
    ("type_", "document", "value"),
    [
        (DATETIME, "2024-05-17T14:30:01.250999999+02:00", LATE.replace(microsecond=250_999)),
        (TIMEDELTA, "-0.000001999s", timedelta(microseconds=-1)),
        (DATE, {"year": "2024", "month": 2.0, "day": 29}, date(2024, 2, 29)),
        (DECIMAL, {"value": "+.5e1"}, Decimal(5)),
        (UUID, str(SOME_ID).upper(), SOME_ID),
        (ANY, 5.0, 5),
        (ANY, -9007199254740992, -9007199254740992),
        (FLOAT32, 0.1, 0.10000000149011612),
        (Choice((1, 2)), "2", 2),
    ],
)
def test_json_is_read_as_protobuf_reads_it(type_: Type, document: Any, value: Any) -> None:
    codec = codec_of(params(x=type_))
    message = json_format.ParseDict({"x": document}, codec.request_class())
    assert same(codec.decode_request(message.SerializeToString())["x"], value)
    assert same(from_json(params(x=type_), {"x": document})["x"], value)


def test_numbers_of_thousands_of_digits() -> None:
    with pytest.raises(EncodeError, match=r"x must be a float, got int$"):
        codec_of(params(x=FLOAT)).encode_request({"x": 10**5000})
    for type_, document in ((INT, "9" * 5000), (MapOf(INT, INT), {"9" * 5000: 1}), (Choice((1, 2)), "9" * 5000)):
        with pytest.raises(InvalidArgument, match="must be an integer"):
            from_json(params(x=type_), {"x": document})


def test_numbers_of_numpy_and_tuples_in_any() -> None:
    value = {"a": (np.float32(0.5), np.int64(3), np.bool_(True)), "b": np.zeros(())}
    plain = {"a": [0.5, 3, True], "b": 0}
    codec = codec_of(params(x=ANY))
    assert same(codec.decode_request(codec.encode_request({"x": value}))["x"], plain)
    assert to_json(params(x=ANY), {"x": value}) == {"x": plain}


def violations(fields: tuple[Field, ...], **message: Any) -> dict[str, str]:
    codec = codec_of(fields)
    with pytest.raises(InvalidArgument) as caught:
        codec.decode_request(codec.request_class(**message).SerializeToString())
    return {v.field: v.description for v in caught.value.violations}


def test_messages_from_outside() -> None:
    assert violations(params(x=SHAPE)) == {"x": "is required: one of x_circle, x_square"}
    assert violations(params(x=ListOf(SHAPE)), x=[{}]) == {"x[0]": "must have one of circle, square"}
    assert violations(params(x=DATETIME), x={"nanos": -1}) == {"x.nanos": "must be from 0 to 999999999"}
    assert violations(params(x=DATETIME), x={"seconds": 1 << 60}) == {"x.seconds": "must be within the years 1 to 9999"}
    assert violations(params(x=TIMEDELTA), x={"seconds": 1, "nanos": -1}).keys() == {"x.nanos"}
    assert violations(params(x=TIMEDELTA), x={"seconds": 1 << 60}) == {"x.seconds": "must be within 315576000000"}
    assert violations(params(x=DATE), x={"year": 2024}) == {"x.month": "is required", "x.day": "is required"}
    assert violations(params(x=DECIMAL), x={"value": "inf"}).keys() == {"x.value"}
    assert violations(params(x=UUID), x="").keys() == {"x"}
    assert violations(params(x=ANY), x={"number_value": math.nan}) == {"x": "must be finite"}
    assert violations(params(x=ListOf(STR, "frozenset")), x=["a", "a"]) == {"x": "must have no element twice"}


def test_time_below_a_microsecond_is_cut_off() -> None:
    codec = codec_of(params(a=DATETIME, b=TIMEDELTA))
    message: Any = codec.request_class(a={"seconds": -1, "nanos": 999_999_999}, b={"seconds": -1, "nanos": -1_999})
    assert codec.decode_request(message.SerializeToString()) == {
        "a": datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        "b": timedelta(seconds=-1, microseconds=-1),
    }


def deep(levels: int) -> Tree:
    tree = Tree(0)
    for _ in range(levels):
        tree = Tree(0, [tree])
    return tree


def deep_json(levels: int) -> Any:
    document: Any = {"value": 0}
    for _ in range(levels):
        document = {"value": 0, "children": [document]}
    return document


def test_as_deep_as_protobuf_goes() -> None:
    codec = codec_of(params(x=TREE), TREE)
    deepest = deep(99)  # in a request, which is the hundredth message around the innermost
    assert codec.decode_request(codec.encode_request({"x": deepest}))["x"] == deepest
    assert from_json(params(x=TREE), {"x": deep_json(99)})["x"] == deepest
    for levels in (100, 150, 5000):
        with pytest.raises(EncodeError, match="nested deeper than 100 messages"):
            codec.encode_request({"x": deep(levels)})
        with pytest.raises(InvalidArgument, match="nested deeper than 100 messages"):
            from_json(params(x=TREE), {"x": deep_json(levels)})
    message: Any = codec.request_class()
    inner = message.x
    for _ in range(120):
        inner = inner.children.add()
    with pytest.raises(InvalidArgument, match="nested deeper than 100 messages"):
        codec.decode_request(message.SerializeToString())
    with pytest.raises(Internal, match="nested deeper than 100 messages"):
        codec.decode_response(message.x.SerializeToString())


def test_python_values_in_themselves() -> None:
    circle = Tree(1)
    circle.children += [circle, circle]
    endless: list[Any] = []
    endless += [endless, endless]
    for type_, value in ((TREE, circle), (ANY, endless), (ListOf(ANY), endless)):
        with pytest.raises(EncodeError, match="nested deeper than 100 messages"):
            codec_of(params(x=type_)).encode_request({"x": value})
        with pytest.raises(EncodeError, match="nested deeper than 100 messages"):
            to_json(params(x=type_), {"x": value})


def test_absent_keys_and_unions_with_defaults() -> None:
    fields = (
        Field(name="a", type=SHAPE, default=Circle(1.0)),
        Field(name="b", type=Optional(NUMBER), default=5),
        Field(name="c", type=ANY, default=7),
        Field(name="d", type=ANY),
        Field(name="e", type=NOTE),
    )
    codec = codec_of(fields)
    sent = {"d": None, "e": {"text": ""}}
    expected = {"a": Circle(1.0), "b": 5, "c": 7, "d": None, "e": {"text": ""}}
    assert codec.decode_request(codec.encode_request(sent)) == expected
    assert from_json(fields, sent) == expected
    with pytest.raises(EncodeError, match="b cannot be None"):
        codec.encode_request({**sent, "b": None})
    with pytest.raises(EncodeError, match="b cannot be None"):
        to_json(fields, {**sent, "a": Circle(1.0), "b": None})
    assert codec.decode_request(codec.encode_request({**sent, "c": None}))["c"] is None
    assert to_json(fields[1:], sent) == {"d": None, "e": {"text": ""}}
    with pytest.raises(InvalidArgument, match="d is required"):
        from_json(fields, {"e": {"text": ""}})


@pytest.mark.parametrize(
    ("item", "fine", "wrong"),
    [
        (FLOAT32, {0.5, 0.25, -math.inf}, {0.1, 0.1 + 1e-12}),
        (pair(FLOAT32, STR), {(0.1, "a"), (0.1, "b")}, {(0.1, "a"), (0.1 + 1e-12, "a")}),
        (Optional(FLOAT32), {None, 0.5}, {None, 0.1, 0.1 + 1e-12}),
        (FLOAT, {0.1, 0.1 + 1e-12}, None),
    ],
)
def test_a_set_whose_elements_are_the_same_in_32_bits(item: Type, fine: Any, wrong: Any) -> None:
    fields = params(x=ListOf(item, "set"))
    codec = codec_of(fields)
    assert len(codec.decode_request(codec.encode_request({"x": fine}))["x"]) == len(fine)
    assert len(from_json(fields, to_json(fields, {"x": fine}))["x"]) == len(fine)
    for write in (codec.encode_request, partial(to_json, fields)):
        if wrong is not None:
            with pytest.raises(EncodeError, match="x has elements that are the same in the 32 bits"):
                write({"x": wrong})


def test_an_absent_key_of_a_union() -> None:
    class Sized(TypedDict):
        text: str
        size: NotRequired[int | str]

    type_ = reflect(Sized)
    for value in ({"text": ""}, {"text": "", "size": 1}, {"text": "", "size": "a"}):
        codec = codec_of(params(x=type_))
        assert codec.decode_request(codec.encode_request({"x": value}))["x"] == value
        assert from_json(type_, to_json(type_, value)) == value


def test_unknown_keys_are_reported_through_unions_and_records_in_themselves() -> None:
    found: list[str] = []
    document = {
        "x_circle": {"radius": 1, "colour": 2},
        "y": [{"square": {"side": 1, "s": 1}, "z": 1}],
        "t": {"value": 1, "children": [{"value": 2, "kids": []}], "other_tree": {"value": 1, "a": 1}},
        "d": {"year": 2024, "month": 1, "day": 1, "hour": 5},
        "n": {"value": "1", "digits": 5},
        "any": {"what": "ever"},
    }
    fields = params(x=SHAPE, y=ListOf(SHAPE), t=TREE, d=DATE, n=DECIMAL, any=ANY)
    from_json(fields, document, unknown_key=found.append)
    assert found == [
        "x_circle.colour",
        "y[0].square.s",
        "y[0].z",
        "t.children[0].kids",
        "t.other_tree.a",
        "d.hour",
        "n.digits",
    ]


@SETTINGS
@given(typed_fields())
def test_our_json_is_a_message_to_protobuf_and_its_json_a_value_to_us(
    drawn: tuple[tuple[Field, ...], dict[str, Any]],
) -> None:
    fields, values = drawn
    codec = codec_of(fields)
    written = json.dumps(to_json(fields, values), allow_nan=False)
    message = json_format.Parse(written, codec.request_class())
    assert same(codec.decode_request(message.SerializeToString()), values)
    for preserving in (True, False):
        printed = json_format.MessageToJson(message, preserving_proto_field_name=preserving)
        assert same(from_json(fields, json.loads(printed)), values)


@st.composite
def _damaged(draw: st.DrawFn) -> tuple[tuple[Field, ...], bytes]:
    fields, values = draw(typed_fields())
    data = bytearray(codec_of(fields).encode_request(values))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=3))
    return fields, bytes(data)


@SETTINGS
@given(_damaged())
def test_damaged_bytes_are_an_invalid_argument_at_most(drawn: tuple[tuple[Field, ...], bytes]) -> None:
    fields, data = drawn
    codec = codec_of(fields, fields[0].type)
    try:
        decoded = codec.decode_request(data)
    except InvalidArgument:
        return
    assert same(codec.decode_request(codec.encode_request(decoded)), decoded)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["1s", "NaN", "COLOR_RED"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.sampled_from(["value", "values", "year", "circle", "int"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@SETTINGS
@given(typed_fields(), st.data())
def test_garbage_json_is_an_invalid_argument_at_most(
    drawn: tuple[tuple[Field, ...], dict[str, Any]], data: st.DataObject
) -> None:
    fields, values = drawn
    document = to_json(fields, values)
    for key in document:
        document[key] = data.draw(_JSON)
    try:
        from_json(fields, document, unknown_key=lambda _: None)
    except InvalidArgument:
        return


def test_a_record_in_a_union_has_its_defaults() -> None:
    codec = codec_of(params(x=Union((LABEL, STR))))
    message: Any = codec.request_class()
    message.x_label.label = "a"
    assert codec.decode_request(message.SerializeToString())["x"].score == 0.5
