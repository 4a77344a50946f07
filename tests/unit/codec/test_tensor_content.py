"""Tensors and bytes that are written and read past protobuf, against what protobuf writes and reads."""

from __future__ import annotations

import dataclasses
from typing import Any

import codec_outcomes
import numpy as np
import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from schema_samples import BYTES, INT, STR, TREE, codec_of, contract_of, params, same

from meshgen.codec import payloads
from meshgen.codec.rpc import Contracts, EncodeError, RpcCodec
from meshgen.schema.model import Field, ListOf, MapOf, Optional, Record, Ref, Tensor, Type, Union
from meshgen.schema.values.tensor import DATATYPES
from meshgen.status import InvalidArgument

TENSOR = Tensor("numpy")
NUMPY = [dtype for dtype in DATATYPES if dtype != "bfloat16"]
SHAPES: list[tuple[int, ...]] = [(), (0,), (0, 2), (1,), (3,), (4,), (16,), (2, 3), (5, 0, 7), (1,) * 32, (200, 3)]
LENGTHS = [0, 1, 100, *range(110, 132), 4096, *range(16_360, 16_390), 60_000]
"""Around those whose lengths, or the lengths of what is around them, take one byte more."""


def alone(type_: Type) -> RpcCodec:
    return codec_of(params(x=type_), type_)


def beside(type_: Type) -> RpcCodec:
    return codec_of(params(before=STR, x=type_, after=ListOf(INT)))


def own(fields: tuple[Field, ...], result: Type = INT) -> RpcCodec:
    contracts = Contracts(contract_of(fields, result).descriptors.SerializeToString())
    return contracts.codec("g.n.v1.NService", "Run", fields, None, result, own=True)


def by_protobuf(codec: RpcCodec, array: Any) -> bytes:
    """What protobuf writes for it, by hand."""
    raw = np.asarray(array, array.dtype.newbyteorder("<")).tobytes()
    parts = {"datatype": DATATYPES[array.dtype.name], "shape": array.shape, "raw": raw}
    data: bytes = codec.request_class(x=parts).SerializeToString()
    return data


def outcome(codec: RpcCodec, data: bytes) -> Any:
    """What the field of a request is, or what is wrong with it."""
    return _only(codec_outcomes.outcome(codec, data))


def generally(codec: RpcCodec, data: bytes) -> Any:
    """The same by the general reader."""
    return _only(codec_outcomes.generally(codec, data))


def _only(found: Any) -> Any:
    return found["x"] if isinstance(found, dict) else found


@pytest.mark.parametrize("dtype", NUMPY)
def test_arrays_are_what_protobuf_writes(dtype: str) -> None:
    codec = alone(TENSOR)
    for shape in SHAPES:
        array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
        for given_ in (array, array.copy(order="F"), array.astype(array.dtype.newbyteorder(">")), array[...]):
            data = codec.encode_request({"x": given_})
            assert data == by_protobuf(codec, array)
            assert codec.encode_response(given_) == data
            back = codec.decode_request(data)["x"]
            assert same(back, array)
            assert back.dtype.isnative
            assert back.flags.aligned
            assert not back.flags.writeable
            assert same(codec.decode_response(data), array)


def test_arrays_that_do_not_lie_as_they_travel() -> None:
    codec = alone(TENSOR)
    array = np.arange(60, dtype=np.float32).reshape(6, 10)
    for given_ in (array.T, array[::2], array[:, ::-1], np.broadcast_to(np.float32(3), (4, 2)), array[2:4]):
        assert same(codec.decode_request(codec.encode_request({"x": given_}))["x"], np.ascontiguousarray(given_))
    for number in (np.float32(1.5), np.bool_(True), np.int8(-1)):
        assert same(codec.decode_request(codec.encode_request({"x": number}))["x"], np.array(number))


