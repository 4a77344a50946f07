"""The smallest graph that shows every idea: two preprocessors, one model bound twice, and a combiner.

    number  ──▶ parse_number ──▶ model_1 (× 2) ──┐
    samples ──▶ average ───────▶ model_2 (× 3) ──┼──▶ combine ──▶ Combined
    operation ───────────────────────────────────┘

Run it right here, as plain Python calls:

    meshgen local graphs/quickstart.py --input '{"number": "5", "samples": [1, 2, 3], "operation": "sum"}'

or bring it up as services behind Envoy: `meshgen run graphs/quickstart.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, InvalidArgument, deployment


@dataclass
class QuickstartRequest:
    """What a client sends; its types become the contract."""

    number: str
    samples: list[float]
    operation: str


@dataclass
class Combined:
    """What a client gets back."""

    value: float


@deployment  # A function becomes a service of its own; its annotations say what goes in and what comes out.
def parse_number(text: str) -> float:
    """Preprocessor 1: read the number."""
    try:
        return float(text)
    except ValueError:
        # One of meshgen's errors reaches the client as it is. Any other exception would be INTERNAL.
        raise InvalidArgument(f"number: {text!r} is not a number") from None


@deployment
def average(samples: list[float]) -> float:
    """Preprocessor 2: the mean of the samples."""
    if not samples:
        raise InvalidArgument("samples: at least one is needed")
    return sum(samples) / len(samples)


@deployment  # Ray Serve's options go here: num_replicas=2, max_ongoing_requests=16…
class Model:
    """A model with one weight."""

    def __init__(self, weight: float) -> None:
        # Runs once per replica, before the first request: the place to load real weights.
        self.weight = weight

    def forward(self, x: float) -> float:
        """Multiply by the weight."""
        return self.weight * x


@deployment
def combine(results: list[float], operation: str) -> Combined:
    """Aggregate the answers of all models."""
    match operation:
        case "sum":
            return Combined(sum(results))
        case "max":
            return Combined(max(results))
        case _:
            raise InvalidArgument(f"operation: {operation!r} is neither sum nor max")


# Nothing below runs a model. `.bind` only notes what depends on what; `request` stands for a request to come.
with InputNode(QuickstartRequest, examples=[QuickstartRequest("5", [1, 2, 3], "sum")]) as request:  # tried at /docs
    # Each bind of a class is a node with its own replicas. Names are given here because two nodes share the class.
    model_1 = Model.options(name="model_1").bind(2)
    model_2 = Model.options(name="model_2").bind(3)

    # These two do not depend on each other, so they run in parallel.
    first = model_1.forward.bind(parse_number.bind(request.number))
    second = model_2.forward.bind(average.bind(request.samples))

    # Nodes inside a list arrive as a list of values.
    app = DAGDriver.bind(combine.bind([first, second], request.operation))
