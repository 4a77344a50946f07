from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Review:
    text: str
    stars: Annotated[int, Ge(1)]


@deployment
def count(review: Review) -> int:
    return review.stars


@deployment
def join(first: int, second: str) -> str:
    return first * second


EXAMPLES = [
    Review("fine", 5),
    {"text": "fine", "stars": "5"},
    Review("none", 0),
    Review("number", "5"),
    {"text": "half"},
    "a text",
    {"text": "fine", "stars": 5, "starts": 5},
]

with InputNode(Review, examples=EXAMPLES) as review:
    counted = count.bind(review)

with InputNode(int, str, examples=[(1, "a"), {"input_0": 1, "input_1": "a"}, (1, 2), (1,), {"input_1": "a"}]) as pair:
    joined = join.bind(pair[0], pair[1])

with InputNode(number=int, examples=[{"number": 1}, {"numbre": 1}]) as named:
    repeated = join.bind(named.number, "a")

with InputNode(int, examples=[1, "1", 2.5]) as only:
    single = join.bind(only, "a")

app = DAGDriver.bind({"/count": counted, "/again": counted, "/join": joined, "/named": repeated, "/single": single})
