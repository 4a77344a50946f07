"""Names that are taken in the module of a client: its own `_SERVICE`, keywords, and what it imports."""

from __future__ import annotations

import enum
import uuid
from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


class None_(enum.Enum):
    NO = 1


@dataclass
class True_:
    none: None_ = None_.NO


@dataclass
class UUID:
    own: uuid.UUID
    yes: True_


@deployment
def echo(x: UUID) -> UUID:
    return x


with InputNode(x=UUID) as request:
    app = DAGDriver.bind({path: echo.bind(request.x) for path in ("/service", "/uuid", "/Rpc", "/predict")})
