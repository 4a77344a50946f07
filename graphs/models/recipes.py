"""What each example model is: its architecture, and how long it is trained.

All are architectures that transformers knows by name, only narrow. The three classifiers differ on purpose, as
successive versions of a model in production do: v1 sees pictures at half the resolution, v2 is narrow and trained
briefly, v3 is wider and trained until it is good.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import (
    DPTConfig,
    GPT2Config,
    PreTrainedTokenizerFast,
    ResNetConfig,
    ResNetForImageClassification,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    SegformerImageProcessorPil,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTImageProcessorPil,
)

from graphs.models.shapes import BACKGROUNDS, COLOURS, SHAPES, SIZES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from transformers import PreTrainedModel

__all__ = ["MASK_LABELS", "PARTS", "RECIPES", "Recipe", "image_processor", "tokenizer"]

MASK_LABELS = ("background", "shape")
"""What the segmenter's class ids mean."""

PARTS = {1: tuple(SIZES), 2: tuple(COLOURS), 3: tuple(SHAPES), 6: tuple(BACKGROUNDS)}
"""Where captions differ: position of the word, and the words that may stand there."""

_RESOLUTION = 64
_PAD, _START, _END, _UNKNOWN = "[PAD]", "[START]", "[END]", "[UNK]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one model comes about."""

    name: str
    """Also the name of its folder."""
    build: Callable[[], PreTrainedModel]
    """Gives the model with random weights."""
    target: Literal["label", "mask", "caption", "parts"]
    """What it learns to give for a picture: "parts" is `PARTS` of its caption."""
    epochs: float
    """How many times it sees each picture."""
    learning_rate: float
    """The highest; it rises to this and falls to nothing."""
    resolution: int = _RESOLUTION
    """Side of the square that pictures are scaled to, in pixels."""
    pictures: int = 8000
    """How many pictures it sees."""
    backbone: Recipe | None = None
    """The model that is trained first for its convolutions, which this one starts from; not kept itself."""


def image_processor(recipe: Recipe) -> Any:
    """Scale a picture to the model's square and its channels to -1..1, by code that needs no torchvision."""
    kind = SegformerImageProcessorPil if recipe.target == "mask" else ViTImageProcessorPil
    half = [0.5, 0.5, 0.5]
    side = {"height": recipe.resolution, "width": recipe.resolution}
    return kind(size=side, resample=Image.Resampling.BILINEAR, image_mean=half, image_std=half)


def tokenizer() -> PreTrainedTokenizerFast:
    """One token per word of the captions; a caption ends with `[END]`."""
    words = sorted({"a", "on", "background", *SIZES, *COLOURS, *SHAPES, *BACKGROUNDS})
    ids = {word: index for index, word in enumerate([_PAD, _START, _END, _UNKNOWN, *words])}
    core = Tokenizer(WordLevel(ids, unk_token=_UNKNOWN))
    core.pre_tokenizer = Whitespace()
    core.post_processor = TemplateProcessing(single=f"$A {_END}", special_tokens=[(_END, ids[_END])])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers annotates little
        tokenizer_object=core,
        pad_token=_PAD,
        bos_token=_START,
        eos_token=_END,
        unk_token=_UNKNOWN,
    )


def _named(labels: Sequence[str]) -> dict[str, Any]:
    return {"id2label": dict(enumerate(labels)), "label2id": {label: index for index, label in enumerate(labels)}}


def _resnet(widths: list[int], **options: Any) -> ResNetConfig:
    return ResNetConfig(
        embedding_size=widths[0], hidden_sizes=widths, depths=[1] * len(widths), layer_type="basic", **options
    )


def _classifier(*widths: int) -> PreTrainedModel:
    return ResNetForImageClassification(_resnet(list(widths), **_named(list(SHAPES))))


def _segmenter() -> PreTrainedModel:
    """A Segformer whose first stage halves the picture once, not twice: the edges of small shapes matter here."""
    config = SegformerConfig(
        depths=[1, 1, 1, 1],
        sr_ratios=[8, 4, 2, 1],
        hidden_sizes=[16, 24, 48, 64],
        patch_sizes=[5, 3, 3, 3],
        strides=[2, 2, 2, 2],
        num_attention_heads=[1, 2, 4, 4],
        mlp_ratios=[2, 2, 2, 2],
        decoder_hidden_size=48,
        drop_path_rate=0.0,
        classifier_dropout_prob=0.0,
        **_named(MASK_LABELS),
    )
    return SegformerForSemanticSegmentation(config)


_BACKBONE = (24, 48, 96, 128)


def _tagger() -> PreTrainedModel:
    """A ResNet with one output for each word that each part may be."""
    return ResNetForImageClassification(_resnet(list(_BACKBONE), num_labels=sum(map(len, PARTS.values()))))


def _captioner() -> PreTrainedModel:
    """A GPT-2 of one layer reads a DPT hybrid, which is a transformer over the features of a ResNet.

    Transformers alone need far more pictures than we draw to tell shapes apart. The ResNet learns the parts of captions
    before it learns to caption, because a caption's loss, most of which is grammar, teaches it shapes only slowly.
    """
    width = 128
    encoder = DPTConfig(
        is_hybrid=True,
        backbone_config=_resnet(list(_BACKBONE), out_features=["stage2", "stage3", "stage4"]),
        backbone_featmap_shape=[1, _BACKBONE[-1], _RESOLUTION // 32, _RESOLUTION // 32],
        image_size=_RESOLUTION,
        patch_size=32,
        hidden_size=width,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=2 * width,
    )
    words = tokenizer()
    special = {
        "bos_token_id": words.bos_token_id,
        "eos_token_id": words.eos_token_id,
        "pad_token_id": words.pad_token_id,
    }
    decoder = GPT2Config(
        vocab_size=len(words),
        n_positions=64,
        n_embd=width,
        n_layer=1,
        n_head=4,
        n_inner=2 * width,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        **special,
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        encoder, decoder, decoder_start_token_id=words.bos_token_id, **special
    )
    return VisionEncoderDecoderModel(config)


RECIPES = (
    Recipe(
        name="captioner",
        build=_captioner,
        target="caption",
        epochs=6,
        learning_rate=2e-3,
        backbone=Recipe(name="captioner's backbone", build=_tagger, target="parts", epochs=10, learning_rate=5e-3),
    ),
    Recipe(
        name="classifier_v3",
        build=partial(_classifier, *_BACKBONE),
        target="label",
        epochs=9,
        learning_rate=5e-3,
    ),
    Recipe(name="segmenter", build=_segmenter, target="mask", epochs=1.25, learning_rate=3e-3),
    Recipe(
        name="classifier_v2",
        build=partial(_classifier, 12, 24, 48, 96),
        target="label",
        epochs=6,
        learning_rate=5e-3,
    ),
    Recipe(
        name="classifier_v1",
        build=partial(_classifier, 16, 32, 64),
        target="label",
        epochs=6,
        learning_rate=5e-3,
        resolution=_RESOLUTION // 2,
    ),
)
"""The slowest first, so that models which train side by side end at about the same time."""
