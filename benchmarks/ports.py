"""Free ports on the loopback."""

from __future__ import annotations

import random
import socket

# Below those that the kernel and Ray hand out by themselves.
_FIRST, _LAST = 10_000, 19_999


def pick(count: int) -> tuple[int, ...]:
    """That many different free ports."""
    ports: list[int] = []
    while len(ports) < count:
        port = random.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return tuple(ports)
