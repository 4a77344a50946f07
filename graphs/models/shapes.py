"""Draws the pictures that the example models learn from and are judged on.

Each picture shows one coloured shape on a busy background and comes with everything there is to know about it: its
class, a caption and its mask. A picture is a function of (seed, index) alone, so training, tests and demos need no
files, and held-out pictures are simply those of another seed. Needs numpy and pillow only: drawing a picture must not
load torch.

Every length is a fraction of the picture's shorter side. A picture of 64 pixels and one of 640 therefore look alike
once a model has scaled them to its input, and a model trained on small pictures reads large ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

    Field = NDArray[np.float32]  # (height, width), or (height, width, 3) of RGB from 0 to 255
    Points = NDArray[np.float64]  # (n, 2): corners in the unit circle, y downwards

__all__ = [
    "BACKGROUNDS",
    "COLOURS",
    "HELD_OUT_SEED",
    "SHAPES",
    "SIZES",
    "TRAINING_SEED",
    "VALIDATION_SEED",
    "Sample",
    "draw",
]

TRAINING_SEED = 20
"""Seed of the pictures that the committed weights were trained on."""

VALIDATION_SEED = 21
"""Seed of the pictures on which architectures and training lengths were chosen."""

HELD_OUT_SEED = 22
"""Seed of the pictures that no model has seen and no choice was made on; tests measure on these."""

COLOURS = {
    "red": (205, 35, 40),
    "orange": (245, 135, 20),
    "yellow": (240, 220, 40),
    "green": (40, 155, 60),
    "blue": (35, 85, 205),
    "purple": (140, 50, 170),
}
"""Colours of shapes, RGB. All are saturated and no background is, so the shape can always be seen."""

SIZES = {"small": (0.16, 0.21), "large": (0.31, 0.40)}
"""Range of the radius of the circle around the shape; the gap between them keeps captions unambiguous."""

_SHORT_SIDE = (96, 160)
_SUPERSAMPLING = 4
_GRAIN = 48  # noise is drawn on this many cells a side, so that it survives scaling down


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """One picture and the truth about it."""

    image: Image.Image
    """RGB."""
    label: str
    """The shape, one of `SHAPES`."""
    caption: str
    """Such as "a large red circle on a striped background"."""
    mask: NDArray[np.bool_]
    """(height, width): True where the shape is."""


def draw(seed: int | Sequence[int], index: int, size: tuple[int, int] | None = None) -> Sample:
    """Draw picture number `index` of the series `seed`.

    Args:
        seed: names the series; series of different seeds are independent.
        index: position in the series, from 0.
        size: (width, height) in pixels, at least 16 each; by default drawn too, 96 to 159 a side.
    """
    rng = np.random.default_rng([*np.atleast_1d(seed).tolist(), index])
    drawn_size = rng.integers(*_SHORT_SIDE, size=2)
    width, height = size if size is not None else (int(drawn_size[0]), int(drawn_size[1]))
    shape, colour, scale, background = (_choose(rng, names) for names in (SHAPES, COLOURS, SIZES, BACKGROUNDS))
    radius = rng.uniform(*SIZES[scale])
    coverage = _coverage(rng, SHAPES[shape], radius, width, height)
    pixels = _grained(rng, BACKGROUNDS[background](rng, width, height), 4.0)
    alpha = coverage[..., np.newaxis]
    pixels = pixels * (1 - alpha) + _painted(rng, COLOURS[colour], width, height) * alpha
    return Sample(
        image=Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)),
        label=shape,
        caption=f"a {scale} {colour} {shape} on a {background} background",
        mask=coverage >= 0.5,
    )


def _choose(rng: np.random.Generator, names: Collection[str]) -> str:
    return list(names)[int(rng.integers(len(names)))]


# Shapes ---------------------------------------------------------------------------------------------------------------


def _polar(radii: Sequence[float], turn: float = 0.0) -> Points:
    """Corners at equal angles and the given radii, the first one on top plus `turn` of a full turn."""
    angles = math.tau * (np.arange(len(radii)) / len(radii) + turn - 0.25)
    directions: Points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    corners: Points = directions * np.array(radii)[:, np.newaxis]
    return corners


def _cross() -> Points:
    arm, half = 0.94, 0.31
    quarter = np.array([(-half, -arm), (half, -arm), (half, -half)])
    turns = [np.array([(c, s), (-s, c)]) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))]
    return np.concatenate([quarter @ turn for turn in turns])


SHAPES: dict[str, Points] = {
    "circle": _polar([0.9] * 48),
    "cross": _cross(),
    "hexagon": _polar([1.0] * 6),
    "square": _polar([1.0] * 4, turn=0.125),
    "star": _polar([1.0, 0.42] * 5),
    "triangle": _polar([1.0] * 3),
}
"""The classes, each with its outline."""


def _coverage(rng: np.random.Generator, outline: Points, radius: float, width: int, height: int) -> Field:
    """How much of each pixel the shape covers, 0 to 1, when put anywhere wholly inside and slightly turned."""
    short = min(width, height)
    margin = (radius + 0.02) * short
    centre = rng.uniform((margin, margin), (width - margin, height - margin))
    turn = math.radians(rng.uniform(-25, 25))
    rotation = np.array([(math.cos(turn), math.sin(turn)), (-math.sin(turn), math.cos(turn))])
    corners = (outline @ rotation * radius * short + centre) * _SUPERSAMPLING
    canvas = Image.new("L", (width * _SUPERSAMPLING, height * _SUPERSAMPLING))
    ImageDraw.Draw(canvas).polygon([(float(x), float(y)) for x, y in corners], fill=255)
    return np.asarray(canvas.reduce(_SUPERSAMPLING), dtype=np.float32) / np.float32(255)


def _painted(rng: np.random.Generator, colour: tuple[int, int, int], width: int, height: int) -> Field:
    """The shape's colour under uneven light."""
    light = 0.85 + 0.25 * _ramp(rng.uniform(0, math.tau), width, height)
    return _grained(rng, light[..., np.newaxis] * np.array(colour, dtype=np.float32), 4.0)


