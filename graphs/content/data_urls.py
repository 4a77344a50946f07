"""Pictures that a request brings with it: `data:image/png;base64,…`. Nothing is fetched for them."""

from __future__ import annotations

import base64
import binascii

from meshgen import InvalidArgument

SCHEME = "data:"
CIRCLE = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQMAAACQp+OdAAAABlBMVEXm5tzIKChZOLSmAAAAeElEQVR42sXQsQ2DUBRD0YNBCl0YgWxCNsqIfxRGoKRA"
    "kAIloaBKgyvr+tnF42rdZwSv2w6qbSuE0BMaOkJLS+hoDgdhoKKmoCr5zEcFgwP5mkB/Gv1nVhhPow3Kj9QYeAqFjTCyEiYWwsxMWJgIK+NeNzwOP7xE"
    "b5q2F+9MM1J5AAAAAElFTkSuQmCC"
)
"""A red circle, for who has no picture at hand."""


def read(url: str) -> bytes:
    """What a URL of this scheme holds, in base64.

    Raises:
        InvalidArgument: it is none.
    """
    head, comma, data = url.partition(",")
    if not comma or not head.endswith(";base64"):
        raise InvalidArgument("a data URL must be `data:image/png;base64,` and the file in base64")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):  # a ValueError for what is not ASCII
        raise InvalidArgument("a data URL holds bad base64") from None
