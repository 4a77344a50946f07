"""What the nodes of the benchmark compute: plain functions, the same ones under every contestant.

They do next to nothing, so that what is measured is the way between them.
"""

from __future__ import annotations

from dataclasses import dataclass

FEATURES = 32
MODELS = 7
STEPS = 4
"""Services that the chains, fan-outs, diamonds and tensors run through; longer shapes go through them again."""

REPLICAS = (1, 2, 4)
BUSY_S = 0.005
"""How long a device works on a request, during which it takes no other."""


@dataclass
class Score:
    label: str
    score: float


@dataclass
class Verdict:
    label: str
    mean: float
    scores: list[Score]


def advance(step: int, x: int) -> int:
    return x + step


def merge(step: int, left: int, right: int) -> int:
    return left + 2 * right + step


def total(values: list[int]) -> int:
    return sum(values)


def parse(text: str) -> list[float]:
    return [float(word) for word in text.split()]


def normalise(features: list[float]) -> list[float]:
    mean = sum(features) / len(features)
    return [x - mean for x in features]


def score(model: int, features: list[float]) -> Score:
    return Score(f"model {model}", sum(x * (i * model % 5) for i, x in enumerate(features)))


def vote(scores: list[Score]) -> Verdict:
    best = max(scores, key=lambda s: s.score)
    return Verdict(best.label, sum(s.score for s in scores) / len(scores), scores)
