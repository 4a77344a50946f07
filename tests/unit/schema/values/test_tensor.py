from __future__ import annotations

import base64
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from schema_samples import codec_of, params, same

from meshgen.codec.rpc import EncodeError
from meshgen.schema.check.requests import request_check
from meshgen.schema.convert.json_value import from_json, to_json
from meshgen.schema.model import ListOf, Tensor
from meshgen.schema.reflect.reflector import reflect
from meshgen.schema.values.tensor import DATATYPES, tensor_parts
from meshgen.status import InvalidArgument

NUMPY = [name for name in DATATYPES if name != "bfloat16"]


def contents_of(dtype: str) -> tuple[str, ...]:
    kind = dtype[0] if dtype != "bool" else "bool"
    floats = ("fp32_contents", "fp64_contents")
    return {"bool": ("bool_contents",), "i": ("int64_contents",), "u": ("uint64_contents", "int64_contents")}.get(
        kind, floats
    )


def extremes(dtype: str) -> list[Any]:
    if dtype == "bool":
        return [True, False]
    if dtype[0] in "iu":
        return [np.iinfo(dtype).min, 0, 1, np.iinfo(dtype).max]
    return [float(np.finfo(dtype).min), -0.0, 0.5, float(np.finfo(dtype).tiny), float(np.finfo(dtype).max)]


def violations(codec_or_type: Any, json_value: Any) -> dict[str, str]:
    """Of a request with the tensor `x`: by JSON, and by protobuf, which must agree."""
    fields = params(x=codec_or_type)
    found = []
    codec = codec_of(fields)
    message = codec.request_class(x=json_value)
    for read in (
        lambda: codec.decode_request(message.SerializeToString()),
        lambda: from_json(fields, {"x": _as_json(json_value)}),
    ):
        with pytest.raises(InvalidArgument) as caught:
            read()
        found.append({v.field: v.description for v in caught.value.violations})
    assert found[0] == found[1]
    return found[0]


def _as_json(parts: dict[str, Any]) -> dict[str, Any]:
    return {k: base64.b64encode(v).decode() if isinstance(v, bytes) else v for k, v in parts.items()}


@pytest.mark.parametrize("dtype", NUMPY)
def test_numbers_of_every_datatype(dtype: str) -> None:
    values = extremes(dtype)
    array = np.array([values], dtype=dtype)
    fields = params(x=Tensor("numpy"))
    codec = codec_of(fields)
    for name in contents_of(dtype):
        if name == "int64_contents" and max(values) > 2**63 - 1:
            values = values[:-1]
            array = array[:, :-1]
        if name == "fp32_contents" and dtype == "float64":
            values, array = [0.5, -2.0], np.array([[0.5, -2.0]])
        parts = {"datatype": DATATYPES[dtype], "shape": [1, len(values)], name: values}
        sent = codec.request_class(x=parts).SerializeToString()
        assert same(codec.decode_request(sent)["x"], array)
        for spelled in (values, [v if isinstance(v, bool) else str(v) for v in values]):
            read = from_json(fields, {"x": {**parts, "shape": ["1", str(len(values))], name: spelled}})
            assert same(read["x"], array), name


def test_numbers_that_are_none() -> None:
    for name in ("fp32_contents", "fp64_contents"):
        parts = {"datatype": "FP16", "shape": [3], name: ["NaN", "Infinity", "-Infinity"]}
        read = from_json(params(x=Tensor("numpy")), {"x": parts})["x"]
        assert same(read, np.array([math.nan, math.inf, -math.inf], np.float16))


@pytest.mark.parametrize("dtype", NUMPY)
def test_base64_of_every_datatype(dtype: str) -> None:
    array = np.array(extremes(dtype), dtype=dtype)
    fields = params(x=Tensor("numpy"))
    written = to_json(fields, {"x": array})
    assert written["x"]["raw"] == base64.b64encode(array.tobytes()).decode()
    assert same(from_json(fields, written)["x"], array)
    url_safe = base64.urlsafe_b64encode(array.tobytes()).decode().rstrip("=")
    assert same(from_json(fields, {"x": {**written["x"], "raw": url_safe}})["x"], array)


def test_torch_has_bfloat16_as_well() -> None:
    torch = pytest.importorskip("torch")
    fields = params(x=Tensor("torch"))
    for name in DATATYPES:
        dtype = getattr(torch, name)
        value = torch.arange(6).reshape(2, 3).to(dtype)
        back = from_json(fields, to_json(fields, {"x": value}))["x"]
        assert back.dtype == dtype
        assert torch.equal(back, value)
    numbers = {"datatype": "BF16", "shape": [2], "fp32_contents": [1.5, "NaN"]}
    back = from_json(fields, {"x": numbers})["x"]
    assert back.dtype == torch.bfloat16
    assert back[0].item() == 1.5
    assert back[1].isnan()


