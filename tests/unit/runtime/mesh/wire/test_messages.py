"""The messages of a body, however it is cut; a long one stays where it was received: aligned, and to be written to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schema_samples import codec_of, params
from wire_ends import Node

from meshgen.codec.wireformat import Buffer
from meshgen.runtime.call.metadata import MetadataByKey
from meshgen.runtime.mesh.handler import Rpc
from meshgen.runtime.mesh.wire.messages import BadMessageError, Messages, prefix
from meshgen.runtime.mesh.wire.peer import Peer
from meshgen.schema.model import Tensor
from meshgen.status import Code

PATTERN = bytes(range(251)) * 800
CODEC = codec_of(params(x=Tensor("numpy"), y=Tensor("torch")))
sizes = st.one_of(st.integers(0, 40), st.integers(16_370, 16_400), st.integers(100_000, 200_000))


@given(
    sent=st.lists(sizes, max_size=6),
    pieces=st.lists(st.integers(1, 70_000), min_size=1).filter(lambda sizes: max(sizes) > 999),
)
def test_messages_are_read_as_they_were_written_however_they_are_cut(sent: list[int], pieces: list[int]) -> None:
    whole = [PATTERN[:size] for size in sent]
    data, place = b"".join(prefix(m) + m for m in whole), 0
    reader, got = Messages(1 << 20), []
    while data:
        piece = pieces[place % len(pieces)]
        got += [bytes(m) for m in reader.feed(data[:piece])]
        data = data[piece:]
        place += 1
    assert got == whole
    assert reader.between


def test_byte_for_byte() -> None:
    reader, got = Messages(100), []
    for byte in b"\0\0\0\0\2ab\0\0\0\0\0\0\0\0\0\1c":
        got += list(reader.feed(bytes([byte])))
    assert got == [b"ab", b"", b"c"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\1\0\0\0\1a", Code.UNIMPLEMENTED),
        (b"\0\0\0\0\x65", Code.RESOURCE_EXHAUSTED),
        (b"\xffabcd", Code.UNIMPLEMENTED),
    ],
)
def test_what_is_no_message_is_told_by_its_prefix(body: bytes, code: Code) -> None:
    reader = Messages(100)
    with pytest.raises(BadMessageError) as raised:
        list(reader.feed(body))
    assert raised.value.code is code


def test_memory_is_taken_for_what_came_and_not_for_what_was_announced() -> None:
    reader = Messages(1 << 31)
    assert list(reader.feed(b"\0\x7f\xff\xff\xff" + bytes(100))) == []
    assert not reader.between
    assert reader._long.__sizeof__() < 1000


class Taker(Node):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[type, bool, bool]] = []

    @property
    def rpcs(self) -> dict[str, Rpc]:
        return {"/s/take": self.take}

    async def take(self, message: Buffer, _metadata: MetadataByKey, _seconds: float | None) -> bytes:
        import torch

        got = CODEC.decode_request(message)
        array, tensor = got["x"], got["y"]
        self.seen.append((type(message), array.flags.writeable, bool(array.flags.aligned)))
        assert np.array_equal(array, np.arange(len(array), dtype=np.float32))
        tensor += 1
        assert torch.equal(tensor, torch.ones(len(array)))
        return b""


@pytest.mark.parametrize("count", [3, 1_500, 5_000, 300_000])
@pytest.mark.parametrize("extra", range(5))
async def test_arrays_are_the_nodes_own(tmp_path: Path, count: int, extra: int) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "s"
    node, peer = Taker(), Peer(path)
    await node.listen(path)
    sent = CODEC.encode_request({"x": np.arange(count, dtype=np.float32), "y": torch.zeros(count)})
    await peer.call(b"/s/take", sent, 5, (("k", "v" * extra),))
    peer.close()
    node.close()
    # Short messages are cut out of what came with them; their arrays are copied for the node.
    ((kind, writeable, aligned),) = node.seen
    assert aligned
    if len(sent) > 256 * 1024:
        assert kind is memoryview
    assert writeable is (count == 300_000)
