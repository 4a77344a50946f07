"""Large values in both directions, and errors that carry more than a message."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from meshgen import DAGDriver, FailedPrecondition, InputNode, InvalidArgument, Violation, deployment, inline


class OutOfStock(FailedPrecondition):
    """A class of the user's own."""

    def __init__(self, item: str) -> None:
        super().__init__(f"there is no {item} left", reason="OUT_OF_STOCK", metadata={"item": item})


@deployment
class Tensors:
    """Makes and takes them."""

    def negative(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """As large as its input."""
        return -tensor

    def total(self, tensor: NDArray[np.float32]) -> float:
        """Far smaller than its input."""
        return float(tensor.sum())

    def ones(self, count: int) -> NDArray[np.float32]:
        """Far larger than its input."""
        return np.ones(count, np.float32)

    def order(self, item: str) -> str:
        """Has errors for two items."""
        if item == "tea":
            raise OutOfStock(item)
        if item == "sand":
            raise InvalidArgument(
                "no such item", violations=(Violation("item", "is not for sale"),), reason="NOT_FOR_SALE"
            )
        return item


@inline
def both(left: str, right: str) -> str:
    """Joins two branches, of which one may fail."""
    return f"{left} and {right}"


@dataclass
class Request:
    """Each route uses one field."""

    tensor: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    count: int = 0
    item: str = ""


with InputNode(Request) as request:
    tensors = Tensors.bind()
    app = DAGDriver.bind(
        {
            "/negative": tensors.negative.bind(request.tensor),
            "/total": tensors.total.bind(request.tensor),
            "/inside": tensors.total.bind(tensors.ones.bind(request.count)),
            "/ones": tensors.ones.bind(request.count),
            "/order": both.bind(tensors.order.bind(request.item), tensors.order.bind("water")),
        }
    )
