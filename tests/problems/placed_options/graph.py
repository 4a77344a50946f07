from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment(placement="driver", num_replicas=2, timeout_s=5)
def double(x: float) -> float:
    return 2 * x


@deployment(max_ongoing_requests=8, user_config={"by": 3}, ray_actor_options={"num_gpus": 1})
class Scale:
    def __call__(self, x: float) -> float:
        return x

    def reconfigure(self, config: dict[str, int]) -> None: ...


@deployment
def model(x: float) -> float:
    return x


with InputNode(float) as request:
    scale = Scale.options(placement="with:model").bind()
    app = DAGDriver.bind(model.bind(scale.bind(double.bind(request))))