@pytest.mark.parametrize("length", LENGTHS)
def test_every_length(length: int) -> None:
    blob = bytes(range(256)) * (length // 256) + bytes(length % 256)
    for codec, fields in ((alone(BYTES), {}), (beside(BYTES), {"before": "a", "after": [1]})):
        data = codec.encode_request({"x": blob, **fields})
        assert data == codec.request_class(x=blob, **fields).SerializeToString()
        assert codec.decode_request(data) == {**fields, "x": blob}
    codec = alone(BYTES)
    assert codec.encode_response(blob) == codec.encode_request({"x": blob})
    assert codec.decode_response(codec.encode_response(blob)) == blob
    array = np.frombuffer(blob, np.uint8)
    tensors = alone(TENSOR)
    data = tensors.encode_request({"x": array})
    assert data == by_protobuf(tensors, array)
    assert same(tensors.decode_request(data)["x"], array)
    assert same(tensors.decode_request(memoryview(data))["x"], array)
    assert codec.decode_request(memoryview(codec.encode_request({"x": blob}))) == {"x": blob}


@pytest.mark.parametrize("size", [payloads.THRESHOLD - 64, payloads.THRESHOLD - 1, payloads.THRESHOLD])
def test_about_the_size_from_which_payloads_go_past_protobuf(size: int) -> None:
    array = np.arange(size, dtype=np.uint8)
    for codec in (alone(TENSOR), own(params(x=TENSOR))):
        data = codec.encode_request({"x": array})
        assert same(codec.decode_request(data)["x"], array)
        message: Any = codec.request_class.FromString(data)
        assert message.x.raw == array.tobytes()
    blobs = alone(BYTES)
    assert blobs.decode_request(blobs.encode_request({"x": array.tobytes()})) == {"x": array.tobytes()}


def test_a_field_that_comes_in_pieces_is_merged() -> None:
    for codec in (alone(TENSOR), beside(TENSOR)):
        around = {} if codec.params[0].name == "x" else {"before": "", "after": [1]}
        whole: Any = codec.request_class(**around)
        whole.x.datatype = "FP32"
        pieces = whole.SerializeToString()
        for part in ({"shape": [2, 1]}, {"shape": [2]}, {"raw": bytes(range(16))}):
            pieces += codec.request_class(x=part).SerializeToString()
        assert same(outcome(codec, pieces), np.frombuffer(bytes(range(16)), np.float32).reshape(2, 1, 2))
        again = pieces + codec.request_class(x={"datatype": "INT32"}).SerializeToString()
        assert outcome(codec, again).dtype == np.int32
        twice = outcome(codec, pieces + pieces)
        assert twice == [("x.raw", "must be 64 bytes for this shape, got 16")]
        # Each of them is a message, as protobuf asks.
        before, after = (codec.request_class(**around, **x).SerializeToString() for x in ({}, {"x": whole.x}))
        inside = codec.request_class(x={"datatype": "FP32", "shape": [4], "raw": bytes(16)}).x.SerializeToString()
        cut = [bytes((after[len(before) :][0], len(part))) + part for part in (inside[:12], inside[12:])]
        assert outcome(codec, before + b"".join(cut)) is None
    blobs = alone(BYTES)
    data = blobs.encode_request({"x": b"first"}) + blobs.encode_request({"x": b"second"})
    assert blobs.decode_request(data) == {"x": b"second"}


def _field(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | 2, len(content))) + content


RAW = bytes(range(8))
WRITTEN: list[tuple[str, bytes, Any]] = [
    ("as protobuf does", _field(1, b"FP32") + _field(2, b"\2") + _field(3, RAW), np.frombuffer(RAW, np.float32)),
    ("in another order", _field(3, RAW) + _field(2, b"\2") + _field(1, b"FP32"), np.frombuffer(RAW, np.float32)),
    ("shape not packed", _field(1, b"FP32") + b"\x10\2" + _field(3, RAW), np.frombuffer(RAW, np.float32)),
    ("a long varint", _field(1, b"FP32") + _field(2, b"\x82\0") + _field(3, RAW), np.frombuffer(RAW, np.float32)),
    ("padding before", _field(1, b"FP32") + _field(2, b"\2") + _field(15, b"\0") + _field(3, RAW), None),
    ("padding after", _field(1, b"FP32") + _field(2, b"\2") + _field(3, RAW) + _field(15, b"\0"), None),
    ("raw twice", _field(1, b"FP32") + _field(2, b"\2") + _field(3, b"") + _field(3, RAW), None),
    ("contents", _field(1, b"FP32") + _field(2, b"\2") + _field(7, RAW), np.frombuffer(RAW, np.float32)),
    ("integers", _field(1, b"INT8") + _field(2, b"\2") + _field(5, b"\1\2"), np.array([1, 2], np.int8)),
    ("empty contents", _field(1, b"BOOL") + _field(2, b"\0"), np.zeros(0, np.bool_)),
    ("no dimensions", _field(1, b"UINT64") + _field(3, RAW), np.frombuffer(RAW, np.uint64).reshape(())),
    ("raw and contents", _field(1, b"FP32") + _field(2, b"\2") + _field(3, RAW) + _field(7, RAW), "x.raw"),
    ("raw too short", _field(1, b"FP32") + _field(2, b"\3") + _field(3, RAW), "x.raw"),
    ("raw too long", _field(1, b"FP32") + _field(2, b"\1") + _field(3, RAW), "x.raw"),
    ("a bool of 2", _field(1, b"BOOL") + _field(2, b"\2") + _field(3, b"\1\2"), "x.raw"),
    ("no datatype", _field(2, b"\2") + _field(3, RAW), "x.datatype"),
    ("an empty datatype", _field(1, b"") + _field(2, b"\2") + _field(3, RAW), "x.datatype"),
    ("another datatype", _field(1, b"FP31") + _field(2, b"\2") + _field(3, RAW), "x.datatype"),
    ("bfloat16", _field(1, b"BF16") + _field(2, b"\4") + _field(3, RAW), "x.datatype"),
    ("a shape below zero", _field(1, b"FP32") + _field(2, b"\xff" * 9 + b"\1") + _field(3, RAW), "x.shape[0]"),
    ("too many dimensions", _field(1, b"FP32") + _field(2, b"\1" * 65) + _field(3, RAW[:4]), "x.shape"),
    ("no array is so long", _field(1, b"FP32") + _field(2, b"\x80" * 8 + b"\x40\0") + _field(3, b""), "x.shape"),
    ("nothing", b"", "x.datatype"),
    ("no Unicode", _field(1, b"\xff\xff\xff\xff") + _field(2, b"\2") + _field(3, RAW), 0),
    ("cut off", _field(1, b"FP32") + _field(2, b"\2") + _field(3, RAW)[:-1], 0),
    ("a cut head", _field(1, b"FP32") + b"\x12", 0),
    ("a lone tag", b"\x0a", 0),
    ("a group", b"\x0b", 0),
]


