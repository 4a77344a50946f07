"""What is in a picture: download it, look at it with three kinds of model at once, and draw what they saw.

    image_url ─▶ download ─▶ preprocess ─┬─▶ segmenter ─────────────────────────────┐
                                         ├─▶ captioner ─────────────────────────────┼─▶ render ─▶ Report
    user_id ───▶ version_for ─▶ switch ──┴─▶ classifier_v1 │ _v2 │ _v3  (one of) ───┘

The models are small ones that `graphs/models/train.py` trained on drawn shapes. Environment variables put others in
their place, and open the downloader to networks that are not public; see docs/example-models.md.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from graphs.content import data_urls, pictures
from graphs.content import download as downloading
from graphs.content.pictures import Label, SeenObject, Segmentation
from meshgen import DAGDriver, InputNode, deployment, inline, switch

WEIGHTS = Path(__file__).parent / "models" / "weights"
POLICY = downloading.Policy.parse(os.environ.get("MESHGEN_DOWNLOAD_ALLOW", ""))


def model_source(name: str) -> str:
    """Where a model is loaded from: the hub id or folder in `MESHGEN_MODEL_<NAME>`, else this project's weights."""
    return os.environ.get(f"MESHGEN_MODEL_{name.upper()}", str(WEIGHTS / name))


@dataclass
class ContentRequest:
    """A picture, and who asks."""

    image_url: str
    user_id: int


@dataclass
class Report:
    """Everything that was found."""

    classification: list[Label]
    """The three likeliest, the best first."""
    caption: str
    objects: list[SeenObject]
    annotated_png: bytes
    """The picture with masks, boxes and the caption drawn on it."""


@deployment(max_ongoing_requests=32)  # waits for other people's servers, so many may wait at once
async def download(url: str) -> bytes:
    """Fetch the picture's file."""
    if url.startswith(data_urls.SCHEME):
        return data_urls.read(url)
    return await downloading.fetch(url, POLICY)


@deployment
def preprocess(data: bytes) -> Image.Image:
    """Decode the file: RGB, upright, at most 640 pixels a side."""
    return pictures.decode(data)


@deployment(max_ongoing_requests=2)
class Classifier:
    """Says what the picture shows."""

    def __init__(self, source: str) -> None:
        # Imported here and not above: whoever only builds or draws this graph needs no torch.
        from graphs.models.vision import ImageClassifier

        self.model = ImageClassifier(source)

    def classify(self, image: Image.Image) -> list[Label]:
        """The three likeliest labels, the best first."""
        return [Label(label, score) for label, score in self.model.top(image, k=3)]


@deployment(max_ongoing_requests=2)
class Segmenter:
    """Says where things are."""

    def __init__(self, source: str) -> None:
        from graphs.models.vision import ImageSegmenter

        self.model = ImageSegmenter(source)

    def segment(self, image: Image.Image) -> Segmentation:
        """A label for every pixel."""
        mask: NDArray[np.uint8] = self.model.mask(image)
        return Segmentation(mask, list(self.model.labels))


@deployment(max_ongoing_requests=2)
class Captioner:
    """Says it in words."""

    def __init__(self, source: str) -> None:
        from graphs.models.vision import ImageCaptioner

        self.model = ImageCaptioner(source)

    def caption(self, image: Image.Image) -> str:
        """One sentence."""
        return self.model.caption(image)


@deployment
def render(image: Image.Image, labels: list[Label], segmentation: Segmentation, caption: str) -> Report:
    """Put the findings together, and draw them."""
    objects = pictures.objects_in(segmentation)
    return Report(
        classification=labels,
        caption=caption,
        objects=objects,
        annotated_png=pictures.annotate(image, segmentation, objects, caption),
    )


@inline  # cheap and pure: runs inside the driver, no service
def version_for(user_id: int) -> int:
    """Which version of the classifier a user gets."""
    return user_id % 3 + 1


# An example is what /docs offers to be sent. This one brings its picture along, so that it needs no network.
with InputNode(ContentRequest, examples=[ContentRequest(data_urls.CIRCLE, user_id=1)]) as request:
    image = preprocess.bind(download.bind(request.image_url))

    classifiers = {
        version: Classifier.options(name=f"classifier_v{version}").bind(model_source(f"classifier_v{version}"))
        for version in (1, 2, 3)
    }
    # Only the classifier that the user is sent to runs.
    labels = switch(
        version_for.bind(request.user_id),
        {version: classifier.classify.bind(image) for version, classifier in classifiers.items()},
    )
    segmentation = Segmenter.bind(model_source("segmenter")).segment.bind(image)
    caption = Captioner.bind(model_source("captioner")).caption.bind(image)

    app = DAGDriver.bind(render.bind(image, labels, segmentation, caption))
