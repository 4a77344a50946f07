from __future__ import annotations

import base64
import dataclasses
import io
import math
from typing import Any

import numpy as np
import pydantic
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from PIL import Image as PIL_Image
from schema_samples import (
    BOOL,
    BOX,
    BYTES,
    FLOAT,
    INT,
    LABEL,
    POINT,
    STR,
    Color,
    HTTPMode,
    Label,
    Point,
    codec_of,
    contract_of,
    pair,
    params,
    same,
    typed_fields,
)

from meshgen.codec.rpc import Contracts, EncodeError
from meshgen.contract.build import build
from meshgen.contract.model import RpcSpec, ServiceSpec
from meshgen.errors import MeshgenError
from meshgen.schema.convert.json_value import from_json, to_json
from meshgen.schema.model import (
    Choice,
    EnumOf,
    Field,
    Image,
    ListOf,
    MapOf,
    Nothing,
    Optional,
    Record,
    Tensor,
    Type,
)
from meshgen.status import Internal, InvalidArgument

NOT_A_FLOAT: Any = "b"


def round_trip(type_: Type, value: Any) -> Any:
    """A value through a request and through a response; both must agree."""
    codec = codec_of(params(x=type_), type_)
    by_request = codec.decode_request(codec.encode_request({"x": value}))["x"]
    by_response = codec.decode_response(codec.encode_response(value))
    assert same(by_request, by_response)
    return by_request


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(typed_fields())
def test_any_value_of_any_type_comes_back(drawn: tuple[tuple[Field, ...], dict[str, Any]]) -> None:
    fields, values = drawn
    codec = codec_of(fields, fields[0].type)
    decoded = codec.decode_request(codec.encode_request(values))
    assert same(decoded, values)
    first = values[fields[0].name]
    assert same(codec.decode_response(codec.encode_response(first)), first)


# What the nearest competitor gets wrong (research: overflow at 2^31, lost precision, invalid protobuf for nested lists,
# optional lists and enums, lost tuple items).
@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (INT, 2**31),
        (INT, -(2**63)),
        (FLOAT, 1e300),
        (FLOAT, 0.1),
        (ListOf(ListOf(FLOAT)), [[0.1], []]),
        (MapOf(STR, ListOf(INT)), {"a": [1], "b": []}),
        (Optional(ListOf(INT)), []),
        (Optional(ListOf(INT)), None),
        (Optional(MapOf(STR, INT)), {}),
        (EnumOf(Color), Color.RED),
        (ListOf(EnumOf(HTTPMode)), [HTTPMode.KEEP_ALIVE, HTTPMode.OTHER]),
        (pair(INT, STR), (1, "a")),
        (Choice(("a", "b")), "b"),
        (Optional(INT), 0),
        (Optional(STR), ""),
        (Optional(BOOL), False),
        (LABEL, Label("a", 0.0)),
        (POINT, Point(1, 2)),
        (BOX, {"width": 1, "height": None}),
        (Optional(LABEL), None),
        (ListOf(Optional(INT)), [None, 0, 1]),
        (MapOf(BOOL, INT), {True: 1, False: 0}),
        (ListOf(INT, "frozenset"), frozenset({1, 2})),
        (BYTES, b"\x00\xff"),
        (STR, "\x00é🙂"),
    ],
)
def test_what_others_get_wrong(type_: Type, value: Any) -> None:
    assert same(round_trip(type_, value), value)


def test_float_special_values() -> None:
    assert math.isnan(round_trip(FLOAT, math.nan))
    assert round_trip(FLOAT, -math.inf) == -math.inf
    assert math.copysign(1, round_trip(FLOAT, -0.0)) == -1


def test_numbers_of_numpy_are_numbers() -> None:
    assert same(round_trip(FLOAT, np.float32(0.5)), 0.5)
    assert same(round_trip(FLOAT, 3), 3.0)
    assert same(round_trip(INT, np.int64(3)), 3)
    assert same(round_trip(BOOL, np.float32(1) > 0), True)
    assert same(round_trip(ListOf(FLOAT), np.ones(2)), [1.0, 1.0])


