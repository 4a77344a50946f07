"""How good the example models are, on held-out pictures and through the same classes that the graph's nodes use."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from graphs.models.shapes import HELD_OUT_SEED, Sample, draw
from graphs.models.vision import ImageCaptioner, ImageClassifier, ImageSegmenter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from graphs.models.recipes import Recipe

__all__ = ["MEASURES", "accuracy", "exact_match", "held_out", "mask_iou", "measure"]

MEASURES = {"label": "accuracy", "mask": "mean IoU of the shape", "caption": "captions right word for word"}
"""What `measure` gives for each kind of model, all from 0 to 1."""


def held_out(count: int) -> list[Sample]:
    """Pictures that no model was trained on."""
    return [draw(HELD_OUT_SEED, index) for index in range(count)]


def measure(recipe: Recipe, folder: Path, pictures: int) -> float:
    """Measure a stored model on so many held-out pictures."""
    samples = held_out(pictures)
    match recipe.target:
        case "label":
            return accuracy(ImageClassifier(folder), samples)
        case "mask":
            return mask_iou(ImageSegmenter(folder), samples)
        case "caption":
            return exact_match(ImageCaptioner(folder), samples)
        case "parts":
            message = f"{recipe.name} is not a model of its own"
            raise ValueError(message)


def accuracy(classifier: ImageClassifier, samples: Sequence[Sample]) -> float:
    """Share of pictures whose likeliest label is the right one."""
    return fmean(classifier.top(sample.image, k=1)[0][0] == sample.label for sample in samples)


def mask_iou(segmenter: ImageSegmenter, samples: Sequence[Sample]) -> float:
    """Intersection over union of found and true shape, at the picture's own size, averaged over pictures."""
    masks = [(segmenter.mask(sample.image) != 0, sample.mask) for sample in samples]
    return fmean(float((found & true).sum() / (found | true).sum()) for found, true in masks)


def exact_match(captioner: ImageCaptioner, samples: Sequence[Sample]) -> float:
    """Share of pictures whose caption is right in every word."""
    return fmean(captioner.caption(sample.image) == sample.caption for sample in samples)
