"""Small messages beside plain protobuf by hand: `python -m benchmarks.codec_small`.

Meshgen's side has everything that a node's request goes through: types, dtype and shape as annotated, arrays that can
be written to. By hand dtype and number of dimensions are checked, and the array is copied, as a careful user would.
Measured as `benchmarks.codec` does.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.codec import REPETITIONS, Pair, compared, printed
from benchmarks.codec_report import CodecRow
from benchmarks.rows import record
from meshgen.codec.rpc import Contracts, RpcCodec
from meshgen.contract.build import build
from meshgen.contract.model import RpcSpec, ServiceSpec
from meshgen.schema.model import Field, ListOf, Record, Scalar, Tensor, Type
from meshgen.schema.values.writable import arrays_in, with_writable

SIZES = (100, 1 << 10, 16 << 10, 64 << 10)
"""Bytes of each payload."""
FLOAT, BYTE = Tensor("numpy", "float32", (None,)), Tensor("numpy", "uint8", (None,))
_NAME = "a name of a sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A request, and how protobuf's user writes and reads it."""

    payload: str
    params: dict[str, Type]
    values: dict[str, Any]
    write: Callable[[type[Any]], Any]
    """Class of the request → the message of the values."""
    read: Callable[[Any], Any]
    """The message → the values."""


@dataclasses.dataclass
class Named:
    """A tensor and its name."""

    name: str
    x: Any


@dataclasses.dataclass
class Pairs:
    """Two tensors."""

    x: Any
    y: Any


@dataclasses.dataclass
class Sample:
    """A tensor, its name, and numbers."""

    name: str
    x: Any
    ids: list[int]


def _parts(array: Any, datatype: str = "FP32") -> dict[str, Any]:
    return {"datatype": datatype, "shape": array.shape, "raw": array.tobytes()}


def _array(tensor: Any) -> Any:
    if tensor.datatype != "FP32" or len(tensor.shape) != 1:
        raise ValueError("no row of float32")
    return np.frombuffer(tensor.raw, np.float32).reshape(tuple(tensor.shape)).copy()


def _bytes_array(tensor: Any) -> Any:
    if tensor.datatype != "UINT8" or len(tensor.shape) != 1:
        raise ValueError("no row of uint8")
    return np.frombuffer(tensor.raw, np.uint8).reshape(tuple(tensor.shape)).copy()


def _record(cls: type[Any], **types: Type) -> Record:
    fields = tuple(Field(name=name, type=type_) for name, type_ in types.items())
    return Record(name=cls.__name__, kind="dataclass", python=cls, fields=fields)


