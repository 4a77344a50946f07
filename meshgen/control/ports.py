"""Free ports, and a clear error for a busy one."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator
from functools import cache

from meshgen.control.model import MeshError

# Below the range from which the kernel and Ray take ports by themselves, so that none is taken between our look
# and its use; above the usual services.
_FIRST, _LAST = 20000, 29999
_STRIDE = 32
"""More than a run takes."""


def free(host: str, port: int) -> bool:
    """Whether a listener could bind here now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def public_port(host: str, port: int) -> int:
    """The port that Envoy listens on for clients: `port` itself, or any free one for 0; MeshError when it is busy."""
    if port == 0:
        return pick(1)[0]
    try:
        socket.getaddrinfo(host, port)
    except OSError as error:
        raise MeshError(f"cannot listen on {host!r}: {error.strerror or error}") from None
    if not free(host, port):
        raise MeshError(f"port {port} on {host} is in use; stop what listens there, or choose another with --port")
    return port


def pick(count: int, *, besides: int = 0) -> tuple[int, ...]:
    """That many different ports, free on every interface, and other than one that is spoken for."""
    ports: list[int] = []
    while len(ports) < count:
        port = next(_candidates())
        if port not in (*ports, besides) and free("", port):
            ports.append(port)
    return tuple(ports)


@cache
def _candidates() -> Iterator[int]:
    """Ports for this process to try, for ever.

    Processes that start at the same time begin at different ones, so that neither finds free what the other has just
    found free.
    """
    count = _LAST + 1 - _FIRST
    begin = os.getpid() * _STRIDE
    return itertools.cycle([_FIRST + (begin + number) % count for number in range(count)])
