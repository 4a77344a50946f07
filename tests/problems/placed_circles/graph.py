from __future__ import annotations

from meshgen import DAGDriver, Handle, InputNode, deployment


@deployment
class Leaf:
    def __call__(self, x: float) -> float:
        return x


@deployment
class Holder:
    def __init__(self, leaf: Handle) -> None:
        self.leaf = leaf

    async def __call__(self, x: float) -> float:
        return float(await self.leaf.remote(x))


with InputNode(float) as request:
    in_driver = Leaf.options(name="in_driver", placement="driver").bind()
    holder = Holder.options(name="holder").bind(in_driver)

    guest = Leaf.options(name="guest", placement="with:outer").bind()
    middle = Holder.options(name="middle").bind(guest)
    outer = Holder.options(name="outer").bind(middle)

    app = DAGDriver.bind(outer.bind(holder.bind(request)))
