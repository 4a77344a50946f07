from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from graphs.models import quality
from graphs.models.shapes import COLOURS, HELD_OUT_SEED, SHAPES, TRAINING_SEED, Sample, draw
from graphs.models.vision import ImageCaptioner, ImageClassifier, ImageSegmenter

if TYPE_CHECKING:
    from pathlib import Path

transformers = pytest.importorskip("transformers")
train = pytest.importorskip("graphs.models.train")
recipes = pytest.importorskip("graphs.models.recipes")

pytestmark = [pytest.mark.models, pytest.mark.xdist_group("models")]

ROOT = train.WEIGHTS.parents[2]
HELD_OUT = 1000
VERSIONS = ("classifier_v1", "classifier_v2", "classifier_v3")


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return quality.held_out(HELD_OUT)


@pytest.fixture(scope="module")
def classifiers() -> dict[str, ImageClassifier]:
    return {name: ImageClassifier(train.WEIGHTS / name) for name in VERSIONS}


@pytest.fixture(scope="module")
def segmenter() -> ImageSegmenter:
    return ImageSegmenter(train.WEIGHTS / "segmenter")


@pytest.fixture(scope="module")
def captioner() -> ImageCaptioner:
    return ImageCaptioner(train.WEIGHTS / "captioner")


# Pictures


def test_drawing_is_a_function_of_seed_and_index() -> None:
    once, again, other = (draw(TRAINING_SEED, index) for index in (3, 3, 4))
    held_out = draw(HELD_OUT_SEED, 3)
    assert (once.caption, once.label, once.image.tobytes()) == (again.caption, again.label, again.image.tobytes())
    assert np.array_equal(once.mask, again.mask)
    assert len({picture.image.tobytes() for picture in (once, other, held_out)}) == 3


@pytest.mark.parametrize("size", [(16, 16), (640, 64), (48, 200)])
def test_a_picture_has_the_size_asked_for(size: tuple[int, int]) -> None:
    sample = draw(TRAINING_SEED, 0, size)
    assert (sample.image.size, sample.image.mode) == (size, "RGB")
    assert (sample.mask.shape, sample.mask.dtype) == ((size[1], size[0]), np.dtype(bool))


def test_the_truth_about_a_picture_agrees_with_itself(samples: list[Sample]) -> None:
    assert {sample.label for sample in samples} == set(SHAPES)
    for sample in samples[:100]:
        article, scale, colour, shape, *_ = sample.caption.split()
        assert (article, shape) == ("a", sample.label)
        inside = np.asarray(sample.image)[sample.mask].mean(axis=0)
        assert min(COLOURS, key=lambda name: np.abs(inside - COLOURS[name]).sum()) == colour
        edge = np.concatenate([sample.mask[0], sample.mask[-1], sample.mask[:, 0], sample.mask[:, -1]])
        assert sample.mask.any()
        assert not edge.any(), "the shape is wholly inside"
        assert scale in ("small", "large")


# Quality on held-out pictures


def test_classifiers_tell_shapes_apart_and_versions_differ(
    classifiers: dict[str, ImageClassifier], samples: list[Sample]
) -> None:
    first, second, third = (quality.accuracy(classifiers[name], samples) for name in VERSIONS)
    assert third >= 0.97
    assert first >= 0.5, "even the first version is a working model"
    assert first + 0.02 <= second <= third - 0.02, (first, second, third)


def test_masks_cover_the_shape(segmenter: ImageSegmenter, samples: list[Sample]) -> None:
    assert segmenter.labels == recipes.MASK_LABELS
    assert quality.mask_iou(segmenter, samples) >= 0.85


def test_captions_are_right_word_for_word(captioner: ImageCaptioner, samples: list[Sample]) -> None:
    assert quality.exact_match(captioner, samples) >= 0.90


def test_models_read_pictures_larger_than_they_learned_from(
    classifiers: dict[str, ImageClassifier], segmenter: ImageSegmenter, captioner: ImageCaptioner
) -> None:
    large = [draw(HELD_OUT_SEED, index, (640, 480)) for index in range(40)]
    assert quality.accuracy(classifiers["classifier_v3"], large) >= 0.9
    assert quality.mask_iou(segmenter, large) >= 0.85
    assert quality.exact_match(captioner, large) >= 0.85


# Use


def test_scores_are_probabilities_in_descending_order(classifiers: dict[str, ImageClassifier]) -> None:
    image = draw(HELD_OUT_SEED, 0).image
    every = classifiers["classifier_v3"].top(image, k=100)
    assert {label for label, _ in every} == set(SHAPES)
    assert sum(score for _, score in every) == pytest.approx(1, abs=1e-5)
    assert every == sorted(every, key=lambda pair: -pair[1])
    assert classifiers["classifier_v3"].top(image, k=2) == every[:2]


ODD_PICTURES = {
    "grey": Image.new("L", (50, 70), 128),
    "two-tone": Image.new("1", (50, 70), 1),
    "sixteen-bit": Image.new("I;16", (50, 70), 4000),
    "float": Image.new("F", (50, 70), 0.5),
    "cmyk": Image.new("CMYK", (50, 70), (10, 20, 30, 40)),
    "transparent": Image.new("RGBA", (50, 70), (255, 0, 0, 60)),
    "grey-transparent": Image.new("LA", (50, 70), (200, 10)),
    "palette": draw(HELD_OUT_SEED, 1).image.convert("P"),
    "one-pixel": Image.new("RGB", (1, 1), "red"),
    "three-high": Image.new("RGB", (40, 3), "red"),
    "wide": Image.new("RGB", (2000, 30), "blue"),
    "sliver": Image.new("RGB", (1, 9000), "blue"),
}


