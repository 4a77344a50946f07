"""Everything that the graph language has, each several times, and binds over several lines: mistakes are made in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from meshgen import DAGDriver, Handle, InputNode, deployment, inline, map_each, switch


@dataclass
class Parcel:
    """What is sent."""

    weight: float
    to: str
    labels: list[str]
    sizes: list[int] = field(default_factory=list)
    speed: Literal["slow", "fast"] = "slow"


@dataclass
class Offer:
    """What it costs."""

    price: float
    text: str
    days: int


@deployment
def volume(sizes: list[int]) -> int:
    """All sizes in one number."""
    result = 1
    for size in sizes:
        result *= size
    return result


@deployment(max_ongoing_requests=8, timeout_s=5.0)
def tidy(text: str, upper: bool = False) -> str:
    """A text without blanks around it."""
    return text.strip().upper() if upper else text.strip()


@inline
def heavier(weight: float, volume: int) -> float:
    """What counts."""
    return max(weight, volume / 5000)


@deployment(max_queued_requests=50)
class Tariff:
    """A price by weight."""

    def __init__(self, base: float, by_weight: float, currency: str = "EUR") -> None:
        self.base = base
        self.by_weight = by_weight
        self.currency = currency

    def price(self, weight: float) -> float:
        """What it costs."""
        return self.base + self.by_weight * weight

    def named(self, weight: float, name: str) -> str:
        """The same as a text."""
        return f"{name}: {self.price(weight)} {self.currency}"


@deployment
class Board:
    """All tariffs at once."""

    def __init__(self, cheap: Handle[Tariff], others: list[Handle[Tariff]], limit: int) -> None:
        self.tariffs = [cheap, *others][:limit]

    async def __call__(self, weight: float, to: str) -> list[str]:
        """What each says."""
        return [await tariff.named.remote(weight, to) for tariff in self.tariffs]


@deployment
def offer(price: float, text: str, days: int = 3) -> Offer:
    """The answer."""
    return Offer(price, text, days)


@deployment
def joined(prices: list[float], texts: list[str], named: dict[str, float]) -> str:
    """A list of lists."""
    return f"{prices} {texts} {named}"


with InputNode(Parcel) as parcel:
    slow = Tariff.options(name="slow").bind(2.5, 0.5)
    fast = Tariff.options(name="fast").bind(5.0, by_weight=1.5, currency="CHF")
    board = Board.options(name="board", max_ongoing_requests=4).bind(
        slow,
        [fast],
        limit=2,
    )

    address = tidy.bind(parcel.to)
    counted = heavier.bind(
        parcel.weight,
        volume.bind(parcel.sizes),
    )
    price = switch(
        parcel.speed,
        {
            "slow": slow.price.bind(counted),
            "fast": fast.price.bind(counted),
        },
        default=10.0,
    )
    labels = map_each(tidy, over=parcel.labels, upper=True)
    weights = map_each(slow.price, over=parcel.sizes)

    app = DAGDriver.bind(
        {
            "/offer": offer.bind(price, address, days=2),
            "/board": board.bind(counted, address),
            "/joined": joined.bind(
                [price, fast.price.bind(parcel.weight)],
                labels,
                {"slow": slow.price.bind(parcel.weight)},
            ),
            "/weights": joined.bind(weights, [address], {}),
            "/text": fast.named.bind(parcel.weight, address),
        }
    )
