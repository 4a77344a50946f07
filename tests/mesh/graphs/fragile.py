"""A node that a native library takes down on one input, with calls that may run twice and with calls that may not."""

from __future__ import annotations

import ctypes
import os

from meshgen import DAGDriver, InputNode, deployment


@deployment(num_replicas=3)
class Fragile:
    """Dies of one text."""

    def where(self, text: str) -> int:
        """The process that answers."""
        if text == "crash":
            ctypes.string_at(0)
        return os.getpid()


Once = Fragile.options(name="once", num_replicas=2, idempotent=False)


with InputNode(text=str) as request:
    app = DAGDriver.bind(
        {
            "/fragile": Fragile.bind().where.bind(request.text),
            "/once": Once.bind().where.bind(request.text),
        }
    )
