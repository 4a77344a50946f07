"""NewType, Final, and a type alias with a parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NewType, TypeVar

from typing_extensions import TypeAliasType

from meshgen import DAGDriver, InputNode, deployment

T = TypeVar("T")
UserId = NewType("UserId", int)
Pair = TypeAliasType("Pair", tuple[T, T], type_params=(T,))


@dataclass
class Aliased:
    user: UserId
    pair: Pair[float]
    fixed: Final[str] = "x"


@deployment
def echo(x: Aliased) -> Aliased:
    return x


with InputNode(x=Aliased) as request:
    app = DAGDriver.bind(echo.bind(request.x))