PAIR = Record(name="IntStrTuple", kind="tuple", python=tuple, fields=params(item_0=INT, item_1=STR))


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        (INT, 2**63, "x must fit 64 bits with its sign, got 65"),
        (INT, -(2**63) - 1, "x must fit 64 bits with its sign, got 65"),
        (INT, True, "x must be an int, got bool True"),
        (INT, 1.0, "x must be an int"),
        (INT, None, "x must be an int, got NoneType None"),
        (FLOAT, "1", "x must be a float"),
        (FLOAT, 10**400, "x must be a float"),
        (FLOAT, 2**53 + 1, "x must be a float, got int 9007199254740993, which no double holds exactly"),
        (FLOAT, np.complex128(1 + 2j), "x must be a float, got complex128"),
        (FLOAT, np.bool_(True), "x must be a float, got bool"),
        (INT, torch.tensor(True), "x must be an int, got Tensor"),
        (STR, "a\ud800", "x must be valid Unicode, has a lone surrogate at 1"),
        (STR, b"a", "x must be a str"),
        (BYTES, "a", "x must be bytes"),
        (BOOL, 1, "x must be a bool"),
        (Choice(("a", "b")), "c", "x must be one of 'a', 'b', got str 'c'"),
        (EnumOf(Color), "red", "x must be a member of Color"),
        (ListOf(INT), "abc", "x must be list[int]"),
        (ListOf(FLOAT), np.array(1.5), "x must be list[float], got ndarray array(1.5)"),
        (ListOf(INT), [1, "a"], "x[1] must be an int"),
        (MapOf(STR, LABEL), {"k": Label("a", NOT_A_FLOAT)}, "x['k'].score must be a float"),
        (MapOf(STR, INT), {1: 1}, "x[1] must be a str"),
        (MapOf(STR, INT), [], "x must be dict[str, int]"),
        (LABEL, {"label": "a"}, "x must be Label, got dict"),
        (ListOf(ListOf(INT)), [[1], [2, None]], "x[1][1] must be an int"),
        (PAIR, (1, "b", 3), "x must be tuple[int, str], got tuple (1, 'b', 3)"),
        (PAIR, (1,), "x must be tuple[int, str], got tuple (1,)"),
        (ListOf(PAIR), [(1, "b", 3)], "x[0] must be tuple[int, str]"),
        (Image(), 1, "x must be a PIL.Image.Image"),
        (Image(), PIL_Image.new("P", (1, 1)), "x has mode 'P', which cannot travel"),
        (Tensor("numpy"), [1], "x must be a numpy.ndarray"),
        (Tensor("numpy"), np.array(["a"]), "x has dtype str"),
    ],
)
def test_a_value_that_does_not_fit_is_named(type_: Type, value: Any, message: str) -> None:
    codec = codec_of(params(x=type_), type_)
    with pytest.raises(EncodeError) as caught:
        codec.encode_request({"x": value})
    assert str(caught.value).startswith(message)
    if not isinstance(type_, Record):
        with pytest.raises(EncodeError) as caught:
            to_json(params(x=type_), {"x": value})
        assert str(caught.value).startswith(message)
        with pytest.raises(EncodeError) as caught:
            codec.encode_response(value)
        assert str(caught.value).startswith("result" + message[1:])


def test_arguments_are_checked() -> None:
    codec = codec_of(params(x=INT))
    with pytest.raises(EncodeError, match="x is required"):
        codec.encode_request({})
    with pytest.raises(EncodeError, match="y is not a parameter"):
        codec.encode_request({"x": 1, "y": 2})
    with pytest.raises(EncodeError, match="must be None"):
        codec_of((), Nothing()).encode_response(1)
    assert codec_of((), Nothing()).encode_response(None) == b""
    assert codec_of((), Nothing()).decode_response(b"") is None


def violations(codec: Any, data: bytes) -> dict[str, str]:
    with pytest.raises(InvalidArgument) as caught:
        codec.decode_request(data)
    return {v.field: v.description for v in caught.value.violations}


def test_absence() -> None:
    fields = (
        *params(need=INT, record=LABEL, maybe=Optional(STR), items=ListOf(INT), table=MapOf(STR, INT)),
        Field(name="late", type=INT, default=7),
        Field(name="made", type=Optional(ListOf(INT)), factory=lambda: [1]),
        Field(name="listed", type=ListOf(INT), default=[5]),
    )
    codec = codec_of(fields)
    assert violations(codec, b"") == {"need": "is required", "record": "is required"}
    decoded = codec.decode_request(codec.encode_request({"need": 0, "record": Label("a")}))
    assert decoded == {
        "need": 0,
        "record": Label("a"),
        "maybe": None,
        "items": [],
        "table": {},
        "late": 7,
        "made": [1],
        "listed": [5],
    }
    message: Any = codec.request_class(need=1)
    message.record.label = "b"
    decoded = codec.decode_request(message.SerializeToString())
    assert decoded["record"] == Label("b", 0.5)
    assert decoded["listed"] == []  # a client that leaves a list out means the empty one


