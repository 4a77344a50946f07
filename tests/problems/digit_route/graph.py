from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def double(x: float) -> float:
    return 2 * x


with InputNode(float) as request:
    app = DAGDriver.bind({"/2x": double.bind(request), "/a/../b": double.bind(request)})
