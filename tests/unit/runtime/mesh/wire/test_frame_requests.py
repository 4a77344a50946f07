"""A long request is received where it stays: aligned, and to be written to."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from schema_samples import codec_of, params

from meshgen.codec.wireformat import Buffer
from meshgen.runtime.mesh.wire import link, linkhost
from meshgen.schema.model import Tensor

CODEC = codec_of(params(x=Tensor("numpy"), y=Tensor("torch")))


@pytest.mark.parametrize("count", [3, 5_000, 300_000])
@pytest.mark.parametrize("extra", range(5))
async def test_arrays_are_the_nodes_own(tmp_path: Path, count: int, extra: int) -> None:
    torch = pytest.importorskip("torch")
    seen: list[tuple[type, bool, bool]] = []

    async def handle(message: Buffer, _metadata: dict[str, str], _seconds: float | None) -> bytes:
        got = CODEC.decode_request(message)
        array, tensor = got["x"], got["y"]
        seen.append((type(message), array.flags.writeable, bool(array.flags.aligned)))
        assert np.array_equal(array, np.arange(count, dtype=np.float32))
        tensor += 1
        assert torch.equal(tensor, torch.ones(count))
        return b""

    async def serving() -> bool:
        return True

    server = await linkhost.listen(tmp_path / "s", {"/s/M": handle}, serving)
    caller = await link.connect(tmp_path / "s")
    sent = CODEC.encode_request({"x": np.arange(count, dtype=np.float32), "y": torch.zeros(count)})
    try:
        await caller.call(b"/s/M", sent, 5, (("k", "v" * extra),))
    finally:
        caller.close()
        server.close()
        await asyncio.sleep(0)
    # Short messages are copied out of the buffer that the next one needs; their arrays are copied for the node.
    ((kind, writeable, aligned),) = seen
    assert aligned
    assert (kind is memoryview) is (len(sent) > 64 * 1024)
    assert writeable is (count == 300_000)