def test_none_where_absence_means_a_default() -> None:
    codec = codec_of((Field(name="x", type=Optional(INT), default=5),))
    assert codec.decode_request(codec.encode_request({})) == {"x": 5}
    with pytest.raises(EncodeError, match="x cannot be None"):
        codec.encode_request({"x": None})


def test_a_request_that_is_a_record() -> None:
    inner = Record(name="Outer", kind="tuple", python=tuple, fields=params(item_0=LABEL, item_1=ListOf(LABEL)))
    codec = codec_of(record=inner, result=inner)
    value = (Label("a", 1.0), [Label("b", 2.0)])
    data = codec.encode_request(value)
    assert codec.decode_request(data) == value == codec.decode_response(codec.encode_response(value))
    message: Any = codec.request_class()
    message.item_1.add().score = 1
    assert violations(codec, message.SerializeToString()) == {
        "item_0": "is required",
        "item_1[0].label": "is required",
    }


def test_all_violations_come_with_their_paths() -> None:
    nested = MapOf(STR, ListOf(LABEL))
    codec = codec_of(
        params(request=BOX, nested=nested, labels=ListOf(LABEL), by_name=MapOf(STR, LABEL), color=EnumOf(Color))
    )
    message: Any = codec.request_class(color=0)
    message.request.SetInParent()
    message.labels.add(label="a")
    message.labels.add(score=1)
    message.by_name["k"].SetInParent()
    message.nested["k"].values.add()
    assert violations(codec, message.SerializeToString()) == {
        "request.width": "is required",
        "labels[1].label": "is required",
        "by_name['k'].label": "is required",
        "nested['k'].values[0].label": "is required",
        "color": "must be one of 'COLOR_RED', 'COLOR_LIGHT_BLUE'",
    }


def test_enum_and_choice_from_outside() -> None:
    codec = codec_of(params(e=EnumOf(Color), c=Choice(("a", "b")), l=ListOf(EnumOf(Color))))
    message: Any = codec.request_class(e=99, c="z", l=[7, 0])
    expected = "must be one of 'COLOR_RED', 'COLOR_LIGHT_BLUE'"
    assert violations(codec, message.SerializeToString()) == {
        "e": expected,
        "c": "must be one of 'a', 'b'",
        "l[1]": expected,
    }


def test_bytes_that_are_no_message() -> None:
    codec = codec_of(params(x=STR))
    for data in (b"\xff", b"\x0a\x01\xff"):  # broken; not UTF-8
        with pytest.raises(InvalidArgument, match=r"not a g\.n\.v1\.RunRequest"):
            codec.decode_request(data)
    with pytest.raises(Internal, match=r"not a g\.n\.v1\.RunResponse"):
        codec.decode_response(b"\xff")
    with pytest.raises(Internal, match="result is required"):
        codec.decode_response(b"")


def test_what_a_record_refuses_is_the_callers_fault() -> None:
    @dataclasses.dataclass
    class Ranged:
        low: int
        high: int

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError("low is above high")

    ranged = Record(name="Ranged", kind="dataclass", python=Ranged, fields=params(low=INT, high=INT))
    codec = codec_of(params(r=ranged))
    message: Any = codec.request_class()
    message.r.low = 2
    message.r.high = 1
    assert violations(codec, message.SerializeToString()) == {"r": "low is above high"}


def test_pydantic() -> None:
    class Inner(pydantic.BaseModel):
        size: int = pydantic.Field(gt=0)

    class Model(pydantic.BaseModel):
        name: str = pydantic.Field(min_length=2)
        inner: Inner
        tags: list[str] = []
        user: int = pydantic.Field(default=3, alias="userNumber")

    inner = Record(name="Inner", kind="pydantic", python=Inner, fields=params(size=INT))
    model = Record(
        name="Model", kind="pydantic", python=Model, fields=params(name=STR, inner=inner, tags=ListOf(STR), user=INT)
    )
    codec = codec_of(record=model, result=model)
    value = Model(name="ab", inner=Inner(size=1), tags=["x"], userNumber=4)
    assert codec.decode_request(codec.encode_request(value)) == value
    message: Any = codec.request_class(name="a", user=1)
    message.inner.size = 1
    assert violations(codec, message.SerializeToString()) == {"name": "String should have at least 2 characters"}
    message.inner.size = 0
    assert violations(codec, message.SerializeToString()) == {"inner.size": "Input should be greater than 0"}