def cases(size: int) -> Iterator[Case]:
    """Every message with payloads of so many bytes."""
    blob = bytes(range(256)) * (size // 256) + bytes(size % 256)
    yield from _of_blob(blob)
    yield from _alone(np.frombuffer(blob, np.float32))
    yield from _beside(np.frombuffer(blob, np.float32))


def _of_blob(blob: bytes) -> Iterator[Case]:
    yield Case(
        payload="bytes",
        params={"x": Scalar("bytes")}, values={"x": blob},
        write=lambda cls: cls(x=blob), read=lambda m: m.x,
    )  # fmt: skip
    yield Case(
        payload="bytes + str",
        params={"x": Scalar("bytes"), "name": Scalar("str")}, values={"x": blob, "name": _NAME},
        write=lambda cls: cls(x=blob, name=_NAME), read=lambda m: (m.x, m.name),
    )  # fmt: skip
    array = np.frombuffer(blob, np.uint8)
    yield Case(
        payload="uint8 + int",
        params={"x": BYTE, "k": Scalar("int")}, values={"x": array, "k": 5},
        write=lambda cls: cls(x=_parts(array, "UINT8"), k=5), read=lambda m: (_bytes_array(m.x), m.k),
    )  # fmt: skip


def _alone(array: Any) -> Iterator[Case]:
    yield Case(
        payload="numpy",
        params={"x": FLOAT}, values={"x": array},
        write=lambda cls: cls(x=_parts(array)), read=lambda m: _array(m.x),
    )  # fmt: skip
    tensor = torch.from_numpy(array.copy())
    yield Case(
        payload="torch",
        params={"x": Tensor("torch", "float32", (None,))}, values={"x": tensor},
        write=lambda cls: cls(x=_parts(tensor.numpy())), read=lambda m: torch.from_numpy(_array(m.x)),
    )  # fmt: skip
    yield Case(
        payload="list of 4",
        params={"x": ListOf(FLOAT)}, values={"x": [array] * 4},
        write=lambda cls: cls(x=[_parts(a) for a in [array] * 4]), read=lambda m: [_array(a) for a in m.x],
    )  # fmt: skip


def _beside(array: Any) -> Iterator[Case]:
    yield Case(
        payload="numpy + int",
        params={"x": FLOAT, "k": Scalar("int")}, values={"x": array, "k": 5},
        write=lambda cls: cls(x=_parts(array), k=5), read=lambda m: (_array(m.x), m.k),
    )  # fmt: skip
    yield Case(
        payload="{str, numpy}",
        params={"x": _record(Named, name=Scalar("str"), x=FLOAT)}, values={"x": Named(_NAME, array)},
        write=lambda cls: cls(x={"name": _NAME, "x": _parts(array)}), read=lambda m: Named(m.x.name, _array(m.x.x)),
    )  # fmt: skip
    yield Case(
        payload="{numpy, numpy}",
        params={"x": _record(Pairs, x=FLOAT, y=FLOAT)}, values={"x": Pairs(array, array)},
        write=lambda cls: cls(x={"x": _parts(array), "y": _parts(array)}),
        read=lambda m: Pairs(_array(m.x.x), _array(m.x.y)),
    )  # fmt: skip
    ids = list(range(0, 1000, 100))
    yield Case(
        payload="{str, numpy, ints}",
        params={"x": _record(Sample, name=Scalar("str"), x=FLOAT, ids=ListOf(Scalar("int")))},
        values={"x": Sample(_NAME, array, ids)},
        write=lambda cls: cls(x={"name": _NAME, "x": _parts(array), "ids": ids}),
        read=lambda m: Sample(m.x.name, _array(m.x.x), list(m.x.ids)),
    )  # fmt: skip


def codec_of(params: dict[str, Type]) -> tuple[RpcCodec, tuple[Field, ...]]:
    """The codec of an rpc that takes these, as its node has it, and its parameters."""
    fields = tuple(Field(name=name, type=type_) for name, type_ in params.items())
    spec = ServiceSpec(node="n", rpcs=(RpcSpec(name="Run", params=fields, result=Scalar("int")),))
    contracts = Contracts(build("g", [spec], None).descriptors.SerializeToString())
    return contracts.codec("g.n.v1.NService", "Run", fields, None, Scalar("int"), own=True), fields


def _pairs(case: Case) -> Iterator[Pair]:
    codec, fields = codec_of(case.params)
    arrays, values, write, read = arrays_in(fields), case.values, case.write, case.read
    cls: Any = codec.request_class
    data = codec.encode_request(values)
    if cls.FromString(data) != write(cls):
        raise ValueError(f"not the message that is written by hand: {case.payload}")

    def node_reads() -> Any:
        request = codec.decode_request(data)
        return with_writable(request, arrays) if arrays else request

    yield "write", lambda: write(cls).SerializeToString(), lambda: codec.encode_request(values)
    yield "read", lambda: read(cls.FromString(data)), node_reads


def compare(repetitions: int = REPETITIONS) -> Iterator[CodecRow]:
    """Every message, written and read."""
    for size in SIZES:
        for case in cases(size):
            yield from compared(case.payload, size, _pairs(case), repetitions)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--json", type=Path, help="where to put the rows, too")
    asked = parser.parse_args()
    found = list(printed(compare(asked.repetitions)))
    if asked.json is not None:
        record(asked.json, map(dataclasses.asdict, found))


if __name__ == "__main__":
    main()
