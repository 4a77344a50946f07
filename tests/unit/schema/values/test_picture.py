"""Pictures: big ones take memory in strips when they are written, and only as much as there is when they are read."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from meshgen import limits
from meshgen.schema.values import picture
from meshgen.schema.values.picture import MODES, decoded_size, image_from, image_parts
from meshgen.status import ResourceExhausted


def file_of(image: Any, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def parts(**given: Any) -> dict[str, Any]:
    return {**dict.fromkeys(("mode", "width", "height", "pixels", "encoded")), **given}


@pytest.mark.parametrize("mode", MODES)
def test_strips_make_the_same_pixels(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (37, 29)
    monkeypatch.setattr(picture, "_BIG", 100)
    monkeypatch.setattr(picture, "_STRIP", 37 * 4 + 5)
    bits = {"1": (37 + 7) // 8 * 29}.get(mode, 37 * 29 * 4)
    raw = Image.new(mode, size).tobytes()
    image = Image.frombytes(mode, size, bytes(i * 7 % 251 for i in range(bits))[: len(raw)])
    found = image_parts(image)["pixels"]
    assert found == image.tobytes()
    again = image_from(parts(**image_parts(image)))
    assert (again.mode, again.size, again.tobytes()) == (mode, size, found)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_file_says_how_large_it_will_be(form: str) -> None:
    file = file_of(Image.new("RGB", (300, 200)), form)
    assert decoded_size(file) == 300 * 200 * 4
    assert decoded_size(memoryview(bytearray(file))) == 300 * 200 * 4
    assert decoded_size(file[:20]) == 0


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA"])
@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_a_file_that_would_be_too_large_is_refused(mode: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.VARIABLE, "1")
    side = 2100  # 4.4 million pixels; four times a mebibyte may be taken
    with pytest.raises(ResourceExhausted, match="4 MiB once it is decoded") as raised:
        image_from(parts(encoded=file_of(Image.new(mode, (side, side)), form)))
    assert raised.value.reason == limits.TOO_LARGE


def test_one_that_even_pillow_refuses_is_refused_alike() -> None:
    with pytest.raises(ResourceExhausted):
        image_from(parts(encoded=file_of(Image.new("1", (20_000, 20_000)))))


def test_a_large_photo_is_read_without_a_warning() -> None:
    assert image_from(parts(encoded=file_of(Image.new("L", (9500, 9500))))).size == (9500, 9500)


@pytest.mark.parametrize("mode", ["RGB", "P", "L"])
def test_what_a_file_says_beside_its_pixels_is_left_behind(mode: str) -> None:
    """It would be there in process, and gone after the next hop of a mesh."""
    image = Image.new(mode, (4, 3))
    exif = image.getexif()
    exif[0x0112] = 6  # turned by 90 degrees
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif, dpi=(72, 72))
    found = image_from(parts(encoded=file.getvalue()))
    assert type(found) is Image.Image
    assert (found.info, found.format, dict(found.getexif())) == ({}, None, {})
    assert found.size == (4, 3)
