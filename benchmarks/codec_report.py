"""What the codec costs, as rows and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.tables import number, table

SHOWN = (1 << 10, 64 << 10, 1 << 20, 16 << 20)
"""Bytes of the payloads in the page, of those that are measured up to large ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecRow:
    """One payload written or read; µs are medians, the ratio is protobuf's time over meshgen's."""

    payload: str
    bytes: int
    operation: str
    protobuf_us: float
    meshgen_us: float
    ratio: float
    least: float
    most: float


def report(found: Sequence[CodecRow], sizes: Sequence[int] = ()) -> str:
    """As a Markdown table of the payloads of these sizes, or of all; empty for no rows."""
    lines = [
        (f"{row.payload}, {_size(row.bytes)}", row.operation, _time(row.protobuf_us), _time(row.meshgen_us),
         number(row.ratio), f"{number(row.least)} to {number(row.most)}")
        for row in found
        if not sizes or row.bytes in sizes
    ]  # fmt: skip
    return table(("payload", "", "protobuf", "meshgen", "ratio", "spread"), lines) if lines else ""


def _size(size: int) -> str:
    if size >= 1 << 20:
        return f"{size >> 20} MiB"
    return f"{size / 1024:.3g} KiB" if size >= 1 << 10 else f"{size} bytes"


def _time(micro: float) -> str:
    return f"{number(micro / 1e3)} ms" if micro >= 1e3 else f"{number(micro)} µs"
