"""Small messages beside plain protobuf by hand: `python -m benchmarks.codec_small`.

Meshgen's side has everything that a node's request goes through: types, dtype and shape as annotated, arrays that can
be written to. By hand nothing is checked, and the array is copied, too. Measured as `benchmarks.codec` does.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

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

BLOBS = (100, 4 << 10, 60 << 10)
"""Bytes."""
ARRAYS = (16, 1024, 15_000)
"""Elements of float32."""


@dataclasses.dataclass
class Sample:
    """What the record holds."""

    name: str
    x: Any
    ids: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A message and how protobuf's user writes and reads it."""

    payload: str
    schema: Type
    bytes: int
    value: Any
    message: Callable[[type[Any], type[Any] | None], Callable[[], Any]]
    """Message class and that of its field → what makes the message of the value."""
    read: Callable[[Any], Any]
    """Field `x` of the message → the value."""


def _array(tensor: Any) -> Any:
    return np.frombuffer(tensor.raw, np.float32).reshape(tuple(tensor.shape)).copy()


def _cases() -> Iterator[Case]:
    yield from map(_of_bytes, BLOBS)
    for count in ARRAYS:
        array = np.arange(count, dtype=np.float32)
        yield _of_tensor("numpy", array, array)
        yield _of_tensor("torch", torch.from_numpy(array.copy()), array)
    yield from map(_of_record, ARRAYS)


def _of_bytes(size: int) -> Case:
    blob = bytes(range(256)) * (size // 256) + bytes(size % 256)

    def message(cls: Any, _: Any) -> Callable[[], Any]:
        return lambda: cls(x=blob)

    return Case(payload="bytes", schema=Scalar("bytes"), bytes=size, value=blob, message=message, read=lambda x: x)


def _of_tensor(library: Literal["numpy", "torch"], value: Any, array: Any) -> Case:
    is_torch = library == "torch"

    def message(cls: Any, inner: Any) -> Callable[[], Any]:
        if is_torch:
            return lambda: cls(x=inner(datatype="FP32", shape=value.shape, raw=value.numpy().tobytes()))
        return lambda: cls(x=inner(datatype="FP32", shape=value.shape, raw=value.tobytes()))

    return Case(
        payload=library, schema=Tensor(library, "float32", (None,)), bytes=array.nbytes, value=value,
        message=message, read=(lambda x: torch.from_numpy(_array(x))) if is_torch else _array,
    )  # fmt: skip


def _of_record(count: int) -> Case:
    types: dict[str, Type] = {
        "name": Scalar("str"),
        "x": Tensor("numpy", "float32", (None,)),
        "ids": ListOf(Scalar("int")),
    }
    fields = tuple(Field(name=name, type=type_) for name, type_ in types.items())
    value = Sample("a name of a sample", np.arange(count, dtype=np.float32), list(range(0, 1000, 100)))

    def message(cls: Any, inner: Any) -> Callable[[], Any]:
        of_tensor = type(inner().x)

        def make() -> Any:
            tensor = of_tensor(datatype="FP32", shape=value.x.shape, raw=value.x.tobytes())
            return cls(x=inner(name=value.name, x=tensor, ids=value.ids))

        return make

    return Case(
        payload="record", schema=Record(name="Sample", kind="dataclass", python=Sample, fields=fields),
        bytes=value.x.nbytes, value=value, message=message,
        read=lambda m: Sample(m.name, _array(m.x), list(m.ids)),
    )  # fmt: skip


def codec_of(type_: Type) -> tuple[RpcCodec, tuple[Field, ...]]:
    """The codec of an rpc that takes a value as `x`, and its parameters."""
    fields = (Field(name="x", type=type_),)
    spec = ServiceSpec(node="n", rpcs=(RpcSpec(name="Run", params=fields, result=Scalar("int")),))
    contracts = Contracts(build("g", [spec], None).descriptors.SerializeToString())
    return contracts.codec("g.n.v1.NService", "Run", fields, None, Scalar("int"), own=True), fields


def _pairs(case: Case) -> Iterator[Pair]:
    codec, fields = codec_of(case.schema)
    arrays, value, read = arrays_in(fields), case.value, case.read
    cls: Any = codec.request_class
    inner = None if isinstance(case.schema, Scalar) else type(cls().x)
    make = case.message(cls, inner)
    data = codec.encode_request({"x": value})
    if cls.FromString(data) != make():
        raise ValueError(f"not the message that is written by hand: {case.payload}")

    def node_reads() -> Any:
        request = codec.decode_request(data)
        return with_writable(request, arrays) if arrays else request

    yield "write", lambda: make().SerializeToString(), lambda: codec.encode_request({"x": value})
    yield "read", lambda: read(cls.FromString(data).x), node_reads


def compare(repetitions: int = REPETITIONS) -> Iterator[CodecRow]:
    """Every message, written and read."""
    for case in _cases():
        yield from compared(case.payload, case.bytes, _pairs(case), repetitions)


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