@pytest.mark.parametrize(
    ("shape", "array", "message"),
    [
        ((None, 3), np.zeros((2, 4)), r"x must have shape \(\*, 3\), got \(2, 4\)"),
        ((None, 3, 224, 224), np.zeros((2, 1, 5, 5)), r"x must have shape \(\*, 3, 224, 224\), got \(2, 1, 5, 5\)"),
        ((3,), np.zeros((3, 1)), r"x must have shape \(3,\), got \(3, 1\)"),
        ((3,), np.float32(1), r"x must have shape \(3,\), got \(\)"),
        ((), np.zeros(1), r"x must have shape \(\), got \(1,\)"),
        ((0, None), np.zeros((1, 0)), r"x must have shape \(0, \*\), got \(1, 0\)"),
    ],
)
def test_a_shape_is_enforced(shape: tuple[int | None, ...], array: Any, message: str) -> None:
    type_ = Tensor("numpy", shape=shape)
    with pytest.raises(EncodeError, match=message[2:]):
        codec_of(result=type_).encode_response(array)
    with pytest.raises(EncodeError, match=message):
        to_json(params(x=type_), {"x": array})
    parts = tensor_parts(array, Tensor("numpy"))
    must = {"x.shape": f"must be {message.replace(chr(92), '').removeprefix('x must have shape ')}"}
    assert violations(type_, {**parts, "raw": bytes(parts["raw"])}) == must
    # In a request the receiver says so, or who checks it without a contract: it is the caller's mistake.
    codec = codec_of(params(x=type_))
    for receive in (request_check(params(x=type_)), lambda given: codec.decode_request(codec.encode_request(given))):
        assert receive is not None
        with pytest.raises(InvalidArgument) as caught:
            receive({"x": array})
        assert {v.field: v.description for v in caught.value.violations} == must


@pytest.mark.parametrize(
    ("shape", "array"),
    [((None, 3), np.zeros((0, 3))), ((), np.array(1.5)), ((2, None, None), np.zeros((2, 5, 1))), ((0,), np.zeros(0))],
)
def test_a_shape_that_fits(shape: tuple[int | None, ...], array: Any) -> None:
    fields = params(x=Tensor("numpy", "float64", shape))
    codec = codec_of(fields)
    assert same(codec.decode_request(codec.encode_request({"x": array}))["x"], array)
    assert same(from_json(fields, to_json(fields, {"x": array}))["x"], array)


def test_shape_and_dtype_of_torch() -> None:
    torch = pytest.importorskip("torch")
    codec = codec_of(params(x=Tensor("torch", "float16", (None, 2))), Tensor("torch", "float16", (None, 2)))
    value = torch.ones(3, 2, dtype=torch.float16)
    assert torch.equal(codec.decode_request(codec.encode_request({"x": value}))["x"], value)
    with pytest.raises(EncodeError, match=r"result must have shape \(\*, 2\), got \(2, 3\)"):
        codec.encode_response(value.T)
    with pytest.raises(EncodeError, match="result must have dtype float16, got float32"):
        codec.encode_response(value.float())
    with pytest.raises(InvalidArgument, match=r"x.datatype must be FP16, got FP32"):
        codec.decode_request(codec.encode_request({"x": value.float()}))
    with pytest.raises(InvalidArgument, match=r"x.datatype must be FP16, got complex64"):
        request_check(params(x=Tensor("torch", "float16")))({"x": value.to(torch.complex64)})  # type: ignore[misc]


def test_every_problem_has_its_place() -> None:
    listed = ListOf(Tensor("numpy", "float32", (2,)))
    codec = codec_of(params(x=listed), listed)
    with pytest.raises(EncodeError, match=r"result\[1\] must have shape \(2,\), got \(3,\)"):
        codec.encode_response([np.zeros(2, np.float32), np.zeros(3, np.float32)])
    message = codec.request_class(
        x=[
            {"datatype": "FP32", "shape": [3], "fp32_contents": [1, 2, 3]},
            {"datatype": "FP64", "shape": [2], "fp64_contents": [1, 2]},
            {"datatype": "FP32", "shape": [2], "fp32_contents": [1]},
        ]
    )
    with pytest.raises(InvalidArgument) as caught:
        codec.decode_request(message.SerializeToString())
    assert {v.field: v.description for v in caught.value.violations} == {
        "x[0].shape": "must be (2,), got (3,)",
        "x[1].datatype": "must be FP32, got FP64",
        "x[2].fp32_contents": "must have 2 elements for this shape, got 1",
    }


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(NUMPY),
    st.lists(st.integers(0, 4), max_size=4),
    st.sampled_from(["<", ">"]),
    st.sampled_from(["C", "F", "reversed", "strided", "broadcast", "read-only"]),
)
def test_any_layout(dtype: str, shape: list[int], order: str, layout: str) -> None:
    array = (np.arange(math.prod(shape)) % 2).astype(np.dtype(dtype).newbyteorder(order)).reshape(shape)
    match layout:
        case "F":
            array = np.asfortranarray(array)
        case "reversed":
            array = array[::-1] if array.ndim else array
        case "strided":
            array = array[..., ::2] if array.ndim else array
        case "broadcast":
            array = np.broadcast_to(array, (2, *array.shape))
        case "read-only":
            array.flags.writeable = False
    parts = tensor_parts(array, Tensor("numpy"))
    assert (parts["datatype"], parts["shape"]) == (DATATYPES[dtype], list(array.shape))
    assert bytes(parts["raw"]) == array.astype(np.dtype(dtype).newbyteorder("<")).tobytes()
    assert parts["raw"].ndim == 1