# Backgrounds ----------------------------------------------------------------------------------------------------------


def _ramp(angle: float, width: int, height: int) -> Field:
    """0 on one side of the picture to 1 on the opposite one, along `angle`."""
    x, y = np.linspace(-0.5, 0.5, width), np.linspace(-0.5, 0.5, height)[:, np.newaxis]
    reach = (abs(math.cos(angle)) + abs(math.sin(angle))) / 2
    ramp = (x * math.cos(angle) + y * math.sin(angle)) / (2 * reach) + 0.5
    return ramp.astype(np.float32)


def _grained(rng: np.random.Generator, pixels: Field, sigma: float) -> Field:
    """Add grey noise whose grain is a fixed share of the picture."""
    height, width = pixels.shape[:2]
    rows, columns = (np.arange(side) * _GRAIN // side for side in (height, width))
    grain = rng.normal(0, sigma, size=(_GRAIN, _GRAIN)).astype(np.float32)
    cells: Field = grain[rows][:, columns, np.newaxis]
    return pixels + cells


def _muted(rng: np.random.Generator) -> Field:
    """A colour close to grey."""
    level = np.float32(rng.uniform(60, 200))
    tint: Field = rng.uniform(-16, 16, size=3).astype(np.float32)
    return level + tint


def _two_muted(rng: np.random.Generator) -> tuple[Field, Field]:
    """Two colours close to grey and clearly apart in brightness."""
    low, high = sorted((rng.uniform(50, 100), rng.uniform(150, 215)))
    first, second = (level + rng.uniform(-16, 16, size=3) for level in (low, high))
    return first.astype(np.float32), second.astype(np.float32)


def _blend(weights: Field, colours: tuple[Field, Field]) -> Field:
    return colours[0] + weights[..., np.newaxis] * (colours[1] - colours[0])


def _gradient(rng: np.random.Generator, width: int, height: int) -> Field:
    return _blend(_ramp(rng.uniform(0, math.tau), width, height), _two_muted(rng))


def _noisy(rng: np.random.Generator, width: int, height: int) -> Field:
    return _grained(rng, np.broadcast_to(_muted(rng), (height, width, 3)), 42.0)


def _striped(rng: np.random.Generator, width: int, height: int) -> Field:
    ramp = _ramp(rng.uniform(0, math.tau), width, height)
    waves = np.sin(math.tau * (rng.uniform(5, 9) * ramp + rng.uniform()))
    return _blend(np.clip(waves * 4 + 0.5, 0, 1), _two_muted(rng))


def _dotted(rng: np.random.Generator, width: int, height: int) -> Field:
    pitch, shift = min(width, height) / rng.uniform(6, 9), rng.uniform(0, 1, size=2)
    x = (np.arange(width) / pitch + shift[0]) % 1 - 0.5
    y = (np.arange(height)[:, np.newaxis] / pitch + shift[1]) % 1 - 0.5
    distance = np.hypot(x, y).astype(np.float32)
    return _blend(np.clip((0.3 - distance) * pitch + 0.5, 0, 1), _two_muted(rng))


def _cluttered(rng: np.random.Generator, width: int, height: int) -> Field:
    """Thin lines of any colour, far too thin to be taken for a shape."""
    canvas = Image.new("RGB", (width, height), _rgb(_muted(rng)))
    pen = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(12, 20))):
        ends = [float(end) for end in rng.uniform((0, 0, 0, 0), (width, height, width, height))]
        pen.line(ends, fill=_rgb(rng.uniform(0, 255, size=3)), width=max(1, round(0.015 * min(width, height))))
    return np.asarray(canvas, dtype=np.float32)


def _rgb(colour: NDArray[np.floating]) -> tuple[int, int, int]:
    red, green, blue = (int(channel) for channel in colour)
    return red, green, blue


BACKGROUNDS: dict[str, Callable[[np.random.Generator, int, int], Field]] = {
    "cluttered": _cluttered,
    "dotted": _dotted,
    "gradient": _gradient,
    "noisy": _noisy,
    "striped": _striped,
}
"""The backgrounds, each with the function that draws it: (rng, width, height) to (height, width, 3)."""
