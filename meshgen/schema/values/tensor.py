"""numpy arrays and torch tensors ⇄ the parts of `meshgen.tensor.v1.Tensor`. Both libraries are imported when needed.

Datatypes are those of the Open Inference Protocol (KServe v2).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from meshgen.schema.misfit import EncodeError, Misfit, describe
from meshgen.schema.model import Field, ListOf, Optional, Scalar, Tensor

WIDE = "uint64_contents"
"""The one part whose integers may have 64 bits without a sign."""

PARTS: tuple[Field, ...] = (
    Field(name="datatype", type=Optional(Scalar("str"))),
    Field(name="shape", type=ListOf(Scalar("int"))),
    Field(name="raw", type=Optional(Scalar("bytes"))),
    Field(name="bool_contents", type=ListOf(Scalar("bool"))),
    Field(name="int64_contents", type=ListOf(Scalar("int"))),
    Field(name=WIDE, type=ListOf(Scalar("int"))),
    Field(name="fp32_contents", type=ListOf(Scalar("float"))),
    Field(name="fp64_contents", type=ListOf(Scalar("float"))),
)

CONTENTS = tuple(f.name for f in PARTS if f.name.endswith("_contents"))
_FLOATS = ("fp32_contents", "fp64_contents")

DATATYPES: Mapping[str, str] = {
    "bool": "BOOL",
    **{f"{sign.lower()}int{n}": f"{sign}INT{n}" for sign in ("", "U") for n in (8, 16, 32, 64)},
    **{f"float{n}": f"FP{n}" for n in (16, 32, 64)},
    "bfloat16": "BF16",
}
"""numpy's (for bfloat16: torch's) dtype name → datatype."""
_MOST_DIMENSIONS = 64
"""The limit of both libraries."""

_DTYPES = {datatype: dtype for dtype, datatype in DATATYPES.items()}
_OF_LIBRARY: Mapping[str, Mapping[str, str]] = {
    "numpy": {dtype: datatype for dtype, datatype in DATATYPES.items() if dtype != "bfloat16"},
    "torch": DATATYPES,
}


def tensor_parts(value: Any, type_: Tensor) -> dict[str, Any]:
    """Datatype, shape and raw bytes of an array or tensor.

    The bytes are a view of the elements, copied only where they do not lie in C order or are not little-endian.

    Raises:
        EncodeError: it is no such array, or not of the dtype and shape that `type_` asks for.
    """
    dtype, shape, elements = _torch_elements(value) if type_.library == "torch" else _numpy_elements(value)
    if dtype not in (known := _OF_LIBRARY[type_.library]):
        raise EncodeError(f"has dtype {dtype}, which cannot travel; use one of {', '.join(known)}")
    if type_.dtype is not None and dtype != type_.dtype:
        raise EncodeError(f"must have dtype {type_.dtype}, got {dtype}")
    if type_.shape is not None and not _has_shape(shape, type_.shape):
        raise EncodeError(f"must have shape {shape_text(type_.shape)}, got {shape_text(shape)}")
    return {"datatype": DATATYPES[dtype], "shape": list(shape), "raw": _raw(elements())}


def plain_layout(
    cls: type[Any], dtype: Any, shape: Sequence[int], type_: Tensor
) -> tuple[str, Sequence[int], int] | None:
    """Datatype, shape and bytes of arrays that travel as they are if they lie in C order.

    None for others, for those that `type_` does not allow, and for what is no array.
    """
    name = _plain_dtype(cls, dtype, type_.library)
    if name not in _OF_LIBRARY[type_.library] or type_.dtype not in (None, name):
        return None
    if type_.shape is not None and not _has_shape(shape, type_.shape):
        return None
    return DATATYPES[name], shape, math.prod(shape) * dtype.itemsize


def _plain_dtype(cls: type[Any], dtype: Any, library: str) -> str:
    """The name of the dtype; empty when the class is not the library's own, or the bytes are in another order."""
    module = sys.modules.get(library)
    if library == "numpy":
        is_plain = cls is getattr(module, "ndarray", None) and dtype == dtype.newbyteorder("<")
        return str(dtype.name) if is_plain else ""
    return str(dtype).removeprefix("torch.") if cls is getattr(module, "Tensor", None) else ""


_Elements: TypeAlias = tuple[str, tuple[int, ...], Callable[[], Any]]
"""dtype, shape, and what makes an array of the elements, once they are known to fit."""


def _numpy_elements(value: Any) -> _Elements:
    import numpy as np

    if not isinstance(value, np.ndarray | np.generic):
        raise EncodeError(f"must be a numpy.ndarray, got {describe(value)}")
    if isinstance(value, np.ma.MaskedArray):
        raise EncodeError("is a masked array, whose mask cannot travel; call .filled()")
    return _name_of(value.dtype), value.shape, lambda: value