@pytest.mark.parametrize("name", ODD_PICTURES)
def test_any_size_and_mode_is_read(
    name: str, classifiers: dict[str, ImageClassifier], segmenter: ImageSegmenter, captioner: ImageCaptioner
) -> None:
    image = ODD_PICTURES[name]
    for classifier in classifiers.values():
        assert len(classifier.top(image)) == 3
    mask = segmenter.mask(image)
    assert (mask.shape, mask.dtype) == ((image.height, image.width), np.dtype(np.uint8))
    assert captioner.caption(image).startswith("a ")


def test_transparency_reads_as_white(captioner: ImageCaptioner, classifiers: dict[str, ImageClassifier]) -> None:
    sample = draw(HELD_OUT_SEED, 2)
    cut_out = sample.image.convert("RGBA")
    cut_out.putalpha(Image.fromarray((sample.mask * 255).astype(np.uint8)))
    on_white = Image.new("RGB", cut_out.size, "white")
    on_white.paste(sample.image, mask=cut_out.getchannel("A"))
    assert captioner.caption(cut_out) == captioner.caption(on_white)
    assert classifiers["classifier_v3"].top(cut_out) == classifiers["classifier_v3"].top(on_white)


def test_importing_the_inference_code_loads_no_torch() -> None:
    code = "import sys, graphs.models.vision, graphs.models.shapes; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


def test_a_source_that_is_no_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="model_type"):
        ImageClassifier(tmp_path)
    with pytest.raises(
        ValueError, match="is a SegformerForSemanticSegmentation, not a SegformerForImageClassification"
    ):
        ImageClassifier(train.WEIGHTS / "segmenter")


def _store_as_on_the_hub(folder: Path, model: transformers.PreTrainedModel, **preprocessor: object) -> Path:
    """Store a model as those of the hub are: written by an old transformers, for feature extractors of that time."""
    model.save_pretrained(folder)
    common = {"do_normalize": True, "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(common | preprocessor))
    recipes.tokenizer().save_pretrained(folder)
    return folder


def test_a_classifier_like_resnet_50_loads(tmp_path: Path) -> None:
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], num_labels=1000)
    model = transformers.ResNetForImageClassification(config)
    old = {"feature_extractor_type": "ConvNextFeatureExtractor", "crop_pct": 0.875, "size": 224, "resample": 3}
    classifier = ImageClassifier(_store_as_on_the_hub(tmp_path, model, **old))
    assert all(len(classifier.top(image, k=5)) == 5 for image in ODD_PICTURES.values())


def test_a_segmenter_like_segformer_b0_loads(tmp_path: Path) -> None:
    narrow = {"hidden_sizes": [8] * 4, "depths": [1] * 4, "num_attention_heads": [1] * 4, "decoder_hidden_size": 8}
    model = transformers.SegformerForSemanticSegmentation(transformers.SegformerConfig(num_labels=150, **narrow))
    old = {"feature_extractor_type": "SegformerFeatureExtractor", "reduce_labels": True, "size": 512, "resample": 2}
    segmenter = ImageSegmenter(_store_as_on_the_hub(tmp_path, model, **old))
    assert len(segmenter.labels) == 150
    assert segmenter.mask(ODD_PICTURES["wide"]).shape == (30, 2000)


def test_a_segmenter_of_too_many_classes_is_refused(tmp_path: Path) -> None:
    narrow = {"hidden_sizes": [8] * 4, "depths": [1] * 4, "num_attention_heads": [1] * 4, "decoder_hidden_size": 8}
    model = transformers.SegformerForSemanticSegmentation(transformers.SegformerConfig(num_labels=257, **narrow))
    folder = _store_as_on_the_hub(tmp_path, model, image_processor_type="SegformerImageProcessor")
    with pytest.raises(ValueError, match="257 classes; a mask holds at most 256"):
        ImageSegmenter(folder)


def test_a_captioner_like_vit_gpt2_loads(tmp_path: Path) -> None:
    special = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    narrow = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        transformers.ViTConfig(**narrow),
        transformers.GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=len(recipes.tokenizer()), **special),
        decoder_start_token_id=1,
        **special,
    )
    old = {"feature_extractor_type": "ViTFeatureExtractor", "size": 224, "resample": 2}
    folder = _store_as_on_the_hub(tmp_path, transformers.VisionEncoderDecoderModel(config), **old)
    caption = ImageCaptioner(folder).caption(ODD_PICTURES["palette"])
    assert set(caption.split()) <= set(recipes.tokenizer().get_vocab())
    assert "[" not in caption, "special tokens are left out"


# Weights and training


def test_weights_are_small() -> None:
    assert sum(file.stat().st_size for file in train.WEIGHTS.rglob("*") if file.is_file()) <= 8_000_000


def test_every_recipe_trains_stores_and_loads(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "graphs.models.train", "--out", str(tmp_path), "--tiny", "16"]
    subprocess.run(command, check=True, cwd=ROOT, timeout=120)
    assert {folder.name for folder in tmp_path.iterdir()} == {recipe.name for recipe in recipes.RECIPES}
    for recipe in recipes.RECIPES:
        assert 0 <= quality.measure(recipe, tmp_path / recipe.name, pictures=2) <= 1


@pytest.mark.parametrize("name", ["classifier_v1", "segmenter", "captioner"])
def test_training_is_deterministic(name: str, tmp_path: Path) -> None:
    recipe = next(recipe for recipe in recipes.RECIPES if recipe.name == name)
    recipe = dataclasses.replace(train.shrink(recipe, 192), epochs=1.0)
    trained = [[*train.fit(recipe, seed).state_dict().values()] for seed in (1, 1, 2)]
    once, again, other = ([tensor.double().sum().item() for tensor in tensors] for tensors in trained)
    assert once == again
    assert once != other
