"""How long until the code of a node hears that its client has gone: `python -m benchmarks.cancel HOST:PORT`.

Wants a mesh of its own: `meshgen run tests/mesh/graphs/probe.py`. The node is two hops away: a driver calls a node,
which calls it by a handle. 20 ms is what it may take.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

CALLS = 50
_RPC = "/probe.v1.ProbeService/Asking"
_TEXT = b"\x0a"
"""The tag of the one field of its request."""
_LATEST_S = 5.0
_LOOK_S = 0.0005


def cancelled(address: str, calls: int = CALLS) -> list[float]:
    """Milliseconds from the client's cancelling a call until the node's code hears of it, for some calls; sorted."""
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(address, options=options) as channel, tempfile.TemporaryDirectory() as folder:
        return sorted(_one(channel.unary_unary(_RPC, None, None), Path(folder) / str(i)) for i in range(calls))


def _one(rpc: Any, path: Path) -> float:
    path.touch()
    text = str(path).encode()
    call = rpc.future(_TEXT + bytes([len(text)]) + text, timeout=30)
    _until(lambda: not path.exists())  # the node has begun
    begin = time.monotonic()
    call.cancel()
    _until(lambda: path.exists() and path.stat().st_size > 0)
    return (float(path.read_text()) - begin) * 1e3


def _until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + _LATEST_S
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"nothing has happened within {_LATEST_S:.0f} s")
        time.sleep(_LOOK_S)


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="of the front, HOST:PORT")
    address = parser.parse_args().address
    cancelled(address, 5)
    took = cancelled(address)
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    print(f"{len(took)} calls: p50 {p50:.1f} ms, p99 {p99:.1f} ms, at most {took[-1]:.1f} ms")


if __name__ == "__main__":
    main()
