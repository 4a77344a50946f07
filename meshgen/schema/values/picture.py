"""Pillow images ⇄ the parts of `meshgen.image.v1.Image`. Pillow is imported when an image passes."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import Any, TypeAlias

from meshgen import limits
from meshgen.schema.misfit import EncodeError, Misfit, describe
from meshgen.schema.model import Field, Optional, Scalar
from meshgen.status import ResourceExhausted

Buffer: TypeAlias = bytes | memoryview

PARTS: tuple[Field, ...] = (
    Field(name="mode", type=Optional(Scalar("str"))),
    Field(name="width", type=Optional(Scalar("int"))),
    Field(name="height", type=Optional(Scalar("int"))),
    Field(name="pixels", type=Optional(Scalar("bytes"))),
    Field(name="encoded", type=Optional(Scalar("bytes"))),
)

MODES = ("1", "L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I;16", "I", "F")
"""Modes whose raw bytes are the whole picture. The others keep a palette beside them or exist in memory only."""

_BIG, _STRIP = 4_000_000, 500_000
"""Pixels."""
_FORMATS = ("PNG", "JPEG", "WEBP")
_BITS: Mapping[str, int] = {"L": 8, "LA": 16, "RGB": 24, "RGBA": 32, "CMYK": 32, "YCbCr": 24, "LAB": 24, "HSV": 24,
                            "I;16": 16, "I": 32, "F": 32}  # fmt: skip


def image_parts(value: Any) -> dict[str, Any]:
    """Mode, width, height and pixels of an image."""
    from PIL import Image

    if not isinstance(value, Image.Image):
        raise EncodeError(f"must be a PIL.Image.Image, got {describe(value)}")
    if value.mode not in MODES:
        raise EncodeError(
            f"has mode {value.mode!r}, which cannot travel without loss; call .convert('RGB') or .convert('RGBA')"
        )
    return {"mode": value.mode, "width": value.width, "height": value.height, "pixels": _pixels(value)}


def _pixels(image: Any) -> bytes:
    """The raw bytes, of a big picture strip by strip: between two of them other threads get their turn."""
    width, height = image.size
    if not width * height:
        return b""
    if width * height <= _BIG:
        return bytes(image.tobytes())
    whole, rows = io.BytesIO(), max(1, _STRIP // width)
    for top in range(0, height, rows):
        whole.write(image.crop((0, top, width, min(top + rows, height))).tobytes())
    return whole.getvalue()


def image_from(parts: Mapping[str, Any]) -> Any:
    """The image; Misfit when the parts do not make one."""
    encoded = parts["encoded"]
    raw = [name for name in ("mode", "width", "height", "pixels") if parts[name] is not None]
    if encoded is not None:
        if raw:
            raise Misfit([("encoded", f"cannot come together with {raw[0]}")])
        return _decode(encoded)
    if missing := [name for name in ("mode", "width", "height", "pixels") if parts[name] is None]:
        raise Misfit((name, "is required") for name in missing)
    return _from_pixels(parts["mode"], parts["width"], parts["height"], parts["pixels"])


def _from_pixels(mode: str, width: int, height: int, pixels: bytes) -> Any:
    from PIL import Image

    if mode not in MODES:
        raise Misfit([("mode", f"must be one of {', '.join(MODES)}")])
    if problems := [(n, "must not be negative") for n, v in (("width", width), ("height", height)) if v < 0]:
        raise Misfit(problems)
    expected = ((width + 7) // 8 if mode == "1" else width * _BITS[mode] // 8) * height
    if len(pixels) != expected:
        raise Misfit([("pixels", f"must be {expected} bytes for {width}x{height} in mode {mode}, got {len(pixels)}")])
    if expected == 0:
        return _empty(mode, width, height)
    return Image.frombytes(mode, (width, height), pixels)


def _empty(mode: str, width: int, height: int) -> Any:
    from PIL import Image

    try:
        return Image.new(mode, (width, height))
    except (MemoryError, OverflowError, ValueError):
        raise Misfit([("width" if width else "height", "is out of range")]) from None


def decoded_size(encoded: Buffer) -> int:
    """Bytes of memory that the pixels of a file will take; 0 when it is no picture that we read."""
    try:
        return _size(_opened(encoded))
    except _UNREADABLE:
        return 0


def _decode(encoded: Buffer) -> Any:
    try:
        image = _opened(encoded)
        if _size(image) > limits.decoded():
            raise ResourceExhausted(limits.over_decoded("a picture"), reason=limits.TOO_LARGE)
        image.load()
    except _UNREADABLE:
        raise Misfit([("encoded", "must be a whole PNG, JPEG or WebP file of a sensible size")]) from None
    # A picture and no more, as it is on every further hop: what a file says beside its pixels would not travel on.
    plain = image.copy() if image.mode in MODES else image.convert("RGBA" if "transparency" in image.info else "RGB")
    plain.info = {}
    return plain


_UNREADABLE = (OSError, ValueError, SyntaxError, EOFError)


def _opened(encoded: Buffer) -> Any:
    """The picture, of which only the head has been read: our limit stands in for Pillow's own."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            return Image.open(io.BytesIO(encoded), formats=_FORMATS)
        except Image.DecompressionBombError:
            raise ResourceExhausted(limits.over_decoded("a picture"), reason=limits.TOO_LARGE) from None


def _size(image: Any) -> int:
    """Pillow takes a byte for a pixel of one band, and four for all others."""
    return int(image.width * image.height * (1 if len(image.getbands()) == 1 and image.mode not in ("I", "F") else 4))
