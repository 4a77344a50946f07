"""The shapes of the works as one graph with a route for each; which nodes they are made of is the caller's choice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.nodes import MODELS, STEPS
from benchmarks.works import LAYERS
from meshgen import InputNode


def routes(Step: Any, Model: Any, echo: Any, total: Any, parse: Any, normalise: Any, vote: Any) -> dict[str, Any]:  # noqa: N803
    """Outputs by route."""
    steps = [Step.options(name=f"step_{i + 1}").bind(i + 1) for i in range(STEPS)]
    with InputNode(x=int) as number:
        chains = {n: chain(steps, number.x, n) for n in (1, 4, 10)}
        fans = {n: total.bind([steps[i % STEPS].advance.bind(number.x) for i in range(n)]) for n in (4, 10)}
        layered = total.bind(diamond(steps, number.x))
    with InputNode(tensor=NDArray[np.float32]) as array:
        tensors = {n: relay(steps, array.tensor, n) for n in (1, 4)}
    with InputNode(text=str, examples=[{"text": "0.5 1.5 2.5"}]) as text:
        echoed = echo.bind(text.text)
        features = normalise.bind(parse.bind(text.text))
        models = [Model.options(name=f"model_{i + 1}").bind(i + 1) for i in range(MODELS)]
        verdict = vote.bind([model.score.bind(features) for model in models])
    return {
        "/echo": echoed,
        **{f"/chain{n}": output for n, output in chains.items()},
        **{f"/fan{n}": output for n, output in fans.items()},
        "/ensemble": verdict,
        f"/diamond{LAYERS}": layered,
        **{f"/tensor{n}": output for n, output in tensors.items()},
    }


def chain(steps: list[Any], x: Any, length: int) -> Any:
    for i in range(length):
        x = steps[i % STEPS].advance.bind(x)
    return x


def relay(steps: list[Any], tensor: Any, length: int) -> Any:
    for step in steps[:length]:
        tensor = step.relay.bind(tensor)
    return tensor


def diamond(steps: list[Any], x: Any) -> list[Any]:
    left, right = x, x
    for _ in range(LAYERS):
        left, right = steps[0].merge.bind(left, right), steps[1].merge.bind(right, left)
    return [left, right]