def test_an_alias_that_is_the_name_of_another_field() -> None:
    class Crossed(pydantic.BaseModel):
        a: int = pydantic.Field(alias="b", gt=0)
        b: int = pydantic.Field(alias="c")

    record = Record(name="Crossed", kind="pydantic", python=Crossed, fields=params(a=INT, b=INT))
    codec = codec_of(record=record, result=record)
    value = Crossed(b=1, c=2)
    assert (value.a, value.b) == (1, 2)
    assert codec.decode_request(codec.encode_request(value)) == value
    assert from_json(record, to_json(record, value)) == value
    message = codec.request_class(a=-1, b=2)
    assert violations(codec, message.SerializeToString()) == {"a": "Input should be greater than 0"}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_encoded_images(kind: str) -> None:
    codec = codec_of(params(x=Image()))
    buffer = io.BytesIO()
    PIL_Image.new("RGB", (4, 3), "red").save(buffer, kind)
    message: Any = codec.request_class()
    message.x.encoded = buffer.getvalue()
    assert codec.decode_request(message.SerializeToString())["x"].size == (4, 3)
    message.x.encoded = buffer.getvalue()[:30]
    assert "x.encoded" in violations(codec, message.SerializeToString())


@pytest.mark.parametrize(("extra", "mode"), [({}, "RGB"), ({"transparency": 0}, "RGBA")])
def test_an_encoded_palette_becomes_colours_which_can_travel_on(extra: dict[str, Any], mode: str) -> None:
    codec = codec_of(params(x=Image()), Image())
    buffer = io.BytesIO()
    PIL_Image.new("P", (4, 3)).save(buffer, "PNG", **extra)
    message: Any = codec.request_class()
    message.x.encoded = buffer.getvalue()
    decoded = codec.decode_request(message.SerializeToString())["x"]
    by_json = from_json(params(x=Image()), {"x": {"encoded": base64.b64encode(buffer.getvalue()).decode()}})["x"]
    assert decoded.mode == by_json.mode == codec.decode_response(codec.encode_response(decoded)).mode == mode
    assert decoded.getpixel((0, 0)) == by_json.getpixel((0, 0)) == ((0, 0, 0) if mode == "RGB" else (0, 0, 0, 0))


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ({}, "x.mode"),
        ({"mode": "RGB", "width": 1, "height": 1, "pixels": b"ab"}, "x.pixels"),
        ({"mode": "RGB", "width": -1, "height": 1, "pixels": b""}, "x.width"),
        ({"mode": "RGB", "width": 2**31 - 1, "height": 0, "pixels": b""}, "x.width"),
        ({"mode": "P", "width": 1, "height": 1, "pixels": b"a"}, "x.mode"),
        ({"mode": "L", "encoded": b"a"}, "x.encoded"),
        ({"encoded": b"GIF89a"}, "x.encoded"),
    ],
)
def test_bad_images(parts: dict[str, Any], path: str) -> None:
    codec = codec_of(params(x=Image()))
    message: Any = codec.request_class(x=parts)
    message.x.SetInParent()
    assert path in violations(codec, message.SerializeToString())


