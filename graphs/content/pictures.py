"""Pictures in and out of the content-understanding graph: decoding what strangers send, and drawing what was found."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from meshgen import InvalidArgument

MAX_PIXELS = 40_000_000
"""A few kilobytes of PNG can claim to be gigapixels; larger claims are refused before anything is unpacked."""
MAX_SIDE = 640
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")

_BACKGROUND = "background"
_PALETTE = ((230, 60, 60), (40, 140, 230), (250, 180, 30), (60, 180, 90), (160, 80, 200), (20, 190, 190))
_CAPTION_HEIGHT = 24


@dataclass
class Label:
    """A class, and how sure the model is (0 to 1)."""

    label: str
    score: float


@dataclass
class Segmentation:
    """A label for every pixel."""

    mask: NDArray[np.uint8]
    """(height, width): index into `labels`."""
    labels: list[str]


@dataclass
class SeenObject:
    """The pixels of one label."""

    label: str
    share: float
    """Of the whole picture, 0 to 1."""
    left: int
    top: int
    right: int
    bottom: int
    """The box around them in pixels; `right` and `bottom` are exclusive."""


def decode(data: bytes) -> Image.Image:
    """A picture file as RGB, upright, at most `MAX_SIDE` pixels a side.

    Raises:
        InvalidArgument: it is not a picture, is damaged, or is too large.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:  # reads the header only
            if image.width * image.height > MAX_PIXELS:
                raise InvalidArgument(f"a picture of {image.width} x {image.height} pixels is too large")
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except Image.DecompressionBombError:
        raise InvalidArgument("the picture has too many pixels") from None
    # What Pillow's decoders raise on damaged files, by its own documentation and by what they have raised.
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise InvalidArgument(f"not a picture that can be read ({', '.join(FORMATS)}): {error}") from None
    upright.thumbnail((MAX_SIDE, MAX_SIDE))
    return upright


def objects_in(segmentation: Segmentation) -> list[SeenObject]:
    """What the mask shows, the largest first; the background is left out."""
    seen = [
        _object(segmentation.mask == index, segmentation.labels[index])
        for index in np.unique(segmentation.mask).tolist()
        if segmentation.labels[index] != _BACKGROUND
    ]
    return sorted(seen, key=lambda item: item.share, reverse=True)


def _object(where: NDArray[np.bool_], label: str) -> SeenObject:
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    return SeenObject(
        label=label,
        share=round(float(where.mean()), 4),
        left=int(columns[0]),
        top=int(rows[0]),
        right=int(columns[-1]) + 1,
        bottom=int(rows[-1]) + 1,
    )


def annotate(image: Image.Image, segmentation: Segmentation, objects: list[SeenObject], caption: str) -> bytes:
    """The picture as a PNG file, with each object tinted and boxed and the caption below."""
    canvas = Image.new("RGB", (image.width, image.height + _CAPTION_HEIGHT), "white")
    canvas.paste(image)
    pen = ImageDraw.Draw(canvas)
    for number, item in enumerate(objects):
        colour = _PALETTE[number % len(_PALETTE)]
        where = segmentation.mask == segmentation.labels.index(item.label)
        canvas.paste(colour, (0, 0), Image.fromarray((where * 110).astype(np.uint8)))
        pen.rectangle((item.left, item.top, item.right - 1, item.bottom - 1), outline=colour, width=2)
    pen.text((4, image.height + 5), caption, fill="black", font=ImageFont.load_default(12))
    file = io.BytesIO()
    canvas.save(file, "PNG")
    return file.getvalue()
