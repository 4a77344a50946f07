"""Says when nobody takes the traces that a run sends: each process would only write that into a log of its own."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

from meshgen.emit.envoy import Otlp
from meshgen.tracebacks import said

_LOOK_S = 10.0
_LIMIT_S = 3.0


async def watch_collector(otlp: Otlp, tell: Callable[[str], None]) -> None:
    """For ever: look whether the collector can be reached, and tell when it no longer can, and when it can again.

    Args:
        otlp: where the traces go.
        tell: called with what a person should know.
    """
    away = ""
    while True:
        before, away = away, await _unreachable(otlp)
        if away and not before:
            tell(f"no traces are kept: the collector at {otlp.endpoint} cannot be reached ({away})")
        elif before and not away:
            tell(f"the collector at {otlp.endpoint} is there again")
        await asyncio.sleep(_LOOK_S)


async def _unreachable(otlp: Otlp) -> str:
    """Why it cannot be reached; empty when it can."""
    try:
        async with asyncio.timeout(_LIMIT_S):
            _, writer = await asyncio.open_connection(otlp.host, otlp.port)
    except TimeoutError:
        return f"no answer within {_LIMIT_S:g} s"
    except socket.gaierror as error:
        return error.strerror or said(error)
    except OSError as error:
        return os.strerror(error.errno) if error.errno else said(error)
    except ValueError as error:  # a port beyond 65535
        return said(error)
    writer.close()
    return ""
