"""What a message will weigh is known before it is decoded, and about right."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from schema_samples import ANY, BYTES, FLOAT, INT, LABEL, STR, TREE, Label, codec_of, params, typed_fields

from meshgen.codec.weight import MESSAGE, NUMBER, VALUE, Scale
from meshgen.schema.model import Image, ListOf, MapOf, Optional, Tensor, Type

ALL = 1 << 40


def weight(type_: Type, value: Any, most: int = ALL) -> int:
    codec = codec_of(params(x=type_))
    return Scale(codec.request).weigh(codec.encode_request({"x": value}), most)


@pytest.mark.parametrize(
    ("type_", "value", "least"),
    [
        (ANY, [{}] * 1000, 2000 * MESSAGE),
        (ANY, {str(i): 1 for i in range(1000)}, 2000 * MESSAGE),
        (ListOf(LABEL), [Label("a")] * 1000, 1000 * MESSAGE),
        (MapOf(STR, INT), {str(i): 0 for i in range(1000)}, 1000 * MESSAGE),
        (ListOf(FLOAT), [0.5] * 1000, 1000 * NUMBER),
        (ListOf(INT), [0, 1 << 60, -1, 127] * 250, 1000 * NUMBER),
        (ListOf(STR), [""] * 1000, 1000 * VALUE),
        (ListOf(Optional(INT)), [None] * 1000, 1000 * MESSAGE),
    ],
    ids=str,
)
def test_every_value_counts(type_: Type, value: Any, least: int) -> None:
    assert least <= weight(type_, value) < 4 * least


@pytest.mark.parametrize(("type_", "value"), [(BYTES, bytes(1 << 20)), (STR, "x" * (1 << 20))], ids=["bytes", "text"])
def test_bytes_weigh_what_they_do_in_the_message(type_: Type, value: Any) -> None:
    assert weight(type_, value) < 1000


@pytest.mark.parametrize(("mode", "size"), [("RGB", 4), ("L", 1), ("RGBA", 4), ("1", 1)])
@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_a_file_weighs_its_pixels(mode: str, size: int, form: str) -> None:
    file = io.BytesIO()
    Pillow.new(mode, (3000, 2000)).save(file, form)
    codec = codec_of(params(x=Image()))
    message: Any = codec.request_class(x={"encoded": file.getvalue()})
    found = Scale(codec.request).weigh(message.SerializeToString(), ALL)
    assert found >= 6_000_000 * size
    assert found < 6_000_000 * 4 + 1000
    broken: Any = codec.request_class(x={"encoded": b"no picture"})
    assert Scale(codec.request).weigh(broken.SerializeToString(), ALL) < 1000


def test_raw_pixels_weigh_themselves() -> None:
    assert weight(Image(), Pillow.new("RGB", (1000, 1000))) > 3_000_000


def test_the_walk_ends_when_it_is_enough() -> None:
    assert 10_000 < weight(ANY, [{}] * 100_000, 10_000) < 20_000


def test_no_way_of_writing_is_light() -> None:
    """Tags and lengths may be longer than they need be, and fields may be unknown."""
    scale = Scale(codec_of(params(x=ListOf(STR))).request)
    for one in (b"\x0a\x00", b"\x8a\x00\x00", b"\x0a\x80\x00", b"\x7a\x00", b"\x78\x01", b"\x7b\x7c", b"\x7d\0\0\0\0"):
        assert scale.weigh(one * 1000, ALL) >= 1000 * VALUE, one


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_it_takes_any_bytes(data: bytes) -> None:
    assert Scale(codec_of(params(x=TREE, y=ListOf(FLOAT), z=Image())).request).weigh(data, ALL) > 0


@settings(max_examples=60, deadline=None)
@given(typed_fields())
def test_what_is_written_is_light(drawn: tuple[Any, dict[str, Any]]) -> None:
    fields, values = drawn
    codec = codec_of(fields)
    data = codec.encode_request(values)
    for form in (data, memoryview(bytearray(data))):
        assert Scale(codec.request).weigh(form, ALL) <= MESSAGE + len(data) * (MESSAGE + VALUE)


def test_tensors_are_not_decoded() -> None:
    import numpy as np

    assert weight(Tensor("numpy"), np.zeros(1 << 20)) < 1000
