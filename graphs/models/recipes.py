"""What each example model is: its architecture, how long it is trained, and what it is trained on.

All are architectures that transformers knows by name, only narrow, and start from random weights. The three classifiers
differ on purpose, as successive versions of a model in production do: v1 is a small transformer without the pictures to
feed it, v2 a narrow ResNet trained briefly, v3 a wider ResNet trained in full.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import (
    GPT2Config,
    PreTrainedTokenizerFast,
    ResNetConfig,
    ResNetForImageClassification,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    SegformerImageProcessor,
    SwinConfig,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from graphs.models.shapes import BACKGROUNDS, COLOURS, SHAPES, SIZES

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel

RESOLUTION = 64

def _labels(names):
    id2label = dict(enumerate(names))
    return {"id2label": id2label, "label2id": {n: i for i, n in id2label.items()}}

def processor(kind=ViTImageProcessor):
    mean = std = [0.5, 0.5, 0.5]
    return kind(size={"height": RESOLUTION, "width": RESOLUTION}, resample=2, image_mean=mean, image_std=std)

def tokenizer():
    words = ["[PAD]", "[START]", "[END]", "[UNK]", *sorted({"a", "on", "background", *SIZES, *COLOURS, *SHAPES, *BACKGROUNDS})]
    core = Tokenizer(WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    core.pre_tokenizer = Whitespace()
    core.post_processor = TemplateProcessing(single="[START] $A [END]", special_tokens=[("[START]", 1), ("[END]", 2)])
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="[PAD]", bos_token="[START]", eos_token="[END]", unk_token="[UNK]", model_max_length=16)

def classifier_v1():
    return ViTForImageClassification(ViTConfig(image_size=RESOLUTION, patch_size=8, hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=128, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **_labels(SHAPES)))

def classifier_v2():
    return ResNetForImageClassification(ResNetConfig(embedding_size=12, hidden_sizes=[12, 24, 48, 96], depths=[1, 1, 1, 1], layer_type="basic", **_labels(SHAPES)))

def classifier_v3():
    return ResNetForImageClassification(ResNetConfig(embedding_size=24, hidden_sizes=[24, 48, 96, 128], depths=[1, 1, 1, 1], layer_type="basic", **_labels(SHAPES)))

def segmenter():
    return SegformerForSemanticSegmentation(SegformerConfig(num_encoder_blocks=4, depths=[1,1,1,1], sr_ratios=[8,4,2,1], hidden_sizes=[16,32,64,96], patch_sizes=[5,3,3,3], strides=[2,2,2,2], num_attention_heads=[1,2,4,4], mlp_ratios=[2,2,2,2], decoder_hidden_size=64, drop_path_rate=0.0, classifier_dropout_prob=0.0, **_labels(("background","shape"))))

def captioner():
    tok = tokenizer()
    enc = SwinConfig(image_size=RESOLUTION, patch_size=4, embed_dim=32, depths=[1,2,1], num_heads=[2,4,8], window_size=4, mlp_ratio=2.0, drop_path_rate=0.0)
    dec = GPT2Config(vocab_size=len(tok), n_positions=16, n_embd=128, n_layer=2, n_head=4, n_inner=256, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=1, eos_token_id=2, pad_token_id=0, is_decoder=True, add_cross_attention=True)
    cfg = VisionEncoderDecoderConfig.from_encoder_decoder_configs(enc, dec)
    cfg.decoder_start_token_id=1; cfg.pad_token_id=0; cfg.eos_token_id=2
    return VisionEncoderDecoderModel(cfg)
