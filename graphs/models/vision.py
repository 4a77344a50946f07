"""Image models as the graph's nodes call them: a picture in, plain Python or numpy out.

Each class takes the folder of a saved model or the id of one on the Hugging Face hub, and loads either by the same
`from_pretrained`; moving from the small models in `weights/` to real ones is a change of one string.

Importing this module is cheap: torch and transformers load when a model does, so that compiling a graph, or running a
node that uses no model, never pays for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import torch
    from numpy.typing import NDArray

__all__ = ["ImageCaptioner", "ImageClassifier", "ImageSegmenter"]

_MAX_ASPECT = 8
_MAX_CLASSES = 256


class ImageClassifier:
    """Says what a picture shows.

    Any image classification model does, such as `microsoft/resnet-50` or `google/vit-base-patch16-224`. Calls may come
    from several threads at once. Raises `OSError` when there is nothing at `source`, `ValueError` when it is no such
    model.

    Args:
        source: folder or hub id.
        threads: how many cores one call uses. See `_use_threads`.
    """

    def __init__(self, source: str | os.PathLike[str], *, threads: int = 1) -> None:
        from transformers import AutoModelForImageClassification

        self._model, self._processor = _load(AutoModelForImageClassification, source, threads)
        self.labels: tuple[str, ...] = _labels(self._model.config.id2label)

    def top(self, image: Image.Image, k: int = 3) -> list[tuple[str, float]]:
        """Give the `k` likeliest labels with their probabilities (softmax over all labels), likeliest first.

        There are fewer when the model has fewer labels. The picture may have any mode and size.
        """
        import torch

        with torch.inference_mode():
            scores = self._model(pixel_values=_pixels(self._processor, image)).logits[0].softmax(dim=-1)
            best = scores.topk(min(k, len(self.labels)))
        names = [self.labels[index] for index in best.indices.tolist()]
        return list(zip(names, best.values.tolist(), strict=True))


class ImageSegmenter:
    """Says for each pixel of a picture what it belongs to.

    Any semantic segmentation model of up to 256 classes does, such as `nvidia/segformer-b0-finetuned-ade-512-512`.
    Calls may come from several threads at once. Raises `OSError` when there is nothing at `source`, `ValueError` when
    it is no such model or has more classes than fit a byte.

    Args:
        source: folder or hub id.
        threads: how many cores one call uses. See `_use_threads`.
    """

    def __init__(self, source: str | os.PathLike[str], *, threads: int = 1) -> None:
        from transformers import AutoModelForSemanticSegmentation

        self._model, self._processor = _load(AutoModelForSemanticSegmentation, source, threads)
        self.labels: tuple[str, ...] = _labels(self._model.config.id2label)
        if len(self.labels) > _MAX_CLASSES:
            message = f"{source} has {len(self.labels)} classes; a mask holds at most {_MAX_CLASSES}"
            raise ValueError(message)

    def mask(self, image: Image.Image) -> NDArray[np.uint8]:
        """Give the class of each pixel, an index of `labels`: (height, width) of the picture itself.

        The model in `weights/` uses 0 for the background; a hub model has its own list. The picture may have any mode
        and size.
        """
        import torch
        from torch.nn.functional import interpolate

        pixels = _pixels(self._processor, image)
        with torch.inference_mode():
            logits = self._model(pixel_values=pixels).logits
            # Classes are settled at the model's input size and only then brought to the picture's: logits at the size
            # of a photograph take gigabytes when there are 150 classes, and know nothing more.
            classes = interpolate(logits, size=pixels.shape[-2:], mode="bilinear", align_corners=False).argmax(dim=1)[0]
        small = Image.fromarray(classes.to(torch.uint8).numpy())
        return np.array(small.resize(image.size, Image.Resampling.NEAREST))


class ImageCaptioner:
    """Describes a picture in words.

    Any model that generates text from pixels alone does, such as `nlpconnect/vit-gpt2-image-captioning`,
    `Salesforce/blip-image-captioning-base` or `microsoft/git-base-coco`. Calls may come from several threads at once.
    Raises `OSError` when there is nothing at `source`, `ValueError` when it is no such model.

    Args:
        source: folder or hub id.
        threads: how many cores one call uses. See `_use_threads`.
        max_words: where to stop at the latest, in tokens of the model.
    """

    def __init__(self, source: str | os.PathLike[str], *, threads: int = 1, max_words: int = 32) -> None:
        from transformers import AutoModelForImageTextToText, AutoTokenizer

        self._model, self._processor = _load(AutoModelForImageTextToText, source, threads)
        self._tokenizer = AutoTokenizer.from_pretrained(source)
        self._max_words = max_words

    def caption(self, image: Image.Image) -> str:
        """Describe the picture in one line; the same picture always gets the same words.

        The picture may have any mode and size.
        """
        import torch

        with torch.inference_mode():
            tokens = self._model.generate(
                pixel_values=_pixels(self._processor, image),
                max_new_tokens=self._max_words,
                do_sample=False,
                num_beams=1,
            )
        return str(self._tokenizer.decode(tokens[0], skip_special_tokens=True)).strip()


def _load(kind: Any, source: str | os.PathLike[str], threads: int) -> tuple[Any, Any]:
    """Load a model and its image processor, both `Any`: transformers picks their classes as it reads them."""
    import torch
    from transformers import AutoImageProcessor
    from transformers.utils import logging

    _use_threads(threads)
    # A service's log has no use for a progress bar.
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers annotates little
    # fp16 is for storage; CPUs compute in fp32, and far faster.
    model = kind.from_pretrained(source, dtype=torch.float32)
    made_for = model.config.architectures
    if made_for and type(model).__name__ not in made_for:
        # transformers would give it a random head and answer noise.
        message = f"{source} is a {made_for[0]}, not a {type(model).__name__}"
        raise ValueError(message)
    # "pil" because torchvision, the other back end, is not a dependency; the same pixels come out wherever this runs.
    processor = AutoImageProcessor.from_pretrained(source, backend="pil")  # type: ignore[no-untyped-call]  # as above
    return model.eval(), processor


def _use_threads(threads: int) -> None:
    """Set how many cores torch uses for one call, in the whole process.

    A replica serves several requests at once and shares the machine with other replicas, and for models this small
    handing work to a second core costs more than it saves. By default torch takes all cores in each replica, which then
    contend.
    """
    import torch

    torch.set_num_threads(threads)


def _pixels(processor: Any, image: Image.Image) -> torch.Tensor:
    """Scale and normalise a picture for the model: (1, 3, height, width) float32."""
    pixels: torch.Tensor = processor(images=_rgb(image), return_tensors="pt")["pixel_values"]
    return pixels


def _rgb(image: Image.Image) -> Image.Image:
    """Flatten transparency onto white, and widen slivers.

    Processors that scale the shorter side to a fixed length turn a picture of 1 x 20000 into gigabytes.
    """
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    image = image.convert("RGB")
    width, height = image.size
    least = -(-max(width, height) // _MAX_ASPECT)
    return image if min(width, height) >= least else image.resize((max(width, least), max(height, least)))


def _labels(id2label: Mapping[int, str]) -> tuple[str, ...]:
    return tuple(id2label[index] for index in range(len(id2label)))