@lru_cache(maxsize=64)
def _name_of(dtype: Any) -> str:
    """The name of a dtype, which numpy puts together each time it is asked."""
    name: str = dtype.name
    return name


def _torch_elements(value: Any) -> _Elements:
    import torch

    if not isinstance(value, torch.Tensor):
        raise EncodeError(f"must be a torch.Tensor, got {describe(value)}")
    if value.layout != torch.strided or value.is_quantized or value.is_nested or value.is_meta:
        raise EncodeError("must be a dense tensor with values; call .to_dense() or .dequantize()")

    def elements() -> Any:
        plain = value.detach().cpu().resolve_neg()
        return (plain.view(torch.int16) if plain.dtype == torch.bfloat16 else plain).numpy()  # numpy has no bfloat16

    return str(value.dtype).removeprefix("torch."), tuple(value.shape), elements


def _raw(array: Any) -> memoryview:
    import numpy as np

    ordered = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return ordered.reshape(-1).view(np.uint8).data


def _has_shape(shape: Sequence[int], wanted: Sequence[int | None]) -> bool:
    return len(shape) == len(wanted) and all(w in (None, n) for n, w in zip(shape, wanted, strict=True))


def shape_text(shape: Sequence[int | None]) -> str:
    """`(*, 3, 224, 224)`, with `*` for a dimension of any length."""
    lengths = ["*" if n is None else str(n) for n in shape]
    return f"({lengths[0]},)" if len(lengths) == 1 else f"({', '.join(lengths)})"


def tensor_from(parts: Mapping[str, Any], type_: Tensor) -> Any:
    """The array or tensor; Misfit when the parts do not make one.

    An array is over the bytes themselves when they came raw, and can be written to when those can.
    """
    dtype, shape, count = checked_parts(parts["datatype"], parts["shape"], type_)
    given = [name for name in CONTENTS if parts[name]]
    if parts["raw"] is not None:
        if given:
            raise Misfit([("raw", f"cannot come together with {given[0]}")])
        flat = from_raw(parts["raw"], dtype, count, type_)
    else:
        flat = _from_contents(parts, given, dtype, count, type_)
    try:
        return flat.reshape(shape)
    except (ValueError, RuntimeError, OverflowError) as error:
        raise Misfit([("shape", str(error))]) from None


def checked_parts(datatype: str | None, shape: Sequence[int], type_: Tensor) -> tuple[str, tuple[int, ...], int]:
    """The dtype, the shape, and how many elements that is.

    Raises:
        Misfit: they are no dtype and shape, or not those that `type_` asks for.
    """
    return (_dtype_of(datatype, type_), *_checked_shape(shape, type_))


def stored_dtype(dtype: str) -> Any:
    """The dtype in numpy of the elements on the wire."""
    import numpy as np

    return np.dtype("uint16" if dtype == "bfloat16" else dtype).newbyteorder("<")


def _dtype_of(datatype: str | None, type_: Tensor) -> str:
    if datatype is None:
        raise Misfit([("datatype", f"is required: {example(type_.dtype or 'float32')}")])
    dtype, known = _DTYPES.get(datatype, ""), _OF_LIBRARY[type_.library]
    if dtype not in known:
        raise Misfit([("datatype", f"must be one of {', '.join(known.values())}")])
    if problems := _wrong_dtype(dtype, type_):
        raise Misfit(problems)
    return dtype


def _checked_shape(shape: Sequence[int], type_: Tensor) -> tuple[tuple[int, ...], int]:
    if len(shape) > _MOST_DIMENSIONS:
        raise Misfit([("shape", f"must have at most {_MOST_DIMENSIONS} dimensions, got {len(shape)}")])
    problems = [(f"shape[{i}]", "must not be negative") for i, n in enumerate(shape) if n < 0]
    if problems := problems or _wrong_shape(shape, type_):
        raise Misfit(problems)
    return tuple(shape), math.prod(shape)


def not_as_annotated(type_: Tensor, dtype: Any, shape: Sequence[int]) -> list[tuple[str, str]]:
    """Where arrays or tensors have another dtype or shape than `type_` asks for, as `tensor_from` has it."""
    name = str(getattr(dtype, "name", dtype)).removeprefix("torch.")
    return _wrong_dtype(name, type_) or _wrong_shape(shape, type_)


