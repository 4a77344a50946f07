from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@deployment(num_replica=2, max_ongoing_requests=0, ray_actor_options={"resources": object()})
def misspelt(x: float) -> float:
    return x


@deployment(num_replicas=2, autoscaling_config={"min_replicas": 0, "max_replicas": 3})
def both(x: float) -> float:
    return x


@deployment(max_ongoing_requests=2, autoscaling_config={"min_replicas": 3, "max_replicas": 2}, idempotent="no")
def never(x: float) -> float:
    return x


@deployment(route_prefix="/x", timeout_s=-1)
def managed(x: float) -> float:
    return x


with InputNode(float) as x:
    app = DAGDriver.options(num_replicas=0).bind(managed.bind(never.bind(both.bind(misspelt.bind(x)))))
