"""The content-understanding graph with its trained models, in process, on pictures from a web server on loopback."""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import meshgen
from docs.demo import web_server
from graphs.models.shapes import HELD_OUT_SEED, Sample, draw

WEIGHTS = Path(__file__).parents[1] / "graphs/models/weights"
pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A web server with two pictures, and other things."""
    folder = tmp_path_factory.mktemp("pictures")
    for index in (1, 3):
        sample(index).image.save(folder / f"{index}.png")
    (folder / "page.html").write_text("<html></html>")
    (folder / "big.png").write_bytes(os.urandom(10_000_001))

    with web_server(str(folder)) as url:
        yield url


@pytest.fixture(scope="module")
def graph() -> Iterator[Any]:
    """The graph, with the downloader open to loopback as the demo has it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MESHGEN_DOWNLOAD_ALLOW", "127.0.0.0/8")
        module = importlib.reload(importlib.import_module("graphs.content_understanding"))
        running = meshgen.local(module.app)
        yield lambda url, user_id=2: running(module.ContentRequest(url, user_id))
        running.close()


def sample(index: int) -> Sample:
    return draw(HELD_OUT_SEED, index, size=(320, 240))


def test_a_picture_is_understood(graph: Any, base: str) -> None:
    truth = sample(3)  # a large shape; how often small ones are told apart is what test_models.py measures
    report = graph(f"{base}/3.png")
    assert report.classification[0].label == truth.label
    assert sum(label.score for label in report.classification) <= 1.0001
    assert len(report.classification) == 3
    assert truth.label in report.caption
    (found,) = report.objects
    assert abs(found.share - truth.mask.mean()) < 0.05
    annotated = Image.open(io.BytesIO(report.annotated_png))
    assert annotated.format == "PNG"
    assert annotated.width == 320


def test_users_get_different_classifiers(graph: Any, base: str) -> None:
    scores = {tuple(label.score for label in graph(f"{base}/1.png", user).classification) for user in range(3)}
    assert len(scores) == 3
    assert graph(f"{base}/1.png", 1).classification == graph(f"{base}/1.png", 4).classification


@pytest.mark.parametrize(
    ("path", "error"),
    [("/none.png", meshgen.NotFound), ("/page.html", meshgen.InvalidArgument), ("/big.png", meshgen.InvalidArgument)],
)
def test_what_is_no_picture_is_refused(graph: Any, base: str, path: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        graph(base + path)


def test_private_addresses_are_refused(graph: Any) -> None:
    with pytest.raises(meshgen.PermissionDenied):
        graph("http://192.168.0.1/x.png")


def test_another_model_is_one_setting_away(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHGEN_DOWNLOAD_ALLOW", "127.0.0.0/8")
    monkeypatch.setenv("MESHGEN_MODEL_CLASSIFIER_V1", str(WEIGHTS / "classifier_v3"))
    module = importlib.reload(importlib.import_module("graphs.content_understanding"))
    running = meshgen.local(module.app)
    first, third = (running(module.ContentRequest(f"{base}/1.png", user)).classification for user in (0, 2))
    running.close()
    assert first == third


def test_weights_are_committed_and_small() -> None:
    weights = [path for path in WEIGHTS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in weights) <= 8_000_000
    assert {path.parent.name for path in weights if path.suffix == ".safetensors"} == {
        "classifier_v1",
        "classifier_v2",
        "classifier_v3",
        "segmenter",
        "captioner",
    }
