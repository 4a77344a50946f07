"""A graph whose node cannot start."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
class Model:
    """Looks for weights that are not there."""

    def __init__(self, path: str) -> None:
        raise FileNotFoundError(f"no weights at {path}")

    def forward(self, text: str) -> str:
        """Never called."""
        return text


with InputNode(text=str) as request:
    app = DAGDriver.bind(Model.bind("weights/model.bin").forward.bind(request.text))
