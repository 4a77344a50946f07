"""dtype and shape, as far as the annotation says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from meshgen import DAGDriver, InputNode, TensorSpec, deployment


@dataclass
class Tensors:
    any: np.ndarray
    typed: NDArray[np.float32]
    shaped: np.ndarray[tuple[Literal[3], int], np.dtype[np.uint8]]
    torch: torch.Tensor
    batch: Annotated[torch.Tensor, TensorSpec(dtype="bfloat16", shape=(None, 3, 224, 224))]
    images: list[Image.Image]


@deployment
def echo(x: Tensors) -> Tensors:
    return x


with InputNode(x=Tensors) as request:
    app = DAGDriver.bind(echo.bind(request.x))
