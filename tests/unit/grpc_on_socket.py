"""A caller of gRPC over HTTP/1.1 on a Unix socket that sends what it is told, and shows all that comes back."""

from __future__ import annotations

import asyncio

import httptools


async def ask(path: str, method: str, message: bytes = b"", **headers: str) -> tuple[dict[str, str], bytes]:
    """Headers and trailers of the answer to one call, with the HTTP status as `:status`, and the message in it."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        lines = [f"POST {method} HTTP/1.1", "host: x", "te: trailers", "content-type: application/grpc"]
        lines += [f"{key.replace('_', '-')}: {value}" for key, value in headers.items()]
        body = b"\0" + len(message).to_bytes(4, "big") + message
        head = "\r\n".join((*lines, f"content-length: {len(body)}", "", "")).encode()
        writer.write(head + body)
        answer = _Answer()
        while not answer.complete:
            data = await reader.read(65536)
            if not data:
                raise ConnectionError("no whole answer")
            answer.parser.feed_data(data)
        return {**answer.headers, ":status": str(answer.parser.get_status_code())}, bytes(answer.body[5:])
    finally:
        writer.close()


class _Answer:
    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True
