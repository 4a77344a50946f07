"""Trains the example models: `python -m graphs.models.train`.

Draws pictures, trains each recipe on them, stores the results as fp16 safetensors by transformers' own
`save_pretrained`, and measures them on held-out pictures. Takes a few minutes on two cores. The same seed gives the
same weights, byte for byte, on the same machine with the same versions; elsewhere floating point sums differ in their
last bits, and training amplifies that.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import cross_entropy
from transformers.utils import logging as transformers_logging

from graphs.models import quality
from graphs.models.recipes import PARTS, RECIPES, Recipe, image_processor, tokenizer
from graphs.models.shapes import SHAPES, TRAINING_SEED, Sample, draw

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor
    from transformers import PreTrainedModel

__all__ = ["WEIGHTS", "fit", "main", "shrink", "train"]

WEIGHTS = Path(__file__).parent / "weights"

_THREADS = 1  # sums are split by thread, so that more would make the weights depend on the number of cores
_BATCH = 64
_DRAWN_AT_ONCE = 500

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Pictures of one resolution, as tensors."""

    pixels: Tensor
    """(n, 3, side, side) float16, as the image processor gives them."""
    targets: Tensor
    """int64: (n,) classes, (n, side, side) masks, (n, words) captions or (n, parts) words by part."""


def train(folder: Path, recipes: Sequence[Recipe], *, seed: int = 0, jobs: int = 1, judged_on: int = 500) -> None:
    """Train each recipe, store it in its own folder below `folder`, and log how it does on `judged_on` pictures.

    `jobs` models train at a time, each in a process of its own; that changes no weights.
    """
    work = partial(_train_one, folder, seed, judged_on)
    if jobs == 1:
        for recipe in recipes:
            work(recipe)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_report) as pool:
        list(pool.map(work, recipes))


def _train_one(folder: Path, seed: int, judged_on: int, recipe: Recipe) -> None:
    started = time.perf_counter()
    _save(fit(recipe, seed), recipe, folder / recipe.name)
    seconds = time.perf_counter() - started
    measured = quality.measure(recipe, folder / recipe.name, judged_on)
    _log.info("%s: trained in %.0f s, %s %.3f", recipe.name, seconds, quality.MEASURES[recipe.target], measured)


def fit(recipe: Recipe, seed: int) -> PreTrainedModel:
    """Train one model, after its backbone if it has one."""
    backbone = None if recipe.backbone is None else fit(recipe.backbone, seed)
    torch.set_num_threads(_THREADS)
    torch.use_deterministic_algorithms(mode=True)
    torch.manual_seed(seed)
    model = recipe.build()
    model.train()
    if backbone is not None:
        trained = backbone.get_submodule("resnet").state_dict()
        model.get_submodule("encoder.embeddings.backbone").load_state_dict(trained)
    pictures = _pictures(recipe)
    steps = max(1, int(recipe.epochs * recipe.pictures / _BATCH))
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=steps, pct_start=0.2)
    batches = _batches(pictures, mirror_targets=recipe.target == "mask")
    for step in range(steps):
        pixels, targets = next(batches)
        loss = _loss(model, recipe, pixels, targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves this one unannotated
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            _log.info("%s: step %d of %d, loss %.3f", recipe.name, step, steps, loss.item())
    model.train(mode=False)
    return model


def shrink(recipe: Recipe, pictures: int) -> Recipe:
    """The same recipe on so few pictures, seen once, that it takes a moment and learns nothing."""
    backbone = None if recipe.backbone is None else shrink(recipe.backbone, pictures)
    return replace(recipe, pictures=pictures, epochs=1, backbone=backbone)


def _save(model: PreTrainedModel, recipe: Recipe, folder: Path) -> None:
    """Store the model and what prepares its input, all that `from_pretrained` needs."""
    model.half().save_pretrained(folder)  # type: ignore[no-untyped-call]  # transformers annotates little
    image_processor(recipe).save_pretrained(folder)
    if recipe.target == "caption":
        tokenizer().save_pretrained(folder)


def _pictures(recipe: Recipe) -> Pictures:
    """Draw what the recipe learns from."""
    processor = image_processor(recipe)
    pixels, targets = [], []
    for start in range(0, recipe.pictures, _DRAWN_AT_ONCE):
        indices = range(start, min(start + _DRAWN_AT_ONCE, recipe.pictures))
        samples = [draw(TRAINING_SEED, index) for index in indices]
        images = [sample.image for sample in samples]
        pixels.append(processor(images=images, return_tensors="pt")["pixel_values"].half())
        targets.append(_targets(recipe, samples))
    return Pictures(pixels=torch.cat(pixels), targets=torch.cat(targets))


def _targets(recipe: Recipe, samples: Sequence[Sample]) -> Tensor:
    match recipe.target:
        case "label":
            return torch.tensor([list(SHAPES).index(sample.label) for sample in samples])
        case "mask":
            side = (recipe.resolution, recipe.resolution)
            masks = [Image.fromarray(sample.mask).resize(side, Image.Resampling.NEAREST) for sample in samples]
            return torch.from_numpy(np.stack([np.asarray(mask) for mask in masks])).long()
        case "caption":
            # All captions have the same number of words, so none needs padding.
            return torch.tensor(tokenizer()([sample.caption for sample in samples])["input_ids"])
        case "parts":
            captions = [sample.caption.split() for sample in samples]
            return torch.tensor([[words.index(caption[at]) for at, words in PARTS.items()] for caption in captions])


def _loss(model: PreTrainedModel, recipe: Recipe, pixels: Tensor, targets: Tensor) -> Tensor:
    if recipe.target != "parts":
        loss: Tensor = model(pixel_values=pixels, labels=targets).loss
        return loss
    logits = model(pixel_values=pixels).logits.split([len(words) for words in PARTS.values()], dim=1)
    losses = [cross_entropy(part, targets[:, index]) for index, part in enumerate(logits)]
    return torch.stack(losses).sum()


def _batches(pictures: Pictures, *, mirror_targets: bool) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches, each round in a new order, each batch mirrored or not: captions do not tell left from right."""
    count = len(pictures.pixels)
    while True:
        for chosen in torch.randperm(count).split(_BATCH):  # type: ignore[no-untyped-call]  # and this one
            pixels, targets = pictures.pixels[chosen].float(), pictures.targets[chosen]
            if torch.rand(()) < 0.5:
                pixels, targets = pixels.flip(-1), targets.flip(-1) if mirror_targets else targets
            yield pixels, targets


def _report() -> None:
    """Send progress to the terminal, without transformers' own bars."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers annotates little


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description="Train the example models on drawn pictures.")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="folder of the models (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the initial weights and the order of pictures")
    parser.add_argument("--jobs", type=int, default=2, help="how many models train at a time (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=[recipe.name for recipe in RECIPES], help="train just these")
    parser.add_argument("--tiny", type=int, metavar="PICTURES", help="learn from this few, to try the script")
    options = parser.parse_args(arguments)
    _report()
    recipes = [recipe for recipe in RECIPES if options.only is None or recipe.name in options.only]
    if options.tiny is not None:
        recipes = [shrink(recipe, options.tiny) for recipe in recipes]
    train(options.out, recipes, seed=options.seed, jobs=options.jobs, judged_on=options.tiny or 500)


if __name__ == "__main__":
    main()