def test_a_shape_that_nobody_can_have() -> None:
    many = {"datatype": "INT8", "shape": [2**62] * 200_000, "raw": b"a"}  # to multiply them would take hours
    assert violations(Tensor("numpy"), many) == {"x.shape": "must have at most 64 dimensions, got 200000"}
    for library in ("numpy", "torch"):
        type_ = Tensor(library)  # type: ignore[arg-type]
        parts = {"datatype": "INT8", "shape": [1] * 64, "raw": b"a"}
        assert len(from_json(params(x=type_), {"x": _as_json(parts)})["x"].shape) == 64


def test_elements_that_lie_right_are_not_copied() -> None:
    torch = pytest.importorskip("torch")
    array = np.arange(6, dtype=np.float16).reshape(2, 3)
    raw = tensor_parts(array, Tensor("numpy"))["raw"]
    assert np.shares_memory(np.frombuffer(raw, np.uint8), array)
    for dtype in (torch.float32, torch.bfloat16, torch.bool):
        tensor = torch.zeros(4, dtype=dtype, requires_grad=dtype == torch.float32)
        raw = tensor_parts(tensor, Tensor("torch"))["raw"]
        assert np.frombuffer(raw, np.uint8).ctypes.data == tensor.data_ptr()


def test_arrays_that_cannot_travel() -> None:
    for array, dtype in (
        (np.zeros(1, complex), "complex128"),
        (np.array(["a"]), "str32"),
        (np.array([None]), "object"),
        (np.array(["2020-01-01"], "M8[D]"), r"datetime64\[D\]"),
        (np.zeros(1, [("a", int)]), "void64"),
    ):
        with pytest.raises(EncodeError, match=f"has dtype {dtype}, which cannot travel; use one of bool, .*float64$"):
            tensor_parts(array, Tensor("numpy"))


def test_a_mask_cannot_travel() -> None:
    masked = np.ma.masked_equal([1, 2], 2)
    with pytest.raises(EncodeError, match=r"is a masked array.*call \.filled\(\)"):
        tensor_parts(masked, Tensor("numpy"))
    assert tensor_parts(masked.filled(), Tensor("numpy"))["shape"] == [2]


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_tensors_that_cannot_travel() -> None:
    torch = pytest.importorskip("torch")
    nested = torch.nested.nested_tensor([torch.zeros(1), torch.zeros(2)])
    for tensor in (torch.eye(2).to_sparse(), torch.zeros(2, device="meta"), nested):
        with pytest.raises(EncodeError, match=r"must be a dense tensor with values; call .to_dense\(\)"):
            tensor_parts(tensor, Tensor("torch"))
    with pytest.raises(EncodeError, match=r"has dtype complex64.*bfloat16$"):
        tensor_parts(torch.zeros(1, dtype=torch.complex64), Tensor("torch"))
    negated = torch.tensor([1 + 2j]).conj().imag  # its sign is a flag, which numpy does not know
    assert bytes(tensor_parts(negated, Tensor("torch"))["raw"]) == np.float32(-2).tobytes()


@pytest.mark.parametrize(
    ("annotation", "written", "path", "field"),
    [
        (NDArray[np.float32], {"datatype": "FP32", "shape": [2], "data": [1, 2]}, "fp32_contents", "fp32_contents"),
        (
            NDArray[np.uint8],
            {"datatype": "UINT8", "shape": [2], "int8_contents": [1]},
            "uint64_contents",
            "uint64_contents",
        ),
        (NDArray[np.int16], {"datatype": "INT16", "shape": [2]}, "int64_contents", "int64_contents"),
        (NDArray[np.bool_], {"datatype": "BOOL", "shape": [2]}, "bool_contents", "bool_contents"),
        (NDArray[np.float64], {"values": [1, 2]}, "datatype", "fp32_contents"),
        (np.ndarray, {"values": [1, 2]}, "datatype", "fp32_contents"),
        (NDArray[np.int64], [1, 2], "", "int64_contents"),
    ],
)
def test_a_guess_at_the_json_of_an_array_is_told_how_it_is(
    annotation: Any, written: Any, path: str, field: str
) -> None:
    fields = params(x=reflect(annotation))
    with pytest.raises(InvalidArgument) as caught:
        from_json(fields, {"x": written})
    (violation,) = caught.value.violations
    assert violation.field == f"x.{path}".removesuffix(".")
    shown = json.loads(violation.description[violation.description.index("{") :])
    assert set(shown) == {"datatype", "shape", field}
    assert from_json(fields, {"x": shown})["x"].shape == (2,)


def test_a_shape_that_was_left_out_is_named() -> None:
    with pytest.raises(InvalidArgument, match=r"x.shape is required: 2 elements in a row have the shape \[2\]"):
        from_json(params(x=reflect(np.ndarray)), {"x": {"datatype": "FP32", "fp32_contents": [1, 2]}})
