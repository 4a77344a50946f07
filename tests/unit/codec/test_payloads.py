"""Messages whose payloads go past protobuf, against the same messages that protobuf alone writes and reads."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PIL_Image
from schema_samples import BYTES, INT, STR, codec_of, params, same, typed_fields

from meshgen.codec import payloads
from meshgen.codec.rpc import EncodeError, RpcCodec
from meshgen.codec.wireformat import ALIGNMENT
from meshgen.schema.model import Field, Image, ListOf, MapOf, Optional, Record, Ref, Tensor, Type, Union
from meshgen.status import InvalidArgument

BIG = 600_000
NEVER = 1 << 40


assert BIG > payloads.THRESHOLD


@contextmanager
def threshold(size: int) -> Iterator[None]:
    """Payloads of this size and up go past protobuf, in messages of any number of fields."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(payloads, "THRESHOLD", size)
        patch.setattr(payloads, "_BYTES_PER_FIELD", 1)
        yield


def outcome(codec: RpcCodec, data: bytes) -> Any:
    try:
        return codec.decode_request(data)
    except InvalidArgument as error:
        return str((error.message, error.violations))


def as_protobuf_reads(codec: RpcCodec, data: bytes) -> Any:
    message: Any = codec.request_class.FromString(data)
    message.DiscardUnknownFields()
    return message


property_of_codecs = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@property_of_codecs
@given(typed_fields(), st.sampled_from([1, 3, 8]))
def test_protobuf_reads_what_went_past_it(drawn: tuple[tuple[Field, ...], dict[str, Any]], size: int) -> None:
    fields, values = drawn
    codec = codec_of(fields)
    with threshold(NEVER):
        plain = codec.encode_request(values)
    with threshold(size):
        spliced = codec.encode_request(values)
        assert same(codec.decode_request(spliced), values)
        assert same(codec.decode_request(plain), values)
    with threshold(NEVER):
        assert same(codec.decode_request(spliced), values)
    assert as_protobuf_reads(codec, spliced) == as_protobuf_reads(codec, plain)


@property_of_codecs
@given(typed_fields(), st.data(), st.sampled_from([1, 8]))
def test_broken_requests_fail_alike(
    drawn: tuple[tuple[Field, ...], dict[str, Any]], draw: st.DataObject, size: int
) -> None:
    fields, values = drawn
    codec = codec_of(fields)
    data = bytearray(codec.encode_request(values) * draw.draw(st.integers(1, 2)))
    for _ in range(draw.draw(st.integers(0, 3))):
        at = draw.draw(st.integers(0, len(data)))
        match draw.draw(st.sampled_from(["set", "cut", "insert"])):
            case "set" if at < len(data):
                data[at] = draw.draw(st.integers(0, 255))
            case "cut":
                del data[at:]
            case _:
                data[at:at] = draw.draw(st.binary(min_size=1, max_size=4))
    with threshold(NEVER):
        plain = outcome(codec, bytes(data))
    with threshold(size):
        assert same(outcome(codec, bytes(data)), plain)


class Tree:
    def __init__(self, blob: bytes, children: list[Tree]) -> None:
        self.blob, self.children = blob, children


def tree() -> Record:
    ref = Ref("Tree", Tree, resolve=lambda: record)
    record = Record(name="Tree", kind="dataclass", python=Tree, fields=params(blob=BYTES, children=ListOf(ref)))
    return record