@pytest.mark.parametrize(
    ("dtype", "parts", "expected"),
    [
        ("float32", {"datatype": "FP32", "shape": [2], "fp32_contents": [1.5, 2]}, [1.5, 2.0]),
        (None, {"datatype": "FP16", "shape": [1, 2], "fp64_contents": [1.5, 2]}, [[1.5, 2.0]]),
        (None, {"datatype": "INT8", "shape": [2], "int64_contents": [-128, 127]}, [-128, 127]),
        (None, {"datatype": "UINT64", "shape": [1], "uint64_contents": [2**64 - 1]}, [2**64 - 1]),
        (None, {"datatype": "BOOL", "shape": [2], "bool_contents": [True, False]}, [True, False]),
        (None, {"datatype": "FP64", "shape": [0, 3]}, []),
        (None, {"datatype": "INT64", "raw": (5).to_bytes(8, "little")}, 5),
    ],
)
def test_tensors_from_outside(dtype: str | None, parts: dict[str, Any], expected: Any) -> None:
    codec = codec_of(params(x=Tensor("numpy", dtype)))
    value = codec.decode_request(codec.request_class(x=parts).SerializeToString())["x"]
    assert value.tolist() == expected


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ({"shape": [1]}, "x.datatype"),
        ({"datatype": "FP31"}, "x.datatype"),
        ({"datatype": "BF16", "shape": [1], "raw": b"ab"}, "x.datatype"),
        ({"datatype": "FP32", "shape": [2], "raw": b"abcd"}, "x.raw"),
        ({"datatype": "FP32", "shape": [-1], "raw": b""}, "x.shape[0]"),
        ({"datatype": "FP32", "shape": [2]}, "x.fp32_contents"),
        ({"datatype": "FP32", "shape": [1], "int64_contents": [1]}, "x.int64_contents"),
        ({"datatype": "INT8", "shape": [2], "int64_contents": [1, 128]}, "x.int64_contents[1]"),
        ({"datatype": "INT8", "shape": [2], "int64_contents": [1]}, "x.int64_contents"),
        ({"datatype": "FP16", "shape": [1], "fp64_contents": [1e30]}, "x.fp64_contents[0]"),
        ({"datatype": "INT8", "shape": [1], "int64_contents": [1], "raw": b"a"}, "x.raw"),
        ({"datatype": "BOOL", "shape": [1], "raw": b"\x02"}, "x.raw"),
        ({"datatype": "INT8", "shape": [1] * 100, "raw": b"a"}, "x.shape"),
        ({"datatype": "INT8", "shape": [2**62, 2**62, 0], "raw": b""}, "x.shape"),
    ],
)
def test_bad_tensors(parts: dict[str, Any], path: str) -> None:
    codec = codec_of(params(x=Tensor("numpy")))
    assert path in violations(codec, codec.request_class(x=parts).SerializeToString())


def test_arrays_of_any_layout() -> None:
    for array in (np.arange(6).reshape(2, 3).T, np.arange(4, dtype=">i4"), np.array(3.0), np.arange(8)[::-2]):
        back = round_trip(Tensor("numpy"), array)
        assert back.shape == array.shape
        assert (back == array).all()
        assert not back.flags.writeable


def test_torch() -> None:
    torch = pytest.importorskip("torch")
    type_ = Tensor("torch")
    codec = codec_of(params(x=type_), type_)
    for dtype in (torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.uint8, torch.bool):
        value = torch.arange(6).reshape(2, 3).T.to(dtype)
        back = codec.decode_response(codec.encode_response(value))
        assert back.dtype == dtype
        assert torch.equal(back, value)
        back += 1 if dtype != torch.bool else True
    learned = torch.ones(2, requires_grad=True)
    assert torch.equal(codec.decode_response(codec.encode_response(learned)), learned.detach())
    sent = codec.request_class(x={"datatype": "BF16", "shape": [1], "fp32_contents": [1.5]})
    assert codec.decode_request(sent.SerializeToString())["x"].item() == 1.5
    with pytest.raises(EncodeError, match="must be a dense tensor"):
        codec.encode_response(torch.eye(2).to_sparse())


def test_a_stale_contract_is_told() -> None:
    contracts = Contracts(contract_of(params(x=INT)).descriptors.SerializeToString())
    for fields, rpc, part in ((params(y=INT), "Run", "no field y"), ((), "Other", "no rpc Other")):
        with pytest.raises(MeshgenError, match=f"{part}.*meshgen build"):
            contracts.codec("g.n.v1.NService", rpc, fields, None, INT)
    with pytest.raises(MeshgenError, match="no COLOR_"):
        Contracts(contract_of(params(x=INT)).descriptors.SerializeToString()).codec(
            "g.n.v1.NService", "Run", params(x=EnumOf(Color)), None, INT
        )


def test_two_contracts_live_side_by_side() -> None:
    assert codec_of(params(x=INT)).encode_request({"x": 1}) != codec_of(params(x=STR)).encode_request({"x": "1"})


def test_bytes_pass_between_packages() -> None:
    rpc = RpcSpec(name="Run", params=params(x=LABEL), result=LABEL)
    contract = build("g", [ServiceSpec(node=n, rpcs=(rpc,)) for n in ("a", "b")], None)
    contracts = Contracts(contract.descriptors.SerializeToString())
    a, b = (contracts.codec(f"g.{n}.v1.{n.upper()}Service", "Run", rpc.params, None, LABEL) for n in ("a", "b"))
    assert b.decode_response(a.encode_response(Label("x", 2.0))) == Label("x", 2.0)
