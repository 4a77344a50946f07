from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment(
    max_concurrent_queries=3,
    init_args=(1,),
    num_gpus=1,
    min_replicas=2,
    autoscaling_config={
        "min_replicas": 1,
        "target_num_ongoing_requests_per_replica": 5,
        "num_cpus": 1,
    },
    ray_actor_options={"num_cpu": 1, "GPU": 1},
)
def double(x: float) -> float:
    return 2 * x


with InputNode(float) as request:
    app = DAGDriver.options(http_adapter=print, docs=True).bind(double.bind(request))