BLOB, ARRAY = b"\x01\x02" * (BIG // 2), np.arange(BIG, dtype=np.float32).reshape(-1, 10)
PICTURE = PIL_Image.frombytes("RGB", (600, 400), bytes(range(240)) * 3000)
TENSOR = Tensor("numpy")


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (BYTES, BLOB),
        (Optional(BYTES), BLOB),
        (ListOf(BYTES), [b"", BLOB, b"small", BLOB[1:]]),
        (MapOf(STR, BYTES), {"a": BLOB, "b": b"small"}),
        (MapOf(INT, TENSOR), {1: ARRAY, 2: ARRAY[:1]}),
        (Optional(ListOf(TENSOR)), [ARRAY, ARRAY.T, ARRAY[0]]),
        (ListOf(Optional(TENSOR)), [None, ARRAY]),
        (ListOf(ListOf(Image())), [[PICTURE], [], [PICTURE, PICTURE]]),
        (Union((STR, BYTES)), BLOB),
        (ListOf(Union((STR, TENSOR))), ["a", ARRAY]),
        (Image(), PICTURE),
        (TENSOR, ARRAY),
    ],
    ids=lambda value: str(value) if isinstance(value, Type) else type(value).__name__,
)
def test_wherever_the_payload_is(type_: Type, value: Any) -> None:
    codec = codec_of(params(before=STR, x=type_, after=ListOf(INT)), type_)
    values = {"before": "a" * 200, "x": value, "after": [1, 2]}
    data = codec.encode_request(values)
    assert same(codec.decode_request(data), values)
    assert same(codec.decode_response(codec.encode_response(value)), value)
    with threshold(NEVER):
        assert same(codec.decode_request(data), values)
        assert as_protobuf_reads(codec, data) == as_protobuf_reads(codec, codec.encode_request(values))


def test_in_a_record_that_holds_itself() -> None:
    codec = codec_of(params(x=tree()))
    value = Tree(BLOB, [Tree(b"", []), Tree(b"", [Tree(BLOB[::-1], [])])])
    back = codec.decode_request(codec.encode_request({"x": value}))["x"]
    assert back.blob == BLOB
    assert back.children[1].children[0].blob == BLOB[::-1]


def test_as_deep_as_protobuf_reads() -> None:
    codec = codec_of(params(x=tree()))
    deep = Tree(BLOB, [])
    for levels in range(1, 110):
        try:
            data = codec.encode_request({"x": deep})
        except EncodeError:
            assert levels > 95
            with threshold(NEVER), pytest.raises(EncodeError):
                codec.encode_request({"x": deep})
        else:
            found = codec.decode_request(data)["x"]
            while found.children:
                found = found.children[0]
            assert found.blob == BLOB
        deep = Tree(b"", [deep])


def test_the_last_one_wins_and_messages_merge() -> None:
    codec = codec_of(params(x=TENSOR, blob=BYTES))
    big, small = {"x": ARRAY, "blob": BLOB}, {"x": ARRAY[:1], "blob": b"small"}
    for first, second in ((big, small), (small, big)):
        data = codec.encode_request(first) + codec.encode_request({"blob": second["blob"], "x": np.float32(1)})
        with threshold(NEVER):
            plain = outcome(codec, data)
        assert same(outcome(codec, data), plain)
        message: Any = codec.request_class(blob=second["blob"])
        message.x.datatype = "INT32"  # of the same size, so raw of the first and datatype of the second fit
        merged = codec.decode_request(codec.encode_request(first) + message.SerializeToString())
        assert merged["blob"] == second["blob"]
        assert same(merged["x"], first["x"].view(np.int32))


def test_violations_name_the_field() -> None:
    codec = codec_of(params(x=Tensor("numpy", "float32"), picture=Image()))
    message: Any = codec.request_class(x={"datatype": "FP32", "shape": [3], "raw": BLOB})
    message.picture.encoded = BLOB
    with pytest.raises(InvalidArgument) as caught:
        codec.decode_request(message.SerializeToString())
    assert {v.field: v.description for v in caught.value.violations} == {
        "x.raw": f"must be 12 bytes for this shape, got {len(BLOB)}",
        "picture.encoded": "must be a whole PNG, JPEG or WebP file of a sensible size",
    }


def test_arrays_are_views_that_nobody_can_write() -> None:
    codec = codec_of(params(x=TENSOR, y=TENSOR))
    data = codec.encode_request({"x": ARRAY, "y": ARRAY.astype(np.float64)})
    received = np.frombuffer(data, np.uint8)
    decoded = codec.decode_request(data)
    for array in decoded.values():
        assert np.shares_memory(array, received)
        assert array.flags.aligned
        assert (array.ctypes.data - received.ctypes.data) % ALIGNMENT == 0
        for view in (array, array.base):
            with pytest.raises(ValueError, match=r"WRITEABLE|read-only"):
                view.flags.writeable = True
    del data, received
    gc.collect()
    assert same(decoded["x"], ARRAY)


