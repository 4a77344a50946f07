"""The status code of a GET on this machine; all the HTTP that waiting for readiness takes."""

from __future__ import annotations

import asyncio


async def status(host: str, port: int, path: str, *, timeout_s: float = 2.0) -> int | None:
    """The answer's status code; None when there was no answer in time."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _status(host, port, path)
    except (OSError, TimeoutError, ValueError, IndexError):
        return None


async def _status(host: str, port: int, path: str) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        line = await reader.readline()
        return int(line.split()[1])
    finally:
        writer.close()
