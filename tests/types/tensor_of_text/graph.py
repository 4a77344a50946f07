"""A dtype that has no place on the wire."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: NDArray[np.str_]) -> NDArray[np.str_]:
    return x


with InputNode(x=NDArray[np.str_]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
