from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
class Model:
    def __init__(self, weight) -> None:
        self.weight = weight

    def forward(self, x):
        return x * self.weight


@deployment
def double(x: float, times: int) -> float:
    return x * times


with InputNode() as request:
    value = double.bind(request.x, request.times)
    for number in range(3):
        value = Model.options(name=f"model_{number}").bind(number).forward.bind(value)
    app = DAGDriver.bind({"/one": value, "/two": double.bind(request.x, 3)})