def _wrong_dtype(dtype: str, type_: Tensor) -> list[tuple[str, str]]:
    if type_.dtype in (None, dtype):
        return []
    return [("datatype", f"must be {DATATYPES[type_.dtype]}, got {DATATYPES.get(dtype, dtype)}")]


def _wrong_shape(shape: Sequence[int], type_: Tensor) -> list[tuple[str, str]]:
    if type_.shape is None or _has_shape(shape, type_.shape):
        return []
    return [("shape", f"must be {shape_text(type_.shape)}, got {shape_text(shape)}")]


def from_raw(raw: bytes | memoryview, dtype: str, count: int, type_: Tensor) -> Any:
    """The elements in a row; Misfit when the bytes are not so many, or no elements of the dtype."""
    import numpy as np

    stored = stored_dtype(dtype)
    if len(raw) != count * stored.itemsize:
        raise Misfit([("raw", f"must be {count * stored.itemsize} bytes for this shape, got {len(raw)}")])
    flat = np.frombuffer(raw, dtype=stored)
    if dtype == "bool" and count and flat.view("uint8").max() > 1:
        raise Misfit([("raw", "must be bytes of 0 and 1 for BOOL")])
    if type_.library == "torch":
        return to_torch(flat, dtype)
    # Inside a message that others wrote; numpy is slow on it, other libraries fail.
    return flat if flat.flags.aligned else flat.copy()


def _from_contents(parts: Mapping[str, Any], given: list[str], dtype: str, count: int, type_: Tensor) -> Any:
    import numpy as np

    if len(given) > 1:
        raise Misfit([(given[1], f"cannot come together with {given[0]}")])
    if not given and count:
        raise Misfit([(_fitting(dtype)[0], f"is required, or raw: {example(dtype)}")])
    name = given[0] if given else "raw"
    values = parts[name] if given else []
    if given and name not in _fitting(dtype):
        raise Misfit([(name, f"cannot hold {DATATYPES[dtype]}; use {' or '.join(_fitting(dtype))}")])
    if not parts["shape"] and len(values) > 1:
        raise Misfit([("shape", f"is required: {len(values)} elements in a row have the shape [{len(values)}]")])
    if len(values) != count:
        raise Misfit([(name, f"must have {count} elements for this shape, got {len(values)}")])
    if name in _FLOATS:
        flat = _floats(name, values, dtype)
    else:
        _check_range(name, values, dtype)
        flat = np.array(values, dtype="uint16" if dtype == "bfloat16" else dtype)
    return to_torch(flat, dtype) if type_.library == "torch" else flat


def example(dtype: str) -> str:
    """A row of two elements as JSON has it."""
    elements = "[true, false]" if dtype == "bool" else "[1, 2]"
    return f'{{"datatype": "{DATATYPES[dtype]}", "shape": [2], "{_fitting(dtype)[0]}": {elements}}}'


def _fitting(dtype: str) -> tuple[str, ...]:
    match dtype[0]:
        case "b" if dtype == "bool":
            return ("bool_contents",)
        case "i":
            return ("int64_contents",)
        case "u":
            return ("uint64_contents", "int64_contents")
        case _:
            return _FLOATS


def _floats(name: str, values: Sequence[float], dtype: str) -> Any:
    import numpy as np

    with np.errstate(over="ignore"):
        sent = np.array(values, dtype="float32" if name == "fp32_contents" else "float64")
        flat = sent if dtype == "bfloat16" else sent.astype(dtype)
    finite = np.isfinite(np.array(values, dtype="float64"))
    if wrong := [(f"{name}[{i}]", "is out of range") for i in np.flatnonzero(finite & ~np.isfinite(flat))]:
        raise Misfit(wrong)
    return flat


def _check_range(name: str, values: Sequence[int], dtype: str) -> None:
    if dtype == "bool" or not values:
        return
    bits = int(dtype.removeprefix("u").removeprefix("int"))
    low, high = (0, (1 << bits) - 1) if dtype[0] == "u" else (-(1 << bits - 1), (1 << bits - 1) - 1)
    wrong = [i for i, v in enumerate(values) if not low <= v <= high]
    if wrong:
        raise Misfit((f"{name}[{i}]", f"must be from {low} to {high}") for i in wrong)


def to_torch(flat: Any, dtype: str) -> Any:
    """The tensor of such elements, in the same memory when that can be written to."""
    import torch

    # Torch has no read-only tensors.
    own = flat if flat.flags.writeable and flat.flags.aligned else flat.copy()
    if dtype != "bfloat16":
        return torch.from_numpy(own)
    if own.dtype.kind == "f":
        return torch.from_numpy(own).to(torch.bfloat16)
    return torch.from_numpy(own.view("int16")).view(torch.bfloat16)