@pytest.mark.parametrize(("content", "expected"), [row[1:] for row in WRITTEN], ids=[row[0] for row in WRITTEN])
def test_however_others_write_it(content: bytes, expected: Any) -> None:
    for codec in (alone(TENSOR), beside(TENSOR), own(params(x=TENSOR))):
        around = b"" if codec.params[0].name == "x" else _field(1, b"a")
        tag = codec.request.fields_by_name["x"].number
        data = around + _field(tag, content)
        found = outcome(codec, data)
        if isinstance(expected, str):
            assert [path for path, _ in found] == [expected]
        elif isinstance(expected, int):
            assert found is None
        else:
            assert same(found, np.frombuffer(RAW, np.float32) if expected is None else expected)
        assert same(outcome(codec, data), found)  # what is remembered says the same
        assert same(generally(codec, data), found)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_broken_bytes_are_read_as_the_general_reader_does(draw: st.DataObject) -> None:
    codec = draw.draw(st.sampled_from(CODECS))
    array = np.arange(draw.draw(st.sampled_from([0, 2, 4, 16, 30]))).astype(draw.draw(st.sampled_from(NUMPY)))
    given_ = {"before": "a", "x": array, "after": [1]}
    data = bytearray(codec.encode_request({p.name: given_[p.name] for p in codec.params}))
    for _ in range(draw.draw(st.integers(0, 2))):
        at = draw.draw(st.integers(0, min(len(data), 24)))
        match draw.draw(st.sampled_from(["set", "cut", "insert"])):
            case "set" if at < len(data):
                data[at] = draw.draw(st.integers(0, 255))
            case "cut":
                del data[at:]
            case _:
                data[at:at] = draw.draw(st.binary(min_size=1, max_size=3))
    assert same(outcome(codec, bytes(data)), generally(codec, bytes(data)))


CODECS = [alone(TENSOR), beside(TENSOR), alone(Tensor("numpy", "float32", (None,))), beside(Optional(TENSOR))]