def test_the_threshold_decides() -> None:
    codec = codec_of(params(x=TENSOR))
    for size, went_past in ((8, True), (9, False)):
        with threshold(size):
            data = codec.encode_request({"x": np.zeros(1)})
            array = codec.decode_request(data)["x"]
        assert np.shares_memory(array, np.frombuffer(data, np.uint8)) is went_past
    many = codec_of(params(x=TENSOR, y=ListOf(STR)))
    for count, went_past in ((10, True), (BIG, False)):
        data = many.encode_request({"x": np.zeros(BIG), "y": [""] * count})
        array = many.decode_request(data)["x"]
        assert np.shares_memory(array, np.frombuffer(data, np.uint8)) is went_past


def test_an_array_of_others_is_aligned_by_a_copy() -> None:
    codec = codec_of(params(x=TENSOR))
    for width in range(1, 9):
        message: Any = codec.request_class(x={"datatype": "FP64", "shape": [1] * width + [BIG], "raw": bytes(8 * BIG)})
        array = codec.decode_request(message.SerializeToString())["x"]
        assert array.flags.aligned


def test_the_array_of_the_caller_is_let_go() -> None:
    codec = codec_of(params(x=TENSOR))
    array = np.zeros(BIG)
    codec.encode_request({"x": array})
    array.resize(2 * BIG, refcheck=True)  # nobody holds its buffer
    alive = weakref.ref(array)
    del array
    assert alive() is None


def test_torch_gets_memory_of_its_own() -> None:
    torch = pytest.importorskip("torch")
    codec = codec_of(params(x=Tensor("torch")))
    for dtype in (torch.float32, torch.bfloat16, torch.float16, torch.bool, torch.int64):
        value = (torch.arange(BIG).reshape(10, -1).T % 2).to(dtype)
        data = codec.encode_request({"x": value})
        before = bytes(data)
        back = codec.decode_request(data)["x"]
        assert torch.equal(back, value)
        back[:] = 1
        assert data == before


def test_a_key_cannot_be_sent() -> None:
    codec = codec_of(params(x=BYTES, y=ListOf(BYTES)))
    forged = [payloads._MARK + bytes([0, 0, 0, n]) for n in range(3)]
    values = {"x": b"a" * BIG, "y": [*forged, b"b" * BIG]}
    assert codec.decode_request(codec.encode_request({"x": forged[0], "y": forged})) == {"x": forged[0], "y": forged}
    # Even one who knew the mark would get only what the request holds.
    assert codec.decode_request(codec.encode_request({**values, "y": [b"b" * BIG]}))["y"] == [b"b" * BIG]


def test_threads_do_not_meet() -> None:
    codec = codec_of(params(x=BYTES, y=ListOf(TENSOR)))
    wrong: list[int] = []

    def work(n: int) -> None:
        values = {"x": bytes([n]) * BIG, "y": [np.full(BIG, n, np.uint8)] * 3}
        for _ in range(20):
            if not same(codec.decode_request(codec.encode_request(values)), values):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_codec_within_a_codec() -> None:
    """A record's own code may encode and decode while it is encoded and decoded."""
    inner = codec_of(params(x=BYTES))

    class Boxed:
        def __init__(self, blob: bytes, last: bytes) -> None:
            self._blob, self.last = inner.decode_request(inner.encode_request({"x": blob}))["x"], last

        @property
        def blob(self) -> bytes:
            value: bytes = inner.decode_request(inner.encode_request({"x": self._blob}))["x"]
            return value

    record = Record(name="Boxed", kind="dataclass", python=Boxed, fields=params(blob=BYTES, last=BYTES))
    codec = codec_of(params(x=ListOf(record)))
    decoded = codec.decode_request(codec.encode_request({"x": [Boxed(BLOB, BLOB), Boxed(b"", BLOB)]}))["x"]
    assert [(b.blob, b.last) for b in decoded] == [(BLOB, BLOB), (b"", BLOB)]


def test_more_than_protobuf_holds() -> None:
    codec = codec_of(params(x=ListOf(TENSOR)))
    zeros = np.zeros((1 << 28) + 1, np.uint8)  # pages that nobody touches
    with pytest.raises(EncodeError, match="2 GiB"):
        codec.encode_request({"x": [zeros] * 8})
