"""Annotations of numpy's arrays and torch's tensors: dtype and shape. Imports neither."""

from __future__ import annotations

import dataclasses
import sys
import typing
from typing import Any

from meshgen.annotations import TensorSpec
from meshgen.schema.model import Tensor
from meshgen.schema.unsupported import THIS, Refused, name_of
from meshgen.schema.values.tensor import DATATYPES

_ANY_DTYPE = ("generic", "Any")


def is_class_of(annotation: Any, module: str, name: str) -> bool:
    """Whether a class is `module.name`, without importing the module; a class that is loaded implies it is."""
    return annotation is not None and annotation is getattr(sys.modules.get(module), name, None)


def tensor_of(annotation: Any, origin: Any, args: tuple[Any, ...]) -> Tensor | None:
    """`np.ndarray`, `NDArray[np.float32]`, `np.ndarray[tuple[int, int], np.dtype[np.uint8]]`, `torch.Tensor`.

    Raises:
        Refused: no single dtype, or one that has no place on the wire.
    """
    if is_class_of(origin, "torch", "Tensor"):
        return Tensor("torch")
    if not is_class_of(origin, "numpy", "ndarray"):
        return None
    shape = _shape(annotation, args[0]) if args else None
    return Tensor("numpy", _dtype(annotation, args[1]) if len(args) > 1 else None, shape)


def specified(tensor: Tensor, metadata: list[Any]) -> Tensor:
    """A tensor with what `TensorSpec` says.

    Raises:
        Refused: it says something else than the annotation, or nothing that can be.
    """
    for spec in metadata:
        if not isinstance(spec, TensorSpec):
            continue
        if spec.dtype is not None:
            tensor = dataclasses.replace(tensor, dtype=_same_dtype(tensor.dtype, _named_dtype(spec.dtype)))
        if spec.shape is not None:
            tensor = dataclasses.replace(tensor, shape=_same_shape(tensor.shape, _lengths(spec.shape)))
    return tensor


def _same_dtype(annotated: str | None, said: str) -> str:
    if annotated not in (None, said):
        raise Refused(THIS, f"is of {annotated} and is said to be of {said}", "Name one dtype.")
    return said


def _same_shape(annotated: tuple[int | None, ...] | None, said: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Both at once: a length that only one of them fixes is fixed."""
    if annotated is None:
        return said
    pairs = list(zip(annotated, said, strict=False))
    if len(annotated) != len(said) or any(None not in (a, b) and a != b for a, b in pairs):
        raise Refused(THIS, f"is of the shape {annotated} and is said to be of {said}", "Name one shape.")
    return tuple(b if a is None else a for a, b in pairs)


def refuse_scalar(annotation: Any) -> None:
    """`np.float32` and the like.

    Raises:
        Refused: it is one.
    """
    numpy = sys.modules.get("numpy")
    if numpy is None or not (isinstance(annotation, type) and issubclass(annotation, numpy.generic)):
        return
    name = annotation.__name__
    plain = {"b": "bool", "i": "int", "u": "int", "f": "float"}.get(numpy.dtype(annotation).kind, "float")
    narrow = {"float32": " or `Annotated[float, Float32]`", "int32": " or `Annotated[int, Int32]`"}.get(name, "")
    hint = f"Use `{plain}`{narrow}; numpy's numbers are taken where it is asked for."
    raise Refused(annotation, "arrives as a plain number of Python", hint)


def _dtype(annotation: Any, argument: Any) -> str | None:
    args = typing.get_args(argument)
    if not args or getattr(args[0], "__name__", "") in _ANY_DTYPE:
        return None
    if not isinstance(args[0], type):
        if isinstance(args[0], typing.TypeVar):
            return None
        raise Refused(annotation, "has no single dtype", "Name one: `NDArray[np.float32]`.")
    try:
        name = sys.modules["numpy"].dtype(args[0]).name
    except TypeError:
        raise Refused(annotation, "has no single dtype", "Name one: `NDArray[np.float32]`.") from None
    return _known(annotation, str(name))


def _named_dtype(dtype: Any) -> str:
    if isinstance(dtype, str):
        name = dtype
    elif isinstance(dtype, type):
        name = dtype.__name__
    else:
        name = str(dtype).removeprefix("torch.")
    return _known(THIS, name)


def _known(annotation: Any, dtype: str) -> str:
    if dtype not in DATATYPES:
        raise Refused(annotation, f"has the dtype {dtype}", f"Use one of {', '.join(sorted(DATATYPES))}.")
    return dtype


def _shape(annotation: Any, argument: Any) -> tuple[int | None, ...] | None:
    """`tuple[Literal[3], int]` → `(3, None)`; None for one of any number of dimensions."""
    args = typing.get_args(argument)
    if typing.get_origin(argument) is not tuple or Ellipsis in args:
        return None
    return tuple(_length(annotation, arg) for arg in args)


def _length(annotation: Any, argument: Any) -> int | None:
    if typing.get_origin(argument) is not typing.Literal:
        return None
    values = typing.get_args(argument)
    if len(values) != 1 or type(values[0]) is not int:
        hint = "Write one whole number, or `int` for any length."
        raise Refused(annotation, f"has a dimension of length {name_of(argument)}", hint)
    return int(values[0])


def _lengths(shape: Any) -> tuple[int | None, ...]:
    if not isinstance(shape, tuple | list) or any(n is not None and (type(n) is not int or n < 0) for n in shape):
        hint = "Write a tuple of lengths, None for one of any length: `(None, 3, 224, 224)`."
        raise Refused(THIS, f"has the shape {shape!r}", hint)
    return tuple(shape)