def test_what_is_annotated_is_asked_for() -> None:
    """Types that differ in their shapes alone are equal, but no one type."""
    float32, float64 = np.zeros(4, np.float32), np.zeros(4)
    for codec in (alone(Tensor("numpy", "float32", (4,))), beside(Tensor("numpy", "float32", (4,)))):
        other = {} if codec.params[0].name == "x" else {"before": "", "after": []}
        wide = codec.request_class(**other, x={"datatype": "FP64", "shape": [4], "raw": bytes(32)})
        long = codec.request_class(**other, x={"datatype": "FP32", "shape": [5], "raw": bytes(20)})
        for _ in range(2):
            assert same(codec.decode_request(codec.encode_request({**other, "x": float32}))["x"], float32)
            assert outcome(codec, wide.SerializeToString()) == [("x.datatype", "must be FP32, got FP64")]
            assert outcome(codec, long.SerializeToString()) == [("x.shape", "must be (4,), got (5,)")]
    four, five = alone(Tensor("numpy", "float32", (4,))), alone(Tensor("numpy", "float32", (5,)))
    assert len(four.encode_response(float32)) > 16
    for answer, value, said in (
        (five, float32, "must have shape (5,), got (4,)"),
        (four, float64, "must have dtype float32, got float64"),
        (four, [1.0], "must be a numpy.ndarray, got list [1.0]"),
        (four, np.ma.array(float32), "is a masked array, whose mask cannot travel; call .filled()"),
        (four, np.zeros(4, np.complex64), "has dtype complex64, which cannot travel; use one of bool"),
    ):
        with pytest.raises(EncodeError) as error:
            answer.encode_response(value)
        assert error.value.path == "result"
        assert error.value.reason.startswith(said)


def test_a_request_is_read_into_arrays_of_its_own() -> None:
    row = Record(name="Row", kind="dataclass", python=Row, fields=params(x=TENSOR))
    for type_, hold in ((TENSOR, lambda a: a), (ListOf(TENSOR), lambda a: [a]), (row, Row)):
        for fields in (params(x=type_), params(x=type_, y=STR)):
            codec = own(fields)
            array = np.arange(16, dtype=np.float32)
            data = codec.encode_request({"x": hold(array), "y": "a"} if len(fields) > 1 else {"x": hold(array)})
            before = bytes(data)
            found: Any = codec.decode_request(data)["x"]
            found = found[0] if isinstance(found, list) else getattr(found, "x", found)
            assert found.flags.writeable
            assert found.flags.aligned
            found += 1
            assert data == before
            assert not np.shares_memory(found, codec.decode_request(data)["x"] if type_ is TENSOR else array)


@dataclasses.dataclass
class Row:
    x: Any


def test_a_record_may_make_another_array_of_it() -> None:
    @dataclasses.dataclass
    class Wide:
        x: Any

        def __post_init__(self) -> None:
            self.x = np.asarray(self.x, np.float64)

    fields = params(x=Tensor("numpy", "float32"))
    codec = codec_of(params(x=Record(name="Wide", kind="dataclass", python=Wide, fields=fields)))
    message: Any = codec.request_class()
    message.x.x.datatype = "FP32"
    message.x.x.raw = bytes(4)
    assert outcome(codec, message.SerializeToString()) == [("x.x.datatype", "must be FP32, got FP64")]


@pytest.mark.parametrize(
    ("type_", "make"),
    [
        (Optional(TENSOR), lambda a: a),
        (Optional(TENSOR), lambda _: None),
        (ListOf(TENSOR), lambda a: [a, a[:1], a[:0]]),
        (ListOf(TENSOR, "tuple"), lambda a: (a, a)),
        (MapOf(STR, TENSOR), lambda a: {"b": a, "a": a[:1]}),
        (Union((STR, TENSOR)), lambda a: a),
        (Optional(Union((STR, TENSOR))), lambda a: a),
        (ListOf(Union((STR, TENSOR))), lambda a: [a, "b"]),
        (ListOf(Optional(TENSOR)), lambda a: [None, a]),
        (Optional(ListOf(TENSOR)), lambda a: [a]),
        (MapOf(INT, ListOf(TENSOR)), lambda a: {1: [a, a], 0: []}),
    ],
    ids=lambda part: "made" if callable(part) else str(part),  # functions are called by their addresses
)
def test_wherever_a_tensor_is(type_: Type, make: Any) -> None:
    for array in (np.arange(4, dtype=np.float32), np.arange(600_000, dtype=np.uint8)):
        value = make(array)
        codec = codec_of(params(x=type_), type_)
        data = codec.encode_request({"x": value})
        assert same(codec.decode_request(data)["x"], value)
        assert same(codec.decode_response(codec.encode_response(value)), value)
        message: Message = codec.request_class.FromString(data)
        assert same(codec.decode_request(message.SerializeToString())["x"], value)


def test_a_list_names_the_element_at_fault() -> None:
    codec = codec_of(params(x=ListOf(TENSOR)), ListOf(Tensor("numpy", "float32")))
    message: Any = codec.request_class(x=[{"datatype": "BOOL", "raw": b"\1"}, {"datatype": "BOOL", "raw": b"\2"}])
    assert outcome(codec, message.SerializeToString()) == [("x[1].raw", "must be bytes of 0 and 1 for BOOL")]
    with pytest.raises(EncodeError, match=r"^result\[1\] must have dtype float32, got float64$"):
        codec.encode_response([np.zeros(1, np.float32), np.zeros(1)])


