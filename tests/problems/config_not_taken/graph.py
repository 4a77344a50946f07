from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment(user_config={"by": 2})
class Misspelt:
    def reconfig(self, config: dict[str, int]) -> None:
        pass

    def go(self, x: int) -> int:
        return x


@deployment(user_config={"by": 2})
class Takes:
    def reconfigure(self) -> None:
        pass

    def go(self, x: int) -> int:
        return x


@deployment(user_config={"by": 2})
def function(x: int) -> int:
    return x


@deployment(user_config=None)
def without(x: int) -> int:
    return x


with InputNode(int) as request:
    last = without.bind(function.bind(Takes.bind().go.bind(Misspelt.bind().go.bind(request))))
    app = DAGDriver.options(user_config={"by": 2}).bind(last)
