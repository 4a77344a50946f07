"""Arrays of different shapes in tuples that are alike but for that."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import numpy as np
from numpy.typing import NDArray

from meshgen import DAGDriver, InputNode, TensorSpec, deployment

Three: TypeAlias = tuple[Annotated[NDArray[np.float32], TensorSpec(shape=(3,))], int]
Four: TypeAlias = tuple[Annotated[NDArray[np.float32], TensorSpec(shape=(4,))], int]


@deployment
def echo(three: Three, four: Four) -> Four:
    return four


with InputNode(three=Three, four=Four) as request:
    app = DAGDriver.bind(echo.bind(request.three, request.four))
