from __future__ import annotations

from meshgen import DAGDriver, Handle, InputNode, deployment, switch


@deployment
class Model:
    def __init__(self, name: str, size: int) -> None:
        self.name = name

    def forward(self, x: float, times: list[int]) -> float:
        return x


@deployment
class Holder:
    def __init__(self, model: Handle[Model], *, limit: int = 1) -> None:
        self.model = model

    def __call__(self, x: float, *, by: int) -> float:
        return x


with InputNode(x=float, times=list[int], kind=str) as request:
    model = Model.bind(3, "small")
    other = Holder.options(name="other").bind(Model, limit="two")
    holder = Holder.options(name="holder").bind(model, 2)
    first = model.forward.bind(request.times, request.x)
    second = switch(
        request.kind,
        {
            "a": first,
            "b": "none",
            "c": 1,
        },
        default=holder.bind(request.x, 2),
    )
    app = DAGDriver.bind({"/first": first, "/second": second, "/other": other.bind(request.x, bye=1)})