def test_what_stands_for_a_payload_is_not_taken_for_elements() -> None:
    """A tensor of so many bytes as a key has, whose raw bytes are far more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(payloads, "THRESHOLD", 100)
        patch.setattr(payloads, "_BYTES_PER_FIELD", 1)
        for codec in (alone(TENSOR), beside(TENSOR)):
            before = {} if codec.params[0].name == "x" else {"before": "a"}
            size = payloads.KEY_SIZE
            right = codec.request_class(**before, x={"datatype": "UINT8", "shape": [size], "raw": bytes(size)})
            assert same(outcome(codec, right.SerializeToString()), np.zeros(size, np.uint8))
            wrong = codec.request_class(**before, x={"datatype": "UINT8", "shape": [size], "raw": bytes(200)})
            assert outcome(codec, wrong.SerializeToString()) == [
                ("x.raw", f"must be {size} bytes for this shape, got 200")
            ]


class Chain:
    def __init__(self, x: Any, rest: Chain | None) -> None:
        self.x, self.rest = x, rest


def test_a_tensor_is_as_deep_as_any_message() -> None:
    ref = Ref("Chain", Chain, resolve=lambda: record)
    record = Record(name="Chain", kind="dataclass", python=Chain, fields=params(x=TENSOR, rest=Optional(ref)))
    codec, array = codec_of(params(x=record), record), np.zeros(2)
    chain: Any = None
    for _ in range(98):
        chain = Chain(array, chain)
    data = codec.encode_request({"x": chain})
    assert codec.request_class.FromString(data).IsInitialized()
    assert codec.decode_request(data)["x"].rest.rest.x.shape == (2,)
    deeper = codec.request_class.FromString(data)
    last: Any = deeper.x  # type: ignore[attr-defined]
    while last.HasField("rest"):
        last = last.rest
    for _ in range(3):
        last = last.rest
        last.x.datatype, last.x.raw = "BOOL", b"\0"
    with pytest.raises(InvalidArgument, match="is nested deeper than 100 messages"):
        codec.decode_request(deeper.SerializeToString())
    for _ in range(3):
        chain = Chain(array, chain)
    with pytest.raises(EncodeError, match="is nested deeper than 100 messages"):
        codec.encode_request({"x": chain})


def test_a_contract_without_tensors_has_one_class_for_each_message() -> None:
    codec = codec_of(params(x=BYTES, y=TREE))
    assert codec._request._class.DESCRIPTOR is codec.request
    assert codec_of(params(x=TENSOR))._request._class.DESCRIPTOR is not codec.request


torch_only = pytest.importorskip("torch")


@pytest.mark.parametrize("dtype", DATATYPES)
def test_torch_of_every_dtype(dtype: str) -> None:
    torch = torch_only
    codec = alone(Tensor("torch"))
    for shape in [(), (0,), (0, 2), (3,), (4,), (2, 3)]:
        tensor = (
            torch.arange(max(1, int(np.prod(shape)))).to(getattr(torch, dtype))[: int(np.prod(shape))].reshape(shape)
        )
        data = codec.encode_request({"x": tensor})
        elements = (tensor.view(torch.int16) if dtype == "bfloat16" else tensor).numpy().tobytes()
        parts = {"datatype": DATATYPES[dtype], "shape": shape, "raw": elements}
        assert data == codec.request_class(x=parts).SerializeToString()
        back = codec.decode_request(data)["x"]
        assert back.dtype == tensor.dtype
        assert back.shape == tensor.shape
        assert torch.equal(back, tensor)
        back.zero_()
        assert torch.equal(codec.decode_request(data)["x"], tensor)


def test_tensors_of_torch_that_are_not_plain() -> None:
    torch = torch_only
    codec = alone(Tensor("torch"))
    base = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    negated = torch.complex(base, base).conj().imag
    for tensor in (base.T, base[:, ::2], base.clone().requires_grad_(), torch.nn.Parameter(base.clone()), negated):
        assert torch.equal(codec.decode_request(codec.encode_request({"x": tensor}))["x"], tensor.detach())
    quantized = torch.quantize_per_tensor(base, 1.0, 0, torch.qint8)
    for tensor in (base.to_sparse(), base.to("meta"), quantized):
        with pytest.raises(EncodeError, match=r"^x must be a dense tensor with values"):
            codec.encode_request({"x": tensor})
