"""An input adapter, a route prefix of its own, and a driver with one graph."""

from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, InvalidArgument, deployment


@dataclass
class Order:
    """The graph's input."""

    items: list[str]
    urgent: bool


def adapt(text: str, urgent: bool = False) -> Order:
    """Its parameters are the request on every transport."""
    if not text:
        raise InvalidArgument("text is empty")
    return Order(text.split(","), urgent)


@deployment
def count(items: list[str], urgent: bool) -> int:
    """How many, and ten more when it is urgent."""
    return len(items) + 10 * urgent


with InputNode() as order:
    app = DAGDriver.options(route_prefix="/shop/orders").bind(
        count.bind(order.items, order.urgent), input_adapter=adapt
    )
