"""The works as plain Python calls: the limit of what a local run can reach, and the oracle of the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks import nodes
from benchmarks.nodes import MODELS, STEPS, Verdict
from benchmarks.works import LAYERS


class Step:
    def __init__(self, step: int) -> None:
        self.step = step

    def advance(self, x: int) -> int:
        return nodes.advance(self.step, x)

    def merge(self, left: int, right: int) -> int:
        return nodes.merge(self.step, left, right)

    def relay(self, tensor: Any) -> Any:
        return tensor


class Model:
    def __init__(self, model: int) -> None:
        self.model = model

    def score(self, features: list[float]) -> nodes.Score:
        return nodes.score(self.model, features)


one, two, three, four = steps = [Step(i + 1) for i in range(STEPS)]
models = [Model(i + 1) for i in range(MODELS)]


def echo(text: str) -> str:
    return text


def chain1(x: int) -> int:
    return one.advance(x)


def chain4(x: int) -> int:
    return four.advance(three.advance(two.advance(one.advance(x))))


def chain10(x: int) -> int:
    return two.advance(one.advance(chain4(chain4(x))))


def fan4(x: int) -> int:
    return nodes.total([one.advance(x), two.advance(x), three.advance(x), four.advance(x)])


def fan10(x: int) -> int:
    return nodes.total([steps[i % STEPS].advance(x) for i in range(10)])


def ensemble(text: str) -> Verdict:
    features = nodes.normalise(nodes.parse(text))
    return nodes.vote([model.score(features) for model in models])


def diamond30(x: int) -> int:
    left, right = x, x
    for _ in range(LAYERS):
        left, right = one.merge(left, right), two.merge(right, left)
    return nodes.total([left, right])


def tensor1(tensor: Any) -> Any:
    return one.relay(tensor)


def tensor4(tensor: Any) -> Any:
    return four.relay(three.relay(two.relay(one.relay(tensor))))


BY_ROUTE: Mapping[str, Callable[..., Any]] = {
    f"/{function.__name__}": function
    for function in (echo, chain1, chain4, chain10, fan4, fan10, ensemble, diamond30, tensor1, tensor4)
}


def content() -> Callable[..., Any]:
    """Content understanding without meshgen's executor; its models are loaded once."""
    from graphs import content_understanding as graph
    from graphs.content import download, pictures
    from graphs.models.vision import ImageCaptioner, ImageClassifier, ImageSegmenter

    classifiers = [ImageClassifier(graph.model_source(f"classifier_v{v}")) for v in (1, 2, 3)]
    segmenter = ImageSegmenter(graph.model_source("segmenter"))
    captioner = ImageCaptioner(graph.model_source("captioner"))
    runner = asyncio.Runner()

    def understand(image_url: str, user_id: int) -> graph.Report:
        image = pictures.decode(runner.run(download.fetch(image_url, graph.POLICY)))
        labels = [pictures.Label(*pair) for pair in classifiers[user_id % 3].top(image, k=3)]
        segmentation = pictures.Segmentation(segmenter.mask(image), list(segmenter.labels))
        caption = captioner.caption(image)
        objects = pictures.objects_in(segmentation)
        annotated = pictures.annotate(image, segmentation, objects, caption)
        return graph.Report(labels, caption, objects, annotated)

    return understand
