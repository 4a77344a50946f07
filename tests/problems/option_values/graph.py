from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment(
    autoscaling_config={"min_replicas": 1, "max_replicas": "many"},
    ray_actor_options={
        "num_cpus": -1,
        "runtime_env": {},
    },
    max_replicas_per_node=0,
    rolling_update_percentage=3,
    logging_config={"log_levl": "INFO"},
)
class Model:
    def __call__(self, x: float) -> float:
        return 2 * x


with InputNode(float) as request:
    first = Model.options(name="first").bind()
    second = Model.options(name="second").bind()
    app = DAGDriver.bind(first.bind(second.bind(request)))
