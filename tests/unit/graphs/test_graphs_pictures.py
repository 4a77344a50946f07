"""Decoding and drawing in the content-understanding graph."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from graphs.content.pictures import MAX_SIDE, Segmentation, annotate, decode, objects_in
from meshgen import InvalidArgument


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_decodes_to_rgb(kind: str, mode: str) -> None:
    image = decode(encoded(Image.new(mode, (30, 20), 128 if mode == "L" else (128, 128, 128)), kind))
    assert (image.mode, image.size) == ("RGB", (30, 20))


def test_decodes_transparency_and_palettes() -> None:
    for mode in ("RGBA", "LA", "P", "1", "I;16"):
        assert decode(encoded(Image.new(mode, (8, 8)), "PNG")).mode == "RGB"


def test_large_pictures_are_shrunk() -> None:
    assert decode(encoded(Image.new("RGB", (2000, 1000)), "PNG")).size == (MAX_SIDE, MAX_SIDE // 2)


def test_pictures_are_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    assert decode(encoded(Image.new("RGB", (30, 20)), "JPEG", exif=exif.tobytes())).size == (20, 30)


@pytest.mark.parametrize("data", [b"", b"GIF", b"<html></html>", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff" + b"\0" * 50])
def test_refuses_what_is_not_a_picture(data: bytes) -> None:
    with pytest.raises(InvalidArgument):
        decode(data)


def test_refuses_half_a_picture() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    for kind in ("PNG", "JPEG", "WEBP"):
        whole = encoded(noise, kind)
        with pytest.raises(InvalidArgument):
            decode(whole[: len(whole) // 2])


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [10_000, 60_000])
def test_refuses_a_bomb_before_unpacking_it(side: int) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    with pytest.raises(InvalidArgument, match=r"too (large|many)"):
        decode(bomb)


def segmentation() -> Segmentation:
    mask = np.zeros((20, 30), np.uint8)
    mask[2:8, 3:9] = 1
    mask[10:20, 10:30] = 2
    return Segmentation(mask, ["background", "cat", "dog"])


def test_objects_come_with_share_and_box_largest_first() -> None:
    dog, cat = objects_in(segmentation())
    assert (dog.label, dog.left, dog.top, dog.right, dog.bottom) == ("dog", 10, 10, 30, 20)
    assert (cat.label, cat.left, cat.top, cat.right, cat.bottom) == ("cat", 3, 2, 9, 8)
    assert (dog.share, cat.share) == (round(200 / 600, 4), 0.06)


def test_an_empty_mask_has_no_objects() -> None:
    assert objects_in(Segmentation(np.zeros((4, 4), np.uint8), ["background", "cat"])) == []


def test_annotate_draws_on_a_copy() -> None:
    image = Image.new("RGB", (30, 20), "white")
    before = image.tobytes()
    drawn = Image.open(io.BytesIO(annotate(image, segmentation(), objects_in(segmentation()), "a cat")))
    assert drawn.format == "PNG"
    assert drawn.width == 30
    assert drawn.height > 20
    assert drawn.getpixel((20, 15)) != (255, 255, 255)
    assert image.tobytes() == before
