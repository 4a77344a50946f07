"""A graph to be hurt by tests: it says where it runs, hangs, and grows."""

from __future__ import annotations

import os
import time

from meshgen import DAGDriver, InputNode, deployment


@deployment(num_replicas=2, health_check_period_s=1)
def where(text: str) -> int:
    """The process that answers, after a little work."""
    time.sleep(0.02)
    return os.getpid()


@deployment(num_replicas=1, timeout_s=2)
def hang(text: str) -> str:
    """Never answers one special text."""
    if text == "hang":
        time.sleep(8)
    return text


@deployment(
    max_ongoing_requests=8,
    autoscaling_config={
        "min_replicas": 1,
        "max_replicas": 2,
        "target_ongoing_requests": 1,
        "upscale_delay_s": 1,
        "metrics_interval_s": 0.5,
        "look_back_period_s": 1,
        "downscale_delay_s": 3,
    },
)
async def growing(text: str) -> int:
    """The process that answers, slowly."""
    import asyncio

    await asyncio.sleep(0.2)
    return os.getpid()


NARROW = 2
NARROW_QUEUE = 3
AT_ONCE = [0]


@deployment(max_ongoing_requests=NARROW, max_queued_requests=NARROW_QUEUE)
async def narrow(text: str) -> int:
    """How many run at once in the replica, itself among them."""
    import asyncio

    AT_ONCE[0] += 1
    try:
        await asyncio.sleep(0.5)
        return AT_ONCE[0]
    finally:
        AT_ONCE[0] -= 1


@deployment
def fail(text: str) -> str:
    """Has a bug."""
    raise ZeroDivisionError(f"secret detail {text}")


with InputNode(text=str) as request:
    app = DAGDriver.bind(
        {
            "/where": where.bind(request.text),
            "/hang": hang.bind(request.text),
            "/growing": growing.bind(request.text),
            "/narrow": narrow.bind(request.text),
            "/fail": fail.bind(request.text),
        }
    )
