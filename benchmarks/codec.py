"""What meshgen's codec costs beside plain protobuf, as its user would write it by hand: `python -m benchmarks.codec`.

Both sides write and read the same message, in turns, and CPU time is counted, so that other work on the machine matters
little. What counts is the ratio: above 1, meshgen takes less.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image as Pillow

from benchmarks.codec_report import CodecRow
from benchmarks.rows import record
from meshgen.codec.rpc import Contracts, RpcCodec
from meshgen.contract.build import build
from meshgen.contract.model import RpcSpec, ServiceSpec
from meshgen.schema.model import Field, Image, Scalar, Tensor, Type

SIZES = (1 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20)
REPETITIONS = 7
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


Pair: TypeAlias = tuple[str, Callable[[], Any], Callable[[], Any]]
"""Operation, plain protobuf's way, meshgen's."""


def _pairs(kind: Kind, size: int) -> Iterator[Pair]:
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


def compared(payload: str, size: int, pairs: Iterable[Pair], repetitions: int) -> Iterator[CodecRow]:
    """A row for each operation on a payload."""
    for operation, plain, ours in pairs:
        measured = measure(plain, ours, repetitions)
        ratios = sorted(a / b for a, b in measured)
        micro = [round(statistics.median(column) * 1e6, 2) for column in zip(*measured, strict=True)]
        median, least, most = (round(x, 3) for x in (statistics.median(ratios), ratios[0], ratios[-1]))
        yield CodecRow(
            payload=payload, bytes=size, operation=operation, protobuf_us=micro[0], meshgen_us=micro[1],
            ratio=median, least=least, most=most,
        )  # fmt: skip


def compare(repetitions: int = REPETITIONS) -> Iterator[CodecRow]:
    """Every kind of payload in every size."""
    for _, plain, ours in _pairs(KINDS[0], SIZES[-1]):
        measure(plain, ours, 1)  # malloc learns to keep memory of this size, as in a server that has run for a while
    for kind in KINDS:
        for size in SIZES:
            yield from compared(kind.name, size, _pairs(kind, size), repetitions)


def printed(rows: Iterable[CodecRow]) -> Iterator[CodecRow]:
    """The rows, each printed when it is there."""
    print(f"{'payload':>18} {'bytes':>9} {'':>6} {'protobuf':>10} {'meshgen':>10} {'ratio':>7}   spread of the ratio")
    for row in rows:
        print(
            f"{row.payload:>18} {row.bytes:>9} {row.operation:>6} {row.protobuf_us:>7.2f} us {row.meshgen_us:>7.2f} us "
            f"{row.ratio:>6.2f}x   {row.least:.2f}-{row.most:.2f}",
            flush=True,
        )
        yield row


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--json", type=Path, help="where to put the rows, too")
    asked = parser.parse_args()
    found = list(printed(compare(asked.repetitions)))
    if asked.json is not None:
        record(asked.json, map(asdict, found))


if __name__ == "__main__":
    main()
