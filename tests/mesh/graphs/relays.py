"""Passes a tensor on, from node to node, each with a replica to lose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshgen import DAGDriver, InputNode, deployment


@deployment(num_replicas=2, health_check_period_s=1)
async def negative(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    """As large as its input."""
    return -tensor


@deployment(num_replicas=2, health_check_period_s=1)
async def back(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same again."""
    return np.negative(tensor, out=tensor)


with InputNode(tensor=NDArray[np.float32]) as request:
    app = DAGDriver.options(num_replicas=2).bind({"/relays": back.bind(negative.bind(request.tensor))})
