"""A number of numpy would arrive as one of Python."""

from __future__ import annotations

import numpy as np

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: np.float32) -> np.float32:
    return x


with InputNode(x=np.float32) as request:
    app = DAGDriver.bind(echo.bind(request.x))
