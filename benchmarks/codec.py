"""What meshgen's codec costs beside plain protobuf, as its user would write it by hand: `python -m benchmarks.codec`.

Both sides write and read the same message, in turns, and CPU time is counted, so that other work on the machine matters
little. What counts is the ratio: above 1, meshgen takes less.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image as Pillow

from meshgen.contract import RpcSpec, ServiceSpec, build
from meshgen.runtime.codec import Contracts, RpcCodec
from meshgen.schema.model import Field, Image, Scalar, Tensor, Type

SIZES = (1 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20)
BATCH_S = 0.02
"""How long one measurement runs, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of payload and how protobuf's user writes and reads it."""

    name: str
    type: Type
    make: Callable[[int], Any]
    """A value of so many bytes."""
    fill: Callable[[Any, Any], None]
    """Puts it into field `x` of the message."""
    read: Callable[[Any], Any]
    """Takes it from there."""


def _make_array(size: int) -> Any:
    return np.arange(size // 4, dtype=np.float32).reshape(-1, 64)


def _fill_array(message: Any, array: Any) -> None:
    message.x.datatype = "FP32"
    message.x.shape.extend(array.shape)
    message.x.raw = array.tobytes()


def _read_array(message: Any) -> Any:
    return np.frombuffer(message.x.raw, np.float32).reshape(tuple(message.x.shape))


def _make_picture(size: int) -> Any:
    return Pillow.frombytes("RGBA", (16, size // 64), bytes(size))


def _fill_picture(message: Any, picture: Any) -> None:
    message.x.mode = picture.mode
    message.x.width, message.x.height = picture.size
    message.x.pixels = picture.tobytes()


def _read_picture(message: Any) -> Any:
    return Pillow.frombytes(message.x.mode, (message.x.width, message.x.height), message.x.pixels)


KINDS = (
    Kind(name="numpy", type=Tensor("numpy"), make=_make_array, fill=_fill_array, read=_read_array),
    Kind(
        name="torch",
        type=Tensor("torch"),
        make=lambda size: torch.from_numpy(_make_array(size)),
        fill=lambda message, tensor: _fill_array(message, tensor.numpy()),
        read=lambda message: torch.from_numpy(_read_array(message).copy()),
    ),
    Kind(name="image", type=Image(), make=_make_picture, fill=_fill_picture, read=_read_picture),
    Kind(
        name="bytes",
        type=Scalar("bytes"),
        make=bytes,
        fill=lambda message, blob: setattr(message, "x", blob),
        read=lambda message: message.x,
    ),
)


def _codec(type_: Type) -> RpcCodec:
    fields = (Field(name="x", type=type_),)
    contract = build(
        "g", [ServiceSpec(node="n", rpcs=(RpcSpec(name="Run", params=fields, result=Scalar("int")),))], None
    )
    return Contracts(contract.descriptors.SerializeToString()).codec(
        "g.n.v1.NService", "Run", fields, None, Scalar("int")
    )


def _pairs(kind: Kind, size: int) -> Iterator[tuple[str, Callable[[], Any], Callable[[], Any]]]:
    """Operation, plain protobuf's way, meshgen's."""
    codec, value = _codec(kind.type), kind.make(size)
    message_class: Any = codec.request_class

    def plain_write() -> bytes:
        message = message_class()
        kind.fill(message, value)
        data: bytes = message.SerializeToString()
        return data

    plain, ours = plain_write(), codec.encode_request({"x": value})
    yield "write", plain_write, lambda: codec.encode_request({"x": value})
    yield "read", lambda: kind.read(message_class.FromString(plain)), lambda: codec.decode_request(ours)


def _seconds(run: Callable[[], Any], times: int) -> float:
    start = time.thread_time()
    for _ in range(times):
        run()
    return (time.thread_time() - start) / times


def measure(plain: Callable[[], Any], ours: Callable[[], Any], repetitions: int) -> list[tuple[float, float]]:
    """Seconds of both, in turns."""
    times = [max(1, round(BATCH_S / _seconds(run, 2))) for run in (plain, ours)]
    return [(_seconds(plain, times[0]), _seconds(ours, times[1])) for _ in range(repetitions)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=7)
    repetitions = parser.parse_args().repetitions
    for _, plain, ours in _pairs(KINDS[0], SIZES[-1]):
        measure(plain, ours, 1)  # malloc learns to keep memory of this size, as in a server that has run for a while
    print(f"{'payload':>8} {'bytes':>9} {'':>6} {'protobuf':>10} {'meshgen':>10} {'ratio':>7}   spread of the ratio")
    for kind in KINDS:
        for size in SIZES:
            for operation, plain, ours in _pairs(kind, size):
                rows = measure(plain, ours, repetitions)
                ratios = sorted(a / b for a, b in rows)
                micro = [f"{statistics.median(column) * 1e6:.0f} us" for column in zip(*rows, strict=True)]
                print(
                    f"{kind.name:>8} {size:>9} {operation:>6} {micro[0]:>10} {micro[1]:>10} "
                    f"{statistics.median(ratios):>6.2f}x   {ratios[0]:.2f}-{ratios[-1]:.2f}"
                )


if __name__ == "__main__":
    main()
